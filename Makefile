# The two commands are `make run` and `make test`; `make help` lists the rest.
# Needed on the machine: Python 3.11 or newer, make, and the package registries.

SHELL := /bin/sh
.DEFAULT_GOAL := help
export PYTHONUTF8 := 1
# A caller's own Python settings must not leak into the environment that the lock describes.
unexport PYTHONPATH PYTHONHOME VIRTUAL_ENV

PYTHON := .venv/bin/python

.PHONY: help run test test-deep bench lock fmt clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1\t\2/p' Makefile | expand -t 16

run: .venv/run.stamp ## start everything: web, worker, scheduler, embedded Valkey, SQLite (data under var/)
	@exec $(PYTHON) -m booking run

test: .venv/dev.stamp ## every check and every test, each stage with its duration
	@exec $(PYTHON) -m tests.support.stages

test-deep: .venv/dev.stamp ## the same, with long property tests and every crash point
	@exec $(PYTHON) -m tests.support.stages --deep

bench: .venv/dev.stamp ## measure; prints tables, writes JSON under var/bench
	@exec $(PYTHON) -m bench

fmt: .venv/dev.stamp ## put the code in the house's form
	@$(PYTHON) -m ruff check --fix-only --quiet . ; exec $(PYTHON) -m ruff format .

lock: .venv/run.stamp ## recompute requirements/*.lock from pyproject.toml
	@exec sh requirements/lock.sh

clean: ## remove the environment, the caches and the test leftovers; var/ (your data) stays
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The development environment holds all of the other one.
.venv/dev.stamp: requirements/dev.lock requirements/environment.sh
	@sh requirements/environment.sh dev
.venv/run.stamp: requirements/run.lock requirements/environment.sh
	@sh requirements/environment.sh run
