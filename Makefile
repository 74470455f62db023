# make lab   open the first notebook in JupyterLab, talking to the sandbox
# make test  lint, types, import layers, every test
# Both make .venv if it is missing; nothing else has to be set up.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PIP_DISABLE_PIP_VERSION_CHECK = 1

.PHONY: lab test lint types layers unit notebooks bench format clean

lab: $(VENV)/.lab
	$(BIN)/jupyter lab --allow-root notebooks/01-first-session.ipynb

test: lint types layers unit notebooks

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.test
	$(BIN)/mypy

layers: $(VENV)/.test
	$(BIN)/lint-imports

unit: $(VENV)/.test
	$(BIN)/pytest

# The order of the cells is the notebook: pytest-randomly must keep away.
notebooks: $(VENV)/.test
	$(BIN)/pytest -p no:randomly --nbval-lax --nbval-cell-timeout 60 --nbval-sanitize-with tests/nbval.cfg notebooks

bench: $(VENV)/.test
	$(BIN)/python -m tests.bench

format: $(VENV)/.test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.lab: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --editable '.[lab]'
	touch $@

$(VENV)/.test: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --editable '.[lab,test]'
	touch $@
