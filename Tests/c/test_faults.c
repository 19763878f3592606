/*
 * test_faults.c - what becomes of a pool when the system refuses something: see fault_runs.h. Every task accepted runs once or is reported
 * as cancelled once, and one call that fails keeps nobody waiting for ever.
 */
#include "fault_runs.h"
#include "host.h"

enum { TASKS = 160, BATCH = 100 };

typedef enum kind { KIND_FIXED, KIND_ADAPTIVE, KIND_HOST, KINDS } kind;

static const char *const kind_names[KINDS] = {"fixed", "adaptive", "adaptive with a host"};

/* One run, in a child. */
static struct run {
    kind kind;
    host host;
    betapool *pool;
    ledger ledger;
    job jobs[TASKS];
    size_t submitted;
} run;

/* ---- Tasks ------------------------------------------------------------------------------------------------------------------------ */

static void work(void *argument, int status) {
    if (run.kind == KIND_HOST) {
        run_under_lock(argument, status);
    } else {
        enter_into_ledger(((job *)argument)->entry, status);
    }
}

/* A task that waits for something else than the host's lock, which makes an adaptive pool grow. */
static void wait_a_moment(void *argument, int status) {
    if (status == 0) {
        if (run.kind == KIND_HOST) {
            drop_big_lock(&run.host);
        }
        pause_seconds(0.0002);
        if (run.kind == KIND_HOST) {
            take_big_lock(&run.host);
        }
    }
    work(argument, status);
}

/* Ends its thread, where that is a worker's. */
static void end_thread(void *argument, int status) {
    work(argument, status);
    if (status == 0) {
        if (run.kind == KIND_HOST) {
            drop_big_lock(&run.host);
            atomic_fetch_add(&run.host.ended, 1);
        }
        pthread_exit(NULL);
    }
}

/* Every one of them is accepted in the end. */
static void submit(betapool_function function, size_t count) {
    for (size_t i = 0; i < count; i++) {
        INSIST(betapool_submit(run.pool, function, &run.jobs[run.submitted]), -EAGAIN, -ENOMEM);
        run.submitted++;
    }
}

static void submit_batch(betapool_function often, betapool_function each_seventh, size_t count) {
    betapool_task tasks[BATCH];
    for (size_t i = 0; i < count; i++) {
        tasks[i] = (betapool_task){i % 7 == 0 ? each_seventh : often, &run.jobs[run.submitted + i]};
    }
    INSIST(betapool_submit_batch(run.pool, tasks, count), -EAGAIN, -ENOMEM);
    run.submitted += count;
}

/* One call that fails delays nothing for ever. If all fail, there may be no worker; the next task gets one when calls succeed again. */
static void wait_for_tasks(void) {
    int code = betapool_wait(run.pool, goes_on ? 0.03 : -1);
    if (code != 0) {
        EXPECT(code == -ETIMEDOUT && goes_on);
        faults_end();
        submit(work, 1);
        EXPECT(betapool_wait(run.pool, -1) == 0);
    }
    EXPECT(ledger_sums(&run.ledger).ran == run.submitted);
}

/* ---- What is run ------------------------------------------------------------------------------------------------------------------ */

static int failing_spawn(void *argument) {
    int code = fault_code(FAULT_SPAWN);
    return code != 0 ? -code : spawn(argument);
}

static void create_pool(void) {
    betapool_limits limits = {.size = sizeof limits};
    EXPECT(betapool_get_limits(&limits) == 0 && limits.cores > 0);
    betapool_config config;
    EXPECT(betapool_config_init(&config) == 0);
    config.policy = run.kind == KIND_FIXED ? BETAPOOL_FIXED : BETAPOOL_ADAPTIVE;
    config.min_threads = run.kind == KIND_FIXED ? 3 : 1;
    config.max_threads = 3;
    config.interval = 0.001;
    if (run.kind == KIND_HOST) {
        host_prepare(&run.host, &config);
        config.spawn = failing_spawn;
    }
    INSIST(betapool_create(&config, &run.pool), -ENOMEM, -ENOMEM);
    run.host.pool = run.pool;
    run.submitted = 0;
    run.ledger = ledger_create(TASKS);
    for (size_t i = 0; i < TASKS; i++) {
        run.jobs[i] = (job){&run.host, &run.ledger.entries[i]};
    }
}

