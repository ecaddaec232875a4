#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/blkpg.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <linux/mount.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

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

static int configure(int context, unsigned command, const char *key, const char *value) {
    return (int)syscall(SYS_fsconfig, context, command, key, value, 0);
}

/// The mount's own descriptor only names a place: the one that is returned can be read, and keeps the mount.
static int readable(int mount) {
    if (mount < 0) return -1;
    int root = openat(mount, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int code = errno;
    close(mount);
    errno = code;
    return root;
}

int clinux_open_bare(const char *path) {
    return readable((int)syscall(SYS_open_tree, AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC));
}

int clinux_open_filesystem(const char *type, const char *device, int is_read_only) {
    int context = (int)syscall(SYS_fsopen, type, FSOPEN_CLOEXEC);
    if (context < 0) return -1;
    int root = -1;
    int failed = configure(context, FSCONFIG_SET_STRING, "source", device);
    if (!failed && is_read_only) failed = configure(context, FSCONFIG_SET_FLAG, "ro", NULL);
    if (!failed && configure(context, FSCONFIG_CMD_CREATE, NULL, NULL) == 0) {
        unsigned attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
        if (is_read_only) attributes |= MOUNT_ATTR_RDONLY;
        root = readable((int)syscall(SYS_fsmount, context, FSMOUNT_CLOEXEC, attributes));
    }
    int code = errno;
    close(context);
    errno = code;
    return root;
}
