#!/bin/sh
# Every Go test, as one stream of test2json events: first most packages, under the race
# detector where there is a C compiler; then without it the CDK packages, whose jsii runtime
# cannot stand it, and the simulation, which plays ten times the seeds; last the example
# module.

plain='/(constructs|dashboards|infra)(/|$)|/internal/simulation$'
race=
[ "$(go env CGO_ENABLED)" = 1 ] && race=-race
[ -n "$race" ] || echo "no C compiler: the race detector is off" >&2

status=0
# shellcheck disable=SC2046 # a list of packages
go test -json $race $(go list ./... | grep -Ev "$plain") || status=1
# shellcheck disable=SC2046
go test -json $(go list ./... | grep -E "$plain") || status=1
(cd examples/primes && go test -json ./...) || status=1
exit $status
