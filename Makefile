# The commands that people type. Everything they need is installed into .venv and .local on first use.
PYTHON ?= python3
PORT ?= 3000
export DYNAMODB_PORT ?= 8000
export SAM_CLI_TELEMETRY := 0

bin := .venv/bin
sources := layers/squrl/python functions local cli bench tests

.PHONY: help start test test-web screenshots test-deploy faults fuzz bench load lint security audit format lock build deploy smoke delete key clean

help: ## Show this list.
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

start: .venv/installed ## Start the API on 127.0.0.1:3000 and DynamoDB on 127.0.0.1:8000 (PORT, DYNAMODB_PORT).
	$(bin)/python -m local start-api --port $(PORT)

test: .venv/installed .local/fuzz/installed ## Run every test: unit, integration, end to end.
	$(bin)/python -m pytest --cov --cov-report=term --cov-fail-under=95

test-web: .venv/installed chromium nginx ## Use the pages in Chromium, as people do, and exported links in nginx.
	$(bin)/python -m pytest tests/web

screenshots: .venv/installed chromium ## Make the README's pictures of the pages anew.
	PYTHONPATH=layers/squrl/python $(bin)/python -m tests.web.screenshots

.PHONY: chromium nginx
chromium nginx: # Debian's; only root's PATH has /usr/sbin
	@PATH="$$PATH:/usr/sbin"; command -v $@ >/dev/null \
		|| { test "$$(id -u)" = 0 && apt-get -qq update && apt-get -qq install $@ >/dev/null; } \
		|| { echo "Install $@ first: sudo apt-get install $@" >&2; exit 2; }

test-deploy: .venv/installed .local/ministack/installed ## Deploy to an emulator of AWS, and test what is there.
	$(bin)/python -m pytest tests/deploy

faults: .venv/installed .local/ministack/installed ## Have database, queue and functions fail under load, and reconcile (WRITE=yes: into docs/).
	$(bin)/python -m pytest tests/faults $(if $(WRITE),--write-table)

fuzz: .venv/installed .local/fuzz/installed ## Fuzz events, destinations, codes and managing with a million inputs.
	.local/fuzz/bin/python -m tests.fuzz

bench: .venv/installed .local/runtime/installed build ## Measure speed, memory and cost against the usual build (WRITE=yes: into docs/).
	PATH="$(CURDIR)/.local/runtime/bin:$$PATH" $(bin)/sam build --template bench/usual/template.yaml \
		--build-dir .aws-sam/usual --parameter-overrides Architecture=$(subst aarch64,arm64,$(shell uname -m))
	$(bin)/python -m bench $(if $(WRITE),--write)
	$(if $(WRITE),$(bin)/python -m bench.cost --write)

load: .venv/installed .local/load/installed ## Load the stack with 1 000 clients, and reconcile every click (WRITE=yes: into docs/).
	$(bin)/python -m bench.load $(if $(WRITE),--write)

