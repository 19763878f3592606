/* bench.h - what the parts of a benchmark program share: its options, clocks, tasks that are counted, and an end with one line. */
#ifndef BENCH_H
#define BENCH_H

#include <stdbool.h>
#include <stdio.h>
#include <time.h>

#include "peer.h"

typedef struct options {
    unsigned long producers, workers, batch, work, tasks;
    double seconds;
    long core; /* to which the whole process is pinned; negative: to none */
} options;

/* Says why in one line and ends the program. */
__attribute__((noreturn, format(printf, 2, 3))) void end_with(int status, const char *format, ...);
enum { FAILED = 1, MISUSED = 2, UNAVAILABLE = 77 };

/* A pool of so many workers, or the end of the program. */
void *make_pool(unsigned long workers);

static inline double seconds_on(clockid_t clock) {
    struct timespec time;
    clock_gettime(clock, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static inline double now(void) {
    return seconds_on(CLOCK_MONOTONIC);
}

static inline void pause_microseconds(long microseconds) {
    struct timespec time = {microseconds / 1000000, microseconds % 1000000 * 1000};
    nanosleep(&time, NULL);
}

/* ---- Tasks (tasks.c) ---- */

/* Computes: `iterations` steps, each of which needs the one before. */
void spin(unsigned long iterations);

/* A task that computes for that long, and is counted. */
void count_task(void *iterations);

/* How many were counted, by all threads, since the process began. */
unsigned long counted(void);

/* So many copies of a task, for submit_all; or the end of the program. The caller frees them. */
task *copies(task task, unsigned long count);

/* Submits so many tasks, `batch` at a time and these again and again; or ends the program. */
void submit_all(void *pool, const task *tasks, unsigned long batch, unsigned long count);

/* ---- What is measured: each prints one line of JSON ---- */

void throughput(const options *options);
void instructions(const options *options);
void roundtrip(const options *options);
void rss(const options *options);

#endif /* BENCH_H */
