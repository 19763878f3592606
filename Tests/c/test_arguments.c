/*
 * test_arguments.c - what each exported function does with arguments that make no sense, with handles that were freed and handles that were
 * never of its kind: it says so with the right code, changes nothing, and does not crash.
 */
#include "support.h"

#include <float.h>
#include <limits.h>
#include <sys/mman.h>

static const double not_finite[] = {NAN, -NAN, INFINITY, -INFINITY};

static void do_nothing(void *argument, int status) {
    (void)argument;
    (void)status;
}

static betapool_controller *paper_controller(void) {
    betapool_config config = paper_config();
    return controller_create(&config);
}

/* ---- NULL ------------------------------------------------------------------------------------------------------------------------- */

static void null_everywhere(void **state) {
    (void)state;
    betapool_config config = fixed_config(1);
    betapool_decision decision;
    betapool_task task = {do_nothing, NULL};
    betapool_stats stats = {.size = sizeof stats};
    betapool *pool;
    betapool_controller *controller;
    assert_int_equal(betapool_get_limits(NULL), -EINVAL);
    assert_int_equal(betapool_policy_by_name(NULL), -EINVAL);
    assert_int_equal(betapool_decision_reason(NULL, NULL, 0), -EINVAL);
    assert_int_equal(betapool_config_init(NULL), -EINVAL);

    assert_int_equal(betapool_controller_create(NULL, &controller), -EINVAL);
    assert_int_equal(betapool_controller_create(&config, NULL), -EINVAL);
    assert_int_equal(betapool_controller_create(NULL, NULL), -EINVAL);
    assert_int_equal(betapool_controller_report(NULL, 0, 1), -EINVAL);
    assert_int_equal(betapool_controller_tick(NULL, 0, 0, &decision), -EINVAL);
    assert_int_equal(betapool_controller_threads(NULL), -EINVAL);
    assert_int_equal(betapool_controller_attach(NULL), -EINVAL);
    assert_int_equal(betapool_controller_set_busy(NULL, 0, 1), -EINVAL);
    assert_int_equal(betapool_controller_detach(NULL, 0), -EINVAL);
    assert_int_equal(betapool_controller_sample(NULL), -EINVAL);
    assert_true(isnan(betapool_controller_beta(NULL)));
    assert_int_equal(betapool_controller_get_decisions(NULL, &decision, 1), -EINVAL);
    assert_int_equal(betapool_controller_get_decisions(NULL, NULL, 0), -EINVAL);
    assert_int_equal(betapool_controller_free(NULL), 0);

    assert_int_equal(betapool_create(NULL, &pool), -EINVAL);
    assert_int_equal(betapool_create(&config, NULL), -EINVAL);
    assert_int_equal(betapool_submit(NULL, do_nothing, NULL), -EINVAL);
    assert_int_equal(betapool_submit_batch(NULL, &task, 1), -EINVAL);
    assert_int_equal(betapool_take(NULL, &task), -EINVAL);
    assert_int_equal(betapool_wait(NULL, 0), -EINVAL);
    assert_int_equal(betapool_resize(NULL, 1, 1), -EINVAL);
    assert_int_equal(betapool_shutdown(NULL, BETAPOOL_DRAIN), -EINVAL);
    assert_int_equal(betapool_join(NULL, 0), -EINVAL);
    assert_int_equal(betapool_free(NULL), 0);
    assert_int_equal(betapool_get_stats(NULL, &stats), -EINVAL);
    assert_int_equal(betapool_get_decisions(NULL, &decision, 1), -EINVAL);
    assert_int_equal(betapool_serve(NULL), -EINVAL);
    assert_int_equal(betapool_serve_failed(NULL), -EINVAL);

    pool = fixed_pool(1);
    assert_int_equal(betapool_submit(pool, NULL, &decision), -EINVAL);
    assert_int_equal(betapool_submit_batch(pool, NULL, 1), -EINVAL);
    assert_int_equal(betapool_take(pool, NULL), -EINVAL);
    assert_int_equal(betapool_get_stats(pool, NULL), -EINVAL);
    assert_int_equal(betapool_get_decisions(pool, NULL, 1), -EINVAL);
    assert_int_equal(betapool_get_decisions(pool, NULL, 0), 0);
    assert_int_equal(stats_of(pool).submitted, 0);
    assert_int_equal(betapool_free(pool), 0);
}

/* ---- Controllers ------------------------------------------------------------------------------------------------------------------ */

