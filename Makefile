# SPDX-License-Identifier: GPL-2.0-or-later
#
# The front door. `make help` lists the targets; `make demo` and `make check` are all that a fresh
# Debian 12 needs.

.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules
SHELL := /bin/sh
.DELETE_ON_ERROR:

# V=1 shows the commands.
ifeq ($(V),1)
say = @:
Q :=
else
say = @printf '  %-8s%s\n'
Q := @
endif

# DEBUG=1: no optimisation. SAN=1: AddressSanitizer and UndefinedBehaviorSanitizer. Each has its own tree.
ifeq ($(SAN),1)
B := build/san
MODE_CFLAGS := -O1 -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
else ifeq ($(DEBUG),1)
B := build/debug
MODE_CFLAGS := -O0
else
B := build
MODE_CFLAGS := -O2 -D_FORTIFY_SOURCE=3
endif

VERSION := 0.1
CC ?= gcc
ifeq ($(origin CC),default)
CC := gcc
endif
FUZZ_CC ?= clang
CFLAGS ?= -g
WARNINGS := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wformat=2 \
	-Wpointer-arith -Wwrite-strings -Wundef -Wvla -Wno-missing-field-initializers
HARDENING := -fPIE -fstack-protector-strong -fcf-protection -fstack-clash-protection
ALL_CFLAGS = -std=gnu11 -D_GNU_SOURCE -DKPPROF_VERSION='"$(VERSION)"' $(CFLAGS) $(MODE_CFLAGS) $(WARNINGS) \
	$(HARDENING) $(PKG_CFLAGS) -MMD -MP
PKGS := libmicrohttpd libdw libelf liblzma zlib libmnl libcap-ng libseccomp
# Asked only when something is compiled: on a fresh machine pkg-config is not there yet.
PKG_CFLAGS = $(eval PKG_CFLAGS := $(shell pkg-config --cflags $(PKGS)))$(PKG_CFLAGS)
PKG_LIBS = $(eval PKG_LIBS := $(shell pkg-config --libs $(PKGS)) -liberty -lZydis -lm)$(PKG_LIBS)
ALL_LDFLAGS = -pie -Wl,-z,relro,-z,now,-z,noexecstack,-z,separate-code $(MODE_CFLAGS) $(LDFLAGS)

LIB_SRC := $(sort $(filter-out agent/main.c,$(wildcard agent/*.c agent/*/*.c))) kmod/walk.c kmod/bridge.c \
	kmod/frame_pointer.c kmod/rows.c kmod/insn.c kmod/addr.c
LIB_OBJ := $(LIB_SRC:%.c=$B/%.o)
UNIT_SRC := $(sort $(wildcard tests/unit/test_*.c))
UNITS := $(UNIT_SRC:tests/unit/%.c=$B/tests/%)
FUZZ_SRC := $(sort $(wildcard tests/fuzz/fuzz_*.c))
FUZZERS := $(FUZZ_SRC:tests/fuzz/%.c=build/fuzz/%)

.PHONY: help
help: ## this list
	@echo 'kpprof: pprof for any native process. Targets:'
	@sed -n 's/^\([a-z][a-z-]*\):.*## \(.*\)/  make \1|\2/p' Makefile | awk -F'|' '{printf "%-24s %s\n", $$1, $$2}'
	@echo 'Switches: DEBUG=1 (-O0), SAN=1 (ASan and UBSan), V=1 (show commands), MINUTES=n (fuzz, soak), KERNEL=n (soak), T=name (check: only tests so named).'

.PHONY: all
all: $B/kpprofd $B/kpprofctl ## build the agent and the control tool into build/

# The module, out of the tree: sources are copied to $(KOUT), so that each kernel has a place of its own.
KDIR ?= /lib/modules/$(shell uname -r)/build
KOUT ?= build/kmod
# Debian's kernels are built by newer tools than Debian 12 has: what this compiler does not know is left out.
KMAKE := CC=gcc PAHOLE=true CONFIG_DEBUG_INFO_BTF_MODULES= CONFIG_CC_HAS_MIN_FUNCTION_ALIGNMENT= \
	KCFLAGS=-Wno-attributes
