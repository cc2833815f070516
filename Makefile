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

help: ## Print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: node_modules ## Bring a stage up, run the sample actions, save demo-out/report.pdf (KEEP=1 leaves the stage up)
	@$(STAGE_CMD) run -c stage=local -- scripts/demo/demo.sh

demo-web: node_modules client/ts/dist/index.js ## Bring a stage up, and show a user's requests on a page in the browser
	@$(STAGE_CMD) run -c stage=local -- scripts/demo/web.sh

test: node_modules client/ts/node_modules lint .stage/lint .stage/record ## Run every test, on a local stage of its own
	@$(STAGE_CMD) run -c stage=local -- $(GOTESTSUM) --format pkgname --raw-command -- scripts/test.sh

lint: ## Check formatting and vet
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); test -z "$$unformatted" || { echo "gofmt -w $$unformatted"; exit 1; }
	@go vet ./...
	@go vet -tags soak ./integ

protocol: ## Write the protocol's documents anew from the Go sources
	@$(PROTOCOL) $(DOCUMENTS)

verify: ## Check that the protocol's documents are what the Go sources say, and break no client of the last release
	@$(PROTOCOL) -check -released protocol/testdata/released/schema.json $(DOCUMENTS)

integ: node_modules ## Run the integration tests on the local stage, or on any with OUTPUTS=file
ifdef OUTPUTS
	STREAMER_OUTPUTS=$(abspath $(OUTPUTS)) go test -count=1 -v ./integ/...
else
	@$(STAGE_CMD) run -c stage=local -- go test -count=1 -v ./integ/...
endif

stage: node_modules ## Bring the local stage up, or deploy to it anew
	@$(STAGE_CMD) up -c stage=local

stage-down: ## Take the local stage down
	@$(STAGE_CMD) down

token: ## Print a token that the local stage accepts: make token TENANT=acme SUBJECT=ann
	@$(STAGE_CMD) token --tenant "$(TENANT)" --subject "$(SUBJECT)"

deploy: node_modules ## Deploy to AWS: make deploy STAGE=dev (YES=1 asks nothing)
	@go run ./scripts/deploy up $(if $(YES),-yes) $(STAGE)

outputs: ## Fetch the outputs of a deployed stage, for OUTPUTS=.deploy/dev.json: make outputs STAGE=dev
	@go run ./scripts/deploy outputs $(STAGE)

destroy: node_modules ## Remove a stage from AWS, but for what it keeps: make destroy STAGE=dev
	@go run ./scripts/deploy down $(if $(YES),-yes) $(STAGE)

release: ## Write what deploys without the CDK to dist, a CloudFormation template and its packages: make release VERSION=v1.2.3
	@go run ./infra/cmd/release -version "$(VERSION)" dist

dashboard: node_modules ## Show the dashboards of the local stage in a browser, or of any with OUTPUTS=file (ARGS=-text: on the terminal)
ifdef OUTPUTS
	@STREAMER_OUTPUTS=$(abspath $(OUTPUTS)) go run ./scripts/dashboard $(ARGS)
else
	@eval "$$($(STAGE_CMD) env)" && go run ./scripts/dashboard $(ARGS)
endif

picture: node_modules ## Draw the README's picture of the dashboard anew, after MINUTES=15 of use of a local stage
	@MINUTES=$(MINUTES) $(STAGE_CMD) run -c stage=local -- scripts/dashboard/picture.sh

record: node_modules .stage/record ## Record the demo anew: an asciicast, and the SVG of it that the README shows
	@scripts/demo/record.sh

inspect: ## Ask a stage what is wrong, or look at a request, a connection, the logs: make inspect ARGS="request 01J…" (OUTPUTS=file; ARGS=help)
ifdef OUTPUTS
	@STREAMER_OUTPUTS=$(abspath $(OUTPUTS)) go run ./scripts/inspect $(or $(ARGS),doctor)
else
	@eval "$$($(STAGE_CMD) env)" && go run ./scripts/inspect $(or $(ARGS),doctor)
endif

cost: ## Compute what it costs, line by line: make cost ARGS="-duration 5m -frames 200"
	@go run ./scripts/cost $(ARGS)

capacity: ## Compute anew what 100,000 connections and 1,000 requests a second need, into CAPACITY.md
	@go run ./scripts/capacity > CAPACITY.md

account: ## Ask a deployed stage what only an account can show: make account OUTPUTS=file ARGS=list (STREAMER_TOKEN=…)
	@STREAMER_OUTPUTS="$(abspath $(OUTPUTS))" go run ./scripts/account $(or $(ARGS),run)

soak: node_modules ## Run for long what make test runs in short: SEEDS=100000 of the simulation, FUZZTIME=30s of each fuzz target, a stage under load for LOAD=10m, KILLS=2000 of its processes
	STREAMER_SEEDS=$(SEEDS) go test -count=1 -timeout 0 -run TestSimulation ./internal/simulation
	FUZZTIME=$(FUZZTIME) scripts/fuzz.sh
	@STREAMER_LOAD=$(LOAD) STREAMER_KILLS=$(KILLS) $(STAGE_CMD) run -c stage=local -- go test -tags soak -count=1 -v -timeout 0 -run 'TestLoad|TestRequestsEndWhileProcessesDie|TestFunctionTimesOut|TestRouterTimesOut' ./integ

audit: ## Look for known vulnerabilities of what this is built from, and for changed modules
	@scripts/audit.sh

tidy: ## Tidy both modules after a change of dependencies
	go mod tidy
	cd examples/primes && go mod tidy

bench: node_modules ## Measure calls, sizes, times and loads on the local stage into bench/RESULTS.md (ARGS="-only start": some, printed only)
ifdef ARGS
	@$(STAGE_CMD) run --app 'go run ./bench/stage' -c stage=local -- go run ./bench $(ARGS)
else
	@$(STAGE_CMD) run --app 'go run ./bench/stage' -c stage=local -- sh -c 'go test -count=1 -run TestFigures ./integ && go run ./bench'
endif

# What Python tools need, each in a folder of its own.
.stage/lint: scripts/cfn-lint.txt
.stage/record: scripts/demo/record.txt
.stage/lint .stage/record:
	@mkdir -p .stage
	@python3 -m venv --clear $@
	@$@/bin/pip install --quiet --disable-pip-version-check -r $<
	@touch $@

client/ts/dist/index.js: client/ts/node_modules $(wildcard client/ts/src/*.ts)
	@npm --prefix client/ts run --silent build

node_modules: package-lock.json
client/ts/node_modules: client/ts/package-lock.json
node_modules client/ts/node_modules:
	npm ci --prefix $(@D) --no-audit --no-fund --loglevel=error
	@touch $@
