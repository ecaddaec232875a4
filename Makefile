# The only entry to building, testing and running Pisces: `make help` lists the targets. Longer work is in `.ci/`.

SHELL := /bin/bash -eo pipefail
.DEFAULT_GOAL := help
.PHONY: help setup build image boot test test-oracle test-boot test-power check bench deb record clean

# What `make image` builds and `make boot` starts.
BLUEPRINT ?= Blueprints/minimal.yaml
IMAGE ?= Images/out/$(basename $(notdir $(BLUEPRINT))).raw

# How long `make check` fuzzes.
FUZZ_SECONDS ?= 60

# How many power cuts `make test-power` tries, and the seed of the first one's moment; `make test-boot` tries 5.
POWER_CUTS ?= 30
POWER_SEED ?= 1

# Where SwiftPM works.
SWIFT_BUILD_PATH ?= .build
SWIFT_OPTIONS := --scratch-path $(SWIFT_BUILD_PATH)
# No build id: it would tell the path of the checkout, and differ with it.
SWIFT_RELEASE := -c release --static-swift-stdlib --disable-local-rpath -Xlinker --build-id=none
RELEASE := $(SWIFT_BUILD_PATH)/release
DEBS := Images/out/deb

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo 'Variables: BLUEPRINT=$(BLUEPRINT) IMAGE=$(IMAGE) SWIFT_BUILD_PATH=$(SWIFT_BUILD_PATH)'

setup: ## Install what building, testing and booting needs (the only target that may need root)
	@.ci/setup

build: ## Build the release binaries: pisces, pisces-enter, pisces-init
	swift build $(SWIFT_OPTIONS) $(SWIFT_RELEASE) --product pisces
	swift build $(SWIFT_OPTIONS) $(SWIFT_RELEASE) --product pisces-enter
	swift build $(SWIFT_OPTIONS) $(SWIFT_RELEASE) --product pisces-init

deb: build ## Pack Pisces as a Debian package in Images/out/deb/
	.ci/deb/build $(RELEASE) $(DEBS)

image: setup deb ## Turn BLUEPRINT into the bootable disk IMAGE
	.ci/image $(RELEASE) $(DEBS) $(BLUEPRINT) $(IMAGE)

boot: build ## Start IMAGE in QEMU; builds it first if there is none
	@test -e $(IMAGE) || $(MAKE) image
	$(RELEASE)/pisces boot $(IMAGE)

test: setup ## Run every test that needs no virtual machine
	swift test $(SWIFT_OPTIONS)

test-oracle: setup ## Compare trees of hundreds of packages with mmdebstrap's, and systems with what is made of their copies
	PISCES_ORACLE_TESTS=1 swift test $(SWIFT_OPTIONS) --filter 'SystemTests/(Oracle|Closure)Tests'

test-boot: image ## Boot the images of all shipped blueprints and run the tests that look at them from inside
	.ci/image $(RELEASE) $(DEBS) Blueprints/builder.yaml Images/out/builder.raw
	.ci/image $(RELEASE) $(DEBS) Blueprints/edge-gateway.yaml Images/out/edge-gateway.raw
	PISCES_BOOT_TESTS=1 swift test $(SWIFT_OPTIONS) --filter "^BootTests"

test-power: image ## Let a virtual machine lose its power at POWER_CUTS random moments of upgrades
	PISCES_BOOT_TESTS=1 PISCES_POWER_CUTS=$(POWER_CUTS) PISCES_POWER_SEED=$(POWER_SEED) \
		swift test $(SWIFT_OPTIONS) --filter PowerCutTests

check: ## Check format, layers and style, and fuzz every parser for FUZZ_SECONDS in all
	swift format lint --strict --parallel --recursive Package.swift Sources Tests
	swift test $(SWIFT_OPTIONS) --filter TidyTests
	FUZZ_SECONDS=$(FUZZ_SECONDS) SWIFT_BUILD_PATH=$(SWIFT_BUILD_PATH) .ci/fuzz

bench: setup deb ## Compare construct with a shell pipeline, the usual way and mkosi, upgrade with RAUC and dd, copy with dpkg
	.ci/bench $(BLUEPRINT)
	.ci/bench-upgrade
	.ci/bench-copy

record: ## Write the golden files anew, to be reviewed with git diff
	PISCES_RECORD=1 swift test $(SWIFT_OPTIONS)

clean: ## Remove everything that was built; locks and downloads stay
	rm -rf $(SWIFT_BUILD_PATH) Images/out
