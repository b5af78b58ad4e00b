# `make` lists what there is. Everything lives in .venv; nothing here needs root.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup ui demo spark test test-all check simulate simulate-teeth bench bench-data bench-ui clean

VENV ?= .venv
SF ?= 1
SEEDS ?= 300
FROM ?= 0
WORKERS ?= 2
SCALE ?= 1
DATA_SF ?= 0.1
export VENV

BIN := $(VENV)/bin
STRICT := core wire store scheduler worker
PYTEST := $(BIN)/python -m pytest -p tradewind.testing.pytest_requirements -n $(WORKERS) --dist loadscope

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{ printf "%-18s %s\n", $$1, $$2 }'

setup: $(VENV)/.demo ## make .venv with what the demo needs

ui: $(VENV)/.demo ## build the web UI (with npm; where there is none, Node is put into .venv)
	@$(BIN)/python scripts/build_ui.py

demo: $(VENV)/.demo ## run the large-data pipeline, then serve (SF=0.01 is a ten-second try, ONCE=1 stops after it)
	@$(if $(ONCE),,nice $(BIN)/python scripts/build_ui.py >$(VENV)/ui.log 2>&1 &)
	@$(BIN)/tradewind demo --sf $(SF) $(if $(ONCE),--once)

spark: $(VENV)/.spark ## start a Spark master and a worker on this machine, and say how the connection is written
	@$(BIN)/python -m tradewind.testing.spark_cluster $(ARGS)

test: $(VENV)/.test built-ui ## run the tests, but for the heavy ones (ARGS="-k name" narrows them; WORKERS=2)
	$(PYTEST) -m "not heavy" $(ARGS)

test-all: $(VENV)/.test built-ui ## run all tests (REQUIRE=all makes every skipped one a failure)
	$(PYTEST) $(ARGS)

# Where it cannot be built, the tests that look at it say so.
.PHONY: built-ui
built-ui: $(VENV)/.test
	-@$(BIN)/python scripts/build_ui.py

check: $(VENV)/.test $(VENV)/.check ## format, lint, types, imports, whether every test loads; of the web UI types, lint, tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy --strict $(STRICT:%=src/tradewind/%)
	$(BIN)/mypy benchmarks/harness
	$(BIN)/lint-imports
	@$(BIN)/python -m pytest --collect-only -qq >$(VENV)/collected || { tail -n 40 $(VENV)/collected; exit 1; }
	$(BIN)/python scripts/build_ui.py --check

simulate: $(VENV)/.test ## play the engine under faults drawn from seeds (SEEDS=300 FROM=0)
	$(BIN)/python -m tradewind.testing.simulation --seeds $(SEEDS) --from $(FROM) $(ARGS)

simulate-teeth: $(VENV)/.test ## plant bugs, and show that the simulation finds each
	$(BIN)/python -m tradewind.testing.simulation --teeth --seeds $(SEEDS) --from $(FROM)

bench: $(VENV)/.test ## measure (PEERS=airflow puts Airflow beside it)
	$(BIN)/python benchmarks/run.py $(if $(PEERS),--peers $(PEERS)) $(ARGS)

bench-data: $(VENV)/.test ## measure the data toolkit beside bare jobs (DATA_SF=5 is 30 M rows; PEERS=/venv/bin/python has dlt, sling)
	$(BIN)/python benchmarks/data.py --sf $(DATA_SF) $(if $(PEERS),--peers $(PEERS)) $(ARGS)

bench-ui: $(VENV)/.test built-ui ## measure the web UI in a browser, before 2,000 Dags (SCALE=0.1 is a quick try)
	$(BIN)/python benchmarks/ui.py --scale $(SCALE) $(ARGS)

clean: ## remove .venv, the demo and what tools left
	rm -rf $(VENV) .demo build dist ui/node_modules src/tradewind/ui_dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# One stamp for each extra: installed again when pyproject.toml changes, Python is gone or a setup was cut off.
$(VENV)/.%: pyproject.toml scripts/setup_env.sh $(BIN)/python $(wildcard $(VENV)/.unfinished)
	@scripts/setup_env.sh $*
	@touch $@
$(BIN)/python: ;
.PHONY: $(VENV)/.unfinished

# One pip at a time in one environment.
.NOTPARALLEL:
