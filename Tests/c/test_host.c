/*
 * test_host.c - threads that a host with one big lock brings to a pool: what they run, when they let go of the lock, how they come and go.
 */
#include "host.h"

/* ---- Serving ---------------------------------------------------------------------------------------------------------------------- */

/* The submitter holds the big lock, too, while it submits: spawn is called then, and must not need it. */
static void tasks_run_under_the_big_lock(void **state) {
    (void)state;
    enum { COUNT = 4000 };
    for (int policy = BETAPOOL_FIXED; policy <= BETAPOOL_ADAPTIVE; policy++) {
        betapool_config config = fixed_config(6);
        config.policy = policy;
        config.min_threads = 2;
        static host host;
        host_start(&host, config);
        ledger ledger = ledger_create(COUNT);
        job *jobs = calloc(COUNT, sizeof *jobs);
        assert_non_null(jobs);
        take_big_lock(&host);
        for (size_t i = 0; i < COUNT; i++) {
            jobs[i] = (job){&host, &ledger.entries[i]};
            assert_int_equal(betapool_submit(host.pool, run_under_lock, &jobs[i]), 0);
            if (i % 100 == 0) {
                drop_big_lock(&host);
                take_big_lock(&host);
            }
        }
        drop_big_lock(&host);
        assert_int_equal(betapool_wait(host.pool, -1), 0);
        assert_int_equal(ledger_sums(&ledger).ran, COUNT);
        assert_int_equal(ledger_sums(&ledger).wrong, 0);
        assert_true(stats_of(host.pool).threads_started >= 1);
        host_stop(&host);
        ledger_free(&ledger);
        free(jobs);
    }
}

/* Each park is bracketed, and nothing else: a worker that always finds work never lets go of the lock. */
static void only_parks_are_bracketed(void **state) {
    (void)state;
    static host host;
    host_start(&host, fixed_config(1));
    ledger ledger = ledger_create(500);
    job jobs[500];
    betapool_task tasks[500];
    for (size_t i = 0; i < 500; i++) {
        jobs[i] = (job){&host, &ledger.entries[i]};
        tasks[i] = (betapool_task){run_under_lock, &jobs[i]};
    }
    assert_int_equal(betapool_submit_batch(host.pool, tasks, 500), 0);
    AWAIT(atomic_load(&host.waits) > 0 && stats_of(host.pool).idle_threads == 1 && stats_of(host.pool).completed == 500);
    /* At most one park before the batch came, if the thread was quick, and one after it. */
    assert_in_range(atomic_load(&host.waits), 1, 2);
    host_stop(&host);
    assert_int_equal(ledger_sums(&ledger).ran, 500);
    ledger_free(&ledger);
}

/* Threads of the host leave when they are too many, and come back when they are wanted again. */
static void host_threads_come_and_go(void **state) {
    (void)state;
    static host host;
    host_start(&host, fixed_config(6));
    for (int round = 0; round < 5; round++) {
        assert_int_equal(betapool_resize(host.pool, 6, 6), 0);
        gate gate = GATE_INITIALIZER;
        for (int i = 0; i < 6; i++) {
            assert_int_equal(betapool_submit(host.pool, stop_at_gate, &gate), 0);
            /* Tasks that stand at the gate hold the big lock, so that only one gets there: this host is of use with one at a time. */
        }
        AWAIT(gate_waiting(&gate) == 1);
        gate_open(&gate);
        assert_int_equal(betapool_wait(host.pool, -1), 0);
        assert_int_equal(betapool_resize(host.pool, 1, 1), 0);
        AWAIT(stats_of(host.pool).threads == 1);
        AWAIT(atomic_load(&host.ended) == atomic_load(&host.promised) - 1);
    }
    assert_true(atomic_load(&host.promised) > 6);
    AWAIT(stats_of(host.pool).threads_started == atomic_load(&host.promised));
    host_stop(&host);
}

static void sleep_without_lock(void *argument, int status) {
    host *host = argument;
    if (status == 0) {
        drop_big_lock(host);
        pause_seconds(0.003);
        take_big_lock(host);
    }
}

