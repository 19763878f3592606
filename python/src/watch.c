/*
 * The threads that a Controller sees at work: each is attached with its first task(), and a native thread of the controller's looks at what
 * those that have a task are doing. It must be native: a thread that needs the GIL to look would find everybody else waiting for it.
 */
#include "core.h"

#include <time.h>

struct watch {
    atomic_size_t references;    /* the controller's, and one of each attachment: some outlive the controller */
    betapool_controller *native; /* NULL once the controller is gone */
    PyObject *attachments; /* a thread's own: _thread._local */
    double period; /* seconds between two looks */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    pthread_t thread;
    bool is_started, is_ending;
    atomic_uint generation; /* of the process that lock and thread belong to */
    atomic_bool is_asleep;  /* nobody had a task */
};

/* Number of forks between the first process and this one: a child has none of its parent's threads, and nothing is attached there. */
static unsigned generation;
static atomic_flag is_renewing = ATOMIC_FLAG_INIT;

static void count_fork(void) {
    generation++;
    atomic_flag_clear(&is_renewing);
    sleeper_forked();
}

int watch_prepare(void) {
    static bool is_prepared;
    if (!is_prepared && pthread_atfork(NULL, NULL, count_fork) != 0) {
        PyErr_NoMemory();
        return -1;
    }
    is_prepared = true;
    return 0;
}

/* ---- Looking ---- */

#define LOOKS_PER_INTERVAL 5

static void *look(void *argument) {
    watch *self = argument;
    pthread_mutex_lock(&self->lock);
    while (!self->is_ending) {
        atomic_store(&self->is_asleep, true); /* before looking: who gets a task after that rings */
        pthread_mutex_unlock(&self->lock);
        int busy = betapool_controller_sample(self->native);
        pthread_mutex_lock(&self->lock);
        if (busy <= 0) {
            while (!self->is_ending && atomic_load(&self->is_asleep)) {
                pthread_cond_wait(&self->changed, &self->lock);
            }
            continue;
        }
        atomic_store(&self->is_asleep, false);
        struct timespec until = thread_deadline(self->period);
        while (!self->is_ending && pthread_cond_timedwait(&self->changed, &self->lock, &until) != ETIMEDOUT) {
        }
    }
    pthread_mutex_unlock(&self->lock);
    return NULL;
}

/* In the child of a fork: whoever held the lock does not exist here, nor does the thread. */
static void renew(watch *self) {
    while (atomic_flag_test_and_set(&is_renewing)) {
    }
    if (atomic_load(&self->generation) != generation) {
        thread_prepare(&self->lock, &self->changed);
        self->is_started = false;
        atomic_store(&self->generation, generation);
    }
    atomic_flag_clear(&is_renewing);
}

/* Starts the thread. Not fatal if it cannot be had: ticks look, too. */
static void start(watch *self) {
    self->is_started = self->is_started || thread_start(&self->thread, look, self) == 0;
}

static void release(watch *self) {
    if (atomic_fetch_sub(&self->references, 1) > 1) {
        return;
    }
    if (atomic_load(&self->generation) == generation) {
        pthread_cond_destroy(&self->changed);
        pthread_mutex_destroy(&self->lock);
    }
    PyMem_RawFree(self);
}

/* ---- Attached threads ---- */

struct attachment {
    watch *watch;
    int number; /* what betapool_controller_attach said */
    unsigned generation;
    unsigned depth; /* tasks under way in this thread, one in the other */
};

static const char attachment_name[] = "betapool._core.attachment";

/*
 * The thread ends, or the controller. Or the thread some time after the controller: without a GIL an object that another thread gives up is
 * freed by the thread that made it, when it comes to that.
 */
static void detach(PyObject *capsule) {
    attachment *self = PyCapsule_GetPointer(capsule, attachment_name);
    watch *watch = self->watch;
    if (self->generation == generation && self->number >= 0) {
        pthread_mutex_lock(&watch->lock);
        if (watch->native != NULL) {
            betapool_controller_detach(watch->native, self->number);
        }
        pthread_mutex_unlock(&watch->lock);
    }
    PyMem_RawFree(self);
    release(watch);
}

