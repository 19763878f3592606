/*
 * test_controller.c - what holds for a controller under every policy: its limits, what moves it, and many threads at once.
 */
#include "support.h"

/* ---- Policies --------------------------------------------------------------------------------------------------------------------- */

static void fixed_never_moves(void **state) {
    (void)state;
    betapool_config config = fixed_config(1);
    config.max_threads = 9;
    betapool_controller *controller = controller_create(&config);
    assert_int_equal(betapool_controller_threads(controller), 9);
    for (unsigned step = 0; step < 20; step++) {
        assert_int_equal(betapool_controller_report(controller, step % 2, 1), 0);
        betapool_decision decision = tick(controller, step, step % 3);
        assert_int_equal(decision.threads, 9);
        assert_int_equal(decision.action, BETAPOOL_HOLD);
    }
    assert_int_equal(betapool_controller_free(controller), 0);
}

/* Whatever the policy and the trace: the count stays within its limits, and a decision says of itself what it did. */
static void every_policy_stays_within_limits(void **state) {
    (void)state;
    for (unsigned trace = 0; trace < 120; trace++) {
        random_state = 5000 + trace;
        betapool_config config = paper_config();
        randomise(&config);
        config.policy = (int32_t)(trace % 4);
        betapool_controller *controller = controller_create(&config);
        uint32_t threads = (uint32_t)betapool_controller_threads(controller);
        double now = 0;
        for (unsigned step = 0; step < 200; step++) {
            for (unsigned i = random_below(40); i > 0; i--) {
                double wall = random_fraction();
                assert_int_equal(betapool_controller_report(controller, wall * random_fraction(), wall), 0);
            }
            uint64_t queue_length = random_below(2) == 0 ? 0 : random_below(100);
            betapool_decision decision = tick(controller, now += config.interval, queue_length);
            assert_int_equal(decision.threads_before, threads);
            threads = decision.threads;
            assert_in_range(threads, config.min_threads, config.max_threads);
            assert_true(decision.beta_ewma >= 0 && decision.beta_ewma <= 1);
            assert_true(isnan(decision.beta) || (decision.beta >= 0 && decision.beta <= 1));
            assert_true(isnan(decision.beta_io) || (decision.beta_io >= 0 && decision.beta_io <= 1));
            assert_true((decision.action == BETAPOOL_SCALE_UP) == (decision.threads > decision.threads_before));
            assert_true((decision.action == BETAPOOL_SCALE_DOWN) == (decision.threads < decision.threads_before));
            assert_true(queue_length > 0 || (decision.action != BETAPOOL_SCALE_UP && decision.action != BETAPOOL_VETO));
        }
        assert_int_equal(betapool_controller_free(controller), 0);
    }
}

/* An adaptive controller grows on work that waits, and does not on work that keeps every core busy. */
static void adaptive_tells_waiting_from_working(void **state) {
    (void)state;
    betapool_limits limits = {.size = sizeof limits};
    assert_int_equal(betapool_get_limits(&limits), 0);
    for (int working = 0; working < 2; working++) {
        betapool_config config = paper_config();
        config.policy = BETAPOOL_ADAPTIVE;
        config.min_threads = 1;
        config.max_threads = 256;
        betapool_controller *controller = controller_create(&config);
        uint32_t threads = 1;
        double now = 0;
        for (unsigned step = 0; step < 400; step++) {
            /* Each thread waits for 98 % of its time, or wants a core and shares what cores there are; 100 tasks a thread and interval. */
            double share = working ? fmin(1, limits.cores / threads) : 0.02;
            for (unsigned i = 0; i < 100 * threads; i++) {
                betapool_controller_report(controller, share * config.interval / 100, config.interval / 100);
            }
            threads = tick(controller, now += config.interval, 50).threads;
        }
        /* 98 % waiting: 50 threads fill one core. Pure work: the cores and a little more. */
        if (working ? threads > 4 * limits.cores + 4 : threads < 20) {
            fail_msg("settled at %u threads on work that %s", threads, working ? "never waits" : "waits for 98 % of its time");
        }
        assert_int_equal(betapool_controller_free(controller), 0);
    }
}

/* ---- Many threads ----------------------------------------------------------------------------------------------------------------- */

enum { REPORTERS = 8, REPORTS = 20000 };

static void *report_often(void *argument) {
    for (int i = 0; i < REPORTS; i++) {
        betapool_controller_report(argument, 0x1p-10, 0x1p-8); /* sums of these are exact in any order */
    }
    return NULL;
}

/* No report is lost: the sums of many reporters are what one would have made. */
static void reports_from_many_threads(void **state) {
    (void)state;
    betapool_config config = paper_config();
    betapool_controller *controller = controller_create(&config);
    pthread_t threads[REPORTERS];
    for (int i = 0; i < REPORTERS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, report_often, controller), 0);
    }
    for (int i = 0; i < REPORTERS; i++) {
        pthread_join(threads[i], NULL);
    }
    /* As much wall time again, all of it CPU: 1 - (1/4 + 1)/2. A lost report would show in the last bits. */
    double wall = (double)REPORTERS * REPORTS * 0x1p-8;
    assert_int_equal(betapool_controller_report(controller, wall, wall), 0);
    assert_true(tick(controller, 1, 1).beta == 0.375);
    assert_int_equal(betapool_controller_free(controller), 0);
}

enum { TICKERS = 4, TICKS = 60 }; /* fewer in all than the log keeps */

static void *tick_often(void *argument) {
    for (int i = 0; i < TICKS; i++) {
        betapool_controller_report(argument, 0.01, 0.02);
        betapool_controller_tick(argument, i, (uint64_t)i % 3, NULL);
    }
    return NULL;
}

/* Ticks from many threads: each gets a number of its own, and each starts from the count that the one before it left. */
static void ticks_from_many_threads(void **state) {
    (void)state;
    betapool_config config = paper_config();
    config.hysteresis = 1;
    betapool_controller *controller = controller_create(&config);
    pthread_t threads[TICKERS];
    for (int i = 0; i < TICKERS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, tick_often, controller), 0);
    }
    for (int i = 0; i < TICKERS; i++) {
        pthread_join(threads[i], NULL);
    }
    betapool_decision log[TICKERS * TICKS + 1];
    assert_int_equal(betapool_controller_get_decisions(controller, log, TICKERS * TICKS + 1), TICKERS * TICKS);
    for (unsigned i = 0; i < TICKERS * TICKS; i++) {
        assert_int_equal(log[i].number, i + 1);
        assert_int_equal(log[i].threads_before, i == 0 ? config.min_threads : log[i - 1].threads);
    }
    assert_int_equal(betapool_controller_free(controller), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(fixed_never_moves, limit_time),
        cmocka_unit_test_setup(every_policy_stays_within_limits, limit_time),
        cmocka_unit_test_setup(adaptive_tells_waiting_from_working, limit_time),
        cmocka_unit_test_setup(reports_from_many_threads, limit_time),
        cmocka_unit_test_setup(ticks_from_many_threads, limit_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
