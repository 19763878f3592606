/*
 * test_threads.c - a pool's own threads: how many there are, what they are like, when they come and go; and the limits of the machine.
 */
#include "support.h"

#include <sys/resource.h>

/* ---- Threads ---------------------------------------------------------------------------------------------------------------------- */

/* A fixed pool of n runs n tasks at a time: not one less, not one more. */
static void parallel_as_far_as_allowed(void **state) {
    (void)state;
    static const uint32_t counts[] = {1, 2, 7, 50};
    for (size_t i = 0; i < 4; i++) {
        uint32_t threads = counts[i];
        unsigned before = thread_count();
        betapool *pool = fixed_pool(threads);
        gate gate = GATE_INITIALIZER;
        for (uint32_t j = 0; j < threads + 3; j++) {
            assert_int_equal(betapool_submit(pool, stop_at_gate, &gate), 0);
        }
        AWAIT(gate_waiting(&gate) == threads);
        betapool_stats stats = stats_of(pool);
        assert_int_equal(stats.running, threads);
        assert_int_equal(stats.queue_length, 3);
        assert_int_equal(stats.threads, threads);
        assert_int_equal(stats.idle_threads, 0);
        assert_int_equal(stats.target_threads, threads);
        assert_in_range(thread_count(), before + threads, before + threads + 1); /* and perhaps a ticker */
        gate_open(&gate);
        assert_int_equal(betapool_wait(pool, -1), 0);
        assert_int_equal(gate.passed, threads + 3);
        assert_int_equal(gate.most, threads);
        assert_int_equal(betapool_free(pool), 0);
        AWAIT(thread_count() == before);
    }
}

/* One task at a time needs one thread: a second is not started while the first has nothing to do. */
static void an_idle_worker_is_used_first(void **state) {
    (void)state;
    betapool *pool = fixed_pool(8);
    for (int i = 0; i < 50; i++) {
        gate gate = GATE_INITIALIZER;
        gate_open(&gate);
        assert_int_equal(betapool_submit(pool, stop_at_gate, &gate), 0);
        assert_int_equal(betapool_wait(pool, -1), 0);
        AWAIT(stats_of(pool).idle_threads == 1);
    }
    assert_int_equal(stats_of(pool).threads_started, 1);
    assert_int_equal(betapool_free(pool), 0);
}

/* Workers that sleep are woken for as many tasks as there are, whether they come one by one or at once. */
static void idle_workers_all_wake(void **state) {
    (void)state;
    enum { THREADS = 6 };
    betapool *pool = fixed_pool(THREADS);
    for (int round = 0; round < 40; round++) {
        gate gate = GATE_INITIALIZER;
        betapool_task tasks[THREADS];
        for (int i = 0; i < THREADS; i++) {
            tasks[i] = (betapool_task){stop_at_gate, &gate};
        }
        if (round % 2 == 0) {
            assert_int_equal(betapool_submit_batch(pool, tasks, THREADS), 0);
        }
        for (int i = 0; i < THREADS && round % 2 == 1; i++) {
            assert_int_equal(betapool_submit(pool, stop_at_gate, &gate), 0);
        }
        AWAIT(gate_waiting(&gate) == THREADS);
        gate_open(&gate);
        AWAIT(stats_of(pool).idle_threads == THREADS);
    }
    assert_int_equal(stats_of(pool).threads_started, THREADS);
    assert_int_equal(betapool_free(pool), 0);
}

typedef struct sight {
    char name[16];
    size_t stack_size;
    gate *gate;
} sight;

static void look_around(void *argument, int status) {
    sight *sight = argument;
    (void)status;
    pthread_getname_np(pthread_self(), sight->name, sizeof sight->name);
    pthread_attr_t attributes;
    void *stack;
    if (pthread_getattr_np(pthread_self(), &attributes) == 0) {
        pthread_attr_getstack(&attributes, &stack, &sight->stack_size);
        pthread_attr_destroy(&attributes);
    }
    gate_pass(sight->gate);
}

