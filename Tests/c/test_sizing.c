/*
 * test_sizing.c - a pool that sizes itself, and the figures it gives: tasks that wait get threads, tasks that work do not.
 */
#include "support.h"

/* ---- Sizing ----------------------------------------------------------------------------------------------------------------------- */

typedef struct job {
    betapool *pool;
    atomic_uint left;
    bool works; /* or waits */
} job;

static void do_job(void *argument, int status) {
    job *job = argument;
    if (status == 0 && job->works) {
        double start = betapool_cpu_time();
        while (betapool_cpu_time() - start < 0.002) {
        }
    } else if (status == 0) {
        pause_seconds(0.005);
    }
    atomic_fetch_sub(&job->left, 1);
}

/* Runs `count` jobs; the most workers that the pool allowed meanwhile. */
static uint32_t most_threads_for(betapool *pool, bool works, unsigned count) {
    job job = {pool, count, works};
    for (unsigned i = 0; i < count; i++) {
        assert_int_equal(betapool_submit(pool, do_job, &job), 0);
    }
    uint32_t most = 0;
    while (betapool_wait(pool, 0.01) == -ETIMEDOUT) {
        uint32_t target = stats_of(pool).target_threads;
        most = target > most ? target : most;
    }
    assert_int_equal(atomic_load(&job.left), 0);
    return most;
}

/* The default policy gives tasks that wait many threads, and takes them back when there has been nothing to do for a while. */
static void adaptive_grows_on_waiting_and_shrinks_again(void **state) {
    (void)state;
    betapool_config config;
    assert_int_equal(betapool_config_init(&config), 0);
    config.interval = 0.05;
    config.min_threads = 1;
    config.max_threads = 64;
    betapool *pool = pool_create(&config);
    uint32_t most = most_threads_for(pool, false, 10000);
    if (most < 32) {
        fail_msg("10000 tasks that wait got %u threads at most", most);
    }
    betapool_stats stats = stats_of(pool);
    assert_true(stats.scale_ups > 0 && stats.decisions > 0);
    assert_true(stats.busy_time > stats.cpu_time);
    assert_true(stats.beta_ewma > 0.5);
    AWAIT(stats_of(pool).target_threads <= most / 2 && stats_of(pool).threads <= most / 2);
    assert_true(stats_of(pool).scale_downs > 0);
    assert_int_equal(betapool_free(pool), 0);
}

/* On work that never waits, the default policy stays near the cores. */
static void adaptive_does_not_grow_on_work(void **state) {
    (void)state;
    betapool_limits limits = {.size = sizeof limits};
    assert_int_equal(betapool_get_limits(&limits), 0);
    betapool_config config;
    assert_int_equal(betapool_config_init(&config), 0);
    config.interval = 0.05;
    config.min_threads = 1;
    betapool *pool = pool_create(&config);
    uint32_t most = most_threads_for(pool, true, 1000);
    if (most > 4 * limits.cores + 4) {
        fail_msg("tasks that never wait got up to %u threads on %.1f cores", most, limits.cores);
    }
    assert_int_equal(betapool_free(pool), 0);
}

typedef struct crowd {
    atomic_bool stop;
    bool works; /* or waits */
} crowd;

static void keep_going(void *argument, int status) {
    crowd *crowd = argument;
    while (status == 0 && !atomic_load(&crowd->stop)) {
        if (!crowd->works) {
            pause_seconds(0.02);
        }
    }
}