static void bad_reports_change_nothing(void **state) {
    (void)state;
    betapool_controller *controller = paper_controller();
    betapool_decision decision;
    assert_int_equal(betapool_controller_report(controller, 0.25, 1), 0);

    const struct {
        double cpu, wall;
    } bad[] = {{-1, 1},    {nextafter(0, -1), 1},     {0, -1},      {-1, -1},     {1, 0},
               {2, 1},     {1.011 + 20e-6, 1},        {DBL_MAX, 1}, {1, DBL_MIN}, {0, -DBL_MAX},
               {25e-6, 0}, {0.1 + 21e-6 + 0.001, 0.1}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (betapool_controller_report(controller, bad[i].cpu, bad[i].wall) != -EINVAL) {
            fail_msg("cpu %g with wall %g was taken", bad[i].cpu, bad[i].wall);
        }
    }
    for (int i = 0; i < 4; i++) {
        assert_int_equal(betapool_controller_report(controller, not_finite[i], 1), -EINVAL);
        assert_int_equal(betapool_controller_report(controller, 0, not_finite[i]), -EINVAL);
        assert_int_equal(betapool_controller_report(controller, not_finite[i], not_finite[i]), -EINVAL);
        assert_int_equal(betapool_controller_tick(controller, not_finite[i], 1, &decision), -EINVAL);
    }
    /* What the clocks' error explains is taken, and counts as equal. */
    assert_int_equal(betapool_controller_report(controller, 1.009, 1), 0);
    assert_int_equal(betapool_controller_report(controller, 19e-6, 0), 0);
    assert_int_equal(betapool_controller_report(controller, 0, 0), 0);
    assert_int_equal(betapool_controller_tick(controller, 1, 0, &decision), 0);
    assert_int_equal(decision.number, 1);
    assert_true(decision.beta == 0.375); /* 1 - (0.25 + 1 + 0)/(1 + 1 + 0) */
    assert_int_equal(betapool_controller_free(controller), 0);
}

/* An interval with nothing but tasks of no length has measured nothing. */
static void reports_of_nothing(void **state) {
    (void)state;
    betapool_controller *controller = paper_controller();
    betapool_decision decision;
    assert_int_equal(betapool_controller_report(controller, 0, 0), 0);
    assert_int_equal(betapool_controller_tick(controller, 1, 1, &decision), 0);
    assert_true(isnan(decision.beta) && decision.beta_ewma == 0.5);
    assert_int_equal(betapool_controller_free(controller), 0);
}

/* The longest and the shortest times that are taken, many of them: no sum overflows and poisons the mean for ever. */
static void extreme_reports(void **state) {
    (void)state;
    betapool_controller *controller = paper_controller();
    betapool_decision decision;
    assert_int_equal(betapool_controller_report(controller, 1, DBL_MAX), -EINVAL);
    assert_int_equal(betapool_controller_report(controller, 1, nextafter(1e9, 2e9)), -EINVAL);
    static const double times[] = {1e9, DBL_MIN, 0x1p-1074};
    for (size_t i = 0; i < 3; i++) {
        for (int j = 0; j < 1000; j++) {
            assert_int_equal(betapool_controller_report(controller, j % 2 == 0 ? times[i] : 0, times[i]), 0);
        }
        assert_int_equal(betapool_controller_tick(controller, 1, 1, &decision), 0);
        assert_true(decision.beta == 0.5 && decision.beta_ewma == 0.5);
    }
    assert_int_equal(betapool_controller_report(controller, 0.5, 1), 0);
    assert_int_equal(betapool_controller_tick(controller, 3, 1, &decision), 0);
    assert_true(decision.beta == 0.5 && decision.beta_ewma >= 0 && decision.beta_ewma <= 1);
    assert_int_equal(betapool_controller_free(controller), 0);
}

/* Any queue length and any finite time, forwards or backwards, under every policy. */
static void extreme_ticks(void **state) {
    (void)state;
    static const double times[] = {0, -1, 1, DBL_MAX, -DBL_MAX, DBL_MIN, 1e18, -1e18, 5, 5};
    static const uint64_t lengths[] = {0, 1, INT64_MAX, (uint64_t)INT64_MAX + 1, UINT64_MAX};
    for (int policy = BETAPOOL_FIXED; policy <= BETAPOOL_ADAPTIVE; policy++) {
        betapool_config config = paper_config();
        config.policy = policy;
        betapool_controller *controller = controller_create(&config);
        for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
            for (size_t j = 0; j < sizeof lengths / sizeof lengths[0]; j++) {
                betapool_decision decision;
                assert_int_equal(betapool_controller_report(controller, 0.01, 0.5), 0);
                assert_int_equal(betapool_controller_tick(controller, times[i], lengths[j], &decision), 0);
                assert_true(decision.queue_length == lengths[j] && decision.time == times[i]);
                assert_in_range(decision.threads, config.min_threads, config.max_threads);
                assert_true(betapool_decision_reason(&decision, NULL, 0) > 0);
            }
        }
        assert_int_equal(betapool_controller_free(controller), 0);
    }
}

