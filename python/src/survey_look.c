/*
 * How the threads of a process are looked at.
 *
 * A look at all threads would cost more the more there are, so it visits `visits` of them, in turn, and what it sees of them stands for the
 * others: each visit counts for the time since the last look, times threads per visit. Sums of that are unbiased, also for threads that live
 * for less than a turn. Looks come at random times around their rate, so that a program with a beat of its own is not seen at one phase of
 * it alone. How long a thread was on a core, and queued for one, the kernel counts exactly; that is read at some visits.
 */
#include "survey.h"

#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* Visits to a thread from one reading of its times to the next: a file to open costs more than a look. */
#define VISITS_PER_READING 8
/* Seconds after which the list of threads is read anew if nothing else asks for it, and the least between two readings of a long one. */
#define RESCAN 1.0
#define RESCAN_AT_LEAST 0.05

static double random_number(survey_object *self) {
    self->random ^= self->random << 13;
    self->random ^= self->random >> 7;
    self->random ^= self->random << 17;
    return (double)(self->random >> 11) * 0x1p-53;
}

static void keep(survey_object *self, uint32_t thread, survey_state state, double now, double weight) {
    if (++self->skipped < self->keep_every) {
        return;
    }
    self->skipped = 0;
    if (self->sample_count == MOST_SAMPLES) {
        /* From now on half as many: every other one goes, and the rest stand for them. Which one is left to chance. */
        size_t kept = 0;
        for (size_t i = 0; i + 1 < self->sample_count; i += 2) {
            self->samples[kept] = self->samples[i + (random_number(self) < 0.5)];
            self->samples[kept++].weight *= 2;
        }
        self->sample_count = kept;
        self->keep_every *= 2;
    }
    weight *= self->keep_every;
    self->samples[self->sample_count++] = (sample){(float)(now - self->began), (float)weight, thread, (uint32_t)state};
}

static void read_times(survey_object *self, record *record, double now) {
    double cpu, queued;
    if (!probe_times(&record->probe, self->tasks, &cpu, &queued)) {
        return;
    }
    double on_cpu = cpu - record->read_cpu, waited = queued - record->read_queued; /* at first: since it began */
    if (record->read_at > 0) {
        record->span += now - record->read_at;
        record->cpu += on_cpu;
        record->queued += waited;
    }
    if (on_cpu + waited > 0) {
        record->queued_share = waited / (on_cpu + waited);
    }
    record->read_at = now;
    record->read_cpu = cpu;
    record->read_queued = queued;
}

/*
 * Whether a thread that does not sleep, and was last seen to wait for the GIL, has to go without it. While it is handed over nobody has it:
 * then one of them needs but a core to take it, and all others wait for that one.
 */
static bool goes_without_gil(survey_object *self, record *record) {
    if (record->slept != IN_GIL) {
        return false;
    }
    if (self->gil_is_held) {
        return !memory_has_gil(&self->memory, record->probe.thread, &record->state, self->gil);
    }
    bool is_next = !self->next_is_met;
    self->next_is_met = true;
    return !is_next;
}

/* False if the thread is gone. */
static bool visit(survey_object *self, uint32_t index, double now, double weight) {
    record *record = &self->records[index];
    survey_state state = probe_look(&record->probe, self->tasks, self->gil, (size_t)self->memory.layout.gil_size);
    if (state < 0) {
        record->is_gone = record->is_gone || state == THREAD_IS_GONE;
        return state != THREAD_IS_GONE;
    }
    if (record->visits == 0) {
        record->first = now;
    }
    record->last = now;
    if (record->visits++ % VISITS_PER_READING == 0) {
        read_times(self, record, now);
    }
    if (self->wants_roots && (record->visits == 2 || (record->root[0] == '\0' && record->visits % 16 == 0))) {
        memory_root(&self->memory, record->probe.thread, &record->state, record->root, sizeof record->root);
    }
    if (state == ON_CPU) {
        bool is_without_gil = goes_without_gil(self, record);
        record->without_gil += is_without_gil ? weight : 0;
        if (random_number(self) < record->queued_share) {
            state = is_without_gil ? IN_GIL : QUEUED;
            record->awake_for_gil += is_without_gil ? weight : 0;
        }
    } else if (state == IN_LOCK && memory_is_idle(&self->memory, record->probe.thread, &record->state)) {
        state = IDLE;
    }
    if (state != ON_CPU && state != QUEUED) {
        record->slept = state;
    }
    record->seconds[state] += weight;
    if (self->keeps_samples) {
        keep(self, index, state, now, weight);
    }
    return true;
}

static void look(survey_object *self, double now) {
    double since = now - self->last_look;
    self->last_look = now;
    self->seconds += since;
    self->looks++;
    int locked = 0;
    if (self->gil != 0 && memory_read(&self->memory, self->gil + (uintptr_t)self->memory.layout.gil_locked, &locked, sizeof locked)) {
        self->gil_seen += since;
        self->gil_held += locked > 0 ? since : 0;
    }
    self->gil_is_held = locked > 0;
    self->next_is_met = false;
    struct stat folder;
    bool has_changed = fstat(self->tasks, &folder) != 0 || folder.st_nlink != self->links;
    self->links = folder.st_nlink;
    bool may_scan = self->living_count < 64 || now - self->last_scan > RESCAN_AT_LEAST;
    if (now - self->last_scan > RESCAN || (has_changed && may_scan)) {
        survey_scan(self, now);
    } else if (has_changed) {
        self->links = 0; /* next time */
    }
    size_t visits = self->living_count < self->visits ? self->living_count : self->visits;
    double weight = visits == 0 ? 0 : since * (double)self->living_count / (double)visits;
    bool all_there = true;
    for (size_t i = 0; i < visits; i++) {
        self->cursor = (self->cursor + 1) % self->living_count;
        all_there = visit(self, self->living[self->cursor], now, weight) && all_there;
    }
    if (!all_there) {
        survey_remove_gone(self);
        self->links = 0;
    }
}

static double cpu_time(void) {
    struct timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

void *survey_run(void *argument) {
    survey_object *self = argument;
    pthread_mutex_lock(&self->lock);
    self->own = (pid_t)syscall(SYS_gettid);
    self->began = self->last_look = betapool_wall_time();
    survey_scan(self, self->began);
    while (!self->is_ending) {
        struct timespec until = thread_deadline((0.5 + random_number(self)) / self->rate);
        while (!self->is_ending && pthread_cond_timedwait(&self->changed, &self->lock, &until) != ETIMEDOUT) {
        }
        if (!self->is_ending) {
            look(self, betapool_wall_time());
            self->cost = cpu_time();
        }
    }
    for (size_t i = 0; i < self->living_count; i++) {
        read_times(self, &self->records[self->living[i]], betapool_wall_time());
    }
    pthread_mutex_unlock(&self->lock);
    return NULL;
}