lint: .venv/installed ## Check style, types and the template; change nothing.
	$(bin)/ruff check
	$(bin)/ruff format --check
	$(bin)/mypy $(filter-out functions,$(sources))
	$(foreach folder,$(wildcard functions/*),MYPYPATH=$(folder) $(bin)/mypy $(folder) &&) true # each is a root to Lambda
	$(bin)/sam validate --lint

security: .local/checks/installed ## Check template, code and workflows for what weakens security.
	.local/checks/bin/checkov
	.local/checks/bin/bandit --quiet --recursive --severity-level medium layers functions local cli bench # ruff has the low ones
	.local/checks/bin/actionlint
	.local/checks/bin/zizmor --quiet --offline .github

audit: .local/checks/installed ## Ask PyPI for known vulnerabilities of what is deployed.
	.local/checks/bin/pip-audit --strict --disable-pip --require-hashes --requirement layers/squrl/requirements.txt

format: .venv/installed ## Put the code into its standard form.
	$(bin)/ruff check --fix
	$(bin)/ruff format

pinned := $(patsubst %.in,%,$(wildcard requirements/*.in)) layers/squrl/requirements bench/usual/layer/requirements
lock: $(pinned:=.lock) ## Pin the newest versions of all dependencies, with hashes.

# What runs beside the developers' packages keeps to their versions. SAM CLI, which is among these, pins boto3 exactly.
beside := requirements/fuzz.lock requirements/runtime.lock layers/squrl/requirements.lock bench/usual/layer/requirements.lock
$(beside): requirements/dev.lock
%.lock: %.in .venv/installed # there is no such file: the versions are looked for anew each time
	$(bin)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
		$(if $(filter $@,$(beside)),--constraint requirements/dev.txt) --output-file $*.txt $<

build: .venv/installed environment ## Build for this machine's processor, or with ENV=dev|staging|prod for that environment's.
	PYTHON="$(CURDIR)/$(bin)/python" $(bin)/sam build \
		$(if $(ENV),--config-env $(ENV),--parameter-overrides Architecture=$(subst aarch64,arm64,$(shell uname -m)))

deploy: needs-environment build ## Build and deploy: make deploy ENV=dev|staging|prod (CONFIRM=no; GRADUAL=no: all traffic at once).
	$(if $(filter no,$(GRADUAL)),sed 's/GradualDeployment=true/GradualDeployment=false/' samconfig.toml >.aws-sam/at-once.toml)
	$(bin)/sam deploy --config-env $(ENV) $(if $(filter no,$(CONFIRM)),--no-confirm-changeset) \
		$(if $(filter no,$(GRADUAL)),--config-file "$(CURDIR)/.aws-sam/at-once.toml")
	$(bin)/squrl prune --stack $(stack)

smoke: .venv/installed environment ## Try what was deployed, and leave nothing behind: make smoke ENV=dev (without ENV: `make start`'s).
	$(bin)/squrl smoke $(if $(ENV),--stack $(stack),--local --url http://127.0.0.1:$(PORT))

delete: .venv/installed needs-environment ## Delete an environment with its data: make delete ENV=dev|staging.
	@test "$(ENV)" != prod || { echo "prod is not deleted by a make command: see docs/operations.md" >&2; exit 2; }
	$(bin)/sam delete --config-env $(ENV)

key: .venv/installed environment ## Make a key: make key ENV=dev NAME=me OWNER=me ROLE=admin (TTL=90d; without ENV: on this machine).
	@test -n "$$NAME" -a -n "$$OWNER" -a -n "$$ROLE" || { echo "Say for whom, and what it may: \
	make key ENV=dev NAME=me OWNER=me ROLE=read|write|admin; without ENV for this machine" >&2; exit 2; }
	@$(bin)/squrl key create $(if $(ENV),--stack $(stack),--local) --name="$$NAME" --owner="$$OWNER" --role="$$ROLE" \
		$(if $(TTL),--ttl="$$TTL")

stack = $(shell $(bin)/python -c 'import tomllib; \
	print(tomllib.load(open("samconfig.toml", "rb"))["$(ENV)"]["global"]["parameters"]["stack_name"])')

.PHONY: environment needs-environment
environment:
	@case "$(ENV)" in ""|dev|staging|prod) ;; \
		*) echo "There is no environment $(ENV): ENV is dev, staging or prod" >&2; exit 2 ;; esac

needs-environment: environment
	@test -n "$(ENV)" || { echo "Say which environment: make $(MAKECMDGOALS) ENV=dev" >&2; exit 2; }

clean: ## Remove what these commands made: environment, build, local database.
	rm -rf .venv .local .aws-sam build squrl.egg-info .coverage .hypothesis .mypy_cache .pytest_cache .ruff_cache

.venv/installed: requirements/dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "squrl needs Python 3.11 or newer; \
	name one: make PYTHON=python3.13")'
	@echo "Installing into .venv (a minute or so, this once) ..." >&2
	rm -rf .venv
	$(PYTHON) -m venv .venv
	$(bin)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes \
		--requirement requirements/dev.txt
	$(bin)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

# Lambda's runtime client, for `make bench`, in the Python that Lambda runs.
.local/runtime/installed: PYTHON = $(or $(shell $(MAKE) --no-print-directory -C layers/squrl interpreter),$(error \
	`make bench` measures with Python 3.13, which Lambda runs; there is none on the PATH or in ~/.pyenv))

# Tools whose dependencies clash with the others' have an environment each.
.local/%/installed: requirements/%.txt
	rm -rf $(@D)
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes --requirement $<
	touch $@