static void free_pool(void) {
    EXPECT(betapool_free(run.pool) == 0);
    sums sums = ledger_sums(&run.ledger);
    EXPECT(sums.ran + sums.cancelled == run.submitted && sums.wrong == 0);
    if (run.kind == KIND_HOST) {
        EXPECT(HOLDS_SOON(atomic_load(&run.host.ended) + atomic_load(&run.host.odd_ends) == atomic_load(&run.host.promised)));
        EXPECT(atomic_load(&run.host.unlocked) == 0);
        EXPECT(atomic_load(&run.host.odd_ends) == 0 || faults.fault == FAULT_VALUE);
    }
    ledger_free(&run.ledger);
}

/* All that can be done with a pool, in some milliseconds. */
static void whole_life(void) {
    create_pool();
    submit(work, 1);
    wait_for_tasks();
    submit(wait_a_moment, 12);
    submit_batch(work, wait_a_moment, BATCH);
    betapool_stats stats = {.size = sizeof stats};
    EXPECT(betapool_get_stats(run.pool, &stats) == 0 && stats.submitted == run.submitted);
    EXPECT(betapool_resize(run.pool, 2, 6) == 0);
    submit(wait_a_moment, 12);
    wait_for_tasks();
    betapool_decision decisions[4];
    int count = betapool_get_decisions(run.pool, decisions, 4);
    EXPECT(count >= 0 && count <= 4);
    EXPECT(betapool_resize(run.pool, 1, 1) == 0);
    EXPECT(HOLDS_SOON(stats_of(run.pool).threads <= 1));
    submit(work, 8);
    betapool_task task;
    int taken = betapool_take(run.pool, &task);
    EXPECT(taken == 0 || taken == 1);
    if (taken) {
        task.function(task.argument, -ECANCELED);
    }
    EXPECT(betapool_shutdown(run.pool, BETAPOOL_CANCEL) == 0);
    EXPECT(betapool_join(run.pool, -1) == 0);
    stats = stats_of(run.pool);
    EXPECT(stats.threads == 0 && stats.submitted == run.submitted && stats.completed + stats.cancelled == run.submitted);
    free_pool();
}

/* Threads end in tasks, the only one too, and others must come for the tasks behind. */
static void ends_of_threads(void) {
    create_pool();
    EXPECT(betapool_resize(run.pool, 1, 1) == 0);
    submit_batch(work, end_thread, 15);
    wait_for_tasks();
    EXPECT(betapool_resize(run.pool, 2, 2) == 0);
    submit_batch(work, end_thread, 15);
    wait_for_tasks();
    free_pool();
}

/* ---- What fails ------------------------------------------------------------------------------------------------------------------- */

/* A fixed pool looks at no wait states, and the limits of the system are the same to all. */
static bool matters(fault fault, kind kind) {
    switch (fault) {
    case FAULT_SPAWN: return kind == KIND_HOST;
    case FAULT_PREAD: return kind != KIND_FIXED;
    case FAULT_OPEN:
    case FAULT_READ:
    case FAULT_AFFINITY:
    case FAULT_RLIMIT:
    case FAULT_SYSCONF: return kind == KIND_ADAPTIVE;
    default: return true;
    }
}

static void each_kind(void (*scenario)(void), const fault *list, size_t count) {
    for (kind kind = 0; kind < KINDS; kind++) {
        for (size_t i = 0; i < count; i++) {
            run.kind = kind;
            if (matters(list[i], kind)) {
                each_call_fails(kind_names[kind], scenario, list[i]);
            }
        }
    }
}

#define EACH_KIND(scenario, ...) each_kind(scenario, (const fault[]){__VA_ARGS__}, sizeof((const fault[]){__VA_ARGS__}) / sizeof(fault))

