// What PID 1 of the initrd decides, without its I/O: bytes and text in, values out. The bytes come from disks, firmware
// and boot loader and are never trusted. No function allocates.
#ifndef PISCES_CINIT_H
#define PISCES_CINIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// MARK: SHA-256 (FIPS 180-4)

struct cinit_sha256 {
    uint32_t state[8];
    uint64_t length;
    uint8_t block[64];
};
void cinit_sha256_start(struct cinit_sha256 *hash);
void cinit_sha256_add(struct cinit_sha256 *hash, const void *bytes, size_t size);
void cinit_sha256_end(struct cinit_sha256 *hash, uint8_t digest[32]);

// MARK: Text

/// Finds `roothash=` in the kernel command line. Returns NULL, or why there is no usable one: it is missing, is not 64
/// hexadecimal digits, or is given twice with different values.
const char *cinit_root_hash(const char *command_line, uint8_t hash[32]);
/// Lower-case hexadecimal digits of `size` bytes and a zero byte: `text` has room for 2 * size + 1.
void cinit_hex(const uint8_t *bytes, size_t size, char *text);
/// The number in `<prefix><number>`: decimal, without leading zeros, at most 18 digits. 0 is no generation.
bool cinit_generation(const char *text, const char *prefix, uint64_t *generation);
/// The generation that a boot entry's identifier names, with or without boot counter and suffix:
/// `pisces-7.conf`, `pisces-7+2-1.conf`, `pisces-7`.
bool cinit_entry_generation(const char *entry, uint64_t *generation);
/// How often a new generation may be tried at most.
#define CINIT_TRIES 9
/// Whether the entry at a path of `LoaderBootCountPath` is on trial: it is one of ours, and this boot took one of its
/// tries. An entry whose tries were used up in earlier boots is not: there was nothing else to boot, and it must run on.
bool cinit_on_trial(const char *path);
/// The text of an EFI variable as efivarfs shows it: four bytes of attributes, then UTF-16LE up to a zero or the end.
/// False if it is empty, not printable ASCII, or does not fit with its zero byte.
bool cinit_efi_text(const uint8_t *variable, size_t size, char *text, size_t room);

// MARK: GPT (UEFI specification 2.10, §5.3)

/// The largest partition array that is read, in bytes; the usual one has 16384.
#define CINIT_GPT_ARRAY_LIMIT (128 << 10)
/// Partitions after these are not seen.
#define CINIT_PARTITIONS 128

// Types of the Discoverable Partitions Specification, spelled as in cinit_partition.type.
#define CINIT_TYPE_ESP "c12a7328-f81f-11d2-ba4b-00a0c93ec93b"
#define CINIT_TYPE_DATA "4d21b016-b534-45c2-a9fb-5c16e091fd2d"
#if defined(__x86_64__)
#define CINIT_TYPE_ROOT "4f68bce3-e8cd-4db1-96e7-fbcaf984b709"
#define CINIT_TYPE_VERITY "2c7357ed-ebd2-46d9-aec1-23d437ec2bf5"
#elif defined(__aarch64__)
#define CINIT_TYPE_ROOT "b921b045-1df0-41c3-af44-4c6f280d3fae"
#define CINIT_TYPE_VERITY "df3300ce-d69f-4c92-978c-9bfb0f38d820"
#else
#error "no partition types are known for this processor family"
#endif

struct cinit_gpt {
    uint64_t array_lba;
    uint32_t count, entry_size, array_crc;
    uint64_t first_usable, last_usable;
};

struct cinit_partition {
    unsigned number;
    char type[37], id[37];
    uint64_t first, last;
    /// A character that is not printable ASCII is shown as `?`.
    char name[37];
};

/// Reads the header that was found at `lba` of a disk. Returns NULL, or what is wrong with it.
const char *cinit_gpt_header(
    const uint8_t *block, size_t block_size, uint64_t lba, uint64_t disk_blocks, struct cinit_gpt *gpt);
/// The array's size in bytes; at most CINIT_GPT_ARRAY_LIMIT for a header that was accepted.
size_t cinit_gpt_array_size(const struct cinit_gpt *gpt);
/// Reads the used entries that lie in the usable blocks; `array` has cinit_gpt_array_size bytes. Returns how many there
/// are, at most `room`, or -1 if the checksum is wrong.
int cinit_gpt_partitions(
    const struct cinit_gpt *gpt, const uint8_t *array, struct cinit_partition *partitions, size_t room);

/// A root partition and the verity partition of the same generation.
struct cinit_pair {
    const struct cinit_partition *root, *verity;
    uint64_t generation;
};
/// All pairs in the order in which they are to be tried: `preferred` first (0: none is), then the newest first.
size_t cinit_pairs(
    const struct cinit_partition *partitions, size_t count, uint64_t preferred, struct cinit_pair *pairs, size_t room);
/// `a` for the first partition of the root type, else `b`.
char cinit_slot(const struct cinit_partition *partitions, size_t count, const struct cinit_partition *root);

// MARK: File systems

/// How much of a file system tells its type.
#define CINIT_FILESYSTEM_HEAD 2048
/// The type of the file system with these first bytes, as mount(2) takes it: one of those that a root can have. NULL for
/// any other.
const char *cinit_filesystem(const uint8_t head[CINIT_FILESYSTEM_HEAD]);

// MARK: dm-verity

#define CINIT_VERITY_BLOCK 4096
/// Where the tree's top block is on the hash device: it follows the superblock's block.
#define CINIT_VERITY_TOP 4096

struct cinit_verity {
    char uuid[33];
    uint64_t data_blocks;
    size_t salt_size;
    uint8_t salt[256];
};

/// Reads the superblock of a hash device (512 bytes). Returns NULL, or what is wrong with it. Only what Pisces itself
/// makes is accepted: SHA-256, hash type 1, blocks of 4096 bytes.
const char *cinit_verity_superblock(
    const uint8_t bytes[512], uint64_t data_size, uint64_t hash_size, struct cinit_verity *verity);
/// Whether the tree whose top block this is has the given root hash.
bool cinit_verity_matches(
    const struct cinit_verity *verity, const uint8_t top[CINIT_VERITY_BLOCK], const uint8_t root_hash[32]);
/// The parameters of the device-mapper target; devices are `major:minor`. False if `room` is too small.
bool cinit_verity_table(
    const struct cinit_verity *verity, const char *data_device, const char *hash_device, const uint8_t root_hash[32],
    char *text, size_t room);

#endif
