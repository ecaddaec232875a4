#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <linux/blkpg.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/vfs.h>

int64_t clinux_block_size(int descriptor) {
    uint64_t size;
    return ioctl(descriptor, BLKGETSIZE64, &size) == 0 ? (int64_t)size : -1;
}

int clinux_block_sector_size(int descriptor) {
    int size;
    return ioctl(descriptor, BLKSSZGET, &size) == 0 ? size : -1;
}

int clinux_block_resize_partition(int descriptor, int number, int64_t start, int64_t size) {
    struct blkpg_partition partition = {.start = start, .length = size, .pno = number};
    struct blkpg_ioctl_arg argument = {
        .op = BLKPG_RESIZE_PARTITION, .datalen = sizeof partition, .data = &partition};
    return ioctl(descriptor, BLKPG, &argument);
}

int64_t clinux_ext4_block_size(int descriptor) {
    struct statfs status;
    if (fstatfs(descriptor, &status) != 0) return -1;
    if (status.f_type != EXT4_SUPER_MAGIC) {
        errno = EMEDIUMTYPE;
        return -1;
    }
    return status.f_bsize;
}

int clinux_ext4_resize(int descriptor, uint64_t blocks) {
    // EXT4_IOC_RESIZE_FS: older kernel headers do not export it (Documentation/admin-guide/ext4.rst, "Ioctls").
    return ioctl(descriptor, _IOW('f', 16, uint64_t), &blocks);
}
