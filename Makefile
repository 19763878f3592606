# BetaPool. `make run` shows it at work, `make test` proves it, `make help` lists the rest.
# Longer steps are scripts in .ci/, which install what they need from Debian if it is missing (.ci/packages names it).

MAKEFLAGS += --no-builtin-rules --no-print-directory
.DELETE_ON_ERROR:
.SECONDEXPANSION: # the list of interpreters ($$(extensions)) is asked for only by the targets that need it

# ---- Settings, to be changed on the command line -----------------------------------------------------------------------------------

# Where `make install` puts things. DESTDIR is a root to stage them in, for packages.
PREFIX     ?= /usr/local
LIBDIR     ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
MANDIR     ?= $(PREFIX)/share/man
DESTDIR    ?=

CFLAGS ?= -O2
SWIFT  ?= swift
# The interpreter that `make run` uses, and those that `make all` and `make test` build and test for (default: all that .ci/pythons finds).
PYTHON  ?= $(firstword $(wildcard /usr/bin/python3) python3)
PYTHONS ?=
# What `make run` passes on to the example.
ARGS    ?=
# How long `make fuzz` goes on, and `make soak` on each interpreter.
MINUTES ?= 5

# The header is the one place where the version stands.
VERSION := $(shell sed -n 's/^.define BETAPOOL_VERSION_STRING "\(.*\)"/\1/p' include/betapool.h)
SONAME  := libbetapool.so.$(firstword $(subst ., ,$(VERSION)))
export SWIFT PYTHONS SONAME VERSION

# ---- Build -------------------------------------------------------------------------------------------------------------------------

lib  := .build/lib/$(SONAME)
link := .build/lib/libbetapool.so
map  := Sources/BetaPool/Export/betapool.map
say   = @printf '%s\n'

all: lib ext ## the library, and the extension for every interpreter found (default)

lib: $(link) ## the library alone: .build/lib/libbetapool.so

ext: $$(extensions) ## the extension alone, in python/betapool

# Folders are listed too: their time changes when a file goes away.
library_sources := Package.swift $(shell find Sources include -path include/install -prune -o -print)
compiler_flags  := -Osize -Xfrontend -function-sections -Xfrontend -disable-stack-protector \
    -Xfrontend -disable-incremental-llvm-codegen -enforce-exclusivity=unchecked
driver_flags    := -use-ld=lld -Xclang-linker -nostartfiles
linker_flags    := -soname=$(SONAME) --version-script=$(CURDIR)/$(map) --gc-sections --icf=all -s -z nodelete -z relro -z now

# SwiftPM takes CC from the environment for the C shim, and gcc will not do.
swift := env -u CC $(SWIFT)

# -function-sections lets the linker drop the general form of what the compiler has specialized. Incremental code generation would leave a hash
# of every file in the library, and a check of exclusivity that fails would end the process: the tests of the ordinary build have those. Libc's
# start-up objects (-nostartfiles) have nothing in them for this library, but the loader would run them, and bring all code into memory for it.
# SwiftPM does not notice a changed header in release builds, nor the version script: these begin anew. Programs that run keep the file they
# have open, for the new one takes its name in a single step.
$(lib): $(library_sources) Makefile
	$(say) "building $@ (Embedded Swift)"
	@.ci/packages build
	@$(if $(filter include/% %.h $(map) Makefile,$?),rm -rf .build-embedded)
	@mkdir -p $(@D)
	@BETAPOOL_EMBEDDED=1 $(swift) build --quiet -c release --product betapool --scratch-path .build-embedded --disable-local-rpath \
	    $(addprefix -Xswiftc ,$(compiler_flags) $(driver_flags)) $(addprefix -Xlinker ,$(linker_flags))
	@cp .build-embedded/release/libbetapool.so $@.new
	@mv $@.new $@

$(link): $(lib)
	@ln -sf $(SONAME) $@

