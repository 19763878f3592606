/* roundtrip.c - one task at a time, submitted and waited for: the submitter waits for a semaphore that the task posts. */
#include "bench.h"

#include <semaphore.h>
#include <stdlib.h>

enum { LEAST_TRIPS = 5000, MOST_TRIPS = 1 << 20, WARM_UP = 200, PATIENCE = 10 }; /* times the seconds asked for, at most */

static sem_t ran;

static void post(void *argument) {
    (void)argument;
    sem_post(&ran);
}

static double trip(void *pool, const task *task) {
    double began = now();
    submit_all(pool, task, 1, 1);
    if (the_peer.collect != NULL) {
        the_peer.collect();
    }
    while (sem_wait(&ran) != 0) {
    }
    return now() - began;
}

static int by_size(const void *a, const void *b) {
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

void roundtrip(const options *options) {
    void *pool = make_pool(options->workers);
    task task = {post, NULL};
    double *seen = malloc(MOST_TRIPS * sizeof *seen);
    size_t trips = 0;
    if (seen == NULL || sem_init(&ran, 0, 0) != 0) {
        end_with(FAILED, "out of memory");
    }
    if (the_peer.enter != NULL) {
        the_peer.enter();
    }
    for (int i = 0; i < WARM_UP; i++) {
        trip(pool, &task);
    }
    double began = now(), passed = 0;
    while (trips < MOST_TRIPS && passed < (trips < LEAST_TRIPS ? PATIENCE : 1) * options->seconds) {
        seen[trips++] = trip(pool, &task);
        passed = now() - began;
    }
    if (the_peer.leave != NULL) {
        the_peer.leave();
    }
    the_peer.destroy(pool);
    qsort(seen, trips, sizeof *seen, by_size);
    printf("{\"trips\": %zu, \"p50\": %.3f, \"p99\": %.3f}\n", trips, 1e6 * seen[(trips - 1) / 2], 1e6 * seen[(trips - 1) * 99 / 100]);
    free(seen);
}
