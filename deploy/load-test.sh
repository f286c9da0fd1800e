#!/usr/bin/env bash
# Loads a Service from within the cluster and shows what its autoscaler does about it. See deploy/load-test.sh --help.
# Written for bash 3.2, which macOS has.
set -euo pipefail

usage() {
  cat <<'EOF'
deploy/load-test.sh [COMMAND] [OPTIONS]

Sends HTTP requests to a Service from a pod in the cluster and prints every 10 seconds what the autoscaler wants and has. The
pod is all that it makes, and it is removed at the end, on Ctrl-C, and by the cluster itself a minute after its time.

Commands:
  run      status, load, watch, what became of the requests, clean (the default)
  status   show the autoscaler
  load     start the pod that sends requests, and leave it running
  watch    print the table
  clean    remove the pod

Options:
  --context NAME         kubectl's context (default: the current one)
  -n, --namespace NAME   namespace of the autoscaler and of the pod (default: spillway)
  --hpa NAME             autoscaler to look at (default: worker)
  --url URL              where the requests go (default: http://worker/demo)
  --rate N               requests per second (default: 50)
  --duration TIME        how long, such as 300, 90s or 5m (default: 5m)
  --interval TIME        time between two rows of the table (default: 10s)
  --image IMAGE          image of spillway for the pod (default: spillway/spillway)

Exit codes: 0 done; 1 something went wrong; 2 wrong options; 130 interrupted.
EOF
}

readonly pod=load-test
command= context= namespace=spillway hpa=worker url=http://worker/demo rate=50 duration=5m interval=10s image=spillway/spillway
faults= # One line each; all are told at once.
made= # Whether this run has made the pod.
sleeper= # The process that pause waits for.

fault() { faults="${faults}load-test.sh: $1"$'\n'; }

# seconds TIME: prints 300, 90s or 5m as a number of seconds; fails if it is none, or 0.
seconds() {
  local pattern='^([0-9]{1,6})([ms]?)$' factor=1
  [[ $1 =~ $pattern ]] || return 1
  [[ ${BASH_REMATCH[2]} != m ]] || factor=60
  ((10#${BASH_REMATCH[1]} > 0)) || return 1
  printf '%d' $((10#${BASH_REMATCH[1]} * factor))
}

# pause SECONDS: sleeps in the background, so that a signal is heard at once.
pause() {
  sleep "$1" >/dev/null 2>&1 &
  sleeper=$!
  wait "$sleeper" || true
  sleeper=
}

parse() {
  while (($#)); do
    local option=$1 value=
    shift
    case $option in
      -h | --help) usage; exit 0 ;;
      -n=*) value=${option#*=}; option=--namespace ;;
      --*=*) value=${option#*=}; option=${option%%=*} ;;
      -*)
        case $option in --context | -n | --namespace | --hpa | --url | --rate | --duration | --interval | --image) ;; *) fault "$option: there is no such option; see --help"; continue ;; esac
        if ((!$#)); then fault "$option: needs a value; see --help"; continue; fi
        value=$1
        shift
        ;;
      run | status | load | watch | clean)
        [[ -z $command ]] || fault "$option: a second command after $command; give one"
        command=$option
        continue
        ;;
      *) fault "$option: is not a command; give run, status, load, watch or clean"; continue ;;
    esac
    case $option in
      --context) context=$value; [[ -n $value ]] || fault '--context: is empty; give one of kubectl config get-contexts, or leave it out for the current one' ;;
      -n | --namespace) namespace=$value ;;
      --hpa) hpa=$value ;;
      --url) url=$value ;;
      --rate) rate=$value ;;
      --duration) duration=$value ;;
      --interval) interval=$value ;;
      --image) image=$value ;;
      *) fault "$option: there is no such option; see --help" ;;
    esac
  done
  command=${command:-run}
}

validate() {
  local name
  # What ends up in YAML and in kubectl's arguments has no room for anything else.
  for name in namespace hpa; do
    case ${!name} in '' | -* | *[!a-z0-9.-]*) fault "--$name \"${!name}\": is not a name; give one as kubectl shows it" ;; esac
  done
  case $image in '' | -* | *[!a-zA-Z0-9./:@_-]*) fault "--image \"$image\": is not the name of an image" ;; esac
  case $url in
    http://?* | https://?*) case $url in *[\"\\[:space:]]*) fault "--url \"$url\": holds a quote, a backslash or a space; encode it" ;; esac ;;
    *) fault "--url \"$url\": is not an http or https URL; give one such as http://worker/demo" ;;
  esac
  case $rate in *[!0-9.]* | *.*.*) fault "--rate \"$rate\": is not a number of requests per second" ;; *[1-9]*) ;; *) fault "--rate \"$rate\": is not a number of requests per second" ;; esac
  for name in duration interval; do
    seconds "${!name}" >/dev/null || fault "--$name \"${!name}\": is not a time; give one such as 300, 90s or 5m"
  done
  command -v kubectl >/dev/null || fault 'kubectl is not installed; see https://kubernetes.io/docs/tasks/tools/'
  if [[ -n $faults ]]; then
    printf '%s' "$faults" >&2
    exit 2
  fi
}

kube() { kubectl ${context:+--context "$context"} --namespace "$namespace" "$@"; }

status() { kube get hpa "$hpa"; }

