/*
 * test_stress.c - many threads against one pool: whatever they do to it and to each other, a task that was accepted runs exactly once or is
 * cancelled exactly once, a task that was refused is never called, and the figures agree.
 */
#include "support.h"

enum { PRODUCERS = 4 };

typedef struct storm {
    betapool *pool;
    ledger ledger;
    size_t batch; /* tasks a call; 1: betapool_submit */
    atomic_ulong accepted;
    uint64_t others;          /* tasks that ran and are not in the ledger */
    atomic_ulong retries;     /* -EAGAIN: the queue was full */
    atomic_ulong other_codes; /* neither 0, -EAGAIN nor -ESHUTDOWN */
    atomic_bool stop;
} storm;

typedef struct producer {
    storm *storm;
    size_t first, count;
} producer;

static void storm_create(storm *storm, const betapool_config *config, size_t tasks, size_t batch) {
    memset(storm, 0, sizeof *storm);
    storm->pool = pool_create(config);
    storm->ledger = ledger_create(tasks);
    storm->batch = batch;
}

/* Submits its share of the tasks. A full queue: tries again. A shut down pool: gives up. */
static void *produce(void *argument) {
    producer *producer = argument;
    storm *storm = producer->storm;
    betapool_task tasks[64];
    for (size_t done = 0; done < producer->count;) {
        size_t count = storm->batch < producer->count - done ? storm->batch : producer->count - done;
        entry *entries = &storm->ledger.entries[producer->first + done];
        for (size_t i = 0; i < count; i++) {
            tasks[i] = (betapool_task){enter_into_ledger, &entries[i]};
        }
        int code = count == 1 ? betapool_submit(storm->pool, enter_into_ledger, entries) : betapool_submit_batch(storm->pool, tasks, count);
        if (code == 0) {
            atomic_fetch_add(&storm->accepted, count);
            done += count;
        } else if (code == -EAGAIN) {
            atomic_fetch_add(&storm->retries, 1);
            sched_yield();
        } else {
            atomic_fetch_add(&storm->other_codes, code != -ESHUTDOWN);
            break;
        }
    }
    return NULL;
}

static void start_producers(storm *storm, producer *producers, pthread_t *threads) {
    for (size_t i = 0; i < PRODUCERS; i++) {
        size_t share = storm->ledger.count / PRODUCERS;
        producers[i] = (producer){storm, i * share, share};
        assert_int_equal(pthread_create(&threads[i], NULL, produce, &producers[i]), 0);
    }
}

/* Gives each of the workers a task that stops at the gate. */
static void hold_workers(storm *storm, unsigned workers, gate *gate) {
    for (; storm->others < workers; storm->others++) {
        assert_int_equal(betapool_submit(storm->pool, stop_at_gate, gate), 0);
    }
    AWAIT(gate_waiting(gate) == workers);
}

static void join_all(pthread_t *threads, size_t count) {
    for (size_t i = 0; i < count; i++) {
        pthread_join(threads[i], NULL);
    }
}

/* What must be true once the pool is quiet. */
static void assert_exactly_once(storm *storm) {
    sums sums = ledger_sums(&storm->ledger);
    assert_int_equal(sums.wrong, 0);
    assert_int_equal(sums.ran + sums.cancelled, atomic_load(&storm->accepted));
    assert_int_equal(sums.untouched, storm->ledger.count - atomic_load(&storm->accepted));
    assert_int_equal(atomic_load(&storm->other_codes), 0);
    betapool_stats stats = stats_of(storm->pool);
    assert_int_equal(stats.submitted, atomic_load(&storm->accepted) + storm->others);
    assert_int_equal(stats.completed, sums.ran + storm->others);
    assert_int_equal(stats.cancelled, sums.cancelled);
    assert_int_equal(stats.queue_length + stats.running, 0);
}

static void storm_free(storm *storm) {
    assert_int_equal(betapool_free(storm->pool), 0);
    ledger_free(&storm->ledger);
}

/* ---- Storms ----------------------------------------------------------------------------------------------------------------------- */

