/*
 * How long tasks wait for a thread and how long they run, as histograms of bounded size: eight buckets for each doubling of the time, so that
 * a percentile is right within some 6 %. On free-threaded builds there are several of each, for threads that count in the same one at the
 * same time would slow each other down. Counting and reading take no lock.
 */
#include "core.h"

#include <stdlib.h>
#include <string.h>

/* A time is counted in units of 2^-30 s, a little less than a nanosecond, so that a bucket for each 2^n seconds begins at that. */
#define UNITS_PER_SECOND 0x1p30
#define BITS 3 /* of a time, after the first, that tell buckets from each other */
#define PER_DOUBLING (1 << BITS)
#define LONGEST 42 /* longer ones, from 2^13 s on, are in the last bucket */
#define BUCKETS ((LONGEST - BITS + 2) * PER_DOUBLING)

#ifdef Py_GIL_DISABLED
#define STRIPES 8
#else
#define STRIPES 1
#endif

typedef _Atomic uint64_t counter;

typedef struct histogram {
    counter counts[BUCKETS];
    counter sum, most; /* units */
} histogram;

typedef struct stripe {
    _Alignas(64) histogram waits;
    histogram runs;
} stripe;

struct timing {
    double units_per_tick;
    stripe stripes[STRIPES];
};

timing *timing_create(void) {
    timing *self = aligned_alloc(_Alignof(timing), sizeof *self);
    if (self == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    memset(self, 0, sizeof *self);
    self->units_per_tick = ticks_prepare() * UNITS_PER_SECOND;
    return self;
}

void timing_free(timing *self) {
    free(self);
}

double timing_seconds(const timing *self, uint64_t ticks) {
    return (double)ticks * self->units_per_tick / UNITS_PER_SECOND;
}

/* ---- Counting ---- */

static unsigned bucket_of(uint64_t units) {
    if (units < PER_DOUBLING) {
        return (unsigned)units;
    }
    unsigned exponent = 63 - (unsigned)__builtin_clzll(units);
    if (exponent > LONGEST) {
        return BUCKETS - 1;
    }
    return (exponent - BITS + 1) * PER_DOUBLING + (unsigned)((units >> (exponent - BITS)) & (PER_DOUBLING - 1));
}

/* Where a bucket ends. */
static double end_of_bucket(unsigned bucket) {
    uint64_t end = bucket + 1;
    if (bucket >= PER_DOUBLING) {
        end = (uint64_t)(bucket % PER_DOUBLING + PER_DOUBLING + 1) << (bucket / PER_DOUBLING - 1);
    }
    return (double)end / UNITS_PER_SECOND;
}

static void add(counter *counter, uint64_t amount) {
#ifdef Py_GIL_DISABLED
    atomic_fetch_add_explicit(counter, amount, memory_order_relaxed);
#else
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + amount, memory_order_relaxed);
#endif
}

static void count(histogram *self, uint64_t units) {
    add(&self->counts[bucket_of(units)], 1);
    add(&self->sum, units);
    uint64_t most = atomic_load_explicit(&self->most, memory_order_relaxed);
    while (units > most && !atomic_compare_exchange_weak_explicit(&self->most, &most, units, memory_order_relaxed, memory_order_relaxed)) {
    }
}

static stripe *own_stripe(timing *self) {
#ifdef Py_GIL_DISABLED
    static atomic_uint threads;
    static _Thread_local unsigned number; /* 0: none yet */
    if (number == 0) {
        number = 1 + atomic_fetch_add_explicit(&threads, 1, memory_order_relaxed) % STRIPES;
    }
    return &self->stripes[number - 1];
#else
    return self->stripes;
#endif
}

void timing_count(timing *self, uint64_t waited, uint64_t ran) {
    stripe *own = own_stripe(self);
    count(&own->waits, (uint64_t)((double)waited * self->units_per_tick));
    count(&own->runs, (uint64_t)((double)ran * self->units_per_tick));
}

/* ---- Reading ---- */

/* betapool.Times of the histograms at this offset in each stripe. */
static PyObject *times_create(core_state *state, timing *self, size_t offset) {
    uint64_t total = 0, sum = 0, most = 0;
    PyObject *buckets = PyList_New(0);
    for (unsigned bucket = 0; buckets != NULL && bucket < BUCKETS; bucket++) {
        uint64_t here = 0;
        for (unsigned i = 0; i < STRIPES; i++) {
            histogram *one = (histogram *)((char *)&self->stripes[i] + offset);
            here += atomic_load_explicit(&one->counts[bucket], memory_order_relaxed);
        }
        if (here == 0) {
            continue;
        }
        total += here;
        PyObject *pair = Py_BuildValue("(dK)", end_of_bucket(bucket), (unsigned long long)here);
        if (pair == NULL || PyList_Append(buckets, pair) < 0) {
            Py_CLEAR(buckets);
        }
        Py_XDECREF(pair);
    }
    for (unsigned i = 0; i < STRIPES; i++) {
        histogram *one = (histogram *)((char *)&self->stripes[i] + offset);
        uint64_t longest = atomic_load_explicit(&one->most, memory_order_relaxed);
        sum += atomic_load_explicit(&one->sum, memory_order_relaxed);
        most = longest > most ? longest : most;
    }
    PyObject *fields[] = {
        PyLong_FromUnsignedLongLong(total),
        PyFloat_FromDouble((double)sum / UNITS_PER_SECOND),
        PyFloat_FromDouble((double)most / UNITS_PER_SECOND),
        buckets == NULL ? NULL : PyList_AsTuple(buckets),
    };
    Py_XDECREF(buckets);
    return record_create(state->times_type, fields, sizeof fields / sizeof fields[0]);
}

PyObject *timing_waits(core_state *state, timing *self) {
    return self == NULL ? Py_NewRef(Py_None) : times_create(state, self, offsetof(stripe, waits));
}

PyObject *timing_runs(core_state *state, timing *self) {
    return self == NULL ? Py_NewRef(Py_None) : times_create(state, self, offsetof(stripe, runs));
}
