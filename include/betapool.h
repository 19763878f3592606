/*
 * betapool.h - a thread pool that sizes itself from what its workers are really doing.
 *
 * Two things can be had, together or apart:
 *   betapool_controller   takes the CPU and wall times of tasks, gives thread-count decisions. For hosts that own their threads.
 *   betapool              worker threads, a task queue and such a controller, in one object.
 *
 * Conventions
 *   Results       Functions that can fail return 0 (or a count) on success and a negative errno value on failure, never set errno, and
 *                 leave everything as it was when they fail. betapool_strerror() says what a code means here.
 *   Units         Times are seconds in a double; sizes are bytes; counts are plain integers.
 *   Threads       Every function may be called from any thread at any time unless its comment says otherwise. No lock of the library
 *                 is held while a callback runs.
 *   Handles       A handle belongs to whoever created it and ends with its _free function. A freed handle is refused with -EBADF as long
 *                 as its memory has not been taken by a new object of the same kind.
 *   fork()        A child finds every pool open and without threads: it starts workers anew when it submits. Tasks that were queued stay
 *                 the parent's; in the child each of them is reported as cancelled, by the first call the child makes into that pool.
 *   Promises      1. Every accepted task is called exactly once: it runs, or is told that it was cancelled; or betapool_take gives it back.
 *                 2. A shutdown ends when the tasks that run do.
 *                 3. A forked child never hangs because of the library.
 *                 4. No argument crashes the process, unless it is a pointer to memory that is not what the header asks for.
 *                 5. Memory is bounded by what lives: no log, cache or count grows with time.
 *                 6. A system call that fails costs at most the operation that needed it.
 *   "The paper"   arXiv 2601.10582, "Mitigating GIL Bottlenecks in Edge AI Systems".
 */
#ifndef BETAPOOL_H
#define BETAPOOL_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define BETAPOOL_VERSION_MAJOR 1
#define BETAPOOL_VERSION_MINOR 0
#define BETAPOOL_VERSION_PATCH 0
#define BETAPOOL_VERSION_STRING "1.0.0"

/* betapool_version - the library's version as MAJOR.MINOR.PATCH, a static string. Compare with BETAPOOL_VERSION_STRING, the header's. */
const char *betapool_version(void);

/* betapool_strerror - what a negative code of this library means, in one line that names the fix; a static string, never NULL. */
const char *betapool_strerror(int code);

/* ---- Clocks and limits ---------------------------------------------------------------------------------------------------------- */

/* betapool_wall_time - seconds on a clock that never goes back (CLOCK_MONOTONIC). Costs no system call. */
double betapool_wall_time(void);

/* betapool_cpu_time - seconds of CPU that the calling thread has used (CLOCK_THREAD_CPUTIME_ID). One system call, 100-300 ns. */
double betapool_cpu_time(void);

/* betapool_limits - what this process may use, as far as the system tells. */
typedef struct betapool_limits {
    size_t size;      /* sizeof(betapool_limits); set it before the call */
    double cores;     /* cores by affinity, lowered by a cgroup (v1 or v2) CPU quota; may be a fraction, above 0 */
    uint64_t memory;  /* bytes: the cgroup's memory limit or the machine's memory, whichever is less; 0 if unknown */
    uint64_t threads; /* threads: the least of RLIMIT_NPROC, the cgroup's pids.max and the kernel's limit; 0 if unknown */
} betapool_limits;

/* betapool_get_limits - reads the limits in force now. Errors: -EINVAL (NULL, or a wrong size field). */
int betapool_get_limits(betapool_limits *limits);

/* ---- Decisions ------------------------------------------------------------------------------------------------------------------ */

/* betapool_policy - how a controller decides. */
typedef enum betapool_policy {
    BETAPOOL_FIXED = 0,    /* no control: always max_threads */
    BETAPOOL_PAPER = 1,    /* Algorithm 1 of the paper, to the letter */
    BETAPOOL_PAPER_IO = 2, /* Algorithm 1 fed with the blocking ratio that wait states give (beta_io) */
    BETAPOOL_ADAPTIVE = 3  /* the default */
} betapool_policy;

