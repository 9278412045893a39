# `make` or `make help` lists what there is.
.DEFAULT_GOAL := help
.PHONY: help run test chaos lint format bench clean environment environment-dev chromium
SHELL := /bin/sh
PY := .venv/bin/python
# Byte code is kept, whatever the shell says: that makes the second start the quick one.
unexport PYTHONDONTWRITEBYTECODE

# Settings of a production site, so that what they would complain about fails here. Nothing is
# written: the database is in memory.
PRODUCTION := DATABASE_URL=sqlite://:memory: DIGITSITE_HTTPS=1 DIGITSITE_HOSTS=digits.example.org \
	DIGITSITE_SECRET_KEY=only-to-check-the-settings-with-3y7Qm1xLr9TzWc5VnKd8Hs2J

# Repeated on PostgreSQL: all that neither draws in a browser nor waits for TensorFlow.
ON_POSTGRES := not browser and not tensorflow and (not processes or postgresql)

help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' Makefile

run: environment ## Start the whole site; the first time: install, import MNIST, train a model
	@exec $(PY) manage.py up

test: lint chromium ## Lint, then every test; on PostgreSQL too where one answers
	@url=$$($(PY) tests/find_postgres.py) || exit 1; \
	if [ -n "$$url" ]; then \
		echo "PostgreSQL answers: the database's share of the tests runs there first."; \
		DIGITSITE_TEST_POSTGRES_URL="$$url" $(PY) -m pytest -q -m "$(ON_POSTGRES)" \
			tests/training tests/inference tests/digitsite || exit 1; \
	else \
		echo "No PostgreSQL answers: set DIGITSITE_TEST_POSTGRES_URL to test on it too."; \
	fi
	@DIGITSITE_TEST_POSTGRES_URL= $(PY) -m pytest -q

chaos: environment-dev ## Kill, freeze and fill what trains, N=300 times, and judge what comes of it (long)
	@$(PY) -m tests.faults.chaos $(or $(N),300) $(if $(SEED),--seed $(SEED))

lint: environment-dev ## Style, layers, migrations, deployment checks
	@$(PY) -m ruff check --quiet .
	@$(PY) -m ruff format --check --quiet .
	@.venv/bin/lint-imports --no-cache --no-logo
	@$(PRODUCTION) $(PY) manage.py makemigrations --check --dry-run
	@$(PRODUCTION) $(PY) manage.py check --deploy --fail-level WARNING

format: environment-dev ## Rewrite the code in the house style
	@$(PY) -m ruff check --fix .
	@$(PY) -m ruff format .

bench: environment-dev ## Measure what the README claims (long); BENCH=training for one script
	@for script in benchmarks/$(or $(BENCH),*).py; do \
		echo "== $$script"; $(PY) -m benchmarks.$$(basename "$$script" .py) || exit 1; \
	done

clean: ## Remove the environment and the caches; what people made stays in var/
	@rm -rf .venv .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

environment:
	@sh setup.sh base

environment-dev:
	@sh setup.sh base dev

chromium:
	@[ -n "$$DIGITSITE_TEST_CHROMIUM" ] || command -v chromium >/dev/null 2>&1 || \
	command -v chromium-browser >/dev/null 2>&1 || command -v google-chrome >/dev/null 2>&1 || { \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then \
			echo "Installing Chromium for the browser tests ..."; \
			apt-get update -qq && apt-get install -qq -y --no-install-recommends chromium >/dev/null; \
		else \
			echo "The browser tests need Chromium: install it (Debian, Ubuntu: apt install chromium)."; \
			exit 1; \
		fi; }
