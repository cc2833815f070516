# Every target works from a clean clone on a machine with Go, Node.js with npm, Python 3
# with venv, and make.

STAGE     ?= dev
SEEDS     ?= 100000
KILLS     ?= 2000
LOAD      ?= 10m
FUZZTIME  ?= 30s
MINUTES   ?= 15
VERSION   ?= $(shell git describe --tags --always --dirty)
GOTESTSUM := go run gotest.tools/gotestsum@v1.13.0
STAGE_CMD := go run ./scripts/stage
PROTOCOL  := go run ./scripts/protocol
DOCUMENTS := -schema protocol/schema.json -asyncapi protocol/asyncapi.json \
             -frames client/ts/src/protocol.ts -actions client/ts/test/actions.ts ./functions/handlers

# The CDK's warnings about its own deprecations, and about Node.js versions, are not ours.
export JSII_DEPRECATED := quiet
export JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION := 18,20
export JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION := 1

.DEFAULT_GOAL := help
.PHONY: help demo demo-web test lint protocol verify integ stage stage-down token deploy outputs destroy release dashboard inspect picture record cost capacity account soak audit tidy bench

# Whoever names a stage's outputs hears at once that there are none.
ifneq ($(filter integ dashboard inspect account,$(MAKECMDGOALS)),)
ifdef OUTPUTS
ifeq ($(wildcard $(OUTPUTS)),)
$(error there is no file $(OUTPUTS): make outputs STAGE=dev writes .deploy/dev.json, and cdk deploy --outputs-file the file that it is told)
endif
endif
endif

help: ## Print this list
	@awk -F ':.*## ' '/^## / { print "\n" substr($$0, 4) } /^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

## See it run, on a local stage

demo: node_modules ## Bring a stage up, run the sample actions, save demo-out/report.pdf (KEEP=1 leaves the stage up)
	@$(STAGE_CMD) run -c stage=local -- scripts/demo/demo.sh

demo-web: node_modules client/ts/dist/index.js ## Bring a stage up, and show a user's requests on a page in the browser
	@$(STAGE_CMD) run -c stage=local -- scripts/demo/web.sh

stage: node_modules ## Bring a stage up, or deploy to it anew
	@$(STAGE_CMD) up -c stage=local

stage-down: ## Take it down
	@$(STAGE_CMD) down

token: ## Print a token that it accepts: make token TENANT=acme SUBJECT=ann
	$(if $(and $(TENANT),$(SUBJECT)),,$(error say whose: make token TENANT=acme SUBJECT=ann))
	@$(STAGE_CMD) token --tenant "$(TENANT)" --subject "$(SUBJECT)"

dashboard: node_modules ## Show the dashboards in a browser (ARGS=-text: on the terminal; OUTPUTS=file: of another stage)
ifdef OUTPUTS
	@STREAMER_OUTPUTS="$(abspath $(OUTPUTS))" go run ./scripts/dashboard $(ARGS)
else
	@eval "$$($(STAGE_CMD) env 2>/dev/null)" && go run ./scripts/dashboard $(ARGS)
endif

inspect: ## Say what is wrong; ARGS=help: look at a request, a queue, the logs (OUTPUTS=file: of another stage)
ifdef OUTPUTS
	@STREAMER_OUTPUTS="$(abspath $(OUTPUTS))" go run ./scripts/inspect $(or $(ARGS),doctor)
else
	@eval "$$($(STAGE_CMD) env 2>/dev/null)" && go run ./scripts/inspect $(or $(ARGS),doctor)
endif

## Test

test: node_modules client/ts/node_modules lint .stage/lint .stage/record ## Run every test, on a local stage of its own
	@$(STAGE_CMD) run -c stage=local -- $(GOTESTSUM) --format pkgname --raw-command -- scripts/test.sh

integ: node_modules ## Run the integration tests on the local stage, or on any with OUTPUTS=file
ifdef OUTPUTS
	STREAMER_OUTPUTS="$(abspath $(OUTPUTS))" go test -count=1 -v ./integ/...
else
	@$(STAGE_CMD) run -c stage=local -- go test -count=1 -v ./integ/...
endif

lint: ## Check formatting and vet
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); test -z "$$unformatted" || { echo "gofmt -w $$unformatted"; exit 1; }
	@go vet ./...
	@go vet -tags soak ./integ

