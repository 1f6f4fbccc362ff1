# One command each. Every one does its own set-up in .venv; nothing outside this folder is touched.
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do \
	command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready-$(shell cksum < requirements.lock | cut -d' ' -f1)
export PYTHONPATH := $(CURDIR):$(CURDIR)/plugins
# Compiled modules are kept, inside .venv: each of Airflow's many processes would else compile for seconds.
export PYTHONPYCACHEPREFIX := $(CURDIR)/$(VENV)/.pycache
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo airflow doctor explain erase test lint format lock audit licences bench torture screenshots clean

help: ## list the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-11s %s\n", $$1, $$2}'

$(READY):
	@test -n "$(PYTHON)" || { echo "Python 3.11, 3.12 or 3.13 is needed: install it, or say 'make PYTHON=/path/to/python3.11 …'"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing the locked environment into $(VENV) (once)…"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check "uv==0.13.9"
	@$(BIN)/uv pip sync --quiet --python $(BIN)/python --require-hashes requirements.lock
	@rm -f $(VENV)/.ready-* && touch $@

demo: $(READY) ## the whole product on a simulated shop: three daily syncs and the newsletter
	@$(BIN)/python -m tools.demo

airflow: $(READY) ## Airflow's UI and scheduler with the sandbox; stays up until Ctrl-C
	@$(BIN)/python -m tools.airflow_local

doctor: $(READY) ## look the set-up over: connections, rights, fields, domain, clocks …, and what to do
	@$(BIN)/python -m tools.beside tools.doctor

explain: $(READY) ## one record on both sides, and why: RECORD=<e-mail, product id or order id>
	@$(BIN)/python -m tools.beside tools.explain

erase: $(READY) ## remove a person and keep them out of later writes; asks for the address (way back: UNDO=1)
	@$(BIN)/python -m tools.beside tools.erase

test: $(READY) ## the whole test suite
	@$(BIN)/python -m pytest --numprocesses auto --dist loadscope --no-loadscope-reorder

lint: $(READY) ## format, lint, types, import contracts
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: $(READY) ## write the code in the house style
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix .

lock: $(READY) ## resolve all dependencies anew into requirements.lock and what images install
	@$(BIN)/uv pip compile pyproject.toml --group sandbox --group deploy --group dev --universal --python-version 3.11 \
		--generate-hashes --no-header --no-emit-index-url --no-emit-find-links --output-file requirements.lock --quiet $(LOCK_FLAGS)
	@$(BIN)/python -m tools.requirements
	@echo "Next: make licences, once the new lock is installed"

audit: $(READY) ## known vulnerabilities of the locked packages, from osv.dev (exit status: 0 none, 1 some, 3 not reachable)
	@$(BIN)/python -m tools.audit

licences: $(READY) ## write docs/licences.md from the metadata of what the image installs
	@$(BIN)/python -m tools.licences

bench: $(READY) ## calls, records a second and peak memory for each pipeline (options: BENCH="contacts --records 1000000")
	@$(BIN)/python -m tools.bench $(BENCH)

torture: $(READY) ## what is tried against the sync, and what holds, as tables (some kinds: TORTURE="hostile canaries")
	@$(BIN)/python -m tools.torture $(TORTURE)

screenshots: $(READY) ## draw the pictures of the docs anew (needs a Chromium on this machine)
	@$(BIN)/python -m tools.screenshots

clean: ## remove the environment and everything that the commands made
	@rm -rf $(VENV) .airflow .sandbox build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
