/* CPython as the host of libbetapool's threads: host.c; and its GIL, as far as it can be seen from outside: gil.c. */
#ifndef BETAPOOL_HOST_H
#define BETAPOOL_HOST_H

#include "core.h"

#pragma GCC visibility push(hidden)

/*
 * A call into the library by a thread that holds the GIL (on free-threaded builds: that is attached). While it lasts, callbacks on this
 * thread may run Python code; without one they must not.
 */
typedef struct host_call {
    struct host_thread *thread;
    struct host_call *outer;
    pool_object *pool;
    PyObject *give_up; /* the crew's method for futures of tasks that the library gives up during this call; borrowed */
    PyObject **error;  /* where the exception goes that kept a thread from starting; NULL: nowhere */
} host_call;

/* The calling thread as a host's. It is asked for once where much is to be done: to find what belongs to a thread takes a call. */
typedef struct host_thread host_thread;
host_thread *host_this_thread(void);

void host_enter(host_call *call, pool_object *pool, PyObject *give_up, PyObject **error);
void host_leave(host_call *call);
/* The pool of the call that the thread makes, and the method for futures of tasks given up meanwhile. */
pool_object *host_pool(const host_thread *thread);
PyObject *host_give_up(void);

/* Whether there are cores enough for a thread to wait for another one without sleeping. Counted when a pool is made. */
void host_count_cores(void);
bool host_has_cores(void);

/* Lets go of the GIL for a call into the library that may wait. */
void host_detach(void);
void host_attach(void);

/* Serves as a worker. What betapool_serve returns. */
int host_serve(pool_object *pool);
/* Whether the calling thread is a worker, and one of the pool's. */
bool host_is_worker(void);
bool host_is_serving(pool_object *pool);
/* The future of the task that the thread runs, or NULL. */
void host_set_future(host_thread *thread, PyObject *future);
PyObject *host_future(const host_thread *thread);
/* Called by a worker between two tasks: lets other threads have the GIL if they ask for it. */
void host_give_way(host_thread *thread);

/* The callbacks of betapool_config; `host` is the pool_object. */
int host_spawn(void *host);
void host_before_wait(void *host);
void host_after_wait(void *host);
void host_on_decision(void *host, const betapool_decision *decision);

/* ---- gil.c ---- */

/* Where threads sleep that wait for the GIL, for betapool_config.lock and lock_size. Called with it held. -1 with an exception. */
int gil_range(const void **start, size_t *size);
/* Waits for a moment, without sleeping, until nobody has the GIL. Called without it. */
void gil_await(void);

#pragma GCC visibility pop

#endif
