#!/bin/sh
# Every test, as one stream of test2json events, in an order of chance, under the race
# detector where there is a C compiler. Apart from the others are: the tests of the stores, of
# the dashboard, of inspecting and of deploying, since they call the stage while integ counts the calls it
# sees; and without the race detector the CDK packages, whose jsii runtime cannot stand it, the simulation, which
# plays ten times the seeds then, the life cycle, whose model has a million states and one
# goroutine, and the demo, which is other programs. Last come the example module and the
# TypeScript SDK.
set -u

race=
[ "$(go env CGO_ENABLED)" = 1 ] && race=-race
[ -n "$race" ] || echo "no C compiler: the race detector is off" >&2

callers='/(internal/store|scripts/(dashboard|deploy|inspect))$'
plain='/(constructs|dashboards|infra)(/|$)|/internal/(lifecycle|simulation)$|/scripts/demo$'
packages=$(go list ./...)
only() { echo "$packages" | grep -E "$1"; }
but() { echo "$packages" | grep -Ev "$1"; }

status=0
# shellcheck disable=SC2046 # lists of packages
{
  go test -json -shuffle=on $race $(but "$callers|$plain") || status=1
  go test -json -shuffle=on $race $(only "$callers") || status=1
  go test -json -shuffle=on $(only "$plain") || status=1
}
(cd examples/primes && go test -json -shuffle=on ./...) || status=1
node client/ts/scripts/test.mjs --json || status=1
exit $status
