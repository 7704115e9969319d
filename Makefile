# Works with GNU make 3.81 (macOS) and /bin/sh.
SHELL = /bin/sh
PY = .venv/bin/python
# Tests run in two processes, each with a Spark session: a session alone leaves a core idle. Which test goes where:
# tests/conftest.py.
PYTEST = $(PY) -m pytest -n 2
# The interpreter the environment is made from: make setup PYTHON=/path/to/python3.11
PYTHON =
# What `make matrix` runs.
CELLS =
TESTS = -m 'not slow'

# Any Python from 3.7 on starts it; it finds the right one itself.
MAKE_ENVIRONMENT = for each in "$(PYTHON)" python3.12 python3.11 python3 python .venv/bin/python; do \
	  if "$$each" -c 'import sys; sys.exit(sys.version_info < (3, 7))' 2>/dev/null; then \
	    exec "$$each" -m deploy.environment --python "$(PYTHON)" $(1); \
	  fi; \
	done; \
	echo "set-up: no Python on the PATH: 3.11 or 3.12 is needed, with venv" >&2; \
	echo "  remedy: Debian 12: sudo apt-get install python3 python3-venv; macOS: brew install python@3.12" >&2; \
	exit 1

.DEFAULT_GOAL = help
.PHONY: help setup environment demo demo-year demo-resume tutorial test test-all faults matrix lint types imports docs \
   bench-peers bench-quick lock lock-serving lock-docs audit sbom clean deploy-tools test-tools deploy-test cluster-test executors FORCE

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' Makefile

setup: ## make the environment in .venv, with the Delta jars, and a Java where there is none
	@$(call MAKE_ENVIRONMENT)

demo: setup ## run the loop on the flights of 2013, up to 1 July; starts clean
	@.venv/bin/lakeloop demo

demo-year: setup ## the same up to 31 December, with a second model; starts clean
	@.venv/bin/lakeloop demo --year

demo-resume: setup ## go on where the demo stopped
	@.venv/bin/lakeloop demo --resume

tutorial: setup ## the loop on an online shop's invoices, as docs/tutorial_online_retail.md tells it, in retail/
	@mkdir -p retail && cp -R docs/tutorials/online_retail/. retail
	@cd retail && PATH="$(CURDIR)/.venv/bin:$$PATH" && export PATH && \
	  for turn in 2010-10-01 2010-11-01 2011-01-01 2011-03-01; do \
	    python land.py $$turn && lakeloop run --as-of $$turn || exit; \
	  done && lakeloop report --as-of 2011-03-01 && python results.py

test: setup ## run the tests, without the slow ones
	$(PYTEST) -m "not slow"

test-all: setup ## run all tests, with plans compiled as they are for users
	LAKELOOP_TESTS_COMPILED=1 $(PYTEST)

matrix: setup ## run the tests with every Spark and Python that is supported; CELLS="4.0-3.11 4.2-3.12", TESTS="tests/features"
	$(PY) -m tests.matrix --cells "$(CELLS)" --tests "$(TESTS)"

cluster-test: setup executors ## run the jobs on a standalone cluster of this machine, and kill its workers (part of test-all)
	$(PY) -m pytest -m cluster tests

executors: environment build/executors.tar.gz build/lakeloop.zip ## pack what a cluster's executors are sent

# See docs/clusters.md. Packed anew after another lock alone: a minute and a half.
build/executors.tar.gz: deploy/executors.in requirements.lock
	rm -rf build/executors && mkdir -p build
	$(PY) -m venv --without-pip build/executors
	$(PY) -m pip --python build/executors/bin/python install --quiet --disable-pip-version-check \
	  --constraint requirements.lock --requirement deploy/executors.in
	find build/executors -depth -type d \( -name tests -o -path '*/pyarrow/include' \) -exec rm -r {} +
	tar -czf $@.part -C build/executors . && mv $@.part $@
	rm -rf build/executors

# Under the name of a zip: Spark unpacks no .whl. `build/lib` may hold modules that are no more.
build/lakeloop.zip: FORCE
	rm -rf build/wheel build/lib
	$(PY) -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir build/wheel .
	mv build/wheel/lakeloop-*.whl $@ && rm -rf build/wheel build/lib

faults: setup ## kill every job at every place at which it writes; prints faults tried, survived, rows lost
	$(PY) -m tests.faults

