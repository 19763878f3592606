/*
 * test_within.c - what a task does to its own pool while other tasks stand right behind it, all queued at once, so that a worker that takes
 * several at a time has them in its hands: they are still queued, in their order, and nobody has to wait for the task before them.
 */
#include "support.h"

enum { BEHIND = 99, MOST_BEFORE = 260 };

/* From none to many tasks that take no time, of which a pool learns that several may be taken at once. */
#define WITH_TASKS_BEFORE(before) for (size_t before = 0; before <= MOST_BEFORE; before += 13)

/* A pool with one worker, which is kept busy until the batch is queued. */
typedef struct single {
    betapool *pool;
    gate gate;
} single;

static single single_start(void) {
    return (single){fixed_pool(1), GATE_INITIALIZER};
}

static void single_run(single *single, const betapool_task *tasks, size_t count) {
    assert_int_equal(betapool_submit(single->pool, stop_at_gate, &single->gate), 0);
    AWAIT(gate_waiting(&single->gate) == 1);
    assert_int_equal(betapool_submit_batch(single->pool, tasks, count), 0);
    gate_open(&single->gate);
    assert_int_equal(betapool_wait(single->pool, -1), 0);
}

/* A task and the ledger of those behind it. */
typedef struct first {
    betapool *pool;
    ledger behind;
    betapool_stats stats[2];
    sums sums;
    int codes[4];
    betapool_task taken; /* right behind it */
} first;

/* Runs `function` with so many ordinary tasks before it and BEHIND behind it. The caller ends with first_free. */
static void run_first(first *first, betapool_function function, size_t before) {
    single single = single_start();
    memset(first, 0, sizeof *first);
    first->pool = single.pool;
    first->behind = ledger_create(BEHIND);
    ledger others = ledger_create(MOST_BEFORE);
    betapool_task tasks[MOST_BEFORE + 1 + BEHIND];
    for (size_t i = 0; i < before; i++) {
        tasks[i] = (betapool_task){enter_into_ledger, &others.entries[i]};
    }
    tasks[before] = (betapool_task){function, first};
    for (size_t i = 0; i < BEHIND; i++) {
        tasks[before + 1 + i] = (betapool_task){enter_into_ledger, &first->behind.entries[i]};
    }
    single_run(&single, tasks, before + 1 + BEHIND);
    assert_int_equal(ledger_sums(&others).ran, before);
    ledger_free(&others);
}

static void first_free(first *first) {
    assert_int_equal(betapool_free(first->pool), 0);
    assert_int_equal(ledger_sums(&first->behind).wrong, 0);
    ledger_free(&first->behind);
}

/* ---- What a task sees and does ---------------------------------------------------------------------------------------------------- */

static void look_and_take(void *argument, int status) {
    first *first = argument;
    (void)status;
    first->stats[0] = stats_of(first->pool);
    first->codes[0] = betapool_take(first->pool, &first->taken);
    first->codes[1] = betapool_submit(first->pool, first->taken.function, first->taken.argument);
    first->stats[1] = stats_of(first->pool);
}

static void tasks_behind_are_queued(void **state) {
    (void)state;
    WITH_TASKS_BEFORE(before) {
        first first;
        run_first(&first, look_and_take, before);
        assert_int_equal(first.stats[0].running, 1);
        assert_int_equal(first.stats[0].completed, 1 + before);
        assert_int_equal(first.stats[0].queue_length, BEHIND);
        assert_int_equal(first.codes[0], 1);
        assert_int_equal(first.codes[1], 0);
        assert_ptr_equal(first.taken.argument, &first.behind.entries[0]);
        assert_int_equal(first.stats[1].queue_length, BEHIND);
        assert_int_equal(first.stats[1].cancelled, 1);
        assert_int_equal(ledger_sums(&first.behind).ran, BEHIND);
        betapool_stats stats = stats_of(first.pool);
        assert_int_equal(stats.submitted, 2 + before + BEHIND + 1);
        assert_int_equal(stats.completed, 2 + before + BEHIND);
        first_free(&first);
    }
}

static void cancel_the_rest(void *argument, int status) {
    first *first = argument;
    (void)status;
    first->codes[0] = betapool_shutdown(first->pool, BETAPOOL_CANCEL);
    first->sums = ledger_sums(&first->behind);
    first->codes[1] = betapool_wait(first->pool, -1);
    first->codes[2] = betapool_join(first->pool, -1);
    first->codes[3] = betapool_free(first->pool);
}

/* "Each is reported as cancelled, by this call": when it comes back, all are. */
static void a_task_cancels_those_behind_it(void **state) {
    (void)state;
    WITH_TASKS_BEFORE(before) {
        first first;
        run_first(&first, cancel_the_rest, before);
        assert_int_equal(first.codes[0], 0);
        assert_int_equal(first.sums.cancelled, BEHIND);
        assert_int_equal(first.sums.ran, 0);
        for (int i = 1; i < 4; i++) {
            assert_int_equal(first.codes[i], -EDEADLK);
        }
        assert_int_equal(ledger_sums(&first.behind).cancelled, BEHIND);
        first_free(&first);
    }
}

static void drain_the_rest(void *argument, int status) {
    first *first = argument;
    first->codes[2] = betapool_take(first->pool, &first->taken);
    first->taken.function(first->taken.argument, status);
    first->codes[0] = betapool_shutdown(first->pool, BETAPOOL_DRAIN);
    first->codes[1] = betapool_submit(first->pool, enter_into_ledger, &first->behind.entries[0]);
}

