/*
 * test_traffic.c - other shapes of traffic than a flood: tasks that submit tasks, one task at a time, signals in between, pools
 * that live for a moment.
 */
#include "support.h"

#include <signal.h>

typedef struct tree {
    betapool *pool;
    atomic_ulong nodes, lost;
    bool is_endless; /* each leaf is followed by another one */
} tree;

typedef struct node {
    tree *tree;
    unsigned depth;
} node;

static void grow(void *argument, int status) {
    node *self = argument;
    if (status == 0) {
        atomic_fetch_add(&self->tree->nodes, 1);
        int children = self->depth > 0 ? 3 : self->tree->is_endless ? 1 : 0;
        for (int i = 0; i < children; i++) {
            node *child = malloc(sizeof *child);
            if (child != NULL) {
                *child = (node){self->tree, self->depth > 0 ? self->depth - 1 : 0};
            }
            if (child == NULL || betapool_submit(self->tree->pool, grow, child) != 0) {
                atomic_fetch_add(&self->tree->lost, 1);
                free(child);
            }
        }
    } else {
        atomic_fetch_add(&self->tree->lost, 1);
    }
    free(self);
}

/* Tasks that submit tasks: wait sees the last of them. */
static void a_tree_of_tasks(void **state) {
    (void)state;
    for (int round = 0; round < 10; round++) {
        betapool_config config = fixed_config(5);
        tree tree = {.pool = pool_create(&config)};
        node *root = malloc(sizeof *root);
        assert_non_null(root);
        *root = (node){&tree, 8};
        assert_int_equal(betapool_submit(tree.pool, grow, root), 0);
        assert_int_equal(betapool_wait(tree.pool, -1), 0);
        assert_int_equal(atomic_load(&tree.nodes), 9841); /* (3^9 - 1)/2 */
        assert_int_equal(atomic_load(&tree.lost), 0);
        assert_int_equal(betapool_free(tree.pool), 0);
    }
}

/* The pool ends while its tasks still submit: what was accepted runs, what was refused does not, and nothing is left behind. */
static void a_tree_is_cut_down(void **state) {
    (void)state;
    for (unsigned round = 0; round < 200; round++) {
        betapool_config config = fixed_config(1 + round % 4);
        config.policy = round % 2 == 0 ? BETAPOOL_FIXED : BETAPOOL_ADAPTIVE;
        tree tree = {.pool = pool_create(&config), .is_endless = true};
        node *root = malloc(sizeof *root);
        assert_non_null(root);
        *root = (node){&tree, 8};
        assert_int_equal(betapool_submit(tree.pool, grow, root), 0);
        AWAIT(atomic_load(&tree.nodes) > 10 * (round % 20));
        if (round % 3 == 0) { /* the queued part of the tree is given up */
            assert_int_equal(betapool_shutdown(tree.pool, BETAPOOL_CANCEL), 0);
        }
        assert_int_equal(betapool_free(tree.pool), 0);
        assert_true(atomic_load(&tree.lost) > 0);
    }
}

/* One at a time, from submit to wait, again and again: each wake-up reaches somebody. */
static void ping_pong(void **state) {
    (void)state;
    for (int policy = BETAPOOL_FIXED; policy <= BETAPOOL_ADAPTIVE; policy += BETAPOOL_ADAPTIVE) {
        betapool_config config = fixed_config(3);
        config.policy = policy;
        config.min_threads = 1;
        betapool *pool = pool_create(&config);
        ledger ledger = ledger_create(10000);
        for (size_t i = 0; i < ledger.count; i++) {
            assert_int_equal(betapool_submit(pool, enter_into_ledger, &ledger.entries[i]), 0);
            assert_int_equal(betapool_wait(pool, -1), 0);
            assert_int_equal(atomic_load(&ledger.entries[i].ran), 1);
        }
        assert_int_equal(betapool_free(pool), 0);
        ledger_free(&ledger);
    }
}

static atomic_uint signals;

