# Every target installs first what it needs, into .venv, and says nothing when that is there already.
# PYTHON=/path/to/python chooses the interpreter that .venv is made with.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PYTHON ?=
ARGS ?=

.PHONY: help
help: ## Say what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "  make %-9s %s\n", $$1, $$2 }'

.PHONY: install
install: $(STAMP) ## Install everything into .venv (the other targets do so by themselves)
	@:

.PHONY: demo
demo: $(STAMP) ## Start a service, train a model on real data, predict, draw its learning curve
	@$(BIN)/python examples/demo.py $(ARGS)

.PHONY: run
run: $(STAMP) ## Start the service on localhost:50051 (ARGS="--data-dir DIR ...")
	@exec $(BIN)/bessemer-server $(ARGS)

.PHONY: test
test: $(STAMP) ## Run every test, a process on each core (ARGS="tests/unit -k name" for some)
	@$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile --durations 20 --durations-min 15 $(ARGS)

.PHONY: torture
torture: $(STAMP) ## Run every test, the long ones too
	@$(BIN)/python -m pytest -m "long or not long" $(ARGS)

.PHONY: lint
lint: $(STAMP) ## Check style, types, imports, protos, stubs, compose file and rendered docs
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --quiet --check . || { $(BIN)/ruff format --diff . ; exit 1; }
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@PATH="$(CURDIR)/$(BIN):$$PATH" buf lint
	@$(BIN)/python -m tools.generate_stubs --check
	@$(BIN)/python -m tools.render_states --check
	@$(BIN)/check-jsonschema --quiet --builtin-schema vendor.compose-spec docker-compose.yml
	@echo "lint: all is well"

.PHONY: format
format: $(STAMP) ## Bring the code into its form, and mend what can be mended
	@$(BIN)/ruff check --quiet --fix-only .
	@$(BIN)/ruff format --quiet .

.PHONY: protos
protos: $(STAMP) ## Generate the stubs from protos/
	@$(BIN)/python -m tools.generate_stubs

.PHONY: docs
docs: $(STAMP) ## Render the pages that come from the code
	@$(BIN)/python -m tools.render_states

.PHONY: bench
bench: $(STAMP) ## Measure, and write benchmarks/results/ (ARGS="start import" for some figures)
	@$(BIN)/python -m benchmarks.bench $(ARGS)

.PHONY: accuracy
accuracy: $(STAMP) ## Train the models on real data and write docs/accuracy.md (ARGS="--dataset-dir DIR")
	@$(BIN)/python -m benchmarks.accuracy $(ARGS)

.PHONY: lock
lock: $(STAMP) ## Pin every dependency in constraints.txt (ARGS=--upgrade takes the newest)
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-annotate --no-header --no-emit-index-url \
		--extra dev pyproject.toml --output-file constraints.txt $(ARGS)

.PHONY: clean
clean: ## Remove .venv and every cache
	@rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis build dist *.egg-info

# Done again when the dependencies change. uv installs many times faster than pip, and is pinned like the rest; but it
# leaves the compiling to the first import, and where PYTHONDONTWRITEBYTECODE is set to each: torch then takes twice as
# long to import, the server three times as long to start.
$(STAMP): pyproject.toml constraints.txt
	@if [ ! -x $(BIN)/uv ]; then \
		python=$$(tools/find_python $(PYTHON)) || exit 1; \
		echo "Installing into $(VENV) with $$python: a few minutes the first time ..."; \
		"$$python" -m venv $(VENV) && \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt uv; \
	fi
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --constraint constraints.txt --editable '.[dev]'
	@$(BIN)/python -m compileall -q -q -j 0 -x "/tests?/" $(VENV)/lib client server || true  # some packages carry code of other Pythons
	@touch $@
