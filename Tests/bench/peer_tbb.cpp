// peer_tbb.cpp - oneTBB's task_arena with no place kept for the submitting thread: all tasks are run by its workers.
#include <new>

#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/task_arena.h>
#include <oneapi/tbb/version.h>

#include "peer.h"

namespace {

struct pool {
    tbb::global_control limit; // the submitter counts too
    tbb::task_arena arena;

    explicit pool(unsigned workers)
        : limit(tbb::global_control::max_allowed_parallelism, workers + 1), arena(static_cast<int>(workers), 0) {
        arena.initialize();
    }
};

void *create(unsigned workers) {
    return new (std::nothrow) pool(workers);
}

int submit(void *of, const task *task) {
    static_cast<pool *>(of)->arena.enqueue([task] { task->function(task->argument); });
    return 0;
}

void destroy(void *of) {
    delete static_cast<pool *>(of);
}

} // namespace

extern "C" const peer the_peer = {
    .symbol = "TBB_runtime_version",
    .version = TBB_runtime_version,
    .refusal = nullptr,
    .create = create,
    .submit = submit,
    .submit_batch = nullptr,
    .destroy = destroy,
    .enter = nullptr,
    .collect = nullptr,
    .leave = nullptr,
};
