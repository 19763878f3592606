/*
 * emulated.c - linked into the C tests where an emulator (qemu-user) runs them for another machine. It leaves out, by name, those that
 * cannot hold there, each with its reason, and has cmocka report them as skipped. The linker hands it the list of tests (--wrap).
 */
#include "support.h"

#define NO_THREADS "the emulator ends when a thread is made in the child of a process that has some"
#define OTHER_NUMBERS "/proc shows the emulator's own system calls, which have other numbers: no futex is recognised"

static const struct {
    const char *name, *reason;
} left_out[] = {
    {"the_hosts_lock", OTHER_NUMBERS},
    {"waiting_for_the_lock_is_no_io", OTHER_NUMBERS},
    {"processes_end", "the system cannot start a program of another machine, so this one cannot begin anew"},
    {"quiet_pools", NO_THREADS},
    {"queued_tasks_are_the_parents", NO_THREADS},
    {"the_childs_pool_works", NO_THREADS},
    {"cancelled_tasks_may_submit", NO_THREADS},
    {"a_pool_that_drains", NO_THREADS},
    {"two_pools_and_a_grandchild", NO_THREADS},
    {"from_a_task", NO_THREADS},
    {"two_hundred_forks_under_load", NO_THREADS},
    {"each_waits_for_a_later_one", "a thousand threads are more than the emulator has room for"},
    {"no_memory", "the emulator's own memory counts in the limit"},
};

enum { LEFT_OUT = sizeof left_out / sizeof left_out[0] };

static void leave_out(void **state) {
    (void)state;
    skip();
}

/* The emulator ends a thread a moment after the program has joined it. Tests that count threads begin when the last one is gone. */
static int limit_time_and_settle(void **state) {
    int code = limit_time(state);
    pause_seconds(0.02);
    return code;
}

/* Says why a test is left out; false if it is not. */
static bool is_left_out(const char *name) {
    for (size_t i = 0; i < LEFT_OUT; i++) {
        if (strcmp(left_out[i].name, name) == 0) {
            print_message("SKIPPED %s: %s\n", name, left_out[i].reason);
            return true;
        }
    }
    return false;
}

int __real__cmocka_run_group_tests(const char *group, const struct CMUnitTest *tests, size_t count, CMFixtureFunction setup,
                                   CMFixtureFunction teardown);
int __wrap__cmocka_run_group_tests(const char *group, const struct CMUnitTest *tests, size_t count, CMFixtureFunction setup,
                                   CMFixtureFunction teardown);

int __wrap__cmocka_run_group_tests(const char *group, const struct CMUnitTest *tests, size_t count, CMFixtureFunction setup,
                                   CMFixtureFunction teardown) {
    struct CMUnitTest *kept = calloc(count, sizeof *kept);
    if (kept == NULL) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        kept[i] = tests[i];
        kept[i].setup_func = limit_time_and_settle;
        if (is_left_out(tests[i].name)) {
            kept[i].test_func = leave_out;
        }
    }
    int failed = __real__cmocka_run_group_tests(group, kept, count, setup, teardown);
    free(kept);
    return failed;
}
