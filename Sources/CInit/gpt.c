#include "bytes.h"

#include <string.h>

/// CRC-32 as in ISO 3309, bit by bit: a table of partitions is small.
static uint32_t crc32(uint32_t crc, const uint8_t *bytes, size_t size) {
    crc = ~crc;
    for (size_t i = 0; i < size; i++) {
        crc ^= bytes[i];
        for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
    }
    return ~crc;
}

const char *cinit_gpt_header(
    const uint8_t *block, size_t block_size, uint64_t lba, uint64_t disk_blocks, struct cinit_gpt *gpt) {
    static const uint8_t zero[4];
    if (block_size < 512 || memcmp(block, "EFI PART", 8) != 0) return "no GPT header";
    size_t size = (size_t)little(block + 12, 4);
    if (size < 92 || size > block_size) return "GPT header of impossible size";
    // The checksum is taken with its own field zero.
    uint32_t crc = crc32(crc32(crc32(0, block, 16), zero, 4), block + 20, size - 20);
    if (crc != little(block + 16, 4)) return "GPT header with a wrong checksum";
    if (little(block + 24, 8) != lba) return "GPT header that belongs elsewhere";
    struct cinit_gpt read = {
        .first_usable = little(block + 40, 8),
        .last_usable = little(block + 48, 8),
        .array_lba = little(block + 72, 8),
        .count = (uint32_t)little(block + 80, 4),
        .entry_size = (uint32_t)little(block + 84, 4),
        .array_crc = (uint32_t)little(block + 88, 4),
    };
    if (read.first_usable > read.last_usable || read.last_usable >= disk_blocks) return "GPT larger than its disk";
    if (read.entry_size < 128 || read.entry_size > 4096 || (read.entry_size & (read.entry_size - 1)) != 0 ||
        read.count == 0 || read.count > CINIT_GPT_ARRAY_LIMIT / read.entry_size)
        return "GPT with a partition array of impossible size";
    uint64_t blocks = (cinit_gpt_array_size(&read) + block_size - 1) / block_size;
    if (read.array_lba == 0 || read.array_lba >= disk_blocks || disk_blocks - read.array_lba < blocks)
        return "GPT with a partition array outside its disk";
    *gpt = read;
    return NULL;
}

size_t cinit_gpt_array_size(const struct cinit_gpt *gpt) { return (size_t)gpt->count * gpt->entry_size; }

/// The first three groups are little-endian numbers, the others bytes (UEFI specification, appendix A).
static void guid_text(const uint8_t guid[16], char text[37]) {
    static const uint8_t order[16] = {3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) *text++ = '-';
        cinit_hex(guid + order[i], 1, text);
        text += 2;
    }
}

int cinit_gpt_partitions(
    const struct cinit_gpt *gpt, const uint8_t *array, struct cinit_partition *partitions, size_t room) {
    static const uint8_t unused[16];
    if (crc32(0, array, cinit_gpt_array_size(gpt)) != gpt->array_crc) return -1;
    size_t found = 0;
    for (uint32_t i = 0; i < gpt->count && found < room; i++) {
        const uint8_t *entry = array + (size_t)i * gpt->entry_size;
        uint64_t first = little(entry + 32, 8), last = little(entry + 40, 8);
        if (memcmp(entry, unused, sizeof unused) == 0) continue;
        if (first > last || first < gpt->first_usable || last > gpt->last_usable) continue;
        struct cinit_partition *partition = &partitions[found++];
        *partition = (struct cinit_partition){.number = i + 1, .first = first, .last = last};
        guid_text(entry, partition->type);
        guid_text(entry + 16, partition->id);
        for (int at = 0; at < 36; at++) {
            uint64_t unit = little(entry + 56 + 2 * at, 2);
            if (unit == 0) break;
            partition->name[at] = unit >= 0x20 && unit <= 0x7e ? (char)unit : '?';
        }
    }
    return (int)found;
}

/// Whether `left` is to be tried before `right`; the order on disk decides between equals.
static bool precedes(const struct cinit_pair *left, const struct cinit_pair *right, uint64_t preferred) {
    if (left->generation == right->generation) return false;
    if (left->generation == preferred) return true;
    return right->generation != preferred && left->generation > right->generation;
}

size_t cinit_pairs(
    const struct cinit_partition *partitions, size_t count, uint64_t preferred, struct cinit_pair *pairs, size_t room) {
    size_t found = 0;
    for (const struct cinit_partition *root = partitions; root < partitions + count; root++) {
        struct cinit_pair pair = {.root = root};
        if (strcmp(root->type, CINIT_TYPE_ROOT) != 0) continue;
        if (!cinit_generation(root->name, "root-", &pair.generation)) continue;
        for (pair.verity = partitions; pair.verity < partitions + count; pair.verity++) {
            uint64_t generation;
            if (strcmp(pair.verity->type, CINIT_TYPE_VERITY) != 0 ||
                !cinit_generation(pair.verity->name, "verity-", &generation) || generation != pair.generation)
                continue;
            if (found == room) return found;
            size_t place = found++;
            for (; place > 0 && precedes(&pair, &pairs[place - 1], preferred); place--) pairs[place] = pairs[place - 1];
            pairs[place] = pair;
        }
    }
    return found;
}

char cinit_slot(const struct cinit_partition *partitions, size_t count, const struct cinit_partition *root) {
    for (size_t i = 0; i < count; i++)
        if (strcmp(partitions[i].type, CINIT_TYPE_ROOT) == 0) return &partitions[i] == root ? 'a' : 'b';
    return 'b';
}
