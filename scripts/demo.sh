#!/bin/sh
# The demo against the stage that STREAMER_WS_URL names: a sync answer, a few async
# requests, then the report over them. make demo brings a stage up around it.
set -eu

day=$(date -u +%Y-%m-%d)
STREAMER_TOKEN=$(go run ./scripts/stage token --tenant demo-tenant --subject demo-user)
export STREAMER_TOKEN

step() { printf '\n%s\n' "$1"; }
ask() { node client/demo/seed.mjs "$1" "$2"; }

step "1  A sync action is answered at once: echo"
ask echo '{"hello":"world"}'

step "2  Async actions report progress while they run: echo_async, three times"
for name in one two three; do
  ask echo_async "{\"message\":\"request $name\",\"duration_ms\":1500}"
done

step "3  The real job: a report of this tenant's own requests of today, as a PDF"
result=$(ask generate_report "{\"start_date\":\"$day\",\"end_date\":\"$day\"}")
node client/demo/save.mjs "$result" demo-out/report.pdf

step "Next: open demo-out/report.pdf; run the tests with make test; keep a stage with make stage."
