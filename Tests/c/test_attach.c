/*
 * test_attach.c - a controller that sees what the threads of its host are doing: attach, set_busy, sample, detach.
 */
#include "support.h"

/* A thread of the host: attached, busy or not, in a given state until it is told to stop. */
typedef enum activity { WAITS, WORKS, STRUGGLES, RESTS } activity;

typedef struct member {
    struct crew *crew;
    activity activity;
    pthread_t thread;
    int number; /* what betapool_controller_attach said */
} member;

typedef struct crew {
    betapool_controller *controller;
    pthread_mutex_t lock; /* those that struggle hold it all the time, one after the other */
    atomic_uint attached, wrong;
    atomic_bool stop;
    size_t count;
    member members[40];
} crew;

static void spend(double seconds) {
    for (double start = betapool_cpu_time(); betapool_cpu_time() - start < seconds;) {
    }
}

static void *live(void *argument) {
    member *member = argument;
    crew *crew = member->crew;
    member->number = betapool_controller_attach(crew->controller);
    int code = betapool_controller_set_busy(crew->controller, member->number, member->activity != RESTS);
    atomic_fetch_add(&crew->wrong, member->number < 0 || code != 0);
    atomic_fetch_add(&crew->attached, 1);
    while (!atomic_load(&crew->stop)) {
        if (member->activity == WORKS) {
            spend(0.001);
        } else if (member->activity == STRUGGLES) {
            pthread_mutex_lock(&crew->lock);
            spend(0.001);
            pthread_mutex_unlock(&crew->lock);
        } else {
            pause_seconds(0.01);
        }
    }
    atomic_fetch_add(&crew->wrong, betapool_controller_detach(crew->controller, member->number) != 0);
    return NULL;
}

/* `lock`: where the crew's lock is, for the controller: NULL means that it is not told, and the lock is like any other. */
static void crew_start(crew *crew, const void *lock, size_t lock_size) {
    betapool_config config = paper_config();
    config.policy = BETAPOOL_PAPER_IO;
    config.lock = lock;
    config.lock_size = lock_size;
    memset(crew, 0, sizeof *crew);
    pthread_mutex_init(&crew->lock, NULL);
    crew->controller = controller_create(&config);
}

static void crew_add(crew *crew, activity activity, size_t count) {
    for (size_t i = 0; i < count; i++) {
        member *member = &crew->members[crew->count++];
        member->crew = crew;
        member->activity = activity;
        assert_int_equal(pthread_create(&member->thread, NULL, live, member), 0);
    }
    AWAIT(atomic_load(&crew->attached) == crew->count);
}

static void crew_end(crew *crew) {
    atomic_store(&crew->stop, true);
    for (size_t i = 0; i < crew->count; i++) {
        pthread_join(crew->members[i].thread, NULL);
    }
    assert_int_equal(atomic_load(&crew->wrong), 0);
    assert_int_equal(betapool_controller_free(crew->controller), 0);
    pthread_mutex_destroy(&crew->lock);
}

/* One interval: some samples and a tick. */
static betapool_decision look(crew *crew) {
    for (int i = 0; i < 10; i++) {
        assert_true(betapool_controller_sample(crew->controller) >= 0);
        pause_seconds(0.003);
    }
    return tick(crew->controller, betapool_wall_time(), 1);
}

static bool can_read_wait_states(void) {
    static char text[128];
    FILE *file = fopen("/proc/self/syscall", "r");
    bool can = file != NULL && fgets(text, sizeof text, file) != NULL;
    if (file != NULL) {
        fclose(file);
    }
    return can;
}

/* ---- What is seen ----------------------------------------------------------------------------------------------------------------- */

static void waiting_and_working(void **state) {
    (void)state;
    unsigned files = file_count();
    static crew crew;
    crew_start(&crew, NULL, 0);
    assert_true(isnan(look(&crew).beta_io)); /* nobody is attached */
    crew_add(&crew, RESTS, 2);
    assert_true(isnan(look(&crew).beta_io)); /* nobody is busy */
    crew_add(&crew, WAITS, 6);
    betapool_decision decision = look(&crew);
    if (can_read_wait_states()) {
        AWAIT((decision = look(&crew)).waiting_threads > 5.5 && decision.beta_io > 0.9);
        assert_true(decision.waiting_threads <= 6 && decision.running_threads < 0.5 && decision.contending_threads == 0);
        crew_add(&crew, WORKS, 3);
        AWAIT((decision = look(&crew)).running_threads > 2.5 && decision.waiting_threads > 5);
        assert_true(fabs(decision.beta_io - decision.waiting_threads / 9) < 0.01);
        betapool_limits limits = {.size = sizeof limits};
        assert_int_equal(betapool_get_limits(&limits), 0);
        assert_true(fabs(decision.surplus_threads - fmax(decision.running_threads - limits.cores, 0)) < 1e-9);
    } else {
        assert_true(isnan(decision.beta_io));
    }
    crew_end(&crew);
    assert_int_equal(file_count(), files);
}

