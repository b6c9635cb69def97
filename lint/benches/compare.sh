#!/usr/bin/env bash
# Whole processes side by side: bluegreen-lint, kubeconform and kube-score on one release set, and on 2,000 of them; then
# bluegreen-lint's memory on more and more files. With --all kube-score gets the many, too, which takes minutes. Needs cargo,
# go, jq and GNU time; installs the peers into target/peers. PREBUILT=1 takes the release build that is there.
set -euo pipefail
cd "$(dirname "$0")/../.."

out=target/compare
mkdir -p "$out/one" "$out/schemas" target/peers
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
many() { # DIRECTORY FIRST LAST: files of ten sets
  mkdir -p "$1"
  for file in $(seq "$2" "$3"); do
    [ -e "$1/file-$file.yaml" ] || for nth in $(seq 0 9); do echo ---; set_of "shop$((file * 10 + nth))"; done > "$1/file-$file.yaml"
  done
}
set_of shop > "$out/one/set.yaml"
many "$out/many" 0 199

# The strict schemas of the newest Kubernetes that is known here, each kind's in a file of its own, as kubeconform's own
# schemas are. From the one file for all kinds it would have to choose for every object, which takes it longer.
all=$(printf '%s\n' schemas/kubernetes/v1.*.json | sort -V | tail -n 1)
schema_of() { # APIVERSION KIND FILE
  jq -c --arg version "$1" --arg kind "$2" '
    (.allOf[] | select(.if.properties.apiVersion.const == $version and .if.properties.kind.const == $kind) | .then) as $it
    | {"$schema", allOf: [$it], definitions}' "$all" > "$out/schemas/$3"
}
schema_of apps/v1 Deployment deployment-apps-v1.json
schema_of v1 Service service-v1.json
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

# What grows with what: twice and four times as many files.
for files in 400 800; do
  mkdir -p "$out/$files"
  cp -lf "$out"/many/*.yaml "$out/$files/"
  many "$out/$files" 200 $((files - 1))
  printf '== %s files\nbluegreen-lint  ' "$files"; best 3 target/release/bluegreen-lint "$out/$files"
done