/* What threads sleep in is seen from outside, while they do: tasks longer than many intervals count as what they are. */
static void wait_states(void **state) {
    (void)state;
    enum { THREADS = 4 };
    unsigned files = file_count();
    for (int works = 0; works < 2; works++) {
        betapool_config config;
        assert_int_equal(betapool_config_init(&config), 0);
        config.interval = 0.02;
        config.min_threads = config.max_threads = THREADS;
        betapool *pool = pool_create(&config);
        assert_int_equal(stats_of(pool).wait_states, 0); /* nobody has looked yet */
        crowd crowd = {false, works};
        for (int i = 0; i < THREADS + 1; i++) { /* one waits in the queue, so that there is something to decide */
            assert_int_equal(betapool_submit(pool, keep_going, &crowd), 0);
        }
        AWAIT(stats_of(pool).running == THREADS && stats_of(pool).decisions > 3);
        bool readable = stats_of(pool).wait_states == 1;
        if (readable && works) {
            AWAIT(stats_of(pool).running_threads > THREADS - 0.5 && stats_of(pool).beta_io < 0.1);
        } else if (readable) {
            AWAIT(stats_of(pool).waiting_threads > THREADS - 0.5 && stats_of(pool).beta_io > 0.9);
        } else {
            assert_true(isnan(stats_of(pool).beta_io) && isnan(stats_of(pool).waiting_threads));
        }
        atomic_store(&crowd.stop, true);
        assert_int_equal(betapool_free(pool), 0);
        assert_int_equal(file_count(), files);
    }
}

typedef struct parent {
    betapool *pool;
    gate gate;
    atomic_uint *done;
} parent;

static void open_gate(void *argument, int status) {
    (void)status;
    gate_open(argument);
}

static void submit_and_wait_for_child(void *argument, int status) {
    parent *parent = argument;
    if (status == 0 && betapool_submit(parent->pool, open_gate, &parent->gate) == 0) {
        gate_pass(&parent->gate);
        atomic_fetch_add(parent->done, 1);
    }
}

/* Every worker waits for a task that is still queued: the default policy adds workers until one is free. */
static void nested_submit_and_wait_does_not_deadlock(void **state) {
    (void)state;
    enum { PARENTS = 12 };
    betapool_config config;
    assert_int_equal(betapool_config_init(&config), 0);
    config.interval = 0.02;
    config.min_threads = 1;
    config.max_threads = 32;
    betapool *pool = pool_create(&config);
    static parent parents[PARENTS];
    atomic_uint done = 0;
    for (int i = 0; i < PARENTS; i++) {
        parents[i] = (parent){pool, GATE_INITIALIZER, &done};
        assert_int_equal(betapool_submit(pool, submit_and_wait_for_child, &parents[i]), 0);
    }
    assert_int_equal(betapool_wait(pool, 40), 0);
    assert_int_equal(atomic_load(&done), PARENTS);
    assert_int_equal(betapool_free(pool), 0);
}

/* Algorithm 1 in a pool: tasks that wait let it grow by one thread each H intervals; without tasks it gives them back. */
static void paper_grows_one_by_one(void **state) {
    (void)state;
    betapool_config config;
    assert_int_equal(betapool_config_init(&config), 0);
    config.policy = BETAPOOL_PAPER;
    config.interval = 0.005;
    config.max_threads = 12;
    betapool *pool = pool_create(&config);
    gate gate = GATE_INITIALIZER;
    for (int i = 0; i < 40; i++) {
        assert_int_equal(betapool_submit(pool, stop_at_gate, &gate), 0);
    }
    AWAIT(gate_waiting(&gate) == 12);
    betapool_decision log[256];
    int count = betapool_get_decisions(pool, log, 256);
    for (int i = 0; i < count; i++) {
        assert_true(log[i].threads == log[i].threads_before || log[i].threads == log[i].threads_before + 1);
    }
    assert_int_equal(stats_of(pool).scale_ups, 8);
    gate_open(&gate);
    AWAIT(stats_of(pool).target_threads == 4 && stats_of(pool).threads <= 4);
    assert_int_equal(stats_of(pool).scale_downs, 8);
    assert_int_equal(betapool_free(pool), 0);
}

/* ---- Figures ---------------------------------------------------------------------------------------------------------------------- */

static void do_nothing(void *argument, int status) {
    (void)argument;
    (void)status;
}

static void assert_is_share(double value) {
    assert_true(isnan(value) || (value >= 0 && value <= 1));
}

