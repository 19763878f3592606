/*
 * test_starvation.c - tasks that each wait for one behind them in the queue: a pool without a maximum of its own adds threads until the last
 * one runs, and one with a maximum keeps to it.
 */
#include "fork.h"

/* Each link takes a thread. */
enum { CHAIN = UNDER_THREAD_SANITIZER || UNDER_ADDRESS_SANITIZER ? 200 : 1000 };

static gate gates[CHAIN + 1];
static atomic_uint ended;

/* Waits for the next link. */
static void link_of_chain(void *argument, int status) {
    gate *own = argument;
    if (status == 0) {
        gate_pass(own + 1);
    }
    gate_open(own);
    atomic_fetch_add(&ended, 1);
}

static void prepare(void) {
    for (size_t i = 0; i <= CHAIN; i++) {
        gates[i] = (gate)GATE_INITIALIZER;
    }
    gate_open(&gates[CHAIN]);
    atomic_store(&ended, 0);
}

static betapool *chained_pool(uint32_t max_threads) {
    betapool_config config;
    assert_int_equal(betapool_config_init(&config), 0);
    config.max_threads = max_threads;
    config.interval = 0.02;
    config.stack_size = 1 << 17;
    betapool *pool = pool_create(&config);
    prepare();
    for (size_t i = 0; i < CHAIN; i++) {
        assert_int_equal(betapool_submit(pool, link_of_chain, &gates[i]), 0);
    }
    return pool;
}

static void each_waits_for_a_later_one(void **state) {
    (void)state;
    alarm(300); /* a thousand threads, on a machine that may do other things */
    betapool *pool = chained_pool(0);
    if (stats_of(pool).max_threads < CHAIN + 10) { /* memory, or a limit on threads */
        assert_int_equal(betapool_shutdown(pool, BETAPOOL_CANCEL), 0);
        assert_int_equal(betapool_free(pool), 0);
        skip();
    }
    assert_int_equal(betapool_wait(pool, -1), 0);
    assert_int_equal(atomic_load(&ended), CHAIN);
    assert_true(stats_of(pool).threads_started >= CHAIN);
    assert_int_equal(betapool_free(pool), 0);
}

/* It cannot end by itself, and the maximum is not exceeded; cancelling the queue frees those that wait. */
static void a_maximum_is_kept(void **state) {
    (void)state;
    betapool *pool = chained_pool(8);
    AWAIT(stats_of(pool).running == 8);
    assert_int_equal(betapool_wait(pool, 0.6), -ETIMEDOUT); /* twice as long as starvation is borne */
    betapool_stats stats = stats_of(pool);
    assert_int_equal(stats.threads, 8);
    assert_int_equal(stats.queue_length, CHAIN - 8);
    assert_int_equal(betapool_shutdown(pool, BETAPOOL_CANCEL), 0);
    assert_int_equal(betapool_join(pool, -1), 0);
    assert_int_equal(atomic_load(&ended), CHAIN);
    assert_int_equal(betapool_free(pool), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(each_waits_for_a_later_one, limit_time),
        cmocka_unit_test_setup(a_maximum_is_kept, limit_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
