# Three commands: make setup, make test, make lint. And make demo, to see it all work.
.PHONY: setup demo bench test test-all coverage lint format docs machines lowest nightly \
	constraints clean

run := .venv/bin/
# Numerical libraries that each start a thread a core slow one another down.
export OMP_NUM_THREADS ?= 2
export OMP_WAIT_POLICY ?= PASSIVE
# Where it is set, each of a few hundred commands would compile all that it imports (torch: 10 s).
unexport PYTHONDONTWRITEBYTECODE

# A file's tests share fixtures that take long, so they stay in one process; tests/conftest.py says
# which files begin.
side_by_side := -n logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder

# There are as many processes as cores, and docs are built beside the demo: with a second thread each
# they would wait for one another.
test test-all coverage lowest docs: export OMP_NUM_THREADS := 1

setup:  ## Everything twoalike needs, into .venv
	@./scripts/setup.sh

demo: setup  ## The whole chain on drawn creatures, into demo/
	$(run)twoalike demo demo

bench: demo  ## All tables of benchmarks/results anew (hours), or some: make bench only="labels demo"
	$(run)python -P benchmarks/again.py $(only)

test: setup  ## The default suite
	@./scripts/test.sh " and not slow" $(side_by_side)

test-all: setup  ## The default suite and the slow tests
	@./scripts/test.sh "" $(side_by_side)

coverage: setup  ## Lines and branches of the package that the default suite passes through
	rm -f .coverage .coverage.*
	$(run)coverage run -m pytest -q -m "not slow and not display" --no-xvfb $(side_by_side)
	$(run)coverage run -m pytest -q -m "display and not slow" tests
	$(run)coverage combine -q
	$(run)coverage report

lint: setup  ## Style, types, import order
	$(run)ruff check .
	$(run)ruff format --check .
	$(run)mypy
	$(run)lint-imports
	$(run)codespell

format: setup
	$(run)ruff check --fix .
	$(run)ruff format .

docs: setup  ## The documentation site, into docs/_build/html
	@$$(command -v uv || echo .tools/uv/bin/uv) pip install --quiet --python .venv --group docs
	$(run)python -m sphinx -b html -W --keep-going -q docs docs/_build/html

machines: setup  ## The wheel on machines that hold only their part of the packages
	@./scripts/check_machines.sh

lowest: setup  ## Tests with the lowest versions allowed
	@./scripts/check_lowest.sh

nightly: machines lowest test-all  ## What continuous integration leaves out

constraints:  ## Pin all versions anew
	uv pip compile pyproject.toml --all-extras --group dev --python-version 3.12 --universal \
		--no-emit-index-url --no-header --no-annotate --upgrade -o constraints.txt

clean:
	rm -rf .venv .tools demo derived docs/_build
