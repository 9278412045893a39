# `make` or `make help` lists what there is.
.DEFAULT_GOAL := help
.PHONY: help run test lint format bench clean environment environment-dev chromium
SHELL := /bin/sh
PY := .venv/bin/python
# Byte code is kept, whatever the shell says: the second start is the quick one.
unexport PYTHONDONTWRITEBYTECODE

help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: environment ## Start the whole site; the first time it installs, imports MNIST and trains
	@exec $(PY) manage.py up

test: environment-dev chromium lint ## Everything: lint, then all tests, on PostgreSQL too where one answers
	@$(PY) -m tests.run

lint: environment-dev ## Style, layers, migrations, deployment checks
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@.venv/bin/lint-imports --no-cache
	@$(PY) -m tests.checks

format: environment-dev ## Rewrite the code in the house style
	@$(PY) -m ruff check --fix .
	@$(PY) -m ruff format .

bench: environment ## Measure what the README claims (long); BENCH=training for one
	@for script in benchmarks/$(or $(BENCH),*).py; do echo "== $$script"; $(PY) $$script || exit 1; done

clean: ## Remove the environment and caches; what people made stays in var/
	@rm -rf .venv .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

environment:
	@sh setup.sh base

environment-dev:
	@sh setup.sh base dev

chromium: environment-dev
	@sh tests/chromium.sh
