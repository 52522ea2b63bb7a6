# Fuzhen 复诊. `make` alone lists what there is.

PYTHON ?= python3
PORT_BASE ?= 8400
DATA ?= var/stack
POLICY ?= standard
ONCE ?=
TESTS ?=
MARK ?= long
ONLY ?=
TO ?=
FROM ?=
PATHWAYS ?=
SEED ?=
MINUTES ?=

VENV := .venv
BIN := $(VENV)/bin

# Compiled modules stay, or each of our programs would compile everything again at every start.
unexport PYTHONDONTWRITEBYTECODE
unexport PYTHONHOME
unexport PYTHONPATH
# Folders by any name: as they were said, and for no shell to read.
override DATA := $(value DATA)
override TO := $(value TO)
override FROM := $(value FROM)
export DATA TO FROM PORT_BASE POLICY
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_ROOT_USER_ACTION := ignore
# The pyright wheel brings pyright itself and only needs node; without this it would ask the registry for news at every start.
export PYRIGHT_PYTHON_IGNORE_WARNINGS := 1

.DEFAULT_GOAL := help
.PHONY: help run books backup restore test test-long bench chaos lint format lock has-python has-setpriv has-node
.DELETE_ON_ERROR:

help: ## List what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: has-setpriv $(VENV)/stack.stamp ## Start the whole stack and walk a patient through it; PORT_BASE=8400 DATA=var/stack ONCE=1 POLICY=standard|test
	@exec setpriv --pdeathsig TERM -- $(BIN)/python -m stack up --port-base "$$PORT_BASE" --data "$$DATA" --policy "$$POLICY" $(if $(filter-out 0,$(ONCE)),--once)

books: $(VENV)/stack.stamp ## Prove the books of the running stack; PORT_BASE=8400 DATA=var/stack
	@$(BIN)/python -m stack books --port-base "$$PORT_BASE" --data "$$DATA"

backup: $(VENV)/stack.stamp has-setpriv ## Copy rows, files and keys of the running stack; TO=… PORT_BASE=8400 DATA=var/stack
	@$(BIN)/python -m stack backup --to "$$TO" --port-base "$$PORT_BASE" --data "$$DATA"

restore: $(VENV)/stack.stamp has-setpriv ## Put a backup into an empty folder; FROM=… DATA=var/stack
	@$(BIN)/python -m stack restore --from "$$FROM" --data "$$DATA"

test: lint has-setpriv ## All checks, then every test that is not marked `long`; TESTS=tests/stack for some
	$(BIN)/pytest -m "not long" -n 2 --dist loadfile $(TESTS)

test-long: $(VENV)/dev.stamp has-setpriv ## The tests that do not fit into `make test`; MARK="long and not spare" for those of .ci/run
	$(BIN)/pytest -m "$(MARK)" -n 2 --dist loadfile --timeout 1800 $(TESTS)

bench: $(VENV)/dev.stamp has-setpriv ## How fast, as ratios to bare programs in one run; ONLY="reads claims" for some
	$(BIN)/python -m bench $(ONLY)

chaos: $(VENV)/dev.stamp has-setpriv ## Random people while machines die and the outside misbehaves; PATHWAYS=40 SEED=… MINUTES=120, of weather; 0: none
	@PATHWAYS="$(PATHWAYS)" SEED="$(SEED)" MINUTES="$(MINUTES)" $(BIN)/python -m tests.chaos

lint: $(VENV)/dev.stamp has-node ## Style, types and the import law
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/lint-imports

format: $(VENV)/dev.stamp ## Put the source into its form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: $(VENV)/dev.stamp ## Compile requirements/*.in into pinned, hashed requirements/*.txt
	cd requirements && for list in app stack dev; do \
		../$(BIN)/pip-compile --quiet --generate-hashes --no-header --no-emit-index-url --no-emit-find-links \
			--strip-extras --allow-unsafe --output-file "$$list.txt" "$$list.in" || exit 1; \
	done

# The stamps say what the environment was made from; a later start finds them newer than the lists and installs nothing.
$(VENV)/made.stamp: | has-python
	@echo "Making the Python environment in $(VENV) …"
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/stack.stamp: requirements/stack.txt $(VENV)/made.stamp
	@echo "Installing what the stack runs on, once …"
	@$(BIN)/python -m pip install --quiet --require-hashes -r requirements/stack.txt
	@touch $@

$(VENV)/dev.stamp: requirements/dev.txt $(VENV)/stack.stamp
	@echo "Installing the checks and test tools, once …"
	@$(BIN)/python -m pip install --quiet --require-hashes -r requirements/dev.txt
	@touch $@

has-python:
	@command -v $(PYTHON) >/dev/null || { echo "Python is missing. Debian packages: apt-get install python3 python3-venv" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "Python 3.11 or newer is needed, this is $$($(PYTHON) --version). Debian 12 and later bring it: apt-get install python3 python3-venv; or say PYTHON=…" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "Python cannot make virtual environments. Debian package: apt-get install python3-venv" >&2; exit 1; }

has-setpriv:
	@command -v setpriv >/dev/null || { echo "setpriv is missing. Debian package: apt-get install util-linux" >&2; exit 1; }

has-node:
	@command -v node >/dev/null || { echo "Node 20 or newer is missing; the type checker runs on it. Debian package: apt-get install nodejs" >&2; exit 1; }
	@node -e 'process.exit(Number(process.versions.node.split(".")[0]) < 20 ? 1 : 0)' || { \
		echo "Node 20 or newer is needed, this is $$(node --version). Debian 13 and later bring it: apt-get install nodejs" >&2; exit 1; }
