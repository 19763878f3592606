/*
 * test_fork.c - what a forked child finds: pools without threads that work again as soon as they are used, and the parent's queued tasks,
 * each reported as cancelled once, by the first call.
 */
#include "fork.h"

/* A pool whose workers are all held at a gate, with all tasks of a ledger queued behind them. */
static betapool *pool_with_backlog(uint32_t threads, gate *gate, ledger *ledger) {
    betapool *pool = fixed_pool(threads);
    for (uint32_t i = 0; i < threads; i++) {
        assert_int_equal(betapool_submit(pool, stop_at_gate, gate), 0);
    }
    AWAIT(gate_waiting(gate) == threads);
    for (size_t i = 0; i < ledger->count; i++) {
        assert_int_equal(betapool_submit(pool, enter_into_ledger, &ledger->entries[i]), 0);
    }
    return pool;
}

/* ---- From the main thread --------------------------------------------------------------------------------------------------------- */

/* A pool that never had a task, one that is idle, one that was freed. */
static void quiet_pools(void **state) {
    (void)state;
    betapool *unused = fixed_pool(2), *idle = fixed_pool(3), *freed = fixed_pool(1);
    gate gate = GATE_INITIALIZER;
    gate_open(&gate);
    assert_int_equal(betapool_submit(idle, stop_at_gate, &gate), 0);
    assert_int_equal(betapool_submit(freed, stop_at_gate, &gate), 0);
    AWAIT(stats_of(idle).idle_threads > 0);
    assert_int_equal(betapool_free(freed), 0);
    pid_t child = fork_child();
    if (child == 0) {
        EXPECT(thread_count() == 1 || thread_count() == 2); /* a sanitizer may have one of its own */
        EXPECT(stats_of(unused).threads == 0 && stats_of(idle).threads == 0 && stats_of(idle).idle_threads == 0);
        EXPECT(betapool_wait(idle, -1) == 0);
        EXPECT(betapool_submit(freed, stop_at_gate, &gate) == -EBADF);
        expect_pool_works(unused, 100);
        expect_pool_works(idle, 100);
        EXPECT(betapool_free(unused) == 0 && betapool_free(idle) == 0);
        _exit(0);
    }
    assert_int_equal(exit_code_of(child), 0);
    assert_int_equal(stats_of(idle).threads, 1);
    assert_int_equal(betapool_free(unused), 0);
    assert_int_equal(betapool_free(idle), 0);
}

typedef int first_call(betapool *pool);

static int call_submit(betapool *pool) {
    static gate open = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, true, 0, 0, 0};
    return betapool_submit(pool, stop_at_gate, &open);
}

static int call_wait(betapool *pool) {
    return betapool_wait(pool, 0);
}

static int call_stats(betapool *pool) {
    betapool_stats stats = {.size = sizeof stats};
    return betapool_get_stats(pool, &stats);
}

static int call_decisions(betapool *pool) {
    return betapool_get_decisions(pool, NULL, 0);
}

static int call_resize(betapool *pool) {
    return betapool_resize(pool, 1, 3);
}

static int call_drain(betapool *pool) {
    return betapool_shutdown(pool, BETAPOOL_DRAIN);
}

static int call_cancel(betapool *pool) {
    return betapool_shutdown(pool, BETAPOOL_CANCEL);
}

static int call_free(betapool *pool) {
    return betapool_free(pool);
}

