#!/bin/sh
# Records make demo in a pseudo-terminal, as demo.cast, draws demo.svg from it, and the
# first page of its report as report.png.
set -eu

here=scripts/demo
tools=.stage/record/bin
$tools/asciinema rec --quiet --overwrite --cols 118 --rows 30 --idle-time-limit 2 \
  --command 'make --no-print-directory demo' $here/demo.cast
$tools/termtosvg render $here/demo.cast $here/demo.svg --template window_frame --min-frame-duration 80 --loop-delay 6000
$tools/python $here/picture.py demo-out/report.pdf 1 $here/report.png
ls -l $here/demo.cast $here/demo.svg $here/report.png
