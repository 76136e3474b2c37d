# Everything starts here: `make demo` runs the whole chain, `make test` proves it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SNAKEMAKE := $(BIN)/snakemake
LOCK := envs/requirements.lock
DEMO := --profile profiles/local --configfile config/demo.yaml
PROFILES := $(notdir $(wildcard profiles/*))

.PHONY: help demo demo-annotate doctor test lint format dry-run lock clean
help:            ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

$(VENV)/ready: $(LOCK) envs/build.lock envs/install.sh
	PYTHON=$(PYTHON) envs/install.sh $(VENV) $(LOCK)
	touch $@

demo: $(VENV)/ready  ## the whole chain on synthetic genomes, about three minutes on two cores
	$(SNAKEMAKE) $(DEMO)
	@cat results/summary.txt

demo-annotate: $(VENV)/ready  ## gene annotation on simulated genomes: bake, train a tiny model, compare
	$(SNAKEMAKE) annotate --profile profiles/local --configfile config/demo_annotate.yaml
	@cat results/annotate/report.txt

doctor: $(VENV)/ready  ## what this machine has, which models are right, what to mend
	$(BIN)/python workflow/scripts/doctor.py

test: $(VENV)/ready  ## all tests
	$(BIN)/python -m pytest

lint: $(VENV)/ready  ## ruff, snakefmt, the order of the rooms and snakemake --lint
	PYTHONPATH=workflow/scripts $(BIN)/lint-imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile rules
	$(SNAKEMAKE) --lint --configfile config/demo.yaml

format: $(VENV)/ready  ## rewrite the code the way lint wants it
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/snakefmt Snakefile rules

dry-run: $(VENV)/ready  ## plan the demo under every profile
	for profile in $(PROFILES); do \
	    $(SNAKEMAKE) -n --profile profiles/$$profile --configfile config/demo.yaml || exit 1; \
	done

lock: $(VENV)/ready  ## resolve envs/requirements.in into the lock and the conda file
	$(BIN)/pip install --quiet pip-tools
	$(BIN)/pip-compile --quiet --strip-extras --no-header --no-annotate --no-emit-options \
	    --upgrade --output-file $(LOCK) envs/requirements.in
	sed -i 's/^\(torch==[0-9.]*\)+.*/\1/; /^#/d; /^$$/d' $(LOCK)
	{ printf 'name: seqloom\nchannels: [conda-forge]\ndependencies:\n  - python=3.11\n  - pip\n  - pip:\n'; \
	  sed "s/.*/      - '&'/" $(LOCK); } > envs/seqloom.yaml

clean: $(VENV)/ready  ## remove what the demo made, nothing else; the report of your own run has the same name
	$(SNAKEMAKE) --delete-all-output --quiet all $(DEMO)
