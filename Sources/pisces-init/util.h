// What the parts of pisces-init share: how it speaks and fails, small files, and the description of what it boots.
#ifndef PISCES_INIT_UTIL_H
#define PISCES_INIT_UTIL_H

#include "CInit.h"

/// Writes a line to the kernel log, and so to the console.
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
/// Says why the boot cannot go on, then starts the machine anew: the boot loader counts the try. Never returns.
void fail(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
/// Restarts the machine at once; usable in a signal handler.
void restart(void) __attribute__((noreturn));

/// Reads at most `size` bytes of a file; -1 on failure.
long read_file(const char *path, void *bytes, size_t size);
/// Reads a small text file without its trailing white space; false if it cannot be read or does not fit.
bool read_text(const char *path, char *text, size_t room);
/// Writes text over a file that may exist; false on failure.
bool write_text(const char *path, const char *text);
/// Makes a directory and those above it; fails the boot if it cannot.
void make_directories(const char *path);
/// snprintf(3) that fails the boot where the text does not fit.
void format_text(char *text, size_t room, const char *format, ...) __attribute__((format(printf, 3, 4)));
/// Monotonic time.
double seconds(void);

struct disk {
    /// Name in sysfs, for example `vda`.
    char name[32];
    uint64_t blocks;
    size_t block_size;
    /// Whether the primary partition table is bad.
    bool from_backup;
    size_t count;
    struct cinit_partition partitions[CINIT_PARTITIONS];
};

/// A partition as the kernel knows it.
struct node {
    char path[48];
    /// `major:minor`.
    char device[24];
    uint64_t size;
};

/// What the boot loader says through EFI variables; empty text where it says nothing.
struct loader {
    char entry[128];
    char partition[64];
    /// From `entry`; 0 if that names none.
    uint64_t generation;
    /// Whether this boot took one of the tries of a generation on trial.
    bool is_trial;
};

/// All that is known about this boot once the disk is found.
struct boot {
    struct loader loader;
    uint8_t root_hash[32];
    struct disk disk;
    struct cinit_verity verity;
    uint64_t generation;
    char slot;
    struct node root, tree, data;
    /// An empty path if the disk has no EFI system partition.
    struct node esp;
};

/// efi.c: mounts the variables and reads those of the boot loader.
void read_loader(struct loader *loader);
/// disk.c: waits for the disk whose partitions match `root_hash`, and fills in what it finds.
void find_disk(struct boot *boot);
/// dm.c: makes the verified device `root`; `path` becomes its node.
void open_verity(const struct boot *boot, char *path, size_t room);
/// state.c: mounts data on /sysroot/var, gives the machine its identity and lays the writable /etc over the image's.
void mount_state(const struct boot *boot);
/// handover.c: writes /run/pisces/boot and units for systemd.
void hand_over(const struct boot *boot);
/// switch.c: makes /sysroot the root and starts its init.
void switch_root(void) __attribute__((noreturn));

#endif
