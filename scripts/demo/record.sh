#!/bin/sh
# Records make demo in a pseudo-terminal, as demo.cast, and draws demo.svg from it.
set -eu

here=scripts/demo
tools=.stage/record/bin
$tools/asciinema rec --quiet --overwrite --cols 118 --rows 30 --idle-time-limit 2 \
  --command 'make --no-print-directory demo' $here/demo.cast
$tools/termtosvg render $here/demo.cast $here/demo.svg --template window_frame --min-frame-duration 80
ls -l $here/demo.cast $here/demo.svg
