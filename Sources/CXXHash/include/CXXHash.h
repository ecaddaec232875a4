#ifndef CXXHASH_H
#define CXXHASH_H

#include <stddef.h>
#include <stdint.h>

/// XXH3 of 128 bits, canonical (big-endian): finds damage, and is no proof against forgery.
void cxxhash_xxh3(const void *bytes, size_t count, uint8_t digest[16]);

#endif
