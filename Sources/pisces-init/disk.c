#define _GNU_SOURCE
#include "util.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/blkpg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <unistd.h>

/// Times are in seconds. The kernel's own look at a new disk must not be disturbed: it is over after KERNEL_TIME.
enum { DISKS = 32, PATIENCE = 20, KERNEL_TIME = 3, PAUSE_MICROSECONDS = 50000 };

/// Why the last look at the disks found nothing; what the failure message says.
static char reason[300] = "there is no disk";

/// Names of the disks, in order. Partitions and devices that lie on others are no disks.
static size_t list_disks(char names[DISKS][32]) {
    static const char *const virtual[] = {"loop", "ram", "zram", "dm-", "md", "sr", "fd", "nbd"};
    DIR *directory = opendir("/sys/class/block");
    if (directory == NULL) return 0;
    size_t count = 0;
    struct dirent *entry;
    while (count < DISKS && (entry = readdir(directory)) != NULL) {
        char path[320];
        bool skip = entry->d_name[0] == '.' || strlen(entry->d_name) >= sizeof names[0];
        for (size_t i = 0; i < sizeof virtual / sizeof *virtual; i++)
            skip |= strncmp(entry->d_name, virtual[i], strlen(virtual[i])) == 0;
        snprintf(path, sizeof path, "/sys/class/block/%s/partition", entry->d_name);
        if (!skip && access(path, F_OK) != 0) strcpy(names[count++], entry->d_name);
    }
    closedir(directory);
    qsort(names, count, sizeof names[0], (int (*)(const void *, const void *))strcmp);
    return count;
}

static uint64_t read_number(const char *directory, const char *name) {
    char path[320], text[32];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    return read_text(path, text, sizeof text) ? strtoull(text, NULL, 10) : 0;
}

static bool read_at(int file, void *bytes, size_t size, uint64_t offset) {
    for (size_t done = 0; done < size;) {
        ssize_t count = pread(file, (char *)bytes + done, size - done, (off_t)(offset + done));
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) return false;
        done += (size_t)count;
    }
    return true;
}

/// Reads one copy of the partition table. Returns NULL, or what is wrong with it.
static const char *read_table(struct disk *disk, int file, uint64_t lba) {
    static uint8_t block[4096], array[CINIT_GPT_ARRAY_LIMIT];
    struct cinit_gpt gpt;
    if (!read_at(file, block, disk->block_size, lba * disk->block_size)) return "unreadable";
    const char *wrong = cinit_gpt_header(block, disk->block_size, lba, disk->blocks, &gpt);
    if (wrong != NULL) return wrong;
    if (!read_at(file, array, cinit_gpt_array_size(&gpt), gpt.array_lba * disk->block_size)) return "unreadable";
    int count = cinit_gpt_partitions(&gpt, array, disk->partitions, CINIT_PARTITIONS);
    if (count < 0) return "partition array with a wrong checksum";
    disk->count = (size_t)count;
    return NULL;
}

/// Reads a disk's partition table, the backup if the primary is bad.
static bool read_disk(struct disk *disk, const char *name) {
    char sysfs[64], path[64];
    format_text(sysfs, sizeof sysfs, "/sys/class/block/%s", name);
    format_text(path, sizeof path, "/dev/%s", name);
    *disk = (struct disk){.count = 0};
    strcpy(disk->name, name);
    disk->block_size = read_number(sysfs, "queue/logical_block_size");
    if (disk->block_size != 512 && disk->block_size != 4096) return false;
    // sysfs counts in units of 512 bytes whatever the block size is.
    disk->blocks = read_number(sysfs, "size") / (disk->block_size / 512);
    if (disk->blocks < 64) return false;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return false;
    const char *wrong = read_table(disk, file, 1);
    const char *backup = wrong == NULL ? NULL : read_table(disk, file, disk->blocks - 1);
    close(file);
    if (backup != NULL) {
        snprintf(reason, sizeof reason, "%s: %s; backup: %s", path, wrong, backup);
        return false;
    }
    disk->from_backup = wrong != NULL;
    return true;
}

/// Finds the kernel's device for a partition: the one of that number that starts where the table says.
static bool find_node(const struct disk *disk, const struct cinit_partition *partition, struct node *node) {
    char sysfs[64];
    format_text(sysfs, sizeof sysfs, "/sys/class/block/%s", disk->name);
    DIR *directory = opendir(sysfs);
    if (directory == NULL) return false;
    bool found = false;
    struct dirent *entry;
    while (!found && (entry = readdir(directory)) != NULL) {
        char path[128], device[160];
        if (strncmp(entry->d_name, disk->name, strlen(disk->name)) != 0 || strlen(entry->d_name) > 31) continue;
        snprintf(path, sizeof path, "%s/%s", sysfs, entry->d_name);
        snprintf(device, sizeof device, "%s/dev", path);
        uint64_t units = disk->block_size / 512, size = partition->last - partition->first + 1;
        found = read_number(path, "partition") == partition->number &&
                read_number(path, "start") == partition->first * units && read_number(path, "size") == size * units &&
                read_text(device, node->device, sizeof node->device);
        if (!found) continue;
        node->size = size * disk->block_size;
        format_text(node->path, sizeof node->path, "/dev/%s", entry->d_name);
    }
    closedir(directory);
    return found && access(node->path, F_OK) == 0;
}

