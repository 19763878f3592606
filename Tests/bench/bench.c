/*
 * bench.c - a benchmark program: .build/bench/PEER COMMAND [--OPTION VALUE]... prints one line of JSON. It ends with 77 and a reason if
 * the peer cannot do what is asked for; python/evaluation/native.py runs it.
 */
#include "bench.h"

#include <dlfcn.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { LONGEST = 120 }; /* seconds: nothing outlives a harness that died */

static const char *program;

void end_with(int status, const char *format, ...) {
    va_list arguments;
    fprintf(stderr, "%s: ", program);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    _exit(status); /* threads may be at work */
}

void *make_pool(unsigned long workers) {
    void *pool = the_peer.create((unsigned)workers);
    if (pool == NULL) {
        end_with(FAILED, "a pool of %lu workers could not be made", workers);
    }
    return pool;
}

/* Who this is, and where its library was loaded from. */
static void about(const options *options) {
    Dl_info found = {NULL, NULL, NULL, NULL};
    char *library = NULL;
    (void)options;
    if (the_peer.symbol != NULL && dladdr(dlsym(RTLD_DEFAULT, the_peer.symbol), &found) != 0) {
        library = realpath(found.dli_fname, NULL);
    }
    printf("{\"version\": \"%s\", \"library\": \"%s\", \"symbol\": \"%s\"}\n", the_peer.version(), library != NULL ? library : "",
        the_peer.symbol != NULL ? the_peer.symbol : "");
    free(library);
}

/* How fast this core computes: the least time of many, for what disturbs only ever adds to it. */
static void calibrate(const options *options) {
    enum { REPEATS = 50, ITERATIONS = 200000 };
    double least = 1e9;
    (void)options;
    for (int i = 0; i < REPEATS; i++) {
        double began = seconds_on(CLOCK_THREAD_CPUTIME_ID);
        spin(ITERATIONS);
        double seconds = seconds_on(CLOCK_THREAD_CPUTIME_ID) - began;
        least = seconds < least ? seconds : least;
    }
    printf("{\"iterations_per_second\": %.0f}\n", ITERATIONS / least);
}

/* Computes until it is ended, and ends with whoever started it. */
__attribute__((noreturn)) static void burn(const options *options) {
    (void)options;
    alarm(0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    puts("{}");
    fflush(stdout);
    for (;;) {
        spin(1000000);
    }
}

static const struct command {
    const char *name;
    void (*run)(const options *options);
} commands[] = {
    {"throughput", throughput}, {"instructions", instructions}, {"roundtrip", roundtrip}, {"rss", rss},
    {"about", about}, {"calibrate", calibrate}, {"burn", burn},
};

static double number(const char *name, const char *text, double least, double most) {
    char *end = NULL;
    double value = text != NULL ? strtod(text, &end) : 0;
    if (text == NULL || end == text || *end != '\0' || !(value >= least && value <= most)) {
        end_with(MISUSED, "%s takes a number from %g to %g, not %s", name, least, most, text != NULL ? text : "nothing");
    }
    return value;
}

static options options_of(char **arguments) {
    options options = {.producers = 1, .workers = 1, .batch = 1, .work = 0, .tasks = 100000, .seconds = 0.2, .core = -1};
    for (; *arguments != NULL; arguments += 2) {
        const char *name = arguments[0], *text = arguments[1];
        if (strcmp(name, "--producers") == 0) {
            options.producers = (unsigned long)number(name, text, 1, 256);
        } else if (strcmp(name, "--workers") == 0) {
            options.workers = (unsigned long)number(name, text, 1, 1024);
        } else if (strcmp(name, "--batch") == 0) {
            options.batch = (unsigned long)number(name, text, 1, 1e6);
        } else if (strcmp(name, "--work") == 0) {
            options.work = (unsigned long)number(name, text, 0, 1e12);
        } else if (strcmp(name, "--tasks") == 0) {
            options.tasks = (unsigned long)number(name, text, 1, 1e9);
        } else if (strcmp(name, "--seconds") == 0) {
            options.seconds = number(name, text, 0, 60);
        } else if (strcmp(name, "--core") == 0) {
            options.core = (long)number(name, text, 0, CPU_SETSIZE - 1);
        } else {
            end_with(MISUSED, "there is no option %s", name);
        }
    }
    return options;
}

int main(int count, char **arguments) {
    program = arguments[0];
    for (size_t i = 0; count > 1 && i < sizeof commands / sizeof *commands; i++) {
        if (strcmp(arguments[1], commands[i].name) != 0) {
            continue;
        }
        options options = options_of(arguments + 2);
        alarm(LONGEST);
        prctl(PR_SET_TIMERSLACK, 1UL); /* the looks of the thread that waits are as short as they are said to be */
        if (options.core >= 0) {
            cpu_set_t set;
            CPU_ZERO(&set);
            CPU_SET((size_t)options.core, &set);
            if (sched_setaffinity(0, sizeof set, &set) != 0) {
                end_with(UNAVAILABLE, "core %ld cannot be had: %s", options.core, strerror(errno));
            }
        }
        const char *refusal = the_peer.refusal != NULL ? the_peer.refusal((unsigned)options.workers) : NULL;
        if (refusal != NULL) {
            end_with(UNAVAILABLE, "%s", refusal);
        }
        commands[i].run(&options);
        return fflush(stdout) != 0;
    }
    end_with(MISUSED, "say what to measure: throughput, instructions, roundtrip, rss, about, calibrate or burn");
}
