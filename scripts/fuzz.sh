#!/bin/sh
# Fuzzes each target of the module for FUZZTIME (30s). What is found is written under the
# package's testdata/fuzz, where the usual tests run it from then on. The CDK packages have
# no targets and take long to build.
set -u

status=0
for package in $(go list ./... | grep -Ev '/(constructs|dashboards|infra)(/|$)'); do
  for target in $(go test -list '^Fuzz' "$package" | grep '^Fuzz'); do
    echo "$package $target"
    # Making an input smaller that is only interesting may not use up the time.
    go test -run '^$' -fuzz "^$target\$" -fuzztime "${FUZZTIME:-30s}" -fuzzminimizetime 100x "$package" || status=1
  done
done
exit $status
