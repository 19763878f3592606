/*
 * test_host_failures.c - threads of a host that are refused, that are promised and do not come or come too late, and that nobody asked for.
 */
#include "host.h"

/* ---- Threads that do not come ----------------------------------------------------------------------------------------------------- */

/* No worker and none to be had: the task is refused, not lost. Later one can be had. */
static void spawn_that_fails(void **state) {
    (void)state;
    static host host;
    host_start(&host, fixed_config(4));
    atomic_store(&host.fail_spawns, -1);
    ledger ledger = ledger_create(10);
    job jobs[10];
    for (int i = 0; i < 10; i++) {
        jobs[i] = (job){&host, &ledger.entries[i]};
        assert_int_equal(betapool_submit(host.pool, run_under_lock, &jobs[i]), -EAGAIN);
    }
    betapool_stats stats = stats_of(host.pool);
    assert_int_equal(stats.submitted, 0);
    assert_int_equal(stats.queue_length, 0);
    assert_int_equal(stats.threads, 0);
    assert_int_equal(stats.spawn_failures, 10);
    assert_int_equal(betapool_wait(host.pool, 0), 0);
    atomic_store(&host.fail_spawns, 0);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(betapool_submit(host.pool, run_under_lock, &jobs[i]), 0);
    }
    assert_int_equal(betapool_wait(host.pool, -1), 0);
    assert_int_equal(ledger_sums(&ledger).ran, 10);
    assert_int_equal(ledger_sums(&ledger).wrong, 0);
    host_stop(&host);
    ledger_free(&ledger);
}

/* With one worker at work, further threads are wanted but not needed: tasks are accepted and all run. */
static void one_thread_is_enough(void **state) {
    (void)state;
    static host host;
    host_start(&host, fixed_config(8));
    ledger ledger = ledger_create(300);
    static job jobs[300];
    for (int i = 0; i < 300; i++) {
        jobs[i] = (job){&host, &ledger.entries[i]};
        assert_int_equal(betapool_submit(host.pool, run_under_lock, &jobs[i]), 0);
        atomic_store(&host.fail_spawns, -1); /* after the first */
    }
    assert_int_equal(betapool_wait(host.pool, -1), 0);
    assert_int_equal(ledger_sums(&ledger).ran, 300);
    assert_int_equal(stats_of(host.pool).threads, 1);
    host_stop(&host);
    ledger_free(&ledger);
}

static job late_job;
static int late_code = 1;

/* Refuses the first thread, but not before another task was submitted. */
static int spawn_too_late(void *argument) {
    host *host = argument;
    if (late_code == 1) {
        late_code = betapool_submit(host->pool, run_under_lock, &late_job);
        return -EAGAIN;
    }
    return spawn(argument);
}

/* Tasks for which the first thread was asked are taken back if it is refused; what was accepted meanwhile is not, and runs. */
static void only_those_refused_are_taken_back(void **state) {
    (void)state;
    static host host;
    betapool_config config = fixed_config(1);
    host_prepare(&host, &config);
    config.spawn = spawn_too_late;
    host.pool = pool_create(&config);
    ledger ledger = ledger_create(4);
    job jobs[3];
    betapool_task tasks[3];
    for (int i = 0; i < 3; i++) {
        jobs[i] = (job){&host, &ledger.entries[i]};
        tasks[i] = (betapool_task){run_under_lock, &jobs[i]};
    }
    late_job = (job){&host, &ledger.entries[3]};
    assert_int_equal(betapool_submit_batch(host.pool, tasks, 3), -EAGAIN);
    assert_int_equal(late_code, 0);
    assert_int_equal(betapool_wait(host.pool, -1), 0);
    assert_int_equal(atomic_load(&ledger.entries[3].ran), 1);
    assert_int_equal(ledger_sums(&ledger).untouched, 3);
    assert_int_equal(stats_of(host.pool).submitted, 1);
    host_stop(&host);
    ledger_free(&ledger);
}

static int spawn_nothing(void *argument) {
    atomic_fetch_add((atomic_uint *)argument, 1);
    return 0;
}

