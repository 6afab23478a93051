# One virtual environment, made once and remade when the pins change. Both targets of the README start from nothing.
VENV ?= .venv
PYTHON ?= python3
BIN := $(VENV)/bin
READY := $(VENV)/.ready
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Several test processes share the cores; more threads than cores make steps many times slower.
export OMP_NUM_THREADS ?= 1
# Hundreds of short processes import the same modules: compiled once, not by each.
unexport PYTHONDONTWRITEBYTECODE
WORKERS ?= 2
# A file's tests stay in one process, since they share what is costly to make; the long files come first.
IN_PARALLEL := -n $(WORKERS) --dist loadfile --no-loadscope-reorder

.PHONY: demo test test-screens test-browser check setup format clean

demo: $(READY)
	$(BIN)/workbench demo

test: $(READY) lint
	$(BIN)/python -m pytest $(IN_PARALLEL) -m "not browser"

# A part of `make test`, for whoever works on the screens.
test-screens: $(READY)
	$(BIN)/python -m pytest $(IN_PARALLEL) -m screens

# One process: a browser is company enough for two cores.
test-browser: $(READY)
	$(BIN)/python -m pytest -m browser tests/tui

check: $(READY) lint
	$(BIN)/python -m pytest $(IN_PARALLEL) -m "not slow and not screens and not browser"

.PHONY: lint
lint: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(READY)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

setup: $(READY)

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet torch==2.13.0 --constraint constraints.txt
	$(BIN)/pip install --quiet --editable '.[dev]' --constraint constraints.txt
	touch $(READY)

clean:
	rm -rf $(VENV) build dist *.egg-info
