# One command for each task. Each sets up .venv first. No command changes anything outside this folder.
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do \
	command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready-$(shell cksum < requirements.lock | cut -d' ' -f1)
NO_PACKAGES = echo "The packages cannot be installed. Check the network or the proxy (HTTPS_PROXY), or name your package \
index in PIP_INDEX_URL and UV_DEFAULT_INDEX; then run make again." >&2; exit 1
export PYTHONPATH := $(CURDIR):$(CURDIR)/plugins
# Keep compiled modules in .venv: otherwise each of Airflow's processes compiles for seconds.
export PYTHONPYCACHEPREFIX := $(CURDIR)/$(VENV)/.pycache
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo airflow doctor test-alert explain erase test lint format lock audit licences sbom docs bench cluster cluster-test torture screenshots clean

help: ## list the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

$(READY):
	@test -n "$(PYTHON)" || { echo "Python 3.11, 3.12 or 3.13 is needed: install it, or run 'make PYTHON=/path/to/python3.11 …'"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing the locked environment into $(VENV) (once)…"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check "uv==0.13.9" || { $(NO_PACKAGES); }
	@$(BIN)/uv pip sync --quiet --python $(BIN)/python --require-hashes requirements.lock || { $(NO_PACKAGES); }
	@rm -f $(VENV)/.ready-* && touch $@

demo: $(READY) ## run all four syncs on a simulated shop and print the reports
	@$(BIN)/python -m tools.demo

airflow: $(READY) ## start Airflow's UI and scheduler with the sandbox, until Ctrl-C
	@$(BIN)/python -m tools.airflow_local

doctor: $(READY) ## check connections, permissions, settings and clocks, and say what to do
	@$(BIN)/python -m tools.airflow_environment tools.doctor

test-alert: $(READY) ## send a test by every notifier of the alerts, and say which ones work
	@$(BIN)/python -m tools.airflow_environment tools.send_test_alert

explain: $(READY) ## show one record at VTEX and Connectif, and why: RECORD=<e-mail, product id or order id>
	@$(BIN)/python -m tools.airflow_environment tools.explain

erase: $(READY) ## erase a person and keep them out of later writes; asks for the address (to undo: UNDO=1)
	@$(BIN)/python -m tools.airflow_environment tools.erase

test: $(READY) ## run all tests (some: TESTS=tests/unit)
	@$(BIN)/python -m pytest --numprocesses auto --dist loadscope --no-loadscope-reorder $(TESTS)

lint: $(READY) ## check format, lint rules, types and import contracts
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: $(READY) ## format the code
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix .

lock: $(READY) ## resolve all dependencies into requirements.lock and the lists that images install
	@$(BIN)/uv pip compile pyproject.toml --group sandbox --group deploy --group s3 --group dev --universal --python-version 3.11 \
		--generate-hashes --no-header --no-emit-index-url --no-emit-find-links --output-file requirements.lock --quiet $(LOCK_FLAGS)
	@$(BIN)/python -m tools.requirements
	@echo "Next: make licences, once the new lock is installed"

audit: $(READY) ## ask osv.dev for known vulnerabilities of the locked packages
	@$(BIN)/python -m tools.audit

licences: $(READY) ## write docs/licences.md from the metadata of the image's packages
	@$(BIN)/python -m tools.licences

sbom: $(READY) ## write build/sbom.cdx.json: the image's Python packages with versions, hashes and licences
	@$(BIN)/python -m tools.sbom

docs: $(READY) ## print docs/reference from the code
	@$(BIN)/python -m tools.docs

bench: $(READY) ## measure calls, records a second and peak memory (options: BENCH="contacts --records 1000000")
	@$(BIN)/python -m tools.bench $(BENCH)

cluster: $(READY) ## run docker-compose.yaml without Docker: Celery, two workers, the sandbox, until Ctrl-C
	@$(BIN)/python -m tools.cluster

cluster-test: $(READY) ## kill workers, Redis and more of a cluster, and print a table (some trials: CLUSTER_TEST="redis broker")
	@$(BIN)/python -m tools.cluster.check $(CLUSTER_TEST)

torture: $(READY) ## try hostile answers, damaged files, kills and more, and print tables (some kinds: TORTURE="hostile canaries")
	@$(BIN)/python -m tools.torture $(TORTURE)

screenshots: $(READY) ## draw the pictures of the docs (needs Chromium on this machine)
	@$(BIN)/python -m tools.screenshots

clean: ## remove the environment and everything that the commands wrote
	@rm -rf $(VENV) .airflow .sandbox build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
