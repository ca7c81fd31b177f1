# Two commands matter: `make demo` and `make test`. They install what they need into .venv; everything else here is a convenience.

UV := $(shell uv --version >/dev/null 2>&1 && echo uv || echo .tools/bin/uv)
RUN := .venv/bin
SOURCES := libs sinks services cli examples benchmarks tests conftest.py
WEB := services/api/src/kafka_ml_api/web/index.html
MANIFESTS := pyproject.toml uv.lock $(wildcard libs/*/pyproject.toml services/*/pyproject.toml) sinks/pyproject.toml cli/pyproject.toml

.PHONY: demo web web-types test test-services test-platform test-web test-browser test-thorough test-containers test-chart test-cluster lint format up down bench docs images clean

demo: .venv/.synced web ## the main job: train two models from a stream, deploy the better one, predict on another
	@$(RUN)/kafka-ml demo

up: .venv/.synced web ## start the platform on this machine and keep it
	@$(RUN)/kafka-ml up

down: .venv/.synced ## end it; data is kept
	@$(RUN)/kafka-ml down

test: .venv/.synced web ## the tests, on a real broker, database and object store; in two halves side by side, each with a stack of its own
	@$(MAKE) --no-print-directory --keep-going --output-sync=target --jobs=2 test-services test-platform test-web

test-services: .venv/.synced
	$(RUN)/pytest -q libs/common sinks services cli

test-platform: .venv/.synced
	$(RUN)/pytest -q tests libs/local libs/sandbox

test-web: web/node_modules/.installed ## the web UI's pure parts
	$(NPM) run --silent test

test-browser: .venv/.synced web ## the web UI in a real Chromium, on the whole platform; makes the pictures in docs/
	$(RUN)/pytest -q -m browser tests/browser

test-thorough: .venv/.synced ## the tests that take long: faults injected again and again
	$(RUN)/pytest -q -m thorough

test-containers: .venv/.synced ## the compose file, with images that were built before
	TAG=$(TAG) REGISTRY=$(REGISTRY) $(RUN)/pytest -q -m containers tests/compose

test-chart: .venv/.synced ## the chart, rendered by helm
	$(RUN)/pytest -q -m chart tests/chart

test-cluster: .venv/.synced ## the scheduler and the chart on the cluster of KUBECONFIG, with images that its nodes can get
	TAG=$(TAG) REGISTRY=$(REGISTRY) $(RUN)/pytest -q -m cluster tests/cluster

lint: .venv/.synced web/node_modules/.installed ## style, types, and who imports whom
	$(RUN)/ruff check $(SOURCES)
	$(RUN)/ruff format --check $(SOURCES)
	$(RUN)/mypy $(wildcard libs/*/src services/*/src) sinks/src cli/src
	$(RUN)/lint-imports
	$(RUN)/python -m kafka_ml_api.openapi > web/openapi.json
	$(NPM) run --silent lint

format: .venv/.synced
	$(RUN)/ruff check --fix $(SOURCES)
	$(RUN)/ruff format $(SOURCES)

web: $(WEB) ## the web UI, built into the API's package

web-types: web/node_modules/.installed ## the web UI's types, from the API's OpenAPI document
	$(RUN)/python -m kafka_ml_api.openapi > web/openapi.json
	$(NPM) run --silent types

bench: .venv/.synced ## how many predictions a second, beside the same loop without a model
	$(RUN)/python benchmarks/inference.py

docs: .venv/.synced ## the documentation's site, in build/docs; fails where a link leads nowhere
	@$(RUN)/zensical build --strict --clean

# Base images and the like: make images BUILD_ARGUMENTS="--build-arg PYTHON_IMAGE=..."
IMAGES := api control scheduler trainer inferer guest-tensorflow cli scheduler-local
TAG ?= dev
REGISTRY ?=
VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
REVISION := $(shell git rev-parse HEAD 2>/dev/null)
image = $(if $(REGISTRY),$(REGISTRY:/=)/)kafka-ml/$(1):$(TAG)

images: ## every image, by BuildKit; TAG=dev and REGISTRY=host/folder name them
	@for target in $(IMAGES); do \
		echo "Building $(call image,$$target) ..."; \
		docker buildx build --quiet --load --target $$target --tag "$(call image,$$target)" $(BUILD_ARGUMENTS) \
			--label org.opencontainers.image.version=$(VERSION) --label org.opencontainers.image.revision=$(REVISION) . >/dev/null || exit 1; \
	done
	@for target in $(IMAGES); do docker image inspect "$(call image,$$target)" --format "$(call image,$$target) {{.Size}}"; done \
		| awk '{printf "%-40s %6d MB\n", $$1, $$2 / 1e6}'

clean:
	rm -rf web/node_modules $(dir $(WEB)) build/docs .cache .venv .tools .mypy_cache .ruff_cache .pytest_cache .import_linter_cache

# Node and npm come with .venv. The build is made anew when a source of it has changed.
NPM := PATH="$(CURDIR)/$(RUN):$$PATH" npm --prefix web

$(WEB): web/node_modules/.installed $(shell find web -path web/node_modules -prune -o -type f -print 2>/dev/null)
	@echo "Building the web UI ..."
	@$(NPM) run --silent build
	@touch $@

web/node_modules/.installed: web/package.json web/package-lock.json | .venv/.synced
	@echo "Installing what the web UI is built with ..."
	@$(NPM) ci --silent --no-audit --no-fund
	@touch $@

.venv/.synced: $(MANIFESTS) | $(filter .tools/bin/uv,$(UV))
	@echo "Installing Kafka-ML into .venv ..."
	@$(UV) sync --quiet --frozen --all-packages --all-extras
	@touch $@

# uv comes through pip where it is missing; some systems have pip without venv, so there are two ways.
.tools/bin/uv:
	@echo "Installing uv into .tools ..."
	@(python3 -m venv .tools && .tools/bin/python -m pip install --quiet --disable-pip-version-check uv) \
	|| (rm -rf .tools && python3 -m pip install --quiet --target .tools/lib uv && mkdir -p .tools/bin && ln -s ../lib/bin/uv .tools/bin/uv) \
	|| (echo "Neither venv nor pip works with this Python. Install one (on Debian: apt install python3-venv), or uv, and try again." >&2; exit 1)
