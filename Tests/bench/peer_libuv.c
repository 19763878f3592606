/*
 * peer_libuv.c - libuv's pool. There is one for the process, and work is queued by the thread of a loop, to which completions go back:
 * each producer has a loop of its own. It keeps its requests for the next tasks and lets the loop turn now and then, as a program that
 * cares would.
 */
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

#include "peer.h"

enum { TURN_EVERY = 1024 };

typedef struct request {
    uv_work_t work;
    const task *task;
    struct request *next; /* unused ones form a list */
} request;

static __thread uv_loop_t loop;
static __thread request *unused;
static __thread unsigned submitted;

static void run(uv_work_t *work) {
    const task *task = ((request *)work)->task;
    task->function(task->argument);
}

static void take_back(uv_work_t *work, int status) {
    request *request = (struct request *)work;
    (void)status;
    request->next = unused;
    unused = request;
}

static void *create(unsigned workers) {
    char text[16];
    snprintf(text, sizeof text, "%u", workers);
    setenv("UV_THREADPOOL_SIZE", text, 1);
    return &loop; /* not NULL: the pool has no handle, and starts with the first request */
}

static int submit(void *pool, const task *task) {
    request *request = unused;
    (void)pool;
    if (request != NULL) {
        unused = request->next;
    } else if ((request = malloc(sizeof *request)) == NULL) {
        return UV_ENOMEM;
    }
    request->task = task;
    int code = uv_queue_work(&loop, &request->work, run, take_back);
    if (++submitted % TURN_EVERY == 0) {
        uv_run(&loop, UV_RUN_NOWAIT);
    }
    return code;
}

static void destroy(void *pool) {
    (void)pool;
    uv_library_shutdown();
}

static void enter(void) {
    if (uv_loop_init(&loop) != 0) {
        abort();
    }
}

static void collect(void) {
    uv_run(&loop, UV_RUN_DEFAULT);
}

static void leave(void) {
    uv_loop_close(&loop);
    while (unused != NULL) {
        request *next = unused->next;
        free(unused);
        unused = next;
    }
}

const peer the_peer = {
    .symbol = "uv_queue_work",
    .version = uv_version_string,
    .create = create,
    .submit = submit,
    .destroy = destroy,
    .enter = enter,
    .collect = collect,
    .leave = leave,
};
