/*
 * test_paper.c - Algorithm 1 of the paper, bit for bit against a computation of its own, and the paper's theorems, through the C interface.
 */
#include "support.h"

#include <malloc.h>

/* ---- Algorithm 1, written down once more, from the paper alone -------------------------------------------------------------------- */

typedef struct algorithm_1 {
    uint32_t N, N_min, N_max, H, c_up;
    double beta_thresh, alpha, beta_ewma;
    double sum_cpu, sum_wall;
} algorithm_1;

static algorithm_1 algorithm_1_start(const betapool_config *config) {
    return (algorithm_1){.N = config->min_threads,
                         .N_min = config->min_threads,
                         .N_max = config->max_threads,
                         .H = config->hysteresis,
                         .beta_thresh = config->beta_threshold,
                         .alpha = config->alpha,
                         .beta_ewma = 0.5};
}

static void algorithm_1_report(algorithm_1 *a, double cpu, double wall) {
    a->sum_cpu += cpu < wall ? cpu : wall;
    a->sum_wall += wall;
}

/* The action; the sample is NaN for an interval in which nothing was measured: then the mean is held. */
static betapool_action algorithm_1_tick(algorithm_1 *a, uint64_t Q, double *beta_sample) {
    *beta_sample = NAN;
    if (a->sum_wall > 0) {
        double busy = a->sum_cpu / a->sum_wall;
        *beta_sample = 1 - busy;
        /* In steps, so that no compiler makes one rounding of two. */
        double newest = a->alpha * *beta_sample;
        double rest = 1 - a->alpha;
        double older = rest * a->beta_ewma;
        a->beta_ewma = newest + older;
    }
    a->sum_cpu = a->sum_wall = 0;

    uint32_t before = a->N;
    bool veto = false;
    if (Q > 0) {
        if (a->beta_ewma > a->beta_thresh) {
            a->c_up++;
            if (a->c_up >= a->H) {
                a->N = a->N + 1 < a->N_max ? a->N + 1 : a->N_max;
                a->c_up = 0;
            }
        } else {
            veto = true;
            a->c_up = 0;
        }
    }
    if (Q == 0 && a->N > a->N_min) {
        a->N--;
    }
    return veto ? BETAPOOL_VETO : a->N > before ? BETAPOOL_SCALE_UP : a->N < before ? BETAPOOL_SCALE_DOWN : BETAPOOL_HOLD;
}

static void assert_same_bits(double a, double b) {
    if (isnan(a) && isnan(b)) {
        return;
    }
    if (memcmp(&a, &b, sizeof a) != 0) {
        fail_msg("%.17g (%a) is not %.17g (%a)", a, a, b, b);
    }
}

/* ---- The algorithm ---------------------------------------------------------------------------------------------------------------- */

