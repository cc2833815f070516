#!/bin/sh
# The demo, against the stage whose variables are set: made-up history, a sync answer, async
# requests with their bars, the report, and what the dashboard shows of it. make demo brings
# a stage up around it.
set -eu

began=$(date +%s)
STREAMER_TOKEN=$(go run ./scripts/stage token --tenant demo-tenant --subject demo-user)
export STREAMER_TOKEN
go build -o .stage/demo ./client/demo

# The last twelve months: from the first of the month after this one, a year ago.
today=$(date -u +%Y-%m-%d)
year=$(date -u +%Y)
month=$(date -u +%m)
if [ "$month" = 12 ]; then
  first=$year-01-01
else
  first=$((year - 1))-$(printf %02d $((${month#0} + 1)))-01
fi

step() { printf '\n%s\n' "$1"; }

step "1  Some history to report on: made-up requests of three tenants, 18 months of them"
go run ./scripts/demo-setup

step "2  Connect, and a sync action answers at once (this client is client/demo/seed.mjs, a few lines)"
node client/demo/seed.mjs echo '{"hello":"world"}'

step "3  Async actions report while they run; this client watches three on one connection"
.stage/demo \
  echo_async '{"message":"one","duration_ms":4000,"steps":16}' \
  echo_async '{"message":"two","duration_ms":5000,"steps":7}' \
  echo_async '{"message":"three","duration_ms":3000}'

step "4  The real job: a report of the tenant's requests since $first, read from the table, drawn, stored"
.stage/demo -save demo-out/report.pdf generate_report "{\"start_date\":\"$first\",\"end_date\":\"$today\"}"

step "5  What the operators see: the stage's own dashboard, with the numbers of this run"
go run ./scripts/dashboard -text -since $(($(date +%s) - began + 1))s

step "Next: open demo-out/report.pdf; make test; make stage keeps a stage up; examples/primes is a stack of your own."