/* betapool_policy_by_name - "fixed", "paper", "paper-io" or "adaptive" to its number. Errors: -EINVAL (NULL, or no such policy). */
int betapool_policy_by_name(const char *name);

/* betapool_policy_name - the name of a policy, a static string; NULL for a number that is none. */
const char *betapool_policy_name(int policy);

/* betapool_action - what a decision did to the thread count. */
typedef enum betapool_action {
    BETAPOOL_HOLD = 0,
    BETAPOOL_SCALE_UP = 1,
    BETAPOOL_SCALE_DOWN = 2,
    BETAPOOL_VETO = 3 /* growth was asked for by the queue and refused */
} betapool_action;

/* betapool_action_name - "hold", "scale_up", "scale_down" or "veto", a static string; NULL for a number that is none. */
const char *betapool_action_name(int action);

/* betapool_decision - one tick of a controller: what it saw, what it did, why. */
typedef struct betapool_decision {
    uint64_t number;         /* 1 for the controller's first decision; a gap in a log means that older ones were overwritten */
    double time;             /* seconds, on the clock the tick was given (a pool: betapool_wall_time) */
    double beta;             /* blocking ratio of the interval, 1 - sum(cpu)/sum(wall) (paper, eq. 3); NaN if nothing was measured */
    double beta_ewma;        /* its exponentially weighted mean (paper, Algorithm 1) */
    /* What busy threads were doing, as means over the interval; NaN where wait states cannot be read. */
    double beta_io;            /* the blocking ratio that contention does not inflate: waiting / (running + contending + waiting) */
    double running_threads;    /* on a core, or queued for one */
    double contending_threads; /* asleep on the host's lock, or the pool's own */
    double waiting_threads;    /* asleep in anything else */
    double surplus_threads;    /* could leave and nothing would slow down: contending + max(0, running - cores) */
    uint64_t queue_length;   /* tasks that waited for a thread */
    uint32_t threads_before; /* thread count until now */
    uint32_t threads;        /* thread count from now on */
    int32_t action;          /* a betapool_action */
    int32_t reason;          /* which sentence betapool_decision_reason says */
    double observed;         /* the figure that decided, in the unit of that sentence, and ... */
    double limit;            /* ... what it was held against */
} betapool_decision;

/*
 * betapool_decision_reason - puts the reason of a decision into words: "beta 0.12 is not above 0.3: the CPU is saturated, growth refused".
 * Writes at most `size` bytes to `text`, always terminated if size > 0. Returns the length of the whole text, as snprintf does, so that
 * a result >= size means it was cut. Errors: -EINVAL (decision is NULL, or text is NULL with size > 0, or no such reason).
 */
int betapool_decision_reason(const betapool_decision *decision, char *text, size_t size);

/* ---- Configuration -------------------------------------------------------------------------------------------------------------- */

/* BETAPOOL_UNKNOWN_LOCK - for betapool_config.lock: the host has a global lock, but nobody knows where. */
#define BETAPOOL_UNKNOWN_LOCK ((const void *)(intptr_t)-1)

