/*
 * betapool._core.Survey: a native thread that looks at the threads of a process some times a second, and what it has seen.
 *
 * A look at all threads would cost more the more there are, so it visits `visits` of them, in turn, and what it sees of them stands for the
 * others: each visit counts for the time since the last look, times threads per visit. Sums of that are unbiased, also for threads that live
 * for less than a turn. Looks come at random times around their rate, so that a program with a beat of its own is not seen at one phase of
 * it alone. How long a thread was on a core, and queued for one, the kernel counts exactly; that is read at some visits.
 */
#include "survey.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* Visits to a thread from one reading of its times to the next: a file to open costs more than a look. */
#define VISITS_PER_READING 8
/* Seconds after which the list of threads is read anew if nothing else asks for it, and the least between two readings of a long one. */
#define RESCAN 1.0
#define RESCAN_AT_LEAST 0.05
#define MOST_SAMPLES (1u << 20)

typedef struct record {
    probe probe;
    bool is_gone;
    unsigned visits;
    uintptr_t state; /* its PyThreadState; 0: not known */
    double first, last; /* visits, on the clock of time.monotonic() */
    double seconds[SURVEY_STATES];
    double awake_for_gil; /* of those in IN_GIL: awake, for a waiter looks up every 5 ms, and queued for a core to do so */
    double without_gil;   /* not asleep, while the GIL that it was last seen to wait for was another's */
    survey_state slept;   /* the last state in which it slept */
    /* Of the span between the first and the last reading of its times. */
    double span, cpu, queued;
    double read_at, read_cpu, read_queued; /* the last; read_at 0: none */
    double queued_share;                   /* of the time that it could run, between the last two */
    char name[16], root[64];
} record;

/* One visit, for the timeline. */
typedef struct sample {
    float time;   /* seconds since the beginning */
    float weight; /* thread-seconds it stands for */
    uint32_t thread;
    uint32_t state;
} sample;

typedef struct survey_object {
    PyObject_HEAD
    pthread_mutex_t lock;
    pthread_cond_t changed;
    pthread_t thread;
    bool is_started, is_ending;
    pid_t owner;         /* the process that the thread runs in */
    int tasks;           /* /proc/PID/task */
    pid_t own;           /* the sampling thread's number */
    double rate;         /* looks a second */
    unsigned visits;     /* at most, in a look */
    unsigned files, most_files, first_file;
    memory memory;
    uintptr_t gil;
    bool keeps_samples, wants_roots;

    record *records;
    size_t count, room;
    uint32_t *living; /* indices of records */
    size_t living_count, living_room, cursor;
    sample *samples;
    size_t sample_count;
    unsigned keep_every, skipped;

    uint64_t random;
    double began, last_look, last_scan;
    unsigned long links; /* of the folder: it has one for each thread */
    double gil_seen, gil_held, seconds, cost;
    unsigned long looks;
    bool is_over;
    bool gil_is_held, next_is_met; /* in this look: the one that takes the GIL next was visited */
} survey_object;

static double random_number(survey_object *self) {
    self->random ^= self->random << 13;
    self->random ^= self->random >> 7;
    self->random ^= self->random << 17;
    return (double)(self->random >> 11) * 0x1p-53;
}

/* ---- The list of threads ---- */

static void close_probe(survey_object *self, record *record) {
    if (record->probe.file >= 0) {
        close(record->probe.file);
        record->probe.file = -1;
        self->files--;
    }
}

/* Descriptors are the program's: only some are taken, and from the upper end, for select() cannot have numbers above 1023. */
static void open_probe(survey_object *self, record *record) {
    if (self->files >= self->most_files) {
        return;
    }
    char path[48];
    snprintf(path, sizeof path, "%d/syscall", (int)record->probe.thread);
    int file = openat(self->tasks, path, O_RDONLY | O_CLOEXEC);
    if (file >= 0) {
        record->probe.file = fcntl(file, F_DUPFD_CLOEXEC, (int)self->first_file);
        close(file);
        self->files += record->probe.file >= 0;
    }
}

/* Room for one more element. False when out of memory. */
static bool make_room(void **array, size_t *room, size_t count, size_t size) {
    if (count < *room) {
        return true;
    }
    size_t wanted = *room == 0 ? 64 : 2 * *room;
    void *larger = realloc(*array, wanted * size);
    if (larger == NULL) {
        return false;
    }
    *array = larger;
    *room = wanted;
    return true;
}