static void many_producers(void **state) {
    (void)state;
    static const size_t batches[] = {1, 7, 64};
    for (int policy = BETAPOOL_FIXED; policy <= BETAPOOL_ADAPTIVE; policy++) {
        for (size_t i = 0; i < 3; i++) {
            betapool_config config = fixed_config(4);
            config.policy = policy;
            config.interval = 0.001;
            config.min_threads = 1;
            config.queue_limit = i == 1 ? 100 : 0;
            storm storm;
            storm_create(&storm, &config, 40000, batches[i]);
            producer producers[PRODUCERS];
            pthread_t threads[PRODUCERS];
            start_producers(&storm, producers, threads);
            join_all(threads, PRODUCERS);
            assert_int_equal(betapool_wait(storm.pool, -1), 0);
            assert_int_equal(atomic_load(&storm.accepted), storm.ledger.count);
            assert_exactly_once(&storm);
            storm_free(&storm);
        }
    }
}

static void *keep_resizing(void *argument) {
    storm *storm = argument;
    for (uint32_t i = 0; !atomic_load(&storm->stop); i++) {
        uint32_t least = 1 + i % 5;
        int code = betapool_resize(storm->pool, least, least + (i * 7) % 20);
        atomic_fetch_add(&storm->other_codes, code != 0 && code != -ESHUTDOWN);
        sched_yield();
    }
    return NULL;
}

static void *keep_looking(void *argument) {
    storm *storm = argument;
    static betapool_decision log[256];
    while (!atomic_load(&storm->stop)) {
        betapool_stats stats = stats_of(storm->pool);
        bool adds_up = stats.submitted == stats.completed + stats.cancelled + stats.running + stats.queue_length;
        atomic_fetch_add(&storm->other_codes, !adds_up || stats.idle_threads > stats.threads);
        atomic_fetch_add(&storm->other_codes, betapool_get_decisions(storm->pool, log, 256) < 0);
        int code = betapool_wait(storm->pool, 0.0001);
        atomic_fetch_add(&storm->other_codes, code != 0 && code != -ETIMEDOUT);
    }
    return NULL;
}

static void do_nothing(void *argument, int status) {
    (void)argument;
    (void)status;
}

/* Puts in as many tasks as make a pool start all the threads that it may have. Whether a good number of them has left by now. */
static bool have_come_and_gone(storm *storm) {
    betapool_task tasks[30];
    for (size_t i = 0; i < 30; i++) {
        tasks[i] = (betapool_task){do_nothing, NULL};
    }
    storm->others += betapool_submit_batch(storm->pool, tasks, 30) == 0 ? 30 : 0;
    return stats_of(storm->pool).threads_retired > 20;
}

/* Workers come and go all the time, while tasks pour in, ticks decide and others look on and wait. */
static void resize_storm(void **state) {
    (void)state;
    for (int policy = BETAPOOL_FIXED; policy <= BETAPOOL_ADAPTIVE; policy += BETAPOOL_ADAPTIVE) {
        betapool_config config = fixed_config(4);
        config.policy = policy;
        config.interval = 0.001;
        storm storm;
        storm_create(&storm, &config, 100000, 3);
        producer producers[PRODUCERS];
        pthread_t threads[PRODUCERS + 3];
        start_producers(&storm, producers, threads);
        assert_int_equal(pthread_create(&threads[PRODUCERS], NULL, keep_resizing, &storm), 0);
        assert_int_equal(pthread_create(&threads[PRODUCERS + 1], NULL, keep_resizing, &storm), 0);
        assert_int_equal(pthread_create(&threads[PRODUCERS + 2], NULL, keep_looking, &storm), 0);
        join_all(threads, PRODUCERS);
        AWAIT(have_come_and_gone(&storm));
        assert_int_equal(betapool_wait(storm.pool, -1), 0);
        pause_seconds(0.05); /* resizes of a quiet pool */
        atomic_store(&storm.stop, true);
        join_all(threads + PRODUCERS, 3);
        assert_exactly_once(&storm);
        assert_true(stats_of(storm.pool).threads_started >= stats_of(storm.pool).threads_retired);
        storm_free(&storm);
    }
}

/* A shutdown in the middle of everything, at another moment each time, draining or cancelling, also twice and from many threads. */
static void *shut_down(void *argument) {
    storm *storm = argument;
    int code = betapool_shutdown(storm->pool, storm->batch % 2 == 0 ? BETAPOOL_DRAIN : BETAPOOL_CANCEL);
    atomic_fetch_add(&storm->other_codes, code != 0);
    code = betapool_join(storm->pool, -1);
    atomic_fetch_add(&storm->other_codes, code != 0);
    return NULL;
}