static void assert_names_and_stack(const char *configured, size_t stack_size, const char *prefix, size_t expected_stack) {
    enum { THREADS = 3 };
    betapool_config config = fixed_config(THREADS);
    char name[32]; /* copied by the library: gone before the first thread starts */
    if (configured != NULL) {
        snprintf(name, sizeof name, "%s", configured);
        config.thread_name = name;
    }
    config.stack_size = stack_size;
    betapool *pool = pool_create(&config);
    memset(name, 'x', sizeof name);
    sight sights[THREADS];
    memset(sights, 0, sizeof sights);
    gate gate = GATE_INITIALIZER;
    for (int i = 0; i < THREADS; i++) {
        sights[i].gate = &gate;
        assert_int_equal(betapool_submit(pool, look_around, &sights[i]), 0);
    }
    AWAIT(gate_waiting(&gate) == THREADS);
    gate_open(&gate);
    assert_int_equal(betapool_wait(pool, -1), 0);
    bool seen[THREADS] = {false};
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(strncmp(sights[i].name, prefix, strlen(prefix)), 0);
        const char *number = sights[i].name + strlen(prefix);
        assert_true(strlen(number) == 1 && number[0] >= '0' && number[0] < '0' + THREADS && !seen[number[0] - '0']);
        seen[number[0] - '0'] = true;
        /* glibc may give a thread the larger stack of one that has ended. */
        assert_true(sights[i].stack_size >= expected_stack - 65536); /* less the guard pages */
    }
    assert_int_equal(betapool_free(pool), 0);
}

static void threads_have_name_and_stack(void **state) {
    (void)state;
    assert_names_and_stack(NULL, 0, "betapool-", 1 << 20);
    assert_names_and_stack("io", 1 << 18, "io-", 1 << 18);
    assert_names_and_stack("a_name_longer_than_15", 1 << 22, "a_name_longer-", 1 << 22);
    assert_names_and_stack("", 0, "-", 1 << 20);
    assert_names_and_stack("small", 65536, "small-", 65536); /* less than some systems allow, which then give more */
}

/* ---- Limits ----------------------------------------------------------------------------------------------------------------------- */

static void queue_limit(void **state) {
    (void)state;
    betapool_config config = fixed_config(1);
    config.queue_limit = 10;
    betapool *pool = pool_create(&config);
    gate gate = GATE_INITIALIZER;
    assert_int_equal(betapool_submit(pool, stop_at_gate, &gate), 0);
    AWAIT(gate_waiting(&gate) == 1);
    ledger ledger = ledger_create(20);
    betapool_task tasks[20];
    for (int i = 0; i < 20; i++) {
        tasks[i] = (betapool_task){enter_into_ledger, &ledger.entries[i]};
    }
    assert_int_equal(betapool_submit_batch(pool, tasks, 11), -EAGAIN);
    assert_int_equal(stats_of(pool).queue_length, 0);
    assert_int_equal(betapool_submit_batch(pool, tasks, 8), 0);
    assert_int_equal(betapool_submit_batch(pool, tasks + 8, 3), -EAGAIN);
    assert_int_equal(betapool_submit(pool, enter_into_ledger, &ledger.entries[8]), 0);
    assert_int_equal(betapool_submit_batch(pool, tasks + 9, 1), 0);
    assert_int_equal(betapool_submit(pool, enter_into_ledger, &ledger.entries[10]), -EAGAIN);
    assert_int_equal(stats_of(pool).queue_length, 10);
    gate_open(&gate);
    assert_int_equal(betapool_wait(pool, -1), 0);
    assert_int_equal(betapool_submit_batch(pool, tasks + 10, 10), 0);
    assert_int_equal(betapool_wait(pool, -1), 0);
    assert_int_equal(ledger_sums(&ledger).ran, 20);
    assert_int_equal(ledger_sums(&ledger).wrong, 0);
    assert_int_equal(betapool_free(pool), 0);
    ledger_free(&ledger);
}

static void resize_moves_the_count_at_once(void **state) {
    (void)state;
    betapool_config config = fixed_config(4);
    config.policy = BETAPOOL_PAPER;
    config.interval = 3600; /* no tick interferes */
    config.max_threads = 8;
    betapool *pool = pool_create(&config);
    assert_int_equal(stats_of(pool).target_threads, 4);
    assert_true(stats_of(pool).min_threads == 4 && stats_of(pool).max_threads == 8);
    assert_int_equal(betapool_resize(pool, 6, 10), 0);
    assert_int_equal(stats_of(pool).target_threads, 6);
    assert_true(stats_of(pool).min_threads == 6 && stats_of(pool).max_threads == 10);
    assert_int_equal(betapool_resize(pool, 1, 3), 0);
    assert_int_equal(stats_of(pool).target_threads, 3);
    assert_int_equal(betapool_resize(pool, 1, 10), 0);
    assert_int_equal(stats_of(pool).target_threads, 3);

    /* Tasks that wait feel a higher limit without any further call. */
    gate gate = GATE_INITIALIZER;
    for (int i = 0; i < 12; i++) {
        assert_int_equal(betapool_submit(pool, stop_at_gate, &gate), 0);
    }
    AWAIT(gate_waiting(&gate) == 3);
    assert_int_equal(betapool_resize(pool, 9, 10), 0);
    AWAIT(gate_waiting(&gate) == 9);
    /* A lower one is felt between tasks. */
    assert_int_equal(betapool_resize(pool, 1, 2), 0);
    assert_int_equal(stats_of(pool).target_threads, 2);
    assert_int_equal(gate_waiting(&gate), 9);
    gate_open(&gate);
    assert_int_equal(betapool_wait(pool, -1), 0);
    AWAIT(stats_of(pool).threads <= 2);
    assert_int_equal(gate.passed, 12);
    assert_int_equal(gate.most, 9);
    assert_int_equal(betapool_free(pool), 0);
}

