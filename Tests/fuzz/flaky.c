/*
 * flaky.c - preloaded into a program, lets the calls that libbetapool makes fail at random, and every pthread_create: one in so many, as
 * flaky_begin says. Python's soak uses it: python/evaluation/torture/soak_program.py.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <link.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static atomic_uint one_in; /* 0: none fails */
static atomic_ulong failed, failed_threads;
static uintptr_t library_start, library_end;

static int find_library(struct dl_phdr_info *info, size_t size, void *unused) {
    (void)size, (void)unused;
    if (strstr(info->dlpi_name, "libbetapool.so") == NULL) {
        return 0;
    }
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
        if (segment->p_type == PT_LOAD && (segment->p_flags & PF_X)) {
            library_start = info->dlpi_addr + segment->p_vaddr;
            library_end = library_start + segment->p_memsz;
        }
    }
    return 1;
}

/* From now on about one call in `rate` fails, none if that is 0. Returns how many have failed so far. */
unsigned long flaky_begin(unsigned rate) {
    if (library_end == 0) {
        dl_iterate_phdr(find_library, NULL);
    }
    atomic_store(&one_in, rate);
    return atomic_load(&failed);
}

/* How many of those that have failed were a pthread_create. */
unsigned long flaky_failed_threads(void) {
    return atomic_load(&failed_threads);
}

static bool fails(void) {
    static _Thread_local uint32_t state;
    unsigned rate = atomic_load_explicit(&one_in, memory_order_relaxed);
    if (rate == 0) {
        return false;
    }
    state = state == 0 ? (uint32_t)(uintptr_t)&state ^ (uint32_t)gettid() * 2654435761u : state * 1664525u + 1013904223u;
    bool does = (state >> 8) % rate == 0;
    atomic_fetch_add(&failed, does);
    return does;
}

static bool fails_for(void *caller, int code) {
    uintptr_t address = (uintptr_t)caller;
    if (address < library_start || address >= library_end || !fails()) {
        return false;
    }
    errno = code;
    return true;
}

#define CALLER __builtin_return_address(0)
#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

extern void *__libc_malloc(size_t size);

void *malloc(size_t size) {
    return fails_for(CALLER, ENOMEM) ? NULL : __libc_malloc(size);
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*body)(void *), void *argument) {
    if (fails()) {
        atomic_fetch_add(&failed_threads, 1);
        return EAGAIN;
    }
    return REAL(pthread_create)(thread, attributes, body, argument);
}

ssize_t pread(int file, void *bytes, size_t count, off_t offset) {
    static __typeof__(&pread) real;
    if (real == NULL) {
        real = REAL(pread);
    }
    return fails_for(CALLER, ESRCH) ? -1 : real(file, bytes, count, offset);
}

int open(const char *path, int flags, ...) {
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    return fails_for(CALLER, EMFILE) ? -1 : REAL(open)(path, flags, mode);
}

long syscall(long number, ...) {
    static __typeof__(&syscall) real;
    va_list list;
    long arguments[6];
    va_start(list, number);
    for (int i = 0; i < 6; i++) {
        arguments[i] = va_arg(list, long);
    }
    va_end(list);
    if (real == NULL) {
        real = REAL(syscall);
    }
    if (number == SYS_futex && (arguments[1] & FUTEX_CMD_MASK) == FUTEX_WAIT && fails_for(CALLER, EINTR)) {
        sched_yield(); /* whoever is waited for must get on */
        return -1;
    }
    return real(number, arguments[0], arguments[1], arguments[2], arguments[3], arguments[4], arguments[5]);
}
