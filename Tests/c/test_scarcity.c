/*
 * test_scarcity.c - a system that has no more threads, memory, or keys for values of threads, in earnest: the limits are those of the
 * kernel and of libc, reached in a child and lifted again. In test_faults.c single calls fail, whatever the system would say.
 */
#include "fork.h"

#include <limits.h>
#include <sys/resource.h>

enum { CANNOT_BE_TRIED = 77, NOBODY = 65534 };

static void do_nothing(void *argument, int status) {
    (void)argument;
    (void)status;
}

/* A fixed pool, in a child. */
static betapool *create(uint32_t threads) {
    betapool_config config;
    betapool *pool = NULL;
    EXPECT(betapool_config_init(&config) == 0);
    config.policy = BETAPOOL_FIXED;
    config.min_threads = config.max_threads = threads;
    config.interval = 0.01;
    EXPECT(betapool_create(&config, &pool) == 0);
    return pool;
}

/* As many tasks at the same time as the pool has threads: all of them can be had. */
static void expect_threads(betapool *pool, uint32_t threads) {
    gate gate = GATE_INITIALIZER;
    for (uint32_t i = 0; i < threads; i++) {
        EXPECT(betapool_submit(pool, stop_at_gate, &gate) == 0);
    }
    EXPECT(HOLDS_SOON(gate_waiting(&gate) == threads));
    gate_open(&gate);
    EXPECT(betapool_wait(pool, -1) == 0);
}

static void set_limit(__rlimit_resource_t resource, rlim_t soft) {
    struct rlimit limit;
    EXPECT(getrlimit(resource, &limit) == 0);
    limit.rlim_cur = soft < limit.rlim_max ? soft : limit.rlim_max;
    EXPECT(setrlimit(resource, &limit) == 0);
}

/* ---- Threads ---------------------------------------------------------------------------------------------------------------------- */

static void no_threads_in_child(void) {
    enum { THREADS = 4 };
    struct rlimit before;
    EXPECT(getrlimit(RLIMIT_NPROC, &before) == 0);
    if (geteuid() == 0 && (setgid(NOBODY) != 0 || setuid(NOBODY) != 0)) { /* root may have as many as it likes */
        _exit(CANNOT_BE_TRIED);
    }
    betapool *pool = create(THREADS);
    ledger ledger = {calloc(THREADS, sizeof(entry)), THREADS};
    set_limit(RLIMIT_NPROC, 1); /* which this process is */
    for (size_t i = 0; i < THREADS; i++) {
        int code = betapool_submit(pool, enter_into_ledger, &ledger.entries[i]);
        if (i == 0 && code == 0) { /* the limit does not bind this user, whoever that is */
            _exit(CANNOT_BE_TRIED);
        }
        EXPECT(code == -EAGAIN);
    }
    betapool_stats stats = stats_of(pool);
    EXPECT(stats.submitted == 0 && stats.threads == 0 && stats.spawn_failures == THREADS);

    /* One worker is enough for tasks to be accepted, and all of them run. */
    set_limit(RLIMIT_NPROC, before.rlim_cur);
    EXPECT(betapool_submit(pool, do_nothing, NULL) == 0);
    EXPECT(betapool_wait(pool, -1) == 0);
    EXPECT(HOLDS_SOON(stats_of(pool).idle_threads == 1));
    set_limit(RLIMIT_NPROC, 1);
    for (size_t i = 0; i < THREADS; i++) {
        EXPECT(betapool_submit(pool, enter_into_ledger, &ledger.entries[i]) == 0);
    }
    EXPECT(betapool_wait(pool, -1) == 0);
    EXPECT(ledger_sums(&ledger).ran == THREADS && ledger_sums(&ledger).wrong == 0);
    EXPECT(stats_of(pool).threads == 1);

    set_limit(RLIMIT_NPROC, before.rlim_cur);
    expect_threads(pool, THREADS);
    EXPECT(betapool_free(pool) == 0);
}

/* ---- Memory ----------------------------------------------------------------------------------------------------------------------- */

static rlim_t address_space(void) {
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    EXPECT(file != NULL && fscanf(file, "%ld", &pages) == 1);
    fclose(file);
    return (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE);
}

