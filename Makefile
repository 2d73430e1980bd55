# Everything starts here. `make up` runs the product, `make demo` shows it, `make test` proves it.

.DEFAULT_GOAL := help
# The first of these that is Python 3.11 or newer; PYTHON=/path/to/python names another.
ifndef PYTHON
PYTHON := $(shell for python in python3.11 python3.12 python3.13 python3; do \
    "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$python" && break; done)
endif
VENV ?= .venv
BIN := $(VENV)/bin
ARGS ?=
# Tests that a run leaves out or repeats can be named: make test PYTEST='-k mirror'
PYTEST ?=
PROCESSES ?= auto

.PHONY: help up down demo test test-all test-dramatiq2 test-azure lint bench faults fuzz docs clean

help: ## Say what there is
	@grep -hE '^[a-z0-9-]+:.*## ' $(firstword $(MAKEFILE_LIST)) | sed 's/:.*## /\t/' | expand -t 16

# One stamp for each set of extras; a change of the requirements makes it anew.
$(VENV)/.made: setup.cfg
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed: make PYTHON=..." >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/.made-test: $(VENV)/.made
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test,lint]'
	@touch $@

$(VENV)/.made-bench: $(VENV)/.made-test
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[bench]'
	@touch $@

$(VENV)/.made-docs: $(VENV)/.made
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[docs]'
	@touch $@

up: $(VENV)/.made ## Run the platform; ARGS='--detach' and others are passed on
	@exec $(BIN)/pulp-actor up $(ARGS)

down: $(VENV)/.made ## Stop a platform that was started with --detach
	@exec $(BIN)/pulp-actor down $(ARGS)

demo: $(VENV)/.made ## From nothing to a mirrored and served repository, and away again
	@exec $(BIN)/pulp-actor demo $(ARGS)

test: $(VENV)/.made-test ## All tests, with a PostgreSQL server of their own
	@$(BIN)/python -m pytest -n $(PROCESSES) --dist loadfile $(PYTEST)

test-all: ## The tests on each interpreter from 3.11 to 3.13 that is found
	@tests/on-each-python $(PYTEST)

test-dramatiq2: ## The queue's tests on dramatiq 2
	@PYTHON="$(PYTHON)" tests/with-dramatiq2 -n $(PROCESSES) --dist loadfile $(PYTEST)

test-azure: $(VENV)/.made-test ## Object storage on Azurite, which is fetched from npm (needs Node.js)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[azure]'
	@npm install --silent --no-audit --no-fund --prefix $(VENV)/azurite azurite
	@PATH="$(CURDIR)/$(VENV)/azurite/node_modules/.bin:$$PATH" $(BIN)/python -m pytest -n 0 \
		tests/integration/content/test_object_storage.py $(PYTEST)

lint: $(VENV)/.made-test ## ruff, mypy, import-linter
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/.made-bench ## Measure; figures go to docs/figures
	@for module in tests/bench/*_bench.py; do \
		$(BIN)/python -m "$$(echo "$${module%.py}" | tr / .)" $(ARGS) || exit 1; \
	done

faults: $(VENV)/.made-test ## Kill, stop and cut off things while work is going on
	@$(BIN)/python -m pytest tests/faults -p no:randomly $(PYTEST)

fuzz: $(VENV)/.made-test ## Throw nonsense at the API, within bounds
	@$(BIN)/python -m pytest tests/fuzz -p no:randomly $(PYTEST)

docs: $(VENV)/.made-docs ## Build the documentation; every link must lead somewhere
	@$(BIN)/mkdocs build --strict

clean: ## Remove what was built
	rm -rf $(VENV) .venv-3.* build dist *.egg-info site .pytest_cache .ruff_cache .mypy_cache .import_linter_cache
