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
set -euo pipefail

: "${PROJECT:?give the project ID: PROJECT=shop SUBSCRIPTION=offers $0}"
: "${SUBSCRIPTION:?give the ID of the subscription: PROJECT=$PROJECT SUBSCRIPTION=offers $0}"
topic=${TOPIC:-$SUBSCRIPTION}
dead=${DEAD_LETTERS:-$SUBSCRIPTION-dead}
worker_id=${WORKER:-spillway-worker}
exporter_id=${EXPORTER:-spillway-exporter}
namespace=${NAMESPACE-spillway}
worker=$worker_id@$PROJECT.iam.gserviceaccount.com
exporter=$exporter_id@$PROJECT.iam.gserviceaccount.com

run() {
  printf 'gcloud'; printf ' %q' "$@" "--project=$PROJECT"; printf '\n'
  [[ ${DRY_RUN:-} == 1 ]] || gcloud "$@" --project="$PROJECT" --quiet >/dev/null
}

# make KIND NAME ARGUMENTS... runs "KIND create NAME" unless it is there.
make() {
  local name=$2 kind
  read -ra kind <<<"$1"
  shift 2
  if [[ ${DRY_RUN:-} != 1 ]] && gcloud "${kind[@]}" describe "$name" --project="$PROJECT" >/dev/null 2>&1; then
    echo "# ${kind[*]} $name is there"
    return
  fi
  run "${kind[@]}" create "${name%%@*}" "$@"
}

run services enable pubsub.googleapis.com monitoring.googleapis.com iam.googleapis.com
number='PROJECT_NUMBER'
[[ ${DRY_RUN:-} == 1 ]] || number=$(gcloud projects describe "$PROJECT" --format='value(projectNumber)')

make "pubsub topics" "$topic"
make "pubsub topics" "$dead"
make "pubsub subscriptions" "$dead" --topic="$dead" --message-retention-duration=31d --expiration-period=never
make "pubsub subscriptions" "$SUBSCRIPTION" --topic="$topic" --ack-deadline=60 --expiration-period=never \
  --min-retry-delay=10s --max-retry-delay=600s --dead-letter-topic="$dead" --max-delivery-attempts=10

make "iam service-accounts" "$worker" --display-name="Spillway worker"
[[ $exporter == "$worker" ]] || make "iam service-accounts" "$exporter" --display-name="Spillway backlog-exporter"

# The worker receives, and publishes what its target marks as dead (--dead-letter-topic).
run pubsub subscriptions add-iam-policy-binding "$SUBSCRIPTION" --role=roles/pubsub.subscriber --member="serviceAccount:$worker"
run pubsub topics add-iam-policy-binding "$dead" --role=roles/pubsub.publisher --member="serviceAccount:$worker"

# The exporter reads Cloud Monitoring, and the list of subscriptions, to tell idle from missing.
run projects add-iam-policy-binding "$PROJECT" --role=roles/monitoring.viewer --member="serviceAccount:$exporter" --condition=None
run projects add-iam-policy-binding "$PROJECT" --role=roles/pubsub.viewer --member="serviceAccount:$exporter" --condition=None

# Pub/Sub itself moves what was delivered in vain.
pubsub=service-$number@gcp-sa-pubsub.iam.gserviceaccount.com
run pubsub topics add-iam-policy-binding "$dead" --role=roles/pubsub.publisher --member="serviceAccount:$pubsub"
run pubsub subscriptions add-iam-policy-binding "$SUBSCRIPTION" --role=roles/pubsub.subscriber --member="serviceAccount:$pubsub"

# Workload Identity: who the pods are.
if [[ -n $namespace ]]; then
  run iam service-accounts add-iam-policy-binding "$worker" --role=roles/iam.workloadIdentityUser \
    --member="serviceAccount:$PROJECT.svc.id.goog[$namespace/worker]"
  run iam service-accounts add-iam-policy-binding "$exporter" --role=roles/iam.workloadIdentityUser \
    --member="serviceAccount:$PROJECT.svc.id.goog[$namespace/backlog-exporter]"
fi
