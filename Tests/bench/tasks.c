/*
 * tasks.c - the tasks. Each thread counts those it ran in a cell of its own, with a plain load and store: to count costs the same few
 * instructions with every peer, and no thread waits for another because of it.
 */
#include "bench.h"

#include <stdalign.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { MOST_THREADS = 4096 }; /* a pool may let threads go and start others */

typedef struct counter {
    alignas(64) atomic_ulong tasks;
} counter;

static counter counters[MOST_THREADS];
static atomic_uint counters_used;
static __thread counter *own;

void spin(unsigned long iterations) {
    unsigned long value = iterations;
    for (unsigned long i = 0; i < iterations; i++) {
        value = value * 6364136223846793005u + 1442695040888963407u;
        __asm__ volatile("" : "+r"(value)); /* the compiler must not see through it */
    }
}

void count_task(void *argument) {
    spin((unsigned long)argument);
    counter *counter = own;
    if (counter == NULL) {
        unsigned number = atomic_fetch_add(&counters_used, 1);
        if (number >= MOST_THREADS) {
            end_with(FAILED, "more than %d threads ran tasks", MOST_THREADS);
        }
        own = counter = &counters[number];
    }
    unsigned long tasks = atomic_load_explicit(&counter->tasks, memory_order_relaxed);
    atomic_store_explicit(&counter->tasks, tasks + 1, memory_order_relaxed);
}

unsigned long counted(void) {
    unsigned long sum = 0;
    unsigned used = atomic_load(&counters_used);
    for (unsigned i = 0; i < used && i < MOST_THREADS; i++) {
        sum += atomic_load_explicit(&counters[i].tasks, memory_order_relaxed);
    }
    return sum;
}

task *copies(task task, unsigned long count) {
    struct task *made = malloc(count * sizeof *made);
    if (made == NULL) {
        end_with(FAILED, "out of memory");
    }
    for (unsigned long i = 0; i < count; i++) {
        made[i] = task;
    }
    return made;
}

void submit_all(void *pool, const task *tasks, unsigned long batch, unsigned long count) {
    int code = 0;
    while (count > 0 && code == 0) {
        unsigned long now = count < batch ? count : batch;
        if (batch > 1 && the_peer.submit_batch != NULL) {
            code = the_peer.submit_batch(pool, tasks, now);
        } else {
            for (unsigned long i = 0; i < now && code == 0; i++) {
                code = the_peer.submit(pool, &tasks[i]);
            }
        }
        count -= now;
    }
    if (code != 0) {
        end_with(FAILED, "it refused a task with code %d", code);
    }
}
