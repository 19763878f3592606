/*
 * test_pool.c - tasks in, tasks out, and the end: submitting, waiting, shutting down, freeing.
 */
#include "support.h"

/* ---- Tasks in, tasks out ---------------------------------------------------------------------------------------------------------- */

static void a_pool_without_tasks_has_no_threads(void **state) {
    (void)state;
    unsigned before = thread_count();
    betapool *pool = fixed_pool(8);
    assert_int_equal(thread_count(), before);
    assert_int_equal(stats_of(pool).threads, 0);
    assert_int_equal(betapool_wait(pool, 0), 0);
    assert_int_equal(betapool_wait(pool, -1), 0);
    assert_int_equal(betapool_free(pool), 0);
    assert_int_equal(betapool_free(NULL), 0);
}

static void every_task_runs_once(void **state) {
    (void)state;
    enum { COUNT = 20000 };
    for (int policy = BETAPOOL_FIXED; policy <= BETAPOOL_ADAPTIVE; policy++) {
        betapool_config config;
        assert_int_equal(betapool_config_init(&config), 0);
        config.policy = policy;
        config.interval = 0.005;
        config.max_threads = 8;
        betapool *pool = pool_create(&config);
        ledger ledger = ledger_create(COUNT);
        for (size_t i = 0; i < COUNT; i++) {
            assert_int_equal(betapool_submit(pool, enter_into_ledger, &ledger.entries[i]), 0);
        }
        assert_int_equal(betapool_wait(pool, -1), 0);
        sums sums = ledger_sums(&ledger);
        assert_int_equal(sums.ran, COUNT);
        assert_int_equal(sums.wrong, 0);
        betapool_stats stats = stats_of(pool);
        assert_int_equal(stats.policy, policy);
        assert_int_equal(stats.submitted, COUNT);
        assert_int_equal(stats.completed, COUNT);
        assert_int_equal(betapool_free(pool), 0);
        ledger_free(&ledger);
    }
}

typedef struct order {
    unsigned next;
    bool broken;
} order;

typedef struct place {
    order *order;
    unsigned number;
} place;

static void take_place(void *argument, int status) {
    place *place = argument;
    (void)status;
    place->order->broken |= place->order->next != place->number; /* one worker: no two at a time */
    place->order->next = place->number + 1;
}

/* With one worker, the order of submission is the order of execution; one by one and in batches, over the ring's growth. */
static void tasks_start_in_order(void **state) {
    (void)state;
    enum { COUNT = 3000 };
    static place places[COUNT];
    static betapool_task tasks[COUNT];
    order order = {0, false};
    betapool *pool = fixed_pool(1);
    for (unsigned i = 0; i < COUNT; i++) {
        places[i] = (place){&order, i};
        tasks[i] = (betapool_task){take_place, &places[i]};
    }
    for (unsigned i = 0; i < COUNT;) {
        unsigned batch = i % 2 == 0 ? 1 : 1 + i % 150;
        batch = batch < COUNT - i ? batch : COUNT - i;
        assert_int_equal(batch == 1 ? betapool_submit(pool, take_place, &places[i]) : betapool_submit_batch(pool, &tasks[i], batch), 0);
        i += batch;
    }
    assert_int_equal(betapool_wait(pool, -1), 0);
    assert_false(order.broken);
    assert_int_equal(order.next, COUNT);
    assert_int_equal(betapool_free(pool), 0);
}

static void batches(void **state) {
    (void)state;
    enum { COUNT = 5000 };
    static betapool_task tasks[COUNT];
    ledger ledger = ledger_create(COUNT);
    for (size_t i = 0; i < COUNT; i++) {
        tasks[i] = (betapool_task){enter_into_ledger, &ledger.entries[i]};
    }
    betapool *pool = fixed_pool(4);
    assert_int_equal(betapool_submit_batch(pool, tasks, 0), 0);
    assert_int_equal(stats_of(pool).submitted, 0);
    assert_int_equal(betapool_submit_batch(pool, tasks, COUNT), 0);
    memset(tasks, 0, sizeof tasks); /* the pool has copied them */
    assert_int_equal(betapool_wait(pool, -1), 0);
    assert_int_equal(ledger_sums(&ledger).ran, COUNT);
    assert_int_equal(ledger_sums(&ledger).wrong, 0);

    /* One function missing among many: none is taken. */
    for (size_t i = 0; i < 10; i++) {
        tasks[i] = (betapool_task){i == 9 ? NULL : enter_into_ledger, &ledger.entries[i]};
    }
    assert_int_equal(betapool_submit_batch(pool, tasks, 10), -EINVAL);
    assert_int_equal(betapool_wait(pool, -1), 0);
    assert_int_equal(stats_of(pool).submitted, COUNT);
    assert_int_equal(betapool_free(pool), 0);
    ledger_free(&ledger);
}