# One row for each interpreter, SUFFIX|PATH|INCLUDE. Asked for once: the variable then becomes its value.
interpreters = $(eval interpreters := $(shell .ci/pythons --table $(PYTHONS)))$(interpreters)$(interpreters_status)
interpreters_status = $(if $(filter-out 0,$(.SHELLSTATUS)),$(error not every interpreter of PYTHONS will do))
extensions   = $(foreach row,$(interpreters),python/betapool/_core$(firstword $(subst |, ,$(row))))
include_of   = $(lastword $(subst |, ,$(filter $1|%,$(interpreters))))

# Across files, and gcc with the linker that it comes with alone: a task goes through five of them.
link_time = $(if $(findstring Free Software,$(shell $(CC) --version)),-flto=auto)

python/betapool/_core%: $(wildcard python/src/*.c python/src/*.h) include/betapool.h Makefile | $(link) python/betapool/$(SONAME)
	$(say) "building $@"
	@$(CC) -shared -fPIC $(CFLAGS) $(link_time) -Wall -Wextra -fvisibility=hidden -fstack-protector-strong \
	    -isystem $(call include_of,$*) -Iinclude $(filter %.c,$^) -o $@.new -L.build/lib -lbetapool -Wl,-rpath,'$$ORIGIN',-z,relro,-z,now
	@mv $@.new $@

# The extension finds the library beside itself.
python/betapool/$(SONAME): $(lib)
	@cp $< $@.new
	@mv $@.new $@

# Raspberry Pi and the like, by this machine's Swift. .ci/cross knows the machines.
machines      := aarch64 armv7 armv6
cross_library  = .build/cross-$1/$(SONAME)
toolchain      = $(swift_runtime)/../../bin
swift_runtime  = $(shell $(swift) -print-target-info | sed -n 's/.*"runtimeResourcePath": "\(.*\)".*/\1/p')

$(addprefix cross-,$(machines)): cross-%: $$(call cross_library,$$*)
cross-aarch64: ## the library for Raspberry Pi 3, 4, 5 and Zero 2 (64 bits): .build/cross-aarch64
cross-armv7: ## the library for Raspberry Pi 2, 3, 4 and Zero 2 with a 32-bit system: .build/cross-armv7
cross-armv6: ## the library for Raspberry Pi 1 and Zero: .build/cross-armv6

$(foreach machine,$(machines),$(call cross_library,$(machine))): .build/cross-%/$(SONAME): $(library_sources) .ci/cross Makefile
	$(say) "building $@ (Embedded Swift)"
	@.ci/packages build cross
	@TOOLCHAIN=$(toolchain) .ci/cross library $* $@ "$(compiler_flags)" "$(linker_flags)"
	@ln -sf $(SONAME) $(@D)/libbetapool.so

python3.13t: ## builds a free-threaded Python, which Debian does not have (once, into a cache outside the tree)
	@.ci/python3.13t

# ---- Run ---------------------------------------------------------------------------------------------------------------------------

run: lib ## the main job: a RAG orchestrator on real input; ARGS= goes to it
	@$(MAKE) ext PYTHONS=$(PYTHON)
	@PYTHONPATH=python $(PYTHON) examples/python/rag_orchestrator.py $(ARGS)

# ---- Measure -----------------------------------------------------------------------------------------------------------------------

beta: lib ## why beta alone is not enough: the paper's signal on work that never blocks
	@$(MAKE) ext PYTHONS=$(PYTHON)
	@PYTHONPATH=python $(PYTHON) -m evaluation.beta $(ARGS)

response: lib ## how soon the pool follows its work, and what its control costs (1 minute)
	@$(MAKE) ext PYTHONS=$(PYTHON)
	@.ci/packages python
	@python=$$(.ci/venv evaluation python/evaluation/requirements.txt $(PYTHON)) && PYTHONPATH=python $$python -m evaluation.response $(ARGS)

idle-cores: ## what it costs threads with the GIL that idle cores go to sleep (2 minutes)
	@.ci/packages python
	@python=$$(.ci/venv evaluation python/evaluation/requirements.txt $(PYTHON)) && PYTHONPATH=python $$python -m evaluation.idle_cores $(ARGS)

overhead: ext ## what `python -m betapool profile` costs a program, on each of efficiency's workloads (4 minutes)
	@.ci/packages python
	@python=$$(.ci/venv evaluation python/evaluation/requirements.txt $(PYTHON)) && PYTHONPATH=python $$python -m evaluation.overhead $(ARGS)

efficiency: ext ## how close each choice of a thread count comes to the best static one; ARGS= goes to it (--quick: 3 minutes)
	@.ci/packages python
	@python=$$(.ci/venv evaluation python/evaluation/requirements.txt $(PYTHON)) && PYTHONPATH=python $$python -m evaluation.efficiency $(ARGS)

evaluate: ext ## the paper's tables and figures, measured here; ARGS= goes to it (--quick: 10 minutes)
	@.ci/packages python
	@python=$$(.ci/venv evaluation python/evaluation/requirements.txt $(PYTHON)) && PYTHONPATH=python $$python -m betapool evaluate $(ARGS)

readme-tables: ## the README's summary of the paper's claims, from the run that is kept
	@.ci/packages python
	@python=$$(.ci/venv evaluation python/evaluation/requirements.txt $(PYTHON)) && export PYTHONPATH=python && \
	    $$python -m evaluation.paper_digest | $$python -m evaluation.readme claims

bench-executor: ext ## what the executor costs, beside other thread pools; ARGS= goes to it (--quick: 2 minutes)
	@.ci/packages python
	@python=$$(.ci/venv evaluation python/evaluation/requirements.txt $(PYTHON)) && PYTHONPATH=python $$python -m evaluation.executor $(ARGS)

bench-native: lib ## what the pool costs in C, beside GLib, libuv, oneTBB, libdispatch; ARGS= goes to it (--quick: 90 seconds)
	@.ci/packages bench python
	@$(MAKE) bench-programs
	@python=$$(.ci/venv evaluation python/evaluation/requirements.txt $(PYTHON)) && PYTHONPATH=python $$python -m evaluation.native $(ARGS)

# Each peer is a program of its own. One whose library is not there gets none, and the harness says who is missing.
bench_peers  = betapool betapool-adaptive textbook $(if $(wildcard $(swift_runtime)/dispatch/dispatch.h),dispatch) \
    $(foreach peer,glib libuv tbb,$(if $(shell pkg-config --exists $(module_$(peer)) && echo yes),$(peer)))
bench_common = $(patsubst %,.build/bench/%.o,bench tasks throughput roundtrip rss)
bench_flags  = -D_GNU_SOURCE -O2 -Wall -Wextra -Werror -pthread -Iinclude
bench_object = $(bench_flags) $(flags_$(@F)) $(call ask_pkg_config,--cflags,$(*:peer_%=%)) -c $< -o $@
module_glib  = glib-2.0
module_libuv = libuv
module_tbb   = tbb
ask_pkg_config = $(if $(module_$2),$(shell pkg-config $1 $(module_$2)))
flags_peer_betapool.o          = -DBENCH_POLICY=BETAPOOL_FIXED
flags_peer_betapool-adaptive.o = -DBENCH_POLICY=BETAPOOL_ADAPTIVE
flags_peer_dispatch.o          = -isystem $(swift_runtime) '-D__has_feature(x)=0' '-D__has_extension(x)=0' # its headers expect clang
libraries_betapool             = -L.build/lib -Wl,-rpath,$(CURDIR)/.build/lib -lbetapool
libraries_betapool-adaptive    = $(libraries_betapool)
libraries_dispatch             = -L$(swift_runtime)/linux -Wl,-rpath,$(swift_runtime)/linux -ldispatch -lBlocksRuntime
libraries_tbb                  = -lstdc++
.PRECIOUS: .build/bench/%.o

bench-programs: $$(addprefix .build/bench/,$$(bench_peers) load empty.so)
	@:

.build/bench/%: .build/bench/peer_%.o $$(bench_common) | $(link)
	$(say) "building $@"
	@$(CC) -pthread $^ -o $@ -Wl,--as-needed $(libraries_$*) $(call ask_pkg_config,--libs,$*)

.build/bench/%.o: Tests/bench/%.c $(wildcard Tests/bench/*.h) include/betapool.h Makefile
	@mkdir -p $(@D)
	@$(CC) -std=c11 $(bench_object)

.build/bench/peer_betapool-adaptive.o: .build/bench/peer_%-adaptive.o: Tests/bench/peer_%.c Tests/bench/peer.h include/betapool.h Makefile
	@mkdir -p $(@D)
	@$(CC) -std=c11 $(bench_object)

.build/bench/peer_tbb.o: .build/bench/%.o: Tests/bench/%.cpp Tests/bench/peer.h Makefile
	@mkdir -p $(@D)
	@$(CXX) -std=c++20 $(bench_object)

.build/bench/load: Tests/bench/load.c Tests/bench/resident.h Makefile
	@mkdir -p $(@D)
	@$(CC) -std=c11 $(bench_flags) $< -o $@ -Wl,--as-needed -ldl

.build/bench/empty.so: Tests/bench/empty.c Makefile
	@mkdir -p $(@D)
	@$(CC) -shared -fPIC -O2 $< -o $@

# ---- Test --------------------------------------------------------------------------------------------------------------------------

c_programs  = $(patsubst Tests/c/%.c,.build/$1/%,$(wildcard Tests/c/test_*.c))
c_examples  = $(patsubst examples/c/%.c,.build/examples/%,$(wildcard examples/c/*.c))
swift_example = .build-example/release/duplicates
c_headers   = $(wildcard Tests/c/*.h) include/betapool.h
c_flags     = -std=c11 -Wall -Wextra -Werror -Iinclude
c_libraries = -Wl,--as-needed -lbetapool -lcmocka -lm -lpthread -ldl

test: ## all tests below, with a summary; PYTHONS="..." narrows the interpreters
	@.ci/test

test-abi: lib ## the library's exports, its ELF properties, and that Swift and header agree
	@.ci/test-abi

test-install: lib ## what make install lays down, and programs built on nothing else
	@.ci/test-install

test-wheels: lib ## the wheels, in a Debian with nothing but Python; and pip's ways to build from source
	@.ci/test-wheels

test-deb: lib ## the Debian packages, in the same Debian
	@.ci/test-deb

test-swift: ## the Swift tests
	@.ci/test-swift

test-c: $(call c_programs,c) ## the C tests against the library
	@.ci/test-c $^

test-python: ext ## the Python tests, on every interpreter found
	@.ci/test-python

test-cpython: ext ## CPython's own tests of its thread pool, on BetaPool: those of every interpreter that has them
	@.ci/test-cpython

test-clients: lib ## asyncio, gRPC, boto3, Dask, LangChain and others with our executor in them, and programs that use them
	@$(MAKE) ext PYTHONS=$(PYTHON)
	@.ci/test-clients $(PYTHON)

test-examples: all $(c_examples) $(swift_example) ## every example, with little to do
	@.ci/test-examples

test-sanitize: lib $(call c_programs,c-address) $(call c_programs,c-thread) ## Swift, C and Python tests with sanitizers
	@.ci/test-sanitize $(filter .build/%,$^)

c_compile = @mkdir -p $(@D) && .ci/packages c-tests && echo "building $@"

.build/c/%: Tests/c/%.c $(c_headers) | $(link)
	$(c_compile)
	@$(CC) $(c_flags) -g -O1 $< -o $@ -L.build/lib -Wl,-rpath,$(CURDIR)/.build/lib $(c_libraries)

.build/examples/%: examples/c/%.c include/betapool.h | $(link)
	$(c_compile)
	@$(CC) $(c_flags) -O2 $< -o $@ -L.build/lib -Wl,-rpath,$(CURDIR)/.build/lib -Wl,--as-needed -lbetapool -lz -lm -lpthread

$(swift_example): $(library_sources) $(shell find examples/swift -name '*.swift' 2>/dev/null)
	$(say) "building $@"
	@.ci/packages build
	@$(swift) build --quiet -c release --package-path examples/swift --scratch-path $(CURDIR)/.build-example

# For a sanitizer all code is built with it, by the compilers of the Swift toolchain and as ordinary Swift: .build/c-SANITIZER.
$(patsubst %,.build/c-%/$(SONAME),address thread): .build/c-%/$(SONAME): $(library_sources)
	$(say) "building $@"
	@mkdir -p $(@D)
	@$(swift) build --quiet --sanitize=$* --product betapool --scratch-path .build-$* $(addprefix -Xlinker ,-soname=$(SONAME) -z nodelete)
	@cp .build-$*/debug/libbetapool.so $@
	@ln -sf $(SONAME) $(@D)/libbetapool.so

.build/c-%: Tests/c/$$(*F).c $(c_headers) | .build/c-$$(*D)/$(SONAME)
	$(c_compile)
	@$(toolchain)/clang -fuse-ld=lld $(c_flags) -g -O1 -fsanitize=$(subst address,address$(,)undefined,$(*D)) $< -o $@ \
	    -L$(@D) -L$(swift_runtime)/linux -Wl,-rpath,'$$ORIGIN',-rpath,$(swift_runtime)/linux $(c_libraries) -ldispatch -lBlocksRuntime

, := ,

# The C tests for other machines, with what cannot hold there left out: Tests/c/emulated.c.
cross_programs = $(foreach machine,$(machines),$(call c_programs,cross-$(machine)))

test-cross: $$(cross_programs) ## the libraries for other machines, and the C tests with them, under an emulator
	@.ci/test-cross $^

$(machines:%=.build/cross-%/cmocka): .build/cross-%/cmocka:
	@.ci/cross cmocka $* $@

.build/cross-%: Tests/c/$$(*F).c Tests/c/emulated.c $(c_headers) | .build/cross-$$(*D)/$(SONAME) .build/cross-$$(*D)/cmocka
	@.ci/packages cross && echo "building $@"
	@.ci/cross program $(*D) $@ $(c_flags) -g -O1 $(filter %.c,$^) -L$(@D) $(c_libraries) -Wl,--wrap=_cmocka_run_group_tests

test-torture: ext .build/fuzz/abi .build/fuzz/flaky.so .build/embed ## a little of what make torture, make fuzz and make soak do for long
	@.ci/test-torture

torture_programs = .build/fuzz/abi .build/fuzz/flaky.so .build/embed .build/c/test_faults .build/c/test_faults_controller

torture: ext $(torture_programs) ## all that may go wrong, many times over: the README's table; ARGS= goes to it (--times 100)
	@.ci/packages python
	@python=$$(.ci/venv evaluation python/evaluation/requirements.txt $(PYTHON)) && \
	    PYTHONPATH=python $$python -m evaluation.torture $(if $(PYTHONS),--pythons "$(PYTHONS)") $(ARGS)

soak: ext .build/fuzz/flaky.so ## changing load while calls fail at random, for MINUTES= (5) on Debian's Python and on a free-threaded one
	@.ci/packages python
	@.ci/soak --minutes $(MINUTES) $(ARGS)

.build/fuzz/flaky.so: Tests/fuzz/flaky.c Makefile
	@mkdir -p $(@D)
	@$(CC) -shared -fPIC -O2 -Wall -Wextra -Werror $< -o $@

# Debian's interpreter, which alone comes as a library, within a program.
.build/embed: Tests/embed/embed.c Makefile
	@.ci/packages python
	@mkdir -p $(@D)
	@$(CC) -O1 -Wall -Wextra -Werror $$(/usr/bin/python3-config --includes) $< -o $@ $$(/usr/bin/python3-config --embed --ldflags)

# Hostile calls of the library, found by libFuzzer: .ci/fuzz. The library is Embedded Swift here too, with coverage and the address sanitizer,
# and its calls that may fail go to Tests/fuzz/faults.c.
fuzz: .build/fuzz/abi ## calls of the library that nobody meant, with failing system calls, for MINUTES= (5)
	@.ci/fuzz --seconds $$(($(MINUTES) * 60))

fuzz_failing = malloc posix_memalign pthread_create pthread_setspecific open read pread
fuzz_sources = Tests/fuzz/abi.c Tests/fuzz/faults.c Sources/CSystem/shim.c

.build/fuzz/library.o: $(library_sources) Makefile
	$(say) "building $@ (for the fuzzer)"
	@.ci/packages build
	@mkdir -p $(@D)
	@$(SWIFT)c -wmo -parse-as-library -module-name BetaPoolCore -swift-version 6 -enable-experimental-feature Embedded -O -g \
	    -sanitize=address,fuzzer -I include -I Sources/CSystem -emit-object -o $@.new \
	    $$(find Sources/BetaPool -path Sources/BetaPool/Swift -prune -o -name '*.swift' -print)
	@$(toolchain)/llvm-objcopy $(foreach name,$(fuzz_failing),--redefine-sym $(name)=fuzz_$(name)) $@.new $@
	@rm $@.new

.build/fuzz/abi: .build/fuzz/library.o $(fuzz_sources) $(wildcard Tests/fuzz/*.h) include/betapool.h
	$(say) "building $@"
	@$(toolchain)/clang -fuse-ld=lld $(c_flags) -D_GNU_SOURCE -ISources/CSystem -g -O1 -fsanitize=address,undefined,fuzzer \
	    -fno-sanitize-recover=undefined $(fuzz_sources) $< -o $@ -lm -lpthread

test-docs: lib ## the API reference, and that everything public is documented
	@$(MAKE) ext PYTHONS=$(PYTHON)
	@.ci/test-docs

lint: ## style of Swift, Python and shell
	@.ci/lint

# ---- Document -----------------------------------------------------------------------------------------------------------------------

docs: lib ## the API reference of Python, Swift and C: .build/docs/index.html
	@$(MAKE) ext PYTHONS=$(PYTHON)
	@.ci/docs

# ---- Install -----------------------------------------------------------------------------------------------------------------------

install = DESTDIR='$(DESTDIR)' PREFIX='$(PREFIX)' LIBDIR='$(LIBDIR)' INCLUDEDIR='$(INCLUDEDIR)' MANDIR='$(MANDIR)' .ci/install

install: lib ## into PREFIX (and DESTDIR): library, header, manual, what pkg-config and CMake ask for
	@$(install)

uninstall: ## takes away what install put there
	@$(install) --remove

# ---- Packages ----------------------------------------------------------------------------------------------------------------------

wheels: lib ## wheels for every interpreter found, and the source distribution: .build/wheels
	@.ci/wheels $(PYTHONS)
	@.ci/wheels --sdist

wheel-arm64: ## the wheel for 64-bit ARM with Debian's Python, built on this machine: .build/wheels
	@.ci/wheels --arm64

deb: lib ## Debian packages: libbetapool1, libbetapool-dev, python3-betapool: .build/deb
	@.ci/deb

release-check: ## before a release: style, all tests, packages, one version everywhere
	@.ci/release-check

# ---- And the rest ------------------------------------------------------------------------------------------------------------------

clean: ## takes away all that was built (not the Python of python3.13t)
	@rm -rf .build .build-* .venv python/betapool/*.so python/betapool/*.so.*

help: ## this list
	@sed -n 's/^\([a-z0-9.-]*\):.*## \(.*\)/\1|\2/p' Makefile | awk -F'|' '{printf "make %-15s %s\n", $$1, $$2}'

.PHONY: all lib ext $(addprefix cross-,$(machines)) python3.13t run beta response idle-cores overhead efficiency evaluate readme-tables bench-executor \
    bench-native bench-programs test test-abi test-install test-wheels test-deb test-swift test-c test-python test-cpython test-clients \
    test-examples test-sanitize test-torture test-cross test-docs torture soak fuzz lint docs install uninstall wheels wheel-arm64 deb \
    release-check clean help
