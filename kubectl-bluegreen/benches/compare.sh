#!/usr/bin/env bash
# Whole processes side by side, warmed up and in turn: kubectl bluegreen against what one would type instead.
# Needs a throw-away cluster (KUBECONFIG), kubectl, GNU time and images that its nodes have: IMAGE=registry.local/bgapp:1 by default.
# OTHERS=1000 first makes so many other sets of 0 replicas, in namespaces of 200, to see that they cost nothing. All is deleted.
set -euo pipefail
cd "$(dirname "$0")/../.."

runs=${RUNS:-31} image=${IMAGE:-registry.local/bgapp:1} others=${OTHERS:-0} spaces=()
ours=${PROGRAM:-target/release/kubectl-bluegreen}
[ -n "${PROGRAM:-}" ] || cargo build --quiet --release -p kubectl-bluegreen
space=bg-bench-$$
scratch=$(mktemp -d)
trap 'kubectl delete namespace "$space" "${spaces[@]}" --wait=false > /dev/null; rm -r "$scratch"' EXIT

set_of() { # NAME REPLICAS: five resources
  for color in blue green; do cat <<YAML
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: $1-$color}
spec:
  replicas: $2
  selector: {matchLabels: {app: $1, color: $color}}
  template:
    metadata: {labels: {app: $1, color: $color}}
    spec:
      containers:
      - name: app
        image: $image
        imagePullPolicy: IfNotPresent
        ports: [{name: http, containerPort: 8080}]
        readinessProbe: {httpGet: {path: /healthz, port: http}, periodSeconds: 1}
YAML
  done
  for service in "$1 blue" "$1-blue blue" "$1-green green"; do
    printf -- '---\napiVersion: v1\nkind: Service\nmetadata: {name: %s}\nspec: {selector: {app: %s, color: %s}, ports: [{port: 80, targetPort: http}]}\n' \
      "${service% *}" "$1" "${service#* }"
  done
}

kubectl create namespace "$space" > /dev/null
set_of shop 1 | kubectl -n "$space" apply -f - > /dev/null
for color in blue green; do kubectl -n "$space" rollout status "deployment/shop-$color" --timeout 5m > /dev/null; done

once() { # COMMAND…: milliseconds
  local start=$EPOCHREALTIME
  "$@" > /dev/null 2> "$scratch/err" || { cat "$scratch/err" >&2; exit 1; }
  echo "$start $EPOCHREALTIME" | awk '{ printf "%.2f\n", ($2 - $1) * 1000 }'
}
median() { sort -n "$1" | awk '{ at[NR] = $1 } END { printf "%8.1f ms", at[int((NR + 1) / 2)] }'; }

versus() { # TITLE, the function that runs ours, the function that runs the other: three warm-ups, then in turn
  for _ in 1 2 3; do "$2"; "$3"; done > /dev/null
  : > "$scratch/ours"; : > "$scratch/other"
  for _ in $(seq "$runs"); do "$2" >> "$scratch/ours"; "$3" >> "$scratch/other"; done
  printf '%-44s ours %s   kubectl %s\n' "$1" "$(median "$scratch/ours")" "$(median "$scratch/other")"
}

status() { once "$ours" -n "$space" status; }
get() { once kubectl -n "$space" get deploy,svc,endpointslices; }
# To the other color each time: what is there already would be nothing to do.
next=green
turn() { if [ "$next" = green ]; then next=blue; else next=green; fi; }
switch() { once "$ours" -n "$space" switch "$next" --yes --settle 0s -q; turn; }
patch() { once kubectl -n "$space" patch service shop --type merge -p "{\"spec\":{\"selector\":{\"color\":\"$next\"}}}"; turn; }
crowded() { once "$ours" -n "${spaces[0]}" status --app other-1; }
get_crowded() { once kubectl -n "${spaces[0]}" get deploy,svc,endpointslices; }
one_list() { once kubectl get --raw "/apis/apps/v1/namespaces/${spaces[0]}/deployments"; }

versus 'status / get deploy,svc,endpointslices' status get
versus 'switch, checks and lock and journal / patch' switch patch
command time -f '%M' -o "$scratch/memory" "$ours" -n "$space" status > /dev/null
awk '{ printf "peak memory of status: %.1f MB\n", $1 / 1024 }' "$scratch/memory"

[ "$others" -gt 0 ] || exit 0
for first in $(seq 1 200 "$others"); do
  crowd=$space-$first; spaces+=("$crowd")
  kubectl create namespace "$crowd" > /dev/null
  last=$((first + 199 < others ? first + 199 : others))
  for number in $(seq "$first" "$last"); do set_of "other-$number" 0; done | kubectl -n "$crowd" apply --server-side -f - > /dev/null
done
# Until the controllers have made what belongs to them, some minutes: a server that has much to write lets every list wait.
revision() { kubectl get --raw '/api/v1/namespaces?limit=1' | sed 's/.*"metadata":{"resourceVersion":"\([0-9]*\)".*/\1/; q'; }
for _ in $(seq 90); do
  before=$(revision); sleep 10; written=$(($(revision) - before))
  [ "$written" -gt 30 ] || { quiet=1; break; }
  echo "waiting for the controllers: $written writes in 10 s" >&2
done
echo "with $others other sets in the cluster${quiet:+, whose controllers are through}:"
versus 'status / get deploy,svc,endpointslices' status get
versus 'the same, in a namespace of 200 sets' crowded get_crowded
versus 'there / get --raw of its Deployments only' crowded one_list
