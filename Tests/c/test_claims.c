/*
 * test_claims.c - a worker takes several short tasks at once. Nobody can tell: not who waits, not who counts, cancels, exits or forks.
 */
#include "fork.h"

enum { WARM = 2000, REST = 40 };

/* What each test begins with: workers that have just run so many short tasks that they take several at once, in the middle of one that does
 * not end before `gate` opens, with `REST` tasks behind it that are likely to have been taken together with it. */
typedef struct scene {
    betapool *pool;
    gate start, gate;
    ledger warm, rest;
} scene;

static void set_scene(scene *scene, const betapool_config *config, betapool_function function, void *argument) {
    *scene = (struct scene){pool_create(config), GATE_INITIALIZER, GATE_INITIALIZER, ledger_create(WARM), ledger_create(REST)};
    for (uint32_t i = 0; i < config->max_threads; i++) {
        assert_int_equal(betapool_submit(scene->pool, stop_at_gate, &scene->start), 0);
    }
    AWAIT(gate_waiting(&scene->start) == config->max_threads);
    for (size_t i = 0; i < WARM; i++) {
        assert_int_equal(betapool_submit(scene->pool, enter_into_ledger, &scene->warm.entries[i]), 0);
    }
    assert_int_equal(betapool_submit(scene->pool, function, argument != NULL ? argument : &scene->gate), 0);
    for (size_t i = 0; i < REST; i++) {
        assert_int_equal(betapool_submit(scene->pool, enter_into_ledger, &scene->rest.entries[i]), 0);
    }
    gate_open(&scene->start);
}

static void strike_scene(scene *scene) {
    gate_open(&scene->gate);
    assert_int_equal(betapool_free(scene->pool), 0);
    assert_int_equal(ledger_sums(&scene->warm).ran, WARM);
    assert_int_equal(ledger_sums(&scene->warm).wrong + ledger_sums(&scene->rest).wrong + ledger_sums(&scene->rest).untouched, 0);
    ledger_free(&scene->warm);
    ledger_free(&scene->rest);
}

static void nobody_waits_behind_a_long_task(void **state) {
    (void)state;
    for (int round = 0; round < 200; round++) {
        betapool_config config = fixed_config(2 + (uint32_t)round % 3);
        scene scene;
        set_scene(&scene, &config, stop_at_gate, NULL);
        AWAIT(gate_waiting(&scene.gate) == 1 && ledger_sums(&scene.rest).ran == REST);
        strike_scene(&scene);
    }
}

/* Long tasks that all workers but one are in; the last one alone does what is behind them. */
static void the_last_free_worker_does_it_all(void **state) {
    (void)state;
    enum { THREADS = 4 };
    for (int round = 0; round < 50; round++) {
        betapool_config config = fixed_config(THREADS);
        scene scene;
        set_scene(&scene, &config, stop_at_gate, NULL);
        ledger more = ledger_create(100);
        for (size_t i = 0; i < more.count; i++) {
            betapool_function function = i % 40 == 7 && i < 80 ? stop_at_gate : enter_into_ledger;
            void *argument = function == stop_at_gate ? (void *)&scene.gate : &more.entries[i];
            assert_int_equal(betapool_submit(scene.pool, function, argument), 0);
        }
        AWAIT(gate_waiting(&scene.gate) == THREADS - 1 && ledger_sums(&more).ran == more.count - 2);
        AWAIT(ledger_sums(&scene.rest).ran == REST);
        strike_scene(&scene);
        ledger_free(&more);
    }
}

static void counts_are_exact(void **state) {
    (void)state;
    betapool_config config = fixed_config(1);
    scene scene;
    set_scene(&scene, &config, stop_at_gate, NULL);
    AWAIT(gate_waiting(&scene.gate) == 1);
    for (int look = 0; look < 2; look++) {
        betapool_stats stats = stats_of(scene.pool);
        assert_int_equal(stats.submitted, 1 + WARM + 1 + REST);
        assert_int_equal(stats.completed, 1 + WARM);
        assert_int_equal(stats.running, 1);
        assert_int_equal(stats.queue_length, REST);
    }
    assert_int_equal(betapool_wait(scene.pool, 0.01), -ETIMEDOUT);
    gate_open(&scene.gate);
    assert_int_equal(betapool_wait(scene.pool, -1), 0);
    betapool_stats stats = stats_of(scene.pool);
    assert_int_equal(stats.completed, stats.submitted);
    assert_int_equal(stats.running + stats.queue_length, 0);
    strike_scene(&scene);
}

