/* Threads that wait for something that happens in C: without the GIL, with a time limit, and open to Ctrl-C. */
#include "host.h"

#include <sys/syscall.h>
#include <unistd.h>

int sleeper_init(sleeper *self) {
    *self = (sleeper){.alarm = PyThread_allocate_lock()};
    if (self->alarm == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    PyThread_acquire_lock(self->alarm, WAIT_LOCK);
    return 0;
}

void sleeper_destroy(sleeper *self) {
    PyThread_release_lock(self->alarm);
    PyThread_free_lock(self->alarm);
}

/*
 * Before it sleeps a thread looks out for its call for a moment, for the reasons that the library's workers do, and by the same rules: one
 * thread at most, on two cores or more, and as long as it pays.
 */
#define LOOKOUT_SECONDS 50e-6
#define LOOKOUT_CREDIT 8
#define LOOKOUT_PAUSE 64

static atomic_flag is_somebody_looking_out = ATOMIC_FLAG_INIT;
static _Thread_local struct {
    int credit; /* above 0: it has paid of late */
    int skipped;
} lookout;

void sleeper_forked(void) {
    atomic_flag_clear(&is_somebody_looking_out);
}

static bool look_out(PyThread_type_lock alarm) {
    bool may_pay = lookout.credit > 0 || lookout.skipped++ >= LOOKOUT_PAUSE;
    if (!may_pay || !host_has_cores() || atomic_flag_test_and_set(&is_somebody_looking_out)) {
        return false;
    }
    lookout.skipped = 0;
    double until = betapool_wall_time() + LOOKOUT_SECONDS;
    bool has_paid;
    do {
        has_paid = PyThread_acquire_lock(alarm, NOWAIT_LOCK);
    } while (!has_paid && betapool_wall_time() < until);
    atomic_flag_clear(&is_somebody_looking_out);
    if (has_paid) {
        lookout.credit += lookout.credit < LOOKOUT_CREDIT;
        gil_await();
    } else {
        lookout.credit -= lookout.credit > 0;
    }
    return has_paid;
}

/*
 * A signal that comes just before the thread falls asleep, or that another thread takes, wakes nobody: so the main thread, where CPython
 * handles them, looks for itself now and then.
 */
#define LOOK_FOR_SIGNALS_SECONDS 1.0

static bool is_main_thread(void) {
    return syscall(SYS_gettid) == getpid();
}

int sleeper_wait(sleeper *self, double deadline) {
    bool is_called;
    Py_BEGIN_ALLOW_THREADS
    is_called = look_out(self->alarm);
    Py_END_ALLOW_THREADS
    double longest = is_called || !is_main_thread() ? FOREVER : LOOK_FOR_SIGNALS_SECONDS;
    while (!is_called) {
        if (PyErr_CheckSignals() < 0) {
            return -1;
        }
        double left = deadline - betapool_wall_time();
        double asleep = left < longest ? left : longest;
        PY_TIMEOUT_T microseconds = asleep == FOREVER ? -1 : asleep > 0 ? (PY_TIMEOUT_T)(asleep * 1e6) + 1 : 0;
        PyLockStatus status;
        Py_BEGIN_ALLOW_THREADS
        status = PyThread_acquire_lock_timed(self->alarm, microseconds, 1);
        Py_END_ALLOW_THREADS
        is_called = status == PY_LOCK_ACQUIRED;
        if (status == PY_LOCK_FAILURE && left <= longest) {
            break;
        }
    }
    COMES_AFTER(self->alarm);
    return is_called;
}

void sleeper_wait_for_call(sleeper *self) {
    PyThread_acquire_lock(self->alarm, WAIT_LOCK);
    COMES_AFTER(self->alarm);
}

void sleepers_add(sleeper **list, sleeper *one) {
    one->next = *list;
    *list = one;
}

bool sleepers_remove(sleeper **list, sleeper *one) {
    if (one->is_called) {
        return false;
    }
    while (*list != NULL && *list != one) {
        list = &(*list)->next;
    }
    if (*list == one) { /* not in the child of a fork */
        *list = one->next;
    }
    return true;
}

sleeper *sleepers_take(sleeper **list, bool all) {
    sleeper *taken = *list;
    if (taken == NULL) {
        return NULL;
    }
    *list = all ? NULL : taken->next;
    if (!all) {
        taken->next = NULL;
    }
    for (sleeper *each = taken; each != NULL; each = each->next) {
        each->is_called = true;
    }
    return taken;
}

void sleepers_call(sleeper *taken) {
    while (taken != NULL) {
        sleeper *next = taken->next; /* it may be gone as soon as it is called */
        COMES_BEFORE(taken->alarm);
        PyThread_release_lock(taken->alarm);
        taken = next;
    }
}
