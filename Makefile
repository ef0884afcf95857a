.DEFAULT_GOAL := help
VENV ?= .venv
PYTHON ?= python3
BIN := $(VENV)/bin
READY := $(VENV)/.ready
DOCS_READY := $(VENV)/.docs
ARGS ?=
RUN_TESTS := $(BIN)/python -m pytest

help: ## Show this help
	@grep -hE '^[a-z-]+:.*?## ' $(MAKEFILE_LIST) | awk 'BEGIN {FS = ":.*?## "} {printf "  make %-12s %s\n", $$1, $$2}'

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[dev]"
	@touch $@

setup: $(READY) ## Make .venv and install everything, at the versions of constraints.txt

train: $(READY) ## Train: make train ARGS="experiment=quick"
	$(BIN)/python train.py $(ARGS)

evaluate: $(READY) ## Translate and score the newest finished run: make evaluate ARGS="run=DIR"
	$(BIN)/python evaluate.py $(ARGS)

check: $(READY) ## Lint, format and types, without tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test: check ## Everything that must hold before a change is shared (ruff, mypy, pytest)
	OMP_NUM_THREADS=1 $(RUN_TESTS) -n 2 --dist loadfile $(ARGS)

test-slow: $(READY) browser ## The tests that take long: every combination, the browser, planted bugs
	BROWSER_REQUIRED=1 OMP_NUM_THREADS=1 $(RUN_TESTS) -m slow -n 2 $(ARGS)
	$(BIN)/python scripts/planted_bugs.py

# Chromium and its driver come from the system's packages, which need root where they are missing.
browser: ## Install Chromium for the tests of pages
	@command -v chromedriver >/dev/null || (apt-get update -q && apt-get install -y -q chromium chromium-driver)

test-browser: $(READY) browser ## The tests of pages in Chromium, none of which is skipped
	BROWSER_REQUIRED=1 OMP_NUM_THREADS=1 $(RUN_TESTS) -m slow tests/report/test_browser.py tests/runs_report/test_browser.py $(ARGS)

verify-resume: $(READY) ## Kill and resume short runs, over a hundred times, and compare (half an hour)
	$(BIN)/python scripts/verify_resume_settings.py $(ARGS)

verify-kills: $(READY) ## Kill a short run at each of its file operations, and resume it (an hour)
	OMP_NUM_THREADS=1 $(BIN)/python scripts/kill_at_each_write.py $(ARGS)

soak: $(READY) ## Two hours of training with a kill every one to three minutes
	$(BIN)/python scripts/soak.py $(ARGS)

$(DOCS_READY): $(READY)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[docs]"
	@touch $@

docs: $(DOCS_READY) ## Build the documentation site in build/docs; a broken link is an error
	$(BIN)/sphinx-build -W --keep-going -n -q -d build/doctrees docs build/docs

# Each rival has an environment of its own, because their requirements exclude each other.
PEERS ?= .peers
PEER_marian := torch==2.13.0 transformers==5.23.0
PEER_joeynmt := torch==2.13.0 joeynmt==2.3.0 importlib_metadata==10.2.0 packaging==26.4 sentencepiece==0.2.1
PEER_eole := torch==2.13.0 eole==0.6.4 aiohttp==3.14.5
PEER_ctranslate2 := ctranslate2==4.8.5 sentencepiece==0.2.3

$(PEERS)/%/.ready:
	$(PYTHON) -m venv $(PEERS)/$*
	$(PEERS)/$*/bin/python -m pip install --quiet $(PEER_$*)
	@touch $@

bench-peers: $(PEERS)/marian/.ready $(PEERS)/joeynmt/.ready $(PEERS)/eole/.ready $(PEERS)/ctranslate2/.ready ## Install the rivals of `seq2seq bench` below .peers, each by itself

format: $(READY) ## Rewrite the code as the formatter wants it
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.PHONY: help setup train evaluate check test test-slow browser test-browser verify-resume verify-kills soak docs bench-peers format
