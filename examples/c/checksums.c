/*
 * checksums.c - the CRC-32 of every file below a directory, on a pool that sizes itself: a page from the cache costs CPU, a page from the
 * disk costs waiting, and how many threads are right depends on which it is.
 *
 *   cc -std=c11 -O2 -Iinclude examples/c/checksums.c -lbetapool -lz -o checksums
 *
 * Shown here: one task a file, a bounded queue (betapool_submit says -EAGAIN, the walk waits), betapool_shutdown with BETAPOOL_CANCEL when
 * the user has seen enough, figures and decisions at the end.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "betapool.h"

enum { QUEUE_LIMIT = 1024, CHUNK = 128 * 1024 };

static const char help[] =
    "usage: checksums [options] [directory ...]\n"
    "\n"
    "The CRC-32 of every file below the directories (/usr/include if none is given), on a pool of threads that sizes itself.\n"
    "\n"
    "  --policy NAME    fixed, paper, paper-io or adaptive (default)\n"
    "  --threads N      at most N threads (default 64)\n"
    "  --seconds S      stop after S seconds (default 15; 0: never)\n"
    "  --list           print each file's checksum\n"
    "  --json           print the figures as JSON\n"
    "  --help           this text\n"
    "\n"
    "examples:\n"
    "  checksums /usr/share/doc\n"
    "  checksums --policy paper --threads 16 /usr/include\n"
    "  checksums --list --seconds 0 /etc | sort -k 2\n"
    "  checksums --json /usr/share | python3 -m json.tool\n";

typedef struct options {
    int policy;
    uint32_t threads;
    double seconds;
    bool list, json;
    char *const *paths;
} options;

/* What all tasks share. */
typedef struct run {
    const options *options;
    betapool *pool;
    double start;
    double shown; /* when the progress line was last written */
    uint64_t found;
    atomic_uint_least64_t files, bytes, failed, cancelled;
    atomic_uint_least32_t sum; /* of all checksums: the same in whatever order they come */
} run;

typedef struct job {
    run *run;
    char path[];
} job;

static volatile sig_atomic_t interrupted;

static void interrupt(int number) {
    (void)number;
    interrupted = 1;
}

static bool must_stop(const run *run) {
    return interrupted || (run->options->seconds > 0 && betapool_wall_time() - run->start > run->options->seconds);
}

/* ---- The task --------------------------------------------------------------------------------------------------------------------- */

static void complain(run *run, const char *path, int code) {
    fprintf(stderr, "checksums: %s: %s\n", path, strerror(code));
    atomic_fetch_add(&run->failed, 1);
}