/* The controller sizes a host's threads as it does native ones, and tells the host, without the host's lock. */
static void host_is_told_of_decisions(void **state) {
    (void)state;
    betapool_config config = fixed_config(10);
    config.policy = BETAPOOL_PAPER;
    config.min_threads = 1;
    config.interval = 0.005;
    static host host;
    host_start(&host, config);
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(betapool_submit(host.pool, sleep_without_lock, &host), 0);
    }
    AWAIT(stats_of(host.pool).threads > 3);
    assert_int_equal(betapool_wait(host.pool, -1), 0);
    AWAIT(stats_of(host.pool).target_threads == 1);
    betapool_stats stats = stats_of(host.pool);
    AWAIT(atomic_load(&host.decisions) == stats.scale_ups + stats.scale_downs);
    assert_true(stats.scale_ups > 2);
    host_stop(&host);
}

typedef struct struggle {
    host *host;
    atomic_bool stop;
} struggle;

/* Computes under the lock, offering it in between: as a loop of Python code does. */
static void struggle_for_lock(void *argument, int status) {
    struggle *struggle = argument;
    while (status == 0 && !atomic_load(&struggle->stop)) {
        double start = betapool_cpu_time();
        while (betapool_cpu_time() - start < 0.001) {
        }
        drop_big_lock(struggle->host);
        take_big_lock(struggle->host);
    }
}

/* Threads that wait for the big lock are in each other's way, and not in I/O, however much they sleep. */
static void waiting_for_the_lock_is_no_io(void **state) {
    (void)state;
    enum { THREADS = 6 };
    betapool_config config = fixed_config(THREADS);
    config.policy = BETAPOOL_PAPER_IO;
    static host host;
    host_start(&host, config);
    struggle struggle = {&host, false};
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(betapool_submit(host.pool, struggle_for_lock, &struggle), 0);
    }
    AWAIT(stats_of(host.pool).running == THREADS && stats_of(host.pool).decisions > 3);
    betapool_stats stats = stats_of(host.pool);
    if (stats.wait_states == 1) {
        AWAIT((stats = stats_of(host.pool)).contending_threads > THREADS - 2.5 && stats.beta > 0.6 && stats.beta_io < 0.2);
    }
    atomic_store(&struggle.stop, true);
    host_stop(&host);
}

/* ---- Callbacks -------------------------------------------------------------------------------------------------------------------- */

typedef struct caller {
    betapool *pool;
    atomic_uint spawns, waits, decisions, wrong;
    entry entries[3]; /* of tasks submitted by callbacks */
} caller;

static void *serve_caller(void *argument) {
    caller *caller = argument;
    atomic_fetch_add(&caller->wrong, betapool_serve(caller->pool) != 0);
    return NULL;
}

static void look_and_submit_once(caller *caller, atomic_uint *calls, entry *entry) {
    atomic_fetch_add(&caller->wrong, stats_of(caller->pool).size == 0 || betapool_get_decisions(caller->pool, NULL, 0) != 0);
    if (atomic_fetch_add(calls, 1) == 1) { /* the second time, for the first spawn is for the first submit */
        atomic_fetch_add(&caller->wrong, betapool_submit(caller->pool, enter_into_ledger, entry) != 0);
    }
}

static int spawn_and_look(void *argument) {
    caller *caller = argument;
    look_and_submit_once(caller, &caller->spawns, &caller->entries[0]);
    pthread_t thread;
    int code = pthread_create(&thread, NULL, serve_caller, caller);
    if (code == 0) {
        pthread_detach(thread);
    }
    return -code;
}

static void wait_and_look(void *argument) {
    caller *caller = argument;
    look_and_submit_once(caller, &caller->waits, &caller->entries[1]);
}

static void wake_and_look(void *argument) {
    caller *caller = argument;
    atomic_fetch_add(&caller->wrong, stats_of(caller->pool).size == 0);
}

static void decide_and_look(void *argument, const betapool_decision *decision) {
    caller *caller = argument;
    look_and_submit_once(caller, &caller->decisions, &caller->entries[2]);
    int code = betapool_resize(caller->pool, 1, 7);
    bool is_right = betapool_decision_reason(decision, NULL, 0) > 0 && (code == 0 || code == -ESHUTDOWN); /* the last one may be late */
    atomic_fetch_add(&caller->wrong, !is_right);
}

