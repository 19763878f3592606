// What Swift cannot import from libc: macros, variadic functions, GNU functions that need _GNU_SOURCE (which must not be defined here:
// it changes the headers that the Swift toolchain's own modules were made with).
#ifndef CSYSTEM_SHIM_H
#define CSYSTEM_SHIM_H

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

extern int pthread_setname_np(pthread_t thread, const char *name);

// The square root as one instruction: Swift's calls libm, for the sake of errno.
static inline double csystem_sqrt(double value) {
    return __builtin_elementwise_sqrt(value);
}

static inline int csystem_errno(void) {
    return errno;
}

static inline void csystem_set_errno(int code) {
    errno = code;
}

// Tells the core that this is a loop that waits for another core.
static inline void csystem_pause(void) {
#if defined __x86_64__ || defined __i386__
    __builtin_ia32_pause();
#elif defined __aarch64__ || defined __arm__
    __asm__ volatile("yield");
#endif
}

// SYS_futex takes the kernel's first timespec, of two longs: so must libc's be, also where it can have a 64-bit time_t on 32 bits.
_Static_assert(sizeof(struct timespec) == 2 * sizeof(long), "compile without _TIME_BITS=64: SYS_futex takes a timespec of two longs");

// Sleeps while *word == expected; may return early. errno stays as it was.
static inline void csystem_futex_wait(uint32_t *word, uint32_t expected, const struct timespec *timeout) {
    int error = errno;
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, expected, timeout, NULL, 0);
    errno = error;
}

static inline void csystem_futex_wake(uint32_t *word, int count) {
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, count, NULL, NULL, 0);
}

// The number of cores that the calling thread may run on, or 0 if the kernel does not say.
static inline int csystem_affinity_count(void) {
    unsigned long mask[1024];
    int count = 0;
    long bytes = syscall(SYS_sched_getaffinity, 0, sizeof mask, mask);
    for (long i = 0; i < bytes / (long)sizeof mask[0]; i++) {
        count += __builtin_popcountl(mask[i]);
    }
    return count;
}

static inline uint64_t csystem_physical_memory(void) {
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    return pages > 0 && page > 0 ? (uint64_t)pages * (uint64_t)page : 0;
}

// RLIMIT_NPROC, or 0 for "no limit" and "not known".
static inline uint64_t csystem_process_limit(void) {
    struct rlimit limit;
    return getrlimit(RLIMIT_NPROC, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY ? (uint64_t)limit.rlim_cur : 0;
}

static inline int32_t csystem_thread_id(void) {
    return (int32_t)syscall(SYS_gettid);
}

// A descriptor, or -1.
static inline int csystem_open_for_reading(const char *path) {
    return open(path, O_RDONLY | O_CLOEXEC);
}

static inline void csystem_close(int file) {
    close(file);
}

// Reads a file from its start into `text`, terminated. Returns the length, or -1.
static inline long csystem_read_again(int file, char *text, size_t capacity) {
    long length = pread(file, text, capacity - 1, 0);
    text[length > 0 ? length : 0] = 0;
    return length;
}

static inline _Bool csystem_is_futex(long number) {
#ifdef SYS_futex_time64
    if (number == SYS_futex_time64) {
        return 1;
    }
#endif
    return number == SYS_futex;
}

// Reads the start of a small file into `text`, terminated. Returns its length, or -1.
static inline long csystem_read_file(const char *path, char *text, size_t capacity) {
    long length = -1;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file >= 0) {
        length = read(file, text, capacity - 1);
        close(file);
    }
    text[length > 0 ? length : 0] = 0;
    return length;
}

// One lock for the process's list of handles, usable before anything was allocated.
pthread_mutex_t *csystem_registry_mutex(void);

// The key of the library's thread-local value, made with csystem_thread_key_create: by one thread at a time, once (again does nothing).
pthread_key_t csystem_thread_key(void);
int csystem_thread_key_create(void (*on_exit)(void *));

// The version that the public header states: Swift imports a macro as a String, which a C caller cannot have.
const char *csystem_version(void);

#endif
