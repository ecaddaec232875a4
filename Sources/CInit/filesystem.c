#include "CInit.h"

#include <string.h>

const char *cinit_filesystem(const uint8_t head[CINIT_FILESYSTEM_HEAD]) {
    // The kernel's documentation of each: filesystems/erofs.rst, filesystems/squashfs.rst, filesystems/ext4/super.rst.
    static const struct {
        const char *type;
        size_t offset, size;
        uint8_t magic[4];
    } known[] = {
        {"erofs", 1024, 4, {0xe2, 0xe1, 0xf5, 0xe0}},
        {"squashfs", 0, 4, {'h', 's', 'q', 's'}},
        {"ext4", 1024 + 56, 2, {0x53, 0xef}},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (memcmp(head + known[i].offset, known[i].magic, known[i].size) == 0) return known[i].type;
    return NULL;
}
