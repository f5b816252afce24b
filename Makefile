# Python 3.11 or newer and make are all that is needed beforehand: Node comes as a wheel.
SHELL := /bin/bash
PYTHON ?= python3
BASE ?= origin/main
BIN := .venv/bin
HOST_PATH := $(PATH)
export PATH := $(CURDIR)/$(BIN):$(PATH)
export PYTHONPYCACHEPREFIX := $(CURDIR)/.cache/bytecode
unexport PYTHONDONTWRITEBYTECODE # or every process compiles aws_cdk anew: 3 s each
EXAMPLES := analysis constructs lambdas localaws shadowctl
CODE := app.py stacks $(EXAMPLES) tests bench

.DEFAULT_GOAL := help
COMPILE := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate
AUDIT := .audit/bin
OSV := https://api.osv.dev
LOCKS := constraints.txt constraints-audit.txt $(wildcard lambdas/shadow_runtime/requirements/*.txt)

.PHONY: help demo test soak permissions check style types units rules audit licences vulnerabilities sbom \
	snapshots synth diff deploy bench lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: .venv/ready ## deploy real routes to an embedded AWS and walk one through every stage
	@python -m shadowctl demo

test: check ## everything: check, then the snapshots and the suite on the embedded AWS
	@pytest -n 3 --dist loadgroup tests/snapshot tests/local # who waits leaves a core to others

soak: .venv/ready ## HISTORIES=20000: of a dataset, with every rule and without each; prints a table
	@python -m tests.unit.dataset.soak $(or $(HISTORIES),20000)
	@python -m tests.local.histories $(or $(SERVED),200) # on real services
	@python -m tests.local.killed $(or $(KILLS),200) # kill -9, at each step of a write

permissions: .venv/ready ## take each grant out on an embedded AWS, and write who misses it to docs/permissions.md
	@python -m tests.local.permissions

check: .venv/ready ## lint, types, unit tests and the docstrings' examples
	@$(MAKE) --no-print-directory --jobs style types units

style:
	@ruff check --quiet $(CODE)
	@ruff format --check --quiet $(CODE)

types:
	@mypy --no-error-summary $(CODE)

units:
	@pytest -n 2 --dist loadgroup --doctest-modules $(EXAMPLES) tests/unit tests/runtime tests/typing tests/routes

rules: .venv/ready .audit/ready ## others' rules: cfn-lint, NIST 800-53, zizmor, licences, SBOMs
	@pytest tests/audit

audit: licences vulnerabilities ## licences of all that is locked, and known vulnerabilities (internet)

licences: .venv/ready .audit/ready
	@pytest tests/audit/test_licences.py

vulnerabilities: .audit/ready
	@$(AUDIT)/python -c 'import requests, sys; requests.get(sys.argv[1], timeout=10)' $(OSV) 2>/dev/null || { \
		echo "$(OSV) lists vulnerabilities and is out of reach: nothing is known of them." \
			"Run this where the internet is; the licences above are checked." >&2; exit 1; }
	@for lock in $(LOCKS); do echo "$$lock"; $(AUDIT)/pip-audit --strict --vulnerability-service osv \
		--progress-spinner off --disable-pip --require-hashes --requirement "$$lock" || exit 1; done
	@npm audit --package-lock-only

sbom: .venv/ready .audit/ready ## what each function is made of, as CycloneDX, into sbom/
	@python -m shadowctl sbom --to sbom
	@pytest tests/audit/test_sbom.py

snapshots: .venv/ready ## accept the templates and the pacts as they are now; review the diff
	@pytest tests/snapshot tests/routes/test_app.py --snapshot-update

synth: .venv/ready ## synthesize every stack into cdk.out
	@npx cdk synth --quiet

diff: .venv/ready ## ROUTE=GetUser: what this branch changes in a stack, against BASE (origin/main)
	@python -m shadowctl diff $(or $(ROUTE),$(error say which stack: make diff ROUTE=GetUser)) --base $(BASE)

deploy: .venv/ready ## ROUTE=GetUser: deploy one stack to the account of your credentials
	@npx cdk deploy $(or $(ROUTE),$(error say which stack: make deploy ROUTE=GetUser)) --exclusively

bench: .venv/ready ## measure against peers; prints ratios
	@uv pip install --quiet -r requirements-bench.txt -c constraints.txt
	@python -m bench

lock: .venv/ready ## renew constraints*.txt and the Lambdas' lock files
	@for name in dev audit; do $(COMPILE) requirements-$$name.txt \
		-o constraints$$([ $$name = dev ] || echo -$$name).txt || exit 1; done
	@cd lambdas/shadow_runtime/requirements && for lock in *.in; do $(COMPILE) -c ../../../constraints.txt \
		$$lock -o $${lock%.in}.txt || exit 1; done

clean: ## stop the embedded AWS and remove all that is git-ignored
	@[ ! -d .local ] || python -m shadowctl local down
	@rm -rf .venv .audit node_modules cdk.out sbom .local .cache .mypy_cache .pytest_cache .ruff_cache .hypothesis

.venv/ready: requirements.txt requirements-dev.txt constraints.txt package-lock.json lambdas/shadow_runtime/requirements/runtime.in lambdas/shadow_runtime/requirements/database.in lambdas/shadow_runtime/requirements/dataset.in
	@PATH="$(HOST_PATH)" $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "Python 3.11 or newer is needed; '$(PYTHON)' is not. Name one: make PYTHON=python3.13" >&2; \
		exit 1; }
	@echo "installing Python packages, Node and the CDK CLI into .venv and node_modules"
	@PATH="$(HOST_PATH)" $(PYTHON) -m venv --clear .venv
	@sed -n '/^uv==/,/[^\\]$$/p' constraints.txt > .venv/uv.txt
	@pip install --quiet --disable-pip-version-check --require-hashes -r .venv/uv.txt
	@uv pip install --quiet --require-hashes -r constraints.txt
	@printf '%s\n' "$(CURDIR)" "$(CURDIR)/constructs" "$(CURDIR)/lambdas" > \
		"$$(python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/source-roots.pth"
	@npm ci --silent --no-audit --no-fund
	@touch $@

.audit/ready: constraints-audit.txt | .venv/ready
	@echo "installing the tools of the audit into .audit"
	@uv venv --quiet --clear .audit
	@VIRTUAL_ENV=.audit uv pip install --quiet --require-hashes -r constraints-audit.txt
	@touch $@
