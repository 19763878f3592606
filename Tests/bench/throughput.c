/*
 * throughput.c - tasks per second, and what they cost. Producers submit a bounded number of tasks together, again and again; a repetition
 * has ended when all of these have run and every producer is through, so that none is ahead by more than one.
 */
#include "bench.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/resource.h>

enum { PORTION = 2048, LOOK_EVERY = 50, LOOK_SELDOM = 10000, WARM_UP = 10 }; /* microseconds; a warm-up is the tenth part of a repetition */

typedef struct crew {
    const options *options;
    void *pool;
    task *tasks;
    pthread_barrier_t start;
    unsigned long share; /* tasks for each producer in this repetition; 0: it is over */
    atomic_ulong through;
} crew;

static void *produce(void *argument) {
    crew *crew = argument;
    if (the_peer.enter != NULL) {
        the_peer.enter();
    }
    for (;;) {
        pthread_barrier_wait(&crew->start);
        if (crew->share == 0) {
            break;
        }
        submit_all(crew->pool, crew->tasks, crew->options->batch, crew->share);
        if (the_peer.collect != NULL) {
            the_peer.collect();
        }
        atomic_fetch_add(&crew->through, 1);
    }
    if (the_peer.leave != NULL) {
        the_peer.leave();
    }
    return NULL;
}

/* One repetition; the seconds it took. */
static double repeat(crew *crew, unsigned long tasks) {
    unsigned long producers = crew->options->producers, goal;
    crew->share = (tasks + producers - 1) / producers;
    atomic_store(&crew->through, 0);
    goal = counted() + crew->share * producers;
    double began = now();
    pthread_barrier_wait(&crew->start);
    while (counted() < goal || atomic_load(&crew->through) < producers) {
        pause_microseconds(LOOK_EVERY);
    }
    return now() - began;
}

typedef struct usage {
    double cpu;
    long voluntary, involuntary;
} usage;

static usage usage_of(int who) {
    struct rusage used;
    getrusage(who, &used);
    double user = (double)used.ru_utime.tv_sec + 1e-6 * (double)used.ru_utime.tv_usec;
    double system = (double)used.ru_stime.tv_sec + 1e-6 * (double)used.ru_stime.tv_usec;
    return (usage){user + system, used.ru_nvcsw, used.ru_nivcsw};
}

/* Of producers and workers: without this thread, which only looks on. */
static usage usage_of_others(void) {
    usage all = usage_of(RUSAGE_SELF), own = usage_of(RUSAGE_THREAD);
    return (usage){all.cpu - own.cpu, all.voluntary - own.voluntary, all.involuntary - own.involuntary};
}

void throughput(const options *options) {
    task task = {count_task, (void *)options->work};
    crew crew = {.options = options, .pool = make_pool(options->workers), .tasks = copies(task, options->batch)};
    pthread_t *producers = calloc(options->producers, sizeof *producers);
    if (producers == NULL || pthread_barrier_init(&crew.start, NULL, (unsigned)options->producers + 1) != 0) {
        end_with(FAILED, "out of memory");
    }
    for (unsigned long i = 0; i < options->producers; i++) {
        if (pthread_create(&producers[i], NULL, produce, &crew) != 0) {
            end_with(FAILED, "no thread can be had for producer %lu", i);
        }
    }
    repeat(&crew, options->tasks / WARM_UP + 1);

    unsigned long repetitions = 0, tasks_before = counted();
    usage before = usage_of_others();
    double seconds = 0;
    do {
        seconds += repeat(&crew, options->tasks);
        repetitions++;
    } while (seconds < options->seconds);
    usage after = usage_of_others();
    unsigned long tasks = counted() - tasks_before;

    crew.share = 0;
    pthread_barrier_wait(&crew.start);
    for (unsigned long i = 0; i < options->producers; i++) {
        pthread_join(producers[i], NULL);
    }
    free(producers);
    the_peer.destroy(crew.pool);
    free(crew.tasks);
    printf("{\"tasks\": %lu, \"seconds\": %.9f, \"repetitions\": %lu, \"cpu\": %.6f, \"voluntary\": %ld, \"involuntary\": %ld}\n", tasks,
        seconds, repetitions, after.cpu - before.cpu, after.voluntary - before.voluntary, after.involuntary - before.involuntary);
}

/*
 * For callgrind, which counts the instructions of all threads: of submitting, handing over, running, counting and collecting, and what
 * threads do while they wait for each other; not those of the kernel. Valgrind lets one thread run at a time, so that locks are hardly ever
 * contended. This thread submits a portion, then looks on so seldom that it does not count, so that no queue grows without end.
 */
void instructions(const options *options) {
    void *pool = make_pool(options->workers);
    task *tasks = copies((task){count_task, NULL}, options->batch);
    if (the_peer.enter != NULL) {
        the_peer.enter();
    }
    for (unsigned long done = 0; done < options->tasks;) {
        unsigned long portion = options->tasks - done < PORTION ? options->tasks - done : PORTION;
        submit_all(pool, tasks, options->batch, portion);
        if (the_peer.collect != NULL) {
            the_peer.collect();
        }
        done += portion;
        while (counted() < done) {
            pause_microseconds(LOOK_SELDOM);
        }
    }
    if (the_peer.leave != NULL) {
        the_peer.leave();
    }
    the_peer.destroy(pool);
    free(tasks);
    printf("{\"tasks\": %lu}\n", options->tasks);
}