/* betapool_config - what a controller or a pool is made of. Fill it with betapool_config_init, then change what you want. */
typedef struct betapool_config {
    size_t size;           /* sizeof(betapool_config); set by betapool_config_init */
    int32_t policy;        /* a betapool_policy */
    uint32_t min_threads;  /* N_min, 1 to max_threads; 0: the policy's own, the paper's 4, or 1 for adaptive, or max_threads if that is less */
    uint32_t max_threads;  /* N_max, at most 65536; 0: the policy's own, the paper's 64; for adaptive as many as memory and thread limits bear */
    uint32_t hysteresis;   /* H, intervals of wanting to grow before growing, at least 1; the paper's 3 */
    double beta_threshold; /* growth needs a blocking ratio above this, 0 to 1; the paper's 0.3 */
    double alpha;          /* weight of the newest interval in the mean, above 0 to 1; the paper's 0.2 */
    double interval;       /* seconds between decisions, 0.001 to 3600; 0: the policy's own, the paper's 0.5, or 0.1 for adaptive */

    /* From here on for pools. A controller ignores it, except for lock and lock_size. */
    size_t queue_limit;    /* most tasks that may wait; 0: no limit */
    size_t stack_size;     /* bytes of stack for each native worker, at least 65536 (more where libc asks for more); 0: 1 MiB */
    const char *thread_name; /* native workers are called NAME-0, NAME-1, ...; copied, cut to 15 bytes; NULL: "betapool" */

    /*
     * A host may bring its own threads, e.g. because each must be known to a language runtime. All callbacks get `host`.
     * spawn        asks for one thread, which then calls betapool_serve(). Called by whoever needs it: a submitting thread, a worker, the
     *              pool's ticker, or one in betapool_wait() when all workers are gone. May return before the thread exists; if it fails later,
     *              say so with betapool_serve_failed(). Must not wait for the pool. Returns 0, or a negative errno if no thread can be had.
     *              NULL: the pool makes native threads.
     * before_wait, after_wait   bracket each time a worker in betapool_serve() has nothing to do, so that a host with a global lock
     *              lets go of it just then. Called by that worker. Both or neither.
     * on_decision  called by the ticker when the thread count changes, and when growth begins to be refused. Must return soon: control
     *              stands still meanwhile.
     * lock, lock_size   where a thread sleeps that waits for the host's global lock: a futex in this range of addresses is contention, not
     *              I/O. NULL and 0: there is no such lock. BETAPOOL_UNKNOWN_LOCK: there is one, its place is not known; then wait states
     *              are not used, and "adaptive" goes by CPU use and completions.
     */
    int (*spawn)(void *host);
    void (*before_wait)(void *host);
    void (*after_wait)(void *host);
    void (*on_decision)(void *host, const betapool_decision *decision);
    void *host;
    const void *lock;
    size_t lock_size;
} betapool_config;

/* betapool_config_init - fills a configuration with the defaults. Errors: -EINVAL (NULL). */
int betapool_config_init(betapool_config *config);

/* ---- Controller ----------------------------------------------------------------------------------------------------------------- */

typedef struct betapool_controller betapool_controller;

/* betapool_controller_create - makes a controller. Errors: -EINVAL (NULL, a wrong size field, a value out of range), -ENOMEM. */
int betapool_controller_create(const betapool_config *config, betapool_controller **controller);

/*
 * betapool_controller_report - one finished task: the CPU and wall seconds it took (paper, section on instrumentation). O(1) time and space.
 * A cpu above the wall time by no more than the clocks' own error (1 % + 20 us) counts as equal to it.
 * Errors: -EINVAL (NULL, negative, NaN, above 1e9 seconds, cpu > wall), -EBADF.
 */
int betapool_controller_report(betapool_controller *controller, double cpu, double wall);

/*
 * betapool_controller_tick - ends an interval and decides. Call it every `interval` seconds, from one thread at a time or many.
 * now           seconds on any clock that does not go back
 * queue_length  tasks that wait for a thread
 * decision      where the decision goes; may be NULL
 * Attached threads are looked at, unless betapool_controller_sample did so since the last tick.
 * Errors: -EINVAL (NULL controller, now is not finite), -EBADF.
 */
int betapool_controller_tick(betapool_controller *controller, double now, uint64_t queue_length, betapool_decision *decision);

/*
 * betapool_controller_attach - makes the calling thread known to the controller, which from then on sees what it is doing (wait states),
 * as the policies "adaptive" and "paper-io" need. Without attached threads "adaptive" goes by CPU use and completions.
 * Returns the thread's number in this controller, 0 or more. Errors: -EINVAL (NULL), -ENOMEM, -EBADF.
 */
int betapool_controller_attach(betapool_controller *controller);

/*
 * betapool_controller_set_busy - whether an attached thread has a task (busy other than 0) or waits for one. It starts without.
 * Errors: -EINVAL (NULL, or no such thread), -EBADF.
 */
int betapool_controller_set_busy(betapool_controller *controller, int thread, int busy);

/* betapool_controller_detach - forgets an attached thread; to be called before it ends. Errors: as betapool_controller_set_busy. */
int betapool_controller_detach(betapool_controller *controller, int thread);

