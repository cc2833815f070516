#!/usr/bin/env bash
# Every test, as one stream of test2json events, in an order of chance, in two lanes that run
# at once. The one on the stage waits most of the time, so it goes first wherever both want a
# processor: integ, and what would call the stage while integ counts the calls it sees. Before
# integ come those that read what the functions have logged, while that is little. After it,
# the TypeScript client's, which wait most, run beside a release and the demo. The other lane
# computes: what needs no stage, or has one of its own.
#
# The race detector is on where there is a C compiler, but for the CDK packages, whose jsii
# runtime cannot stand it, the simulation, which plays ten times the seeds then, the life
# cycle, whose model has a million states and one goroutine, and the demo, which is other
# programs.
#
# Go keeps the results of what has not changed, and shows them again as cached, but for tests
# that run other programs: it does not see what those read. In CI every test runs.
set -u

# Nobody debugs what is linked here, and without what a debugger needs linking takes less.
export GOFLAGS="$(go env GOFLAGS) -ldflags=-s"

race=
[ "$(go env CGO_ENABLED)" = 1 ] && race=-race
[ -n "$race" ] || echo "no C compiler: the race detector is off" >&2

callers='internal/store|scripts/(dashboard|deploy|inspect)'
staged="/(integ|$callers|scripts/demo)$"
release='^TestRelease$'
plain='/(constructs|dashboards|infra)(/|$)|/internal/(lifecycle|simulation)$'
packages=$(go list ./...)
running=$(go list -f '{{.ImportPath}} {{.Imports}} {{.TestImports}} {{.XTestImports}}' ./... | grep -w os/exec | cut -d ' ' -f 1)
keeping=
[ "${CI-}" = true ] && keeping=-shuffle=on # which keeps nothing
only() { echo "$packages" | grep -E "$1"; }
but() { echo "$packages" | grep -Ev "$1"; }
that_run() { grep -Fx "$running"; }
that_only_compute() { grep -Fxv "$running"; }

# shellcheck disable=SC2046 # lists of packages
compute() {
  status=0
  go test -json -shuffle=on -skip "$release" $(only "$plain" | that_run) || status=1
  go test -json $keeping $(only "$plain" | that_only_compute) || status=1
  go test -json -shuffle=on $race $(but "$staged|$plain" | that_run) || status=1
  go test -json $keeping $race $(but "$staged|$plain" | that_only_compute) || status=1
  (cd examples/primes && go test -json -shuffle=on ./...) || status=1
  return $status
}

# shellcheck disable=SC2046
on_the_stage() {
  status=0
  go test -json -shuffle=on $race -p 1 $(only "/($callers)$") || status=1
  go test -json -shuffle=on $race ./integ || status=1
  node client/ts/scripts/test.mjs --json >"$events/typescript" &
  typescript=$!
  go test -json -run "$release" ./constructs || status=1
  go test -json -shuffle=on ./scripts/demo || status=1
  wait "$typescript" || status=1
  cat "$events/typescript"
  return $status
}

if [ "${1-}" = compute ]; then
  compute
  exit
fi

# The computing lane is a process group of its own, so that it ends with this script.
events=$(mktemp -d)
typescript=
set -m
nice -n 19 "$0" compute >"$events/computing" &
computing=$!
set +m
trap 'kill -- "-$computing" $typescript 2>/dev/null; rm -rf "$events"' EXIT
trap 'exit 1' INT TERM

on_the_stage
staged_status=$?
wait "$computing"
computed_status=$?
cat "$events/computing"
[ "$staged_status" = 0 ] && [ "$computed_status" = 0 ]
