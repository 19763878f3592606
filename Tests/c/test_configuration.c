/*
 * test_configuration.c - what a controller and a pool can be made of, and what they refuse to be made of.
 */
#include "support.h"

static const double not_finite[] = {NAN, -NAN, INFINITY, -INFINITY};

static void do_nothing(void *argument, int status) {
    (void)argument;
    (void)status;
}

/* ---- Structs with a size field ---------------------------------------------------------------------------------------------------- */

/* Every size but the right one is refused, and the struct is left as it was. */
static void wrong_sizes(void **state) {
    (void)state;
    betapool *pool = fixed_pool(1);
    static const ptrdiff_t errors[] = {-8, -1, 1, 8, 1000};
    for (int i = 0; i < 7; i++) {
        betapool_limits limits, limits_before;
        memset(&limits, 0x5a, sizeof limits);
        limits.size = i < 5 ? sizeof limits + (size_t)errors[i] : i == 5 ? 0 : SIZE_MAX;
        limits_before = limits;
        assert_int_equal(betapool_get_limits(&limits), -EINVAL);
        assert_memory_equal(&limits, &limits_before, sizeof limits);

        betapool_stats stats, stats_before;
        memset(&stats, 0x5a, sizeof stats);
        stats.size = i < 5 ? sizeof stats + (size_t)errors[i] : i == 5 ? 0 : SIZE_MAX;
        stats_before = stats;
        assert_int_equal(betapool_get_stats(pool, &stats), -EINVAL);
        assert_memory_equal(&stats, &stats_before, sizeof stats);

        betapool_config config = fixed_config(1);
        config.size = i < 5 ? sizeof config + (size_t)errors[i] : i == 5 ? 0 : SIZE_MAX;
        betapool *made = pool;
        assert_int_equal(betapool_create(&config, &made), -EINVAL);
        assert_ptr_equal(made, pool);
        betapool_controller *controller = (betapool_controller *)pool;
        assert_int_equal(betapool_controller_create(&config, &controller), -EINVAL);
        assert_ptr_equal(controller, pool);
    }
    assert_int_equal(betapool_free(pool), 0);
}

/* ---- Configurations --------------------------------------------------------------------------------------------------------------- */

/* What is left to the policy is 0; the rest are the paper's constants. */
static void defaults(void **state) {
    (void)state;
    betapool_config config;
    memset(&config, 0xa5, sizeof config);
    assert_int_equal(betapool_config_init(&config), 0);
    assert_int_equal(config.size, sizeof config);
    assert_int_equal(config.policy, BETAPOOL_ADAPTIVE);
    assert_true(config.min_threads == 0 && config.max_threads == 0 && config.interval == 0);
    assert_int_equal(config.hysteresis, 3);
    assert_true(config.beta_threshold == 0.3 && config.alpha == 0.2);
    assert_true(config.queue_limit == 0 && config.stack_size == 0 && config.thread_name == NULL);
    assert_true(config.spawn == NULL && config.before_wait == NULL && config.after_wait == NULL && config.on_decision == NULL);
    assert_true(config.host == NULL && config.lock == NULL && config.lock_size == 0);
}

/* With no limits given, each policy has its own: 4 to 64 threads for the paper, 1 to many for the default, which starts in between. */
static void limits_of_the_policies(void **state) {
    (void)state;
    for (int policy = BETAPOOL_FIXED; policy <= BETAPOOL_ADAPTIVE; policy++) {
        bool of_the_paper = policy == BETAPOOL_PAPER || policy == BETAPOOL_PAPER_IO;
        betapool_config config;
        assert_int_equal(betapool_config_init(&config), 0);
        config.policy = policy;
        betapool *pool = pool_create(&config);
        betapool_stats stats = stats_of(pool);
        if (of_the_paper) {
            assert_true(stats.min_threads == 4 && stats.max_threads == 64 && stats.target_threads == 4);
        } else if (policy == BETAPOOL_ADAPTIVE) {
            assert_true(stats.min_threads == 1 && stats.max_threads >= 1);
            assert_in_range(stats.target_threads, 1, stats.max_threads);
        } else {
            assert_int_equal(stats.target_threads, stats.max_threads);
        }
        assert_int_equal(betapool_free(pool), 0);

        config.max_threads = 2; /* less than the paper's least */
        pool = pool_create(&config);
        stats = stats_of(pool);
        assert_true(stats.max_threads == 2 && stats.min_threads <= 2 && stats.min_threads == (of_the_paper ? 2 : stats.min_threads));
        assert_in_range(stats.target_threads, stats.min_threads, 2);
        assert_int_equal(betapool_free(pool), 0);

        config.max_threads = 0;
        config.min_threads = 100; /* more than the paper's most */
        pool = pool_create(&config);
        stats = stats_of(pool);
        assert_true(stats.min_threads == 100 && stats.max_threads >= 100 && stats.target_threads >= 100);
        assert_int_equal(betapool_free(pool), 0);
    }
}

