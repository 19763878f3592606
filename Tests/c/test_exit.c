/*
 * test_exit.c - ends that are out of the ordinary: tasks that end their thread, tasks that end their own pool, processes that end while
 * tasks run. What ends a process is done in a child that runs this program anew, so that it has a main to return from.
 */
#include "support.h"

/* ---- Tasks that end their thread -------------------------------------------------------------------------------------------------- */

static void end_thread(void *argument, int status) {
    enter_into_ledger(argument, status);
    if (status == 0) {
        pthread_exit(NULL);
    }
}

/* The task counts as run, the worker is gone, another takes its place. */
static void pthread_exit_does_not_lose_a_worker(void **state) {
    (void)state;
    enum { COUNT = 60 };
    for (uint32_t threads = 1; threads <= 4; threads += 3) {
        unsigned before = thread_count();
        betapool *pool = fixed_pool(threads);
        ledger ledger = ledger_create(COUNT);
        for (size_t i = 0; i < COUNT; i++) {
            assert_int_equal(betapool_submit(pool, i % 2 == 0 ? end_thread : enter_into_ledger, &ledger.entries[i]), 0);
        }
        assert_int_equal(betapool_wait(pool, -1), 0);
        assert_int_equal(ledger_sums(&ledger).ran, COUNT);
        assert_int_equal(ledger_sums(&ledger).wrong, 0);
        betapool_stats stats = stats_of(pool);
        assert_int_equal(stats.completed, COUNT);
        assert_int_equal(stats.running, 0);
        assert_true(stats.threads_started >= COUNT / 2 && stats.threads_retired >= COUNT / 2);

        gate gate = GATE_INITIALIZER; /* and all of them can be had */
        for (uint32_t i = 0; i < threads; i++) {
            assert_int_equal(betapool_submit(pool, stop_at_gate, &gate), 0);
        }
        AWAIT(gate_waiting(&gate) == threads);
        gate_open(&gate);
        assert_int_equal(betapool_free(pool), 0);
        AWAIT(thread_count() == before);
        ledger_free(&ledger);
    }
}

/* The last task of a pool that is being freed may do so, too. */
static void pthread_exit_while_the_pool_ends(void **state) {
    (void)state;
    for (int round = 0; round < 30; round++) {
        unsigned before = thread_count();
        betapool *pool = fixed_pool(1 + (uint32_t)round % 3);
        ledger ledger = ledger_create(5);
        for (size_t i = 0; i < 5; i++) {
            assert_int_equal(betapool_submit(pool, end_thread, &ledger.entries[i]), 0);
        }
        assert_int_equal(betapool_free(pool), 0);
        assert_int_equal(ledger_sums(&ledger).ran, 5);
        AWAIT(thread_count() == before);
        ledger_free(&ledger);
    }
}

static pthread_key_t key;
static atomic_uint destroyed;

static void count_destroyed(void *value) {
    (void)value;
    atomic_fetch_add(&destroyed, 1);
}

static void set_thread_value(void *argument, int status) {
    pthread_setspecific(key, argument);
    (void)status;
}

/* A worker's thread ends as threads do: destructors of thread-specific values run. */
static void thread_values_are_destroyed(void **state) {
    (void)state;
    assert_int_equal(pthread_key_create(&key, count_destroyed), 0);
    betapool *pool = fixed_pool(1);
    assert_int_equal(betapool_submit(pool, set_thread_value, pool), 0);
    assert_int_equal(betapool_free(pool), 0);
    AWAIT(atomic_load(&destroyed) == 1);
    pthread_key_delete(key);
}

/* ---- Tasks and their own pool ----------------------------------------------------------------------------------------------------- */

typedef struct own {
    betapool *pool;
    gate gate; /* other tasks stand here */
    ledger ledger;
    int codes[12];
    int status;
} own;

static void call_everything(void *argument, int status) {
    own *own = argument;
    own->status = status;
    int *code = own->codes;
    *code++ = betapool_wait(own->pool, -1);
    *code++ = betapool_wait(own->pool, 0);
    *code++ = betapool_free(own->pool);
    *code++ = betapool_resize(own->pool, 1, 2);
    *code++ = betapool_submit(own->pool, enter_into_ledger, &own->ledger.entries[0]);
    *code++ = betapool_get_decisions(own->pool, NULL, 0);
    *code++ = stats_of(own->pool).running == 2 ? 0 : -1;
    *code++ = betapool_shutdown(own->pool, BETAPOOL_CANCEL);
    *code++ = betapool_join(own->pool, -1);
    *code++ = betapool_free(own->pool);
    *code++ = betapool_submit(own->pool, enter_into_ledger, &own->ledger.entries[1]);
    *code++ = betapool_resize(own->pool, 1, 1);
}

