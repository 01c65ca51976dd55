PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
FILES ?=

.PHONY: demo test check bench eval clean

$(BIN)/.installed: pyproject.toml requirements.lock
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Lookhear needs Python 3.11 or newer. Try: make PYTHON=python3.11 …")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --requirement requirements.lock --editable .
	touch $@

$(BIN)/.installed-dev: $(BIN)/.installed requirements-dev.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --requirement requirements-dev.lock
	touch $@

## demo: set up, analyse sample media (or FILES="…"), print tables, write report.html
demo: $(BIN)/.installed
	@$(BIN)/python -m examples.demo $(FILES)

## test: lint, types, house rules, and the tests
test: check
	$(BIN)/python -m pytest

check: $(BIN)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

## bench: speed and memory against named peers
bench: $(BIN)/.installed
	$(BIN)/python -m benchmarks

## eval: accuracy against ground truth, beside named peers
eval: $(BIN)/.installed
	$(BIN)/python -m evals

clean:
	rm -rf $(VENV) .venv-eval demo report.html evals/.cache benchmarks/.cache
