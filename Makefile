# Each target works on a fresh machine: everything it needs is installed into .venv first.
#
#   make PYTHON=/path/to/python3.12 test    builds .venv with that Python (3.10 or newer)

PYTHON ?= $(shell for python in python3.12 python3.11 python3.10 python3; do \
	$$python -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))' \
	>/dev/null 2>&1 && { echo $$python; break; }; done)
BIN := .venv/bin
READY := .venv/.ready
PEERS := .venv/.peers
MODULES := build/.modules
CORE := CMakeLists.txt $(filter-out csrc/tests/%, $(wildcard csrc/*/*.h csrc/*/*.cpp))
PIP = $(BIN)/python -m pip install --quiet --constraint constraints.txt

# pyright would ask the network whether a newer pyright exists.
export PYRIGHT_PYTHON_IGNORE_WARNINGS := 1

.DEFAULT_GOAL := help
.PHONY: help install demo test fuzz sanitize bench strategies torture studies results lint types format hooks clean FORCE

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-8s  %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(READY)  ## create .venv with lamina and the tools, at the versions in constraints.txt

# An environment that works is brought up to date; anything else in its place is made anew.
$(READY): pyproject.toml constraints.txt $(CORE) $(MODULES)
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || test -n "$(PYTHON)" || { \
		echo "make: found no Python >= 3.10 that has venv and ensurepip; install one" \
		"(Debian: apt install python3-venv) or name it: make PYTHON=/path/to/python" >&2; exit 2; }
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear .venv
	$(PIP) --upgrade pip
	$(PIP) --group build
	@mkdir -p build
	$(PIP) --group dev --editable '.[demo,postgres,ray,series,speech,translate]' --log build/install.log \
		--no-build-isolation --config-settings build-dir='build/{wheel_tag}'
	@$(BIN)/python -c 'import lamina.kernels._core' || { rm -f build/cp*/CMakeCache.txt; \
		echo "make: lamina is installed without its C++ core, and runs on torch alone;" \
		"build/install.log says why" >&2; }
	@touch $@

# An editable installation knows where each module is: one that moved is found after another.
$(MODULES): FORCE
	@mkdir -p build
	@find src -name '*.py' | LC_ALL=C sort | cmp -s - $@ || find src -name '*.py' | LC_ALL=C sort >$@

FORCE:

demo: $(READY)  ## run a depth search on a small data set and write its report
	$(BIN)/lamina demo

test: lint types sanitize  ## run everything that must be green: lint, types, tests
	$(BIN)/python -m pytest --numprocesses 2 --dist worksteal

fuzz: $(READY)  ## damage files at random, ten minutes for each reader (FUZZ_SECONDS=600)
	FUZZ_SECONDS=$${FUZZ_SECONDS:-600} HYPOTHESIS_PROFILE=thorough $(BIN)/python -m pytest \
		--timeout 0 --numprocesses 2 tests/data/fuzz

# The core's own tests are compiled twice more: threads cannot be watched together with the rest.
sanitize: $(READY)  ## run the tests of csrc/ under the address, undefined-behaviour and thread sanitizers
	@command -v $${CXX:-c++} >/dev/null || { echo "make: no C++ compiler: csrc/ is not tested"; exit 0; }; \
	for kind in address,undefined thread; do \
		$(BIN)/cmake -G Ninja -S . -B build/$$kind -DLAMINA_SANITIZE=$$kind --log-level=WARNING && \
		$(BIN)/cmake --build build/$$kind -- --quiet && \
		$(BIN)/ctest --test-dir build/$$kind --output-on-failure || exit; \
	done

bench: $(PEERS)  ## run the side-by-side benchmarks and print their tables
	$(BIN)/python bench/decision.py
	$(BIN)/python bench/strategies.py
	$(BIN)/python bench/kernels.py
	$(BIN)/python bench/data.py
	$(BIN)/python bench/softmax.py
	$(BIN)/python bench/cells.py
	$(BIN)/python bench/workers.py

strategies: $(READY)  ## compare the depth search's strategies on real training runs (hours; resumes)
	$(BIN)/python bench/strategies.py --real

torture: $(READY)  ## kill training and searches 1,000 times; they must end the same (hours; resumes)
	$(BIN)/python bench/torture.py

# What others offer for the same work; nothing but a measurement needs them.
$(PEERS): $(READY)
	$(PIP) --group peers
	@touch $@

studies: $(READY)  ## measure the claims of docs/claims.md (hours; resumes)
	@for script in studies/claim_*.py; do $(BIN)/python $$script || exit; done

results: $(READY)  ## run the studies of docs/results.md (about an hour)
	$(BIN)/python studies/time_machine_depth.py
	$(BIN)/python studies/mixed_authors.py

lint: $(READY)  ## check style, formatting and import rules
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports

types: $(READY)  ## check types with pyright
	$(BIN)/pyright

format: $(READY)  ## format the code and apply ruff's fixes
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

hooks: $(READY)  ## run lint and types before each commit
	$(BIN)/pre-commit install

clean:  ## remove .venv and all caches
	rm -rf .venv .pytest_cache .ruff_cache .hypothesis .import_linter_cache build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