/* At any moment, whatever goes on: no task is missing from the figures and none is counted twice. */
static void figures_add_up_at_any_moment(void **state) {
    (void)state;
    betapool_config config;
    assert_int_equal(betapool_config_init(&config), 0);
    config.interval = 0.001;
    config.max_threads = 16;
    betapool *pool = pool_create(&config);
    betapool_stats last = stats_of(pool);
    for (int i = 0; i < 3000; i++) {
        for (int j = 0; j < i % 20; j++) {
            assert_int_equal(betapool_submit(pool, do_nothing, NULL), 0);
        }
        betapool_stats stats = stats_of(pool);
        assert_int_equal(stats.submitted, stats.completed + stats.cancelled + stats.running + stats.queue_length);
        assert_int_equal(stats.cancelled, 0);
        assert_true(stats.idle_threads <= stats.threads && stats.running <= stats.threads);
        assert_true(stats.threads_started >= stats.threads_retired);
        assert_true(stats.completed >= last.completed && stats.decisions >= last.decisions);
        assert_true(stats.cpu_time >= last.cpu_time && stats.busy_time >= last.busy_time);
        assert_true(stats.beta_ewma >= 0 && stats.beta_ewma <= 1);
        assert_is_share(stats.beta);
        assert_is_share(stats.beta_io);
        double busy = stats.running_threads + stats.contending_threads + stats.waiting_threads;
        assert_true(isnan(busy) || (busy >= 0 && stats.running_threads >= 0 && stats.contending_threads >= 0));
        assert_true(isnan(stats.beta_io) || fabs(stats.beta_io - stats.waiting_threads / busy) < 1e-9);
        assert_true(isnan(stats.surplus_threads) || stats.surplus_threads >= 0);
        assert_true(stats.wait_states == 0 || stats.wait_states == 1);
        last = stats;
    }
    assert_int_equal(betapool_free(pool), 0);
}

static void sleep_twice(void *argument, int status) {
    (void)argument;
    if (status == 0) {
        pause_seconds(0.05);
        double start = betapool_cpu_time();
        while (betapool_cpu_time() - start < 0.05) {
        }
    }
}

/* 50 ms of sleep and 50 ms of work are 100 ms busy, 50 of them CPU. */
static void cpu_and_busy_time(void **state) {
    (void)state;
    betapool_config config;
    assert_int_equal(betapool_config_init(&config), 0);
    config.interval = 0.01;
    betapool *pool = pool_create(&config);
    assert_int_equal(betapool_submit(pool, sleep_twice, NULL), 0);
    assert_int_equal(betapool_wait(pool, -1), 0);
    uint64_t ticks = stats_of(pool).decisions;
    pause_seconds(0.03);
    assert_int_equal(betapool_submit(pool, sleep_twice, NULL), 0);
    AWAIT(stats_of(pool).decisions > ticks + 1);
    betapool_stats stats = stats_of(pool);
    assert_true(stats.cpu_time >= 0.049 && stats.cpu_time < 0.5);
    assert_true(stats.busy_time >= 0.099 && stats.busy_time > stats.cpu_time);
    assert_int_equal(betapool_free(pool), 0);
}

typedef struct told {
    atomic_uint ups, downs, vetoes, others;
} told;

static void count_decision(void *host, const betapool_decision *decision) {
    told *told = host;
    atomic_fetch_add(decision->action == BETAPOOL_VETO              ? &told->vetoes
                     : decision->threads > decision->threads_before ? &told->ups
                     : decision->threads < decision->threads_before ? &told->downs
                                                                    : &told->others,
                     1);
}

