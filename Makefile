# Everything that is done with this repository. `make` lists the targets.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL: # the steps of check share the cores anyway, and their output stays in order
MAKEFLAGS += --no-builtin-rules

GO ?= go
BIN := bin

# make demo: flags for `spillway demo`, for example DEMO_FLAGS=--fast.
DEMO_FLAGS ?=

# make images, push, release: the version that programs and images have, and where the images belong (the tutorial that started
# this project calls that DOCKER_REGISTRY).
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo v0.0.0)
DOCKER_REGISTRY ?=
REGISTRY ?= $(DOCKER_REGISTRY)
SHIP = $(GO) -C tools/ship run .

# Go turns cgo off where there is no C compiler, and -race needs cgo.
RACE = $(if $(filter 1,$(shell $(GO) env CGO_ENABLED)),-race)

# The modules inside this one, so that their dependencies are not its own.
NESTED := bench browser interop examples/mess tools/ship e2e
# Modules on all of Kubernetes: kept tidy, but not linted and not vetted, because that would compile it anew.
LARGE := hpa-conformance e2e/controlplane e2e/adapter

# Tools are built once for each set of pinned versions and each Go release.
TOOLS = $(BIN)/tools/$(firstword $(shell { $(GO) env GOVERSION; cat tools/go.sum tools/promtool/go.sum; } | cksum))
LINT = $(TOOLS)/golangci-lint
BENCHSTAT = $(TOOLS)/benchstat
PROMTOOL = $(TOOLS)/promtool