static void freed_controllers(void **state) {
    (void)state;
    betapool_controller *controller = paper_controller();
    betapool_decision decision;
    assert_int_equal(betapool_controller_free(controller), 0);
    assert_int_equal(betapool_controller_report(controller, 0, 1), -EBADF);
    assert_int_equal(betapool_controller_tick(controller, 0, 0, &decision), -EBADF);
    assert_int_equal(betapool_controller_attach(controller), -EBADF);
    assert_int_equal(betapool_controller_set_busy(controller, 0, 1), -EBADF);
    assert_int_equal(betapool_controller_detach(controller, 0), -EBADF);
    assert_int_equal(betapool_controller_sample(controller), -EBADF);
    assert_int_equal(betapool_controller_threads(controller), -EBADF);
    assert_true(isnan(betapool_controller_beta(controller)));
    assert_int_equal(betapool_controller_get_decisions(controller, &decision, 1), -EBADF);
    assert_int_equal(betapool_controller_get_decisions(controller, NULL, 0), -EBADF);
    assert_int_equal(betapool_controller_free(controller), -EBADF);
}

/* ---- Pools ------------------------------------------------------------------------------------------------------------------------ */

/* Everything that is refused leaves a pool as it was, and a pool that was left alone still works. */
static void refused_calls_change_nothing(void **state) {
    (void)state;
    betapool *pool = fixed_pool(2);
    betapool_stats before = stats_of(pool), after;
    assert_int_equal(betapool_wait(pool, NAN), -EINVAL);
    assert_int_equal(betapool_wait(pool, -NAN), -EINVAL);
    assert_int_equal(betapool_join(pool, NAN), -EINVAL);
    assert_int_equal(betapool_join(pool, 0), -EINVAL);
    assert_int_equal(betapool_resize(pool, 0, 1), -EINVAL);
    assert_int_equal(betapool_resize(pool, 0, 0), -EINVAL);
    assert_int_equal(betapool_resize(pool, 2, 1), -EINVAL);
    assert_int_equal(betapool_resize(pool, 1, 65537), -EINVAL);
    assert_int_equal(betapool_resize(pool, UINT32_MAX, UINT32_MAX), -EINVAL);
    assert_int_equal(betapool_shutdown(pool, -1), -EINVAL);
    assert_int_equal(betapool_shutdown(pool, 2), -EINVAL);
    assert_int_equal(betapool_shutdown(pool, INT_MIN), -EINVAL);
    assert_int_equal(betapool_serve(pool), -EINVAL);
    assert_int_equal(betapool_serve_failed(pool), -EINVAL);
    assert_int_equal(betapool_submit(pool, NULL, NULL), -EINVAL);
    after = stats_of(pool);
    assert_memory_equal(&before, &after, offsetof(betapool_stats, wait_states)); /* behind that field there is padding */

    ledger ledger = ledger_create(1);
    assert_int_equal(betapool_submit(pool, enter_into_ledger, ledger.entries), 0);
    assert_int_equal(betapool_wait(pool, -1), 0);
    assert_int_equal(ledger_sums(&ledger).ran, 1);
    assert_int_equal(betapool_free(pool), 0);
    ledger_free(&ledger);
}

/* More tasks than an address space can hold: refused before any but the first is looked at, which the page behind it proves. */
static void batches_beyond_memory(void **state) {
    (void)state;
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *pages = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(pages != MAP_FAILED);
    assert_int_equal(mprotect(pages + page, page, PROT_NONE), 0);
    betapool_task *task = (betapool_task *)(pages + page) - 1;
    task->function = do_nothing;
    betapool *pool = fixed_pool(1);
    static const size_t most = PTRDIFF_MAX / sizeof *task;
    const size_t counts[] = {SIZE_MAX, SIZE_MAX / 2, SIZE_MAX / 2 + 1, SIZE_MAX / sizeof *task, SIZE_MAX / sizeof *task + 2, most + 1};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        int code = betapool_submit_batch(pool, task, counts[i]);
        assert_true(code == -ENOMEM || code == -EINVAL || code == -EAGAIN);
    }
    assert_int_equal(stats_of(pool).submitted, 0);
    assert_int_equal(betapool_submit_batch(pool, task, 1), 0);
    assert_int_equal(betapool_free(pool), 0);
    munmap(pages, 2 * page);
}