/* Workers that have nothing to do leave, too, when they are more than wanted. */
static void resize_retires_idle_workers(void **state) {
    (void)state;
    unsigned before = thread_count();
    betapool *pool = fixed_pool(12);
    gate gate = GATE_INITIALIZER;
    for (int i = 0; i < 12; i++) {
        assert_int_equal(betapool_submit(pool, stop_at_gate, &gate), 0);
    }
    AWAIT(gate_waiting(&gate) == 12);
    gate_open(&gate);
    AWAIT(stats_of(pool).idle_threads == 12);
    assert_int_equal(betapool_resize(pool, 3, 3), 0);
    AWAIT(stats_of(pool).threads == 3 && stats_of(pool).idle_threads == 3);
    AWAIT(thread_count() <= before + 5); /* and perhaps a ticker, and one that waits to be joined */
    betapool_stats stats = stats_of(pool);
    assert_int_equal(stats.threads_started, 12);
    assert_int_equal(stats.threads_retired, 9);
    assert_int_equal(betapool_free(pool), 0);
    AWAIT(thread_count() == before);
}

static void limits_are_plausible(void **state) {
    (void)state;
    betapool_limits limits;
    memset(&limits, 0xa5, sizeof limits);
    limits.size = sizeof limits;
    assert_int_equal(betapool_get_limits(&limits), 0);
    assert_int_equal(limits.size, sizeof limits);
    long online = sysconf(_SC_NPROCESSORS_CONF);
    assert_true(limits.cores > 0 && limits.cores <= (double)online);
    assert_true(limits.memory == 0 || limits.memory > 1 << 20);
    assert_true(limits.threads == 0 || limits.threads > 1);
}

static void cores_follow_the_affinity(void **state) {
    (void)state;
    cpu_set_t before, one;
    assert_int_equal(sched_getaffinity(0, sizeof before, &before), 0);
    CPU_ZERO(&one);
    for (int cpu = 0; cpu < CPU_SETSIZE && CPU_COUNT(&one) == 0; cpu++) {
        if (CPU_ISSET(cpu, &before)) {
            CPU_SET(cpu, &one);
        }
    }
    assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
    betapool_limits limits = {.size = sizeof limits};
    int code = betapool_get_limits(&limits);
    assert_int_equal(sched_setaffinity(0, sizeof before, &before), 0);
    assert_int_equal(code, 0);
    assert_true(limits.cores > 0 && limits.cores <= 1);
}

static void threads_follow_the_resource_limit(void **state) {
    (void)state;
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_NPROC, &before), 0);
    struct rlimit lower = {before.rlim_max < 77 ? before.rlim_max : 77, before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NPROC, &lower), 0);
    betapool_limits limits = {.size = sizeof limits};
    int code = betapool_get_limits(&limits);
    assert_int_equal(setrlimit(RLIMIT_NPROC, &before), 0);
    assert_int_equal(code, 0);
    assert_in_range(limits.threads, 1, 77);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(parallel_as_far_as_allowed, limit_time),
        cmocka_unit_test_setup(an_idle_worker_is_used_first, limit_time),
        cmocka_unit_test_setup(idle_workers_all_wake, limit_time),
        cmocka_unit_test_setup(threads_have_name_and_stack, limit_time),
        cmocka_unit_test_setup(queue_limit, limit_time),
        cmocka_unit_test_setup(resize_moves_the_count_at_once, limit_time),
        cmocka_unit_test_setup(resize_retires_idle_workers, limit_time),
        cmocka_unit_test_setup(limits_are_plausible, limit_time),
        cmocka_unit_test_setup(cores_follow_the_affinity, limit_time),
        cmocka_unit_test_setup(threads_follow_the_resource_limit, limit_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