static void add_thread(survey_object *self, pid_t thread) {
    if (!make_room((void **)&self->records, &self->room, self->count, sizeof *self->records) ||
        !make_room((void **)&self->living, &self->living_room, self->living_count, sizeof *self->living)) {
        return; /* goes on unseen */
    }
    record *record = &self->records[self->count];
    memset(record, 0, sizeof *record);
    record->probe.thread = thread;
    record->probe.file = -1;
    probe_name(&record->probe, self->tasks, record->name);
    open_probe(self, record);
    self->living[self->living_count++] = (uint32_t)self->count++;
}

static void remove_gone(survey_object *self) {
    size_t kept = 0;
    for (size_t i = 0; i < self->living_count; i++) {
        record *record = &self->records[self->living[i]];
        if (record->is_gone) {
            close_probe(self, record);
        } else {
            self->living[kept++] = self->living[i];
        }
    }
    self->living_count = kept;
}

static int compare_threads(const void *left, const void *right) {
    pid_t a = *(const pid_t *)left, b = *(const pid_t *)right;
    return (a > b) - (a < b);
}

/* Reads the folder; threads that are not in it are gone. */
static void scan(survey_object *self, double now) {
    int file = openat(self->tasks, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *folder = file < 0 ? NULL : fdopendir(file);
    if (folder == NULL) {
        if (file >= 0) {
            close(file);
        }
        self->is_over = self->is_over || errno == ENOENT || errno == ESRCH;
        return;
    }
    pid_t *found = NULL;
    size_t count = 0, room = 0;
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        pid_t thread = (pid_t)atoi(entry->d_name);
        if (thread > 0 && thread != self->own && make_room((void **)&found, &room, count, sizeof *found)) {
            found[count++] = thread;
        }
    }
    closedir(folder);
    if (count > 0) {
        qsort(found, count, sizeof *found, compare_threads);
    }
    for (size_t i = 0; i < self->living_count; i++) {
        record *record = &self->records[self->living[i]];
        pid_t *place = count == 0 ? NULL : bsearch(&record->probe.thread, found, count, sizeof *found, compare_threads);
        if (place == NULL || record->is_gone) {
            record->is_gone = true;
        } else {
            size_t index = (size_t)(place - found);
            memmove(place, place + 1, (--count - index) * sizeof *found); /* what is left in the end is new */
        }
    }
    remove_gone(self);
    for (size_t i = 0; i < count; i++) {
        add_thread(self, found[i]);
    }
    free(found);
    self->last_scan = now;
}

/* ---- A look ---- */

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
    if (record->read_at > 0) {
        double on_cpu = cpu - record->read_cpu, waited = queued - record->read_queued;
        record->span += now - record->read_at;
        record->cpu += on_cpu;
        record->queued += waited;
        if (on_cpu + waited > 0) {
            record->queued_share = waited / (on_cpu + waited);
        }
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
        scan(self, now);
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
        remove_gone(self);
        self->links = 0;
    }
}