/* Queued tasks can be taken back, the oldest first; they count as cancelled, and it is the taker who may call them. */
static void take(void **state) {
    (void)state;
    betapool_config config = fixed_config(1);
    config.queue_limit = 3;
    betapool *pool = pool_create(&config);
    betapool_task task = {NULL, pool};
    assert_int_equal(betapool_take(pool, &task), 0);
    assert_true(task.function == NULL && task.argument == pool);

    gate gate = GATE_INITIALIZER;
    ledger ledger = ledger_create(4);
    assert_int_equal(betapool_submit(pool, stop_at_gate, &gate), 0);
    AWAIT(gate_waiting(&gate) == 1);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(betapool_submit(pool, enter_into_ledger, &ledger.entries[i]), 0);
    }
    assert_int_equal(betapool_submit(pool, enter_into_ledger, &ledger.entries[3]), -EAGAIN);
    assert_int_equal(betapool_take(pool, &task), 1);
    assert_true(task.function == enter_into_ledger && task.argument == &ledger.entries[0]);
    assert_int_equal(betapool_submit(pool, enter_into_ledger, &ledger.entries[3]), 0); /* there is room again */
    assert_int_equal(betapool_shutdown(pool, BETAPOOL_DRAIN), 0);
    assert_int_equal(betapool_take(pool, &task), 1);
    assert_ptr_equal(task.argument, &ledger.entries[1]);
    assert_int_equal(stats_of(pool).cancelled, 2);
    assert_int_equal(stats_of(pool).queue_length, 2);
    gate_open(&gate);
    assert_int_equal(betapool_join(pool, -1), 0);
    assert_int_equal(betapool_take(pool, &task), 0);
    assert_int_equal(ledger_sums(&ledger).ran, 2);
    assert_int_equal(ledger_sums(&ledger).untouched, 2);
    assert_int_equal(betapool_free(pool), 0);
    ledger_free(&ledger);
}

/* ---- Waiting and ending ----------------------------------------------------------------------------------------------------------- */

static void wait_keeps_to_its_timeout(void **state) {
    (void)state;
    betapool *pool = fixed_pool(1);
    gate gate = GATE_INITIALIZER;
    assert_int_equal(betapool_submit(pool, stop_at_gate, &gate), 0);
    assert_int_equal(betapool_wait(pool, 0), -ETIMEDOUT);
    double start = betapool_wall_time();
    assert_int_equal(betapool_wait(pool, 0.05), -ETIMEDOUT);
    double waited = betapool_wall_time() - start;
    assert_true(waited >= 0.05 && waited < 20);
    assert_int_equal(betapool_wait(pool, 1e-9), -ETIMEDOUT);
    gate_open(&gate);
    assert_int_equal(betapool_wait(pool, INFINITY), 0);
    assert_int_equal(gate.passed, 1);
    assert_int_equal(betapool_wait(pool, 1e300), 0);
    assert_int_equal(betapool_free(pool), 0);
}

static void *wait_for_pool(void *argument) {
    return (void *)(intptr_t)betapool_wait(argument, -1);
}

/* Longer than a time_t of 32 bits can say. */
static void *wait_for_ages(void *argument) {
    return (void *)(intptr_t)betapool_wait(argument, 1e300);
}

/* Many may wait at once, and each is told. */
static void many_wait(void **state) {
    (void)state;
    enum { WAITERS = 8 };
    betapool *pool = fixed_pool(2);
    gate gate = GATE_INITIALIZER;
    for (int i = 0; i < 5; i++) {
        assert_int_equal(betapool_submit(pool, stop_at_gate, &gate), 0);
    }
    pthread_t waiters[WAITERS];
    for (int i = 0; i < WAITERS; i++) {
        assert_int_equal(pthread_create(&waiters[i], NULL, i % 2 == 0 ? wait_for_pool : wait_for_ages, pool), 0);
    }
    pause_seconds(0.02); /* lets most of them fall asleep; the result does not depend on it */
    gate_open(&gate);
    for (int i = 0; i < WAITERS; i++) {
        void *result = &gate;
        pthread_join(waiters[i], &result);
        assert_null(result);
    }
    assert_int_equal(betapool_free(pool), 0);
}

static void shutdown_drains(void **state) {
    (void)state;
    enum { COUNT = 1000 };
    betapool *pool = fixed_pool(2);
    ledger ledger = ledger_create(COUNT);
    gate gate = GATE_INITIALIZER;
    assert_int_equal(betapool_submit(pool, stop_at_gate, &gate), 0);
    assert_int_equal(betapool_submit(pool, stop_at_gate, &gate), 0);
    for (size_t i = 0; i < COUNT; i++) {
        assert_int_equal(betapool_submit(pool, enter_into_ledger, &ledger.entries[i]), 0);
    }
    assert_int_equal(betapool_join(pool, -1), -EINVAL); /* not shut down yet */
    assert_int_equal(betapool_shutdown(pool, BETAPOOL_DRAIN), 0);
    assert_int_equal(betapool_submit(pool, enter_into_ledger, &ledger.entries[0]), -ESHUTDOWN);
    assert_int_equal(betapool_resize(pool, 1, 1), -ESHUTDOWN);
    assert_int_equal(betapool_join(pool, 0), -ETIMEDOUT);
    assert_int_equal(betapool_shutdown(pool, BETAPOOL_DRAIN), 0); /* again: the same */
    gate_open(&gate);
    assert_int_equal(betapool_join(pool, -1), 0);
    assert_int_equal(betapool_join(pool, 0), 0);
    sums sums = ledger_sums(&ledger);
    assert_int_equal(sums.ran, COUNT);
    assert_int_equal(sums.wrong, 0);
    betapool_stats stats = stats_of(pool);
    assert_int_equal(stats.threads, 0);
    assert_int_equal(stats.threads_started, stats.threads_retired);
    assert_int_equal(stats.completed, COUNT + 2);
    assert_int_equal(betapool_free(pool), 0);
    ledger_free(&ledger);
}

