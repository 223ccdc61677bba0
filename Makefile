# Everything that is done with a clone of this repository. Each target sets up what it needs, once, in .venv.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules --no-print-directory

VENV := .venv
BIN := $(VENV)/bin
PY := $(BIN)/python
ARGS :=

# Python 3.11 or later that can make a virtual environment; `make PYTHON=/path/to/python ...` decides otherwise.
CANDIDATES := python3.13 python3.12 python3.11 python3
USABLE := import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))

# What is installed is known by the content of what asks for it, not by times: a second call costs nothing.
KEY := $(shell cat pyproject.toml constraints.txt kernelspec/* src/ciao/__init__.py | cksum | cut -d' ' -f1)
READY := $(VENV)/ready-$(KEY)

##@ Try it
.PHONY: demo lab
demo: $(READY)-demo ## Run examples/demo.ipynb on this machine; leaves notebook and page in out/
	CIAO_BACKEND=local $(PY) tools/run_notebook.py examples/demo.ipynb out

lab: $(READY)-lab ## Open the examples in JupyterLab
	$(PY) -m jupyterlab --ServerApp.root_dir=examples --LabApp.default_url=/lab/tree/demo.ipynb $(ARGS)

##@ Work on it
.PHONY: check format test fuzz soak bench docs pictures constraints clean help
check: $(READY)-test ## Format, lint, types, layers, generated pages
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(PY) tools/generate_docs.py --check

format: $(READY)-test ## Put the code into shape
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

test: $(READY)-test ## All tests (ARGS=... for pytest, CLUSTER=no without a cluster); what was skipped is listed
	$(if $(CI),CIAO_TEST_NO_SKIP=1) $(if $(filter no,$(CLUSTER)),,CIAO_TEST_CLUSTER=1) $(PY) -m pytest $(ARGS)

fuzz: $(READY)-test ## Two hundred thousand inputs for the interpreter (COUNT=... for another number)
	$(PY) tests/soak/fuzz_interpreter.py --count $(or $(COUNT),200000)

soak: $(READY)-test ## The long runs: repeated cases 20 times, ten million inputs for the interpreter
	CIAO_TEST_NO_SKIP=1 CIAO_SOAK_TIMES=20 $(PY) -m pytest $(shell grep -rl --include='test_*.py' CIAO_SOAK_TIMES tests) $(ARGS)
	$(PY) tests/soak/fuzz_interpreter.py --count 10000000

bench: $(READY)-bench ## Measure against ipykernel, ipyparallel, bare python and kubectl; figures in out/
	@mkdir -p out
	@missed=; for script in benchmarks/*.py; do echo "== $$script"; $(PY) "$$script" || missed="$$missed $$script"; done \
	  > >(tee out/bench.txt); [ -z "$$missed" ] || { echo "make: not within its limit:$$missed" >&2; exit 1; }

docs: $(READY)-demo ## Write the pages that come from the code: docs/magics.md, docs/settings.md
	$(PY) tools/generate_docs.py

pictures: $(READY)-test ## Take the README's pictures again, in Chromium
	$(PY) tools/take_pictures.py

constraints: $(READY)-test ## Pin the newest versions of everything in constraints.txt
	$(PY) -m pip install --quiet uv
	printf '%s\n' hatchling editables pip | $(BIN)/uv pip compile pyproject.toml - --all-extras --universal --python-version 3.11 \
	  --upgrade --no-annotate --no-header --quiet --output-file constraints.txt

clean: ## Remove the environment and everything that was produced
	rm -rf $(VENV) out build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

help: ## Show this list
	@awk 'BEGIN {FS = ":.*## "} /^##@ / {print "\n" substr($$0, 5)} /^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' Makefile
	@echo

$(PY):
	@python="$(PYTHON)"; for name in $(CANDIDATES); do \
	  [ -n "$$python" ] || ! "$$name" -c '$(USABLE)' 2>/dev/null || python="$$name"; done; \
	if [ -z "$$python" ]; then \
	  echo "make: no Python 3.11 or later with venv was found among: $(CANDIDATES)." >&2; \
	  echo "      Install one (Debian: apt-get install python3-venv), or say which: make PYTHON=/path/to/python" >&2; exit 1; fi; \
	echo "Making $(VENV) with $$("$$python" --version)" >&2; "$$python" -m venv $(VENV) >&2

# One environment, one stamp an extra. The kernelspec is installed by hand because an editable install leaves it out.
# All that it tells goes to stderr: `eval "$(make -s cluster-env)"` works in a fresh clone too.
$(READY)-%: | $(PY)
	@printf 'Installing what `make $(firstword $(MAKECMDGOALS))` needs into $(VENV) ' >&2
	@PIP_CONSTRAINT=constraints.txt $(PY) -m pip install --disable-pip-version-check --progress-bar off --editable '.[$*]' | \
	  while read -r line; do case "$$line" in (Collecting*) printf .;; ("Installing collected"*) printf ' unpacking';; esac; done >&2; echo >&2
	@$(PY) -m ciao kernel install --prefix $(VENV) >/dev/null
	@rm -f $(VENV)/ready-*-$*; touch $@

##@ Have it elsewhere
BASE :=
REGISTRY :=
.PHONY: image
image: $(READY)-gateway ## The gateway's container image, as an archive in out/ (REGISTRY=host/name:tag pushes it, BASE=... builds on that)
	$(PY) tools/build_image.py $(if $(BASE),--base '$(BASE)') $(if $(REGISTRY),--push '$(REGISTRY)') $(ARGS)

##@ A real Kubernetes with Kubeflow (root on Debian; docs/cluster.md)
NAME := default
.PHONY: cluster-prepare cluster-up cluster-down cluster-status cluster-env cluster-shell cluster-test cluster-clean
cluster-prepare: $(READY)-test ## Build all that it needs, its images too; `cluster-up` and the tests do so by themselves
	$(PY) -m cluster prepare --images

cluster-up: $(READY)-test ## Start it and leave it running (NAME=... for another beside it)
	$(PY) -m cluster up --name $(NAME)

cluster-down: ## End it; nothing of it is left but logs and the cache
cluster-status: ## Its addresses, and what ended by itself
cluster-env: ## Lines for eval: KUBECONFIG, CIAO_TEST_REGISTRY, CIAO_TEST_IMAGE
cluster-shell: ## A shell with these variables
cluster-clean: ## Remove the cache: the next start builds everything again
cluster-down cluster-status cluster-env cluster-shell cluster-clean: | $(READY)-test
	@$(PY) -m cluster $(@:cluster-%=%) --name $(NAME)

cluster-test: $(READY)-test ## Its tests alone, on a cluster of their own
	CIAO_TEST_CLUSTER=1 $(PY) -m pytest -m cluster $(ARGS)
