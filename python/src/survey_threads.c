/* The list of threads that a survey looks at: who has come, and who has gone. */
#include "survey.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void survey_close_probe(survey_object *self, record *record) {
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

void survey_remove_gone(survey_object *self) {
    size_t kept = 0;
    for (size_t i = 0; i < self->living_count; i++) {
        record *record = &self->records[self->living[i]];
        if (record->is_gone) {
            survey_close_probe(self, record);
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

void survey_scan(survey_object *self, double now) {
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
    survey_remove_gone(self);
    for (size_t i = 0; i < count; i++) {
        add_thread(self, found[i]);
    }
    free(found);
    self->last_scan = now;
}
