/*
 * sums.c - the checksums of files, as BSD's sum prints them. BetaPool is used if the system has it; otherwise one file follows the other.
 *
 * For a program or plug-in that must not depend on the library. BETAPOOL_LIBRARY names it if it is not where the system looks.
 */
#include <betapool.h>
#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct entry {
    const char *path;
    unsigned checksum;
    unsigned long long bytes;
    int error; /* an errno value; 0: the file was read to its end */
} entry;

/* The types come from the header: the compiler checks each call as if the program were linked with the library. */
typedef struct library {
    __typeof__(&betapool_version) version;
    __typeof__(&betapool_config_init) config_init;
    __typeof__(&betapool_create) create;
    __typeof__(&betapool_submit) submit;
    __typeof__(&betapool_free) free;
} library;

/* POSIX lets dlsym's result be a function, C does not let it be cast. */
static bool find(void *handle, const char *name, void *function) {
    void *symbol = dlsym(handle, name);
    memcpy(function, &symbol, sizeof symbol);
    return symbol != NULL;
}

/* The name ends in the major version: another one would have other functions. It stays loaded to the end. */
static bool load(library *library) {
    const char *name = getenv("BETAPOOL_LIBRARY");
    void *handle = dlopen(name != NULL ? name : "libbetapool.so.1", RTLD_NOW | RTLD_LOCAL);
    return handle != NULL && find(handle, "betapool_version", &library->version) &&
           find(handle, "betapool_config_init", &library->config_init) && find(handle, "betapool_create", &library->create) &&
           find(handle, "betapool_submit", &library->submit) && find(handle, "betapool_free", &library->free);
}

static void sum(void *argument, int status) {
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
    unsigned char chunk[65536];
    for (size_t length; (length = fread(chunk, 1, sizeof chunk, file)) > 0; entry->bytes += length) {
        for (size_t i = 0; i < length; i++) {
            unsigned turned = entry->checksum >> 1 | (entry->checksum & 1) << 15;
            entry->checksum = (turned + chunk[i]) & 0xffff;
        }
    }
    entry->error = ferror(file) ? errno : 0;
    fclose(file);
}

/* False if not every file could be handed over; none is under way any more then. */
static bool sum_in_pool(const library *library, entry *entries, size_t count) {
    betapool_config config;
    betapool *pool;
    if (library->config_init(&config) != 0 || library->create(&config, &pool) != 0) {
        return false;
    }
    bool accepted = true;
    for (size_t i = 0; i < count && accepted; i++) {
        accepted = library->submit(pool, sum, &entries[i]) == 0;
    }
    library->free(pool); /* runs what is queued, and waits for it */
    return accepted;
}

int main(int argc, char **argv) {
    size_t count = argc > 1 ? (size_t)argc - 1 : 0;
    entry *entries = calloc(count, sizeof *entries);
    if (entries == NULL || count == 0) {
        fputs("usage: sums FILE...\n", stderr);
        free(entries);
        return 2;
    }
    for (size_t i = 0; i < count; i++) {
        entries[i].path = argv[i + 1];
    }
    library library;
    if (load(&library) && sum_in_pool(&library, entries, count)) {
        fprintf(stderr, "sums: with BetaPool %s\n", library.version());
    } else {
        for (size_t i = 0; i < count; i++) {
            entries[i] = (entry){.path = entries[i].path};
            sum(&entries[i], 0);
        }
        fputs("sums: without BetaPool\n", stderr);
    }
    int status = 0;
    for (size_t i = 0; i < count; i++) {
        if (entries[i].error != 0) {
            fprintf(stderr, "sums: %s: %s\n", entries[i].path, strerror(entries[i].error));
            status = 1;
        } else {
            printf("%05u %5llu %s\n", entries[i].checksum, (entries[i].bytes + 1023) / 1024, entries[i].path);
        }
    }
    free(entries);
    return status;
}