static void no_memory_in_child(void) {
    enum { THREADS = 64, BATCH = 1 << 20, ROOM = 24 << 20 };
    struct rlimit before;
    EXPECT(getrlimit(RLIMIT_AS, &before) == 0);
    betapool_task *tasks = calloc(BATCH, sizeof *tasks);
    EXPECT(tasks != NULL);
    for (size_t i = 0; i < BATCH; i++) {
        tasks[i].function = do_nothing;
    }
    betapool *pool = create(THREADS);
    gate gate = GATE_INITIALIZER;
    set_limit(RLIMIT_AS, address_space() + ROOM);
    for (uint32_t i = 0; i < THREADS; i++) { /* a stack is 1 MiB: there is room for some */
        EXPECT(betapool_submit(pool, stop_at_gate, &gate) == 0);
    }
    EXPECT(HOLDS_SOON(gate_waiting(&gate) == stats_of(pool).threads));
    betapool_stats stats = stats_of(pool);
    EXPECT(stats.spawn_failures > 0 && stats.threads > 0 && stats.threads < THREADS);
    EXPECT(betapool_submit_batch(pool, tasks, BATCH) == -ENOMEM);
    EXPECT(stats_of(pool).submitted == THREADS && stats_of(pool).queue_length == THREADS - stats.threads);
    gate_open(&gate);
    EXPECT(betapool_wait(pool, -1) == 0);
    EXPECT(gate.passed == THREADS);

    set_limit(RLIMIT_AS, before.rlim_cur);
    EXPECT(betapool_submit_batch(pool, tasks, BATCH) == 0);
    EXPECT(betapool_wait(pool, -1) == 0);
    EXPECT(stats_of(pool).completed == THREADS + BATCH);
    expect_threads(pool, THREADS);
    EXPECT(betapool_free(pool) == 0);
    free(tasks);
}

/* ---- Keys ------------------------------------------------------------------------------------------------------------------------- */

/* A pool needs one key, whichever is left. */
static void no_keys_in_child(void) {
    pthread_key_t keys[PTHREAD_KEYS_MAX];
    size_t count = 0;
    while (count < PTHREAD_KEYS_MAX && pthread_key_create(&keys[count], NULL) == 0) {
        count++;
    }
    betapool_config config;
    betapool *pool;
    EXPECT(count > 0 && betapool_config_init(&config) == 0);
    EXPECT(betapool_create(&config, &pool) == -ENOMEM);
    EXPECT(pthread_key_delete(keys[count - 1]) == 0);
    pool = create(2);
    expect_threads(pool, 2);
    EXPECT(betapool_free(pool) == 0);
}

/* ----------------------------------------------------------------------------------------------------------------------------------- */

static void in_child(void (*body)(void), const char *why_not) {
    pid_t child = fork_child();
    if (child == 0) {
        body();
        _exit(0);
    }
    int code = exit_code_of(child);
    if (code == CANNOT_BE_TRIED) {
        printf("SKIPPED %s\n", why_not);
        skip();
    }
    assert_int_equal(code, 0);
}

static void no_threads(void **state) {
    (void)state;
    in_child(no_threads_in_child, "no_threads: this process may have as many threads as it likes, and cannot give that up");
}

static void no_memory(void **state) {
    (void)state;
    if (UNDER_ADDRESS_SANITIZER) {
        printf("SKIPPED no_memory: the address sanitizer needs all addresses there are\n");
        skip();
    }
    in_child(no_memory_in_child, "");
}

static void no_keys(void **state) {
    (void)state;
    in_child(no_keys_in_child, "");
}

/* Files are scarce too: a pool that looks at its threads has them open, one that rests or was shut down has none. */
static void idle_pools_hold_no_files(void **state) {
    (void)state;
    unsigned files = file_count();
    betapool_config config;
    assert_int_equal(betapool_config_init(&config), 0);
    config.interval = 0.005;
    betapool *pool = pool_create(&config);
    gate gate = GATE_INITIALIZER;
    assert_int_equal(betapool_submit(pool, stop_at_gate, &gate), 0);
    AWAIT(file_count() > files);
    gate_open(&gate);
    AWAIT(file_count() == files);
    assert_int_equal(betapool_shutdown(pool, BETAPOOL_DRAIN), 0);
    assert_int_equal(betapool_join(pool, -1), 0);
    AWAIT(file_count() == files);
    assert_int_equal(betapool_free(pool), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(no_threads, limit_time),
        cmocka_unit_test_setup(no_memory, limit_time),
        cmocka_unit_test_setup(no_keys, limit_time),
        cmocka_unit_test_setup(idle_pools_hold_no_files, limit_time),
    };
    return RUN_UNLESS_UNDER_THREAD_SANITIZER(tests);
}
