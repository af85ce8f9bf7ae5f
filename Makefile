# Two commands on a bare machine with Python 3.11 to 3.13:
#
#     make demo    set up, fit an autoencoder, denoise a photograph, end with one HTML page
#     make test    set up, then lint, format, types and tests
#
# Another Python: make demo PYTHON=python3.12. Where packages come from is pip's own configuration (PIP_FIND_LINKS, ...).

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.PHONY: demo test test-slow reference pictures format clean

demo: $(INSTALLED)
	@$(BIN)/narrows demo --out demo --force

test: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright --pythonpath $(BIN)/python
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2

# What takes over ten seconds; each test is listed with its seconds.
test-slow: $(INSTALLED)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 -m slow -v --durations=0 --timeout=1800

# docs/reference.md and docs/cli.md, from the docstrings.
reference: $(INSTALLED)
	$(BIN)/python docs/make_reference.py
	$(BIN)/python docs/make_cli.py

# The pictures of the README and of docs/kinds, made anew: a quarter of an hour.
pictures: $(INSTALLED)
	$(BIN)/python docs/make_readme_picture.py
	$(BIN)/python docs/make_kind_pictures.py

format: $(INSTALLED)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) demo build dist

# The stamp is newer than both files when what they ask for is installed. Bytecode is left to the first import: to
# compile all of torch's takes as long as all the rest.
$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(None if (3, 11) <= sys.version_info[:2] <= (3, 13) else f"Python {sys.version.split()[0]} came; narrows takes 3.11 to 3.13: make demo PYTHON=python3.12")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --no-compile -c constraints.txt -e '.[dev]'
	@touch $@
