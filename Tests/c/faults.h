/*
 * faults.h - lets chosen calls of the library fail. The library calls libc through its table of addresses, where `faults_install` puts the
 * functions of this file: so the library's calls are counted and failed and nobody else's, and a sanitizer's own functions stay beneath.
 */
#ifndef FAULTS_H
#define FAULTS_H

#include "support.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <link.h>
#include <linux/futex.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>

/* ---- Which calls ------------------------------------------------------------------------------------------------------------------ */

typedef enum fault {
    FAULT_MALLOC,
    FAULT_CREATE,
    FAULT_ATTRIBUTES,
    FAULT_STACK_SIZE,
    FAULT_KEY,
    FAULT_VALUE,
    FAULT_ATFORK,
    FAULT_NAME,
    FAULT_CLOCK_ID,
    FAULT_CLOCK,
    FAULT_OPEN,
    FAULT_READ,
    FAULT_PREAD,
    FAULT_FUTEX,
    FAULT_AFFINITY,
    FAULT_RLIMIT,
    FAULT_SYSCONF,
    FAULT_SPAWN, /* the host's callback */
    FAULT_COUNT
} fault;

/*
 * With errors that their manuals know. Of the clocks only those of threads fail, for CLOCK_MONOTONIC cannot; of the futex calls only those
 * that wait, for one that wakes fails on a bad address alone.
 */
static const struct {
    const char *name;
    int code;
} fault_kinds[FAULT_COUNT] = {
    [FAULT_MALLOC] = {"malloc", ENOMEM},
    [FAULT_CREATE] = {"pthread_create", EAGAIN},
    [FAULT_ATTRIBUTES] = {"pthread_attr_init", ENOMEM},
    [FAULT_STACK_SIZE] = {"pthread_attr_setstacksize", EINVAL},
    [FAULT_KEY] = {"pthread_key_create", EAGAIN},
    [FAULT_VALUE] = {"pthread_setspecific", ENOMEM},
    [FAULT_ATFORK] = {"pthread_atfork", ENOMEM},
    [FAULT_NAME] = {"pthread_setname_np", EACCES},
    [FAULT_CLOCK_ID] = {"pthread_getcpuclockid", ENOENT},
    [FAULT_CLOCK] = {"clock_gettime", EINVAL},
    [FAULT_OPEN] = {"open", EMFILE},
    [FAULT_READ] = {"read", EIO},
    [FAULT_PREAD] = {"pread", ESRCH},
    [FAULT_FUTEX] = {"futex", EINTR},
    [FAULT_AFFINITY] = {"sched_getaffinity", EPERM},
    [FAULT_RLIMIT] = {"getrlimit", EPERM},
    [FAULT_SYSCONF] = {"sysconf", EINVAL},
    [FAULT_SPAWN] = {"spawn", EAGAIN},
};

static struct {
    fault fault; /* of this kind ... */
    unsigned first;
    atomic_uint last; /* ... the calls with these numbers fail, counted from 1; none if last is 0 */
    atomic_uint calls[FAULT_COUNT];
    atomic_long allocations; /* that the library made and has not given back */
    atomic_long threads;     /* that it started and has not joined */
} faults;

HELPER void faults_begin(fault fault, unsigned first, unsigned last) {
    faults.fault = fault;
    faults.first = first;
    atomic_store(&faults.last, last);
}

/* From now on all calls succeed. */
HELPER void faults_end(void) {
    atomic_store(&faults.last, 0);
}

/* Counts a call. 0 if it may take place, else the error with which it fails. */
HELPER int fault_code(fault fault) {
    unsigned number = atomic_fetch_add(&faults.calls[fault], 1) + 1;
    return fault == faults.fault && number >= faults.first && number <= atomic_load(&faults.last) ? fault_kinds[fault].code : 0;
}

HELPER bool fault_sets_errno(fault fault) {
    int code = fault_code(fault);
    errno = code != 0 ? code : errno;
    return code != 0;
}

/* ---- In the place of libc's functions --------------------------------------------------------------------------------------------- */

