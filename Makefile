# The two commands: `make demo` and `make test`. Both make the environment first if it is missing or out of date.

SHELL := /bin/bash
PYTHON ?= 3.11
EXTRA ?= cpu
BIN := .venv/bin
READY := .venv/ready-$(EXTRA)
OWN_UV := build/uv/bin/uv
UV := $(or $(shell command -v uv),$(OWN_UV))

# The CPU build of torch is on no package index that pip asks by itself. Where pip was told of a folder or page that
# holds it, uv is told too; else uv asks PyTorch's own index for torch.
empty :=
comma := ,
FIND_LINKS := $(or $(PIP_FIND_LINKS),$(shell python3 -m pip config get global.find-links 2>/dev/null))
export UV_FIND_LINKS := $(subst $(empty) $(empty),$(comma),$(strip $(FIND_LINKS)))
TORCH := $(if $(filter cpu,$(EXTRA)),$(if $(UV_FIND_LINKS),,--torch-backend cpu))

# Every run starts several interpreters: where none may keep what it compiles, each takes seconds to compile it all again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: setup demo test check crash soak bench pins

setup: $(READY)

# `sync` makes the environment exactly what the pins say: the two builds of vLLM can never lie over each other.
$(READY): pyproject.toml requirements/$(EXTRA).txt | $(UV)
	$(UV) venv --quiet --allow-existing --python $(PYTHON) .venv
	$(UV) pip sync --compile-bytecode --python $(BIN)/python $(TORCH) requirements/$(EXTRA).txt
	$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@rm -rf .venv/ready-* selfsame.egg-info
	@touch $@

$(OWN_UV):
	python3 -m venv build/uv
	build/uv/bin/python -m pip install --quiet uv==0.13.8

demo: setup
	@n=1; while [ -e "$${SELFSAME_HOME:-.selfsame}/refs/demo-$$n.json" ]; do n=$$((n + 1)); done; \
	$(BIN)/selfsame run self-rewarding --name demo-$$n

test: setup
	$(BIN)/python -m pytest -n 3 --dist loadfile

check: setup
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest tests/test_house.py

# Everything of tests/crash, of which `make test` does a part; a row of counts goes to benchmarks/results/crash.jsonl.
crash: setup
	$(BIN)/python -m benchmarks.crash

# Kills on the real engine and trainer, and ten thousand iterations; stop it and go on anywhere. Each finished cell is a
# row of benchmarks/results/soak.jsonl; `ONLY=kills` or `ONLY=years` does a part.
soak: setup
	$(BIN)/python -m benchmarks.soak $(if $(ONLY),--only $(ONLY))

bench: setup
	$(BIN)/python -m benchmarks.iteration
	$(BIN)/python -m benchmarks.judging --fresh
	$(BIN)/python -m benchmarks.dpo_step --fresh

PINS = $(UV) pip compile pyproject.toml --quiet --upgrade --python-version 3.11 --extra dev --no-annotate \
	--no-emit-index-url --no-emit-find-links --custom-compile-command "make pins"

# New pins, without the addresses that they came from.
pins: | $(UV)
	$(PINS) --extra cpu $(if $(UV_FIND_LINKS),,--torch-backend cpu) --output-file requirements/cpu.txt
	UV_FIND_LINKS= $(PINS) --extra gpu --output-file requirements/gpu.txt