static betapool *pool_of_promises(atomic_uint *promises, uint32_t threads) {
    betapool_config config = fixed_config(threads);
    config.spawn = spawn_nothing;
    config.host = promises;
    return pool_create(&config);
}

/* A promised thread that the host takes back: the pool goes on without it and no task is lost - it runs, or is reported as cancelled. */
static void promised_threads_that_never_come(void **state) {
    (void)state;
    atomic_uint promises = 0;
    betapool *pool = pool_of_promises(&promises, 2);
    ledger ledger = ledger_create(5);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(betapool_submit(pool, enter_into_ledger, &ledger.entries[i]), 0);
    }
    assert_int_equal(atomic_load(&promises), 2);
    betapool_stats stats = stats_of(pool);
    assert_int_equal(stats.threads, 2);
    assert_int_equal(stats.threads_started, 0);
    assert_int_equal(betapool_wait(pool, 0.01), -ETIMEDOUT);
    assert_int_equal(betapool_serve_failed(pool), 0);
    assert_int_equal(betapool_serve_failed(pool), 0);
    assert_int_equal(stats_of(pool).spawn_failures, 2);
    /* The pool may have asked anew; what it was promised since does not come either. */
    for (unsigned taken_back = 2; taken_back < atomic_load(&promises); taken_back++) {
        assert_int_equal(betapool_serve_failed(pool), 0);
    }
    assert_int_equal(betapool_serve_failed(pool), -EINVAL);
    assert_int_equal(stats_of(pool).threads, 0);
    assert_int_equal(betapool_shutdown(pool, BETAPOOL_CANCEL), 0);
    assert_int_equal(betapool_join(pool, -1), 0);
    assert_int_equal(ledger_sums(&ledger).ran, 0);
    assert_int_equal(ledger_sums(&ledger).cancelled, 5);
    assert_int_equal(ledger_sums(&ledger).wrong, 0);
    assert_int_equal(betapool_free(pool), 0);
    ledger_free(&ledger);
}

/* As before, but the pool is freed without a word about cancelling: it has nobody to drain it, and still owes each task one call. */
static void free_with_nobody_to_drain(void **state) {
    (void)state;
    atomic_uint promises = 0;
    betapool *pool = pool_of_promises(&promises, 1);
    ledger ledger = ledger_create(5);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(betapool_submit(pool, enter_into_ledger, &ledger.entries[i]), 0);
    }
    for (unsigned taken_back = 0; taken_back < atomic_load(&promises); taken_back++) {
        assert_int_equal(betapool_serve_failed(pool), 0);
    }
    assert_int_equal(betapool_free(pool), 0);
    sums sums = ledger_sums(&ledger);
    assert_int_equal(sums.untouched, 0);
    assert_int_equal(sums.wrong, 0);
    ledger_free(&ledger);
}

static void *wait_for_pool(void *argument) {
    return (void *)(intptr_t)betapool_wait(argument, -1);
}

/* Tasks that nobody has come to run can be taken back; whoever waits for them is told. */
static void taking_the_last_task_ends_a_wait(void **state) {
    (void)state;
    atomic_uint promises = 0;
    betapool *pool = pool_of_promises(&promises, 1);
    ledger ledger = ledger_create(2);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(betapool_submit(pool, enter_into_ledger, &ledger.entries[i]), 0);
    }
    pthread_t waiter;
    assert_int_equal(pthread_create(&waiter, NULL, wait_for_pool, pool), 0);
    pause_seconds(0.02); /* lets it fall asleep; the result does not depend on it */
    betapool_task task;
    assert_int_equal(betapool_take(pool, &task), 1);
    assert_int_equal(betapool_take(pool, &task), 1);
    assert_ptr_equal(task.argument, &ledger.entries[1]);
    assert_int_equal(betapool_take(pool, &task), 0);
    void *code = &ledger;
    pthread_join(waiter, &code);
    assert_null(code);
    assert_int_equal(betapool_serve_failed(pool), 0);
    assert_int_equal(betapool_free(pool), 0);
    assert_int_equal(ledger_sums(&ledger).untouched, 2);
    ledger_free(&ledger);
}

