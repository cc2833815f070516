#!/bin/sh
# Every Go test, as one stream of test2json events: first what does not touch the CDK,
# under the race detector where there is a C compiler, then the CDK packages without it,
# since jsii's runtime cannot stand it; last the example module.
set -u

cdk='/(constructs|dashboards|infra)(/|$)'
race=
[ "$(go env CGO_ENABLED)" = 1 ] && race=-race
[ -n "$race" ] || echo "no C compiler: the race detector is off" >&2

status=0
# shellcheck disable=SC2046 # a list of packages
go test -json $race $(go list ./... | grep -Ev "$cdk") || status=1
# shellcheck disable=SC2046
go test -json $(go list ./... | grep -E "$cdk") || status=1
(cd examples/primes && go test -json ./...) || status=1
exit $status
