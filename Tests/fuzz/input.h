/*
 * input.h - what the fuzzer made, read as numbers: what is hostile at one place is likely so at another, so half of them come from a list.
 * An input that is used up reads as zeros.
 */
#ifndef INPUT_H
#define INPUT_H

#include <float.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static struct {
    const uint8_t *at, *end;
} input;

static uint8_t read_byte(void) {
    return input.at < input.end ? *input.at++ : 0;
}

static uint64_t read_raw(void) {
    uint64_t value = 0;
    for (unsigned i = 0; i < sizeof value; i++) {
        value = value << 8 | read_byte();
    }
    return value;
}

static uint64_t read_integer(void) {
    static const uint64_t odd[] = {0,          1,         2,          3,          4,           INT32_MAX,  (uint64_t)INT32_MIN, UINT32_MAX,
                                   INT64_MAX,  INT64_MIN, UINT64_MAX, 65535,      65536,       65537,      UINT64_MAX - 1,      1u << 20,
                                   SIZE_MAX / 2, SIZE_MAX / 16, SIZE_MAX / 16 + 1, 256,        257,        255,                 1ull << 32,
                                   16384};
    uint8_t choice = read_byte();
    return choice < 128 ? choice % 24 == 23 ? 64 : odd[choice % 24] : choice < 224 ? choice - 128 : read_raw();
}

static double read_number(void) {
    static const double odd[] = {0,       -0.0,     NAN,      -NAN,    INFINITY, -INFINITY, DBL_MAX, -DBL_MAX, DBL_MIN, -DBL_MIN, 0x1p-1074,
                                 1e9,     1e9 + 1,  1,        -1,      0.5,      0.3,       0.001,   3600,     3601,    1e-9,     0x1p53,
                                 0x1p63,  0x1p64};
    uint8_t choice = read_byte();
    if (choice < 128) {
        return odd[choice % (sizeof odd / sizeof odd[0])];
    }
    if (choice < 224) {
        return (choice - 128) / 32.0;
    }
    uint64_t raw = read_raw();
    double number;
    memcpy(&number, &raw, sizeof number);
    return number;
}

#endif /* INPUT_H */