static void algorithm_1_bit_for_bit(void **state) {
    (void)state;
    unsigned seen[4] = {0, 0, 0, 0}, held = 0, kept_counter = 0;
    for (unsigned trace = 0; trace < 300; trace++) {
        random_state = trace;
        betapool_config config = paper_config();
        if (trace > 0) { /* the first with the paper's own constants */
            randomise(&config);
        }
        betapool_controller *controller = controller_create(&config);
        algorithm_1 expected = algorithm_1_start(&config);
        double now = 1000 * random_fraction();
        double level = random_fraction();
        for (unsigned step = 1; step <= 400; step++) {
            if (random_below(20) == 0) { /* the workload changes */
                level = random_fraction();
            }
            unsigned reports = random_below(4) == 0 ? 0 : random_below(30);
            for (unsigned i = 0; i < reports; i++) {
                double wall = 0.5 * random_fraction();
                double cpu = wall * (1 - level) * random_fraction();
                if (random_below(10) == 0) { /* the two clocks disagree a little */
                    cpu = wall * 1.005;
                }
                assert_int_equal(betapool_controller_report(controller, cpu, wall), 0);
                algorithm_1_report(&expected, cpu, wall);
            }
            uint64_t queue_length = random_below(3) == 0 ? 0 : random_number() >> random_below(64);
            uint32_t threads_before = expected.N, c_up_before = expected.c_up;
            double beta_sample;
            betapool_action action = algorithm_1_tick(&expected, queue_length, &beta_sample);
            now += random_fraction();

            betapool_decision decision = tick(controller, now, queue_length);
            assert_int_equal(decision.number, step);
            assert_same_bits(decision.time, now);
            assert_same_bits(decision.beta, beta_sample);
            assert_same_bits(decision.beta_ewma, expected.beta_ewma);
            assert_int_equal(decision.queue_length, queue_length);
            assert_int_equal(decision.threads_before, threads_before);
            assert_int_equal(decision.threads, expected.N);
            assert_int_equal(decision.action, action);
            assert_int_equal(betapool_controller_threads(controller), expected.N);
            assert_same_bits(betapool_controller_beta(controller), expected.beta_ewma);
            seen[action]++;
            held += isnan(beta_sample) && queue_length > 0;
            kept_counter += queue_length == 0 && c_up_before > 0;
        }
        assert_int_equal(betapool_controller_free(controller), 0);
    }
    /* The traces did go where the algorithm can go, and into the two places that the paper leaves open. */
    assert_true(seen[BETAPOOL_HOLD] > 1000 && seen[BETAPOOL_SCALE_UP] > 1000);
    assert_true(seen[BETAPOOL_SCALE_DOWN] > 1000 && seen[BETAPOOL_VETO] > 1000);
    assert_true(held > 1000 && kept_counter > 1000);
}

/* Growth needs H intervals of wanting to; an empty queue between them does not start the count again, a veto does. */
static void hysteresis(void **state) {
    (void)state;
    betapool_config config = paper_config();
    config.alpha = 1; /* the mean is the newest sample */
    betapool_controller *controller = controller_create(&config);
    double now = 0;

    const struct {
        double cpu; /* of a second; negative: no report */
        uint64_t queue_length;
        betapool_action action;
        uint32_t threads;
    } steps[] = {
        {0.1, 1, BETAPOOL_HOLD, 4},       {0.1, 1, BETAPOOL_HOLD, 4},
        {0.1, 0, BETAPOOL_HOLD, 4}, /* at N_min: no thread to give back; c_up stays 2 */
        {0.1, 1, BETAPOOL_SCALE_UP, 5},   {0.1, 9, BETAPOOL_HOLD, 5},
        {-1, 9, BETAPOOL_HOLD, 5}, /* nothing measured: the held mean of 0.9 decides */
        {-1, 9, BETAPOOL_SCALE_UP, 6},    {0.1, 9, BETAPOOL_HOLD, 6},
        {0.1, 9, BETAPOOL_HOLD, 6},       {0.9, 9, BETAPOOL_VETO, 6}, /* c_up is 0 again */
        {-1, 9, BETAPOOL_VETO, 6},                                    /* nothing measured: the held mean of 0.1 decides */
        {0.1, 9, BETAPOOL_HOLD, 6},       {0.1, 9, BETAPOOL_HOLD, 6},
        {0.1, 9, BETAPOOL_SCALE_UP, 7},   {0.1, 0, BETAPOOL_SCALE_DOWN, 6},
        {0.1, 0, BETAPOOL_SCALE_DOWN, 5}, {0.1, 0, BETAPOOL_SCALE_DOWN, 4},
        {0.1, 0, BETAPOOL_HOLD, 4},
    };
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        if (steps[i].cpu >= 0) {
            assert_int_equal(betapool_controller_report(controller, steps[i].cpu, 1), 0);
        }
        betapool_decision decision = tick(controller, now += 0.5, steps[i].queue_length);
        if (decision.action != (int32_t)steps[i].action || decision.threads != steps[i].threads) {
            fail_msg("step %zu: %s to %u threads, not %s to %u", i, betapool_action_name(decision.action), decision.threads,
                     betapool_action_name(steps[i].action), steps[i].threads);
        }
    }
    assert_int_equal(betapool_controller_free(controller), 0);
}