/*
 * betapool_controller_sample - looks at what the attached threads are doing, between two ticks: a few looks say more than one. Call it some
 * 5 times an interval, from a thread that does not hold the host's lock. At most 16 threads are looked at, in turn: 2 us each.
 * Returns how many of them are busy. Errors: -EINVAL (NULL), -EBADF.
 */
int betapool_controller_sample(betapool_controller *controller);

/* betapool_controller_threads - the thread count now in force, or -EINVAL (NULL), -EBADF. */
int betapool_controller_threads(betapool_controller *controller);

/* betapool_controller_beta - the mean blocking ratio now in force (beta_ewma; 0.5 at the start), or NaN for a handle that is none. */
double betapool_controller_beta(betapool_controller *controller);

/*
 * betapool_controller_get_decisions - copies the newest decisions, oldest first, at most `capacity`; the last 256 are kept.
 * Returns how many were written. Errors: -EINVAL (NULL controller, or NULL decisions with capacity > 0), -EBADF.
 */
int betapool_controller_get_decisions(betapool_controller *controller, betapool_decision *decisions, size_t capacity);

/* betapool_controller_free - ends a controller. NULL is fine. No other call on it may be under way. Errors: -EBADF. */
int betapool_controller_free(betapool_controller *controller);

/* ---- Pool ----------------------------------------------------------------------------------------------------------------------- */

typedef struct betapool betapool;

/*
 * betapool_function - a task. Called exactly once for each task accepted, by a worker, with status 0: do the work; or, with status
 * -ECANCELED, by the thread that gave the task up (in betapool_shutdown with BETAPOOL_CANCEL, or in a forked child): release the argument.
 * It may call any function of this library; those that would wait for the caller itself return -EDEADLK.
 * It may end its thread with pthread_exit: the pool notices and goes on without that worker.
 */
typedef void (*betapool_function)(void *argument, int status);

/* betapool_task - a function and its argument. The pool never touches the argument. */
typedef struct betapool_task {
    betapool_function function;
    void *argument;
} betapool_task;

/*
 * betapool_create - makes a pool. Threads start when tasks come.
 * Errors: -EINVAL (NULL, a wrong size field, a value out of range, before_wait without after_wait), -ENOMEM.
 */
int betapool_create(const betapool_config *config, betapool **pool);

/*
 * betapool_submit - queues a task. Tasks start in the order of submission; of short ones a worker may take some microseconds' worth at
 * once, so that with several workers one may start that much before another that was submitted earlier.
 * Errors: -EINVAL (NULL), -EAGAIN (the queue is full, or there is no worker and none could be started), -ENOMEM, -ESHUTDOWN, -EBADF.
 */
int betapool_submit(betapool *pool, betapool_function function, void *argument);

/* betapool_submit_batch - queues `count` tasks at once, all or none; cheaper than one by one. Errors: those of betapool_submit. */
int betapool_submit_batch(betapool *pool, const betapool_task *tasks, size_t count);

/*
 * betapool_take - takes the oldest queued task back from the pool, which counts it as cancelled: its function is not called.
 * Returns 1 and fills *task, or 0 if none is queued. Errors: -EINVAL (NULL), -EBADF.
 */
int betapool_take(betapool *pool, betapool_task *task);

/*
 * betapool_wait - waits until no task is queued or running. timeout: seconds, 0 only looks, negative waits without end.
 * Errors: -EINVAL (NULL, NaN), -ETIMEDOUT, -EDEADLK (called by a task of this pool or its on_decision), -EBADF.
 */
int betapool_wait(betapool *pool, double timeout);

/*
 * betapool_resize - sets the limits of the thread count. A count outside them moves to the nearer limit at once; workers leave between tasks.
 * Errors: -EINVAL (NULL, min_threads < 1, max_threads < min_threads, max_threads > 65536), -ESHUTDOWN, -EBADF.
 */
int betapool_resize(betapool *pool, uint32_t min_threads, uint32_t max_threads);

