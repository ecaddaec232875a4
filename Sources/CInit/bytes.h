#ifndef PISCES_CINIT_BYTES_H
#define PISCES_CINIT_BYTES_H

#include "CInit.h"

/// The little-endian number in `size` bytes, at any alignment.
static inline uint64_t little(const uint8_t *bytes, int size) {
    uint64_t value = 0;
    for (int i = 0; i < size; i++) value |= (uint64_t)bytes[i] << (8 * i);
    return value;
}

#endif