/* A blocking ratio of exactly the threshold is not above it. */
static void threshold_is_exclusive(void **state) {
    (void)state;
    betapool_config config = paper_config();
    config.alpha = 1;
    config.hysteresis = 1;
    config.beta_threshold = 0.25;
    betapool_controller *controller = controller_create(&config);
    assert_int_equal(betapool_controller_report(controller, 0.75, 1), 0);
    assert_int_equal(tick(controller, 1, 1).action, BETAPOOL_VETO);
    assert_int_equal(betapool_controller_report(controller, nextafter(0.75, 0), 1), 0);
    assert_int_equal(tick(controller, 2, 1).action, BETAPOOL_SCALE_UP);
    assert_int_equal(betapool_controller_free(controller), 0);
}

/* beta_bar is weighted by time, and is not the mean of the tasks' own ratios. */
static void beta_is_weighted_by_time(void **state) {
    (void)state;
    betapool_config config = paper_config();
    betapool_controller *controller = controller_create(&config);
    assert_int_equal(betapool_controller_report(controller, 3, 3), 0); /* 0 */
    assert_int_equal(betapool_controller_report(controller, 0, 1), 0); /* 1 */
    assert_same_bits(tick(controller, 1, 0).beta, 0.25);
    assert_int_equal(betapool_controller_free(controller), 0);
}

/* The mean after k samples, by its closed form. */
static void closed_form_of_the_mean(void **state) {
    (void)state;
    enum { COUNT = 60 };
    betapool_config config = paper_config();
    betapool_controller *controller = controller_create(&config);
    double samples[COUNT];
    random_state = 7;
    for (int k = 0; k < COUNT; k++) {
        double cpu = random_fraction();
        samples[k] = 1 - cpu;
        assert_int_equal(betapool_controller_report(controller, cpu, 1), 0);
        double expected = pow(1 - config.alpha, k + 1) * 0.5;
        for (int j = 0; j <= k; j++) {
            expected += config.alpha * pow(1 - config.alpha, j) * samples[k - j];
        }
        assert_true(fabs(tick(controller, k, 1).beta_ewma - expected) < 1e-12);
    }
    assert_int_equal(betapool_controller_free(controller), 0);
}

/* ---- The theorems ----------------------------------------------------------------------------------------------------------------- */

static double seconds_of_one_tick(betapool_controller *controller, unsigned reports) {
    double best = INFINITY;
    for (int round = 0; round < 5; round++) {
        for (unsigned i = 0; i < reports; i++) {
            betapool_controller_report(controller, 0.001, 0.002);
        }
        double start = betapool_cpu_time();
        betapool_controller_tick(controller, round, 1, NULL);
        double used = betapool_cpu_time() - start;
        best = used < best ? used : best;
    }
    return best;
}

/* Theorem 1: a tick costs the same after one task and after a hundred thousand, with 4 threads and with 65536, and nothing is kept. */
static void theorem_1_constant_time_and_space(void **state) {
    (void)state;
    betapool_config config = paper_config();
    betapool_controller *few = controller_create(&config);
    config.max_threads = 65536;
    config.min_threads = 65536;
    betapool_controller *many = controller_create(&config);
    double after_one = seconds_of_one_tick(few, 1);
    seconds_of_one_tick(many, 1);

    size_t used = mallinfo2().uordblks;
    double after_many = seconds_of_one_tick(many, 100000);
    assert_int_equal(mallinfo2().uordblks, used);
    /* Anything that looks at each task or at each thread takes over 100 us; a tick takes about one. */
    if (after_many > after_one + 50e-6) {
        fail_msg("a tick took %.1f us after one report and %.1f us after 100000", after_one * 1e6, after_many * 1e6);
    }
    assert_int_equal(betapool_controller_free(few), 0);
    assert_int_equal(betapool_controller_free(many), 0);
}

