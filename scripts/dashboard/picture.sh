#!/bin/sh
# Uses the stage whose variables are set for MINUTES, as a few users would, with other
# numbers every minute, and draws the picture of its dashboard that the README shows.
set -eu

here=scripts/dashboard
until=$(($(date +%s) + 60 * MINUTES))
STREAMER_TOKEN=$(go run ./scripts/stage token --tenant demo-tenant --subject demo-user)
export STREAMER_TOKEN
go build -o .stage/demo ./client/demo
go run ./scripts/demo-setup
today=$(date -u +%Y-%m-%d)

# Two who stay.
for _ in 1 2; do
  timeout "${MINUTES}m" sh -c 'while :; do .stage/demo echo_async "{\"message\":\"all the time\",\"duration_ms\":12000}"; done' >/dev/null 2>&1 &
done

turn=0
while [ "$(date +%s)" -lt "$until" ]; do
  turn=$((turn + 1))
  set -- echo_async "{\"message\":\"a\",\"duration_ms\":$((turn * 7 % 13 * 400 + 300))}"
  [ $((turn * 5 % 7)) -lt 3 ] && set -- "$@" echo_async "{\"message\":\"b\",\"duration_ms\":$((turn * 11 % 17 * 200 + 200)),\"steps\":12}"
  [ $((turn % 4)) = 0 ] && set -- "$@" echo "{\"turn\":$turn}"
  [ $((turn % 6)) = 0 ] && set -- "$@" generate_report "{\"start_date\":\"$today\",\"end_date\":\"$today\"}"
  [ $((turn % 9)) = 0 ] && set -- "$@" generate_report '{"start_date":"tomorrow","end_date":"yesterday"}'
  [ $((turn % 14)) = 0 ] && set -- "$@" no_such_action '{}'
  .stage/demo "$@" >/dev/null 2>&1 || true # some are refused
  sleep $((turn % 5 + 1))
done
go run ./$here -picture $here/overview.png
ls -l $here/overview.png $here/overview-dark.png