.PHONY: kmod
kmod: ## build the module for the kernel whose headers are in KDIR, into KOUT (build/kmod)
	@mkdir -p $(KOUT)/kmod $(KOUT)/uapi
	@cp -pu Kbuild $(KOUT)/ && cp -pu kmod/Kbuild kmod/*.[ch] $(KOUT)/kmod/ && cp -pu uapi/*.h $(KOUT)/uapi/
	$(Q)$(MAKE) --no-print-directory -C $(KDIR) M=$(abspath $(KOUT)) $(KMAKE) $(KMODFLAGS) modules
	@cp -p $(KOUT)/kmod/kpprof.ko $(KOUT)/kpprof.ko

# What tests in a guest need of the host's compiler: tests/vm/run boots without one.
VM_CFLAGS := -std=gnu11 -D_GNU_SOURCE -O2 -g -Wall -Wextra -Werror -Wno-missing-field-initializers
.PHONY: vm-tools
vm-tools: build/vm/tools/kpt build/vm/tools/still build/vm/tools/waits build/vm/tools/allocs build/vm/tools/alpha build/vm/tools/beta

build/vm/tools/kpt: tests/vm/kpt.c tests/vm/kpt_faults.c tests/vm/kpt_random.c tests/vm/kpt_heap.c tests/vm/kpt_ledger.c tests/vm/kpt_threads.c tests/vm/kpt.h uapi/kpprof.h
	@mkdir -p $(@D)
	$(Q)$(CC) $(VM_CFLAGS) -o $@ $(filter %.c,$^) -lmnl

build/vm/tools/still: tests/vm/still.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(VM_CFLAGS) -o $@ $< -pthread

build/vm/tools/allocs: tests/vm/allocs.c uapi/kpprof.h
	@mkdir -p $(@D)
	$(Q)$(CC) $(VM_CFLAGS) -fno-builtin -o $@ $< -pthread

build/vm/tools/waits: tests/vm/waits.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(VM_CFLAGS) -o $@ $< -pthread

build/vm/tools/alpha build/vm/tools/beta: tests/vm/prog.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(VM_CFLAGS) -DNAME=$(@F) -DPAD=$(if $(filter beta,$(@F)),4096,16) -Wl,-z,now -pthread -o $@ $<

.PHONY: deps
deps: ## install what building, demo and tests need, by package name
	@tools/deps build demo check

.PHONY: demo
demo: ## nginx under load, a 5 s CPU profile over HTTP, go tool pprof -top
	@tools/deps build demo
	@$(MAKE) --no-print-directory -j$$(nproc) all
	@tools/demo $B/kpprofd

.PHONY: demo-vm
demo-vm: ## the same in a guest with kernel 6.1 and the module, curl from outside
	@tools/deps build demo check
	@$(MAKE) --no-print-directory -j$$(nproc) all
	@tools/demo-vm

.PHONY: check
check: ## every test; ends in "N passed, N failed"
	@tools/deps build demo check
	@tests/run $(T)

.PHONY: check-vm
check-vm: ## the module's tests in guests with Debian's kernels 5.10, 6.1, 6.12 and 7.2
	@tools/deps build demo check
	@tests/run vm/

.PHONY: appliance
appliance: ## the field guide in a guest of 256 MB with busybox, nginx, dnsmasq and what `make install` puts there
	@tools/deps build demo check
	@$(MAKE) --no-print-directory -j$$(nproc) all
	@tests/fixtures/build build/fixtures
	@tests/vm/appliance

.PHONY: check-debug-kernel
check-debug-kernel: ## the module in kernels with KASAN, lockdep, kmemleak, failing allocations, KCSAN: builds them first
	@tools/deps build demo check kernel
	@$(MAKE) --no-print-directory -j$$(nproc) all vm-tools
	@tests/fixtures/build build/fixtures
	@tests/vm/check-debug $(T)

.PHONY: soak
soak: ## all profiles at once for MINUTES (default 30) in a guest with KERNEL (default 6.1); agent and module come and go
	@tools/deps build demo check
	@$(MAKE) --no-print-directory -j$$(nproc) all vm-tools
	@tests/fixtures/build build/fixtures
	@tests/vm/run -k $(or $(KERNEL),6.1) -t $$(($(or $(MINUTES),30) * 60 + 900)) -- tests/vm/soak $(or $(MINUTES),30)

.PHONY: fuzz
fuzz: ## each fuzz target for MINUTES (default 1)
	@tools/deps build check
	@$(MAKE) --no-print-directory -j$$(nproc) fuzzers
	@tests/fuzz/run minutes $(or $(MINUTES),1)

# Everything that is measured against what one would use instead.
BENCHES := parts protobuf_c deep pingpong mallocs crowd when

.PHONY: bench
bench: ## beside perf, bcc, gdb and others, on a machine that does nothing else; W=1 writes docs/performance.md
	@tools/deps build check bench
	@$(MAKE) --no-print-directory -j$$(nproc) all $(BENCHES:%=build/bench/%)
	@tests/bench/quick $(if $(W),-w)
	@tests/bench/native $(if $(W),-w)
	@tests/bench/dump_cost 200 2000

.PHONY: bench-quick
bench-quick: ## the agent's pure parts in instructions, beside docs/performance.md
	@tools/deps build bench
	@$(MAKE) --no-print-directory -j$$(nproc) all build/bench/parts build/bench/protobuf_c
	@tests/bench/quick

.PHONY: units fuzzers
units: $(UNITS)
fuzzers: $(FUZZERS)

.PHONY: format
format: ## clang-format on everything
	@git ls-files --cached --others --exclude-standard '*.c' '*.h' | xargs clang-format -i

# Where `make install` puts things, under DESTDIR.
PREFIX ?= /usr/local
SYSCONFDIR ?= $(if $(filter /usr,$(PREFIX)),/etc,$(PREFIX)/etc)
INSTALL ?= install

.PHONY: install install-bin install-conf install-man install-dev install-systemd install-init
install: install-bin install-conf install-man install-dev install-systemd ## into DESTDIR, under PREFIX (/usr/local)
install-bin: $B/kpprofd $B/kpprofctl
	$(Q)$(INSTALL) -d $(DESTDIR)$(PREFIX)/sbin
	$(Q)$(INSTALL) -m 755 $^ $(DESTDIR)$(PREFIX)/sbin
install-conf:
	$(Q)$(INSTALL) -D -m 600 tools/packaging/kpprofd.conf $(DESTDIR)$(SYSCONFDIR)/kpprof/kpprofd.conf
	$(Q)$(INSTALL) -D -m 644 tools/packaging/modprobe.d/kpprof.conf $(DESTDIR)$(SYSCONFDIR)/modprobe.d/kpprof.conf
install-man:
	$(Q)for page in docs/man/*.[458]; do \
		$(INSTALL) -D -m 644 $$page $(DESTDIR)$(PREFIX)/share/man/man$${page##*.}/$${page##*/} || exit 1; \
	done
	$(Q)$(INSTALL) -D -m 644 tools/completion/kpprofctl $(DESTDIR)$(PREFIX)/share/bash-completion/completions/kpprofctl
