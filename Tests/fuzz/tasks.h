/*
 * tasks.h - tasks that do to their own pool what tasks may do, and a ledger of what became of each.
 */
#ifndef TASKS_H
#define TASKS_H

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "betapool.h"

#define REQUIRE(condition)                                                                   \
    do {                                                                                     \
        if (!(condition)) {                                                                  \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition);   \
            abort();                                                                         \
        }                                                                                    \
    } while (0)

/* A result must be one that the header names. */
#define EXPECT_CODE(call, ...)                                                                         \
    __extension__({                                                                                    \
        int expect_code = (call);                                                                      \
        static const int expect_codes[] = {__VA_ARGS__};                                               \
        bool expect_known = false;                                                                     \
        for (size_t i = 0; i < sizeof expect_codes / sizeof expect_codes[0]; i++) {                    \
            expect_known |= expect_code == expect_codes[i];                                            \
        }                                                                                              \
        if (!expect_known) {                                                                           \
            fprintf(stderr, "%s:%d: %s returned %d\n", __FILE__, __LINE__, #call, expect_code);        \
            abort();                                                                                   \
        }                                                                                              \
        expect_code;                                                                                   \
    })

#define SUBMIT_CODES 0, -EINVAL, -EAGAIN, -ENOMEM, -ESHUTDOWN, -EBADF

typedef struct task {
    betapool *pool;
    uint8_t kind;
    atomic_bool accepted;
    atomic_uint ran, cancelled, taken;
} task;

enum { MOST_TASKS = 256 };

static task tasks[MOST_TASKS];
static atomic_uint task_count;

static void run_task(void *argument, int status);

/* A task of this input, or NULL if it has had its share. */
static task *new_task(betapool *pool, uint8_t kind) {
    unsigned number = atomic_fetch_add(&task_count, 1);
    if (number >= MOST_TASKS) {
        return NULL;
    }
    tasks[number].pool = pool;
    tasks[number].kind = kind;
    return &tasks[number];
}

static void submit_task(betapool *pool, uint8_t kind) {
    task *task = new_task(pool, kind);
    if (task != NULL && EXPECT_CODE(betapool_submit(pool, run_task, task), SUBMIT_CODES) == 0) {
        atomic_store(&task->accepted, true);
    }
}

static void take_task(betapool *pool) {
    betapool_task taken = {NULL, NULL};
    if (EXPECT_CODE(betapool_take(pool, &taken), 0, 1, -EBADF) == 1) {
        REQUIRE(taken.function == run_task);
        atomic_fetch_add(&((task *)taken.argument)->taken, 1);
    }
}

static void look_at_stats(betapool *pool) {
    betapool_stats stats = {.size = sizeof stats};
    if (EXPECT_CODE(betapool_get_stats(pool, &stats), 0, -EBADF) == 0) {
        REQUIRE(stats.size == sizeof stats);
        REQUIRE(stats.submitted == stats.completed + stats.cancelled + stats.running + stats.queue_length);
        REQUIRE(stats.idle_threads <= stats.threads && stats.threads_retired <= stats.threads_started);
        REQUIRE(stats.min_threads >= 1 && stats.min_threads <= stats.max_threads && stats.max_threads <= 65536);
        REQUIRE(stats.target_threads >= stats.min_threads && stats.target_threads <= stats.max_threads);
        REQUIRE(stats.cpu_time >= 0 && stats.busy_time >= 0);
    }
}

/* Called exactly once for each accepted task. What a task does to its pool, it also does when it is cancelled. */
static void run_task(void *argument, int status) {
    task *task = argument;
    REQUIRE(status == 0 || status == -ECANCELED);
    atomic_fetch_add(status == 0 ? &task->ran : &task->cancelled, 1);
    betapool *pool = task->pool;
    switch (task->kind % 10) {
    case 1: nanosleep(&(struct timespec){0, 300000}, NULL); break;
    case 2: submit_task(pool, task->kind / 10); break;
    case 3:
        EXPECT_CODE(betapool_wait(pool, -1), -EDEADLK);
        EXPECT_CODE(betapool_join(pool, -1), -EDEADLK, -EINVAL);
        EXPECT_CODE(betapool_free(pool), -EDEADLK);
        if (status == 0) { /* who cancels may be no worker, and serve in the place of a thread that was promised */
            EXPECT_CODE(betapool_serve(pool), -EDEADLK, -EINVAL);
        }
        break;
    case 4:
        if (status == 0) {
            pthread_exit(NULL);
        }
        break;
    case 5: EXPECT_CODE(betapool_shutdown(pool, BETAPOOL_DRAIN), 0); break;
    case 6: EXPECT_CODE(betapool_shutdown(pool, BETAPOOL_CANCEL), 0); break;
    case 7: EXPECT_CODE(betapool_resize(pool, task->kind / 10, task->kind % 7), 0, -EINVAL, -ESHUTDOWN); break;
    case 8: take_task(pool); break;
    case 9: look_at_stats(pool); break;
    default: break;
    }
}

/* When no pool is left: each accepted task was run, cancelled or taken back, once. */
static void settle_tasks(void) {
    unsigned count = atomic_load(&task_count);
    for (unsigned i = 0; i < count && i < MOST_TASKS; i++) {
        unsigned calls = atomic_load(&tasks[i].ran) + atomic_load(&tasks[i].cancelled) + atomic_load(&tasks[i].taken);
        REQUIRE(calls == (atomic_load(&tasks[i].accepted) ? 1u : 0u));
    }
    memset(tasks, 0, sizeof tasks);
    atomic_store(&task_count, 0);
}

#endif /* TASKS_H */
