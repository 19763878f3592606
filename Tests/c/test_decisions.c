/*
 * test_decisions.c - the log of decisions, their reasons in words, and the names of policies, actions and errors.
 */
#include "support.h"

#include <limits.h>

enum { KEPT = 256 };

static betapool_controller *controller_of(int policy) {
    betapool_config config = paper_config();
    config.policy = policy;
    config.alpha = 1; /* the mean is the newest sample */
    return controller_create(&config);
}

static betapool_decision decide(betapool_controller *controller, double cpu, uint64_t queue_length) {
    betapool_decision decision;
    assert_int_equal(betapool_controller_report(controller, cpu, 1), 0);
    assert_int_equal(betapool_controller_tick(controller, 1, queue_length, &decision), 0);
    return decision;
}

static const char *reason_of(const betapool_decision *decision) {
    static char text[256];
    int length = betapool_decision_reason(decision, text, sizeof text);
    assert_in_range(length, 1, sizeof text - 1);
    assert_int_equal(length, strlen(text));
    return text;
}

/* ---- Names ------------------------------------------------------------------------------------------------------------------------ */

static void policies_have_names(void **state) {
    (void)state;
    static const char *const names[] = {"fixed", "paper", "paper-io", "adaptive"};
    for (int policy = 0; policy < 4; policy++) {
        assert_string_equal(betapool_policy_name(policy), names[policy]);
        assert_int_equal(betapool_policy_by_name(names[policy]), policy);
    }
    static const int none[] = {-1, 4, INT_MIN, INT_MAX};
    for (int i = 0; i < 4; i++) {
        assert_null(betapool_policy_name(none[i]));
    }
    static const char *const wrong[] = {"",         "Fixed",  "fixe",      "fixedd",  " fixed", "fixed ",
                                        "paper_io", "paper-", "paper-ioo", "adaptiv", "\xff"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(betapool_policy_by_name(wrong[i]), -EINVAL);
    }
    assert_int_equal(betapool_policy_by_name(NULL), -EINVAL);
}

static void actions_have_names(void **state) {
    (void)state;
    assert_string_equal(betapool_action_name(BETAPOOL_HOLD), "hold");
    assert_string_equal(betapool_action_name(BETAPOOL_SCALE_UP), "scale_up");
    assert_string_equal(betapool_action_name(BETAPOOL_SCALE_DOWN), "scale_down");
    assert_string_equal(betapool_action_name(BETAPOOL_VETO), "veto");
    static const int none[] = {-1, 4, INT_MIN, INT_MAX};
    for (int i = 0; i < 4; i++) {
        assert_null(betapool_action_name(none[i]));
    }
}

static void version_is_the_headers(void **state) {
    (void)state;
    char text[32];
    snprintf(text, sizeof text, "%d.%d.%d", BETAPOOL_VERSION_MAJOR, BETAPOOL_VERSION_MINOR, BETAPOOL_VERSION_PATCH);
    assert_string_equal(text, BETAPOOL_VERSION_STRING);
    assert_string_equal(betapool_version(), BETAPOOL_VERSION_STRING);
}

/* Each code that the header names has a sentence of its own, in one line; every other number has one too. */
static void errors_have_texts(void **state) {
    (void)state;
    static const int codes[] = {-EINVAL, -EBADF, -ENOMEM, -EAGAIN, -ESHUTDOWN, -ETIMEDOUT, -EDEADLK, -ECANCELED, 0};
    enum { COUNT = sizeof codes / sizeof codes[0] };
    for (int i = 0; i < COUNT; i++) {
        const char *text = betapool_strerror(codes[i]);
        assert_non_null(text);
        assert_true(strlen(text) > 0 && strlen(text) < 200 && strchr(text, '\n') == NULL);
        for (int j = 0; j < i; j++) {
            assert_string_not_equal(text, betapool_strerror(codes[j]));
        }
    }
    static const int others[] = {1, -1, EINVAL, -4095, INT_MIN, INT_MAX};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        assert_non_null(betapool_strerror(others[i]));
        assert_true(strlen(betapool_strerror(others[i])) > 0);
    }
}

/* ---- Reasons ---------------------------------------------------------------------------------------------------------------------- */