GOLDEN_SCRAPES = $(wildcard internal/*/testdata/metrics.golden)

.PHONY: help
help: ## List the targets.
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

##### Run

.PHONY: build
build: ## Build bin/worker, bin/backlog-exporter and bin/spillway.
	@echo '$(GO) build -o $(BIN)/ ./cmd/...'
	@tools/patiently 'go build: compiling' $(GO) build -o $(BIN)/ ./cmd/...

.PHONY: demo
demo: build ## Show a burst being scaled away, with real processes (DEMO_FLAGS=--fast: in a minute).
	$(BIN)/spillway demo $(DEMO_FLAGS)

# make example: flags for the run, for example EXAMPLE_FLAGS='-updates=20000 -products=2000 -lasting=15s'.
EXAMPLE_FLAGS ?=

.PHONY: example
example: build ## Run MESS: 100,000 updates through three flows while workers and the app are killed (EXAMPLE_FLAGS).
	cd examples/mess && ../../tools/patiently 'go build: compiling' $(GO) build -o ../../$(BIN)/example/ ./app ./run
	$(BIN)/example/run -programs=$(BIN) -app=$(BIN)/example/app $(EXAMPLE_FLAGS)

##### Check

.PHONY: test
test: ## Run the programs' tests, with -race where there is a C compiler.
	tools/patiently 'go test: compiling and testing' $(GO) test -json $(RACE) ./... | $(GO) run ./internal/testenv/summary

.PHONY: check
check: verify-mod verify-fmt lint vet test verify-goldens verify-metrics verify-rules interop check-ship bench-once ## Run every check but those of conformance, fault, browser, example and e2e-*, which CI runs too.
	@echo 'check: everything holds'

.PHONY: lint
lint: $(LINT) ## Run the linters of .golangci.yml.
	$(LINT) run ./...
	for module in $(NESTED) tools/promtool; do (cd $$module && $(CURDIR)/$(LINT) run ./...); done

.PHONY: vet
vet: ## Run go vet.
	$(GO) vet ./...
	for module in $(NESTED); do (cd $$module && $(GO) vet ./...); done

.PHONY: fmt
fmt: $(LINT) ## Format the code.
	$(LINT) fmt ./...

.PHONY: verify-fmt
verify-fmt: $(LINT) ## Fail if the code is not formatted.
	@$(LINT) fmt --diff ./... || { echo 'the code is not formatted; run: make fmt' >&2; exit 1; }

.PHONY: update-mod
update-mod: ## Make go.mod and go.sum name what the code imports.
	for module in . $(NESTED) $(LARGE); do (cd $$module && $(GO) mod tidy); done

.PHONY: verify-mod
verify-mod: ## Fail if go.mod or go.sum does not name what the code imports.
	@for module in . $(NESTED) $(LARGE); do (cd $$module && $(GO) mod tidy -diff) || { echo "go.mod or go.sum of $$module is not tidy; run: make update-mod" >&2; exit 1; }; done

.PHONY: update-goldens
update-goldens: ## Write the golden files anew from what the code does now.
	SPILLWAY_UPDATE_GOLDENS=1 $(GO) test $(RACE) -count=1 $$(tools/golden-packages)
	@git --no-pager diff --stat -- '*/testdata/*' docs

.PHONY: verify-goldens
verify-goldens: ## Fail if a golden file is not what the code does now.
	@$(GO) test -json $(RACE) $$(tools/golden-packages) | $(GO) run ./internal/testenv/summary || { echo 'a golden file differs; if it should, run: make update-goldens' >&2; exit 1; }

.PHONY: verify-metrics
verify-metrics: $(PROMTOOL) ## Hold the golden scrapes against Prometheus' rules.
	@tools/check-metrics $(PROMTOOL) $(GOLDEN_SCRAPES)

.PHONY: update-rules
update-rules: ## Write the PrometheusRule component anew from deploy/rules.
	@tools/prometheus-rule deploy/rules/spillway.rules.yaml >deploy/components/prometheus-rule/prometheus-rule.yaml

.PHONY: verify-rules
verify-rules: $(PROMTOOL) ## Check the alerts and run their unit tests with promtool; rules and dashboards name series that exist.
	$(PROMTOOL) check rules --lint-fatal --lint=all deploy/rules/*.rules.yaml
	$(PROMTOOL) test rules deploy/rules/tests/*.yaml
	cd tools/promtool && $(GO) test -count=1 ./... # What it reads lies outside its module, where the cache does not look.

.PHONY: bench
bench: ## Run the benchmarks.
	$(GO) test -run='^$$' -bench=. -benchmem ./...

.PHONY: interop
interop: ## Hold the worker against endpoints in other languages and frameworks, and test the example.
	cd interop && $(GO) test -count=1 ./...
	cd examples/mess && $(GO) test $(RACE) ./...

.PHONY: browser
browser: ## Use the demo's page in headless Chromium, in less than a minute; needs chromium.
	cd browser && SPILLWAY_REQUIRE_BROWSER=1 $(GO) test -count=1 ./...

.PHONY: screenshots
screenshots: build ## Take the documents' pictures, from real shows, in about 3 minutes; needs chromium.
	cd browser && $(GO) run ./screenshots -program=../$(BIN)/spillway

# Kubernetes takes minutes to compile the first time; -trimpath everywhere, so that it is compiled once.
conformance = cd hpa-conformance && $(1) $(GO) test -trimpath -count=1

.PHONY: conformance
conformance: $(LINT) ## Hold internal/hpa against Kubernetes' own controller, over 30,000 decisions, and its mutants (docs/hpa.md).
	cd hpa-conformance && $(GO) vet -trimpath ./...
	cd hpa-conformance && GOFLAGS="$$($(GO) env GOFLAGS) -trimpath" $(CURDIR)/$(LINT) run ./...
	$(call conformance) ./...

# DECISIONS is how many; SPILLWAY_HPA_SEED is the seed of the first trace.
DECISIONS ?= 1000000

.PHONY: bench-conformance
bench-conformance: ## Compare 1,000,000 decisions with those of Kubernetes' own controller (DECISIONS; 7 minutes; the last lines are rows).
	$(call conformance,SPILLWAY_HPA_DECISIONS=$(DECISIONS)) -timeout=0 -v -run='^TestConformance$$'

.PHONY: bench-once
bench-once: ## Run every benchmark once, to see that it runs.
	$(GO) test -run='^$$' -bench=. -benchtime=1x ./...
	cd bench && $(GO) test ./...

.PHONY: bench-emulator
bench-emulator: build ## Measure the emulator, as a process, beside the official one (75 seconds; the last lines are rows).
	cd bench && $(GO) run ./emulator -binary=../$(BIN)/spillway

.PHONY: bench-programs
bench-programs: build
	cd bench && $(GO) build -o ../$(BIN)/bench/ ./worker/... ./exporter/...

.PHONY: bench-worker
bench-worker: bench-programs ## Measure what a message costs through the worker, beside three other clients (4 minutes; the last lines are rows).
	$(BIN)/bench/worker -programs=$(BIN) -peers=$(BIN)/bench

.PHONY: bench-exporter
bench-exporter: bench-programs ## Measure what backlog-exporter costs, beside stackdriver_exporter (5 minutes; the last lines are rows).
	$(BIN)/bench/exporter -programs=$(BIN) -peers=$(BIN)/bench

.PHONY: bench-external-metrics
bench-external-metrics: build ## Measure the external metrics API as a process, 10,000 subscriptions over TLS (1 minute; the last lines are rows).
	cd bench && $(GO) run ./externalmetrics -programs=../$(BIN)

.PHONY: bench-scaling
bench-scaling: build ## Play every way to scale over days with noise, learn real workers' capacity, time tune (3 minutes; the last lines are rows).
	cd bench && $(GO) run ./scaling -programs=../$(BIN)

.PHONY: profile-worker
profile-worker: bench-programs ## Write profiles of the worker into bin/profiles, and list what costs most.
	$(BIN)/bench/worker -programs=$(BIN) -peers=$(BIN)/bench -profiles=$(BIN)/profiles
	@for load in batch100 batch1; do \
		$(GO) tool pprof -top -nodecount=25 $(BIN)/bench/profiled $(BIN)/profiles/cpu-$$load; \
		$(GO) tool pprof -top -cum -nodecount=60 $(BIN)/bench/profiled $(BIN)/profiles/cpu-$$load; \
		$(GO) tool pprof -top -nodecount=25 -sample_index=alloc_objects $(BIN)/bench/profiled $(BIN)/profiles/alloc-$$load; \
	done

.PHONY: consume-1m
consume-1m: ## Let the official client consume 1,000,000 messages from the emulator in each of four modes (1 minute).
	SPILLWAY_EMULATOR_MESSAGES=1000000 $(GO) test -count=1 -v -timeout=30m -run='^TestTheOfficialClient(ConsumesEveryMessageOnce|sDeadLetters)$$' ./internal/emulator

# The cases are said in docs/reliability.md. SEED repeats a run; CASE picks some, for example CASE=F5.
SEED ?= 1
CASE ?=
HOURS ?= 1
fault = cd fault && SPILLWAY_FAULTS=$(1) SPILLWAY_FAULTS_SEED=$(SEED) $(GO) test -count=1

.PHONY: fault
fault: ## Break things and count every message: the cases that CI runs, in under 3 minutes (SEED, CASE).
	$(call fault,ci) -timeout=10m -parallel=6 -run='^TestFaults$$/$(CASE)'

.PHONY: fault-all
fault-all: ## Break things in every way of docs/reliability.md, in about 10 minutes (SEED, CASE).
	$(call fault,all) -timeout=90m -parallel=6 -run='^TestFaults$$/$(CASE)'

.PHONY: soak
soak: ## Faults at random for HOURS (default 1); memory, goroutines and descriptors must stay flat (SEED).
	export SPILLWAY_SOAK_HOURS=$(HOURS); $(call fault,soak) -timeout=0 -v -run='^TestFaults$$'

.PHONY: e2e-build
e2e-build: ## Build what the end-to-end tests run: Kubernetes and the adapters once (up to 10 minutes), kept in the cache directory.
	@unshare $$([[ $$(id -u) == 0 ]] || echo --user --map-root-user) --net --mount --pid --fork true 2>/dev/null || \
		echo 'this system refuses private namespaces: the tests will be skipped (their last lines say the cure), and Ctrl-C spares the build' >&2
	cd e2e && $(GO) run ./build

.PHONY: e2e-cluster
e2e-cluster: e2e-build ## Start the real control plane, run Pods on it as a kubelet does, break it, and see that nothing is left (2 minutes).
	cd e2e && $(GO) test $(RACE) -count=1 -timeout=15m ./cluster ./network ./node ./pki ./process ./programs ./sandbox ./services

.PHONY: e2e-test
e2e-test: ## Test what the scenarios stand on: overlays, ledger, app, report.
	cd e2e && $(GO) test $(RACE) ./app ./ledger ./overlays ./report

.PHONY: e2e
e2e: e2e-build ## Show on a real control plane what docs/kubernetes.md says (over 20 minutes); tables, plots and points are in build/e2e.
	rm -rf build/e2e
	cd e2e && $(GO) test -count=1 -v -timeout=90m -skip='AtItsOwnPace$$' ./scenarios

.PHONY: e2e-fast
e2e-fast: e2e-build ## Show the scenarios backlog, stackdriver, http-rate and the spike through both policies (7 minutes).
	rm -rf build/e2e
	mkdir -p build/e2e
	@# The spike through the backlog waits for most of its time, so that it can run beside the others.
	@cd e2e; run='$(GO) test -count=1 -short -v -timeout=30m ./scenarios'; log=../build/e2e/spike-backlog.log; status=0; \
	$$run -run='^TestSpikeThroughBacklog$$' >$$log 2>&1 & beside=$$!; \
	$$run -run='^Test(Backlog|Stackdriver|HTTPRate|SpikeThroughDesiredReplicas)$$' || status=$$?; \
	wait $$beside || status=$$?; cat $$log; exit $$status

.PHONY: e2e-manifests
e2e-manifests: e2e-build ## Have a real API server check every overlay, and follow docs/kubernetes.md to a worker that scales (2 minutes).
	cd e2e && $(GO) test -count=1 -timeout=15m ./manifests

.PHONY: e2e-own-pace
e2e-own-pace: e2e-build ## Show backlog, and the spike through both policies, with nothing shortened (an hour; CASE=TestBacklog for one).
	cd e2e && $(GO) test -count=1 -v -timeout=150m -run='^$(CASE).*AtItsOwnPace$$' ./scenarios

.PHONY: tools
tools: $(LINT) $(BENCHSTAT) $(PROMTOOL) ## Build the pinned tools: golangci-lint, benchstat, promtool.

$(LINT):
	cd tools && $(GO) build -ldflags='-s -w' -o '$(CURDIR)/$@' github.com/golangci/golangci-lint/v2/cmd/golangci-lint

$(BENCHSTAT):
	cd tools && $(GO) build -o '$(CURDIR)/$@' golang.org/x/perf/cmd/benchstat

# Without the service discoveries, whose client libraries are two hundred packages and most of the build.
$(PROMTOOL):
	cd tools/promtool && $(GO) build -tags=remove_all_sd -ldflags='-s -w' -o '$(CURDIR)/$@' github.com/prometheus/prometheus/cmd/promtool

##### Ship

.PHONY: ship-modules
ship-modules:
	@$(GO) -C tools/ship list -deps . >/dev/null || { echo 'the modules of tools/ship are not in the module cache and cannot be downloaded; run this once with a network' >&2; exit 1; }

.PHONY: images
images: ship-modules ## Write the images of all programs, amd64 and arm64, into bin/images, without Docker (VERSION, REGISTRY).
	$(SHIP) images --root='$(CURDIR)' --out='$(CURDIR)/$(BIN)/images' --version='$(VERSION)' --registry='$(REGISTRY)'

.PHONY: need-registry
need-registry:
	@[[ -n '$(REGISTRY)' ]] || { echo 'where to? give the registry: make push REGISTRY=europe-docker.pkg.dev/shop/spillway' >&2; exit 1; }

.PHONY: push
push: need-registry images ## Push the images to REGISTRY, with the credentials of docker login (VERSION).
	$(SHIP) push --out='$(CURDIR)/$(BIN)/images' --version='$(VERSION)' --registry='$(REGISTRY)'

DIST ?= dist

.PHONY: release
release: ship-modules ## Write a release into dist: programs, images, SBOMs, manifests, notes, checksums (VERSION=v1.2.3, REGISTRY, DIST).
	$(SHIP) release --root='$(CURDIR)' --out='$(abspath $(DIST))' --version='$(VERSION)' --registry='$(REGISTRY)'

# Another folder and an empty cache: what is left in common is the commit, the version and the Go release.
VERIFY := $(BIN)/verify-release

.PHONY: verify-release
verify-release: ## Make the release in dist again, from a clone elsewhere with an empty cache, and compare (VERSION, REGISTRY, DIST).
	@[[ -f '$(DIST)/SHA256SUMS' ]] || { echo 'there is no release in $(DIST); run: make release VERSION=v1.2.3' >&2; exit 1; }
	rm -rf $(VERIFY)
	git clone --quiet . $(VERIFY)/clone
	GOCACHE='$(CURDIR)/$(VERIFY)/cache' $(MAKE) -C $(VERIFY)/clone release VERSION='$(VERSION)' REGISTRY='$(REGISTRY)' DIST='$(CURDIR)/$(VERIFY)/dist' >/dev/null
	diff '$(DIST)/SHA256SUMS' $(VERIFY)/dist/SHA256SUMS
	cd '$(DIST)' && sha256sum --check --quiet SHA256SUMS
	rm -rf $(VERIFY)
	@echo 'made again, the release has the same bytes'

# The names of the tutorial that started this project.
.PHONY: build-linux docker-build docker-push
build-linux:
	CGO_ENABLED=0 GOOS=linux GOARCH=amd64 $(GO) build -trimpath -o $(BIN)/linux/ ./cmd/...
docker-build: images
docker-push: push

.PHONY: check-ship
check-ship: ## Build an image twice, run it, push it to a registry on loopback; the rest of tools/ship's tests.
	cd tools/ship && $(GO) test -count=1 ./... # What it reads and builds lies outside its module, where the cache does not look.

.PHONY: clean
clean: ## Remove what was built, tools included.
	rm -rf $(BIN)