typedef struct cancellation {
    atomic_uint ran, cancelled, elsewhere;
    pthread_t by;
} cancellation;

static void note_cancellation(void *argument, int status) {
    cancellation *cancellation = argument;
    atomic_fetch_add(status == 0 ? &cancellation->ran : &cancellation->cancelled, 1);
    if (status == -ECANCELED && !pthread_equal(pthread_self(), cancellation->by)) {
        atomic_fetch_add(&cancellation->elsewhere, 1);
    }
}

/* Queued tasks are reported by the call that cancels, before it returns; running ones end in peace. */
static void shutdown_cancels(void **state) {
    (void)state;
    for (int drain_first = 0; drain_first < 2; drain_first++) {
        betapool *pool = fixed_pool(2);
        gate gate = GATE_INITIALIZER;
        cancellation cancellation = {0, 0, 0, pthread_self()};
        assert_int_equal(betapool_submit(pool, stop_at_gate, &gate), 0);
        assert_int_equal(betapool_submit(pool, stop_at_gate, &gate), 0);
        AWAIT(gate_waiting(&gate) == 2);
        for (int i = 0; i < 300; i++) {
            assert_int_equal(betapool_submit(pool, note_cancellation, &cancellation), 0);
        }
        if (drain_first) {
            assert_int_equal(betapool_shutdown(pool, BETAPOOL_DRAIN), 0);
            assert_int_equal(atomic_load(&cancellation.cancelled), 0);
        }
        assert_int_equal(betapool_shutdown(pool, BETAPOOL_CANCEL), 0);
        assert_int_equal(atomic_load(&cancellation.cancelled), 300);
        assert_int_equal(atomic_load(&cancellation.elsewhere), 0);
        betapool_stats stats = stats_of(pool);
        assert_int_equal(stats.cancelled, 300);
        assert_int_equal(stats.queue_length, 0);
        assert_int_equal(stats.running, 2);
        gate_open(&gate);
        assert_int_equal(betapool_join(pool, -1), 0);
        assert_int_equal(gate.passed, 2);
        assert_int_equal(atomic_load(&cancellation.ran), 0);
        assert_int_equal(betapool_free(pool), 0);
    }
}

/* betapool_free alone ends everything: queued tasks run, threads go. */
static void free_drains(void **state) {
    (void)state;
    enum { COUNT = 2000 };
    unsigned before = thread_count();
    ledger ledger = ledger_create(COUNT);
    betapool_config config;
    assert_int_equal(betapool_config_init(&config), 0);
    betapool *pool = pool_create(&config);
    for (size_t i = 0; i < COUNT; i++) {
        assert_int_equal(betapool_submit(pool, enter_into_ledger, &ledger.entries[i]), 0);
    }
    assert_int_equal(betapool_free(pool), 0);
    assert_int_equal(ledger_sums(&ledger).ran, COUNT);
    assert_int_equal(ledger_sums(&ledger).wrong, 0);
    AWAIT(thread_count() == before);
    ledger_free(&ledger);
}

static void many_pools(void **state) {
    (void)state;
    enum { POOLS = 20 };
    unsigned before = thread_count();
    for (int round = 0; round < 5; round++) {
        betapool *pools[POOLS];
        ledger ledger = ledger_create(POOLS);
        for (int i = 0; i < POOLS; i++) {
            pools[i] = fixed_pool(2);
        }
        for (int i = 0; i < POOLS; i++) {
            assert_int_equal(betapool_submit(pools[i], enter_into_ledger, &ledger.entries[i]), 0);
        }
        for (int i = 0; i < POOLS; i++) {
            assert_int_equal(betapool_free(pools[(i * 7) % POOLS]), 0);
        }
        assert_int_equal(ledger_sums(&ledger).ran, POOLS);
        ledger_free(&ledger);
    }
    AWAIT(thread_count() == before);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_pool_without_tasks_has_no_threads, limit_time),
        cmocka_unit_test_setup(every_task_runs_once, limit_time),
        cmocka_unit_test_setup(tasks_start_in_order, limit_time),
        cmocka_unit_test_setup(batches, limit_time),
        cmocka_unit_test_setup(take, limit_time),
        cmocka_unit_test_setup(wait_keeps_to_its_timeout, limit_time),
        cmocka_unit_test_setup(many_wait, limit_time),
        cmocka_unit_test_setup(shutdown_drains, limit_time),
        cmocka_unit_test_setup(shutdown_cancels, limit_time),
        cmocka_unit_test_setup(free_drains, limit_time),
        cmocka_unit_test_setup(many_pools, limit_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
