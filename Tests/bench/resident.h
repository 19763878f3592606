/* resident.h - how much of a process is in memory, read without taking memory for it. */
#ifndef RESIDENT_H
#define RESIDENT_H

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Kilobytes; negative if the kernel does not say. */
static long resident_kilobytes(void) {
    static char text[4096];
    int file = open("/proc/self/smaps_rollup", O_RDONLY | O_CLOEXEC);
    ssize_t length = file >= 0 ? read(file, text, sizeof text - 1) : -1;
    if (file >= 0) {
        close(file);
    }
    text[length > 0 ? length : 0] = '\0';
    const char *line = strstr(text, "\nRss:");
    return line != NULL ? strtol(line + strlen("\nRss:"), NULL, 10) : -1;
}

#define NO_SMAPS_ROLLUP "/proc/self/smaps_rollup cannot be read here"

#endif /* RESIDENT_H */