/* After a promise is taken back, the next task makes the pool ask again, and what was queued before runs, too. */
static void a_second_promise_is_kept(void **state) {
    (void)state;
    static host host;
    host_start(&host, fixed_config(1));
    atomic_store(&host.hold_back, true);
    ledger ledger = ledger_create(6);
    job jobs[6];
    for (int i = 0; i < 6; i++) {
        jobs[i] = (job){&host, &ledger.entries[i]};
    }
    for (int i = 0; i < 3; i++) {
        assert_int_equal(betapool_submit(host.pool, run_under_lock, &jobs[i]), 0);
    }
    assert_int_equal(atomic_load(&host.promised), 1);
    /* The thread that waits at hold_back now stands for the one asked for next: the first is said not to come. */
    assert_int_equal(betapool_serve_failed(host.pool), 0);
    unsigned asked_again = atomic_load(&host.promised) - 1;
    for (int i = 3; i < 6; i++) {
        assert_int_equal(betapool_submit(host.pool, run_under_lock, &jobs[i]), 0);
    }
    assert_int_equal(atomic_load(&host.promised), 2);
    assert_in_range(asked_again, 0, 1);
    atomic_store(&host.hold_back, false);
    assert_int_equal(betapool_wait(host.pool, -1), 0);
    assert_int_equal(ledger_sums(&ledger).ran, 6);
    assert_int_equal(ledger_sums(&ledger).wrong, 0);
    assert_int_equal(betapool_free(host.pool), 0);
    AWAIT(atomic_load(&host.ended) + atomic_load(&host.odd_ends) == 2); /* one of the two was not wanted any more */
    assert_int_equal(atomic_load(&host.ended), 1);
    ledger_free(&ledger);
}

/* A promised thread that comes after the shutdown: it is let in and out again, drains what there is, and join waits for it. */
static void promised_threads_that_come_late(void **state) {
    (void)state;
    for (int mode = BETAPOOL_DRAIN; mode <= BETAPOOL_CANCEL; mode++) {
        static host host;
        host_start(&host, fixed_config(3));
        atomic_store(&host.hold_back, true);
        ledger ledger = ledger_create(3);
        job jobs[3];
        for (int i = 0; i < 3; i++) {
            jobs[i] = (job){&host, &ledger.entries[i]};
            assert_int_equal(betapool_submit(host.pool, run_under_lock, &jobs[i]), 0);
        }
        assert_int_equal(betapool_shutdown(host.pool, mode), 0);
        assert_int_equal(betapool_join(host.pool, 0.01), -ETIMEDOUT);
        atomic_store(&host.hold_back, false);
        assert_int_equal(betapool_join(host.pool, -1), 0);
        assert_int_equal(ledger_sums(&ledger).ran, mode == BETAPOOL_DRAIN ? 3 : 0);
        assert_int_equal(ledger_sums(&ledger).cancelled, mode == BETAPOOL_DRAIN ? 0 : 3);
        host_stop(&host);
        ledger_free(&ledger);
    }
}

/* ---- Threads that end in the middle of a task ------------------------------------------------------------------------------------- */

/* As CPython ends a thread that asks for the GIL when the interpreter is gone. */
static void end_host_thread(void *argument, int status) {
    job *job = argument;
    enter_into_ledger(job->entry, status);
    if (status == 0) {
        drop_big_lock(job->host);
        atomic_fetch_add(&job->host->ended, 1); /* it does not come back from betapool_serve */
        pthread_exit(NULL);
    }
}

