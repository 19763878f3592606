/*
 * fork.h - what tests that fork share. A child that finds something else than it expects says so on stderr and exits with 1.
 */
#ifndef FORK_H
#define FORK_H

#include "support.h"

#if defined __has_feature
#define BUILT_WITH(sanitizer) __has_feature(sanitizer)
#else
#define BUILT_WITH(sanitizer) 0
#endif

#if defined __SANITIZE_THREAD__ || BUILT_WITH(thread_sanitizer)
enum { UNDER_THREAD_SANITIZER = true };
#else
enum { UNDER_THREAD_SANITIZER = false };
#endif

/* A child may inherit a lock of its allocator, held by a thread that is no more: it cannot fork while other threads allocate. */
#if defined __SANITIZE_ADDRESS__ || BUILT_WITH(address_sanitizer)
enum { UNDER_ADDRESS_SANITIZER = true };
#else
enum { UNDER_ADDRESS_SANITIZER = false };
#endif

/* In a child. Exit codes have 8 bits, so the line goes to stderr. */
#define EXPECT(condition)                                             \
    do {                                                              \
        if (!(condition)) {                                           \
            dprintf(2, "child: line %d: %s\n", __LINE__, #condition); \
            _exit(1);                                                 \
        }                                                             \
    } while (0)

HELPER pid_t fork_child(void) {
    pid_t child = fork();
    if (child == 0) {
        alarm(30);
    }
    return child;
}

/* In a child: a pool does `count` tasks, each once. */
HELPER void expect_pool_works(betapool *pool, size_t count) {
    ledger ledger = {calloc(count, sizeof(entry)), count};
    EXPECT(ledger.entries != NULL);
    for (size_t i = 0; i < count; i++) {
        EXPECT(betapool_submit(pool, enter_into_ledger, &ledger.entries[i]) == 0);
    }
    EXPECT(HOLDS_SOON(ledger_sums(&ledger).ran == count));
    EXPECT(ledger_sums(&ledger).wrong == 0);
    ledger_free(&ledger);
}

/* The thread sanitizer knows no threads in the child of a program that had some ("dup thread with used id"). */
HELPER void nothing_under_the_thread_sanitizer(void **state) {
    (void)state;
    skip();
}

/* Runs the tests of a file, or none at all. */
#define RUN_UNLESS_UNDER_THREAD_SANITIZER(tests) \
    (UNDER_THREAD_SANITIZER ? cmocka_run_group_tests(no_tests, NULL, NULL) : cmocka_run_group_tests(tests, NULL, NULL))

static const struct CMUnitTest no_tests[] = {cmocka_unit_test(nothing_under_the_thread_sanitizer)};

#endif /* FORK_H */
