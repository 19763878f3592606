/* peer_textbook.c - the pool of the textbooks: one mutex, one condition variable, a ring that doubles. Signals after it has unlocked. */
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include "peer.h"

typedef struct pool {
    pthread_mutex_t mutex;
    pthread_cond_t not_empty;
    task *ring;
    size_t capacity, first, count; /* capacity is a power of two */
    bool closed;
    unsigned workers;
    pthread_t threads[];
} pool;

static void *work(void *argument) {
    pool *pool = argument;
    for (;;) {
        pthread_mutex_lock(&pool->mutex);
        while (pool->count == 0 && !pool->closed) {
            pthread_cond_wait(&pool->not_empty, &pool->mutex);
        }
        if (pool->count == 0) {
            pthread_mutex_unlock(&pool->mutex);
            return NULL;
        }
        task task = pool->ring[pool->first];
        pool->first = (pool->first + 1) & (pool->capacity - 1);
        pool->count--;
        pthread_mutex_unlock(&pool->mutex);
        task.function(task.argument);
    }
}

static void destroy(void *argument) {
    pool *pool = argument;
    pthread_mutex_lock(&pool->mutex);
    pool->closed = true;
    pthread_mutex_unlock(&pool->mutex);
    pthread_cond_broadcast(&pool->not_empty);
    while (pool->workers > 0) {
        pthread_join(pool->threads[--pool->workers], NULL);
    }
    free(pool->ring);
    free(pool);
}

static void *create(unsigned workers) {
    pool *pool = calloc(1, sizeof *pool + workers * sizeof *pool->threads);
    if (pool == NULL) {
        return NULL;
    }
    pthread_mutex_init(&pool->mutex, NULL);
    pthread_cond_init(&pool->not_empty, NULL);
    while (pool->workers < workers) {
        if (pthread_create(&pool->threads[pool->workers], NULL, work, pool) != 0) {
            destroy(pool);
            return NULL;
        }
        pool->workers++;
    }
    return pool;
}

/* Called with the mutex held. */
static bool has_room(pool *pool) {
    if (pool->count < pool->capacity) {
        return true;
    }
    size_t capacity = pool->capacity > 0 ? 2 * pool->capacity : 64;
    task *ring = malloc(capacity * sizeof *ring);
    if (ring == NULL) {
        return false;
    }
    for (size_t i = 0; i < pool->count; i++) {
        ring[i] = pool->ring[(pool->first + i) & (pool->capacity - 1)];
    }
    free(pool->ring);
    pool->ring = ring;
    pool->capacity = capacity;
    pool->first = 0;
    return true;
}

static int submit(void *argument, const task *task) {
    pool *pool = argument;
    pthread_mutex_lock(&pool->mutex);
    bool fits = has_room(pool);
    if (fits) {
        pool->ring[(pool->first + pool->count++) & (pool->capacity - 1)] = *task;
    }
    pthread_mutex_unlock(&pool->mutex);
    pthread_cond_signal(&pool->not_empty);
    return fits ? 0 : -1;
}

static const char *version(void) {
    return "";
}

const peer the_peer = {
    .version = version,
    .create = create,
    .submit = submit,
    .destroy = destroy,
};
