# make lab   open the first notebook in JupyterLab, talking to the sandbox
# make test  lint, types, import layers, every test
# Both make .venv if it is missing; nothing else has to be set up.
# make bench prints the benchmarks; make mutants breaks the core on purpose and wants the
# tests to notice; make fuzz lets atheris think up replies for ten minutes; make pictures
# takes the screenshots of the README; make reference writes the notebook of that name;
# make capture asks real servers anew for the data of the second notebook; make outputs
# runs the notebooks and keeps what they show.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PIP_DISABLE_PIP_VERSION_CHECK = 1

.PHONY: outputs lab test lint types layers unit notebooks legs bench mutants fuzz reference pictures capture format clean

# The address that it prints, and opens, is that of the notebook; the README is beside it.
FIRST := notebooks/01-first-session.ipynb
lab: $(VENV)/.lab
	@echo "smtpnb: starting JupyterLab; the address of $(FIRST) follows"
	$(BIN)/jupyter lab --allow-root --LabApp.default_url=/lab/tree/$(FIRST)

test: lint types layers unit notebooks legs

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.test
	$(BIN)/mypy

layers: $(VENV)/.test
	$(BIN)/lint-imports

# A file stays in one worker, and with it its servers; the browsers get the machine alone.
# A worker more than there are cores: many a test waits for a deadline.
WORKERS = $(shell $(PYTHON) -c 'import os; print(min(4, (os.cpu_count() or 1) + 1))')
unit: $(VENV)/.test
	$(BIN)/pytest -n $(WORKERS) --dist loadfile -m "not browser"
	$(BIN)/pytest -m browser

# The order of the cells is the notebook: pytest-randomly must keep away.
notebooks: $(VENV)/.test
	$(BIN)/pytest $(NBVAL) notebooks

# The oldest supported versions, which are Colab's, in what depends on them: magics and
# panel, tables, and the notebooks as servers run them. Then the newest on other Pythons.
OLDEST_TESTS := tests/notebook tests/transcript \
    tests/analysis/test_frames.py tests/analysis/test_sources.py tests/analysis/test_crossing.py
LEG_TESTS := tests/notebook tests/transcript tests/analysis tests/protocol tests/dialogues tests/test_import_cost.py
LEG_NOTEBOOKS := notebooks/01-first-session.ipynb notebooks/02-analyse.ipynb
NBVAL := -p no:randomly --nbval-lax --nbval-cell-timeout 60 --nbval-sanitize-with tests/nbval.cfg

legs: $(VENV)-oldest/.test
	$(VENV)-oldest/bin/pytest -q -n $(WORKERS) --dist loadfile $(OLDEST_TESTS)
	@for notebook in notebooks/*.ipynb; do \
	    $(VENV)-oldest/bin/papermill --no-progress-bar --cwd notebooks \
	        $$notebook $(VENV)-oldest/run.ipynb 2>$(VENV)-oldest/run.log \
	        && echo "$$notebook ran" || { tail -20 $(VENV)-oldest/run.log; exit 1; }; done
	@for minor in 12 13 14; do \
	    if python3.$$minor -c 'import venv' >/dev/null 2>&1; then \
	        $(MAKE) --no-print-directory leg-3.$$minor || exit 1; \
	    else echo "Python 3.$$minor: NOT RUN (no interpreter here)"; fi; done

# An intermediate file that make must not tidy away.
.PRECIOUS: $(VENV)-%/.test

leg-%: $(VENV)-%/.test
	$(VENV)-$*/bin/pytest -q -n $(WORKERS) --dist loadfile $(LEG_TESTS)
	$(VENV)-$*/bin/pytest -q $(NBVAL) $(LEG_NOTEBOOKS)

# One part or more alone: make bench ONLY="window link"
bench: $(VENV)/.bench
	$(BIN)/python -m tests.bench $(ONLY)

# The outputs that stand in the notebooks, made anew without times of execution.
outputs: $(VENV)/.lab
	$(BIN)/jupyter nbconvert --to notebook --execute --inplace \
	    --ExecutePreprocessor.record_timing=False \
	    --ExecutePreprocessor.store_widget_state=False notebooks/0*.ipynb

# Break the core on purpose, one way at a time: the tests must notice each.
mutants: $(VENV)/.test
	$(BIN)/python -m tests.mutants

# What it finds stays in .fuzz: a crash as crash-*, the way to new code in corpus.
FUZZ_SECONDS ?= 600

fuzz: $(VENV)/.test
	$(BIN)/python -m tests.fuzz --seconds $(FUZZ_SECONDS) --folder .fuzz

# The pages that are made: of the checklist, and of the grammar of the magics.
reference: $(VENV)/.test
	$(BIN)/python -m tests.reference

# What a person sees, at three widths and in both themes, to be looked at in .pictures;
# the README keeps one of them and a plot, notebooks/pictures.md a dozen.
PICTURES := .pictures
pictures: $(VENV)/.test
	mkdir -p $(PICTURES)
	SMTPNB_PICTURES=$(PICTURES) $(BIN)/pytest -q tests/browser/test_panel.py tests/browser/test_pictures.py
	cp $(PICTURES)/panel.png notebooks/img
	$(BIN)/python -m tests.pictures $(PICTURES)

# The transcripts in notebooks/data: wants postfix, dovecot, smtp-sink, and root.
capture: $(VENV)/.test
	$(BIN)/python -m tests.capture

format: $(VENV)/.test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) $(VENV)-* .mypy_cache .pytest_cache .ruff_cache .hypothesis .fuzz $(PICTURES)

$(VENV)/bin/python:
	@echo "smtpnb: making $(VENV), a Python of its own"
	$(PYTHON) -m venv $(VENV)

$(VENV)/.lab: pyproject.toml | $(VENV)/bin/python
	@echo "smtpnb: installing it and JupyterLab into $(VENV), once: about 130 packages"
	$(BIN)/python -m pip install --editable '.[lab]'
	touch $@

$(VENV)/.test: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --editable '.[lab,test]'
	touch $@

$(VENV)/.bench: pyproject.toml $(VENV)/.test
	$(BIN)/python -m pip install --quiet --editable '.[bench]'
	touch $@

$(VENV)-oldest/.test: pyproject.toml | $(VENV)/bin/python
	$(PYTHON) -m venv $(VENV)-oldest
	$(VENV)-oldest/bin/python -m pip install --quiet --editable '.[leg]' \
	    'ipython==7.34.*' 'ipykernel==6.17.*' 'ipywidgets==7.7.1' 'pandas==2.2.3' 'pyarrow==18.1.*'
	touch $@

$(VENV)-3.%/.test: pyproject.toml
	python3.$* -m venv $(VENV)-3.$*
	$(VENV)-3.$*/bin/python -m pip install --quiet --editable '.[leg]'
	touch $@