static void *faulty_malloc(size_t size) {
    void *memory = fault_sets_errno(FAULT_MALLOC) ? NULL : malloc(size);
    atomic_fetch_add(&faults.allocations, memory != NULL);
    return memory;
}

static void counting_free(void *memory) {
    atomic_fetch_sub(&faults.allocations, memory != NULL);
    free(memory);
}

static int faulty_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*body)(void *), void *argument) {
    int code = fault_code(FAULT_CREATE);
    code = code != 0 ? code : pthread_create(thread, attributes, body, argument);
    atomic_fetch_add(&faults.threads, code == 0);
    return code;
}

static int counting_join(pthread_t thread, void **result) {
    int code = pthread_join(thread, result);
    atomic_fetch_sub(&faults.threads, code == 0);
    return code;
}

static int faulty_attributes(pthread_attr_t *attributes) {
    int code = fault_code(FAULT_ATTRIBUTES);
    return code != 0 ? code : pthread_attr_init(attributes);
}

static int faulty_stack_size(pthread_attr_t *attributes, size_t size) {
    int code = fault_code(FAULT_STACK_SIZE);
    return code != 0 ? code : pthread_attr_setstacksize(attributes, size);
}

static int faulty_key(pthread_key_t *key, void (*destructor)(void *)) {
    int code = fault_code(FAULT_KEY);
    return code != 0 ? code : pthread_key_create(key, destructor);
}

/* To set nothing needs no memory. */
static int faulty_value(pthread_key_t key, const void *value) {
    int code = value != NULL ? fault_code(FAULT_VALUE) : 0;
    return code != 0 ? code : pthread_setspecific(key, value);
}

/* What pthread_atfork is made of: that is a part of each library itself. */
extern int __register_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void), void *library);

static int faulty_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void), void *library) {
    int code = fault_code(FAULT_ATFORK);
    return code != 0 ? code : __register_atfork(prepare, parent, child, library);
}

static int faulty_name(pthread_t thread, const char *name) {
    int code = fault_code(FAULT_NAME);
    return code != 0 ? code : pthread_setname_np(thread, name);
}

static int faulty_clock_id(pthread_t thread, clockid_t *clock) {
    int code = fault_code(FAULT_CLOCK_ID);
    return code != 0 ? code : pthread_getcpuclockid(thread, clock);
}

static int faulty_clock(clockid_t clock, struct timespec *time) {
    return clock != CLOCK_MONOTONIC && fault_sets_errno(FAULT_CLOCK) ? -1 : clock_gettime(clock, time);
}

static int faulty_open(const char *path, int flags) {
    return fault_sets_errno(FAULT_OPEN) ? -1 : open(path, flags);
}

static ssize_t faulty_read(int file, void *bytes, size_t count) {
    return fault_sets_errno(FAULT_READ) ? -1 : read(file, bytes, count);
}

static ssize_t faulty_pread(int file, void *bytes, size_t count, off_t offset) {
    return fault_sets_errno(FAULT_PREAD) ? -1 : pread(file, bytes, count, offset);
}

static long faulty_syscall(long number, long a, long b, long c, long d, long e, long f) {
    bool waits = number == SYS_futex && (b & FUTEX_CMD_MASK) == FUTEX_WAIT;
    if (waits && fault_sets_errno(FAULT_FUTEX)) {
        sched_yield(); /* whoever is waited for must get on */
        return -1;
    }
    if (number == SYS_sched_getaffinity && fault_sets_errno(FAULT_AFFINITY)) {
        return -1;
    }
    return syscall(number, a, b, c, d, e, f);
}

static int faulty_rlimit(__rlimit_resource_t resource, struct rlimit *limit) {
    return fault_sets_errno(FAULT_RLIMIT) ? -1 : getrlimit(resource, limit);
}

static long faulty_sysconf(int name) {
    return fault_sets_errno(FAULT_SYSCONF) ? -1 : sysconf(name);
}

/* ---- The library's table ---------------------------------------------------------------------------------------------------------- */

typedef void (*any_function)(void);

