/* What one thread is doing, by /proc/PID/task/TID: no privilege is needed for a process of one's own. */
#include "survey.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* System calls by what a thread waits for in them. Those that are not here, flock and wait4 among them, are IN_OTHER. */
static survey_state call_state(long number, const unsigned long *arguments) {
    switch (number) {
    case SYS_nanosleep:
    case SYS_clock_nanosleep:
#ifdef SYS_pause
    case SYS_pause:
#endif
        return IN_SLEEP;
#ifdef SYS_select
    case SYS_select:
#endif
    case SYS_pselect6:
        return arguments[0] == 0 ? IN_SLEEP : IN_POLL; /* time.sleep() up to 3.10 is a select() of nothing */
#ifdef SYS_poll
    case SYS_poll:
#endif
    case SYS_ppoll:
        return arguments[1] == 0 ? IN_SLEEP : IN_POLL;
#ifdef SYS_epoll_wait
    case SYS_epoll_wait:
#endif
    case SYS_epoll_pwait:
#ifdef SYS_epoll_pwait2
    case SYS_epoll_pwait2:
#endif
        return IN_POLL;
    case SYS_read:
    case SYS_readv:
    case SYS_pread64:
    case SYS_recvfrom:
    case SYS_recvmsg:
    case SYS_recvmmsg:
    case SYS_accept:
    case SYS_accept4:
        return IN_READ;
    case SYS_write:
    case SYS_writev:
    case SYS_pwrite64:
    case SYS_sendto:
    case SYS_sendmsg:
    case SYS_sendmmsg:
    case SYS_sendfile:
    case SYS_connect:
    case SYS_fsync:
    case SYS_fdatasync:
        return IN_WRITE;
    default:
        return IN_OTHER;
    }
}

/* Opens a file of the thread's. */
static int open_file(const probe *self, int tasks, const char *name) {
    char path[48];
    snprintf(path, sizeof path, "%d/%s", (int)self->thread, name);
    return openat(tasks, path, O_RDONLY | O_CLOEXEC);
}

/* Reads a file of the thread's as text. The number of bytes, or -1. */
static ssize_t read_file(const probe *self, int tasks, const char *name, char *text, size_t size) {
    int file = open_file(self, tasks, name);
    if (file < 0) {
        return -1;
    }
    ssize_t length = read(file, text, size - 1);
    close(file);
    text[length < 0 ? 0 : length] = '\0';
    return length;
}

survey_state probe_look(probe *self, int tasks, uintptr_t gil, size_t gil_size) {
    char text[256];
    ssize_t length = -1;
    if (self->file >= 0) {
        length = pread(self->file, text, sizeof text - 1, 0);
        text[length < 0 ? 0 : length] = '\0';
    } else {
        length = read_file(self, tasks, "syscall", text, sizeof text);
    }
    if (length <= 0) {
        return length < 0 && (errno == EACCES || errno == EPERM) ? NOT_TOLD : THREAD_IS_GONE;
    }
    if (text[0] == 'r') {
        return ON_CPU;
    }
    char *rest;
    long number = strtol(text, &rest, 10);
    unsigned long arguments[2] = {0, 0};
    for (size_t i = 0; i < 2; i++) {
        arguments[i] = strtoul(rest, &rest, 16);
    }
    bool is_futex = number == SYS_futex;
#ifdef SYS_futex_time64
    is_futex = is_futex || number == SYS_futex_time64;
#endif
    if (is_futex) {
        return arguments[0] - gil < gil_size ? IN_GIL : IN_LOCK;
    }
    return call_state(number, arguments);
}

bool probe_times(const probe *self, int tasks, double *cpu, double *queued) {
    char text[96];
    unsigned long long on_cpu, waiting;
    if (read_file(self, tasks, "schedstat", text, sizeof text) <= 0 || sscanf(text, "%llu %llu", &on_cpu, &waiting) != 2) {
        return false;
    }
    *cpu = (double)on_cpu * 1e-9;
    *queued = (double)waiting * 1e-9;
    return true;
}

void probe_name(const probe *self, int tasks, char name[16]) {
    char text[32];
    if (read_file(self, tasks, "comm", text, sizeof text) < 0) {
        text[0] = '\0';
    }
    text[strcspn(text, "\n")] = '\0';
    snprintf(name, 16, "%.15s", text);
}
