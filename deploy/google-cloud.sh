#!/usr/bin/env bash
# Makes in Google Cloud what one flow needs: topic, subscription with a dead-letter topic, a service account each for worker and exporter,
# and the roles they need, no others. It can be run again: what is there stays as it is. (A new service account takes some seconds to be
# known everywhere: run it again if a role cannot be given to it.)
#
#   PROJECT=shop SUBSCRIPTION=offers deploy/google-cloud.sh
#
#   PROJECT        required
#   SUBSCRIPTION   required
#   TOPIC          the topic of the subscription; SUBSCRIPTION unless given
#   DEAD_LETTERS   topic and subscription for what was delivered in vain; SUBSCRIPTION-dead unless given
#   WORKER         account ID of the worker; spillway-worker unless given
#   EXPORTER       account ID of the exporter; spillway-exporter unless given. The same as WORKER for the overlay generic, whose pods share
#                  one Secret, and with components/exporter-sidecar
#   NAMESPACE      the namespace of deploy/namespace, for GKE's Workload Identity; empty for clusters elsewhere; spillway unless given
#   DRY_RUN        1: say what would be run, run nothing
#
# Exit codes: 0 done; 1 something went wrong; 2 wrong variables, all told at once.
set -euo pipefail

faults= # One line each; all are told at once.
fault() { faults="${faults}google-cloud.sh: $1"$'\n'; }

# check NAME VALUE PATTERN CURE
check() { [[ $2 =~ $3 ]] || fault "$1 \"$2\": $4"; }

for argument in "$@"; do
  case $argument in
    -h | --help) sed -n '2,/^set /s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) fault "\"$argument\": it takes no arguments; give PROJECT=shop SUBSCRIPTION=offers before $0" ;;
  esac
done

project=${PROJECT:-}
subscription=${SUBSCRIPTION:-}
topic=${TOPIC:-$subscription}
dead=${DEAD_LETTERS:-$subscription-dead}
worker_id=${WORKER:-spillway-worker}
exporter_id=${EXPORTER:-spillway-exporter}
namespace=${NAMESPACE-spillway}
worker=$worker_id@$project.iam.gserviceaccount.com
exporter=$exporter_id@$project.iam.gserviceaccount.com

readonly id='^[A-Za-z][A-Za-z0-9._~+%-]{2,254}$' account='^[a-z][a-z0-9-]{4,28}[a-z0-9]$'
readonly an_id='is no ID of Pub/Sub: 3 to 255 letters, digits or -._~+%, a letter first' an_account='is no account ID: 6 to 30 small letters, digits or hyphens, a letter first'
if [[ -n $project ]]; then check PROJECT "$project" '^([a-z0-9.-]+:)?[a-z][a-z0-9-]*$' 'is no project ID: small letters, digits and hyphens'; else
  fault "PROJECT: is required; give the project ID: PROJECT=shop SUBSCRIPTION=offers $0"
fi
if [[ -n $subscription ]]; then
  check SUBSCRIPTION "$subscription" "$id" "$an_id"
  [[ -z ${TOPIC:-} ]] || check TOPIC "$topic" "$id" "$an_id"
  [[ -z ${DEAD_LETTERS:-} ]] || check DEAD_LETTERS "$dead" "$id" "$an_id"
  [[ $dead != "$topic" && $dead != "$subscription" ]] || fault "DEAD_LETTERS \"$dead\": dead letters would come back for ever; give a name of their own"
else
  fault "SUBSCRIPTION: is required; give the ID of the subscription: PROJECT=shop SUBSCRIPTION=offers $0"
fi
check WORKER "$worker_id" "$account" "$an_account"
check EXPORTER "$exporter_id" "$account" "$an_account"
check NAMESPACE "$namespace" '^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)?$' 'is no namespace; give one as kubectl get namespaces shows them, or nothing for clusters elsewhere'
check DRY_RUN "${DRY_RUN:-}" '^[01]?$' 'is neither 1 nor 0'
if [[ -n $faults ]]; then
  printf '%s' "$faults" >&2
  exit 2
fi
if [[ ${DRY_RUN:-} != 1 ]] && ! command -v gcloud >/dev/null; then
  echo "google-cloud.sh: there is no gcloud; install the Google Cloud CLI and run gcloud auth login, or give DRY_RUN=1" >&2
  exit 1
fi

run() {
  printf 'gcloud'; printf ' %q' "$@" "--project=$project"; printf '\n'
  [[ ${DRY_RUN:-} == 1 ]] || gcloud "$@" --project="$project" --quiet >/dev/null
}

# make KIND NAME ARGUMENTS... runs "KIND create NAME" unless it is there.
make() {
  local name=$2 kind
  read -ra kind <<<"$1"
  shift 2
  if [[ ${DRY_RUN:-} != 1 ]] && gcloud "${kind[@]}" describe "$name" --project="$project" >/dev/null 2>&1; then
    echo "# ${kind[*]} $name is there"
    return
  fi
  run "${kind[@]}" create "${name%%@*}" "$@"
}

run services enable pubsub.googleapis.com monitoring.googleapis.com iam.googleapis.com
number='PROJECT_NUMBER'
[[ ${DRY_RUN:-} == 1 ]] || number=$(gcloud projects describe "$project" --format='value(projectNumber)')

make "pubsub topics" "$topic"
make "pubsub topics" "$dead"
make "pubsub subscriptions" "$dead" --topic="$dead" --message-retention-duration=31d --expiration-period=never
make "pubsub subscriptions" "$subscription" --topic="$topic" --ack-deadline=60 --expiration-period=never \
  --min-retry-delay=10s --max-retry-delay=600s --dead-letter-topic="$dead" --max-delivery-attempts=10

make "iam service-accounts" "$worker" --display-name="Spillway worker"
[[ $exporter == "$worker" ]] || make "iam service-accounts" "$exporter" --display-name="Spillway backlog-exporter"

# The worker receives, and publishes what its target marks as dead (--dead-letter-topic).
run pubsub subscriptions add-iam-policy-binding "$subscription" --role=roles/pubsub.subscriber --member="serviceAccount:$worker"
run pubsub topics add-iam-policy-binding "$dead" --role=roles/pubsub.publisher --member="serviceAccount:$worker"

# The exporter reads Cloud Monitoring, and the list of subscriptions, to tell idle from missing.
run projects add-iam-policy-binding "$project" --role=roles/monitoring.viewer --member="serviceAccount:$exporter" --condition=None
run projects add-iam-policy-binding "$project" --role=roles/pubsub.viewer --member="serviceAccount:$exporter" --condition=None

# Pub/Sub itself moves what was delivered in vain.
pubsub=service-$number@gcp-sa-pubsub.iam.gserviceaccount.com
run pubsub topics add-iam-policy-binding "$dead" --role=roles/pubsub.publisher --member="serviceAccount:$pubsub"
run pubsub subscriptions add-iam-policy-binding "$subscription" --role=roles/pubsub.subscriber --member="serviceAccount:$pubsub"

# Workload Identity: who the pods are.
if [[ -n $namespace ]]; then
  run iam service-accounts add-iam-policy-binding "$worker" --role=roles/iam.workloadIdentityUser \
    --member="serviceAccount:$project.svc.id.goog[$namespace/worker]"
  run iam service-accounts add-iam-policy-binding "$exporter" --role=roles/iam.workloadIdentityUser \
    --member="serviceAccount:$project.svc.id.goog[$namespace/backlog-exporter]"
fi