/* Whatever the first call is, it reports each task that the parent had queued, once; the parent's tasks are none the worse for it. */
static void queued_tasks_are_the_parents(void **state) {
    (void)state;
    static first_call *const calls[] = {call_submit, call_wait,  call_stats,  call_decisions,
                                        call_resize, call_drain, call_cancel, call_free};
    enum { COUNT = 150 };
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        gate gate = GATE_INITIALIZER;
        ledger ledger = ledger_create(COUNT);
        betapool *pool = pool_with_backlog(2, &gate, &ledger);
        pid_t child = fork_child();
        if (child == 0) {
            EXPECT(ledger_sums(&ledger).untouched == COUNT);
            EXPECT(calls[i](pool) == 0);
            sums sums = ledger_sums(&ledger);
            EXPECT(sums.cancelled == COUNT && sums.ran == 0 && sums.wrong == 0);
            if (calls[i] != call_free) {
                EXPECT(stats_of(pool).cancelled == COUNT && stats_of(pool).queue_length <= 1);
                EXPECT(betapool_free(pool) == 0);
            }
            EXPECT(ledger_sums(&ledger).cancelled == COUNT);
            _exit(0);
        }
        assert_int_equal(exit_code_of(child), 0);
        gate_open(&gate);
        assert_int_equal(betapool_free(pool), 0);
        assert_int_equal(ledger_sums(&ledger).ran, COUNT);
        assert_int_equal(ledger_sums(&ledger).wrong, 0);
        ledger_free(&ledger);
    }
}

/* A child that has the parent's tasks cancelled can go on: submit, wait, shut down, end; with native threads of its own. */
static void the_childs_pool_works(void **state) {
    (void)state;
    gate gate = GATE_INITIALIZER;
    ledger ledger = ledger_create(20);
    betapool *pool = pool_with_backlog(3, &gate, &ledger);
    pid_t child = fork_child();
    if (child == 0) {
        expect_pool_works(pool, 5000);
        EXPECT(betapool_wait(pool, -1) == 0);
        betapool_stats stats = stats_of(pool);
        EXPECT(stats.threads >= 1 && stats.threads <= 3);
        EXPECT(stats.running == 0 && stats.queue_length == 0);
        EXPECT(betapool_shutdown(pool, BETAPOOL_DRAIN) == 0);
        EXPECT(betapool_join(pool, -1) == 0);
        EXPECT(betapool_free(pool) == 0);
        EXPECT(betapool_free(pool) == -EBADF);
        _exit(0);
    }
    assert_int_equal(exit_code_of(child), 0);
    gate_open(&gate);
    assert_int_equal(betapool_free(pool), 0);
    assert_int_equal(ledger_sums(&ledger).ran, 20);
    ledger_free(&ledger);
}

/* A cancelled task of the parent's may submit to the very pool that reports it. */
static betapool *pool_to_submit_to;
static atomic_uint submitted_again;

static void submit_again(void *argument, int status) {
    if (status == -ECANCELED && betapool_submit(pool_to_submit_to, enter_into_ledger, argument) == 0) {
        atomic_fetch_add(&submitted_again, 1);
    }
}

static void cancelled_tasks_may_submit(void **state) {
    (void)state;
    gate gate = GATE_INITIALIZER;
    ledger ledger = ledger_create(50);
    pool_to_submit_to = fixed_pool(1);
    assert_int_equal(betapool_submit(pool_to_submit_to, stop_at_gate, &gate), 0);
    AWAIT(gate_waiting(&gate) == 1);
    for (size_t i = 0; i < 50; i++) {
        assert_int_equal(betapool_submit(pool_to_submit_to, submit_again, &ledger.entries[i]), 0);
    }
    pid_t child = fork_child();
    if (child == 0) {
        EXPECT(betapool_wait(pool_to_submit_to, -1) == 0);
        EXPECT(atomic_load(&submitted_again) == 50);
        EXPECT(ledger_sums(&ledger).ran == 50 && ledger_sums(&ledger).wrong == 0);
        EXPECT(betapool_free(pool_to_submit_to) == 0);
        _exit(0);
    }
    assert_int_equal(exit_code_of(child), 0);
    gate_open(&gate);
    assert_int_equal(betapool_free(pool_to_submit_to), 0);
    ledger_free(&ledger);
}

