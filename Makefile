PYTHON ?= python3
VENV := .venv
PARITY := .venv-parity
LOAD := .venv-load
EXTRAS := captions,speech
BIN := $(VENV)/bin
FILES ?=
JOBS ?= logical

.PHONY: demo serve test parity check bench eval clean

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

## serve: the service and its page on this machine alone (127.0.0.1), no token asked for unless AUTH_DISABLED=false
serve: $(BIN)/.installed
	@AUTH_DISABLED=$${AUTH_DISABLED-true} $(BIN)/lookhear serve

## test: lint, types, house rules, and the tests, in as many processes as there are cores (or JOBS=…)
test: check
	$(BIN)/python -m pytest --numprocesses $(JOBS) --dist worksteal

$(PARITY)/.installed: pyproject.toml tests/parity/requirements.txt
	$(PYTHON) -m venv $(PARITY)
	$(PARITY)/bin/pip install --quiet --disable-pip-version-check torch==2.13.0
	$(PARITY)/bin/pip install --quiet --disable-pip-version-check --requirement tests/parity/requirements.txt --editable '.[$(EXTRAS)]'
	touch $@

## parity: hold what runs models to PyTorch, transformers and faster-whisper, on random weights of the true shapes
parity: $(PARITY)/.installed
	$(PARITY)/bin/python -m pytest tests/parity

check: $(BIN)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

## bench: speed and memory against named peers
bench: $(BIN)/.installed
	$(BIN)/python -m benchmarks

$(LOAD)/.installed: benchmarks/requirements.txt
	$(PYTHON) -m venv $(LOAD)
	$(LOAD)/bin/pip install --quiet --disable-pip-version-check --requirement benchmarks/requirements.txt
	touch $@

## load: more and more people at one service, then ten thousand mixed requests while its memory is watched
load: $(BIN)/.installed $(LOAD)/.installed
	$(BIN)/python -m benchmarks.load
	$(BIN)/python -m benchmarks.soak

## eval: accuracy against ground truth, beside named peers
eval: $(BIN)/.installed
	$(BIN)/python -m evals

clean:
	rm -rf $(VENV) $(PARITY) $(LOAD) .venv-eval demo report.html evals/.cache benchmarks/.cache
