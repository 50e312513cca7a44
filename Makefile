# make only prepares (scripts/setup) and then calls pytest. ARGS passes pytest further options: make drill ARGS="-k redis".
PYTEST := .venv/bin/pytest
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help setup drill test sabotage lint

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 18

setup: ## a Docker engine, the images, the virtual environment; the other targets do it first
	@scripts/setup

drill: setup ## the monthly drill: the report is reports/out/latest/report.html
	@$(PYTEST) -m monthly_drill $(ARGS)

# Both run whatever the first says. pytest exits 5 when ARGS selects nothing: fine for one of the two.
# The live ones wait more than they compute: three files of them at a time, in the order of their names. By the number of their
# tests, as xdist would have it, few that take long would come last, alone.
test: setup ## the suite's own tests: the fast ones, then the ones that need Docker
	@fast=0; live=0; \
	$(PYTEST) tests -m "not live and not sabotage" -n auto --dist worksteal $(ARGS) || fast=$$?; \
	$(PYTEST) tests -m "live and not sabotage" -n 3 --dist loadfile --no-loadscope-reorder $(ARGS) || live=$$?; \
	if [ $$fast = 5 ]; then exit $$live; fi; \
	if [ $$live = 5 ]; then exit $$fast; fi; \
	exit $$(( fast ? fast : live ))

sabotage: setup ## the drills on rotten stacks, which must turn red
	@$(PYTEST) -m sabotage tests/sabotage $(ARGS)

lint: setup ## ruff, mypy, shellcheck
	@.venv/bin/tox -q run -e lint