static const struct {
    const char *name;
    any_function function;
} fault_functions[] = {
    {"malloc", (any_function)faulty_malloc},
    {"free", (any_function)counting_free},
    {"pthread_create", (any_function)faulty_create},
    {"pthread_join", (any_function)counting_join},
    {"pthread_attr_init", (any_function)faulty_attributes},
    {"pthread_attr_setstacksize", (any_function)faulty_stack_size},
    {"pthread_key_create", (any_function)faulty_key},
    {"pthread_setspecific", (any_function)faulty_value},
    {"__register_atfork", (any_function)faulty_atfork},
    {"pthread_setname_np", (any_function)faulty_name},
    {"pthread_getcpuclockid", (any_function)faulty_clock_id},
    {"clock_gettime", (any_function)faulty_clock},
    {"open", (any_function)faulty_open},
    {"read", (any_function)faulty_read},
    {"pread", (any_function)faulty_pread},
    {"syscall", (any_function)faulty_syscall},
    {"getrlimit", (any_function)faulty_rlimit},
    {"sysconf", (any_function)faulty_sysconf},
};

/* Relocations: of functions that are called, and of whatever else an address is taken of. */
typedef struct relocations {
    const char *start;
    size_t bytes, step;
} relocations;

/* Writes the function into each entry of its name; the table is read-only (RELRO) until then. How many there were. */
static unsigned redirect(const struct link_map *library, relocations list, const ElfW(Sym) *symbols, const char *names, size_t index) {
    enum { SYMBOL_SHIFT = sizeof(void *) == 8 ? 32 : 8 };
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    unsigned count = 0;
    for (size_t offset = 0; offset < list.bytes; offset += list.step) {
        ElfW(Rel) relocation; /* an ElfW(Rela) begins with one */
        memcpy(&relocation, list.start + offset, sizeof relocation);
        if (strcmp(names + symbols[relocation.r_info >> SYMBOL_SHIFT].st_name, fault_functions[index].name) == 0) {
            uintptr_t entry = library->l_addr + relocation.r_offset;
            assert_int_equal(mprotect((void *)(entry & ~(page - 1)), page, PROT_READ | PROT_WRITE), 0);
            memcpy((void *)entry, &fault_functions[index].function, sizeof(any_function));
            count++;
        }
    }
    return count;
}

/* For the rest of the process. Called before the library has any thread. */
HELPER void faults_install(void) {
    void *handle = dlopen("libbetapool.so.1", RTLD_LAZY | RTLD_NOLOAD);
    struct link_map *library = NULL;
    assert_non_null(handle);
    assert_int_equal(dlinfo(handle, RTLD_DI_LINKMAP, &library), 0);
    const ElfW(Sym) *symbols = NULL;
    const char *names = NULL;
    relocations calls = {NULL, 0, sizeof(ElfW(Rela))}, others = {NULL, 0, sizeof(ElfW(Rela))};
    for (const ElfW(Dyn) *item = library->l_ld; item->d_tag != DT_NULL; item++) {
        const char *address = (const char *)item->d_un.d_ptr;
        switch (item->d_tag) {
        case DT_SYMTAB: symbols = (const ElfW(Sym) *)address; break;
        case DT_STRTAB: names = address; break;
        case DT_JMPREL: calls.start = address; break;
        case DT_PLTRELSZ: calls.bytes = item->d_un.d_val; break;
        case DT_PLTREL: calls.step = item->d_un.d_val == DT_RELA ? sizeof(ElfW(Rela)) : sizeof(ElfW(Rel)); break;
        case DT_RELA: case DT_REL: others.start = address; break;
        case DT_RELASZ: case DT_RELSZ: others.bytes = item->d_un.d_val; break;
        case DT_RELAENT: case DT_RELENT: others.step = item->d_un.d_val; break;
        default: break;
        }
    }
    assert_true(symbols != NULL && names != NULL);
    for (size_t i = 0; i < sizeof fault_functions / sizeof fault_functions[0]; i++) {
        if (redirect(library, calls, symbols, names, i) + redirect(library, others, symbols, names, i) == 0) {
            fail_msg("the library does not call %s any more: take it out of faults.h", fault_functions[i].name);
        }
    }
    dlclose(handle);
}

#endif /* FAULTS_H */