static void count_signal(int number) {
    (void)number;
    atomic_fetch_add(&signals, 1);
}

typedef struct nuisance {
    pthread_t victim;
    atomic_bool stop;
} nuisance;

static void *keep_signalling(void *argument) {
    nuisance *nuisance = argument;
    while (!atomic_load(&nuisance->stop)) {
        pthread_kill(nuisance->victim, SIGUSR1);
        kill(getpid(), SIGUSR1);
        pause_seconds(0.0002);
    }
    return NULL;
}

/* Signals, as a profiler sends them, interrupt system calls, and nothing else: a wait is as long as it should be, no task is lost. */
static void signals_disturb_nothing(void **state) {
    (void)state;
    struct sigaction action = {.sa_handler = count_signal}, before; /* without SA_RESTART */
    assert_int_equal(sigaction(SIGUSR1, &action, &before), 0);
    nuisance nuisance = {pthread_self(), false};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, keep_signalling, &nuisance), 0);
    betapool_config config = fixed_config(3);
    config.policy = BETAPOOL_ADAPTIVE;
    config.interval = 0.002;
    betapool *pool = pool_create(&config);
    gate gate = GATE_INITIALIZER;
    assert_int_equal(betapool_submit(pool, stop_at_gate, &gate), 0);
    for (int i = 0; i < 10; i++) {
        double start = betapool_wall_time();
        assert_int_equal(betapool_wait(pool, 0.02), -ETIMEDOUT);
        assert_true(betapool_wall_time() - start >= 0.02);
    }
    ledger ledger = ledger_create(3000);
    for (size_t i = 0; i < ledger.count; i++) {
        assert_int_equal(betapool_submit(pool, enter_into_ledger, &ledger.entries[i]), 0);
        if (i % 30 == 0) {
            pause_seconds(0.001); /* workers park in between */
        }
    }
    gate_open(&gate);
    assert_int_equal(betapool_wait(pool, -1), 0);
    assert_int_equal(betapool_free(pool), 0);
    atomic_store(&nuisance.stop, true);
    pthread_join(thread, NULL);
    assert_int_equal(ledger_sums(&ledger).ran, ledger.count);
    assert_int_equal(ledger_sums(&ledger).wrong, 0);
    assert_true(atomic_load(&signals) > 10);
    assert_int_equal(sigaction(SIGUSR1, &before, NULL), 0);
    ledger_free(&ledger);
}

static void *live_and_let_die(void *argument) {
    atomic_uint *wrong = argument;
    for (int i = 0; i < 100; i++) {
        betapool_config config;
        betapool *pool = NULL;
        entry entries[10];
        memset(entries, 0, sizeof entries);
        betapool_config_init(&config);
        config.policy = i % 4;
        config.interval = 0.001;
        if (betapool_create(&config, &pool) != 0) {
            atomic_fetch_add(wrong, 1);
            continue;
        }
        for (int j = 0; j < 10; j++) {
            atomic_fetch_add(wrong, betapool_submit(pool, enter_into_ledger, &entries[j]) != 0);
        }
        atomic_fetch_add(wrong, betapool_free(pool) != 0);
        for (int j = 0; j < 10; j++) {
            atomic_fetch_add(wrong, atomic_load(&entries[j].ran) != 1);
        }
    }
    return NULL;
}

/* Pools made and freed by many threads at once: none gets in another's way, and no thread stays behind. */
static void pools_come_and_go(void **state) {
    (void)state;
    unsigned before = thread_count();
    atomic_uint wrong = 0;
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, live_and_let_die, &wrong), 0);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
    }
    assert_int_equal(atomic_load(&wrong), 0);
    AWAIT(thread_count() == before);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_tree_of_tasks, limit_time),
        cmocka_unit_test_setup(a_tree_is_cut_down, limit_time),
        cmocka_unit_test_setup(ping_pong, limit_time),
        cmocka_unit_test_setup(signals_disturb_nothing, limit_time),
        cmocka_unit_test_setup(pools_come_and_go, limit_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
