# The project's commands. All that they need beyond make and Python 3.11 they install into .venv and node_modules.

VENV    := .venv
BIN     := $(VENV)/bin
STAMP   := $(VENV)/.installed
CLIENTS := tests/clients
NODE_STAMP := $(CLIENTS)/node_modules/.installed
TOOLS_STAMP := $(VENV)/.tools
FAUXTON := build/fauxton
PYTHONS := python3.11 python3.12 python3.13 python3.14 python3 python

DATA ?= docstore-data
PORT ?= 5984
ARGS ?=
# How long a soak or a comparison lasts, and its seed: another one each time if there is none.
SECONDS ?= 300
SEED ?=
# A CouchDB to compare with, and after how many requests to stop, if not after SECONDS.
PEER ?=
REQUESTS ?=
# Tests run in as many processes as there are cores; WORKERS= runs them in one.
WORKERS ?= -n auto --maxprocesses 4 --dist worksteal

# What Python has compiled is kept, whatever the shell says of it: tests start the program many hundred times.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help serve test test-long soak differ check format bench clean

help:
	@echo "make serve      start a server (PORT=$(PORT) DATA=$(DATA) ARGS='--log-level debug')"
	@echo "make test       the tests (ARGS='-k name' for some of them)"
	@echo "make test-long  all tests, also those that take minutes"
	@echo "make soak       load, kills, full disks and set-backs, compared with a model (SECONDS=$(SECONDS) SEED=)"
	@echo "make differ     the same random requests to docstore and to a CouchDB (PEER=http://user:password@host:port REQUESTS= SEED=)"
	@echo "make check      format, lint, types, layering"
	@echo "make format     put the code into its format"
	@echo "make bench      the figures, as a Markdown table"
	@echo "make clean      remove everything that make installed or built"

serve: $(STAMP)
	$(BIN)/docstore serve --port $(PORT) --data $(DATA) $(ARGS)

test: $(STAMP) $(NODE_STAMP) $(TOOLS_STAMP) $(FAUXTON)
	$(BIN)/python -m pytest $(WORKERS) $(ARGS)

test-long: $(STAMP) $(NODE_STAMP) $(TOOLS_STAMP) $(FAUXTON)
	$(BIN)/python -m pytest -m alone $(ARGS)
	$(BIN)/python -m pytest $(WORKERS) -m "(long or not long) and not alone" -o faulthandler_timeout=3600 --hypothesis-profile=long $(ARGS)

soak: $(STAMP)
	$(BIN)/python -m tests.soak --seconds $(SECONDS) $(if $(SEED),--seed $(SEED)) $(ARGS)

differ: $(STAMP)
	@[ -n "$(PEER)" ] || { echo "PEER=http://user:password@host:port of a CouchDB is missing" >&2; exit 2; }
	$(BIN)/python -m tests.differential $(PEER) --seconds $(SECONDS) $(if $(REQUESTS),--requests $(REQUESTS)) \
		$(if $(SEED),--seed $(SEED)) $(ARGS)

check: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/test_layering.py

format: $(STAMP)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(STAMP) $(TOOLS_STAMP)
	$(BIN)/python -m bench $(ARGS)

clean:
	rm -rf $(VENV) $(CLIENTS)/node_modules build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find docstore tests bench -name __pycache__ -type d -prune -exec rm -rf {} +

# The environment: made by the first Python that is new enough, renewed whenever pyproject.toml changes.
$(STAMP): pyproject.toml
	@if [ ! -x $(BIN)/python ]; then \
		for python in $(PYTHONS); do \
			if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
				echo "making $(VENV) with $$python"; $$python -m venv $(VENV) && break; \
			fi; \
		done; \
		[ -x $(BIN)/python ] || { echo "docstore needs Python 3.11 or newer, with its venv module" >&2; exit 1; }; \
	fi
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

# Client libraries of the JavaScript world. Without npm their tests are skipped.
$(NODE_STAMP): $(CLIENTS)/package.json $(CLIENTS)/package-lock.json
	@if ! command -v npm >/dev/null 2>&1; then \
		echo "npm is missing; the JavaScript clients are not tested" >&2; \
	elif npm ci --prefix $(CLIENTS) --no-fund --no-audit --loglevel=error; then \
		touch $@; \
	else \
		echo "npm failed; the JavaScript clients are not tested" >&2; \
	fi

# A built Fauxton, CouchDB's own page, for the tests that use one. Without npm they are skipped.
$(FAUXTON):
	@mkdir -p $(@D)
	@if ! command -v npm >/dev/null 2>&1; then \
		echo "npm is missing; Fauxton is not tested" >&2; \
	elif npm pack fauxton@1.2.6 --silent --pack-destination $(@D) >/dev/null && mkdir -p $@ \
		&& tar -xzf $(@D)/fauxton-1.2.6.tgz -C $@ --strip-components=1; then \
		rm $(@D)/fauxton-1.2.6.tgz; \
	else \
		rm -rf $@; echo "npm failed; Fauxton is not tested" >&2; \
	fi

# Programs from Debian: wrk for the bench, strace for the test that a sync precedes each acknowledgement, a browser for the page.
$(TOOLS_STAMP): $(STAMP)
	@for tool in wrk strace chromium; do \
		command -v $$tool >/dev/null 2>&1 && continue; \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then \
			DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $$tool >/dev/null 2>&1 \
			|| { apt-get update -qq >/dev/null 2>&1 && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $$tool >/dev/null 2>&1; } \
			|| echo "$$tool could not be installed; what needs it is skipped" >&2; \
		else \
			echo "$$tool is missing; what needs it is skipped" >&2; \
		fi; \
	done
	@touch $@
