/*
 * abi.c - libFuzzer's target: an input is a sequence of calls of the library with arguments that nobody meant, some of whose system calls
 * fail. It must not crash, hang, read or write what it may not, or lose a task; every result is one that the header names.
 */
#include "faults.h"
#include "input.h"
#include "host.h"

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

/*
 * Handles stay in their places when they are freed, so that later calls get handles that were. Which one is live is a question of the address,
 * for a new object may have the memory of an old one.
 */
enum { PLACES = 4 };

static betapool *pools[PLACES];
static betapool_controller *controllers[PLACES];
static host hosts[PLACES];

static betapool *some_pool(void) {
    unsigned choice = read_byte();
    return choice == 255 ? NULL : choice == 254 ? (betapool *)controllers[0] : pools[choice % PLACES];
}

static betapool_controller *some_controller(void) {
    unsigned choice = read_byte();
    return choice == 255 ? NULL : choice == 254 ? (betapool_controller *)pools[0] : controllers[choice % PLACES];
}

/* ---- Configurations --------------------------------------------------------------------------------------------------------------- */

static betapool_config some_config(host *host) {
    betapool_config config;
    REQUIRE(betapool_config_init(&config) == 0);
    unsigned changes = read_byte() | (unsigned)read_byte() << 8;
    if (changes & 1) config.policy = (int32_t)(read_byte() % 6) - 1;
    if (changes & 2) config.min_threads = (uint32_t)read_integer();
    if (changes & 4) config.max_threads = (uint32_t)read_integer();
    if (changes & 8) config.hysteresis = (uint32_t)read_integer();
    if (changes & 16) config.beta_threshold = read_number();
    if (changes & 32) config.alpha = read_number();
    if (changes & 64) config.interval = read_number();
    if (changes & 128) config.queue_limit = (size_t)read_integer();
    if (changes & 256) config.stack_size = (size_t)read_integer();
    if (changes & 512) config.thread_name = "a name of more than fifteen bytes";
    if (changes & 1024) config.lock = (const void *)(uintptr_t)read_integer();
    if (changes & 2048) config.lock_size = (size_t)read_integer();
    if (changes & 4096) config.size = (size_t)read_integer();
    if (changes & 8192) config.policy = (int32_t)read_integer();
    if (changes & 16384) config.interval = 0.001;
    if ((changes & 32768) && host != NULL) {
        host->conduct = read_byte();
        config.host = host;
        unsigned callbacks = read_byte();
        if (callbacks & 1) config.spawn = spawn;
        if (callbacks & 2) config.before_wait = before_wait;
        if (callbacks & 4) config.after_wait = after_wait;
        if (callbacks & 8) config.on_decision = on_decision;
    }
    return config;
}

/* ---- Calls ------------------------------------------------------------------------------------------------------------------------ */

static void create_pool(void) {
    unsigned place = read_byte() % PLACES;
    if (EXPECT_CODE(betapool_free(pools[place]), 0, -EBADF) == 0) {
        pools[place] = NULL;
    }
    betapool_config config = some_config(&hosts[place]);
    betapool *pool = NULL;
    if (EXPECT_CODE(betapool_create(&config, &pool), 0, -EINVAL, -ENOMEM) == 0) {
        REQUIRE(pool != NULL);
        hosts[place].pool = pool;
        pools[place] = pool;
    } else {
        REQUIRE(pool == NULL);
    }
}

static void submit_batch(betapool *pool) {
    betapool_task batch[8];
    task *records[8];
    size_t count = read_byte() % 9, made = 0;
    unsigned kinds = read_byte(), vice = read_byte();
    for (; made < count && (records[made] = new_task(pool, kinds)) != NULL; made++) {
        batch[made] = (betapool_task){vice == made ? NULL : run_task, records[made]};
    }
    int code;
    if (vice == 255) {
        code = EXPECT_CODE(betapool_submit_batch(pool, batch, SIZE_MAX / (1 + kinds % 15)), -EINVAL, -EBADF);
    } else if (vice == 254) {
        code = EXPECT_CODE(betapool_submit_batch(pool, NULL, made), SUBMIT_CODES);
        REQUIRE(code != 0 || made == 0);
    } else {
        code = EXPECT_CODE(betapool_submit_batch(pool, batch, made), SUBMIT_CODES);
        REQUIRE(code != 0 || vice >= made);
    }
    for (size_t i = 0; i < made && code == 0; i++) {
        atomic_store(&records[i]->accepted, true);
    }
}