lint: environment ## check style, format, calls that bring rows to the driver or that Connect lacks
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m tests.lint.collects
	$(PY) -m tests.lint.serverless

types: environment ## check types
	$(PY) -m mypy

imports: environment ## check who imports whom
	.venv/bin/lint-imports

# What the site is made in; not committed.
SITE = build/docs

# Sphinx reads no code of lakeloop's: what it needs is an environment of its own.
.venvs/docs/made: docs/site/requirements.lock
	$(PY) -m venv .venvs/docs
	.venvs/docs/bin/pip install -q -r docs/site/requirements.lock
	touch $@

docs: environment .venvs/docs/made ## build the site of all pages in build/docs/html; a broken link is an error
	$(PY) -m docs.site.pages $(SITE)/source
	.venvs/docs/bin/sphinx-build -q -W --keep-going -c docs/site $(SITE)/source $(SITE)/html

# Environments of their own: neither fits beside lakeloop's packages.
AIRFLOW = apache-airflow==3.3.2
BUNDLES = databricks-bundles==1.22.1 pyyaml
MOTO = moto[server,s3]>=5,<6

deploy-tools: environment ## make the environments of Airflow and Databricks' models of bundles, in .venvs
	test -x .venvs/airflow/bin/airflow || { $(PY) -m venv .venvs/airflow && .venvs/airflow/bin/pip install -q "$(AIRFLOW)"; }
	.venvs/databricks-bundles/bin/python -c 'import databricks.bundles, yaml' 2>/dev/null || { $(PY) -m venv .venvs/databricks-bundles && .venvs/databricks-bundles/bin/pip install -q $(BUNDLES); }

test-tools: deploy-tools ## make all environments that make test-all looks for in .venvs: those, and moto's stand-in for S3
	test -x .venvs/moto/bin/moto_server || { $(PY) -m venv .venvs/moto && .venvs/moto/bin/pip install -q "$(MOTO)"; }

deploy-test: deploy-tools ## test what lakeloop deploy writes, with Airflow and with Databricks' own models
	$(PY) -m pytest tests/deployment tests/deploy

bench-peers: environment ## make the environments of the peers that benchmarks compare with
	@$(PY) -m benchmarks.peers

bench-quick: setup ## compare with peers on small data; the peers that are there
	@$(PY) -m benchmarks.quick

lock: ## resolve requirements.lock again; needs uv
	uv pip compile --universal --python-version 3.11 --extra local --extra demo --extra lightgbm --extra xgboost --extra postgresql --extra serve --extra redis --extra lineage --extra dev --no-annotate \
	  --custom-compile-command "make lock" --output-file requirements.lock pyproject.toml

# For Linux and the image's Python (below 3.11.3 redis wants one package more). `--constraint`: the server runs on the
# versions that trained, and that were tested.
LOCK_IMAGE = uv pip compile --python-version 3.11.3 --python-platform linux --no-annotate --generate-hashes \
	  --constraint requirements.lock --custom-compile-command "make lock-serving"

lock-serving: ## resolve the images' locks again, after make lock; needs uv
	$(LOCK_IMAGE) --output-file deploy/serving.lock deploy/serving.in
	$(LOCK_IMAGE) --no-deps --output-file deploy/serving-lightgbm.lock deploy/serving-lightgbm.in
	$(LOCK_IMAGE) --no-deps --output-file deploy/serving-xgboost.lock deploy/serving-xgboost.in
	$(LOCK_IMAGE) --no-deps --output-file deploy/build.lock deploy/build.in

lock-docs: ## resolve what the site is built with again; needs uv
	uv pip compile --python-version 3.11 --no-annotate --custom-compile-command "make lock-docs" --output-file docs/site/requirements.lock docs/site/requirements.in

audit: environment ## look the locked packages up in databases of advisories; fails where none can be asked
	@$(PY) -m deploy.supply_chain audit

sbom: environment ## write bills of materials (CycloneDX) to build/sbom
	@$(PY) -m deploy.supply_chain sbom

clean: ## remove the environment, the demo's workspace and caches
	rm -rf .venv .venvs workspace retail spark-warehouse metastore_db derby.log build .coverage
	rm -rf benchmarks/.venvs benchmarks/.cache
	rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache src/*.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# What is there already stays; what is missing, broken or out of date is made.
environment:
	@$(call MAKE_ENVIRONMENT,--without-spark)
