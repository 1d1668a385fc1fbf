# make serve   sets everything up and runs the chat     HOST=127.0.0.1 PORT=8000
# make test    sets everything up and runs every gate
# make help    names the parts of it

PYTHON ?= python3
HOST ?= 127.0.0.1
PORT ?= 8000

COVERED := engine hub protocols
VENV := .venv
BIN := $(VENV)/bin
PAGE_SOURCES := $(shell find apps/*/src apps/*/public apps/*/index.html apps/*/package-lock.json \
	apps/*/vite.config.ts apps/*/tsconfig.json -type f)
NATIVE_SOURCES := $(shell find src -name '_*.pyx' -o -name '_*.pxd')
# What _x.pxd makes machine code of is x.py.
NATIVE_SOURCES += $(wildcard $(patsubst %.pxd,%.py,$(subst /_,/,$(filter %.pxd,$(NATIVE_SOURCES)))))
BUILD_SOURCES := pyproject.toml setup.py MANIFEST.in $(wildcard tools/*.py) $(PAGE_SOURCES) \
	$(NATIVE_SOURCES)

export PIP_CONSTRAINT := requirements/constraints.txt
export PIP_BUILD_CONSTRAINT := $(PIP_CONSTRAINT)
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_QUIET := 1

.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help serve test setup check page-test unit live docs bench soak conformance fuzz sanitize lock clean

help:
	@sed -n 's/^# make/make/p' $(firstword $(MAKEFILE_LIST))
	@echo 'Parts of make test: check page-test unit live docs. After it: bench soak conformance fuzz sanitize lock clean.'

serve: $(VENV)/serve.stamp
	@exec $(BIN)/sennit serve --host "$(HOST)" --port "$(PORT)"

test: check page-test unit live docs
	@echo 'All of it passes.'

# -- setting up ------------------------------------------------------------------------------------

$(BIN)/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo 'Sennit needs Python 3.11 or newer; say which: make PYTHON=python3.12' >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV)

$(VENV)/serve.stamp: $(BIN)/pip requirements/constraints.txt $(BUILD_SOURCES)
	@echo 'Installing Sennit into $(VENV) and building its pages; the first time takes a minute.'
	@$(BIN)/pip install --editable .
	@$(BIN)/python -m tools.native
	@touch $@

$(VENV)/test.stamp: $(VENV)/serve.stamp $(wildcard requirements/*.in)
	@echo 'Installing what the tests need.'
	@$(BIN)/pip install --requirement requirements/test.in $$($(BIN)/python -m tools.node requirement)
	@touch $@

setup: $(VENV)/test.stamp

# -- the gates -------------------------------------------------------------------------------------

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

page-test: setup
	cd apps/chat && ../../$(BIN)/python ../../tools/node.py npm run check
	cd apps/chat && ../../$(BIN)/python ../../tools/node.py npm test

# No reactor and no sleep in these. The rooms that all else stands on are covered by them alone.
unit: setup
	$(BIN)/pytest --cov --cov-report= --ignore=tests/live --ignore=tests/docs
	@for room in $(COVERED); do \
		$(BIN)/coverage report --include="src/sennit/$$room/*" --fail-under=95 || exit 1; \
	done

# Real sockets, real servers, the SDKs as published, a real browser; and what the network does to a
# server, on every build and every reactor.
live: setup
	$(BIN)/python -m tools.debian chromium
	$(BIN)/pytest tests/live
	$(BIN)/python -m tools.matrix

docs: setup
	$(BIN)/sphinx-build -W --keep-going -n -q -b html docs build/docs
	$(BIN)/pytest tests/docs

# -- now and then ----------------------------------------------------------------------------------

# Autobahn|Testsuite against our server and client, installed from PyPI into build/conformance:
# make conformance ARGUMENTS=--quick
conformance: setup
	$(BIN)/python -m conformance $(ARGUMENTS)

# What Sennit costs, beside its peers (installed into build/bench) and bare C; it writes the tables of
# docs/performance.md: make bench ARGUMENTS=--quick
bench: setup
	$(BIN)/python -m bench $(ARGUMENTS)

# Whether anything stays behind after 200,000 connections and ten million messages:
# make soak ARGUMENTS=--program=sennit-pure
soak: setup
	$(BIN)/python -m bench.soak $(ARGUMENTS)

# Inputs that nobody would send, SECONDS for each target; guided by coverage where there is a build
# of atheris, else by Hypothesis.
SECONDS ?= 600

fuzz: setup
	@$(BIN)/pip install --no-warn-conflicts --only-binary :all: --upgrade \
		--target build/fuzzing/packages --requirement requirements/fuzzing.in \
		|| echo 'There is no build of atheris for this Python: Hypothesis does it.'
	$(BIN)/python -m fuzzing --seconds $(SECONDS) $(ARGUMENTS)

# The native modules under AddressSanitizer, and on a Python that counts references:
# make sanitize ARGUMENTS=tests/engine
sanitize: setup
	$(BIN)/python -m fuzzing.sanitizer $(ARGUMENTS)

# Pins what is installed as what everybody installs; run it in a fresh environment.
lock: setup
	$(BIN)/pip freeze --quiet --exclude-editable --exclude sennit > requirements/constraints.txt

clean:
	rm -rf $(VENV) build dist apps/*/node_modules src/sennit/web/pages
	find src -name '*.so' -delete