static void threads_that_end_in_a_task(void **state) {
    (void)state;
    static host host;
    host_start(&host, fixed_config(2));
    ledger ledger = ledger_create(40);
    job jobs[40];
    for (int i = 0; i < 40; i++) {
        jobs[i] = (job){&host, &ledger.entries[i]};
        assert_int_equal(betapool_submit(host.pool, i % 3 == 0 ? end_host_thread : run_under_lock, &jobs[i]), 0);
    }
    assert_int_equal(betapool_wait(host.pool, -1), 0);
    assert_int_equal(ledger_sums(&ledger).ran, 40);
    assert_int_equal(ledger_sums(&ledger).wrong, 0);
    host_stop(&host);
    ledger_free(&ledger);
}

/* The only worker ends, and no other can be had: the tasks behind it wait for better times, or for the pool's end. */
static void the_last_thread_ends(void **state) {
    (void)state;
    for (int better_times = 0; better_times < 2; better_times++) {
        static host host;
        host_start(&host, fixed_config(1));
        ledger ledger = ledger_create(12);
        job jobs[12];
        betapool_task tasks[11];
        for (int i = 0; i < 12; i++) {
            jobs[i] = (job){&host, &ledger.entries[i]};
        }
        for (int i = 0; i < 11; i++) {
            tasks[i] = (betapool_task){i == 0 ? end_host_thread : run_under_lock, &jobs[i]};
        }
        take_big_lock(&host); /* the thread comes, and cannot serve until the next spawn is set to fail */
        assert_int_equal(betapool_submit_batch(host.pool, tasks, 11), 0);
        atomic_store(&host.fail_spawns, -1);
        drop_big_lock(&host);
        AWAIT(stats_of(host.pool).threads == 0 && stats_of(host.pool).spawn_failures > 0);
        assert_int_equal(stats_of(host.pool).queue_length, 10);
        assert_int_equal(betapool_wait(host.pool, 0.01), -ETIMEDOUT);
        if (better_times) {
            atomic_store(&host.fail_spawns, 0);
            assert_int_equal(betapool_submit(host.pool, run_under_lock, &jobs[11]), 0);
            assert_int_equal(betapool_wait(host.pool, -1), 0);
            assert_int_equal(ledger_sums(&ledger).ran, 12);
        }
        host_stop(&host);
        sums sums = ledger_sums(&ledger);
        assert_int_equal(sums.wrong, 0);
        assert_int_equal(sums.cancelled, better_times ? 0 : 10);
        ledger_free(&ledger);
    }
}

typedef struct producer {
    host *host;
    job *jobs;
    size_t count;
    atomic_uint *accepted;
} producer;

static void *produce(void *argument) {
    producer *producer = argument;
    for (size_t i = 0; i < producer->count; i++) {
        const betapool_function functions[] = {run_under_lock, end_host_thread};
        int code = betapool_submit(producer->host->pool, functions[i % 2], &producer->jobs[i]);
        atomic_fetch_add(producer->accepted, code == 0);
        pause_seconds(i % 8 == 0 ? 0.0001 : 0);
    }
    return NULL;
}

/* Threads end all the time, and two of three that are asked for cannot be had: what was accepted runs, what was not is never called. */
static void threads_are_hard_to_get(void **state) {
    (void)state;
    enum { PRODUCERS = 3, EACH = 400, COUNT = PRODUCERS * EACH };
    static host host;
    host_start(&host, fixed_config(3));
    ledger ledger = ledger_create(COUNT + 1);
    static job jobs[COUNT + 1];
    for (size_t i = 0; i <= COUNT; i++) {
        jobs[i] = (job){&host, &ledger.entries[i]};
    }
    atomic_uint accepted = 0;
    atomic_store(&host.fail_two_of_three, true);
    producer producers[PRODUCERS];
    pthread_t threads[PRODUCERS];
    for (size_t i = 0; i < PRODUCERS; i++) {
        producers[i] = (producer){&host, &jobs[i * EACH], EACH, &accepted};
        assert_int_equal(pthread_create(&threads[i], NULL, produce, &producers[i]), 0);
    }
    for (size_t i = 0; i < PRODUCERS; i++) {
        pthread_join(threads[i], NULL);
    }
    atomic_store(&host.fail_two_of_three, false);
    assert_int_equal(betapool_submit(host.pool, run_under_lock, &jobs[COUNT]), 0);
    assert_int_equal(betapool_wait(host.pool, -1), 0);
    sums sums = ledger_sums(&ledger);
    assert_int_equal(sums.ran, atomic_load(&accepted) + 1);
    assert_int_equal(sums.cancelled + sums.wrong, 0);
    assert_true(atomic_load(&accepted) > 0);
    host_stop(&host);
    ledger_free(&ledger);
}

