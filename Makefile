# Everything a person or CI does here. `make help` lists it.
# The first of these that is there and new enough (3.11), unless you name one: make setup PYTHON=...
PYTHON ?= $(shell for python in python3.13 python3.12 python3.11 python3 python; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
VENV := .venv
BIN := $(VENV)/bin
DATA ?= ../shared/data
OUT ?= out
NEXT ?= ../imuge-train-next
RELEASE ?= $(firstword $(wildcard src/imuge/weights/lab.*))
CORE := $(VENV)/.core
DEV := $(VENV)/.dev
SERVE := $(VENV)/.serve
DOCS := $(VENV)/.docs

.DEFAULT_GOAL := help
.PHONY: help setup demo serve check format browser postgres test test-all docs calibrate bench scores clean \
  train-next train-status train-pause

help: ## Show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: $(CORE) ## Make .venv with the imuge command in it (no torch)

$(CORE): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo 'imuge needs Python 3.11 or newer, and none was found; name one: make setup PYTHON=/path/to/python3' >&2; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --constraint constraints.txt --editable .
	touch $@
	@echo 'The command is $(BIN)/imuge; try: $(BIN)/imuge doctor'

$(SERVE): $(CORE)
	$(BIN)/pip install --constraint constraints.txt --editable '.[serve]'
	touch $@

# Most of what these packages hold is never imported here: it is compiled when it is.
$(DEV): $(CORE)
	$(BIN)/pip install --no-compile --constraint constraints.txt --editable '.[dev,docs,train,heif,deep,bench,openvino,serve,ray,registry,postgres,c2pa]'
	touch $@

$(DOCS): $(CORE)
	$(BIN)/pip install --constraint constraints.txt --editable '.[docs,serve]'
	touch $@

demo: setup ## Immunize, tamper, scale, re-save as JPEG and verify a bundled photograph
	$(BIN)/imuge demo --out $(OUT)/demo

serve: $(SERVE) ## Run the service and its page on http://127.0.0.1:8000
	$(BIN)/imuge serve

check: $(DEV) ## Lint, format and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(DEV) ## Put the code into our format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

browser: ## Debian's Chromium for the tests of the page, installed where root may
	@{ command -v chromium && command -v chromedriver; } >/dev/null || if [ "$$(id -u)" = 0 ] && command -v apt-get; then \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends \
	    chromium chromium-driver fonts-dejavu-core; \
	else echo 'No chromium and chromedriver: the tests of the page are skipped.'; fi

postgres: ## Debian's PostgreSQL for the tests of the registry, installed where root may
	@{ ls /usr/lib/postgresql/*/bin/initdb || command -v initdb; } >/dev/null 2>&1 || if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends postgresql; \
	else echo 'No PostgreSQL: the tests of the registry on a server are skipped.'; fi

test: $(DEV) browser postgres ## The tests that take minutes
	$(BIN)/pytest -n 2 --dist loadfile

test-all: $(DEV) browser postgres ## All tests, the slow ones too
	$(BIN)/pytest -m ""

docs: $(DOCS) ## Build the pages into out/docs; warnings are errors
	$(BIN)/sphinx-build --quiet --nitpicky --fail-on-warning --keep-going docs $(OUT)/docs
	@echo "open $(OUT)/docs/index.html"

calibrate: $(DEV) ## Set the release's working point on pictures that no network was trained on
	$(BIN)/python scripts/fetch_photographs.py --only calibration --out $(OUT)
	$(BIN)/imuge calibrate --data $(OUT)/calibration/squares --whole $(OUT)/calibration/whole \
	  --pictures 80 --bound 0.025

train-next: $(DEV) ## Start the next networks' training beside other work, in $(NEXT), or go on with it
	$(BIN)/python -m imuge.train.background start --config configs/imuge_next.toml --init $(RELEASE) \
	  --data $(DATA)/train --validate $(DATA)/validation --out $(NEXT)

train-status: $(DEV) ## How far that training is, and how good beside the release
	$(BIN)/python -m imuge.train.background status --out $(NEXT)

train-pause: $(DEV) ## Stop it after its step, with a checkpoint, for measurements of speed
	$(BIN)/python -m imuge.train.background pause --out $(NEXT)

bench: $(DEV) ## Measure the release on the validation pictures, into docs/scores; hours
	$(BIN)/python -m imuge.bench.copies --data $(DATA)/large --out docs/scores
	$(BIN)/python -m imuge.bench.geometry --data $(DATA)/large --out docs/scores
	$(BIN)/python -m imuge.bench.content --data $(DATA)/validation --out docs/scores
	$(BIN)/python -m imuge.bench.recovery --data $(DATA)/train --pictures 8 --out docs/scores
	$(BIN)/imuge bench --data $(DATA)/validation --out $(OUT)/bench
	$(BIN)/imuge bench --data $(DATA)/validation --out $(OUT)/peers --grid quick --pictures 8 --peers all
	cp $(OUT)/bench/bench.json docs/scores/bench.json
	cp $(OUT)/peers/bench.json docs/scores/peers.json
	$(BIN)/imuge bench security --data $(DATA)/validation --out docs/scores
	$(BIN)/imuge bench presence --data $(DATA)/validation --out docs/scores
	$(BIN)/python -m imuge.bench.secrecy --data $(DATA)/validation --out docs/scores
	$(BIN)/python -m imuge.bench.speed.commands --out docs/scores --baseline f05562d
	$(BIN)/python -m imuge.bench.speed.throughput --data $(DATA)/validation --out docs/scores --page docs/capacity.md

scores: $(DEV) ## Put docs/scores into the README, the model card and the record
	$(BIN)/python scripts/update_scores.py

clean: ## Remove what these commands made
	rm -rf $(VENV) $(OUT) build dist .mypy_cache .ruff_cache .pytest_cache