/* A task may do anything to its own pool; what would wait for the task itself is refused. */
static void a_task_and_its_own_pool(void **state) {
    (void)state;
    static const int expected[12] = {-EDEADLK, -EDEADLK, -EDEADLK, 0, 0, 0, 0, 0, -EDEADLK, -EDEADLK, -ESHUTDOWN, -ESHUTDOWN};
    own own = {fixed_pool(2), GATE_INITIALIZER, ledger_create(2), {0}, 1};
    assert_int_equal(betapool_submit(own.pool, stop_at_gate, &own.gate), 0);
    AWAIT(gate_waiting(&own.gate) == 1);
    assert_int_equal(betapool_submit(own.pool, call_everything, &own), 0);
    AWAIT(stats_of(own.pool).threads == 1); /* the other one has left */
    gate_open(&own.gate);
    assert_int_equal(betapool_join(own.pool, -1), 0);
    assert_int_equal(own.status, 0);
    for (int i = 0; i < 12; i++) {
        if (own.codes[i] != expected[i]) {
            fail_msg("call %d: %s, not %s", i, betapool_strerror(own.codes[i]), betapool_strerror(expected[i]));
        }
    }
    assert_int_equal(ledger_sums(&own.ledger).cancelled, 1); /* by the task's own shutdown: no worker was free to run it */
    assert_int_equal(ledger_sums(&own.ledger).untouched, 1);
    assert_int_equal(betapool_free(own.pool), 0);
    ledger_free(&own.ledger);
}

typedef struct other {
    betapool *pool;
    entry entry;
    int codes[3];
} other;

static void use_other_pool(void *argument, int status) {
    other *other = argument;
    if (status == 0) {
        other->codes[0] = betapool_submit(other->pool, enter_into_ledger, &other->entry);
        other->codes[1] = betapool_wait(other->pool, -1);
        other->codes[2] = betapool_free(other->pool);
    }
}

/* Another pool's end may be waited for: that is no deadlock. */
static void a_task_and_another_pool(void **state) {
    (void)state;
    betapool *pool = fixed_pool(1);
    other other;
    memset(&other, 0, sizeof other);
    memset(other.codes, 1, sizeof other.codes);
    other.pool = fixed_pool(1);
    assert_int_equal(betapool_submit(pool, use_other_pool, &other), 0);
    assert_int_equal(betapool_free(pool), 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(other.codes[i], 0);
    }
    assert_int_equal(atomic_load(&other.entry.ran), 1);
}

/* A cancelled task is called by the thread that cancels. That thread's call is under way: what would wait for it is refused, too. */
static void call_everything_when_cancelled(void *argument, int status) {
    own *own = argument;
    own->status = status;
    int *code = own->codes;
    if (status == -ECANCELED) {
        *code++ = betapool_wait(own->pool, -1);
        *code++ = betapool_wait(own->pool, 0);
        *code++ = betapool_join(own->pool, -1);
        *code++ = betapool_free(own->pool);
        *code++ = betapool_submit(own->pool, enter_into_ledger, &own->ledger.entries[0]);
        *code++ = betapool_shutdown(own->pool, BETAPOOL_CANCEL);
        *code++ = stats_of(own->pool).size == sizeof(betapool_stats) ? 0 : -1;
    }
}

static void a_cancelled_task_and_its_own_pool(void **state) {
    (void)state;
    static const int expected[7] = {-EDEADLK, -EDEADLK, -EDEADLK, -EDEADLK, -ESHUTDOWN, 0, 0};
    own own = {fixed_pool(1), GATE_INITIALIZER, ledger_create(1), {0}, 1};
    assert_int_equal(betapool_submit(own.pool, stop_at_gate, &own.gate), 0);
    AWAIT(gate_waiting(&own.gate) == 1);
    assert_int_equal(betapool_submit(own.pool, call_everything_when_cancelled, &own), 0);
    assert_int_equal(betapool_shutdown(own.pool, BETAPOOL_CANCEL), 0);
    assert_int_equal(own.status, -ECANCELED);
    gate_open(&own.gate);
    for (int i = 0; i < 7; i++) {
        if (own.codes[i] != expected[i]) {
            fail_msg("call %d: %s, not %s", i, betapool_strerror(own.codes[i]), betapool_strerror(expected[i]));
        }
    }
    assert_int_equal(betapool_wait(own.pool, -1), 0); /* once it is over, that thread may wait again */
    assert_int_equal(betapool_free(own.pool), 0);
    ledger_free(&own.ledger);
}