static double cpu_time(void) {
    struct timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

/*
 * Asks for a core as soon as it wakes, for as short as a look takes. Else, when all cores are busy, it would wait in the same queues as the
 * threads that it is to see, and come when those that were before it, who wake for a moment, have been and gone: they would be seen too
 * seldom. Since Linux 6.12 the scheduler heeds the length of turn that a thread asks for; older ones ignore it.
 */
static void ask_for_short_turns(void) {
    struct {
        uint32_t size, policy;
        uint64_t flags;
        int32_t nice;
        uint32_t priority;
        uint64_t runtime, deadline, period;
        uint32_t least_clamp, most_clamp;
    } attributes = {.size = sizeof attributes};
    if (syscall(SYS_sched_getattr, 0, &attributes, sizeof attributes, 0) == 0) {
        attributes.runtime = 100000; /* nanoseconds */
        syscall(SYS_sched_setattr, 0, &attributes, 0);
    }
}

static void *run(void *argument) {
    survey_object *self = argument;
    ask_for_short_turns();
    pthread_mutex_lock(&self->lock);
    self->own = (pid_t)syscall(SYS_gettid);
    self->began = self->last_look = betapool_wall_time();
    scan(self, self->began);
    while (!self->is_ending) {
        double pause = (0.5 + random_number(self)) / self->rate;
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        long nanoseconds = until.tv_nsec + (long)((pause - (double)(long)pause) * 1e9);
        until.tv_sec += (long)pause + nanoseconds / 1000000000;
        until.tv_nsec = nanoseconds % 1000000000;
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

/* ---- The object ---- */

static int read_layout(layout *into, PyObject *offsets) {
#define GET(name)                                                                                                                         \
    {                                                                                                                                      \
        PyObject *value = PyDict_GetItemString(offsets, #name);                                                                            \
        into->name = value == NULL ? -1 : PyLong_AsLongLong(value);                                                                        \
        if (into->name == -1 && PyErr_Occurred()) {                                                                                        \
            return -1;                                                                                                                     \
        }                                                                                                                                  \
    }
    LAYOUT(GET)
#undef GET
    return 0;
}

static PyObject *survey_new(PyTypeObject *type, PyObject *args, PyObject *keywords) {
    static char *names[] = {"process", "memory", "rate", "visits", "samples", "roots", NULL};
    int process, samples = 0, roots = 0;
    PyObject *offsets;
    double rate = 50;
    unsigned visits = 8;
    unsigned long long runtime, gil;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "i(KKO!)|$dIpp", names, &process, &runtime, &gil, &PyDict_Type, &offsets, &rate,
                                     &visits, &samples, &roots)) {
        return NULL;
    }
    if (!(rate >= 0.1 && rate <= 10000) || visits == 0) {
        PyErr_SetString(PyExc_ValueError, "rate must be 0.1 to 10000 looks a second, and visits at least 1");
        return NULL;
    }
    char path[48];
    snprintf(path, sizeof path, "/proc/%d/task", process);
    int tasks = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (tasks < 0) {
        return PyErr_SetFromErrnoWithFilename(PyExc_OSError, path);
    }
    survey_object *self = (survey_object *)type->tp_alloc(type, 0);
    if (self == NULL) {
        close(tasks);
        return NULL;
    }
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&self->lock, NULL);
    pthread_cond_init(&self->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    self->owner = getpid();
    self->tasks = tasks;
    self->rate = rate;
    self->visits = visits;
    self->memory.process = process;
    self->memory.runtime = (uintptr_t)runtime;
    self->gil = (uintptr_t)gil;
    self->keeps_samples = samples;
    self->wants_roots = roots;
    self->keep_every = 1;
    self->random = (uint64_t)(betapool_wall_time() * 1e9) | 1;
    struct rlimit limit;
    rlim_t files = getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < 4096 ? limit.rlim_cur : 4096;
    self->most_files = (unsigned)files / 4;
    self->first_file = (unsigned)files / 2;
    self->samples = samples ? malloc(MOST_SAMPLES * sizeof *self->samples) : NULL; /* taken from the system as it fills */
    if (samples && self->samples == NULL) {
        Py_DECREF(self);
        return PyErr_NoMemory();
    }
    if (read_layout(&self->memory.layout, offsets) < 0) {
        Py_DECREF(self);
        return NULL;
    }
    return (PyObject *)self;
}

static PyObject *survey_start(survey_object *self, PyObject *Py_UNUSED(ignored)) {
    pthread_mutex_lock(&self->lock);
    int code = self->is_started ? EALREADY : 0;
    if (code == 0) {
        sigset_t all, before;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        code = pthread_create(&self->thread, NULL, run, self);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        self->is_started = code == 0;
    }
    pthread_mutex_unlock(&self->lock);
    if (code != 0) {
        errno = code;
        return PyErr_SetFromErrno(PyExc_OSError);
    }
    Py_RETURN_NONE;
}

/* In the child of a fork there is no thread, and nobody knows who had the lock. */
static bool is_own(const survey_object *self) {
    return self->owner == getpid();
}

static void end(survey_object *self) {
    if (!self->is_started || !is_own(self)) {
        return;
    }
    pthread_mutex_lock(&self->lock);
    bool was_running = !self->is_ending;
    self->is_ending = true;
    pthread_cond_signal(&self->changed);
    pthread_mutex_unlock(&self->lock);
    if (was_running) {
        Py_BEGIN_ALLOW_THREADS
        pthread_join(self->thread, NULL);
        Py_END_ALLOW_THREADS
    }
}

static PyObject *survey_stop(survey_object *self, PyObject *Py_UNUSED(ignored)) {
    end(self);
    Py_RETURN_NONE;
}

static void survey_dealloc(survey_object *self) {
    PyTypeObject *type = Py_TYPE(self);
    end(self);
    for (size_t i = 0; i < self->count; i++) {
        close_probe(self, &self->records[i]);
    }
    close(self->tasks);
    free(self->records);
    free(self->living);
    free(self->samples);
    if (is_own(self)) {
        pthread_cond_destroy(&self->changed);
        pthread_mutex_destroy(&self->lock);
    }
    type->tp_free(self);
    Py_DECREF(type);
}

static PyObject *record_as_tuple(const record *record) {
    PyObject *seconds = PyTuple_New(SURVEY_STATES);
    for (Py_ssize_t i = 0; seconds != NULL && i < SURVEY_STATES; i++) {
        PyObject *value = PyFloat_FromDouble(record->seconds[i]);
        if (value == NULL) {
            Py_CLEAR(seconds);
        } else {
            PyTuple_SET_ITEM(seconds, i, value);
        }
    }
    PyObject *name = seconds == NULL ? NULL : PyUnicode_DecodeFSDefault(record->name);
    PyObject *root = name == NULL ? NULL : PyUnicode_DecodeFSDefault(record->root);
    if (root == NULL) {
        Py_XDECREF(name);
        Py_XDECREF(seconds);
        return NULL;
    }
    return Py_BuildValue("iNNOIddNddddd", (int)record->probe.thread, name, root, record->is_gone ? Py_False : Py_True, record->visits,
                         record->first, record->last, seconds, record->span, record->cpu, record->queued,
                         record->awake_for_gil, record->without_gil);
}

static PyObject *survey_threads(survey_object *self, PyObject *Py_UNUSED(ignored)) {
    PyObject *list = PyList_New(0);
    if (list == NULL || !is_own(self)) {
        return list;
    }
    pthread_mutex_lock(&self->lock);
    size_t count = self->count;
    record *copy = malloc((count + 1) * sizeof *copy);
    if (copy != NULL && count > 0) {
        memcpy(copy, self->records, count * sizeof *copy);
    }
    pthread_mutex_unlock(&self->lock);
    if (copy == NULL) {
        Py_DECREF(list);
        return PyErr_NoMemory();
    }
    for (size_t i = 0; list != NULL && i < count; i++) {
        PyObject *one = record_as_tuple(&copy[i]);
        if (one == NULL || PyList_Append(list, one) < 0) {
            Py_CLEAR(list);
        }
        Py_XDECREF(one);
    }
    free(copy);
    return list;
}

static PyObject *survey_samples(survey_object *self, PyObject *Py_UNUSED(ignored)) {
    if (!is_own(self)) {
        return PyBytes_FromString("");
    }
    pthread_mutex_lock(&self->lock);
    PyObject *bytes = PyBytes_FromStringAndSize((const char *)self->samples, (Py_ssize_t)(self->sample_count * sizeof *self->samples));
    pthread_mutex_unlock(&self->lock);
    return bytes;
}

static PyObject *survey_totals(survey_object *self, PyObject *Py_UNUSED(ignored)) {
    bool own = is_own(self);
    if (own) {
        pthread_mutex_lock(&self->lock);
    }
    double began = self->began, seconds = self->seconds, seen = self->gil_seen, held = self->gil_held, cost = self->cost;
    unsigned long looks = self->looks;
    bool is_over = self->is_over;
    if (own) {
        pthread_mutex_unlock(&self->lock);
    }
    return Py_BuildValue("{s:d,s:d,s:d,s:d,s:d,s:k,s:O}", "began", began, "seconds", seconds, "gil_seen", seen, "gil_held", held, "cost",
                         cost, "looks", looks, "is_over", is_over ? Py_True : Py_False);
}

static PyMethodDef survey_methods[] = {
    {"start", (PyCFunction)survey_start, METH_NOARGS, PyDoc_STR("start()\n--\n\nBegins to look. Once.")},
    {"stop", (PyCFunction)survey_stop, METH_NOARGS, PyDoc_STR("stop()\n--\n\nLooks no more; what was seen stays.")},
    {"threads", (PyCFunction)survey_threads, METH_NOARGS,
     PyDoc_STR("threads()\n--\n\nEvery thread seen, as betapool._profile.records.ThreadRecord has it.")},
    {"samples", (PyCFunction)survey_samples, METH_NOARGS,
     PyDoc_STR("samples()\n--\n\nVisits in order: structs 'ffII' of time, weight, index of the thread, state.")},
    {"totals", (PyCFunction)survey_totals, METH_NOARGS, PyDoc_STR("totals()\n--\n\nWhat there is but once: times and the GIL.")},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot survey_slots[] = {
    {Py_tp_doc, (void *)PyDoc_STR("Samples what the threads of a process are doing, from a native thread.")},
    {Py_tp_new, survey_new},
    {Py_tp_dealloc, survey_dealloc},
    {Py_tp_methods, survey_methods},
    {0, NULL},
};

PyType_Spec survey_spec = {
    .name = "betapool._core.Survey",
    .basicsize = sizeof(survey_object),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = survey_slots,
};
