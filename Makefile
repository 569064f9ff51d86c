# Each target does all its own set-up: on a fresh machine `make demo` and `make test` are enough.

PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/installed
EXAMPLES := .venv/examples

.PHONY: demo test test-page test-random test-slow docs lint format clean

demo: $(INSTALLED)
	$(BIN)/tvn demo

test: lint
	$(BIN)/pytest -n 2 --dist worksteal

# The report page in a browser. `make test` runs this, too, where there is a Chromium.
test-page: $(INSTALLED)
	command -v chromium >/dev/null || apt-get install -y --no-install-recommends chromium
	$(BIN)/pytest tests/verify/reports/test_page_in_browser.py

# In another order each time: `make test-random TIMES=10`; `SEED=n` begins with order n.
TIMES ?= 1
SEED ?= $(shell date +%s)
test-random: $(INSTALLED)
	for seed in $$(seq $(SEED) $$(($(SEED) + $(TIMES) - 1))); do \
	  $(BIN)/pytest -n 2 --dist worksteal --random-order-bucket=global \
	    --random-order-seed=$$seed || exit 1; \
	done

test-slow: $(EXAMPLES)
	$(BIN)/pytest -n 2 --dist worksteal -m slow

# The documentation as a site, in site/; a broken link is an error.
docs: $(INSTALLED)
	$(BIN)/zensical build --strict --clean

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

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
