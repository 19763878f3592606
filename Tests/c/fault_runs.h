/*
 * fault_runs.h - what becomes of the library when the system refuses something. One call after the other fails, each in a process of its
 * own: the first that the library makes, then the second, until a run makes fewer; that one alone, or all from there on.
 *
 * The promises: a function returns 0 or a code that the header names for it; no crash; nothing hangs; nothing leaks but the memory of the
 * handles, which is kept for the next ones; and when calls succeed again so does the library.
 */
#ifndef FAULT_RUNS_H
#define FAULT_RUNS_H

#include "faults.h"
#include "fork.h"

#include <limits.h>
#include <signal.h>

/* Whether all calls fail from the first one on that does, until `faults_end`. */
static bool goes_on;

/* What a child tells its parent. */
static struct report {
    unsigned calls;
    long allocations;
} *report;

/* A call that returns 0, or one of two codes; then 0, once calls succeed again. */
#define INSIST(call, one, other)                      \
    do {                                              \
        int insist_code = (call);                     \
        if (insist_code != 0) {                       \
            EXPECT_CODE(insist_code, one, other);     \
            faults_end();                             \
            EXPECT((call) == 0);                      \
        }                                             \
    } while (0)

#define EXPECT_CODE(code, one, other)                                                                                    \
    do {                                                                                                                 \
        if ((code) != (one) && (code) != (other)) {                                                                      \
            dprintf(2, "child: line %d: %d (%s), not %d or %d\n", __LINE__, code, betapool_strerror(code), one, other); \
            _exit(1);                                                                                                    \
        }                                                                                                                \
    } while (0)

static unsigned runs[FAULT_COUNT];

static int run_in_child(void (*scenario)(void), fault fault, unsigned number) {
    runs[fault]++;
    pid_t child = fork_child();
    if (child != 0) {
        return exit_code_of(child);
    }
    alarm(20);
    unsigned files = file_count();
    faults_begin(fault, number, goes_on ? UINT_MAX : number);
    scenario();
    if (number == UINT_MAX) { /* nothing fails: what one life leaves behind, handles, is enough for the next */
        long allocations = atomic_load(&faults.allocations);
        scenario();
        EXPECT(atomic_load(&faults.allocations) == allocations);
    }
    EXPECT(HOLDS_SOON(thread_count() == 1));
    EXPECT(atomic_load(&faults.threads) == 0);
    EXPECT(file_count() == files);
    report->calls = atomic_load(&faults.calls[fault]);
    report->allocations = atomic_load(&faults.allocations);
    _exit(0);
}

/* Calls that are made as often as there is time are not tried one by one to the end. */
static unsigned next(unsigned number, fault fault) {
    bool depends_on_time = fault == FAULT_PREAD || fault == FAULT_FUTEX || fault == FAULT_CLOCK;
    return depends_on_time && number >= 16 ? number + number / 4 : number + 1;
}

static void each_call_fails(const char *name, void (*scenario)(void), fault fault) {
    goes_on = false;
    report->calls = 0;
    for (int i = 0; i < 10 && report->calls == 0; i++) { /* a run may be over before the ticker gets a core */
        assert_int_equal(run_in_child(scenario, fault, UINT_MAX), 0);
    }
    long allocations = report->allocations;
    if (report->calls == 0) {
        fail_msg("%s: the library never calls %s", name, fault_kinds[fault].name);
    }
    for (int i = 0; i < 2; i++) {
        goes_on = i == 1;
        for (unsigned number = 1;; number = next(number, fault)) {
            int code = run_in_child(scenario, fault, number);
            long leaked = code == 0 ? report->allocations - allocations : 0;
            if (code != 0 || leaked != 0) {
                const char *what = code == 1000 + SIGALRM ? "a hang" : code > 1000 ? "a crash" : code != 0 ? "a broken promise" : "a leak";
                fail_msg("%s: when %s fails at call %u%s: %s (%d), %ld allocations too many", name, fault_kinds[fault].name, number,
                         goes_on ? " and from there on" : "", what, code, leaked);
            }
            if (report->calls < number) {
                break;
            }
        }
    }
}

HELPER int prepare_runs(void **state) {
    (void)state;
    report = mmap(NULL, sizeof *report, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    faults_install();
    return report == MAP_FAILED;
}

HELPER int count_runs(void **state) {
    (void)state;
    for (fault fault = 0; fault < FAULT_COUNT; fault++) {
        if (runs[fault] > 0) {
            printf("faults: %s: %u runs\n", fault_kinds[fault].name, runs[fault]); /* for evaluation.torture */
        }
    }
    return 0;
}

/* Not under the thread sanitizer: Swift's runtime then takes a lock in each call, by a thread number that it keeps across fork. */
#define RUN_FAULTS(tests) \
    (UNDER_THREAD_SANITIZER ? cmocka_run_group_tests(no_tests, NULL, NULL) : cmocka_run_group_tests(tests, prepare_runs, count_runs))

#endif /* FAULT_RUNS_H */
