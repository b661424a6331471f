# SPDX-License-Identifier: GPL-2.0-only
# What a person types. Kbuild describes the module itself.

KDIR ?= /lib/modules/$(shell uname -r)/build
PREFIX ?= /usr/local
LIBEXECDIR ?= $(PREFIX)/libexec
DESTDIR ?=

# The kernel tree with the selftest harness; unpacked when it is first needed.
KSRC ?= $(shell tools/kernel-source)
SELFTESTS := $(LIBEXECDIR)/dune/selftests

all: module user ## build module, library and programs

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' \
		$(MAKEFILE_LIST)
	@echo "Set KDIR for a kernel other than the running one; PREFIX, DESTDIR."

module: ## build dune.ko for the kernel in KDIR
	$(MAKE) -C $(KDIR) M=$(CURDIR) modules

module-clean: ## remove what the module's build made
	$(MAKE) -C $(KDIR) M=$(CURDIR) clean

user: ## build library and programs
	$(MAKE) -C lib
	$(MAKE) -C apps
	$(MAKE) -C bench

tests: user ## build the selftests
	$(MAKE) -C selftests KSRC=$(KSRC)

install: user ## install library, headers, manual pages, programs
	$(MAKE) -C lib install PREFIX=$(PREFIX) DESTDIR=$(DESTDIR)
	$(MAKE) -C apps install PREFIX=$(PREFIX) DESTDIR=$(DESTDIR)
	$(MAKE) -C bench install PREFIX=$(PREFIX) DESTDIR=$(DESTDIR)

uninstall: ## remove what install put there
	$(MAKE) -C lib uninstall PREFIX=$(PREFIX) DESTDIR=$(DESTDIR)
	$(MAKE) -C apps uninstall PREFIX=$(PREFIX) DESTDIR=$(DESTDIR)
	$(MAKE) -C bench uninstall PREFIX=$(PREFIX) DESTDIR=$(DESTDIR)

install-tests: KSELFTEST = $(KSRC)/tools/testing/selftests
install-tests: tests ## install the selftests with their runner
	$(MAKE) -C selftests install KSRC=$(KSRC) \
		INSTALL_PATH=$(abspath $(DESTDIR)/$(SELFTESTS)/dune)
	install -d $(DESTDIR)$(SELFTESTS)/kselftest
	install -m 755 $(KSELFTEST)/kselftest/runner.sh \
		$(KSELFTEST)/kselftest/prefix.pl \
		$(DESTDIR)$(SELFTESTS)/kselftest
	install -m 755 $(KSELFTEST)/run_kselftest.sh $(DESTDIR)$(SELFTESTS)
	$(MAKE) -s --no-print-directory -C selftests emit_tests KSRC=$(KSRC) \
		COLLECTION=dune > $(DESTDIR)$(SELFTESTS)/kselftest-list.txt

deps: ## install the Debian packages that the targets below need
	tools/install-deps

demo: deps ## the main job, on this machine's hardware or in the emulators
	tools/demo

check: deps ## every test, on both vendors
	tools/check

kunit: deps ## KUnit: core against the fake backend
	tools/kunit

coverage: deps ## which lines of core the KUnit suites reach
	tools/coverage core

coverage-lib: deps ## which lines of libdune its tests reach
	tools/coverage lib

kselftest: deps ## kselftests on both vendors
	tools/check --only kselftest

lint: deps ## sparse, W=1, checkpatch and the like, with gcc and clang
	tools/lint
	tools/abi

soak: deps ## the tests that take long
	tools/check --soak

fuzz: deps ## the loader of programs under libFuzzer, for SECONDS (600)
	tools/fuzz $(SECONDS)

bench: deps ## the benchmarks, on both vendors in the emulators
	tools/bench $(BENCHFLAGS)

clean: ## remove what was built in this tree
	-$(MAKE) -C $(KDIR) M=$(CURDIR) clean
	$(MAKE) -C lib clean
	$(MAKE) -C apps clean
	$(MAKE) -C bench clean
	rm -f $(patsubst %.c,%,$(wildcard selftests/*.c))
	rm -f selftests/*_static selftests/*_static_pie selftests/*_dynamic

.PHONY: all help module module-clean user tests install uninstall \
	install-tests deps coverage-lib \
	demo check kunit coverage kselftest lint soak fuzz bench clean
