# make train      train on QM9 (half an hour on two CPU cores, or go on with a run that was stopped),
#                 then look at runs/qm9
# make test       style, types and the fast tests
# make test-all   the slow tests too
# make docs       the documentation, into site/
# Options: OUT=<run folder>, ARGS="<more key=value>", PYTHON=<interpreter, 3.11 or newer>

OUT ?= runs/qm9
ARGS ?=
PYTHON ?= python3.11 python3.12 python3.13 python3.14 python3

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.molflow-installed
TORCH := $(shell grep '^torch==' constraints.txt)
TORCH_CPU_INDEX := https://download.pytorch.org/whl/cpu

# Idle threads that spin slow down every other process; read when torch loads.
export OMP_WAIT_POLICY = PASSIVE

# A file of tests stays in one process, so that what its tests share is made once.
TWO := -n 2 --dist loadfile

.PHONY: train test test-all docs setup
.DELETE_ON_ERROR:

train: $(STAMP)
	$(BIN)/python -m molflow.train $(if $(wildcard $(OUT)/last.ckpt),resume=$(OUT),dataset=qm9 out=$(OUT)) $(ARGS)

test: check
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest $(TWO)

test-all: check
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest $(TWO) -m "" --hypothesis-profile=thorough

docs: $(STAMP)
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

.PHONY: check
check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy molflow

setup: $(STAMP)

$(BIN)/python:
	@for python in $(PYTHON); do \
	  if $$python -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	    echo "creating $(VENV) with $$($$python --version)"; \
	    exec $$python -m venv $(VENV); \
	  fi; \
	done; \
	echo "error: Python 3.11 or newer with venv is needed (tried: $(PYTHON)); name one: make PYTHON=/path/to/python" >&2; \
	exit 1

# On Linux the ordinary torch wheel carries several GB of CUDA. Without a GPU, PyTorch's own index
# of CPU builds is tried first; where it cannot be reached, the ordinary install below takes over.
$(STAMP): pyproject.toml constraints.txt | $(BIN)/python
	@if [ "$$(uname -s)" = Linux ] && ! command -v nvidia-smi >/dev/null \
	    && ! $(BIN)/python -c 'import importlib.metadata as m; m.version("torch")' 2>/dev/null; then \
	  echo "no nvidia-smi: trying PyTorch's index of CPU builds"; \
	  $(BIN)/python -m pip install --timeout 5 --retries 0 --index-url $(TORCH_CPU_INDEX) $(TORCH) 2>/dev/null \
	    || echo "not available there: using the default package index"; \
	fi
	$(BIN)/python -m pip install -c constraints.txt -e '.[dev,docs,examples,eval,selfies,baselines,hub,demo,dataframe,parquet]'
	@touch $@
