#!/bin/sh
# The web demo, against the stage whose variables are set: made-up history, and a page that
# speaks to the stage as its user. make demo-web brings a stage up around it.
set -eu

go run ./scripts/demo-setup
go build -o .stage/token ./scripts/stage
go run ./client/web -token-command ".stage/token token --tenant demo-tenant --subject demo-user"
