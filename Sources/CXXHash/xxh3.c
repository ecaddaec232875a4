#include "CXXHash.h"

// In this object: whoever runs the program need not have the library.
#define XXH_INLINE_ALL
#include <xxhash.h>

#include <string.h>

void cxxhash_xxh3(const void *bytes, size_t count, uint8_t digest[16]) {
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(&canonical, XXH3_128bits(bytes, count));
    memcpy(digest, canonical.digest, sizeof canonical.digest);
}
