# One target a check; `make demo` and `make test` need only Python 3.11 or later and make.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test lint types unit docs coverage lowest cluster bench clean

demo: .venv/demo.stamp  ## the main job on the embedded data
	rm -rf topcert-demo
	$(BIN)/topcert demo --out topcert-demo

test: .venv/test.stamp  ## everything that must hold, two targets at a time
	$(MAKE) --jobs 2 lint types docs unit

lint: .venv/test.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/test.stamp
	$(BIN)/mypy

# Rehearsals of whole experiments, minutes in all: `make coverage` and `make lowest` run them.
REHEARSALS := \
	--deselect paper/tests/commands/test_reproduce.py::test_table2_walks_its_whole_path_and_measures_nothing_without_weights \
	--deselect paper/tests/commands/test_reproduce_points.py::test_points_are_reproduced_from_nothing_gone_on_with_and_certified \
	--deselect paper/tests/commands/test_reproduce_figures.py::test_the_imagenet_panel_is_rehearsed_apart_and_measured_with_networks_of_ones_own \
	--deselect paper/tests/commands/test_reproduce_beyond.py::test_it_goes_on_and_is_redrawn_from_what_is_kept \
	--deselect tests/cli/test_train.py::test_a_trained_network_is_certified_and_started_from \
	--deselect tests/cli/test_train.py::test_a_teacher_of_whole_images_is_trained_and_listened_to \
	--deselect tests/voting/test_growth.py::test_a_kill_at_any_file_operation_loses_nothing[chain1]

unit: .venv/test.stamp
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 $(REHEARSALS)

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
