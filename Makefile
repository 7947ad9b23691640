# Everything that one does with this repository. `make help` lists it; the work is done by cargo, npm and .ci/.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:
MAKEFLAGS += --no-print-directory

CARGO := cargo
LOCKED := --locked

.PHONY: help setup test check ui ui-test lint rust-test full bench

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "  make %-14s %s\n", $$1, $$2 }'

setup: ## install what building needs, or print the command that does
	@.ci/setup.sh

test: setup ui-test lint rust-test ## all tests of the change tier; what .ci/run runs
	@echo "test: everything passed"

check: setup ui lint ## formatting, types and lints only

ui: ## build the window's pages
	@.ci/ui.sh build

ui-test:
	@.ci/ui.sh test

lint:
	@echo "rust: formatting"
	@$(CARGO) fmt --all --check
	@echo "rust: lints"
	@$(CARGO) clippy $(LOCKED) --workspace --all-targets -- -D warnings

rust-test:
	@echo "rust: binaries"
	@$(CARGO) build $(LOCKED) --workspace --bins
	@echo "rust: tests"
	@$(CARGO) test $(LOCKED) --workspace

full: ## the tests with many more seeds and worlds; takes long
	@OMNISCOPE_FULL=1 $(MAKE) test

bench: setup ui ## benchmarks, in release mode
	@$(CARGO) bench $(LOCKED) -p omniscope-protocol --benches
