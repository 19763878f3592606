/*
 * primes.c - how many primes there are below a number: the sieve of Eratosthenes in segments, one task a segment.
 *
 * The tasks are known beforehand and go to the pool in one call. They only compute: about as many threads as cores are enough.
 */
#include <betapool.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { SEGMENT = 1 << 17 };
static const uint64_t most = 10000000000; /* its square root is within `small` */
static bool small[100001];                /* whether a number is composite; filled before the pool begins, then only read */

typedef struct segment {
    uint64_t begin, end, primes;
} segment;

static void sieve_small(void) {
    small[0] = small[1] = true;
    for (size_t p = 2; p * p < sizeof small; p++) {
        for (size_t multiple = p * p; !small[p] && multiple < sizeof small; multiple += p) {
            small[multiple] = true;
        }
    }
}

static void sieve_segment(void *argument, int status) {
    segment *segment = argument;
    if (status != 0) {
        return;
    }
    bool composite[SEGMENT] = {false}; /* a worker has 1 MiB of stack */
    for (uint64_t p = 2; p * p < segment->end; p++) {
        uint64_t first = (segment->begin + p - 1) / p * p;
        for (uint64_t m = first < p * p ? p * p : first; !small[p] && m < segment->end; m += p) {
            composite[m - segment->begin] = true;
        }
    }
    for (uint64_t n = segment->begin < 2 ? 2 : segment->begin; n < segment->end; n++) {
        segment->primes += !composite[n - segment->begin];
    }
}

/* The sum over all segments, or a negative code. */
static int64_t count_primes(uint64_t limit) {
    size_t count = (size_t)((limit + SEGMENT - 1) / SEGMENT);
    segment *segments = calloc(count, sizeof *segments);
    betapool_task *tasks = calloc(count, sizeof *tasks);
    betapool *pool = NULL;
    betapool_config config;
    betapool_config_init(&config);
    int code = count > 0 && (segments == NULL || tasks == NULL) ? -ENOMEM : betapool_create(&config, &pool);
    for (size_t i = 0; i < count && code == 0; i++) {
        uint64_t begin = (uint64_t)i * SEGMENT;
        segments[i] = (segment){begin, limit - begin < SEGMENT ? limit : begin + SEGMENT, 0};
        tasks[i] = (betapool_task){sieve_segment, &segments[i]};
    }
    if (code == 0 && count > 0) {
        code = betapool_submit_batch(pool, tasks, count);
    }
    betapool_free(pool); /* runs what is queued, and waits for it */

    int64_t primes = code;
    for (size_t i = 0; i < count && code == 0; i++) {
        primes += (int64_t)segments[i].primes;
    }
    free(tasks);
    free(segments);
    return primes;
}

int main(int argc, char **argv) {
    char *end = NULL;
    uint64_t limit = argc == 2 && argv[1][0] != '-' ? strtoull(argv[1], &end, 10) : 0;
    if (end == NULL || end == argv[1] || *end != 0 || limit > most) {
        fputs("usage: primes LIMIT      (at most 10000000000)\n", stderr);
        return 2;
    }
    sieve_small();
    int64_t primes = count_primes(limit);
    if (primes < 0) {
        fprintf(stderr, "primes: %s\n", betapool_strerror((int)primes));
        return 1;
    }
    printf("%lld\n", (long long)primes);
    return 0;
}
