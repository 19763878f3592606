/*
 * support.h - what the C tests share: a hard time limit, waiting for a condition, a gate that holds tasks, a ledger that knows what became
 * of each task, and the number of threads that the kernel sees. Everything here may be used from any thread, cmocka's assert_* only from
 * the one that runs the test: tasks write down what they saw and the test looks at it.
 */
#ifndef SUPPORT_H
#define SUPPORT_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "betapool.h"

/* Each file uses some of these. */
#define HELPER __attribute__((unused)) static

/* ---- Time ------------------------------------------------------------------------------------------------------------------------- */

HELPER void *do_nothing_at_all(void *argument) {
    return argument;
}

/*
 * Before each test: whatever hangs is ended by SIGALRM, and the last "[ RUN ]" line says what it was. A first thread is started and joined,
 * for a sanitizer then starts one of its own, which tests that count threads must not see coming.
 */
HELPER int limit_time(void **state) {
    (void)state;
    alarm(60);
    pthread_t thread;
    return pthread_create(&thread, NULL, do_nothing_at_all, NULL) != 0 || pthread_join(thread, NULL) != 0;
}

HELPER void pause_seconds(double seconds) {
    struct timespec time = {(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};
    while (nanosleep(&time, &time) != 0 && errno == EINTR) {
    }
}

/* Waits until `condition` holds; false if that took more than 30 seconds. For use where asserting is not allowed. */
#define HOLDS_SOON(condition)                                                          \
    __extension__({                                                                    \
        double holds_soon_end = betapool_wall_time() + 30;                             \
        bool holds_soon = false;                                                       \
        while (!(holds_soon = (condition)) && betapool_wall_time() < holds_soon_end) { \
            pause_seconds(0.0005);                                                     \
        }                                                                              \
        holds_soon;                                                                    \
    })

/* Waits until `condition` holds, and fails the test if it does not come true. */
#define AWAIT(condition)                                         \
    do {                                                         \
        if (!HOLDS_SOON(condition)) {                            \
            fail_msg("waited 30 s in vain for: %s", #condition); \
        }                                                        \
    } while (0)

/* ---- A gate: tasks stop at it until it is opened ---------------------------------------------------------------------------------- */

typedef struct gate {
    pthread_mutex_t mutex;
    pthread_cond_t opened;
    bool open;
    unsigned waiting; /* threads now standing before it */
    unsigned most;    /* the most that ever stood there together */
    unsigned passed;
} gate;

#define GATE_INITIALIZER \
    { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false, 0, 0, 0 }

HELPER void gate_pass(gate *gate) {
    pthread_mutex_lock(&gate->mutex);
    gate->waiting++;
    gate->most = gate->waiting > gate->most ? gate->waiting : gate->most;
    while (!gate->open) {
        pthread_cond_wait(&gate->opened, &gate->mutex);
    }
    gate->waiting--;
    gate->passed++;
    pthread_mutex_unlock(&gate->mutex);
}

HELPER void gate_open(gate *gate) {
    pthread_mutex_lock(&gate->mutex);
    gate->open = true;
    pthread_cond_broadcast(&gate->opened);
    pthread_mutex_unlock(&gate->mutex);
}

HELPER unsigned gate_waiting(gate *gate) {
    pthread_mutex_lock(&gate->mutex);
    unsigned waiting = gate->waiting;
    pthread_mutex_unlock(&gate->mutex);
    return waiting;
}

/* A task. */
HELPER void stop_at_gate(void *argument, int status) {
    if (status == 0) {
        gate_pass(argument);
    }
}

/* ---- A ledger: how often each of many tasks ran and was cancelled ----------------------------------------------------------------- */

typedef struct entry {
    atomic_uint ran;
    atomic_uint cancelled;
    atomic_uint odd; /* called with a status that is neither 0 nor -ECANCELED */
} entry;

typedef struct ledger {
    entry *entries;
    size_t count;
} ledger;

typedef struct sums {
    uint64_t ran, cancelled, untouched, wrong; /* wrong: more than one call, or an odd status */
} sums;

HELPER ledger ledger_create(size_t count) {
    ledger ledger = {calloc(count, sizeof(entry)), count};
    assert_non_null(ledger.entries);
    return ledger;
}

HELPER void ledger_free(ledger *ledger) {
    free(ledger->entries);
    ledger->entries = NULL;
}

/* A task; its argument is an entry. */
HELPER void enter_into_ledger(void *argument, int status) {
    entry *entry = argument;
    atomic_fetch_add(status == 0 ? &entry->ran : status == -ECANCELED ? &entry->cancelled : &entry->odd, 1);
}

HELPER sums ledger_sums(const ledger *ledger) {
    sums sums = {0, 0, 0, 0};
    for (size_t i = 0; i < ledger->count; i++) {
        unsigned ran = atomic_load(&ledger->entries[i].ran);
        unsigned cancelled = atomic_load(&ledger->entries[i].cancelled);
        sums.ran += ran;
        sums.cancelled += cancelled;
        sums.untouched += ran + cancelled == 0;
        sums.wrong += ran + cancelled > 1 || atomic_load(&ledger->entries[i].odd) > 0;
    }
    return sums;
}

/* ---- Random numbers: the same ones in every run ----------------------------------------------------------------------------------- */

static uint64_t random_state;

HELPER uint64_t random_number(void) { /* splitmix64 */
    uint64_t z = random_state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

HELPER double random_fraction(void) {
    return (double)(random_number() >> 11) * 0x1p-53;
}

HELPER uint32_t random_below(uint32_t limit) {
    return (uint32_t)(random_number() % limit);
}

/* ---- Controllers ------------------------------------------------------------------------------------------------------------------ */

/* Algorithm 1 with the paper's constants. */
HELPER betapool_config paper_config(void) {
    betapool_config config;
    assert_int_equal(betapool_config_init(&config), 0);
    config.policy = BETAPOOL_PAPER;
    config.min_threads = 4;
    config.max_threads = 64;
    config.interval = 0.5;
    return config;
}

/* Limits and constants from all over their ranges. */
HELPER void randomise(betapool_config *config) {
    config->min_threads = 1 + random_below(8);
    config->max_threads = config->min_threads + random_below(12);
    config->hysteresis = 1 + random_below(5);
    config->beta_threshold = random_fraction();
    config->alpha = random_below(8) == 0 ? 1 : 0.01 + 0.99 * random_fraction();
}

HELPER betapool_controller *controller_create(const betapool_config *config) {
    betapool_controller *controller = NULL;
    assert_int_equal(betapool_controller_create(config, &controller), 0);
    assert_non_null(controller);
    return controller;
}

HELPER betapool_decision tick(betapool_controller *controller, double now, uint64_t queue_length) {
    betapool_decision decision;
    memset(&decision, 0xa5, sizeof decision);
    assert_int_equal(betapool_controller_tick(controller, now, queue_length, &decision), 0);
    return decision;
}

/* ---- Threads and pools ------------------------------------------------------------------------------------------------------------ */

HELPER unsigned entry_count(const char *path) {
    DIR *directory = opendir(path);
    if (directory == NULL) {
        return 0;
    }
    unsigned count = 0;
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        count += entry->d_name[0] != '.';
    }
    closedir(directory);
    return count;
}

/* The threads of this process, as the kernel counts them. */
HELPER unsigned thread_count(void) {
    return entry_count("/proc/self/task");
}

/* Its open files. */
HELPER unsigned file_count(void) {
    return entry_count("/proc/self/fd");
}

/* A configuration for a pool of exactly `threads` workers. */
HELPER betapool_config fixed_config(uint32_t threads) {
    betapool_config config;
    assert_int_equal(betapool_config_init(&config), 0);
    config.policy = BETAPOOL_FIXED;
    config.min_threads = threads;
    config.max_threads = threads;
    config.interval = 0.01;
    return config;
}

HELPER betapool *pool_create(const betapool_config *config) {
    betapool *pool = NULL;
    assert_int_equal(betapool_create(config, &pool), 0);
    assert_non_null(pool);
    return pool;
}

HELPER betapool *fixed_pool(uint32_t threads) {
    betapool_config config = fixed_config(threads);
    return pool_create(&config);
}

/* The pool's figures; all zero (and size 0) if they could not be had. */
HELPER betapool_stats stats_of(betapool *pool) {
    betapool_stats stats;
    memset(&stats, 0, sizeof stats);
    stats.size = sizeof stats;
    if (betapool_get_stats(pool, &stats) != 0) {
        memset(&stats, 0, sizeof stats);
    }
    return stats;
}

/* A child process that ends: its exit code, or 1000 + the signal that ended it. The child has a time limit of its own. */
HELPER int exit_code_of(pid_t child) {
    int status = 0;
    while (waitpid(child, &status, 0) < 0) {
        if (errno != EINTR) {
            return -errno;
        }
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

#endif /* SUPPORT_H */
