# `make demo` and `make test` install all they need into .venv; nothing else is required but
# Python 3.10+ with venv.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: demo example test lint unit integration test-engines test-lowest docs wheel soak clean

TELL := -c 'import sys; print("%d.%d" % sys.version_info[:2])'
VERSION := $(shell $(PYTHON) $(TELL) 2>/dev/null)
ifneq ($(VERSION),$(shell $(BIN)/python $(TELL) 2>/dev/null))
# No environment yet, or one of another Python: it is made anew.
.PHONY: $(VENV)/.demo $(VENV)/.dev
ANEW := $(PYTHON) -m venv --clear $(VENV)
endif

$(VENV)/.demo: pyproject.toml
	@case '$(VERSION)' in 3.[1-9][0-9]) ;; *) \
		echo "This needs Python 3.10 or newer, and $(PYTHON) is $(or $(VERSION),not there): \
	say which, e.g. make $(or $(MAKECMDGOALS),demo) PYTHON=python3.12" >&2; exit 1;; esac
	$(ANEW)
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[embedded,hiredis]'
	touch $@

$(VENV)/.dev: $(VENV)/.demo
	$(BIN)/python -m ensurepip --upgrade >/dev/null
	$(BIN)/pip install --quiet --disable-pip-version-check 'pip>=25.1'
	$(BIN)/pip install --quiet --disable-pip-version-check --group test --group lint
	touch $@

# make demo ASK=1 goes on reading questions from the keyboard;
# make demo DATA=folder keeps the entries, so that the next run starts warm.
demo: $(VENV)/.demo
	$(BIN)/python examples/quickstart.py $(if $(ASK),--ask) $(if $(DATA),--data $(DATA))

# make example NAME=rag runs one of examples/.
example: $(VENV)/.dev
	$(BIN)/python examples/$(NAME).py

test: lint unit integration

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

unit: $(VENV)/.dev
	$(BIN)/python -m pytest tests -q

# Uses the server at REDIS_URL where that is set, else an embedded one.
integration: $(VENV)/.dev
	$(BIN)/python -m pytest integration_tests -q

# The integration tests on Valkey from a wheel or from Debian with the search module of the usual
# server, and on what SEMCACHE_TEST_VALKEY and SEMCACHE_TEST_CLUSTER name.
test-engines: $(VENV)/.dev
	$(BIN)/pip install --quiet --disable-pip-version-check --group engines
	$(BIN)/python -m integration_tests.engines

# Traffic from several processes under random faults: MINUTES=10 by default.
MINUTES ?= 10
soak: $(VENV)/.dev
	$(BIN)/python -m integration_tests.soak --minutes $(MINUTES)

# The lowest versions that pyproject.toml admits, in an environment of their own.
test-lowest: $(VENV)/.dev
	$(BIN)/pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv venv --quiet --clear --python $(PYTHON) $(VENV)-lowest
	$(BIN)/uv pip install --quiet --python $(VENV)-lowest/bin/python --resolution lowest-direct \
		--editable '.[embedded,hiredis,cli,agents,otel,prometheus]' --group test
	$(VENV)-lowest/bin/python -m pytest tests integration_tests -q

# The documentation site, in build/site; a warning, a dead link or a page without a place is an error.
docs: $(VENV)/.dev
	$(BIN)/pip install --quiet --disable-pip-version-check --group docs
	$(BIN)/python docs/stage.py build/pages
	$(BIN)/zensical build --strict --clean

wheel: $(VENV)/.dev
	$(BIN)/pip install --quiet --disable-pip-version-check build
	$(BIN)/python -m build --outdir dist .

clean:
	rm -rf $(VENV) $(VENV)-lowest build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