install-dev:
	$(Q)$(INSTALL) -D -m 644 uapi/kpprof.h $(DESTDIR)$(PREFIX)/include/kpprof.h
# Where there is no systemd; procd's is in tools/packaging/procd.
install-init:
	$(Q)$(INSTALL) -D -m 755 tools/packaging/sysv/kpprofd $(DESTDIR)$(SYSCONFDIR)/init.d/kpprofd
install-systemd:
	$(Q)$(INSTALL) -d $(DESTDIR)$(PREFIX)/lib/systemd/system
	$(Q)sed 's,/usr/sbin,$(PREFIX)/sbin,; s,/etc/kpprof,$(SYSCONFDIR)/kpprof,' tools/packaging/systemd/kpprofd.service \
		>$(DESTDIR)$(PREFIX)/lib/systemd/system/kpprofd.service

.PHONY: deb
deb: ## Debian packages into build/deb
	@tools/deps build package
	@tools/packaging/deb

.PHONY: check-packages
check-packages: ## those installed, removed and purged in a Debian of their own; Prometheus scrapes the agent. Needs the mirror
	@tools/deps build demo check package
	@$(MAKE) --no-print-directory -j$$(nproc) all
	@$(MAKE) --no-print-directory deb
	@tests/packages
	@tests/prometheus

