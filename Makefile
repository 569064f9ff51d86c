# Each target does all its own set-up: on a fresh machine `make demo` and `make test` are enough.

PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/installed
EXAMPLES := .venv/examples

.PHONY: demo test test-slow lint format clean

demo: $(INSTALLED)
	$(BIN)/tvn demo

test: lint
	$(BIN)/pytest -n 2 --dist worksteal

test-slow: $(EXAMPLES)
	$(BIN)/pytest -n 2 --dist worksteal -m slow

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(INSTALLED)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf .venv build dist *.egg-info demo

$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

# What the ports in examples/ need besides.
$(EXAMPLES): $(INSTALLED)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[examples]'
	touch $@