static int create_pool_and_free(const betapool_config *config) {
    betapool *pool = NULL;
    int code = betapool_create(config, &pool);
    if (code == 0) {
        assert_non_null(pool);
        assert_int_equal(betapool_free(pool), 0);
    } else {
        assert_null(pool);
    }
    return code;
}

static int create_controller_and_free(const betapool_config *config) {
    betapool_controller *controller = NULL;
    int code = betapool_controller_create(config, &controller);
    if (code == 0) {
        assert_non_null(controller);
        assert_int_equal(betapool_controller_free(controller), 0);
    } else {
        assert_null(controller);
    }
    return code;
}

/* The same configuration, with one field changed, is refused or accepted by pool and controller alike. */
#define CHECK_FIELD(field, value, expected)                                                                                 \
    do {                                                                                                                    \
        betapool_config check_config = paper_config();                                                                      \
        check_config.field = (value);                                                                                       \
        if (create_pool_and_free(&check_config) != (expected) || create_controller_and_free(&check_config) != (expected)) { \
            fail_msg("." #field " = " #value ": not " #expected);                                                           \
        }                                                                                                                   \
    } while (0)

static void ranges_of_a_configuration(void **state) {
    (void)state;
    CHECK_FIELD(policy, -1, -EINVAL);
    CHECK_FIELD(policy, 4, -EINVAL);
    CHECK_FIELD(policy, INT32_MAX, -EINVAL);
    CHECK_FIELD(policy, INT32_MIN, -EINVAL);
    CHECK_FIELD(min_threads, 0, 0); /* the policy's own */
    CHECK_FIELD(min_threads, 65, -EINVAL);
    CHECK_FIELD(min_threads, UINT32_MAX, -EINVAL);
    CHECK_FIELD(min_threads, 1, 0);
    CHECK_FIELD(min_threads, 64, 0);
    CHECK_FIELD(max_threads, 0, 0);
    CHECK_FIELD(max_threads, 3, -EINVAL);
    CHECK_FIELD(max_threads, 65537, -EINVAL);
    CHECK_FIELD(max_threads, UINT32_MAX, -EINVAL);
    CHECK_FIELD(max_threads, 4, 0);
    CHECK_FIELD(max_threads, 65536, 0);
    CHECK_FIELD(hysteresis, 0, -EINVAL);
    CHECK_FIELD(hysteresis, 1, 0);
    CHECK_FIELD(hysteresis, UINT32_MAX, 0);
    CHECK_FIELD(beta_threshold, nextafter(0, -1), -EINVAL);
    CHECK_FIELD(beta_threshold, nextafter(1, 2), -EINVAL);
    CHECK_FIELD(beta_threshold, 0, 0);
    CHECK_FIELD(beta_threshold, 1, 0);
    CHECK_FIELD(alpha, 0, -EINVAL);
    CHECK_FIELD(alpha, -0.5, -EINVAL);
    CHECK_FIELD(alpha, nextafter(1, 2), -EINVAL);
    CHECK_FIELD(alpha, nextafter(0, 1), 0);
    CHECK_FIELD(alpha, 1, 0);
    CHECK_FIELD(interval, 0, 0);
    CHECK_FIELD(interval, -0.0, 0);
    CHECK_FIELD(interval, nextafter(0, 1), -EINVAL);
    CHECK_FIELD(interval, nextafter(0.001, 0), -EINVAL);
    CHECK_FIELD(interval, nextafter(3600, 4000), -EINVAL);
    CHECK_FIELD(interval, -1, -EINVAL);
    CHECK_FIELD(interval, 0.001, 0);
    CHECK_FIELD(interval, 3600, 0);
    for (int i = 0; i < 4; i++) {
        CHECK_FIELD(beta_threshold, not_finite[i], -EINVAL);
        CHECK_FIELD(alpha, not_finite[i], -EINVAL);
        CHECK_FIELD(interval, not_finite[i], -EINVAL);
    }
}

static int never_spawns(void *host) {
    (void)host;
    return -EAGAIN;
}

static void never_waits(void *host) {
    (void)host;
}

/* What only a pool needs: checked for a pool, ignored by a controller. */
static void fields_for_pools_only(void **state) {
    (void)state;
    static const size_t stacks[] = {1, 4096, 65535};
    for (size_t i = 0; i < 3; i++) {
        betapool_config config = paper_config();
        config.stack_size = stacks[i];
        assert_int_equal(create_pool_and_free(&config), -EINVAL);
        assert_int_equal(create_controller_and_free(&config), 0);
    }
    betapool_config config = paper_config();
    config.stack_size = 65536;
    assert_int_equal(create_pool_and_free(&config), 0);
    config = paper_config();
    config.queue_limit = SIZE_MAX;
    assert_int_equal(create_pool_and_free(&config), 0);
    config = paper_config();
    config.before_wait = never_waits;
    assert_int_equal(create_pool_and_free(&config), -EINVAL);
    assert_int_equal(create_controller_and_free(&config), 0);
    config.spawn = never_spawns;
    assert_int_equal(create_pool_and_free(&config), -EINVAL);
    config.after_wait = never_waits;
    assert_int_equal(create_pool_and_free(&config), 0);
    config.before_wait = NULL;
    assert_int_equal(create_pool_and_free(&config), -EINVAL);
}

/* A stack that no machine can give, unless addresses have 32 bits: such a process may have 2 GiB to spare. */
static const size_t impossible = SIZE_MAX / 16;
enum { NOTHING_IS_IMPOSSIBLE = sizeof(size_t) == 4 };

/* The pool may be made, a thread cannot, and the submitter hears of it. */
static void impossible_stack(void **state) {
    (void)state;
    if (NOTHING_IS_IMPOSSIBLE) {
        skip();
    }
    const size_t stacks[] = {impossible, SIZE_MAX / 2, SIZE_MAX};
    for (size_t i = 0; i < 3; i++) {
        betapool_config config = fixed_config(2);
        config.stack_size = stacks[i];
        betapool *pool = NULL;
        int code = betapool_create(&config, &pool);
        if (code == 0) {
            code = betapool_submit(pool, do_nothing, NULL);
            assert_int_equal(stats_of(pool).submitted, 0);
            assert_int_equal(stats_of(pool).spawn_failures, 1);
            assert_int_equal(stats_of(pool).threads, 0);
            assert_int_equal(betapool_free(pool), 0);
        }
        assert_true(code == -EAGAIN || code == -ENOMEM || code == -EINVAL);
    }
}

/* No call touches errno, whether it succeeds or fails. */
static void errno_stays(void **state) {
    (void)state;
    static const int marker = 4711;
    errno = marker;
    betapool_limits limits = {.size = sizeof limits};
    assert_int_equal(betapool_get_limits(&limits), 0);
    assert_int_equal(errno, marker);
    betapool_config config;
    betapool_config_init(&config);
    config.interval = 0.001;
    betapool *pool = NULL;
    assert_int_equal(betapool_create(&config, &pool), 0);
    assert_int_equal(errno, marker);
    for (int i = 0; i < 200; i++) {
        assert_int_equal(betapool_submit(pool, do_nothing, NULL), 0);
        assert_int_equal(errno, marker);
    }
    assert_int_equal(betapool_wait(pool, -1), 0);
    assert_int_equal(errno, marker);
    gate gate = GATE_INITIALIZER;
    assert_int_equal(betapool_submit(pool, stop_at_gate, &gate), 0);
    assert_int_equal(betapool_wait(pool, 0.002), -ETIMEDOUT);
    assert_int_equal(errno, marker);
    gate_open(&gate);
    assert_int_equal(betapool_submit(pool, NULL, NULL), -EINVAL);
    assert_int_equal(betapool_resize(pool, 1, 1), 0);
    assert_int_equal(betapool_free(pool), 0);
    assert_int_equal(betapool_free(pool), -EBADF);
    assert_int_equal(errno, marker);
    config.stack_size = impossible;
    if (betapool_create(&config, &pool) == 0) {
        assert_true(betapool_submit(pool, do_nothing, NULL) < 0 || NOTHING_IS_IMPOSSIBLE);
        assert_int_equal(betapool_free(pool), 0);
    }
    assert_int_equal(errno, marker);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(wrong_sizes, limit_time),
        cmocka_unit_test_setup(defaults, limit_time),
        cmocka_unit_test_setup(limits_of_the_policies, limit_time),
        cmocka_unit_test_setup(ranges_of_a_configuration, limit_time),
        cmocka_unit_test_setup(fields_for_pools_only, limit_time),
        cmocka_unit_test_setup(impossible_stack, limit_time),
        cmocka_unit_test_setup(errno_stays, limit_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
