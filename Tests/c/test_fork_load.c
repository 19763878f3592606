/*
 * test_fork_load.c - forks at bad moments: in the middle of a task, and two hundred of them while tasks pour in and run.
 */
#include "fork.h"

/* ---- From a task ------------------------------------------------------------------------------------------------------------------ */

typedef struct forker {
    betapool *pool;
    ledger *ledger; /* queued behind this task */
    int exit_code;
} forker;

/* The forking thread is a worker of the pool, in the middle of a task, in the parent and in the child. */
static void fork_in_task(void *argument, int status) {
    forker *forker = argument;
    if (status != 0) {
        return;
    }
    pid_t child = fork_child();
    if (child == 0) {
        EXPECT(stats_of(forker->pool).queue_length == 0);
        EXPECT(ledger_sums(forker->ledger).cancelled == forker->ledger->count && ledger_sums(forker->ledger).wrong == 0);
        EXPECT(betapool_wait(forker->pool, -1) == -EDEADLK); /* still a task */
        EXPECT(betapool_free(forker->pool) == -EDEADLK);
        expect_pool_works(forker->pool, 100);
        betapool_config config;
        betapool *other;
        EXPECT(betapool_config_init(&config) == 0 && betapool_create(&config, &other) == 0);
        expect_pool_works(other, 100);
        EXPECT(betapool_free(other) == 0);
        _exit(0);
    }
    forker->exit_code = exit_code_of(child);
}

static void from_a_task(void **state) {
    (void)state;
    for (uint32_t threads = 2; threads < 5; threads++) { /* the forking task keeps one of them */
        betapool *pool = fixed_pool(threads);
        gate gate = GATE_INITIALIZER;
        ledger ledger = ledger_create(80);
        forker forker = {pool, &ledger, -1};
        for (uint32_t i = 1; i < threads; i++) {
            assert_int_equal(betapool_submit(pool, stop_at_gate, &gate), 0);
        }
        AWAIT(gate_waiting(&gate) == threads - 1);
        betapool_task tasks[81] = {{fork_in_task, &forker}};
        for (size_t i = 0; i < 80; i++) {
            tasks[i + 1] = (betapool_task){enter_into_ledger, &ledger.entries[i]};
        }
        assert_int_equal(betapool_submit_batch(pool, tasks, 81), 0);
        AWAIT(ledger_sums(&ledger).ran == 80);
        assert_int_equal(forker.exit_code, 0);
        gate_open(&gate);
        assert_int_equal(betapool_free(pool), 0);
        ledger_free(&ledger);
    }
}

/* ---- Under load ------------------------------------------------------------------------------------------------------------------- */

typedef struct load {
    betapool *pools[2];
    atomic_bool stop;
    atomic_ulong submitted, called;
} load;

static void count_call(void *argument, int status) {
    load *load = argument;
    atomic_fetch_add(&load->called, status == 0 || status == -ECANCELED);
}

static void *keep_submitting(void *argument) {
    load *load = argument;
    for (unsigned i = 0; !atomic_load(&load->stop); i++) {
        if (betapool_submit(load->pools[i % 2], count_call, load) == 0) {
            atomic_fetch_add(&load->submitted, 1);
        }
        if (i % 1000 == 999) { /* now and then the workers catch up and park */
            betapool_wait(load->pools[0], 0.001);
        }
    }
    return NULL;
}

/* 200 forks while tasks pour in and run: each child's pools work, and the parent loses nothing. */
static void two_hundred_forks_under_load(void **state) {
    (void)state;
    if (UNDER_ADDRESS_SANITIZER) {
        skip();
    }
    load load = {{NULL, NULL}, false, 0, 0};
    betapool_config config;
    assert_int_equal(betapool_config_init(&config), 0);
    config.interval = 0.001; /* the ticker is busy, too */
    config.queue_limit = 500;
    load.pools[0] = pool_create(&config);
    config.policy = BETAPOOL_FIXED;
    config.max_threads = 4;
    load.pools[1] = pool_create(&config);
    pthread_t producers[2];
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pthread_create(&producers[i], NULL, keep_submitting, &load), 0);
    }
    for (int i = 0; i < 200; i++) {
        pid_t child = fork_child();
        assert_true(child >= 0);
        if (child == 0) {
            expect_pool_works(load.pools[i % 2], 20);
            expect_pool_works(load.pools[1 - i % 2], 20);
            EXPECT(betapool_free(load.pools[0]) == 0);
            EXPECT(betapool_free(load.pools[1]) == 0);
            betapool *own;
            EXPECT(betapool_create(&config, &own) == 0);
            expect_pool_works(own, 20);
            EXPECT(betapool_free(own) == 0);
            _exit(0);
        }
        assert_int_equal(exit_code_of(child), 0);
    }
    atomic_store(&load.stop, true);
    for (int i = 0; i < 2; i++) {
        pthread_join(producers[i], NULL);
    }
    assert_int_equal(betapool_free(load.pools[0]), 0);
    assert_int_equal(betapool_free(load.pools[1]), 0);
    assert_true(atomic_load(&load.submitted) > 0);
    assert_int_equal(atomic_load(&load.called), atomic_load(&load.submitted));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(from_a_task, limit_time),
        cmocka_unit_test_setup(two_hundred_forks_under_load, limit_time),
    };
    return RUN_UNLESS_UNDER_THREAD_SANITIZER(tests);
}
