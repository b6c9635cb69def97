#!/usr/bin/env bash
# Whole processes side by side: bluegreen-lint, kubeconform and kube-score on one release set, and on 2,000 of them.
# With --all kube-score gets the many, too, which takes minutes. Needs cargo, go and GNU time; installs the peers into target/peers. Schemas for kubeconform are made from schemas/ and stay local.
set -euo pipefail
cd "$(dirname "$0")/../.."

out=target/compare
mkdir -p "$out/one" "$out/many" "$out/schemas" target/peers
[ -n "${PREBUILT:-}" ] || cargo build --quiet --release -p bluegreen-lint
export GOBIN=$PWD/target/peers
[ -x "$GOBIN/kubeconform" ] || go install github.com/yannh/kubeconform/cmd/kubeconform@v0.8.0
[ -x "$GOBIN/kube-score" ] || go install github.com/zegl/kube-score/cmd/kube-score@v1.20.0

# 200 files of ten sets each: 10,000 objects, about 8 MB. The variables make an object as long as real ones are.
set_of() { # NAME
  awk -v name="$1" '
    /readinessProbe:/ { print "        env:"; for (i = 0; i < 18; i++) printf "        - name: SETTING_%d\n          value: some-value-%d\n", i, i }
    { gsub(/shop/, name); print }' testdata/lint/sets/good-a.yaml
}
if [ ! -e "$out/many/file-199.yaml" ]; then
  set_of shop > "$out/one/set.yaml"
  for file in $(seq 0 199); do
    for nth in $(seq 0 9); do echo ---; set_of "shop$((file * 10 + nth))"; done > "$out/many/file-$file.yaml"
  done
fi

# What kubeconform is given is smaller than the published schemas, which favours it.
cat > "$out/schemas/deployment-apps-v1.json" <<'JSON'
{"type": "object", "required": ["apiVersion", "kind", "metadata", "spec"], "properties": {"spec": {"type": "object", "required": ["selector", "template"]}}}
JSON
cat > "$out/schemas/service-v1.json" <<'JSON'
{"type": "object", "required": ["apiVersion", "kind", "metadata", "spec"], "properties": {"spec": {"type": "object"}}}
JSON
schemas="$out/schemas/{{ .ResourceKind }}{{ .KindSuffix }}.json"

best() { # RUNS COMMAND…: the shortest wall time with its cpu time, and the largest memory
  local runs=$1; shift
  for _ in $(seq "$runs"); do
    local start=$EPOCHREALTIME
    command time -f '%U %S %M' -o "$out/time" "$@" > /dev/null 2>&1 || true
    echo "$start $EPOCHREALTIME $(tail -n 1 "$out/time")"
  done | awk '{ took = $2 - $1; if (NR == 1 || took < wall) { wall = took; cpu = $3 + $4 } if ($5 > mem) mem = $5 }
    END { printf "%7.3f s wall  %7.3f s cpu  %6.1f MB\n", wall, cpu, mem / 1024 }'
}

for input in one many; do
  echo "== $input: $(cat "$out/$input"/*.yaml | grep -c ^kind:) objects, $(cat "$out/$input"/*.yaml | wc -c) bytes"
  printf 'bluegreen-lint  '; best 7 target/release/bluegreen-lint "$out/$input"
  printf 'kubeconform     '; best 7 target/peers/kubeconform -schema-location "$schemas" "$out/$input"
  runs=7
  if [ "$input" = many ]; then [ "${1:-}" = --all ] || continue; runs=1; fi
  printf 'kube-score      '; best $runs target/peers/kube-score score "$out/$input"/*.yaml
done