.PHONY: size
size: ## what it costs in flash, and in memory at rest
	@$(MAKE) --no-print-directory -j$$(nproc) all
	@tools/size

.PHONY: clean
clean: ## remove build/
	rm -rf build

$B/kpprofd: $B/agent/main.o $B/libkpprof.a
	$(say) LINK $@
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(PKG_LIBS)

# The control tool shares the library, of which it takes little.
CTL_OBJ := $(patsubst %.c,$B/%.o,$(sort $(wildcard tools/*.c)))
$B/kpprofctl: $(CTL_OBJ) $B/libkpprof.a
	$(say) LINK $@
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(PKG_LIBS)

$B/libkpprof.a: $(LIB_OBJ)
	@rm -f $@
	$(say) AR $@
	$(Q)$(AR) rcs $@ $^

$B/%.o: %.c
	@mkdir -p $(@D)
	$(say) CC $@
	$(Q)$(CC) $(ALL_CFLAGS) -c -o $@ $<

$B/tests/%: tests/unit/%.c $B/libkpprof.a
	@mkdir -p $(@D)
	$(say) UNIT $@
	$(Q)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -Itests/unit -o $@ $< $B/libkpprof.a $(PKG_LIBS) -lcmocka

# Programs that tests drive; they print what a part of the library makes of a file.
$B/tests/%: tests/tools/%.c $B/libkpprof.a
	@mkdir -p $(@D)
	$(say) TOOL $@
	$(Q)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $< $B/libkpprof.a $(PKG_LIBS)

$B/bench/%: tests/bench/%.c $B/libkpprof.a
	@mkdir -p $(@D)
	$(say) BENCH $@
	$(Q)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $< $B/libkpprof.a $(PKG_LIBS)

# The profile's format, as protobuf-c's compiler understands it.
PROFILE_PROTO := /usr/share/gocode/src/github.com/google/pprof/proto
$B/bench/profile.pb-c.c: $(PROFILE_PROTO)/profile.proto
	@mkdir -p $(@D)
	$(Q)protoc-c --c_out=$(@D) --proto_path=$(PROFILE_PROTO) $<

$B/bench/protobuf_c: tests/bench/protobuf_c.c $B/bench/profile.pb-c.c
	$(say) BENCH $@
	$(Q)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -I$(@D) -o $@ $^ -lprotobuf-c -lz

# The flame graph carries its script.
$B/agent/profile/flame.o build/fuzz/agent/profile/flame.o: agent/profile/flame.js

# Fuzzers compile the production sources themselves, instrumented.
FUZZ_CFLAGS = -std=gnu11 -D_GNU_SOURCE -DKPPROF_VERSION='"fuzz"' -g -O1 -fsanitize=fuzzer-no-link,address,undefined \
	-fno-sanitize-recover=undefined -Wno-gnu-variable-sized-type-not-at-end $(PKG_CFLAGS) -MMD -MP
FUZZ_OBJ := $(LIB_SRC:%.c=build/fuzz/%.o)

build/fuzz/libkpprof.a: $(FUZZ_OBJ)
	@rm -f $@
	$(say) AR $@
	$(Q)$(AR) rcs $@ $^

build/fuzz/%.o: %.c
	@mkdir -p $(@D)
	$(say) FUZZ_CC $@
	$(Q)$(FUZZ_CC) $(FUZZ_CFLAGS) -c -o $@ $<

build/fuzz/%: tests/fuzz/%.c build/fuzz/libkpprof.a
	@mkdir -p $(@D)
	$(say) FUZZ $@
	$(Q)$(FUZZ_CC) $(FUZZ_CFLAGS) -fsanitize=fuzzer -o $@ $< build/fuzz/libkpprof.a $(PKG_LIBS)

.SECONDARY:
-include $(shell find build -name '*.d' -type f 2>/dev/null)
