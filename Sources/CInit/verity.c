#include "bytes.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

// On-disk format of veritysetup(8): the superblock has the first hash block, the tree follows, its top block first.
enum { SIGNATURE = 0, VERSION = 8, HASH_TYPE = 12, UUID = 16, ALGORITHM = 32, DATA_BLOCK = 64, HASH_BLOCK = 68 };
enum { DATA_BLOCKS = 72, SALT_SIZE = 80, SALT = 88 };

const char *cinit_verity_superblock(
    const uint8_t bytes[512], uint64_t data_size, uint64_t hash_size, struct cinit_verity *verity) {
    static const uint8_t algorithm[32] = "sha256";
    if (memcmp(bytes + SIGNATURE, "verity\0\0", 8) != 0) return "no verity superblock";
    if (little(bytes + VERSION, 4) != 1 || little(bytes + HASH_TYPE, 4) != 1) return "verity of an unknown version";
    if (memcmp(bytes + ALGORITHM, algorithm, sizeof algorithm) != 0) return "verity with another hash than SHA-256";
    if (little(bytes + DATA_BLOCK, 4) != CINIT_VERITY_BLOCK || little(bytes + HASH_BLOCK, 4) != CINIT_VERITY_BLOCK)
        return "verity with blocks of another size than 4096";
    struct cinit_verity read = {
        .data_blocks = little(bytes + DATA_BLOCKS, 8), .salt_size = (size_t)little(bytes + SALT_SIZE, 2)};
    if (read.salt_size > sizeof read.salt) return "verity with a salt of impossible size";
    // With a single block there is no tree, and the root hash would not be that of a top block.
    if (read.data_blocks < 2 || read.data_blocks > data_size / CINIT_VERITY_BLOCK)
        return "verity for more data than the root partition has";
    uint64_t tree = 1;
    for (uint64_t level = read.data_blocks; level > 1;) {
        level = (level + 127) / 128;
        tree += level;
    }
    if (tree > hash_size / CINIT_VERITY_BLOCK) return "verity tree larger than its partition";
    memcpy(read.salt, bytes + SALT, read.salt_size);
    cinit_hex(bytes + UUID, 16, read.uuid);
    *verity = read;
    return NULL;
}

bool cinit_verity_matches(
    const struct cinit_verity *verity, const uint8_t top[CINIT_VERITY_BLOCK], const uint8_t root_hash[32]) {
    struct cinit_sha256 hash;
    uint8_t digest[32];
    cinit_sha256_start(&hash);
    cinit_sha256_add(&hash, verity->salt, verity->salt_size);
    cinit_sha256_add(&hash, top, CINIT_VERITY_BLOCK);
    cinit_sha256_end(&hash, digest);
    return memcmp(digest, root_hash, sizeof digest) == 0;
}

bool cinit_verity_table(
    const struct cinit_verity *verity, const char *data_device, const char *hash_device, const uint8_t root_hash[32],
    char *text, size_t room) {
    char root[65], salt[2 * sizeof verity->salt + 1] = "-";
    cinit_hex(root_hash, 32, root);
    if (verity->salt_size > 0) cinit_hex(verity->salt, verity->salt_size, salt);
    // Version, devices, block sizes, data blocks, first hash block (admin-guide/device-mapper/verity.rst).
    // Corrupt data starts the machine anew, so that it costs the boot entry a try.
    int length = snprintf(
        text, room, "1 %s %s 4096 4096 %" PRIu64 " 1 sha256 %s %s 1 restart_on_corruption", data_device,
        hash_device, verity->data_blocks, root, salt);
    return length > 0 && (size_t)length < room;
}