/* A pool that was shut down stays so; what was queued is the parent's still, and the child can free it. */
static void a_pool_that_drains(void **state) {
    (void)state;
    gate gate = GATE_INITIALIZER;
    ledger ledger = ledger_create(30);
    betapool *pool = pool_with_backlog(2, &gate, &ledger);
    assert_int_equal(betapool_shutdown(pool, BETAPOOL_DRAIN), 0);
    pid_t child = fork_child();
    if (child == 0) {
        EXPECT(betapool_submit(pool, enter_into_ledger, &ledger.entries[0]) == -ESHUTDOWN);
        EXPECT(ledger_sums(&ledger).cancelled == 30 && ledger_sums(&ledger).wrong == 0);
        EXPECT(betapool_join(pool, -1) == 0);
        EXPECT(betapool_free(pool) == 0);
        _exit(0);
    }
    assert_int_equal(exit_code_of(child), 0);
    gate_open(&gate);
    assert_int_equal(betapool_free(pool), 0);
    assert_int_equal(ledger_sums(&ledger).ran, 30);
    ledger_free(&ledger);
}

/* Two pools and a controller: each comes through. And the child of the child. */
static void two_pools_and_a_grandchild(void **state) {
    (void)state;
    gate gates[2] = {GATE_INITIALIZER, GATE_INITIALIZER};
    ledger ledgers[2] = {ledger_create(40), ledger_create(60)};
    betapool *pools[2] = {pool_with_backlog(1, &gates[0], &ledgers[0]), pool_with_backlog(2, &gates[1], &ledgers[1])};
    betapool_config config = fixed_config(3);
    betapool_controller *controller = NULL;
    assert_int_equal(betapool_controller_create(&config, &controller), 0);
    pid_t child = fork_child();
    if (child == 0) {
        expect_pool_works(pools[0], 100);
        EXPECT(ledger_sums(&ledgers[0]).cancelled == 40);
        EXPECT(ledger_sums(&ledgers[1]).cancelled == 0); /* no call to that one yet */
        pid_t grandchild = fork_child();
        if (grandchild == 0) {
            for (int i = 0; i < 2; i++) {
                expect_pool_works(pools[i], 100);
                EXPECT(ledger_sums(&ledgers[i]).cancelled == ledgers[i].count && ledger_sums(&ledgers[i]).wrong == 0);
                EXPECT(betapool_free(pools[i]) == 0);
            }
            EXPECT(betapool_controller_threads(controller) == 3);
            EXPECT(betapool_controller_free(controller) == 0);
            _exit(0);
        }
        EXPECT(exit_code_of(grandchild) == 0);
        expect_pool_works(pools[1], 100);
        EXPECT(ledger_sums(&ledgers[1]).cancelled == 60 && ledger_sums(&ledgers[1]).wrong == 0);
        EXPECT(betapool_controller_tick(controller, 1, 1, NULL) == 0);
        EXPECT(betapool_free(pools[1]) == 0 && betapool_free(pools[0]) == 0);
        _exit(0);
    }
    assert_int_equal(exit_code_of(child), 0);
    for (int i = 0; i < 2; i++) {
        gate_open(&gates[i]);
        assert_int_equal(betapool_free(pools[i]), 0);
        assert_int_equal(ledger_sums(&ledgers[i]).ran, ledgers[i].count);
        ledger_free(&ledgers[i]);
    }
    assert_int_equal(betapool_controller_free(controller), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(quiet_pools, limit_time),
        cmocka_unit_test_setup(queued_tasks_are_the_parents, limit_time),
        cmocka_unit_test_setup(the_childs_pool_works, limit_time),
        cmocka_unit_test_setup(cancelled_tasks_may_submit, limit_time),
        cmocka_unit_test_setup(a_pool_that_drains, limit_time),
        cmocka_unit_test_setup(two_pools_and_a_grandchild, limit_time),
    };
    return RUN_UNLESS_UNDER_THREAD_SANITIZER(tests);
}
