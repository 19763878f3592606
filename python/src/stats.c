/* betapool_stats to betapool.PoolStats. The record's class, in Python, says what each field means. */
#include "core.h"

PyObject *stats_create(core_state *state, const betapool_stats *stats, timing *timing) {
    const char *policy = betapool_policy_name(stats->policy);
    PyObject *fields[] = {
        policy == NULL ? core_raise(-EINVAL) : PyUnicode_InternFromString(policy),
        PyLong_FromUnsignedLong(stats->min_threads),
        PyLong_FromUnsignedLong(stats->max_threads),
        PyLong_FromUnsignedLong(stats->target_threads),
        PyLong_FromUnsignedLong(stats->threads),
        PyLong_FromUnsignedLong(stats->idle_threads),
        PyLong_FromUnsignedLongLong(stats->queue_length),
        PyLong_FromUnsignedLongLong(stats->running),
        PyLong_FromUnsignedLongLong(stats->submitted),
        PyLong_FromUnsignedLongLong(stats->completed),
        PyLong_FromUnsignedLongLong(stats->cancelled),
        PyLong_FromUnsignedLongLong(stats->threads_started),
        PyLong_FromUnsignedLongLong(stats->threads_retired),
        PyLong_FromUnsignedLongLong(stats->spawn_failures),
        PyLong_FromUnsignedLongLong(stats->decisions),
        PyLong_FromUnsignedLongLong(stats->scale_ups),
        PyLong_FromUnsignedLongLong(stats->scale_downs),
        PyLong_FromUnsignedLongLong(stats->vetoes),
        PyFloat_FromDouble(stats->cpu_time),
        PyFloat_FromDouble(stats->busy_time),
        number_or_none(stats->beta),
        PyFloat_FromDouble(stats->beta_ewma),
        number_or_none(stats->beta_io),
        number_or_none(stats->running_threads),
        number_or_none(stats->contending_threads),
        number_or_none(stats->waiting_threads),
        number_or_none(stats->surplus_threads),
        PyBool_FromLong(stats->wait_states),
        timing_waits(state, timing),
        timing_runs(state, timing),
    };
    return record_create(state->stats_type, fields, sizeof fields / sizeof fields[0]);
}
