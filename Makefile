# Two commands for a newcomer: `make demo` and `make test`. Each sets up what it needs.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(CURDIR)/node_modules/.bin:$(PATH)
export PYTHONUNBUFFERED := 1

.PHONY: help demo test check bench model evolve image lock setup contracts clean

help: ## what can be made
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

demo: setup ## one agent lives from birth to an audited end, here and now
	@$(BIN)/forager demo $(ARGS)

test: setup .stamps/train .stamps/interop ## every test, Anvil, llama.cpp and IPFS included
	@$(BIN)/python -m pytest $(ARGS)

check: setup .stamps/train ## format, lint, types, imports, contracts
	@echo "— format"; $(BIN)/ruff format --check .
	@echo "— lint"; $(BIN)/ruff check .
	@echo "— types"; $(BIN)/mypy
	@echo "— imports"; $(BIN)/lint-imports
	@echo "— contracts"; $(BIN)/python contracts/build.py --check

bench: setup .stamps/train ## speed and size, written to bench/results.json
	@$(BIN)/python bench/run.py $(ARGS)

model: setup .stamps/train ## rebuild the small model that ships
	@$(BIN)/python -m finetune.generation0

evolve: setup .stamps/train ## breed generations from lives, and judge them; goes on where it was stopped
	@$(BIN)/forager-finetune run --out $(or $(OUT),evolution) $(ARGS)

contracts: setup ## rebuild the committed artifacts
	@$(BIN)/python contracts/build.py

image: ## build the container image and check it in a chroot (root, Debian; no engine needed)
	@scripts/build-image

lock: .stamps/python ## pin every package by hash again
	@$(BIN)/pip install --quiet "uv==$(UV)"
	@$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-package forager --no-header --no-emit-index-url --python-version 3.11 requirements.in -o requirements.lock
	@$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-package forager --no-header --no-emit-index-url --python-version 3.11 requirements-dev.in -o requirements-dev.lock
UV := 0.13.8

setup: .stamps/python .stamps/node
.stamps/python: requirements-dev.lock pyproject.toml scripts/setup-python
	@PYTHON="$(PYTHON)" scripts/setup-python
	@mkdir -p .stamps && touch $@
.stamps/node: package-lock.json .stamps/python scripts/setup-node
	@scripts/setup-node
	@mkdir -p .stamps && touch $@
.stamps/interop: tests/interop/package-lock.json tests/interop/.npmrc scripts/setup-interop | .stamps/node
	@scripts/setup-interop
	@mkdir -p .stamps && touch $@
.stamps/train: .stamps/python
	@echo "— training tools: torch 2.13.0 (the small model is checked against it), transformers and peft (for larger ones)"
	@$(BIN)/pip install --quiet --disable-pip-version-check torch==2.13.0 transformers==5.24.0 peft==0.21.2 accelerate==1.15.0
	@mkdir -p .stamps && touch $@

clean: ## forget everything that make has made
	rm -rf .venv node_modules tests/interop/node_modules .stamps contracts/out contracts/cache *.egg-info