static void pools_after_shutdown(void **state) {
    (void)state;
    betapool *pool = fixed_pool(1);
    betapool_task task = {do_nothing, NULL};
    betapool_decision decision;
    assert_int_equal(betapool_shutdown(pool, BETAPOOL_CANCEL), 0);
    assert_int_equal(betapool_submit(pool, do_nothing, NULL), -ESHUTDOWN);
    assert_int_equal(betapool_submit_batch(pool, &task, 1), -ESHUTDOWN);
    assert_int_equal(betapool_resize(pool, 1, 2), -ESHUTDOWN);
    assert_int_equal(betapool_wait(pool, -1), 0);
    assert_int_equal(betapool_join(pool, NAN), -EINVAL);
    assert_int_equal(betapool_join(pool, -1), 0);
    assert_int_equal(betapool_shutdown(pool, 7), -EINVAL);
    assert_int_equal(betapool_shutdown(pool, BETAPOOL_DRAIN), 0);
    assert_int_equal(betapool_serve(pool), -EINVAL);
    assert_int_equal(betapool_serve_failed(pool), -EINVAL);
    assert_in_range(betapool_get_decisions(pool, &decision, 1), 0, 1);
    assert_int_equal(stats_of(pool).size, sizeof(betapool_stats));
    assert_int_equal(betapool_free(pool), 0);
}

static void freed_pools(void **state) {
    (void)state;
    for (int used = 0; used < 2; used++) {
        betapool *pool = fixed_pool(2);
        if (used) {
            assert_int_equal(betapool_submit(pool, do_nothing, NULL), 0);
        }
        betapool_task task = {do_nothing, NULL};
        betapool_decision decision;
        betapool_stats stats = {.size = sizeof stats};
        assert_int_equal(betapool_free(pool), 0);
        assert_int_equal(betapool_submit(pool, do_nothing, NULL), -EBADF);
        assert_int_equal(betapool_submit_batch(pool, &task, 1), -EBADF);
        assert_int_equal(betapool_take(pool, &task), -EBADF);
        assert_int_equal(betapool_wait(pool, -1), -EBADF);
        assert_int_equal(betapool_resize(pool, 1, 1), -EBADF);
        assert_int_equal(betapool_shutdown(pool, BETAPOOL_CANCEL), -EBADF);
        assert_int_equal(betapool_join(pool, -1), -EBADF);
        assert_int_equal(betapool_get_stats(pool, &stats), -EBADF);
        assert_int_equal(betapool_get_decisions(pool, &decision, 1), -EBADF);
        assert_int_equal(betapool_serve(pool), -EBADF);
        assert_int_equal(betapool_serve_failed(pool), -EBADF);
        assert_int_equal(betapool_free(pool), -EBADF);
        assert_int_equal(betapool_free(pool), -EBADF);
    }
}

/* A handle of the one kind where one of the other belongs. */
static void handles_of_another_kind(void **state) {
    (void)state;
    betapool_controller *controller = paper_controller();
    betapool *pool = fixed_pool(1);
    assert_int_equal(betapool_submit((betapool *)controller, do_nothing, NULL), -EBADF);
    assert_int_equal(betapool_free((betapool *)controller), -EBADF);
    assert_int_equal(betapool_controller_report((betapool_controller *)pool, 0, 1), -EBADF);
    assert_true(isnan(betapool_controller_beta((betapool_controller *)pool)));
    assert_int_equal(betapool_controller_free((betapool_controller *)pool), -EBADF);
    assert_int_equal(betapool_controller_threads(controller), 4);
    assert_int_equal(betapool_controller_free(controller), 0);
    assert_int_equal(betapool_free(pool), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(null_everywhere, limit_time),
        cmocka_unit_test_setup(bad_reports_change_nothing, limit_time),
        cmocka_unit_test_setup(reports_of_nothing, limit_time),
        cmocka_unit_test_setup(extreme_reports, limit_time),
        cmocka_unit_test_setup(extreme_ticks, limit_time),
        cmocka_unit_test_setup(freed_controllers, limit_time),
        cmocka_unit_test_setup(refused_calls_change_nothing, limit_time),
        cmocka_unit_test_setup(batches_beyond_memory, limit_time),
        cmocka_unit_test_setup(pools_after_shutdown, limit_time),
        cmocka_unit_test_setup(freed_pools, limit_time),
        cmocka_unit_test_setup(handles_of_another_kind, limit_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