/* A lock that the controller knows of is contention; one that it does not know of is waiting; one in an unknown place spoils the view. */
static void the_hosts_lock(void **state) {
    (void)state;
    for (int known = 0; known < 3; known++) {
        static crew crew;
        const void *const locks[] = {NULL, &crew.lock, BETAPOOL_UNKNOWN_LOCK};
        crew_start(&crew, locks[known], known == 1 ? sizeof crew.lock : 0);
        crew_add(&crew, STRUGGLES, 6);
        betapool_decision decision = look(&crew);
        if (known == 2 || !can_read_wait_states()) {
            assert_true(isnan(decision.beta_io) && isnan(decision.contending_threads));
        } else if (known == 1) {
            AWAIT((decision = look(&crew)).contending_threads > 3.5 && decision.beta_io < 0.2 && decision.surplus_threads > 3.5);
        } else {
            AWAIT((decision = look(&crew)).waiting_threads > 3.5 && decision.beta_io > 0.6 && decision.contending_threads == 0);
        }
        crew_end(&crew);
    }
}

/* More threads than are looked at together: each has its turn. The first twenty and the last twenty do different things. */
static void many_threads_are_looked_at_in_turn(void **state) {
    (void)state;
    static crew crew;
    crew_start(&crew, NULL, 0);
    crew_add(&crew, WAITS, 30);
    crew_add(&crew, WORKS, 10);
    if (can_read_wait_states()) {
        betapool_decision decision;
        AWAIT((decision = look(&crew)).running_threads > 5 && decision.waiting_threads > 20);
        assert_true(decision.running_threads + decision.waiting_threads < 40.5);
    }
    crew_end(&crew);
}

/* With threads that it sees waiting, the default policy grows fast; without any that are attached, it goes by CPU use, and grows, too. */
static void adaptive_uses_what_it_sees(void **state) {
    (void)state;
    for (int attached = 0; attached < 2; attached++) {
        static crew crew;
        crew_start(&crew, NULL, 0);
        betapool_config config = paper_config();
        config.policy = BETAPOOL_ADAPTIVE;
        config.min_threads = 1;
        config.interval = 0.1;
        assert_int_equal(betapool_controller_free(crew.controller), 0);
        crew.controller = controller_create(&config);
        crew_add(&crew, WAITS, attached ? 30 : 0);
        uint32_t threads = 1;
        for (int step = 0; step < 60 && threads < 32; step++) {
            if (attached) {
                pause_seconds(0.002);
            }
            for (uint32_t i = 0; i < threads; i++) {
                assert_int_equal(betapool_controller_report(crew.controller, 0.0001, 0.1), 0);
            }
            threads = tick(crew.controller, 100 + 0.1 * step, 1000).threads;
        }
        if (threads < 32) {
            fail_msg("%u threads after 60 intervals of pure waiting, %s threads attached", threads, attached ? "with" : "without");
        }
        crew_end(&crew);
    }
}

/* ---- Numbers, errors, ends -------------------------------------------------------------------------------------------------------- */

static void numbers(void **state) {
    (void)state;
    betapool_config config = paper_config();
    betapool_controller *controller = controller_create(&config);
    assert_int_equal(betapool_controller_set_busy(controller, 0, 1), -EINVAL);
    assert_int_equal(betapool_controller_detach(controller, 0), -EINVAL);
    int first = betapool_controller_attach(controller), second = betapool_controller_attach(controller);
    assert_true(first >= 0 && second >= 0 && first != second);
    static const int none[] = {-1, 2, 16, 1000, INT32_MAX, INT32_MIN};
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        assert_int_equal(betapool_controller_set_busy(controller, none[i], 1), -EINVAL);
        assert_int_equal(betapool_controller_detach(controller, none[i]), -EINVAL);
    }
    static const int busy[] = {1, 0, -1, INT32_MAX, 0};
    for (size_t i = 0; i < sizeof busy / sizeof busy[0]; i++) {
        assert_int_equal(betapool_controller_set_busy(controller, first, busy[i]), 0);
        assert_int_equal(betapool_controller_sample(controller), busy[i] != 0);
    }
    assert_int_equal(betapool_controller_detach(controller, first), 0);
    assert_int_equal(betapool_controller_detach(controller, first), -EINVAL);
    assert_int_equal(betapool_controller_set_busy(controller, first, 1), -EINVAL);
    assert_int_equal(betapool_controller_set_busy(controller, second, 1), 0);
    assert_int_equal(betapool_controller_attach(controller), first); /* the place is free again: no growth without end */
    for (int i = 0; i < 1000; i++) {
        assert_true(betapool_controller_attach(controller) >= 0);
    }
    assert_int_equal(betapool_controller_sample(controller), 1);
    assert_int_equal(betapool_controller_tick(controller, 1, 1, NULL), 0);
    assert_int_equal(betapool_controller_free(controller), 0); /* with all of them attached */
}