verify: ## Check that the protocol's documents are what the Go sources say, and break no released client
	@$(PROTOCOL) -check -released protocol/testdata/released/schema.json $(DOCUMENTS)

audit: ## Look for known vulnerabilities of what this is built from, and for changed modules
	@scripts/audit.sh

soak: node_modules ## Run for long what make test runs in short (SEEDS=100000 FUZZTIME=30s LOAD=10m KILLS=2000)
	STREAMER_SEEDS=$(SEEDS) go test -count=1 -timeout 0 -run TestSimulation ./internal/simulation
	FUZZTIME=$(FUZZTIME) scripts/fuzz.sh
	@STREAMER_LOAD=$(LOAD) STREAMER_KILLS=$(KILLS) $(STAGE_CMD) run -c stage=local -- go test -tags soak -count=1 -v -timeout 0 -run 'TestLoad|TestRequestsEndWhileProcessesDie|TestFunctionTimesOut|TestRouterTimesOut' ./integ

bench: node_modules ## Measure calls, sizes, times and loads into bench/RESULTS.md (ARGS="-only start": some, printed)
ifdef ARGS
	@$(STAGE_CMD) run --app 'go run ./bench/stage' -c stage=local -- go run ./bench $(ARGS)
else
	@$(STAGE_CMD) run --app 'go run ./bench/stage' -c stage=local -- sh -c 'go test -count=1 -run TestFigures ./integ && go run ./bench'
endif

## In AWS

deploy: node_modules ## Deploy a stage: make deploy STAGE=dev (YES=1 asks nothing)
	@go run ./scripts/deploy up $(if $(YES),-yes) $(STAGE)

outputs: ## Fetch the outputs of a stage, for OUTPUTS=.deploy/dev.json: make outputs STAGE=dev
	@go run ./scripts/deploy outputs $(STAGE)

destroy: node_modules ## Remove a stage, but for what it keeps: make destroy STAGE=dev
	@go run ./scripts/deploy down $(if $(YES),-yes) $(STAGE)

account: ## Ask a stage what only an account can show: make account OUTPUTS=file (ARGS=list, STREAMER_TOKEN=…)
	$(if $(OUTPUTS),,$(error say which stage: make account OUTPUTS=.deploy/dev.json))
	@STREAMER_OUTPUTS="$(abspath $(OUTPUTS))" go run ./scripts/account $(or $(ARGS),run)

release: ## Write a CloudFormation template and its packages to dist: make release VERSION=v1.2.3
	@go run ./infra/cmd/release -version "$(VERSION)" dist

cost: ## Compute what it costs, line by line: make cost ARGS="-duration 5m -frames 200"
	@go run ./scripts/cost $(ARGS)

## Write anew what is tracked

protocol: ## The protocol's documents, from the Go sources
	@$(PROTOCOL) $(DOCUMENTS)

capacity: ## CAPACITY.md, what 100,000 connections and 1,000 requests a second need
	@go run ./scripts/capacity > CAPACITY.md

picture: node_modules ## The README's picture of the dashboard, after MINUTES=15 of use of a local stage
	@MINUTES=$(MINUTES) $(STAGE_CMD) run -c stage=local -- scripts/dashboard/picture.sh

record: node_modules .stage/record ## The recording of the demo, and the README's picture of it
	@scripts/demo/record.sh

tidy: ## go.mod and go.sum of both modules, after a change of dependencies
	go mod tidy
	cd examples/primes && go mod tidy

# What Python tools need, each in a folder of its own.
.stage/lint: scripts/cfn-lint.txt
.stage/record: scripts/demo/record.txt
.stage/lint .stage/record:
	@mkdir -p .stage
	@python3 -m venv --clear $@
	@$@/bin/pip install --quiet --disable-pip-version-check --no-deps -r $<
	@$@/bin/pip check --quiet --disable-pip-version-check
	@touch $@

client/ts/dist/index.js: client/ts/node_modules $(wildcard client/ts/src/*.ts)
	@npm --prefix client/ts run --silent build

node_modules: package-lock.json
client/ts/node_modules: client/ts/package-lock.json
node_modules client/ts/node_modules:
	npm ci --prefix $(@D) --no-audit --no-fund --loglevel=error
	@touch $@