load() {
  echo 'Creating load test Pod...'
  made=1
  kube create -f - <<EOF || { made= && echo 'load-test.sh: if another load test has left its pod, remove it: load-test.sh clean' >&2 && return 1; }
apiVersion: v1
kind: Pod
metadata:
  name: $pod
  labels:
    app.kubernetes.io/name: $pod
    app.kubernetes.io/part-of: spillway
spec:
  restartPolicy: Never
  automountServiceAccountToken: false
  activeDeadlineSeconds: $(($(seconds "$duration") + 60)) # Even if nobody is left to remove it.
  terminationGracePeriodSeconds: 15
  securityContext:
    runAsNonRoot: true
    runAsUser: 65532
    seccompProfile:
      type: RuntimeDefault
  containers:
  - name: $pod
    image: "$image"
    args: [load, http, "$url", --rate=$rate, --duration=$(seconds "$duration")s]
    resources:
      requests:
        cpu: 100m
        memory: 64Mi
      limits:
        memory: 256Mi
    securityContext:
      allowPrivilegeEscalation: false
      readOnlyRootFilesystem: true
      capabilities:
        drop: [ALL]
EOF
}

await() {
  echo 'Waiting for load test Pod to start...'
  kube wait --for=condition=Ready "pod/$pod" --timeout=120s && return
  echo "load-test.sh: the pod does not run; its last words and events:" >&2
  kube logs "$pod" --tail=5 >&2 || true
  kube get events --field-selector="involvedObject.name=$pod" >&2 || true
  return 1
}

# number QUANTITY...: prints Kubernetes' quantities with two decimals; a dash for none.
number() {
  awk 'BEGIN {
    split("n u m k M G T P E Ki Mi Gi Ti Pi Ei", names, " ")
    split("1e-9 1e-6 1e-3 1e3 1e6 1e9 1e12 1e15 1e18 1024 1048576 1073741824 1099511627776 1125899906842624 1152921504606846976", factors, " ")
    for (i in names) factor[names[i]] = factors[i]
    for (i = 1; i < ARGC; i++) {
      unit = ARGV[i]; sub(/^[0-9.]+/, "", unit)
      text = text (i > 1 ? ", " : "") sprintf("%.2f", (ARGV[i] + 0) * (unit in factor ? factor[unit] : 1))
    }
    print (text == "" ? "-" : text)
  }' "$@"
}

# row: one line of the table. What the autoscaler has not said yet is a dash, never 0.
row() {
  local template='{.status.desiredReplicas}|{.status.currentReplicas}|{range .status.currentMetrics[*]}{.pods.current.averageValue}{.external.current.averageValue}{.external.current.value}{.object.current.averageValue}{.object.current.value}{.resource.current.averageUtilization}{" "}{end}|{range .status.conditions[?(@.type=="ScalingActive")]}{.status} {.reason}{end}'
  local answer desired current metrics active verdict='⏸️ Stable'
  if ! answer=$(kube get hpa "$hpa" --output="jsonpath=$template" 2>&1); then
    printf '%s | %-16s | %-16s | %-14s | %s\n' "$(date +%H:%M:%S)" - - - "❔ $(head -n 1 <<<"$answer")"
    return
  fi
  IFS='|' read -r desired current metrics active <<<"$answer"
  if [[ $active == False* ]]; then
    verdict="⚠️ No metric: ${active#False }"
  elif [[ -z $desired || -z $current ]]; then
    verdict='❔ Not known yet'
  elif ((desired > current)); then
    verdict='⬆️ Scaling Up'
  elif ((desired < current)); then
    verdict='⬇️ Scaling Down'
  fi
  # shellcheck disable=SC2086 # Each metric is an argument.
  printf '%s | %-16s | %-16s | %-14s | %s\n' "$(date +%H:%M:%S)" "${desired:--}" "${current:--}" "$(number $metrics)" "$verdict"
}

watch() {
  local step rows
  step=$(seconds "$interval")
  rows=$((($(seconds "$duration") + step - 1) / step))
  echo "Monitoring HPA changes ($duration)..."
  printf '%-8s | %-16s | %-16s | %-14s | %s\n' Timestamp 'Desired Replicas' 'Current Replicas' 'Current Metric' Status
  echo '-----------------------------------------------------------------------'
  while ((rows-- > 0)); do
    row
    pause "$step"
  done
}

# results: what the pod prints at its end. A load with failed requests ends with Failed, which is a result too.
results() {
  local phase=
  echo 'What became of the requests:'
  for _ in 1 2 3 4 5 6; do
    phase=$(kube get pod "$pod" --output='jsonpath={.status.phase}' || true)
    [[ $phase == Running || $phase == Pending ]] || break
    pause 5
  done
  kube logs "$pod" --tail=9 || true
}

clean() {
  echo 'Cleaning up load test Pod...'
  kube delete pod "$pod" --ignore-not-found --wait=false
  made=
}

leave() {
  local code=$?
  trap - EXIT INT TERM HUP
  [[ -z $sleeper ]] || kill "$sleeper" 2>/dev/null || true
  if [[ -n $made ]]; then
    echo
    clean || code=1
  fi
  exit "$code"
}

run() {
  trap leave EXIT
  trap 'exit 130' INT TERM HUP
  printf '=== Load Test ===\n\n1. Current Status:\n'
  status
  printf '\n2. '
  load
  printf '3. '
  await
  printf '4. '
  watch
  printf '\n5. '
  results
  printf '\n6. '
  clean
  printf '\nFinal Status:\n'
  status
}

parse "$@"
validate
case $command in
  watch)
    trap leave EXIT
    trap 'exit 130' INT TERM HUP
    watch
    ;;
  *) "$command" ;;
esac
