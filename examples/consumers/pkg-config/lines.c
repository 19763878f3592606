/*
 * lines.c - counts the lines of files, as `wc -l` does: one task a file.
 *
 * What a task finds goes into an entry of its own, so that no lock is needed: betapool_free waits for all tasks, then main reads.
 */
#include <betapool.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct entry {
    const char *path;
    unsigned long long lines;
    int error; /* an errno value; 0: the file was read to its end */
} entry;

static void count_lines(void *argument, int status) {
    entry *entry = argument;
    if (status != 0) {
        entry->error = -status;
        return;
    }
    FILE *file = fopen(entry->path, "r");
    if (file == NULL) {
        entry->error = errno;
        return;
    }
    char chunk[65536];
    for (size_t length; (length = fread(chunk, 1, sizeof chunk, file)) > 0;) {
        const char *end = chunk + length;
        for (const char *at = chunk; at < end && (at = memchr(at, '\n', (size_t)(end - at))) != NULL; at++) {
            entry->lines++;
        }
    }
    entry->error = ferror(file) ? errno : 0;
    fclose(file);
}

static int fail(int code) {
    fprintf(stderr, "lines: %s\n", betapool_strerror(code));
    return 2;
}

int main(int argc, char **argv) {
    if (argc < 2) {
        fputs("usage: lines FILE...\n", stderr);
        return 2;
    }
    size_t count = (size_t)argc - 1;
    entry *entries = calloc(count, sizeof *entries);
    if (entries == NULL) {
        return fail(-ENOMEM);
    }
    betapool_config config;
    betapool *pool;
    betapool_config_init(&config);
    config.thread_name = "lines";
    int code = betapool_create(&config, &pool);
    if (code != 0) {
        free(entries);
        return fail(code);
    }
    for (size_t i = 0; i < count && code == 0; i++) {
        entries[i].path = argv[i + 1];
        code = betapool_submit(pool, count_lines, &entries[i]);
    }
    betapool_free(pool); /* runs what is queued, and waits for it */

    unsigned long long total = 0;
    int status = code == 0 ? 0 : fail(code);
    for (size_t i = 0; i < count && code == 0; i++) {
        if (entries[i].error != 0) {
            fprintf(stderr, "lines: %s: %s\n", entries[i].path, strerror(entries[i].error));
            status = 1;
            continue;
        }
        printf("%llu %s\n", entries[i].lines, entries[i].path);
        total += entries[i].lines;
    }
    if (code == 0 && count > 1) {
        printf("%llu total\n", total);
    }
    free(entries);
    return status;
}