/* No lock is held while a callback runs: each may call the library, even submit and resize. */
static void callbacks_may_call_the_library(void **state) {
    (void)state;
    static caller caller;
    memset(&caller, 0, sizeof caller);
    betapool_config config = fixed_config(6);
    config.policy = BETAPOOL_PAPER;
    config.min_threads = 1;
    config.interval = 0.002;
    config.spawn = spawn_and_look;
    config.before_wait = wait_and_look;
    config.after_wait = wake_and_look;
    config.on_decision = decide_and_look;
    config.host = &caller;
    caller.pool = pool_create(&config);
    gate gate = GATE_INITIALIZER;
    for (int i = 0; i < 20; i++) {
        assert_int_equal(betapool_submit(caller.pool, stop_at_gate, &gate), 0);
    }
    AWAIT(gate_waiting(&gate) == 7);
    gate_open(&gate);
    AWAIT(stats_of(caller.pool).target_threads == 1);
    for (int i = 0; i < 3; i++) {
        AWAIT(atomic_load(&caller.entries[i].ran) == 1);
    }
    assert_int_equal(betapool_free(caller.pool), 0);
    assert_int_equal(atomic_load(&caller.wrong), 0);
}

/* ---- Load ------------------------------------------------------------------------------------------------------------------------- */

typedef struct producer {
    host *host;
    job *jobs;
    size_t count;
    atomic_uint *refused;
} producer;

static void *produce(void *argument) {
    producer *producer = argument;
    for (size_t i = 0; i < producer->count; i++) {
        take_big_lock(producer->host);
        int code = betapool_submit(producer->host->pool, run_under_lock, &producer->jobs[i]);
        drop_big_lock(producer->host);
        atomic_fetch_add(producer->refused, code != 0);
    }
    return NULL;
}

/* Producers, workers and resizes, all after the one lock, with a spawn that fails now and then: every accepted task runs once. */
static void everything_at_once(void **state) {
    (void)state;
    enum { PRODUCERS = 4, EACH = 1500, COUNT = PRODUCERS * EACH };
    betapool_config config = fixed_config(8);
    config.policy = BETAPOOL_ADAPTIVE;
    config.min_threads = 1;
    config.interval = 0.001;
    static host host;
    host_start(&host, config);
    ledger ledger = ledger_create(COUNT);
    static job jobs[COUNT];
    atomic_uint refused = 0;
    pthread_t threads[PRODUCERS];
    producer producers[PRODUCERS];
    for (size_t i = 0; i < COUNT; i++) {
        jobs[i] = (job){&host, &ledger.entries[i]};
    }
    for (size_t i = 0; i < PRODUCERS; i++) {
        producers[i] = (producer){&host, &jobs[i * EACH], EACH, &refused};
        assert_int_equal(pthread_create(&threads[i], NULL, produce, &producers[i]), 0);
    }
    for (uint32_t i = 0; i < 200; i++) {
        assert_int_equal(betapool_resize(host.pool, 1 + i % 4, 4 + i % 7), 0);
        atomic_store(&host.fail_spawns, i % 3 == 0 ? 2 : 0);
        pause_seconds(0.001);
    }
    atomic_store(&host.fail_spawns, 0);
    for (size_t i = 0; i < PRODUCERS; i++) {
        pthread_join(threads[i], NULL);
    }
    assert_int_equal(betapool_wait(host.pool, -1), 0);
    sums sums = ledger_sums(&ledger);
    assert_int_equal(sums.ran + atomic_load(&refused), COUNT);
    assert_int_equal(sums.wrong, 0);
    host_stop(&host);
    ledger_free(&ledger);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(tasks_run_under_the_big_lock, limit_time),
        cmocka_unit_test_setup(only_parks_are_bracketed, limit_time),
        cmocka_unit_test_setup(host_threads_come_and_go, limit_time),
        cmocka_unit_test_setup(host_is_told_of_decisions, limit_time),
        cmocka_unit_test_setup(waiting_for_the_lock_is_no_io, limit_time),
        cmocka_unit_test_setup(callbacks_may_call_the_library, limit_time),
        cmocka_unit_test_setup(everything_at_once, limit_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
