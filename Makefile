# Two commands matter: `make demo` and `make test`. They install what they need into .venv; everything else here is a convenience.

UV := $(shell uv --version >/dev/null 2>&1 && echo uv || echo .tools/bin/uv)
RUN := .venv/bin
SOURCES := libs sinks services cli examples benchmarks tests conftest.py
MANIFESTS := pyproject.toml uv.lock $(wildcard libs/*/pyproject.toml services/*/pyproject.toml) sinks/pyproject.toml cli/pyproject.toml

.PHONY: demo test test-services test-platform test-thorough test-containers test-chart test-cluster lint format up down bench images clean

demo: .venv/.synced ## the main job: train two models from a stream, deploy the better one, predict on another
	@$(RUN)/kafka-ml demo

up: .venv/.synced ## start the platform on this machine and keep it
	@$(RUN)/kafka-ml up

down: .venv/.synced ## end it; data is kept
	@$(RUN)/kafka-ml down

test: .venv/.synced ## the tests, on a real broker, database and object store; in two halves side by side, each with a stack of its own
	@$(MAKE) --no-print-directory --keep-going --output-sync=target --jobs=2 test-services test-platform

test-services: .venv/.synced
	$(RUN)/pytest -q libs/common sinks services cli

test-platform: .venv/.synced
	$(RUN)/pytest -q tests libs/local libs/sandbox

test-thorough: .venv/.synced ## the tests that take long: faults injected again and again
	$(RUN)/pytest -q -m thorough

test-containers: .venv/.synced ## the compose file, with images that were built before
	TAG=$(TAG) REGISTRY=$(REGISTRY) $(RUN)/pytest -q -m containers tests/compose

test-chart: .venv/.synced ## the chart, rendered by helm
	$(RUN)/pytest -q -m chart tests/chart

test-cluster: .venv/.synced ## the scheduler and the chart on the cluster of KUBECONFIG, with images that its nodes can get
	TAG=$(TAG) REGISTRY=$(REGISTRY) $(RUN)/pytest -q -m cluster tests/cluster

lint: .venv/.synced ## style, types, and who imports whom
	$(RUN)/ruff check $(SOURCES)
	$(RUN)/ruff format --check $(SOURCES)
	$(RUN)/mypy $(wildcard libs/*/src services/*/src) sinks/src cli/src
	$(RUN)/lint-imports

format: .venv/.synced
	$(RUN)/ruff check --fix $(SOURCES)
	$(RUN)/ruff format $(SOURCES)

bench: .venv/.synced ## how many predictions a second, beside the same loop without a model
	$(RUN)/python benchmarks/inference.py

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
	rm -rf .venv .tools .mypy_cache .ruff_cache .pytest_cache .import_linter_cache

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
