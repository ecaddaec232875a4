// Calls on block devices and their file systems; all return -1 and set errno on failure.
#ifndef PISCES_CLINUX_DISK_H
#define PISCES_CLINUX_DISK_H

#include <stdint.h>

/// BLKGETSIZE64: bytes of a block device.
int64_t clinux_block_size(int descriptor);
/// BLKSSZGET: bytes per logical sector.
int clinux_block_sector_size(int descriptor);
/// BLKPG with BLKPG_RESIZE_PARTITION on the whole disk; start and size are bytes, the start must be the present one.
int clinux_block_resize_partition(int descriptor, int number, int64_t start, int64_t size);
/// Bytes per block of the ext4 (or ext2, ext3) that holds the open file; EMEDIUMTYPE for another file system.
int64_t clinux_ext4_block_size(int descriptor);
/// EXT4_IOC_RESIZE_FS: grows the file system that holds the open file to that many of its blocks.
int clinux_ext4_resize(int descriptor, uint64_t blocks);

/// Opens a file system of a device without a mount point: a descriptor of its root, closed on exec. Nothing else sees the
/// mount, and it goes when the last descriptor of it is closed.
int clinux_open_filesystem(const char *type, const char *device, int is_read_only);
/// Opens what is at a path as its own file system has it, without what is mounted below; likewise a descriptor of a
/// directory that nothing else sees.
int clinux_open_bare(const char *path);

#endif
