/*
 * rss.c - the memory that a pool holds: how much more of the process is in memory with so many idle workers that have each run a task than
 * before there was a pool.
 */
#include "bench.h"
#include "resident.h"

#include <stdatomic.h>

enum { LOOKS = 10000, BETWEEN = 1000, SETTLE = 100000 }; /* microseconds */

static atomic_ulong begun;
static atomic_bool all_have_begun;

/* As many of these as there are workers: none ends before all have begun, so that each is run by another worker. */
static void stay(void *argument) {
    (void)argument;
    atomic_fetch_add(&begun, 1);
    while (!atomic_load(&all_have_begun)) {
        pause_microseconds(BETWEEN);
    }
    count_task(NULL);
}

void rss(const options *options) {
    task task = {stay, NULL};
    resident_kilobytes(); /* what reading takes is there then */
    long before = resident_kilobytes();
    if (before < 0) {
        end_with(UNAVAILABLE, NO_SMAPS_ROLLUP);
    }
    void *pool = make_pool(options->workers);
    if (the_peer.enter != NULL) {
        the_peer.enter();
    }
    submit_all(pool, &task, 1, options->workers);
    for (int look = 0; look < LOOKS && atomic_load(&begun) < options->workers; look++) {
        pause_microseconds(BETWEEN);
    }
    if (atomic_load(&begun) < options->workers) {
        end_with(FAILED, "only %lu of %lu workers came", atomic_load(&begun), options->workers);
    }
    atomic_store(&all_have_begun, true);
    if (the_peer.collect != NULL) {
        the_peer.collect();
    }
    while (counted() < options->workers) {
        pause_microseconds(BETWEEN);
    }
    pause_microseconds(SETTLE); /* they are idle by then */
    long grown = resident_kilobytes() - before;
    if (the_peer.leave != NULL) {
        the_peer.leave();
    }
    the_peer.destroy(pool);
    printf("{\"kilobytes\": %ld}\n", grown);
}