/* ---- Threads that nobody asked for ------------------------------------------------------------------------------------------------ */

typedef struct answer {
    betapool *pool;
    int code;
} answer;

static void serve_from_within(void *argument, int status) {
    answer *answer = argument;
    if (status == 0) {
        answer->code = betapool_serve(answer->pool);
    }
}

static void uninvited_threads(void **state) {
    (void)state;
    betapool *native = fixed_pool(1);
    assert_int_equal(betapool_serve(native), -EINVAL);
    assert_int_equal(betapool_serve_failed(native), -EINVAL);
    gate gate = GATE_INITIALIZER;
    gate_open(&gate);
    assert_int_equal(betapool_submit(native, stop_at_gate, &gate), 0);
    assert_int_equal(betapool_serve(native), -EINVAL); /* the thread that this pool has asked for, if it is not there yet, is its own */
    assert_int_equal(betapool_free(native), 0);

    static host host;
    host_start(&host, fixed_config(2));
    assert_int_equal(betapool_serve(host.pool), -EINVAL);
    assert_int_equal(betapool_serve_failed(host.pool), -EINVAL);
    answer answer = {host.pool, 1};
    assert_int_equal(betapool_submit(host.pool, serve_from_within, &answer), 0);
    assert_int_equal(betapool_wait(host.pool, -1), 0);
    assert_int_equal(answer.code, -EDEADLK);
    assert_int_equal(betapool_serve(host.pool), -EINVAL); /* its worker is there, no other was asked for */
    host_stop(&host);
    assert_int_equal(betapool_serve(host.pool), -EBADF);
    assert_int_equal(betapool_serve_failed(host.pool), -EBADF);
}

static int spawn_and_take_back(void *argument) {
    host *host = argument;
    atomic_fetch_add(&host->spawns, 1);
    betapool_serve_failed(host->pool);
    return 0;
}

/* A host that knows within spawn that it failed, and says so there: as good as a negative code. */
static void promise_taken_back_at_once(void **state) {
    (void)state;
    static host host;
    memset(&host, 0, sizeof host);
    betapool_config config = fixed_config(2);
    config.spawn = spawn_and_take_back;
    config.host = &host;
    host.pool = pool_create(&config);
    ledger ledger = ledger_create(1);
    assert_int_equal(betapool_submit(host.pool, enter_into_ledger, ledger.entries), -EAGAIN);
    assert_int_equal(stats_of(host.pool).queue_length, 0);
    assert_int_equal(betapool_free(host.pool), 0);
    assert_int_equal(ledger_sums(&ledger).untouched, 1);
    ledger_free(&ledger);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(spawn_that_fails, limit_time),
        cmocka_unit_test_setup(one_thread_is_enough, limit_time),
        cmocka_unit_test_setup(only_those_refused_are_taken_back, limit_time),
        cmocka_unit_test_setup(promised_threads_that_never_come, limit_time),
        cmocka_unit_test_setup(free_with_nobody_to_drain, limit_time),
        cmocka_unit_test_setup(taking_the_last_task_ends_a_wait, limit_time),
        cmocka_unit_test_setup(a_second_promise_is_kept, limit_time),
        cmocka_unit_test_setup(promised_threads_that_come_late, limit_time),
        cmocka_unit_test_setup(threads_that_end_in_a_task, limit_time),
        cmocka_unit_test_setup(the_last_thread_ends, limit_time),
        cmocka_unit_test_setup(threads_are_hard_to_get, limit_time),
        cmocka_unit_test_setup(uninvited_threads, limit_time),
        cmocka_unit_test_setup(promise_taken_back_at_once, limit_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