static void memory(void **state) {
    (void)state;
    EACH_KIND(whole_life, FAULT_MALLOC);
}

static void threads(void **state) {
    (void)state;
    EACH_KIND(whole_life, FAULT_CREATE, FAULT_ATTRIBUTES, FAULT_STACK_SIZE, FAULT_VALUE, FAULT_NAME, FAULT_SPAWN);
}

/* What is done once in a process. */
static void preparations(void **state) {
    (void)state;
    EACH_KIND(whole_life, FAULT_KEY, FAULT_ATFORK);
}

static void threads_that_end(void **state) {
    (void)state;
    EACH_KIND(ends_of_threads, FAULT_MALLOC, FAULT_CREATE, FAULT_VALUE, FAULT_SPAWN);
}

static void measuring(void **state) {
    (void)state;
    EACH_KIND(whole_life, FAULT_CLOCK_ID, FAULT_CLOCK, FAULT_OPEN, FAULT_PREAD);
}

static void limits(void **state) {
    (void)state;
    EACH_KIND(whole_life, FAULT_READ, FAULT_AFFINITY, FAULT_RLIMIT, FAULT_SYSCONF);
}

/* What threads do cannot be seen: stats say so while there are tasks, and in all the ticks of a pool that has none. */
static void nothing_to_be_seen(void) {
    run.kind = KIND_ADAPTIVE;
    faults_begin(FAULT_OPEN, 1, UINT_MAX);
    create_pool();
    gate gate = GATE_INITIALIZER;
    for (int i = 0; i < 3; i++) { /* more than the least number of threads, so that there is something to decide afterwards */
        EXPECT(betapool_submit(run.pool, stop_at_gate, &gate) == 0);
    }
    EXPECT(HOLDS_SOON(gate_waiting(&gate) == 3));
    EXPECT(stats_of(run.pool).wait_states == 0);
    gate_open(&gate);
    EXPECT(betapool_wait(run.pool, -1) == 0);
    uint64_t decisions = stats_of(run.pool).decisions + 20;
    EXPECT(HOLDS_SOON(stats_of(run.pool).decisions >= decisions));
    EXPECT(stats_of(run.pool).wait_states == 0);
    faults_end();
    EXPECT(betapool_free(run.pool) == 0);
    ledger_free(&run.ledger);
}

static void no_wait_states(void **state) {
    (void)state;
    assert_int_equal(run_in_child(nothing_to_be_seen, FAULT_OPEN, UINT_MAX), 0);
}

/* A sleep that ends for no reason. */
static void sleeping(void **state) {
    (void)state;
    EACH_KIND(whole_life, FAULT_FUTEX);
}

/* The only worker ends, and neither it nor the ticker gets a thread for what is queued: the one who waits gets it. */
static void nobody_left_but_who_waits(void) {
    run.kind = KIND_FIXED;
    create_pool();
    EXPECT(betapool_resize(run.pool, 1, 1) == 0);
    faults_begin(FAULT_CREATE, 2, 9);
    submit_batch(work, end_thread, 3);
    EXPECT(betapool_wait(run.pool, 0) == -ETIMEDOUT || ledger_sums(&run.ledger).ran == 3);
    EXPECT(betapool_wait(run.pool, -1) == 0);
    EXPECT(ledger_sums(&run.ledger).ran == 3);
    faults_end();
    free_pool();
}

static void no_thread_for_long(void **state) {
    (void)state;
    assert_int_equal(run_in_child(nobody_left_but_who_waits, FAULT_CREATE, UINT_MAX), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory),    cmocka_unit_test(threads), cmocka_unit_test(preparations), cmocka_unit_test(threads_that_end),
        cmocka_unit_test(measuring), cmocka_unit_test(limits),  cmocka_unit_test(sleeping), cmocka_unit_test(no_thread_for_long),
        cmocka_unit_test(no_wait_states),
    };
    return RUN_FAULTS(tests);
}
