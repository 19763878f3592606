/*
 * peer_dispatch.c - libdispatch. How many threads it has is its own affair: a serial queue is one worker, its global concurrent queue is
 * one for each core; other numbers cannot be had.
 */
#include <dispatch/dispatch.h>
#include <sched.h>

#include "peer.h"

#define TEXT(number) #number
#define TEXT_OF(macro) TEXT(macro)

static unsigned cores(void) {
    cpu_set_t set;
    CPU_ZERO(&set);
    return sched_getaffinity(0, sizeof set, &set) == 0 ? (unsigned)CPU_COUNT(&set) : 1;
}

static const char *version(void) {
    return "API " TEXT_OF(DISPATCH_API_VERSION);
}

static const char *refusal(unsigned workers) {
    return workers == 1 || workers == cores() ? NULL : "libdispatch has one worker (a serial queue) or one for each core, no other number";
}

static void *create(unsigned workers) {
    return workers == 1 ? (void *)dispatch_queue_create("bench", DISPATCH_QUEUE_SERIAL)
                        : (void *)dispatch_get_global_queue(DISPATCH_QUEUE_PRIORITY_DEFAULT, 0);
}

static int submit(void *pool, const task *task) {
    dispatch_async_f(pool, task->argument, task->function);
    return 0;
}

static void destroy(void *pool) {
    dispatch_release((dispatch_object_t){._dq = pool}); /* of a global queue it does nothing */
}

const peer the_peer = {
    .symbol = "dispatch_async_f",
    .version = version,
    .refusal = refusal,
    .create = create,
    .submit = submit,
    .destroy = destroy,
};
