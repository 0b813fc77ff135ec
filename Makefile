# One target a check; `make demo` and `make test` need only Python 3.11 or later and make.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test lint types unit bench clean

demo: .venv/demo.stamp  ## the main job on the embedded data
	rm -rf topcert-demo
	$(BIN)/topcert demo --out topcert-demo

test: .venv/test.stamp lint types unit  ## everything that must hold

lint: .venv/test.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/test.stamp
	$(BIN)/mypy

unit: .venv/test.stamp
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses auto --maxprocesses 4

bench: .venv/test.stamp  ## timings, as ratios measured in turn
	$(BIN)/python benchmarks/arithmetic.py
	$(BIN)/python benchmarks/overhead.py

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/demo.stamp: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

.venv/test.stamp: pyproject.toml paper/pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --editable '.[test]' --editable ./paper
	touch $@ .venv/demo.stamp

clean:
	rm -rf .venv topcert-demo .mypy_cache .pytest_cache .ruff_cache
