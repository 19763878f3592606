/* peer_betapool.c - this project's pool. BENCH_POLICY: fixed; or adaptive, held at the same number of workers, for what measuring costs. */
#include "betapool.h"
#include "peer.h"

enum { CHUNK = 256 };

static void run(void *argument, int status) {
    const task *task = argument;
    if (status == 0) {
        task->function(task->argument);
    }
}

static void *create(unsigned workers) {
    betapool_config config;
    betapool *pool = NULL;
    betapool_config_init(&config);
    config.policy = BENCH_POLICY;
    config.min_threads = workers;
    config.max_threads = workers;
    return betapool_create(&config, &pool) == 0 ? pool : NULL;
}

static int submit(void *pool, const task *task) {
    return betapool_submit(pool, run, (void *)task);
}

static int submit_batch(void *pool, const task *tasks, size_t count) {
    betapool_task ours[CHUNK];
    int code = 0;
    while (count > 0 && code == 0) {
        size_t now = count < CHUNK ? count : CHUNK;
        for (size_t i = 0; i < now; i++) {
            ours[i] = (betapool_task){run, (void *)tasks++};
        }
        code = betapool_submit_batch(pool, ours, now);
        count -= now;
    }
    return code;
}

static void destroy(void *pool) {
    betapool_free(pool);
}

const peer the_peer = {
    .symbol = "betapool_create",
    .version = betapool_version,
    .create = create,
    .submit = submit,
    .submit_batch = submit_batch,
    .destroy = destroy,
};
