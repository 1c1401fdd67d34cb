# A thin face: each target is one call, and CONTRIBUTING.md lists them for systems without make.
PYTHON ?= python3
BIN := .venv/bin

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

environment:  ## make .venv from requirements.lock, if missing or outdated
	@$(PYTHON) tools/environment.py

book: environment  ## run every chapter (full profile) and build the website in _build/html
	@$(BIN)/python tools/book.py --profile full

quick: environment  ## the same with small samples
	@$(BIN)/python tools/book.py --profile quick

test: environment  ## test the library, the chapters and, where they exist, site and browser
	@$(BIN)/python -m pytest -n logical --maxprocesses 4 --dist loadfile

browser: environment  ## only the tests that need Chromium, and none of them may be skipped
	@DARKPAIRS_REQUIRE_BROWSER=1 $(BIN)/python -m pytest -m browser -n logical --maxprocesses 4

serve: environment  ## show the website on http://localhost:8000
	@$(BIN)/python -m http.server --directory _build/html --bind 127.0.0.1 8000

bench: environment  ## measure speed and memory, and print a table
	@$(BIN)/python benchmarks/run.py

lint: environment  ## style and spelling
	@$(BIN)/python tools/lint.py

mutants: environment  ## break each law once and see that a test notices; MINUTES=8: what fits
	@$(BIN)/python tools/mutants.py $(if $(MINUTES),--minutes $(MINUTES))

key-numbers: environment  ## print reference lines for the key numbers of the last build
	@$(BIN)/python tools/key_numbers.py

samples: environment  ## make the samples of the book; PROFILE=quick: small ones
	@$(BIN)/python -m darkpairs.samples produce --profile $(or $(PROFILE),full)

lock: environment  ## solve requirements.lock anew from pyproject.toml
	@$(BIN)/python tools/lock.py

clean:  ## remove all that was built, but not .venv
	@$(PYTHON) tools/clean.py

.PHONY: help environment book quick test browser serve bench lint mutants key-numbers samples lock clean
.DEFAULT_GOAL := help
