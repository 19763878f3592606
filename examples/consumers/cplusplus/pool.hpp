// pool.hpp - BetaPool as C++ likes it: a class that owns the pool, tasks that are any callable, results and exceptions in a std::future.
#pragma once

#include <betapool.h>

#include <future>
#include <memory>
#include <stdexcept>
#include <type_traits>
#include <utility>

class Pool {
public:
    explicit Pool(const char *thread_name) {
        betapool_config config;
        betapool_config_init(&config);
        config.thread_name = thread_name;
        check(betapool_create(&config, &pool));
    }

    // Runs what is queued, and waits for it.
    ~Pool() { betapool_free(pool); }

    Pool(const Pool &) = delete;
    Pool &operator=(const Pool &) = delete;

    template <typename Function>
    std::future<std::invoke_result_t<Function>> submit(Function function) {
        using Task = std::packaged_task<std::invoke_result_t<Function>()>;
        auto task = std::make_unique<Task>(std::move(function));
        auto result = task->get_future();
        check(betapool_submit(pool, run<Task>, task.get()));
        task.release(); // accepted: it is run's now
        return result;
    }

private:
    // A task that was given up leaves a broken promise: get() on its future throws.
    template <typename Task>
    static void run(void *argument, int status) {
        std::unique_ptr<Task> task(static_cast<Task *>(argument));
        if (status == 0) {
            (*task)();
        }
    }

    static void check(int code) {
        if (code != 0) {
            throw std::runtime_error(betapool_strerror(code));
        }
    }

    betapool *pool = nullptr;
};