/* The sentence says the figures that decided. */
static void reasons_say_the_figures(void **state) {
    (void)state;
    betapool_controller *paper = controller_of(BETAPOOL_PAPER);
    betapool_decision veto = decide(paper, 0.88, 5);
    assert_int_equal(veto.action, BETAPOOL_VETO);
    assert_true(fabs(veto.observed - 0.12) < 1e-9 && veto.limit == 0.3);
    assert_string_equal(reason_of(&veto), "beta 0.12 is not above 0.3: the CPU is saturated, growth refused");

    betapool_decision first = decide(paper, 0.25, 5);
    assert_int_equal(first.action, BETAPOOL_HOLD);
    assert_int_equal(decide(paper, 0.25, 5).action, BETAPOOL_HOLD);
    betapool_decision growth = decide(paper, 0.25, 5);
    assert_int_equal(growth.action, BETAPOOL_SCALE_UP);
    assert_non_null(strstr(reason_of(&growth), "0.75"));
    assert_non_null(strstr(reason_of(&growth), "0.3"));
    betapool_decision shrink = decide(paper, 0.25, 0);
    assert_int_equal(shrink.action, BETAPOOL_SCALE_DOWN);
    assert_true(veto.reason != growth.reason && growth.reason != shrink.reason && first.reason != growth.reason);
    assert_int_equal(betapool_controller_free(paper), 0);

    betapool_controller *fixed = controller_of(BETAPOOL_FIXED);
    betapool_decision hold = decide(fixed, 0.5, 5);
    assert_true(strlen(reason_of(&hold)) > 0);
    assert_int_equal(betapool_controller_free(fixed), 0);
}

/* As snprintf does: never a byte beyond `size`, always terminated, the whole length returned. */
static void assert_cut_as_snprintf_does(const betapool_decision *decision) {
    char whole[512], text[512];
    int length = betapool_decision_reason(decision, whole, sizeof whole);
    assert_in_range(length, 1, sizeof whole - 2);
    assert_int_equal(betapool_decision_reason(decision, NULL, 0), length);
    assert_null(strpbrk(whole, "\n\"\\")); /* one line, and fit for JSON as it is */
    for (size_t size = 0; size <= (size_t)length + 2; size++) {
        memset(text, 0x5a, sizeof text);
        assert_int_equal(betapool_decision_reason(decision, text, size), length);
        if (size > 0) {
            size_t written = size - 1 < (size_t)length ? size - 1 : (size_t)length;
            assert_memory_equal(text, whole, written);
            assert_int_equal(text[written], 0);
        }
        for (size_t i = size; i < sizeof text; i++) {
            assert_int_equal(text[i], 0x5a);
        }
    }
    assert_int_equal(betapool_decision_reason(decision, text, SIZE_MAX), length);
}

/* Every reason there is, with every kind of figure in it: a sentence or a refusal, and never a byte too many. */
static void reasons_survive_any_figure(void **state) {
    (void)state;
    static const double figures[] = {0, -0.0, 0.12, -1.5, 1e-300, 1e300, 1.7976931348623157e308, -1e300, 4e9, 1.8e19, 1e19, 9.3e18};
    unsigned known = 0;
    for (int reason = -3; reason < 200; reason++) {
        betapool_decision decision;
        memset(&decision, 0, sizeof decision);
        decision.reason = reason;
        int length = betapool_decision_reason(&decision, NULL, 0);
        if (length < 0) {
            assert_int_equal(length, -EINVAL);
            continue;
        }
        known++;
        const double special[] = {NAN, -NAN, INFINITY, -INFINITY};
        for (size_t i = 0; i < sizeof figures / sizeof figures[0] + 4; i++) {
            decision.observed = i < 4 ? special[i] : figures[i - 4];
            for (size_t j = 0; j < sizeof figures / sizeof figures[0] + 4; j++) {
                decision.limit = j < 4 ? special[j] : figures[j - 4];
                assert_true(betapool_decision_reason(&decision, NULL, 0) > 0);
            }
            assert_cut_as_snprintf_does(&decision);
        }
        memset(&decision, 0xff, sizeof decision); /* whatever else stands in it */
        decision.reason = reason;
        assert_cut_as_snprintf_does(&decision);
    }
    assert_true(known >= 4);
    betapool_decision decision = {.reason = INT32_MIN};
    assert_int_equal(betapool_decision_reason(&decision, NULL, 0), -EINVAL);
    decision.reason = INT32_MAX;
    assert_int_equal(betapool_decision_reason(&decision, NULL, 0), -EINVAL);
}

static void reason_arguments(void **state) {
    (void)state;
    betapool_controller *paper = controller_of(BETAPOOL_PAPER);
    betapool_decision decision = decide(paper, 0.88, 5);
    char text[8] = "before";
    assert_int_equal(betapool_decision_reason(NULL, text, sizeof text), -EINVAL);
    assert_string_equal(text, "before");
    assert_int_equal(betapool_decision_reason(&decision, NULL, 1), -EINVAL);
    assert_int_equal(betapool_decision_reason(NULL, NULL, 0), -EINVAL);
    assert_int_equal(betapool_controller_free(paper), 0);
}

/* ---- The log ---------------------------------------------------------------------------------------------------------------------- */

static void log_is_empty_at_first(void **state) {
    (void)state;
    betapool_controller *controller = controller_of(BETAPOOL_PAPER);
    betapool_decision decision;
    assert_int_equal(betapool_controller_get_decisions(controller, &decision, 1), 0);
    assert_int_equal(betapool_controller_get_decisions(controller, NULL, 0), 0);
    assert_int_equal(betapool_controller_get_decisions(controller, NULL, 1), -EINVAL);
    assert_int_equal(betapool_controller_free(controller), 0);
}

