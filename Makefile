.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin

help:  ## Show what there is to make
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-11s %s\n", $$1, $$2}'

setup: $(BIN)/ganzoo  ## Install ganzoo and its tools into .venv

$(BIN)/ganzoo: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

demo: setup  ## Train a DCGAN on handwritten digits (under 3 minutes on 2 cores) and draw what it makes
	$(BIN)/ganzoo fit --config experiments/digits/dcgan_cpu.yaml

test: setup  ## Run the tests (under 12 minutes on 2 cores)
	$(BIN)/python -m pytest

test-slow: setup  ## Run the long tests too
	$(BIN)/python -m pytest -m 'slow or not slow'

test-slurm: setup  ## Run the job scripts on a real SLURM of this machine (as root on Debian, where it is installed)
	command -v slurmctld >/dev/null || { apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
		apt-get install -y -qq --no-install-recommends slurm-wlm munge; } || echo "no SLURM here"
	$(BIN)/python -m pytest -n 0 -rs -m slurm tests/runs/test_real_slurm.py

test-gpu: setup  ## Run every model on the GPU of this machine (skipped where there is none)
	$(BIN)/python -m pytest -n 0 -rs -m gpu tests/game/test_gpu.py

lint: setup  ## Check style
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

type: setup  ## Check types
	$(BIN)/mypy

bench: setup  ## Measure speed and memory against a plain loop
	$(BIN)/python experiments/benchmarks/step.py
	$(BIN)/python experiments/benchmarks/gpu.py
	$(BIN)/python experiments/benchmarks/checkpoints.py
	$(BIN)/python experiments/benchmarks/penalties.py
	$(BIN)/python experiments/benchmarks/memory.py
	$(BIN)/python experiments/benchmarks/ranks.py

bench-long: setup  ## Train the lessons' long forms (hours; goes on when called again; ROOT=DIR of MNIST)
	$(BIN)/python experiments/benchmarks/long.py $(if $(ROOT),--root $(ROOT))

clean:  ## Remove what was built, keep runs and .venv
	rm -rf build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache
	find ganzoo tests experiments -name __pycache__ -prune -exec rm -rf {} +

.PHONY: help setup demo test test-slow test-slurm test-gpu lint type bench bench-long clean