/// Tells the kernel of a partition that it did not find itself: it reads the backup table only if told to.
static void add_node(const struct disk *disk, const struct cinit_partition *partition) {
    char path[64];
    format_text(path, sizeof path, "/dev/%s", disk->name);
    struct blkpg_partition description = {
        .start = (long long)(partition->first * disk->block_size),
        .length = (long long)((partition->last - partition->first + 1) * disk->block_size),
        .pno = (int)partition->number,
    };
    struct blkpg_ioctl_arg argument = {
        .op = BLKPG_ADD_PARTITION, .datalen = sizeof description, .data = &description};
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file >= 0 && ioctl(file, BLKPG, &argument) != 0 && errno != EBUSY)
        say("%s: cannot add partition %u: %m", path, partition->number);
    if (file >= 0) close(file);
}

/// Whether the tree that was found belongs to the root hash. Leaves the reason if not.
static bool check_tree(struct boot *boot, const char *name) {
    static uint8_t head[CINIT_VERITY_TOP + CINIT_VERITY_BLOCK];
    int file = open(boot->tree.path, O_RDONLY | O_CLOEXEC);
    bool read = file >= 0 && read_at(file, head, sizeof head, 0);
    if (file >= 0) close(file);
    const char *wrong = "unreadable";
    if (read) wrong = cinit_verity_superblock(head, boot->root.size, boot->tree.size, &boot->verity);
    if (wrong == NULL && !cinit_verity_matches(&boot->verity, head + CINIT_VERITY_TOP, boot->root_hash))
        wrong = "verity of another root hash";
    if (wrong != NULL) snprintf(reason, sizeof reason, "%s (%s): %s", boot->tree.path, name, wrong);
    return wrong == NULL;
}

/// Whether one of the disk's pairs belongs to the root hash; fills `boot` if so.
static bool try_pairs(struct boot *boot) {
    static struct cinit_pair pairs[64];
    const struct disk *disk = &boot->disk;
    size_t count = cinit_pairs(disk->partitions, disk->count, boot->loader.generation, pairs, 64);
    snprintf(reason, sizeof reason, "/dev/%s has no such pair of root and verity partitions", disk->name);
    bool complete = true;
    for (const struct cinit_pair *pair = pairs; pair < pairs + count; pair++) {
        if (!find_node(disk, pair->root, &boot->root) || !find_node(disk, pair->verity, &boot->tree)) {
            snprintf(reason, sizeof reason, "/dev/%s: the kernel has not found its partitions", disk->name);
            complete = false;
            continue;
        }
        if (!check_tree(boot, pair->verity->name)) continue;
        boot->generation = pair->generation;
        boot->slot = cinit_slot(disk->partitions, disk->count, pair->root);
        if (boot->loader.generation != 0 && boot->loader.generation != boot->generation)
            say("generation %" PRIu64 " was chosen, but cannot be booted: %s", boot->loader.generation, reason);
        return true;
    }
    // The boot loader came from this disk: to wait for another is vain.
    if (complete && boot->loader.partition[0] != 0) fail("no partitions match the root hash; the last: %s", reason);
    return false;
}

/// Whether a partition has this type and name; NULL stands for any name.
static bool is(const struct cinit_partition *partition, const char *type, const char *name) {
    return strcmp(partition->type, type) == 0 && (name == NULL || strcmp(partition->name, name) == 0);
}

static const struct cinit_partition *find(const struct disk *disk, const char *type, const char *name) {
    for (size_t i = 0; i < disk->count; i++)
        if (is(&disk->partitions[i], type, name)) return &disk->partitions[i];
    return NULL;
}

static const struct cinit_partition *find_esp(const struct boot *boot) {
    for (size_t i = 0; i < boot->disk.count; i++)
        if (strcasecmp(boot->disk.partitions[i].id, boot->loader.partition) == 0) return &boot->disk.partitions[i];
    return boot->loader.partition[0] != 0 ? NULL : find(&boot->disk, CINIT_TYPE_ESP, NULL);
}

/// Whether the disk holds all that is needed; fills `boot` if so.
static bool try_disk(struct boot *boot, const char *name) {
    if (!read_disk(&boot->disk, name)) return false;
    const struct cinit_partition *esp = find_esp(boot);
    if (boot->loader.partition[0] != 0 && esp == NULL) {
        snprintf(reason, sizeof reason, "/dev/%s is not the disk that the boot loader started from", name);
        return false;
    }
    const struct cinit_partition *data = find(&boot->disk, CINIT_TYPE_DATA, "data");
    if (data == NULL || !find_node(&boot->disk, data, &boot->data)) {
        snprintf(reason, sizeof reason, "/dev/%s has no partition 'data' of the type for /var", name);
        return false;
    }
    if (esp == NULL || !find_node(&boot->disk, esp, &boot->esp)) boot->esp.path[0] = 0;
    return try_pairs(boot);
}

static void add_missing_nodes(struct disk *disk, const char *name) {
    struct node node;
    if (!read_disk(disk, name)) return;
    for (size_t i = 0; i < disk->count; i++)
        if (!find_node(disk, &disk->partitions[i], &node)) add_node(disk, &disk->partitions[i]);
}

void find_disk(struct boot *boot) {
    static char names[DISKS][32];
    double start = seconds();
    bool added = false;
    while (true) {
        size_t count = list_disks(names);
        for (size_t i = 0; i < count; i++) {
            if (!try_disk(boot, names[i])) continue;
            if (boot->disk.from_backup) say("/dev/%s: bad primary partition table, the backup is used", names[i]);
            return;
        }
        double waited = seconds() - start;
        if (waited > PATIENCE) fail("no disk matches the root hash in %d seconds; the last one: %s", PATIENCE, reason);
        if (waited > KERNEL_TIME && !added) {
            for (size_t i = 0; i < count; i++) add_missing_nodes(&boot->disk, names[i]);
            added = true;
        }
        usleep(PAUSE_MICROSECONDS);
    }
}