static void taken_in_order(void **state) {
    (void)state;
    betapool_config config = fixed_config(1);
    scene scene;
    set_scene(&scene, &config, stop_at_gate, NULL);
    AWAIT(gate_waiting(&scene.gate) == 1);
    for (size_t i = 0; i < REST; i++) {
        betapool_task task;
        assert_int_equal(betapool_take(scene.pool, &task), 1);
        assert_ptr_equal(task.argument, &scene.rest.entries[i]);
        task.function(task.argument, -ECANCELED);
    }
    betapool_task none;
    assert_int_equal(betapool_take(scene.pool, &none), 0);
    strike_scene(&scene);
}

static void cancelled_while_one_runs(void **state) {
    (void)state;
    betapool_config config = fixed_config(1);
    scene scene;
    set_scene(&scene, &config, stop_at_gate, NULL);
    AWAIT(gate_waiting(&scene.gate) == 1);
    assert_int_equal(betapool_shutdown(scene.pool, BETAPOOL_CANCEL), 0);
    assert_int_equal(ledger_sums(&scene.rest).cancelled, REST);
    strike_scene(&scene);
}

static void the_queue_limit_counts_them(void **state) {
    (void)state;
    enum { LIMIT = WARM + 1 + REST + 5 };
    betapool_config config = fixed_config(1);
    config.queue_limit = LIMIT;
    scene scene;
    set_scene(&scene, &config, stop_at_gate, NULL);
    AWAIT(gate_waiting(&scene.gate) == 1);
    ledger more = ledger_create(LIMIT - REST);
    for (size_t i = 0; i < more.count; i++) {
        assert_int_equal(betapool_submit(scene.pool, enter_into_ledger, &more.entries[i]), 0);
    }
    assert_int_equal(betapool_submit(scene.pool, enter_into_ledger, &more.entries[0]), -EAGAIN);
    strike_scene(&scene);
    assert_int_equal(ledger_sums(&more).ran, more.count);
    assert_int_equal(ledger_sums(&more).wrong, 0);
    ledger_free(&more);
}

static void exit_thread(void *argument, int status) {
    (void)argument;
    if (status == 0) {
        pthread_exit(NULL);
    }
}

static void the_rest_outlives_its_thread(void **state) {
    (void)state;
    for (uint32_t threads = 1; threads <= 2; threads++) {
        betapool_config config = fixed_config(threads);
        scene scene;
        set_scene(&scene, &config, exit_thread, NULL);
        AWAIT(ledger_sums(&scene.rest).ran == REST);
        assert_int_equal(betapool_wait(scene.pool, -1), 0);
        betapool_stats stats = stats_of(scene.pool);
        assert_int_equal(stats.completed, stats.submitted);
        strike_scene(&scene);
    }
}

typedef struct forker {
    betapool **pool;
    ledger *rest;
    int exit_code;
} forker;

static void fork_in_task(void *argument, int status) {
    forker *forker = argument;
    (void)status;
    pid_t child = fork_child();
    if (child == 0) {
        EXPECT(stats_of(*forker->pool).running >= 1);
        EXPECT(ledger_sums(forker->rest).cancelled == REST);
        EXPECT(ledger_sums(forker->rest).wrong == 0);
        _exit(0);
    }
    forker->exit_code = exit_code_of(child);
}

static void a_child_inherits_none(void **state) {
    (void)state;
    if (UNDER_THREAD_SANITIZER || UNDER_ADDRESS_SANITIZER) {
        skip();
    }
    betapool_config config = fixed_config(1);
    scene scene;
    forker forker = {&scene.pool, &scene.rest, -1};
    set_scene(&scene, &config, fork_in_task, &forker);
    assert_int_equal(betapool_wait(scene.pool, -1), 0);
    assert_int_equal(forker.exit_code, 0);
    assert_int_equal(ledger_sums(&scene.rest).ran, REST);
    strike_scene(&scene);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(nobody_waits_behind_a_long_task, limit_time),
        cmocka_unit_test_setup(the_last_free_worker_does_it_all, limit_time),
        cmocka_unit_test_setup(counts_are_exact, limit_time),
        cmocka_unit_test_setup(taken_in_order, limit_time),
        cmocka_unit_test_setup(cancelled_while_one_runs, limit_time),
        cmocka_unit_test_setup(the_queue_limit_counts_them, limit_time),
        cmocka_unit_test_setup(the_rest_outlives_its_thread, limit_time),
        cmocka_unit_test_setup(a_child_inherits_none, limit_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