/* Theorem 2: while tasks wait, N never falls. */
static void theorem_2_monotone_under_load(void **state) {
    (void)state;
    unsigned grown = 0;
    for (unsigned trace = 0; trace < 100; trace++) {
        random_state = 1000 + trace;
        betapool_config config = paper_config();
        randomise(&config);
        betapool_controller *controller = controller_create(&config);
        int threads = betapool_controller_threads(controller);
        for (unsigned step = 0; step < 300; step++) {
            for (unsigned i = random_below(3); i > 0; i--) {
                double wall = random_fraction();
                betapool_controller_report(controller, wall * random_fraction(), wall);
            }
            betapool_decision decision = tick(controller, step, 1 + random_below(1000));
            assert_true(decision.threads >= decision.threads_before);
            assert_true((int)decision.threads >= threads && decision.threads <= config.max_threads);
            grown += (int)decision.threads > threads;
            threads = (int)decision.threads;
        }
        assert_int_equal(betapool_controller_free(controller), 0);
    }
    assert_true(grown > 100);
}

/* Lets a controller run under load on work whose blocking ratio falls in a line from `first` at one thread; the N it settles at. */
static uint32_t settle(const betapool_config *config, double first, double fall) {
    betapool_controller *controller = controller_create(config);
    uint32_t threads = config->min_threads, changed_last = 0;
    for (unsigned step = 0; step < 2000; step++) {
        double beta = fmax(first - fall * (threads - 1), 0);
        betapool_controller_report(controller, 1 - beta, 1);
        betapool_decision decision = tick(controller, step, 10);
        changed_last = decision.threads != threads ? step : changed_last;
        threads = decision.threads;
    }
    assert_true(changed_last < 1000);
    assert_int_equal(betapool_controller_free(controller), 0);
    return threads;
}

/* Theorem 3: N settles where the veto holds, or at N_max; on CPU-bound work it stays where it was. */
static void theorem_3_convergence(void **state) {
    (void)state;
    betapool_config config = paper_config();
    assert_int_equal(settle(&config, 0.95, 0), 64);
    for (double fall = 0.01; fall < 0.2; fall *= 1.5) {
        double first = 0.9;
        uint32_t settled = settle(&config, first, fall);
        double at = fmax(first - fall * (settled - 1), 0);
        assert_true(at <= config.beta_threshold || settled == config.max_threads);
        /* The mean lags by tau = 2.24 s = 4.5 ticks, which is one thread or two of growth: N* is passed by no more than that. */
        double nearby = first - fall * ((double)settled - 4);
        assert_true(nearby > config.beta_threshold || settled <= config.min_threads + 2);
    }
    /* The mean starts at 0.5, so that the veto holds in time only if the third tick finds it at or below 0.3. */
    for (double beta = 0; beta < 0.085; beta += 0.01) {
        assert_int_equal(settle(&config, beta, 0), config.min_threads);
    }
    /* Nearer to the threshold the start of 0.5 is worth H ticks more, and one thread for each H of them: a few, not N_max. */
    assert_int_equal(settle(&config, 0.1, 0), config.min_threads + 1);
    assert_true(settle(&config, 0.29, 0) <= config.min_threads + 5);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(algorithm_1_bit_for_bit, limit_time),
        cmocka_unit_test_setup(hysteresis, limit_time),
        cmocka_unit_test_setup(threshold_is_exclusive, limit_time),
        cmocka_unit_test_setup(beta_is_weighted_by_time, limit_time),
        cmocka_unit_test_setup(closed_form_of_the_mean, limit_time),
        cmocka_unit_test_setup(theorem_1_constant_time_and_space, limit_time),
        cmocka_unit_test_setup(theorem_2_monotone_under_load, limit_time),
        cmocka_unit_test_setup(theorem_3_convergence, limit_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
