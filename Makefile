# Everything that one does with this repository. `make help` lists it; the work is done by cargo, npm and .ci/.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:
MAKEFLAGS += --no-print-directory

CARGO := cargo
LOCKED := --locked

.PHONY: help demo demo-headless app relay setup test check ui ui-test lint rust-test full bench window-bench package relay-package pictures fuzz

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "  make %-14s %s\n", $$1, $$2 }'

demo: ## two windows on one pipeline, with a relay, on this computer
	@.ci/start.sh demo

demo-headless: ## the same without windows, told step by step
	@.ci/start.sh demo-headless

app: ## the window on your own data
	@.ci/start.sh app

relay: ## a relay on port 4717 of every interface
	@.ci/start.sh relay

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
	@.ci/advisories.sh

rust-test:
	@echo "rust: binaries"
	@$(CARGO) build $(LOCKED) --workspace --bins
	@echo "rust: tests"
	@$(CARGO) test $(LOCKED) --workspace

package: ## a deb and an rpm of the window, in release mode
	@.ci/package.sh

relay-package: ## a deb of the relay, in release mode
	@.ci/relay_package.sh

pictures: setup ui ## docs/images, taken anew from real windows; HOME_OF_ANA=/home/ana is shown in one
	@$(CARGO) build $(LOCKED) --workspace --bins
	@target=$$($(CARGO) metadata --locked --no-deps --format-version 1 | sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p'); \
	  "$$target/debug/pictures" docs/images $(HOME_OF_ANA)

window-bench: setup ui ## the window with ten people, in release mode; see docs/performance.md
	@$(CARGO) build $(LOCKED) --release --workspace --bin omniscope-desktop --bin window-bench
	@target=$$($(CARGO) metadata --locked --no-deps --format-version 1 | sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p'); \
	  "$$target/release/window-bench"

full: ## the tests with many more seeds and worlds; takes long
	@OMNISCOPE_FULL=1 $(MAKE) test

fuzz: ## every decoder under libFuzzer; needs a nightly toolchain
	@.ci/fuzz.sh

bench: setup ui ## benchmarks, in release mode; see docs/performance.md
	@$(CARGO) bench $(LOCKED) -p omniscope-protocol -p omniscope-engine --benches
	@$(MAKE) window-bench
	@.ci/bench.sh
