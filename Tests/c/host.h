/*
 * host.h - a host that brings its own threads, each of which needs the host's one big lock to do anything, as CPython's need the GIL: the
 * lock is held while tasks run and let go of in before_wait alone.
 */
#ifndef HOST_H
#define HOST_H

#include "support.h"

typedef struct host {
    pthread_mutex_t big_lock;
    betapool *pool;
    atomic_int fail_spawns; /* so many of the next calls of spawn fail; -1: all */
    atomic_bool fail_two_of_three;
    atomic_uint spawns;       /* calls of spawn */
    atomic_uint promised;     /* of these, so many were promised a thread ... */
    atomic_uint ended;        /* ... so many of those came back from betapool_serve with 0 ... */
    atomic_uint odd_ends;     /* ... or with something else */
    atomic_uint waits, wakes; /* calls of before_wait and after_wait */
    atomic_uint unlocked;     /* tasks and callbacks that found the lock not theirs */
    atomic_uint decisions;
    atomic_bool hold_back; /* threads come only when this is false */
} host;

static _Thread_local bool has_big_lock;

HELPER void take_big_lock(host *host) {
    pthread_mutex_lock(&host->big_lock);
    has_big_lock = true;
}

HELPER void drop_big_lock(host *host) {
    has_big_lock = false;
    pthread_mutex_unlock(&host->big_lock);
}

HELPER void before_wait(void *argument) {
    host *host = argument;
    atomic_fetch_add(&host->unlocked, !has_big_lock);
    atomic_fetch_add(&host->waits, 1);
    drop_big_lock(host);
}

HELPER void after_wait(void *argument) {
    host *host = argument;
    atomic_fetch_add(&host->unlocked, has_big_lock);
    take_big_lock(host);
    atomic_fetch_add(&host->wakes, 1);
}

HELPER void *host_thread(void *argument) {
    host *host = argument;
    while (atomic_load(&host->hold_back)) {
        pause_seconds(0.001);
    }
    take_big_lock(host);
    int code = betapool_serve(host->pool);
    atomic_fetch_add(&host->unlocked, !has_big_lock);
    drop_big_lock(host);
    atomic_fetch_add(code == 0 ? &host->ended : &host->odd_ends, 1);
    return NULL;
}

HELPER int start_host_thread(host *host) {
    pthread_t thread;
    int code = pthread_create(&thread, NULL, host_thread, host);
    if (code == 0) {
        pthread_detach(thread);
    }
    return -code;
}

HELPER int spawn(void *argument) {
    host *host = argument;
    unsigned number = atomic_fetch_add(&host->spawns, 1);
    if (atomic_load(&host->fail_two_of_three) && number % 3 != 0) {
        return -EAGAIN;
    }
    int fail = atomic_load(&host->fail_spawns);
    if (fail != 0) {
        atomic_fetch_sub(&host->fail_spawns, fail > 0);
        return -EAGAIN;
    }
    atomic_fetch_add(&host->promised, 1);
    return start_host_thread(host);
}

HELPER void on_decision(void *argument, const betapool_decision *decision) {
    host *host = argument;
    atomic_fetch_add(&host->unlocked, has_big_lock); /* the ticker needs no lock of the host's */
    atomic_fetch_add(&host->decisions, decision->threads != decision->threads_before);
}

/* A host without a pool, and what its pool is to be made of. */
HELPER void host_prepare(host *host, betapool_config *config) {
    memset(host, 0, sizeof *host);
    pthread_mutex_init(&host->big_lock, NULL);
    config->spawn = spawn;
    config->before_wait = before_wait;
    config->after_wait = after_wait;
    config->on_decision = on_decision;
    config->host = host;
    config->lock = &host->big_lock;
    config->lock_size = sizeof host->big_lock;
}

HELPER void host_start(host *host, betapool_config config) {
    host_prepare(host, &config);
    host->pool = pool_create(&config);
}

/* Frees the pool. Its threads hold the big lock while they leave: whoever holds it here would wait for ever, as in Python. */
HELPER void host_stop(host *host) {
    assert_int_equal(betapool_free(host->pool), 0);
    AWAIT(atomic_load(&host->ended) == atomic_load(&host->promised));
    assert_int_equal(atomic_load(&host->odd_ends), 0);
    assert_int_equal(atomic_load(&host->unlocked), 0);
    assert_int_equal(atomic_load(&host->waits), atomic_load(&host->wakes));
    pthread_mutex_lock(&host->big_lock); /* nobody has kept it */
    pthread_mutex_unlock(&host->big_lock);
    pthread_mutex_destroy(&host->big_lock);
}

typedef struct job {
    host *host;
    entry *entry;
} job;

/* A task as an interpreter runs it: under the lock, which it lets go of to sleep. */
HELPER void run_under_lock(void *argument, int status) {
    job *job = argument;
    atomic_fetch_add(&job->host->unlocked, status == 0 && !has_big_lock);
    if (status == 0 && (uintptr_t)job->entry / sizeof(entry) % 50 == 0) {
        drop_big_lock(job->host);
        pause_seconds(0.0002);
        take_big_lock(job->host);
    }
    enter_into_ledger(job->entry, status);
}

#endif /* HOST_H */