static void a_task_drains_those_behind_it(void **state) {
    (void)state;
    WITH_TASKS_BEFORE(before) {
        first first;
        run_first(&first, drain_the_rest, before);
        assert_int_equal(first.codes[0], 0);
        assert_int_equal(first.codes[1], -ESHUTDOWN);
        assert_int_equal(first.codes[2], 1);
        assert_ptr_equal(first.taken.argument, &first.behind.entries[0]);
        assert_int_equal(ledger_sums(&first.behind).ran, BEHIND);
        first_free(&first);
    }
}

/* ---- Threads that end ------------------------------------------------------------------------------------------------------------- */

typedef struct place {
    atomic_uint *counter;
    unsigned taken; /* from 1 */
    unsigned calls;
} place;

static void take_place(void *argument, int status) {
    place *place = argument;
    place->taken = status == 0 ? atomic_fetch_add(place->counter, 1) + 1 : 0;
    place->calls++;
}

static void take_place_and_end_thread(void *argument, int status) {
    take_place(argument, status);
    if (status == 0) {
        pthread_exit(NULL);
    }
}

/* The tasks behind one that ends its thread run, in their order. */
static void a_thread_ends_with_tasks_behind_it(void **state) {
    (void)state;
    enum { COUNT = 300 };
    for (int distance = 1; distance <= 41; distance += 10) {
        atomic_uint counter = 0;
        place places[COUNT];
        betapool_task tasks[COUNT];
        for (int i = 0; i < COUNT; i++) {
            places[i] = (place){&counter, 0, 0};
            tasks[i] = (betapool_task){i % distance == distance - 1 ? take_place_and_end_thread : take_place, &places[i]};
        }
        single single = single_start();
        single_run(&single, tasks, COUNT);
        for (unsigned i = 0; i < COUNT; i++) {
            assert_int_equal(places[i].taken, i + 1);
            assert_int_equal(places[i].calls, 1);
        }
        betapool_stats stats = stats_of(single.pool);
        assert_int_equal(stats.completed, 1 + COUNT);
        assert_int_equal(stats.running, 0);
        assert_in_range(stats.threads_retired, COUNT / distance - 1, COUNT / distance); /* the last may just be on its way */
        assert_int_equal(betapool_free(single.pool), 0);
    }
}

/* Threads end while the ticker looks at them, and others come. */
static void threads_end_while_they_are_measured(void **state) {
    (void)state;
    enum { COUNT = 200 };
    betapool_config config;
    assert_int_equal(betapool_config_init(&config), 0);
    config.interval = 0.001;
    betapool *pool = pool_create(&config);
    atomic_uint counter = 0;
    place places[COUNT];
    for (int i = 0; i < COUNT; i++) {
        places[i] = (place){&counter, 0, 0};
        assert_int_equal(betapool_submit(pool, i % 4 == 0 ? take_place_and_end_thread : take_place, &places[i]), 0);
        pause_seconds(0.0001);
    }
    assert_int_equal(betapool_wait(pool, -1), 0);
    assert_int_equal(atomic_load(&counter), COUNT);
    assert_int_equal(stats_of(pool).completed, COUNT);
    assert_true(stats_of(pool).decisions > 0);
    assert_int_equal(betapool_free(pool), 0);
}

/* ---- Tasks that wait for each other ----------------------------------------------------------------------------------------------- */

static void open_gate(void *argument, int status) {
    (void)status;
    gate_open(argument);
}

/* A task waits for the last one behind it, after many that took no time: the pool's other worker does not leave it to the first. */
static void a_task_waits_for_one_behind_it(void **state) {
    (void)state;
    enum { SHORT = 400, COUNT = 2 * SHORT + 2 };
    for (int round = 0; round < 20; round++) {
        betapool *pool = fixed_pool(2);
        ledger ledger = ledger_create(COUNT);
        gate gate = GATE_INITIALIZER;
        betapool_task tasks[COUNT];
        for (int i = 0; i < COUNT; i++) {
            tasks[i] = (betapool_task){enter_into_ledger, &ledger.entries[i]};
        }
        tasks[SHORT] = (betapool_task){stop_at_gate, &gate};
        tasks[COUNT - 1] = (betapool_task){open_gate, &gate};
        for (int i = 0; i < COUNT && round % 2 == 1; i++) {
            assert_int_equal(betapool_submit(pool, tasks[i].function, tasks[i].argument), 0);
        }
        if (round % 2 == 0) {
            assert_int_equal(betapool_submit_batch(pool, tasks, COUNT), 0);
        }
        assert_int_equal(betapool_wait(pool, -1), 0);
        assert_int_equal(ledger_sums(&ledger).ran, COUNT - 2);
        assert_int_equal(betapool_free(pool), 0);
        ledger_free(&ledger);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(tasks_behind_are_queued, limit_time),
        cmocka_unit_test_setup(a_task_cancels_those_behind_it, limit_time),
        cmocka_unit_test_setup(a_task_drains_those_behind_it, limit_time),
        cmocka_unit_test_setup(a_thread_ends_with_tasks_behind_it, limit_time),
        cmocka_unit_test_setup(threads_end_while_they_are_measured, limit_time),
        cmocka_unit_test_setup(a_task_waits_for_one_behind_it, limit_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
