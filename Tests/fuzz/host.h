/*
 * host.h - a host that brings its own threads to a fuzzed pool, or says that it cannot, or that the thread it promised will not come.
 */
#ifndef FUZZ_HOST_H
#define FUZZ_HOST_H

#include "tasks.h"

typedef struct host {
    betapool *pool;
    uint8_t conduct; /* two bits for each of four calls of `spawn`, again and again */
    atomic_uint calls, waits;
} host;

static atomic_int host_threads;

static void *fail_late(void *argument) {
    host *host = argument;
    EXPECT_CODE(betapool_serve_failed(host->pool), 0);
    atomic_fetch_sub(&host_threads, 1);
    return NULL;
}

/* A task may end the thread it runs in. */
static void count_out(void *argument) {
    (void)argument;
    atomic_fetch_sub(&host_threads, 1);
}

static void *serve(void *argument) {
    pthread_cleanup_push(count_out, NULL);
    EXPECT_CODE(betapool_serve(((host *)argument)->pool), 0, -ENOMEM);
    pthread_cleanup_pop(1);
    return NULL;
}

static int spawn(void *argument) {
    host *host = argument;
    unsigned number = atomic_fetch_add(&host->calls, 1);
    unsigned conduct = host->conduct >> number % 4 * 2 & 3;
    if (conduct == 1) {
        return -EAGAIN;
    }
    pthread_t thread;
    atomic_fetch_add(&host_threads, 1);
    if (pthread_create(&thread, NULL, conduct == 2 ? fail_late : serve, host) != 0) {
        atomic_fetch_sub(&host_threads, 1);
        return -EAGAIN;
    }
    pthread_detach(thread);
    return 0;
}

static void before_wait(void *argument) {
    atomic_fetch_add(&((host *)argument)->waits, 1);
}

static void after_wait(void *argument) {
    atomic_fetch_sub(&((host *)argument)->waits, 1);
}

static void on_decision(void *argument, const betapool_decision *decision) {
    host *host = argument;
    REQUIRE(decision->threads >= 1 && decision->threads_before >= 1);
    EXPECT_CODE(betapool_wait(host->pool, -1), -EDEADLK);
    look_at_stats(host->pool);
}

#endif /* FUZZ_HOST_H */
