/*
 * faults.c - what the library calls in the place of libc while it is fuzzed (its symbols are renamed: see the Makefile). The fuzzer says
 * which of its next calls fail.
 */
#include "faults.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

static atomic_uint calls_before[FAULT_KINDS], calls_to_fail[FAULT_KINDS];

void faults_arm(unsigned kind, unsigned before, unsigned count) {
    atomic_store(&calls_to_fail[kind % FAULT_KINDS], 0);
    atomic_store(&calls_before[kind % FAULT_KINDS], before);
    atomic_store(&calls_to_fail[kind % FAULT_KINDS], count);
}

void faults_disarm(void) {
    for (unsigned kind = 0; kind < FAULT_KINDS; kind++) {
        faults_arm(kind, 0, 0);
    }
}

static bool take_one(atomic_uint *count) {
    unsigned left = atomic_load(count);
    while (left > 0) {
        if (atomic_compare_exchange_weak(count, &left, left - 1)) {
            return true;
        }
    }
    return false;
}

static bool fails(fault_kind kind) {
    return atomic_load(&calls_to_fail[kind]) > 0 && !take_one(&calls_before[kind]) && take_one(&calls_to_fail[kind]);
}

static bool fails_with(fault_kind kind, int code) {
    if (!fails(kind)) {
        return false;
    }
    errno = code;
    return true;
}

void *fuzz_malloc(size_t size) {
    return fails_with(FAULT_MALLOC, ENOMEM) ? NULL : malloc(size);
}

int fuzz_posix_memalign(void **memory, size_t alignment, size_t size) {
    return fails(FAULT_MALLOC) ? ENOMEM : posix_memalign(memory, alignment, size);
}

int fuzz_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*body)(void *), void *argument) {
    return fails(FAULT_THREAD) ? EAGAIN : pthread_create(thread, attributes, body, argument);
}

int fuzz_pthread_setspecific(pthread_key_t key, const void *value) {
    return value != NULL && fails(FAULT_THREAD) ? ENOMEM : pthread_setspecific(key, value);
}

int fuzz_open(const char *path, int flags) {
    return fails_with(FAULT_FILE, EMFILE) ? -1 : open(path, flags);
}

ssize_t fuzz_read(int file, void *bytes, size_t count) {
    return fails_with(FAULT_FILE, EIO) ? -1 : read(file, bytes, count);
}

ssize_t fuzz_pread(int file, void *bytes, size_t count, off_t offset) {
    return fails_with(FAULT_FILE, ESRCH) ? -1 : pread(file, bytes, count, offset);
}