/* ---- Processes that end ----------------------------------------------------------------------------------------------------------- */

static void work_for_ever(void *argument, int status) {
    atomic_uint *running = argument;
    atomic_fetch_add(running, status == 0);
    while (status == 0) {
        volatile unsigned turns = 0;
        while (++turns < 100000) {
        }
        pause_seconds(0.0001);
    }
}

/* Three tasks that never end, and some behind them, in a pool that is never freed. */
static betapool *start_endless_work(int policy) {
    static atomic_uint running;
    betapool_config config;
    betapool *pool = NULL;
    betapool_config_init(&config);
    config.policy = policy;
    config.interval = 0.001;
    config.min_threads = config.max_threads = 3;
    if (betapool_create(&config, &pool) != 0) {
        _exit(100);
    }
    for (int i = 0; i < 10; i++) {
        if (betapool_submit(pool, work_for_ever, &running) != 0) {
            _exit(101);
        }
    }
    if (!HOLDS_SOON(atomic_load(&running) == 3)) {
        _exit(102);
    }
    return pool;
}

static betapool *pool_of_the_handler;

static void use_pool_at_exit(void) {
    if (stats_of(pool_of_the_handler).running != 3 || betapool_shutdown(pool_of_the_handler, BETAPOOL_CANCEL) != 0) {
        _exit(103);
    }
}

static void exit_in_task(void *argument, int status) {
    (void)argument;
    (void)status;
    exit(42);
}

/* What a child does, by name; its exit code is what main returns, or the argument of exit. */
static int be_child(const char *way, int policy) {
    alarm(30);
    if (strcmp(way, "idle") == 0) {
        betapool *pool = start_endless_work(policy);
        betapool_config config;
        betapool_config_init(&config);
        betapool_create(&config, &pool); /* dropped, never used */
        return 42;
    }
    if (strcmp(way, "return") == 0) {
        start_endless_work(policy);
        return 42;
    }
    if (strcmp(way, "exit") == 0) {
        start_endless_work(policy);
        exit(42);
    }
    if (strcmp(way, "exit-in-task") == 0) {
        betapool *pool = start_endless_work(policy);
        betapool *second = NULL;
        betapool_config config;
        betapool_config_init(&config);
        if (betapool_resize(pool, 3, 4) != 0 || betapool_create(&config, &second) != 0) {
            return 104;
        }
        betapool_submit(second, exit_in_task, NULL);
        betapool_wait(second, -1); /* never comes back */
        return 105;
    }
    if (strcmp(way, "handler") == 0) {
        pool_of_the_handler = start_endless_work(policy);
        atexit(use_pool_at_exit);
        return 42;
    }
    if (strcmp(way, "main-thread-ends") == 0) { /* the process lives on in the workers, until one of them ends it */
        betapool *pool = NULL;
        betapool_config config;
        betapool_config_init(&config);
        betapool_create(&config, &pool);
        betapool_submit(pool, exit_in_task, NULL);
        pthread_exit(NULL);
    }
    return 106;
}

static void processes_end(void **state) {
    (void)state;
    static const char *const ways[] = {"idle", "return", "exit", "exit-in-task", "handler", "main-thread-ends"};
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        for (int policy = BETAPOOL_FIXED; policy <= BETAPOOL_ADAPTIVE; policy += BETAPOOL_ADAPTIVE) {
            for (int round = 0; round < 2; round++) {
                pid_t child = fork();
                assert_true(child >= 0);
                if (child == 0) {
                    execl("/proc/self/exe", "test_exit", ways[i], policy == BETAPOOL_FIXED ? "0" : "3", (char *)NULL);
                    _exit(107);
                }
                int code = exit_code_of(child);
                if (code != 42) {
                    fail_msg("%s, policy %d: exit code %d, not 42", ways[i], policy, code);
                }
            }
        }
    }
}

int main(int argc, char **argv) {
    if (argc == 3) {
        return be_child(argv[1], atoi(argv[2]));
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(pthread_exit_does_not_lose_a_worker, limit_time),
        cmocka_unit_test_setup(pthread_exit_while_the_pool_ends, limit_time),
        cmocka_unit_test_setup(thread_values_are_destroyed, limit_time),
        cmocka_unit_test_setup(a_task_and_its_own_pool, limit_time),
        cmocka_unit_test_setup(a_task_and_another_pool, limit_time),
        cmocka_unit_test_setup(a_cancelled_task_and_its_own_pool, limit_time),
        cmocka_unit_test_setup(processes_end, limit_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