static void get_decisions(betapool *pool, betapool_controller *controller) {
    enum { KEPT = 256 };
    size_t capacity = (size_t)read_integer(), room = capacity < KEPT ? capacity : KEPT;
    betapool_decision *decisions = malloc(room * sizeof *decisions); /* just as large, for the sanitizer */
    int count = pool != NULL ? betapool_get_decisions(pool, decisions, capacity)
                             : betapool_controller_get_decisions(controller, decisions, capacity);
    REQUIRE(count == -EINVAL || count == -EBADF || (count >= 0 && (size_t)count <= room));
    for (int i = 0; i < count; i++) {
        char reason[256];
        REQUIRE(betapool_decision_reason(&decisions[i], reason, sizeof reason) > 0 && reason[0] != 0);
        REQUIRE(i == 0 || decisions[i].number > decisions[i - 1].number);
    }
    free(decisions);
}

static void say_reason(void) {
    betapool_decision decision = {.reason = (int32_t)read_integer(), .observed = read_number(), .limit = read_number()};
    if (read_byte() % 4 != 0) {
        decision.reason = read_byte() % 32;
    }
    size_t size = read_byte();
    char *text = malloc(size);
    int length = betapool_decision_reason(&decision, size == 0 ? NULL : text, size);
    REQUIRE(length == -EINVAL || (length > 0 && (size == 0 || strlen(text) == (size_t)length || strlen(text) == size - 1)));
    free(text);
}

static void say_names(void) {
    int number = (int)read_integer();
    const char *name = betapool_policy_name(number);
    REQUIRE(name == NULL || betapool_policy_by_name(name) == number);
    (void)betapool_action_name(number);
    REQUIRE(strlen(betapool_strerror(number)) > 0 && strchr(betapool_strerror(number), '\n') == NULL);
    char unknown[4] = {(char)read_byte(), (char)read_byte(), (char)read_byte(), 0};
    REQUIRE(betapool_policy_by_name(unknown) == -EINVAL);
    betapool_limits limits = {.size = read_byte() % 2 != 0 ? sizeof limits : (size_t)read_integer()};
    size_t size = limits.size;
    REQUIRE(betapool_get_limits(&limits) == (size == sizeof limits ? 0 : -EINVAL));
    REQUIRE(size != sizeof limits || limits.cores > 0);
}

static void use_controller(betapool_controller *controller) {
    betapool_decision decision;
    switch (read_byte() % 8) {
    case 0: {
        double cpu = read_number(), wall = read_number();
        EXPECT_CODE(betapool_controller_report(controller, cpu, wall), 0, -EINVAL, -EBADF);
        break;
    }
    case 1:
    case 2: {
        double now = read_number();
        if (EXPECT_CODE(betapool_controller_tick(controller, now, read_integer(), &decision), 0, -EINVAL, -EBADF) == 0) {
            REQUIRE(decision.threads >= 1 && decision.threads <= 65536 && decision.beta_ewma >= 0 && decision.beta_ewma <= 1);
            REQUIRE(decision.action >= BETAPOOL_HOLD && decision.action <= BETAPOOL_VETO);
            REQUIRE((int)decision.threads == betapool_controller_threads(controller));
        }
        break;
    }
    case 3: {
        int thread = betapool_controller_attach(controller);
        REQUIRE(thread >= 0 || thread == -EINVAL || thread == -ENOMEM || thread == -EBADF);
        break;
    }
    case 4: EXPECT_CODE(betapool_controller_set_busy(controller, (int)read_integer(), read_byte()), 0, -EINVAL, -EBADF); break;
    case 5: EXPECT_CODE(betapool_controller_detach(controller, (int)read_integer()), 0, -EINVAL, -EBADF); break;
    case 6: {
        int busy = betapool_controller_sample(controller);
        REQUIRE(busy >= 0 || busy == -EINVAL || busy == -EBADF);
        break;
    }
    case 7: {
        double beta = betapool_controller_beta(controller);
        REQUIRE(isnan(beta) || (beta >= 0 && beta <= 1));
        break;
    }
    }
}