/* Called once for each job, by a worker, or with -ECANCELED by the thread that cancels: frees the job in any case. */
static void checksum(void *argument, int status) {
    job *job = argument;
    run *run = job->run;
    if (status != 0) {
        atomic_fetch_add(&run->cancelled, 1);
        free(job);
        return;
    }
    unsigned char chunk[CHUNK];
    uint32_t crc = 0;
    ssize_t length = -1;
    int file = open(job->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    while (file >= 0 && !interrupted && (length = read(file, chunk, sizeof chunk)) > 0) {
        crc = (uint32_t)crc32(crc, chunk, (unsigned)length);
        atomic_fetch_add(&run->bytes, (uint64_t)length);
    }
    if (length == 0) {
        atomic_fetch_add(&run->files, 1);
        atomic_fetch_add(&run->sum, crc);
        if (run->options->list) {
            printf("%08" PRIx32 "  %s\n", crc, job->path);
        }
    } else if (interrupted) {
        atomic_fetch_add(&run->cancelled, 1);
    } else {
        complain(run, job->path, errno);
    }
    if (file >= 0) {
        close(file);
    }
    free(job);
}

/* ---- The walk --------------------------------------------------------------------------------------------------------------------- */

/* A line on the terminal, ten times a second, for those who have waited for more than two. */
static void show_progress(run *run, bool last) {
    double now = betapool_wall_time();
    if (now - run->start < 2 || (!last && now - run->shown < 0.1) || !isatty(STDERR_FILENO)) {
        return;
    }
    run->shown = now;
    uint64_t done = atomic_load(&run->files) + atomic_load(&run->failed) + atomic_load(&run->cancelled);
    int filled = run->found > 0 ? (int)(30 * done / run->found) : 0;
    fprintf(stderr, "\r\033[K[%.*s%*s] %" PRIu64 " of %" PRIu64 " files, %.1f MB%s", filled, "##############################", 30 - filled,
            "", done, run->found, (double)atomic_load(&run->bytes) / 1e6, last ? "\r\033[K" : "");
}

/* Queues one file. While the queue is full, the walk waits: so a million files need the memory of a thousand. */
static int submit(run *run, const char *path) {
    size_t size = strlen(path) + 1;
    job *job = malloc(sizeof *job + size);
    if (job == NULL) {
        return -ENOMEM;
    }
    job->run = run;
    memcpy(job->path, path, size);
    int code;
    while ((code = betapool_submit(run->pool, checksum, job)) == -EAGAIN && !must_stop(run)) {
        betapool_stats stats = {.size = sizeof stats};
        if (betapool_get_stats(run->pool, &stats) == 0 && stats.threads == 0) {
            break; /* not a full queue: no thread is to be had */
        }
        betapool_wait(run->pool, 0.005);
        show_progress(run, false);
    }
    if (code != 0) {
        free(job);
        return must_stop(run) ? 0 : code;
    }
    run->found++;
    return 0;
}

/* Queues all files. 0, also when stopped in the middle, or a negative code. */
static int walk(run *run) {
    FTS *tree = fts_open(run->options->paths, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
    if (tree == NULL) {
        return -errno;
    }
    int code = 0;
    for (FTSENT *entry; code == 0 && !must_stop(run) && (entry = fts_read(tree)) != NULL;) {
        switch (entry->fts_info) {
        case FTS_F: code = submit(run, entry->fts_path); break;
        case FTS_DNR:
        case FTS_ERR:
        case FTS_NS: complain(run, entry->fts_path, entry->fts_errno); break;
        default: break; /* directories, links, devices */
        }
        show_progress(run, false);
    }
    fts_close(tree);
    return code;
}

/* ---- The report ------------------------------------------------------------------------------------------------------------------- */

static void print_json_number(const char *name, double value) {
    if (value == value) {
        printf(", \"%s\": %.6g", name, value);
    } else {
        printf(", \"%s\": null", name); /* JSON has no NaN */
    }
}

/* The decisions that changed the thread count or began to refuse growth, oldest first. The most threads there were. */
static uint32_t print_decisions(const run *run) {
    static betapool_decision log[256];
    int count = betapool_get_decisions(run->pool, log, 256), last_action = BETAPOOL_HOLD;
    uint32_t most = 0;
    const char *separator = "";
    for (int i = 0; i < count; i++) {
        const betapool_decision *d = &log[i];
        bool begins_veto = d->action == BETAPOOL_VETO && last_action != BETAPOOL_VETO;
        last_action = d->action;
        most = d->threads > most ? d->threads : most;
        if (d->threads == d->threads_before && !begins_veto) {
            continue;
        }
        char reason[160]; /* one line, without quotes */
        betapool_decision_reason(d, reason, sizeof reason);
        const char *action = betapool_action_name(d->action);
        double time = d->time - run->start;
        if (run->options->json) {
            printf("%s{\"time\": %.3f, \"action\": \"%s\", \"threads_before\": %" PRIu32 ", \"threads\": %" PRIu32 ", \"reason\": \"%s\"}",
                   separator, time, action, d->threads_before, d->threads, reason);
            separator = ", ";
        } else {
            printf("  %6.2f s  %-10s  %2" PRIu32 " -> %2" PRIu32 "  %s\n", time, action, d->threads_before, d->threads, reason);
        }
    }
    return most;
}

static void report(run *run, const betapool_stats *stats, double seconds) {
    uint64_t files = atomic_load(&run->files), bytes = atomic_load(&run->bytes);
    uint64_t failed = atomic_load(&run->failed), cancelled = atomic_load(&run->cancelled);
    double rate = (double)bytes / 1e6 / seconds;
    if (run->options->json) {
        printf("{\"files\": %" PRIu64 ", \"bytes\": %" PRIu64 ", \"failed\": %" PRIu64 ", \"cancelled\": %" PRIu64 ", \"sum\": \"%08" PRIx32
               "\", \"policy\": \"%s\", \"threads\": %" PRIu32 ", \"threads_started\": %" PRIu64,
               files, bytes, failed, cancelled, atomic_load(&run->sum), betapool_policy_name(stats->policy), stats->threads,
               stats->threads_started);
        print_json_number("seconds", seconds);
        print_json_number("mb_per_second", rate);
        print_json_number("beta", stats->beta_ewma);
        print_json_number("cpu_seconds", stats->cpu_time);
        printf(", \"stopped\": %s, \"decisions\": [", cancelled > 0 || must_stop(run) ? "true" : "false");
        print_decisions(run);
        printf("]}\n");
        return;
    }
    printf("%" PRIu64 " files, %.1f MB in %.2f s: %.1f MB/s; sum of checksums %08" PRIx32 "\n", files, (double)bytes / 1e6, seconds, rate,
           atomic_load(&run->sum));
    if (failed + cancelled > 0) {
        printf("%" PRIu64 " could not be read, %" PRIu64 " were left out\n", failed, cancelled);
    }
    printf("policy %s: %" PRIu32 " threads at the end, beta %.2f\n", betapool_policy_name(stats->policy), stats->threads, stats->beta_ewma);
    uint32_t most = print_decisions(run);
    if (most > 0) {
        printf("  at most %" PRIu32 " threads\n", most);
    }
}

/* ---- Main ------------------------------------------------------------------------------------------------------------------------- */

static int fail(const char *what, const char *why) {
    fprintf(stderr, "checksums: %s: %s\n", what, why);
    return 2;
}

/* A number from 0 to `most`, or -1. */
static double number(const char *text, double most) {
    char *end;
    double value = strtod(text, &end);
    return end != text && *end == 0 && value >= 0 && value <= most ? value : -1;
}

/* 0, or an exit code + 1. */
static int parse(int argc, char **argv, options *options) {
    static const struct option names[] = {{"policy", required_argument, NULL, 'p'},
                                          {"threads", required_argument, NULL, 't'},
                                          {"seconds", required_argument, NULL, 's'},
                                          {"list", no_argument, NULL, 'l'},
                                          {"json", no_argument, NULL, 'j'},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    for (int name; (name = getopt_long(argc, argv, "", names, NULL)) >= 0;) {
        double value;
        switch (name) {
        case 'p':
            options->policy = betapool_policy_by_name(optarg);
            if (options->policy < 0) {
                return 1 + fail(optarg, "no such policy; there are fixed, paper, paper-io and adaptive");
            }
            break;
        case 't':
            value = number(optarg, 65536);
            if (value < 1) {
                return 1 + fail(optarg, "not a number of threads, 1 to 65536");
            }
            options->threads = (uint32_t)value;
            break;
        case 's':
            options->seconds = number(optarg, 1e6);
            if (options->seconds < 0) {
                return 1 + fail(optarg, "not a number of seconds, 0 to 1000000");
            }
            break;
        case 'l': options->list = true; break;
        case 'j': options->json = true; break;
        case 'h': fputs(help, stdout); return 1;
        default: fputs("checksums --help says what there is\n", stderr); return 1 + 2;
        }
    }
    if (optind < argc) {
        options->paths = argv + optind;
    }
    return 0;
}

int main(int argc, char **argv) {
    static char *const default_paths[] = {"/usr/include", NULL};
    options options = {BETAPOOL_ADAPTIVE, 64, 15, false, false, default_paths};
    int code = parse(argc, argv, &options);
    if (code != 0) {
        return code - 1;
    }
    for (char *const *path = options.paths; *path != NULL; path++) {
        struct stat status;
        if (stat(*path, &status) != 0) {
            return fail(*path, strerror(errno));
        }
    }
    struct sigaction action = {.sa_handler = interrupt, .sa_flags = SA_RESTART | SA_RESETHAND}; /* a second Ctrl-C kills */
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);

    betapool_config config;
    betapool_config_init(&config);
    config.policy = options.policy;
    config.max_threads = options.threads;
    config.min_threads = 1;
    config.queue_limit = QUEUE_LIMIT;
    config.interval = 0.05; /* files are small: the pool must be quick to learn */
    config.thread_name = "checksums";
    run run = {.options = &options};
    code = betapool_create(&config, &run.pool);
    if (code != 0) {
        return fail("cannot make a pool", betapool_strerror(code));
    }
    run.start = betapool_wall_time();
    code = walk(&run);
    while (code == 0 && !must_stop(&run) && betapool_wait(run.pool, 0.05) == -ETIMEDOUT) {
        show_progress(&run, false);
    }
    show_progress(&run, true);
    betapool_stats stats = {.size = sizeof stats};
    betapool_get_stats(run.pool, &stats);
    betapool_shutdown(run.pool, BETAPOOL_CANCEL);
    betapool_join(run.pool, -1);
    if (code != 0) {
        fail("cannot go on", betapool_strerror(code));
    } else {
        report(&run, &stats, betapool_wall_time() - run.start);
    }
    betapool_free(run.pool);
    return code != 0 ? 2 : interrupted ? 130 : atomic_load(&run.failed) > 0 ? 1 : 0;
}
