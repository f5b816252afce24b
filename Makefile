# Python 3.11 or newer and make are all that is needed beforehand: Node comes as a wheel.
SHELL := /bin/bash
VENV := .venv
BIN := $(VENV)/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
export PYTHONPATH := $(CURDIR):$(CURDIR)/constructs:$(CURDIR)/lambdas
export PYTHONDONTWRITEBYTECODE := 1
PYTHON ?= python3
BASE ?= origin/main

.DEFAULT_GOAL := help
.PHONY: help demo test check snapshots synth diff deploy bench lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-22s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