/* The host is told of each change of the thread count, and of no hold. */
static void on_decision(void **state) {
    (void)state;
    betapool_config config;
    assert_int_equal(betapool_config_init(&config), 0);
    told told = {0, 0, 0, 0};
    config.policy = BETAPOOL_PAPER;
    config.interval = 0.005;
    config.max_threads = 8;
    config.on_decision = count_decision;
    config.host = &told;
    betapool *pool = pool_create(&config);
    gate gate = GATE_INITIALIZER;
    for (int i = 0; i < 20; i++) {
        assert_int_equal(betapool_submit(pool, stop_at_gate, &gate), 0);
    }
    AWAIT(gate_waiting(&gate) == 8);
    gate_open(&gate);
    assert_int_equal(betapool_wait(pool, -1), 0);
    AWAIT(stats_of(pool).target_threads == 4);
    betapool_stats stats = stats_of(pool);
    AWAIT(atomic_load(&told.ups) == 4 && atomic_load(&told.downs) == 4);
    assert_true(stats.scale_ups == 4 && stats.scale_downs == 4);
    assert_int_equal(atomic_load(&told.others), 0);
    assert_true(atomic_load(&told.vetoes) <= stats.vetoes);
    assert_int_equal(betapool_free(pool), 0);
}

typedef struct meddler {
    _Atomic(betapool *) pool;
    atomic_int waited, joined, freed;
} meddler;

static void meddle(void *host, const betapool_decision *decision) {
    (void)decision;
    meddler *meddler = host;
    betapool *pool = atomic_load(&meddler->pool);
    if (pool != NULL) {
        atomic_store(&meddler->waited, betapool_wait(pool, -1));
        atomic_store(&meddler->joined, betapool_join(pool, -1));
        atomic_store(&meddler->freed, betapool_free(pool));
    }
}

/* Who is told a decision cannot wait for the pool: it is the pool that tells. */
static void on_decision_cannot_wait(void **state) {
    (void)state;
    betapool_config config;
    assert_int_equal(betapool_config_init(&config), 0);
    meddler meddler = {NULL, 1, 1, 1};
    config.policy = BETAPOOL_PAPER;
    config.interval = 0.005;
    config.max_threads = 8;
    config.on_decision = meddle;
    config.host = &meddler;
    betapool *pool = pool_create(&config);
    atomic_store(&meddler.pool, pool);
    gate gate = GATE_INITIALIZER;
    for (int i = 0; i < 20; i++) {
        assert_int_equal(betapool_submit(pool, stop_at_gate, &gate), 0);
    }
    AWAIT(gate_waiting(&gate) == 8);
    gate_open(&gate);
    assert_int_equal(betapool_wait(pool, -1), 0);
    AWAIT(atomic_load(&meddler.freed) == -EDEADLK);
    assert_int_equal(atomic_load(&meddler.waited), -EDEADLK);
    assert_int_equal(atomic_load(&meddler.joined), -EINVAL); /* not shut down */
    assert_int_equal(betapool_free(pool), 0);
}

/* ---- Clocks ----------------------------------------------------------------------------------------------------------------------- */

static void clocks(void **state) {
    (void)state;
    double wall = betapool_wall_time(), cpu = betapool_cpu_time();
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    assert_true(fabs((double)time.tv_sec + (double)time.tv_nsec * 1e-9 - wall) < 5);
    pause_seconds(0.05);
    assert_true(betapool_wall_time() - wall >= 0.05); /* sleeping takes wall time ... */
    assert_true(betapool_cpu_time() - cpu < 0.045);   /* ... and no CPU */
    cpu = betapool_cpu_time();
    wall = betapool_wall_time();
    while (betapool_cpu_time() - cpu < 0.02) {
    }
    assert_true(betapool_wall_time() - wall >= 0.0199); /* working takes both */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(clocks, limit_time),
        cmocka_unit_test_setup(adaptive_grows_on_waiting_and_shrinks_again, limit_time),
        cmocka_unit_test_setup(adaptive_does_not_grow_on_work, limit_time),
        cmocka_unit_test_setup(wait_states, limit_time),
        cmocka_unit_test_setup(nested_submit_and_wait_does_not_deadlock, limit_time),
        cmocka_unit_test_setup(paper_grows_one_by_one, limit_time),
        cmocka_unit_test_setup(figures_add_up_at_any_moment, limit_time),
        cmocka_unit_test_setup(cpu_and_busy_time, limit_time),
        cmocka_unit_test_setup(on_decision, limit_time),
        cmocka_unit_test_setup(on_decision_cannot_wait, limit_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
