# One target a check; `make demo` and `make test` need only Python 3.11 or later and make.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test lint types unit docs ratios coverage lowest rehearse cluster bench clean

demo: .venv/demo.stamp  ## the main job on the embedded data
	rm -rf topcert-demo
	$(BIN)/topcert demo --out topcert-demo

test: .venv/test.stamp  ## everything that must hold, two targets at a time
	$(MAKE) --jobs 2 lint types docs unit
	$(MAKE) ratios

lint: .venv/test.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/test.stamp
	$(BIN)/mypy

unit: .venv/test.stamp
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 \
		-m "not rehearsal"

rehearse: .venv/test.stamp  ## the paper's longest protocols, walked from end to end
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 -m rehearsal

docs: .venv/test.stamp  ## the site, in build/site; a warning is an error, and nothing is fetched
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

# The share of lines and branches that the tests reach may not fall below tests/coverage-floor.txt,
# which the first run writes; where the share has grown, raise the floor.
coverage: .venv/test.stamp
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 \
		--cov --cov-report=
	test -f tests/coverage-floor.txt || \
		$(BIN)/python -m coverage report --precision=1 --format=total >tests/coverage-floor.txt
	$(BIN)/python -m coverage report --precision=1 --skip-covered \
		--fail-under="$$(cat tests/coverage-floor.txt)"

# Old releases warn of what newer releases of their own dependencies deprecate; that is not ours.
lowest: .venv-lowest/test.stamp  ## the tests with the lowest versions that pyproject.toml admits
	OMP_NUM_THREADS=1 .venv-lowest/bin/python -m pytest --numprocesses auto --maxprocesses 4 \
		-W default::DeprecationWarning

.venv-lowest/test.stamp: pyproject.toml tests/lowest.txt
	$(PYTHON) -m venv .venv-lowest
	.venv-lowest/bin/python -m pip install --quiet --constraint tests/lowest.txt \
		--editable '.[test]' --editable ./paper
	touch $@

cluster: .venv/test.stamp  ## votes on a Ray cluster of this machine that loses nodes
	$(BIN)/python -m pip install --quiet --editable '.[ray]'
	$(BIN)/python -m pytest tests/voting/test_ray.py

ratios: .venv/test.stamp  ## what costs processor time, beside something else in turn: a guard
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/ratios.py

bench: .venv/test.stamp  ## timings, as ratios measured in turn, in build/bench
	$(BIN)/python benchmarks/all.py --out build/bench

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/demo.stamp: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

.venv/test.stamp: pyproject.toml paper/pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --editable '.[test,docs]' --editable ./paper
	touch $@ .venv/demo.stamp

clean:
	rm -rf .venv .venv-lowest build topcert-demo .mypy_cache .pytest_cache .ruff_cache
