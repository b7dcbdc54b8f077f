# `make demo` and `make test` do everything on a fresh machine: set up, run, and say how it ended.

PY := .venv/bin/python
BIN := .venv/bin
RUNS ?= runs
# One thread a process: the tests and the suite run processes side by side.
export OMP_NUM_THREADS ?= 1

.PHONY: help setup demo test check lint wheel bench clean

help:
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

setup: ## make .venv with pinned packages and the system libraries
	@scripts/setup

demo: setup ## three household tasks with and without memory, with a report
	@OMP_NUM_THREADS=2 $(BIN)/embodied-mem demo --out $(RUNS)/demo

test: setup ## the whole test suite
	@echo "==> running the tests"
	@$(BIN)/pytest -q -n auto --dist worksteal --durations=10 && echo "==> all tests passed"

lint: setup ## formatting, style, types, import layers
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright --pythonpath $(PY)
	$(BIN)/lint-imports

check: lint test ## everything that CI runs

wheel: setup ## build the wheel and try it in an empty environment
	rm -rf dist build/wheel-env
	$(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir dist .
	python3 -m venv build/wheel-env
	build/wheel-env/bin/python -m pip install --quiet --constraint constraints.txt "$$(ls dist/*.whl)[gym]"
	cd build && wheel-env/bin/python ../tests/smoke.py

bench: setup ## benchmarks of the simulator, of the memory and of replacement
	$(PY) benchmarks/simulator.py
	$(PY) benchmarks/memory.py
	$(PY) -m benchmarks.replacement

clean: ## remove what the other targets made
	rm -rf .venv build dist $(RUNS) .pytest_cache .ruff_cache .hypothesis
