# make lab    install into .venv and open the lectures (NOTEBOOK=03, LAB_OPTIONS=--no-browser)
# make test   install into .venv and run every test
# make lint   check style, notebooks included
# make bench  run the benchmarks and print their tables

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(shell command -v uv)
NOTEBOOK ?= 22a
LAB_OPTIONS ?=

.PHONY: lab test lint bench
.DELETE_ON_ERROR:

$(BIN)/.installed: pyproject.toml
ifdef UV
	test -x $(BIN)/python || uv venv --quiet --python $(PYTHON) $(VENV)
	uv pip install --quiet --python $(BIN)/python -e '.[test]'
else
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -e '.[test]'
endif
	touch $@

lab: $(BIN)/.installed
	$(BIN)/course lab $(NOTEBOOK) $(LAB_OPTIONS)

test: $(BIN)/.installed
	$(BIN)/python -m pytest tests/browser --capture=no
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --ignore tests/browser --numprocesses 2 --dist loadfile

lint: $(BIN)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

bench: $(BIN)/.installed
	for script in tests/bench/bench_*.py; do $(BIN)/python $$script || exit 1; done
