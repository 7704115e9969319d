# Works with GNU make 3.81 (macOS) and /bin/sh.
SHELL = /bin/sh
PY = .venv/bin/python
# The interpreter the environment is made from: make setup PYTHON=/path/to/python3.11
PYTHON =

.DEFAULT_GOAL = help
.PHONY: help setup java demo demo-year demo-resume test test-all lint types imports lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' Makefile

setup: .venv/.jars ## make the environment in .venv, with the Delta jars

demo: .venv/.jars ## run the loop on the flights of 2013, up to 1 July; starts clean
	@.venv/bin/lakeloop demo

demo-year: .venv/.jars ## the same up to 31 December, with a second model; starts clean
	@.venv/bin/lakeloop demo --year

demo-resume: .venv/.jars ## go on where the demo stopped
	@.venv/bin/lakeloop demo --resume

test: .venv/.jars ## run the tests, without the slow ones
	$(PY) -m pytest -m "not slow"

test-all: .venv/.jars ## run all tests
	$(PY) -m pytest

lint: .venv/.ready ## check style and format
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .

types: .venv/.ready ## check types
	$(PY) -m mypy

imports: .venv/.ready ## check who imports whom
	.venv/bin/lint-imports

lock: ## resolve requirements.lock again; needs uv
	uv pip compile --universal --python-version 3.11 --all-extras --no-annotate \
	  --custom-compile-command "make lock" --output-file requirements.lock pyproject.toml

clean: ## remove the environment, the demo's workspace and caches
	rm -rf .venv workspace spark-warehouse metastore_db derby.log build .coverage
	rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache src/*.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Spark takes JAVA_HOME before the PATH, so this looks in the same order.
java:
	@java="$${JAVA_HOME:+$$JAVA_HOME/bin/}java"; \
	major=$$("$$java" -version 2>&1 | sed -n 's/.*version "\([0-9][0-9]*\).*/\1/p' | head -n 1); \
	if [ -z "$$major" ] || [ "$$major" -lt 17 ]; then \
	  echo "Spark needs Java 17 or newer; $$java is $${major:+version }$${major:-not there}." >&2; \
	  echo "  Debian, Ubuntu: sudo apt-get install openjdk-17-jre-headless" >&2; \
	  echo "  macOS:          brew install openjdk@17 && export JAVA_HOME=\"\$$(brew --prefix openjdk@17)\"" >&2; \
	  echo "Then call make again." >&2; \
	  exit 1; \
	fi

.venv/.ready: requirements.lock pyproject.toml
	@python=""; right=""; \
	for each in $(PYTHON) python3.12 python3.11 python3 python; do \
	  if "$$each" -c 'import sys; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12)))' 2>/dev/null; then \
	    right="$$each"; \
	    if "$$each" -c 'import ensurepip, venv' 2>/dev/null; then python="$$each"; break; fi; \
	  fi; \
	done; \
	if [ -z "$$python" ] && [ ! -x $(PY) ]; then \
	  if [ -n "$$right" ]; then \
	    echo "$$right cannot make an environment: it lacks venv." >&2; \
	    echo "  Debian, Ubuntu: sudo apt-get install python3-venv" >&2; \
	  else \
	    echo "Python 3.11 or 3.12 is needed and was not found on the PATH." >&2; \
	    echo "  Debian 12: sudo apt-get install python3 python3-venv     macOS: brew install python@3.12" >&2; \
	  fi; \
	  echo "Or name one: make setup PYTHON=/path/to/python3.11" >&2; \
	  exit 1; \
	fi; \
	if [ ! -x $(PY) ]; then echo "making .venv with $$python"; "$$python" -m venv .venv; fi
	$(PY) -m pip install --quiet --disable-pip-version-check --requirement requirements.lock
	$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch .venv/.ready

.venv/.jars: .venv/.ready | java
	$(PY) -m lakeloop.delta_jars
	@touch .venv/.jars
