# One door for every everyday task. `make` lists them.
PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3.13 || command -v python3)
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.synced
CORPUS ?=
ONLY   ?=

.DEFAULT_GOAL := help
.PHONY: help sync java demo test test-fast faults check format bench lock clean

help:  ## This list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or newer is needed, found $$($(PYTHON) --version). Set PYTHON=/path/to/python3.11"; exit 1; }
	@echo "Setting up $(VENV) from requirements.lock (a minute or two, once)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(STAMP)

sync: $(STAMP)  ## Make .venv from the lock file

java: $(STAMP)  ## Fetch a Java 17 for this user, and say what JAVA_HOME to set
	@$(BIN)/python -c 'import jdk; print("export JAVA_HOME=" + jdk.install("17", jre=True))'

demo: $(STAMP)  ## The whole line on a spoken demo archive (CORPUS=/path/to/RAVDESS for real voices)
	@BIN=$(BIN) CORPUS="$(CORPUS)" bash deploy/demo/run.sh

test: $(STAMP)  ## All tests
	@$(BIN)/python -m pytest -q

test-fast: $(STAMP)  ## The tests that need no Java, under a minute
	@$(BIN)/python -m pytest -q -n auto --dist loadfile -m "not spark and not slow"

faults: $(STAMP)  ## Damaged files, kills, torn reads and thirty nights (over an hour); writes build/faults.json
	@$(BIN)/python -m tests.faults.fuzz
	@$(BIN)/python -m tests.faults.kills
	@$(BIN)/python -m tests.faults.torn_reads
	@$(BIN)/python -m tests.faults.nights
	@$(BIN)/python -m tests.faults.isolation_cost

check: $(STAMP)  ## Lint, types, layer rules
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/python -m pytest -q tests/unit/test_layers.py

format: $(STAMP)  ## Format the code
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: $(STAMP)  ## How fast it is, beside its peers, on this machine (needs SER_CORPORA; ONLY=name,name)
	@$(BIN)/python -m tests.benchmarks.run --only "$(ONLY)"

lock:  ## Make requirements.lock anew (needs uv on PATH)
	@printf 'pyspark>=4.1,<4.2\n' > .lock-constraints && uv pip compile -q --universal --python-version 3.11 \
	  --generate-hashes --no-emit-index-url --no-emit-find-links --no-header \
	  --extra demo --extra dev --extra search -c .lock-constraints pyproject.toml -o requirements.lock; rm -f .lock-constraints

clean:  ## Remove what runs have built
	@rm -rf build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
