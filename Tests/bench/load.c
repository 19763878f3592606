/*
 * load.c - what it costs to load a library: .build/bench/load LIBRARY SYMBOL prints the microseconds until the symbol is found, and how
 * many kilobytes more of the process are in memory then, those that the kernel maps around what is touched among them. Linked with libc
 * alone, so that it pays for all that the library needs.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <time.h>

#include "resident.h"

int main(int count, char **arguments) {
    struct timespec began, ended;
    if (count != 3) {
        fputs("load: say which library, and a symbol of it\n", stderr);
        return 2;
    }
    resident_kilobytes(); /* what reading takes is there then */
    long before = resident_kilobytes();
    if (before < 0) {
        fputs("load: " NO_SMAPS_ROLLUP "\n", stderr);
        return 77;
    }
    clock_gettime(CLOCK_MONOTONIC, &began);
    void *library = dlopen(arguments[1], RTLD_NOW | RTLD_LOCAL);
    void *symbol = library != NULL ? dlsym(library, arguments[2]) : NULL;
    clock_gettime(CLOCK_MONOTONIC, &ended);
    if (symbol == NULL) {
        fprintf(stderr, "load: %s\n", dlerror());
        return 1;
    }
    long grown = resident_kilobytes() - before;
    printf("{\"microseconds\": %.3f, \"kilobytes\": %ld}\n",
        1e6 * (double)(ended.tv_sec - began.tv_sec) + 1e-3 * (double)(ended.tv_nsec - began.tv_nsec), grown);
    return 0;
}
