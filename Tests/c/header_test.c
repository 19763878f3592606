/*
 * header_test.c - the header alone, in any language that it claims to speak: C99, C11, C++17, -Wall -Wextra -pedantic -Werror. Every
 * declaration is used with the types that a program written against version 1 has; nothing is run.
 */
#include "betapool.h"

/* It needs no other header before it, and may be included twice. */
#include "betapool.h"

typedef char enumerators_keep_their_values[BETAPOOL_FIXED == 0 && BETAPOOL_PAPER == 1 && BETAPOOL_PAPER_IO == 2 && BETAPOOL_ADAPTIVE == 3 &&
                                                   BETAPOOL_HOLD == 0 && BETAPOOL_SCALE_UP == 1 && BETAPOOL_SCALE_DOWN == 2 &&
                                                   BETAPOOL_VETO == 3 && BETAPOOL_DRAIN == 0 && BETAPOOL_CANCEL == 1
                                               ? 1
                                               : -1];
typedef char version_is_one[BETAPOOL_VERSION_MAJOR == 1 && BETAPOOL_VERSION_MINOR >= 0 && BETAPOOL_VERSION_PATCH >= 0 ? 1 : -1];
typedef char size_comes_first
    [offsetof(betapool_limits, size) == 0 && offsetof(betapool_config, size) == 0 && offsetof(betapool_stats, size) == 0 ? 1 : -1];

/* Each function, by a pointer of exactly its type. */
struct functions {
    const char *(*version)(void);
    const char *(*strerror)(int code);
    double (*wall_time)(void);
    double (*cpu_time)(void);
    int (*get_limits)(betapool_limits *limits);
    int (*policy_by_name)(const char *name);
    const char *(*policy_name)(int policy);
    const char *(*action_name)(int action);
    int (*decision_reason)(const betapool_decision *decision, char *text, size_t size);
    int (*config_init)(betapool_config *config);
    int (*controller_create)(const betapool_config *config, betapool_controller **controller);
    int (*controller_report)(betapool_controller *controller, double cpu, double wall);
    int (*controller_tick)(betapool_controller *controller, double now, uint64_t queue_length, betapool_decision *decision);
    int (*controller_attach)(betapool_controller *controller);
    int (*controller_set_busy)(betapool_controller *controller, int thread, int busy);
    int (*controller_detach)(betapool_controller *controller, int thread);
    int (*controller_sample)(betapool_controller *controller);
    int (*controller_threads)(betapool_controller *controller);
    double (*controller_beta)(betapool_controller *controller);
    int (*controller_get_decisions)(betapool_controller *controller, betapool_decision *decisions, size_t capacity);
    int (*controller_free)(betapool_controller *controller);
    int (*create)(const betapool_config *config, betapool **pool);
    int (*submit)(betapool *pool, betapool_function function, void *argument);
    int (*submit_batch)(betapool *pool, const betapool_task *tasks, size_t count);
    int (*take)(betapool *pool, betapool_task *task);
    int (*wait)(betapool *pool, double timeout);
    int (*resize)(betapool *pool, uint32_t min_threads, uint32_t max_threads);
    int (*shutdown)(betapool *pool, int mode);
    int (*join)(betapool *pool, double timeout);
    int (*free)(betapool *pool);
    int (*get_stats)(betapool *pool, betapool_stats *stats);
    int (*get_decisions)(betapool *pool, betapool_decision *decisions, size_t capacity);
    int (*serve)(betapool *pool);
    int (*serve_failed)(betapool *pool);
};

extern const struct functions header_functions;
const struct functions header_functions = {
    betapool_version,
    betapool_strerror,
    betapool_wall_time,
    betapool_cpu_time,
    betapool_get_limits,
    betapool_policy_by_name,
    betapool_policy_name,
    betapool_action_name,
    betapool_decision_reason,
    betapool_config_init,
    betapool_controller_create,
    betapool_controller_report,
    betapool_controller_tick,
    betapool_controller_attach,
    betapool_controller_set_busy,
    betapool_controller_detach,
    betapool_controller_sample,
    betapool_controller_threads,
    betapool_controller_beta,
    betapool_controller_get_decisions,
    betapool_controller_free,
    betapool_create,
    betapool_submit,
    betapool_submit_batch,
    betapool_take,
    betapool_wait,
    betapool_resize,
    betapool_shutdown,
    betapool_join,
    betapool_free,
    betapool_get_stats,
    betapool_get_decisions,
    betapool_serve,
    betapool_serve_failed,
};

