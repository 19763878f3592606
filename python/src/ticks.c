/*
 * A clock that may be read several times a task: the processor's counter, where the kernel itself takes the time from it. Reading that costs
 * a third of a clock_gettime(), which has to turn it into seconds each time and to see whether somebody has set the clock meanwhile.
 */
#include "core.h"

#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

bool ticks_are_counted;
static double seconds_per_tick;
static pthread_once_t once = PTHREAD_ONCE_INIT;

uint64_t ticks_of_clock(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

#ifdef TICKS_COUNTER

/* Whether the kernel takes the time from the counter: then it is the same on every core, and of one speed. */
static bool kernel_trusts_counter(void) {
    char name[32];
    int file = open("/sys/devices/system/clocksource/clocksource0/current_clocksource", O_RDONLY | O_CLOEXEC);
    ssize_t length = file < 0 ? -1 : read(file, name, sizeof name - 1);
    if (file >= 0) {
        close(file);
    }
    name[length < 0 ? 0 : length] = '\0';
    return strcmp(name, TICKS_COUNTER "\n") == 0;
}

typedef struct moment {
    uint64_t ticks, nanoseconds;
} moment;

/* Both clocks at the same time: of some readings the one that was least disturbed. */
static moment both_clocks(void) {
    moment best = {0, 0};
    uint64_t least = UINT64_MAX;
    for (int attempt = 0; attempt < 16; attempt++) {
        uint64_t before = ticks_of_counter(), nanoseconds = ticks_of_clock(), took = ticks_of_counter() - before;
        if (took < least) {
            least = took;
            best = (moment){before + took / 2, nanoseconds};
        }
    }
    return best;
}

#define CALIBRATION_NANOSECONDS 1000000

static void prepare(void) {
    seconds_per_tick = 1e-9;
    if (!kernel_trusts_counter()) {
        return;
    }
    moment first = both_clocks(), last;
    do {
        last = both_clocks();
    } while (last.nanoseconds - first.nanoseconds < CALIBRATION_NANOSECONDS);
    if (last.ticks > first.ticks) {
        seconds_per_tick = (double)(last.nanoseconds - first.nanoseconds) * 1e-9 / (double)(last.ticks - first.ticks);
        ticks_are_counted = true;
    }
}

#else

static void prepare(void) {
    seconds_per_tick = 1e-9;
}

#endif

double ticks_prepare(void) {
    pthread_once(&once, prepare);
    return seconds_per_tick;
}
