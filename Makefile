# Each target makes the local environment when it is missing or out of date.
#   make book   run the notebooks, build the HTML, say where it is
#   make test   lint, types, unit tests, notebooks, book, browser
#   make lab    open the notebooks in JupyterLab
#   make bench  measure the engine beside its peers (about five minutes)
#   make study  list the studies; DO="run subspaces --scale book" runs one
#   make sync   write the repository's address into first cells and badges
#   make clean  remove all that was built (the environment stays)
PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python

.PHONY: book test lab bench study sync clean
book: $(VENV)/ready-book
	$(PY) -m book

test: $(VENV)/ready-dev
	$(PY) -m pytest

lab: $(VENV)/ready-book
	$(PY) -m jupyter lab notebooks

bench: $(VENV)/ready-dev
	$(PY) -m book bench

study: $(VENV)/ready-book
	$(PY) -m minitorch.studies $(or $(DO),list)

sync: $(VENV)/ready-book
	$(PY) -m book sync

clean:
	rm -rf _build .mypy_cache .pytest_cache .ruff_cache .hypothesis

# Installed for reading (no torch) and for developing; the versions are those tested.
$(VENV)/ready-%: pyproject.toml constraints.txt
	$(PY) -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	$(PY) -m pip install -q -c constraints.txt -e ".[$*]"
	touch $@