/* Each field, read and written with exactly its type: a pointer to it says so. */
struct fields {
    size_t *size;
    double *real;
    uint64_t *u64;
    uint32_t *u32;
    int32_t *i32;
};

int header_fields(betapool_limits *limits, betapool_decision *decision, betapool_config *config, betapool_stats *stats,
                  betapool_task *task);

static int spawn(void *host) {
    return host == NULL;
}

static void wait_callback(void *host) {
    (void)host;
}

static void on_decision(void *host, const betapool_decision *decision) {
    (void)host;
    (void)decision;
}

static void run(void *argument, int status) {
    (void)argument;
    (void)status;
}

int header_fields(betapool_limits *limits, betapool_decision *decision, betapool_config *config, betapool_stats *stats,
                  betapool_task *task) {
    struct fields f;
    f.size = &limits->size;
    f.real = &limits->cores;
    f.u64 = &limits->memory;
    f.u64 = &limits->threads;

    f.u64 = &decision->number;
    f.real = &decision->time;
    f.real = &decision->beta;
    f.real = &decision->beta_ewma;
    f.real = &decision->beta_io;
    f.real = &decision->running_threads;
    f.real = &decision->contending_threads;
    f.real = &decision->waiting_threads;
    f.real = &decision->surplus_threads;
    f.u64 = &decision->queue_length;
    f.u32 = &decision->threads_before;
    f.u32 = &decision->threads;
    f.i32 = &decision->action;
    f.i32 = &decision->reason;
    f.real = &decision->observed;
    f.real = &decision->limit;

    f.size = &config->size;
    f.i32 = &config->policy;
    f.u32 = &config->min_threads;
    f.u32 = &config->max_threads;
    f.u32 = &config->hysteresis;
    f.real = &config->beta_threshold;
    f.real = &config->alpha;
    f.real = &config->interval;
    f.size = &config->queue_limit;
    f.size = &config->stack_size;
    config->thread_name = BETAPOOL_VERSION_STRING;
    config->spawn = spawn;
    config->before_wait = wait_callback;
    config->after_wait = wait_callback;
    config->on_decision = on_decision;
    config->host = config;
    config->lock = BETAPOOL_UNKNOWN_LOCK;
    f.size = &config->lock_size;

    f.size = &stats->size;
    f.i32 = &stats->policy;
    f.u32 = &stats->min_threads;
    f.u32 = &stats->max_threads;
    f.u32 = &stats->target_threads;
    f.u32 = &stats->threads;
    f.u32 = &stats->idle_threads;
    f.u64 = &stats->queue_length;
    f.u64 = &stats->running;
    f.u64 = &stats->submitted;
    f.u64 = &stats->completed;
    f.u64 = &stats->cancelled;
    f.u64 = &stats->threads_started;
    f.u64 = &stats->threads_retired;
    f.u64 = &stats->spawn_failures;
    f.u64 = &stats->decisions;
    f.u64 = &stats->scale_ups;
    f.u64 = &stats->scale_downs;
    f.u64 = &stats->vetoes;
    f.real = &stats->cpu_time;
    f.real = &stats->busy_time;
    f.real = &stats->beta;
    f.real = &stats->beta_ewma;
    f.real = &stats->beta_io;
    f.real = &stats->running_threads;
    f.real = &stats->contending_threads;
    f.real = &stats->waiting_threads;
    f.real = &stats->surplus_threads;
    f.i32 = &stats->wait_states;

    task->function = run;
    task->argument = stats;
    return f.size != NULL && f.real != NULL && f.u64 != NULL && f.u32 != NULL && f.i32 != NULL;
}