/* The newest 256, oldest first, each as the tick gave it. */
static void log_keeps_the_newest(void **state) {
    (void)state;
    static betapool_decision made[3 * KEPT], log[KEPT + 1];
    betapool_controller *controller = controller_of(BETAPOOL_PAPER);
    for (unsigned count = 1; count <= 3 * KEPT; count++) {
        assert_int_equal(betapool_controller_report(controller, count % 7 / 7.0, 1), 0);
        assert_int_equal(betapool_controller_tick(controller, count, count % 5, &made[count - 1]), 0);
        if (count % 37 != 0 && count != KEPT && count != 3 * KEPT) {
            continue;
        }
        static const size_t capacities[] = {1, 2, 255, 256, 257, SIZE_MAX};
        for (size_t i = 0; i < 6; i++) {
            size_t expected = count < KEPT ? count : KEPT;
            expected = expected < capacities[i] ? expected : capacities[i];
            memset(log, 0x5a, sizeof log);
            assert_int_equal(betapool_controller_get_decisions(controller, log, capacities[i]), expected);
            assert_memory_equal(log, &made[count - expected], expected * sizeof log[0]);
            for (const char *rest = (const char *)&log[expected]; rest < (const char *)(log + KEPT + 1); rest++) {
                assert_int_equal(*rest, 0x5a);
            }
        }
    }
    assert_int_equal(betapool_controller_free(controller), 0);
}

/* A tick that gives its decision to nobody still goes into the log; a refused one does not. */
static void log_has_what_nobody_asked_for(void **state) {
    (void)state;
    betapool_controller *controller = controller_of(BETAPOOL_PAPER);
    assert_int_equal(betapool_controller_tick(controller, 1, 0, NULL), 0);
    assert_int_equal(betapool_controller_tick(controller, NAN, 0, NULL), -EINVAL);
    assert_int_equal(betapool_controller_tick(controller, 3, 0, NULL), 0);
    betapool_decision log[3];
    assert_int_equal(betapool_controller_get_decisions(controller, log, 3), 2);
    assert_true(log[0].number == 1 && log[0].time == 1 && log[1].number == 2 && log[1].time == 3);
    assert_int_equal(betapool_controller_free(controller), 0);
}

/* A pool's log, read while its ticker writes it: numbers rise by one, times do not go back, each count follows from the one before. */
static void log_of_a_pool(void **state) {
    (void)state;
    betapool_config config;
    assert_int_equal(betapool_config_init(&config), 0);
    config.policy = BETAPOOL_PAPER;
    config.interval = 0.001;
    betapool *pool = pool_create(&config);
    gate gate = GATE_INITIALIZER;
    for (int i = 0; i < 100; i++) {
        assert_int_equal(betapool_submit(pool, stop_at_gate, &gate), 0);
    }
    betapool_decision log[KEPT];
    uint64_t newest = 0;
    bool grown = false;
    while (newest < 2 * KEPT) {
        int count = betapool_get_decisions(pool, log, KEPT);
        assert_in_range(count, 0, KEPT);
        for (int i = 0; i < count; i++) {
            assert_in_range(log[i].action, BETAPOOL_HOLD, BETAPOOL_VETO);
            grown |= log[i].action == BETAPOOL_SCALE_UP;
            reason_of(&log[i]);
            if (i > 0) {
                assert_int_equal(log[i].number, log[i - 1].number + 1);
                assert_int_equal(log[i].threads_before, log[i - 1].threads);
                assert_true(log[i].time >= log[i - 1].time);
            }
        }
        newest = count > 0 ? log[count - 1].number : 0;
        pause_seconds(0.002);
    }
    assert_true(grown);
    assert_true(log[0].time > 0 && log[KEPT - 1].time <= betapool_wall_time());
    gate_open(&gate);
    assert_int_equal(betapool_free(pool), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(policies_have_names, limit_time),
        cmocka_unit_test_setup(actions_have_names, limit_time),
        cmocka_unit_test_setup(version_is_the_headers, limit_time),
        cmocka_unit_test_setup(errors_have_texts, limit_time),
        cmocka_unit_test_setup(reasons_say_the_figures, limit_time),
        cmocka_unit_test_setup(reasons_survive_any_figure, limit_time),
        cmocka_unit_test_setup(reason_arguments, limit_time),
        cmocka_unit_test_setup(log_is_empty_at_first, limit_time),
        cmocka_unit_test_setup(log_keeps_the_newest, limit_time),
        cmocka_unit_test_setup(log_has_what_nobody_asked_for, limit_time),
        cmocka_unit_test_setup(log_of_a_pool, limit_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