/* Seconds; some of them for ever, none of them long. */
static double some_timeout(void) {
    double timeout = read_number();
    return timeout > 0.01 && timeout < 1e9 ? 0.01 : timeout;
}

static void call(void) {
    unsigned choice = read_byte() % 18;
    betapool *pool;
    switch (choice) {
    case 0: create_pool(); break;
    case 1:
    case 2: pool = some_pool(); submit_task(pool, read_byte()); break;
    case 3: submit_batch(some_pool()); break;
    case 4: pool = some_pool(); if (pool != NULL) take_task(pool); break;
    case 5: pool = some_pool(); EXPECT_CODE(betapool_wait(pool, some_timeout()), 0, -EINVAL, -ETIMEDOUT, -EBADF); break;
    case 6: {
        pool = some_pool();
        uint32_t least = (uint32_t)read_integer();
        EXPECT_CODE(betapool_resize(pool, least, (uint32_t)read_integer()), 0, -EINVAL, -ESHUTDOWN, -EBADF);
        break;
    }
    case 7: pool = some_pool(); EXPECT_CODE(betapool_shutdown(pool, (int)read_integer()), 0, -EINVAL, -EBADF); break;
    case 8: pool = some_pool(); EXPECT_CODE(betapool_join(pool, some_timeout()), 0, -EINVAL, -ETIMEDOUT, -EBADF); break;
    case 9: EXPECT_CODE(betapool_free(some_pool()), 0, -EBADF); break;
    case 10: pool = some_pool(); if (pool != NULL) look_at_stats(pool); break;
    case 11: pool = some_pool(); get_decisions(pool, pool == NULL ? some_controller() : NULL); break;
    case 12: {
        unsigned place = read_byte() % PLACES;
        EXPECT_CODE(betapool_controller_free(controllers[place]), 0, -EBADF);
        betapool_config config = some_config(NULL);
        controllers[place] = NULL;
        EXPECT_CODE(betapool_controller_create(&config, &controllers[place]), 0, -EINVAL, -ENOMEM);
        break;
    }
    case 13: use_controller(some_controller()); break;
    case 14: EXPECT_CODE(betapool_controller_free(some_controller()), 0, -EBADF); break;
    case 15: read_byte() % 2 != 0 ? say_reason() : say_names(); break;
    case 16: {
        unsigned kind = read_byte(), before = read_byte() % 32;
        faults_arm(kind, before, 1 + read_byte() % 32);
        break;
    }
    case 17: sched_yield(); break;
    }
}

/* The lowest number that is free: one more for each file that was left open, if it is not by chance behind a gap. */
static int next_file(void) {
    int file = open("/dev/null", O_RDONLY | O_CLOEXEC);
    close(file);
    return file;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count) {
    input.at = bytes;
    input.end = bytes + count;
    int file = next_file();
    for (int calls = 0; input.at < input.end && calls < 64; calls++) {
        call();
    }
    for (unsigned i = 0; i < PLACES; i++) {
        EXPECT_CODE(betapool_free(pools[i]), 0, -EBADF);
        EXPECT_CODE(betapool_controller_free(controllers[i]), 0, -EBADF);
        pools[i] = NULL;
        controllers[i] = NULL;
    }
    faults_disarm();
    while (atomic_load(&host_threads) > 0) {
        sched_yield();
    }
    for (unsigned i = 0; i < PLACES; i++) {
        REQUIRE(atomic_load(&hosts[i].waits) == 0);
        memset(&hosts[i], 0, sizeof hosts[i]);
    }
    settle_tasks();
    REQUIRE(next_file() == file);
    return 0;
}
