/*
 * embed_controller.c - a program that keeps its own threads and asks betapool_controller how many there should be.
 *
 *   cc -std=c11 -O2 -Iinclude examples/c/embed_controller.c -lbetapool -lpthread -o embed_controller
 *
 * It has its own queue, its own workers, its own way to start and end them. What it adds for the controller: each worker attaches itself,
 * says when it has a job, and reports the CPU and wall time of each; somebody takes samples and ticks. The jobs wait for 20 ms each at
 * first, as for a reply from a network; later ones compute for 4 ms instead. Watch the thread count follow.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "betapool.h"

enum { JOBS_THAT_WAIT = 2000, JOBS_THAT_COMPUTE = 500, JOBS = JOBS_THAT_WAIT + JOBS_THAT_COMPUTE };

static const char help[] = "usage: embed_controller [POLICY]\n"
                           "\n"
                           "Does 2000 jobs that wait and 500 that compute on threads of its own, as many as a betapool controller says.\n"
                           "POLICY is fixed, paper, paper-io or adaptive (default).\n"
                           "\n"
                           "examples:\n"
                           "  embed_controller\n"
                           "  embed_controller paper\n";

typedef struct crew {
    pthread_mutex_t mutex;
    pthread_cond_t left; /* a worker has gone */
    betapool_controller *controller;
    unsigned next_job, done; /* jobs taken, jobs finished */
    unsigned wanted, alive;  /* threads that should be there, threads that are */
} crew;

static void sleep_seconds(double seconds) {
    struct timespec time = {(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};
    while (nanosleep(&time, &time) != 0 && errno == EINTR) {
    }
}

static void do_job(unsigned number) {
    if (number < JOBS_THAT_WAIT) {
        sleep_seconds(0.02);
        return;
    }
    for (double start = betapool_cpu_time(); betapool_cpu_time() - start < 0.004;) {
        static _Thread_local volatile double value = 1;
        for (int i = 0; i < 10000; i++) {
            value = value * 1.0000001;
        }
    }
}

static void *work(void *argument) {
    crew *crew = argument;
    int self = betapool_controller_attach(crew->controller); /* on an error the controller decides by CPU use */
    pthread_mutex_lock(&crew->mutex);
    while (crew->alive <= crew->wanted && crew->next_job < JOBS) {
        unsigned job = crew->next_job++;
        pthread_mutex_unlock(&crew->mutex);

        betapool_controller_set_busy(crew->controller, self, true);
        double wall = betapool_wall_time(), cpu = betapool_cpu_time();
        do_job(job);
        cpu = betapool_cpu_time() - cpu;
        betapool_controller_report(crew->controller, cpu, betapool_wall_time() - wall);
        betapool_controller_set_busy(crew->controller, self, false);

        pthread_mutex_lock(&crew->mutex);
        crew->done++;
    }
    betapool_controller_detach(crew->controller, self);
    crew->alive--;
    pthread_cond_signal(&crew->left);
    pthread_mutex_unlock(&crew->mutex);
    return NULL;
}

/* Starts what is missing. What is too much leaves by itself, between two jobs. False if there is not a single thread. */
static bool staff(crew *crew, unsigned wanted) {
    pthread_mutex_lock(&crew->mutex);
    crew->wanted = wanted;
    while (crew->alive < wanted && crew->next_job < JOBS) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, work, crew) != 0) {
            break; /* the machine has no more: go on with what there is */
        }
        pthread_detach(thread);
        crew->alive++;
    }
    bool staffed = crew->alive > 0 || crew->next_job == JOBS;
    pthread_mutex_unlock(&crew->mutex);
    return staffed;
}

static void print_decision(const betapool_decision *decision, double start) {
    char reason[160];
    betapool_decision_reason(decision, reason, sizeof reason);
    printf("%6.2f s  %5llu queued  %-10s  %2u -> %2u threads  %s\n", decision->time - start, (unsigned long long)decision->queue_length,
           betapool_action_name(decision->action), (unsigned)decision->threads_before, (unsigned)decision->threads, reason);
}

/* Ticks until all jobs are done. */
static int run(crew *crew, double interval) {
    double start = betapool_wall_time();
    int last_action = -1;
    if (!staff(crew, (unsigned)betapool_controller_threads(crew->controller))) {
        return -EAGAIN;
    }
    for (;;) {
        for (int sample = 0; sample < 5; sample++) {
            sleep_seconds(interval / 5);
            betapool_controller_sample(crew->controller);
        }
        pthread_mutex_lock(&crew->mutex);
        unsigned queued = JOBS - crew->next_job, done = crew->done;
        pthread_mutex_unlock(&crew->mutex);
        if (done == JOBS) {
            break;
        }
        betapool_decision decision;
        int code = betapool_controller_tick(crew->controller, betapool_wall_time(), queued, &decision);
        if (code != 0) {
            return code;
        }
        if (decision.threads != decision.threads_before || (decision.action == BETAPOOL_VETO && decision.action != last_action)) {
            print_decision(&decision, start);
        }
        last_action = decision.action;
        if (!staff(crew, decision.threads)) {
            return -EAGAIN;
        }
    }
    double seconds = betapool_wall_time() - start;
    printf("%d jobs in %.2f s, %.0f a second; beta %.2f at the end\n", JOBS, seconds, JOBS / seconds,
           betapool_controller_beta(crew->controller));
    return 0;
}

int main(int argc, char **argv) {
    if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        fputs(help, stdout);
        return 0;
    }
    betapool_config config;
    betapool_config_init(&config);
    config.min_threads = 4;
    config.max_threads = 64;
    config.interval = 0.1;
    config.policy = argc > 1 ? betapool_policy_by_name(argv[1]) : BETAPOOL_ADAPTIVE;
    if (argc > 2 || config.policy < 0) {
        fprintf(stderr, "embed_controller: %s: no such policy; there are fixed, paper, paper-io and adaptive\n", argv[argc - 1]);
        return 2;
    }
    crew crew = {.mutex = PTHREAD_MUTEX_INITIALIZER, .left = PTHREAD_COND_INITIALIZER};
    int code = betapool_controller_create(&config, &crew.controller);
    if (code == 0) {
        code = run(&crew, config.interval);
    }
    pthread_mutex_lock(&crew.mutex);
    while (crew.alive > 0) { /* no worker may be left in the controller when it ends */
        pthread_cond_wait(&crew.left, &crew.mutex);
    }
    pthread_mutex_unlock(&crew.mutex);
    betapool_controller_free(crew.controller);
    if (code != 0) {
        fprintf(stderr, "embed_controller: %s\n", betapool_strerror(code));
    }
    return code == 0 ? 0 : 1;
}