static void *attach_and_vanish(void *argument) {
    int number = betapool_controller_attach(argument);
    betapool_controller_set_busy(argument, number, 1);
    return (void *)(intptr_t)number;
}

/* A thread that ends without a word: it is no longer seen, and does no harm. */
static void threads_that_vanish(void **state) {
    (void)state;
    unsigned files = file_count();
    betapool_config config = paper_config();
    betapool_controller *controller = controller_create(&config);
    for (int round = 0; round < 40; round++) {
        pthread_t thread;
        void *number;
        assert_int_equal(pthread_create(&thread, NULL, attach_and_vanish, controller), 0);
        assert_true(betapool_controller_sample(controller) >= round); /* those of earlier rounds are still said to be busy */
        pthread_join(thread, &number);
        assert_true((intptr_t)number >= 0);
        assert_int_equal(betapool_controller_sample(controller), round + 1);
        betapool_decision decision = tick(controller, round, 1);
        assert_true(isnan(decision.beta_io) || (decision.beta_io >= 0 && decision.beta_io <= 1));
    }
    assert_int_equal(betapool_controller_free(controller), 0);
    assert_int_equal(file_count(), files);
}

static void *come_and_go(void *argument) {
    crew *crew = argument;
    for (int i = 0; i < 3000; i++) {
        int number = betapool_controller_attach(crew->controller);
        bool right = number >= 0 && betapool_controller_set_busy(crew->controller, number, i % 2) == 0 &&
                     betapool_controller_report(crew->controller, 0.001, 0.002) == 0 &&
                     betapool_controller_detach(crew->controller, number) == 0;
        atomic_fetch_add(&crew->wrong, !right);
    }
    return NULL;
}

/* Threads come and go while others look. */
static void attach_storm(void **state) {
    (void)state;
    static crew crew;
    crew_start(&crew, NULL, 0);
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, come_and_go, &crew), 0);
    }
    for (int i = 0; i < 100; i++) {
        look(&crew);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
    }
    crew_end(&crew);
}

/* The child of a fork has none of the parent's threads: it attaches its own, which runs, for it is the one that looks. */
static void attached_threads_and_fork(void **state) {
    (void)state;
    static crew crew;
    crew_start(&crew, NULL, 0);
    crew_add(&crew, WAITS, 5);
    look(&crew);
    pid_t child = fork();
    if (child == 0) {
        alarm(30);
        betapool_decision decision;
        bool right = betapool_controller_sample(crew.controller) == 0; /* nobody */
        right = right && betapool_controller_tick(crew.controller, betapool_wall_time(), 1, &decision) == 0;
        int number = betapool_controller_attach(crew.controller);
        right = right && number >= 0 && betapool_controller_set_busy(crew.controller, number, 1) == 0;
        for (int i = 0; i < 5 && right; i++) {
            right = betapool_controller_sample(crew.controller) == 1;
        }
        right = right && betapool_controller_tick(crew.controller, betapool_wall_time(), 1, &decision) == 0;
        right = right && (isnan(decision.beta_io) || (decision.running_threads == 1 && decision.waiting_threads == 0));
        right = right && betapool_controller_free(crew.controller) == 0;
        _exit(right ? 0 : 1);
    }
    assert_int_equal(exit_code_of(child), 0);
    if (can_read_wait_states()) {
        AWAIT(look(&crew).waiting_threads > 4.5);
    }
    crew_end(&crew);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(waiting_and_working, limit_time),
        cmocka_unit_test_setup(the_hosts_lock, limit_time),
        cmocka_unit_test_setup(many_threads_are_looked_at_in_turn, limit_time),
        cmocka_unit_test_setup(adaptive_uses_what_it_sees, limit_time),
        cmocka_unit_test_setup(numbers, limit_time),
        cmocka_unit_test_setup(threads_that_vanish, limit_time),
        cmocka_unit_test_setup(attach_storm, limit_time),
        cmocka_unit_test_setup(attached_threads_and_fork, limit_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