static void shutdown_races(void **state) {
    (void)state;
    unsigned cut_short = 0;
    for (unsigned round = 0; round < 150; round++) {
        betapool_config config = fixed_config(1 + round % 5);
        config.policy = round % 3 == 0 ? BETAPOOL_ADAPTIVE : BETAPOOL_FIXED;
        config.interval = 0.001;
        storm storm;
        storm_create(&storm, &config, 40000, 1 + round % 6);
        producer producers[PRODUCERS];
        pthread_t threads[PRODUCERS + 3];
        start_producers(&storm, producers, threads);
        size_t some = 40 * (round % 50);
        AWAIT(atomic_load(&storm.accepted) >= some);
        for (int i = 0; i < 3; i++) {
            assert_int_equal(pthread_create(&threads[PRODUCERS + i], NULL, shut_down, &storm), 0);
        }
        join_all(threads, PRODUCERS + 3);
        assert_exactly_once(&storm);
        assert_int_equal(stats_of(storm.pool).threads, 0);
        cut_short += atomic_load(&storm.accepted) < storm.ledger.count;
        storm_free(&storm);
    }
    assert_true(cut_short > 10); /* the shutdown did come in between */
}

/* A drain that is given up: everything still queued is cancelled, from several threads at once. In every other round the workers are held
   meanwhile, so that there is something to cancel however fast they are. */
static void cancel_storm(void **state) {
    (void)state;
    uint64_t ran = 0, cancelled = 0;
    for (unsigned round = 0; round < 100; round++) {
        betapool_config config = fixed_config(2);
        storm storm;
        storm_create(&storm, &config, 20000, 2 * (1 + round % 20) + 1); /* odd: cancels */
        gate gate = GATE_INITIALIZER;
        if (round % 2 == 0) {
            hold_workers(&storm, 2, &gate);
        }
        producer producers[PRODUCERS];
        pthread_t threads[PRODUCERS + 4];
        start_producers(&storm, producers, threads);
        AWAIT(atomic_load(&storm.accepted) >= 100 * (round % 20));
        assert_int_equal(betapool_shutdown(storm.pool, BETAPOOL_DRAIN), 0);
        for (int i = 0; i < 4; i++) {
            assert_int_equal(pthread_create(&threads[PRODUCERS + i], NULL, shut_down, &storm), 0);
        }
        AWAIT(round % 2 != 0 || stats_of(storm.pool).queue_length == 0);
        gate_open(&gate);
        join_all(threads, PRODUCERS + 4);
        assert_exactly_once(&storm);
        ran += ledger_sums(&storm.ledger).ran;
        cancelled += ledger_sums(&storm.ledger).cancelled;
        storm_free(&storm);
    }
    assert_true(ran > 0 && cancelled > 0);
}

typedef struct taker {
    storm *storm;
    atomic_ulong taken;
} taker;

static void *keep_taking(void *argument) {
    taker *taker = argument;
    while (!atomic_load(&taker->storm->stop)) {
        betapool_task task;
        int code = betapool_take(taker->storm->pool, &task);
        if (code == 1) {
            task.function(task.argument, -ECANCELED); /* as the pool does when it cancels */
            atomic_fetch_add(&taker->taken, 1);
        } else {
            atomic_fetch_add(&taker->storm->other_codes, code != 0);
            sched_yield();
        }
    }
    return NULL;
}

/* Tasks taken back while others are put in and, once takers have taken some, run: each goes one way. */
static void take_storm(void **state) {
    (void)state;
    betapool_config config = fixed_config(2);
    storm storm;
    storm_create(&storm, &config, 100000, 5);
    gate gate = GATE_INITIALIZER;
    hold_workers(&storm, 2, &gate);
    producer producers[PRODUCERS];
    taker taker = {&storm, 0};
    pthread_t threads[PRODUCERS + 2];
    start_producers(&storm, producers, threads);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pthread_create(&threads[PRODUCERS + i], NULL, keep_taking, &taker), 0);
    }
    AWAIT(atomic_load(&taker.taken) > 100);
    gate_open(&gate);
    join_all(threads, PRODUCERS);
    assert_int_equal(betapool_wait(storm.pool, -1), 0);
    atomic_store(&storm.stop, true);
    join_all(threads + PRODUCERS, 2);
    assert_exactly_once(&storm);
    assert_int_equal(ledger_sums(&storm.ledger).cancelled, atomic_load(&taker.taken));
    storm_free(&storm);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(many_producers, limit_time),
        cmocka_unit_test_setup(resize_storm, limit_time),
        cmocka_unit_test_setup(shutdown_races, limit_time),
        cmocka_unit_test_setup(cancel_storm, limit_time),
        cmocka_unit_test_setup(take_storm, limit_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