/* The calling thread's, made if there was none. NULL with an exception. */
static attachment *own_attachment(watch *watch, PyObject *name) {
    PyObject *capsule = PyObject_GetAttr(watch->attachments, name);
    if (capsule == NULL && PyErr_ExceptionMatches(PyExc_AttributeError)) {
        PyErr_Clear();
        attachment *made = PyMem_RawCalloc(1, sizeof *made);
        if (made == NULL) {
            PyErr_NoMemory();
            return NULL;
        }
        made->watch = watch;
        made->number = -1;
        capsule = PyCapsule_New(made, attachment_name, detach);
        if (capsule == NULL) {
            PyMem_RawFree(made);
            return NULL;
        }
        atomic_fetch_add(&watch->references, 1);
        if (PyObject_SetAttr(watch->attachments, name, capsule) < 0) {
            Py_CLEAR(capsule);
        }
    }
    if (capsule == NULL) {
        return NULL;
    }
    attachment *self = PyCapsule_GetPointer(capsule, attachment_name);
    Py_DECREF(capsule); /* the thread has it */
    return self;
}

attachment *watch_begin(watch *watch, PyObject *name) {
    attachment *self = own_attachment(watch, name);
    if (self == NULL) {
        return NULL;
    }
    if (atomic_load(&watch->generation) != generation) {
        renew(watch);
    }
    bool is_attached = self->number >= 0 && self->generation == generation;
    if (!is_attached) {
        self->generation = generation;
        self->number = betapool_controller_attach(watch->native); /* out of memory: goes on unseen */
        pthread_mutex_lock(&watch->lock);
        start(watch);
        pthread_mutex_unlock(&watch->lock);
    }
    if (self->depth++ == 0 || !is_attached) {
        betapool_controller_set_busy(watch->native, self->number, true);
        if (atomic_load(&watch->is_asleep)) {
            pthread_mutex_lock(&watch->lock);
            atomic_store(&watch->is_asleep, false);
            pthread_cond_signal(&watch->changed);
            pthread_mutex_unlock(&watch->lock);
        }
    }
    COMES_BEFORE(watch); /* who has a task has the controller: its end comes later */
    return self;
}

void watch_end(attachment *self) {
    if (--self->depth == 0 && self->generation == generation) {
        betapool_controller_set_busy(self->watch->native, self->number, false);
    }
    COMES_BEFORE(self->watch);
}

/* ---- Making and ending ---- */

watch *watch_create(betapool_controller *native, double interval) {
    watch *self = PyMem_RawCalloc(1, sizeof *self);
    if (self == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    PyObject *module = PyImport_ImportModule("_thread"); /* not threading: others put their own in its place */
    self->attachments = module == NULL ? NULL : PyObject_CallMethod(module, "_local", NULL);
    Py_XDECREF(module);
    if (self->attachments == NULL) {
        PyMem_RawFree(self);
        return NULL;
    }
    atomic_init(&self->references, 1);
    self->native = native;
    self->period = interval / LOOKS_PER_INTERVAL;
    self->generation = generation;
    thread_prepare(&self->lock, &self->changed);
    return self;
}

void watch_free(watch *self) {
    COMES_AFTER(self);
    Py_DECREF(self->attachments); /* those of all threads */
    if (self->is_started && self->generation == generation) {
        pthread_mutex_lock(&self->lock);
        self->is_ending = true;
        pthread_cond_signal(&self->changed);
        pthread_mutex_unlock(&self->lock);
        Py_BEGIN_ALLOW_THREADS
        pthread_join(self->thread, NULL);
        Py_END_ALLOW_THREADS
    }
    if (self->generation == generation) {
        pthread_mutex_lock(&self->lock);
        self->native = NULL;
        pthread_mutex_unlock(&self->lock);
    }
    release(self);
}