/* betapool_shutdown_mode - what becomes of queued tasks. */
typedef enum betapool_shutdown_mode {
    BETAPOOL_DRAIN = 0, /* they still run */
    BETAPOOL_CANCEL = 1 /* each is reported as cancelled, by this call */
} betapool_shutdown_mode;

/*
 * betapool_shutdown - refuses further tasks and lets the workers end. Does not wait: see betapool_join. May be called again, e.g. to cancel
 * what an earlier call meant to drain, and from a task. Errors: -EINVAL (NULL, no such mode), -EBADF.
 */
int betapool_shutdown(betapool *pool, int mode);

/*
 * betapool_join - waits until every worker has left a pool that was shut down. timeout as in betapool_wait.
 * Errors: -EINVAL (NULL, NaN, or not shut down), -ETIMEDOUT, -EDEADLK (called by a task of this pool or its on_decision), -EBADF.
 */
int betapool_join(betapool *pool, double timeout);

/*
 * betapool_free - shuts down (draining), joins, and ends the pool. NULL is fine. No other call on it may be under way, except by its tasks.
 * If its last worker is gone and no thread can be had for another, tasks still queued are reported as cancelled.
 * Errors: -EDEADLK (called by a task of this pool or its on_decision), -EBADF.
 */
int betapool_free(betapool *pool);

/* betapool_stats - a pool at one moment. Totals count from its creation. */
typedef struct betapool_stats {
    size_t size;             /* sizeof(betapool_stats); set it before the call */
    int32_t policy;          /* a betapool_policy */
    uint32_t min_threads;    /* the limits in force */
    uint32_t max_threads;
    uint32_t target_threads; /* how many workers the controller allows */
    uint32_t threads;        /* how many there are, those that are just starting among them */
    uint32_t idle_threads;   /* how many of them have nothing to do */
    uint64_t queue_length;   /* tasks waiting */
    uint64_t running;        /* tasks running */
    uint64_t submitted;      /* tasks accepted */
    uint64_t completed;      /* tasks run to their end */
    uint64_t cancelled;      /* tasks reported as cancelled */
    uint64_t threads_started;
    uint64_t threads_retired;
    uint64_t spawn_failures; /* times a thread was wanted and could not be had */
    uint64_t decisions;      /* ticks of the controller */
    uint64_t scale_ups;
    uint64_t scale_downs;
    uint64_t vetoes;
    double cpu_time;         /* seconds of CPU used by workers, up to the last tick */
    double busy_time;        /* seconds that workers were not idle, summed over workers, up to the last tick */
    double beta;             /* blocking ratio of the last interval; NaN if nothing was measured */
    double beta_ewma;
    double beta_io;          /* as in betapool_decision, of the last interval; so are the next four */
    double running_threads;
    double contending_threads;
    double waiting_threads;
    double surplus_threads;
    int32_t wait_states;     /* 1: the last look at busy threads showed what they were doing; 0: it did not, or there was none */
} betapool_stats;

/* betapool_get_stats - fills *stats. Errors: -EINVAL (NULL, a wrong size field), -EBADF. */
int betapool_get_stats(betapool *pool, betapool_stats *stats);

/* betapool_get_decisions - as betapool_controller_get_decisions, of the pool's controller. */
int betapool_get_decisions(betapool *pool, betapool_decision *decisions, size_t capacity);

/* ---- Threads of the host -------------------------------------------------------------------------------------------------------- */

/*
 * betapool_serve - makes the calling thread a worker. Only for a thread that the pool asked for through `spawn`. Runs tasks until the
 * worker is retired or the pool is shut down and drained. Returns 0 when the worker is done.
 * Errors: -EINVAL (NULL, or no thread was asked for), -EDEADLK (already a worker), -EBADF, and -ENOMEM, which counts as
 * betapool_serve_failed.
 */
int betapool_serve(betapool *pool);

/* betapool_serve_failed - a thread that `spawn` promised will not come. Errors: -EINVAL (NULL, or no thread was asked for), -EBADF. */
int betapool_serve_failed(betapool *pool);

#ifdef __cplusplus
}
#endif

#endif /* BETAPOOL_H */
