# Everything a person or CI does here. `make help` lists it.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
DATA ?= ../shared/data
OUT ?= out
CORE := $(VENV)/.core
DEV := $(VENV)/.dev

.DEFAULT_GOAL := help
.PHONY: help setup demo check format test test-all calibrate bench scores clean

help: ## Show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: $(CORE) ## Make .venv with the imuge command in it (no torch)

$(CORE): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --constraint constraints.txt --editable .
	touch $@

$(DEV): $(CORE)
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev,train,heif,bench,openvino]'
	touch $@

demo: setup ## Immunize, tamper, re-save as JPEG 70 and verify a bundled photograph
	$(BIN)/imuge demo --out $(OUT)/demo

check: $(DEV) ## Lint, format and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(DEV) ## Put the code into our format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

test: $(DEV) ## The tests that take minutes
	$(BIN)/pytest

test-all: $(DEV) ## All tests, the slow ones too
	$(BIN)/pytest -m ""

calibrate: $(DEV) ## Set the release's working point on training pictures
	$(BIN)/imuge calibrate --data $(DATA)/train

bench: $(DEV) ## Measure the release on the validation pictures, into docs/scores; an hour
	$(BIN)/python -m imuge.bench.acceptance --data $(DATA)/validation --out docs/scores
	$(BIN)/python -m imuge.bench.alarms --data $(DATA)/validation --out docs/scores
	$(BIN)/python -m imuge.bench.speed --out docs/scores

scores: $(DEV) ## Put docs/scores into the README, the model card and the record
	$(BIN)/python scripts/update_scores.py

clean: ## Remove what these commands made
	rm -rf $(VENV) $(OUT) build dist .mypy_cache .ruff_cache .pytest_cache
