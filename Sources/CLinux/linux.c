#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

const int clinux_o_direct = O_DIRECT;
const int clinux_o_path = O_PATH;
const int clinux_o_tmpfile = O_TMPFILE;

static int open_how(int directory, const char *path, int flags, unsigned mode, unsigned long resolve) {
    struct open_how how = {.flags = (unsigned)flags | O_CLOEXEC, .resolve = resolve};
    // openat2 refuses a mode for a file that is not made; O_TMPFILE has the bit of O_DIRECTORY, too.
    if (flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE) how.mode = mode;
    // Whenever anybody mounts or renames something, the kernel cannot tell where ".." leads, and asks for another try.
    for (int tries = 0;; tries++) {
        int descriptor = (int)syscall(SYS_openat2, directory, path, &how, sizeof how);
        if (descriptor >= 0 || errno != EAGAIN || tries == 1000) return descriptor;
        sched_yield();
    }
}

int clinux_open_in_root(int root, const char *path, int flags, unsigned mode) {
    return open_how(root, path, flags, mode, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
}

int clinux_open_beneath(int directory, const char *path, int flags, unsigned mode) {
    return open_how(directory, path, flags, mode, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
}

ssize_t clinux_lgetxattr(const char *path, const char *name, void *value, size_t size) {
    return lgetxattr(path, name, value, size);
}

ssize_t clinux_llistxattr(const char *path, char *list, size_t size) { return llistxattr(path, list, size); }

int clinux_fsetxattr(int descriptor, const char *name, const void *value, size_t size) {
    return fsetxattr(descriptor, name, value, size, 0);
}

int clinux_lsetxattr(const char *path, const char *name, const void *value, size_t size) {
    return lsetxattr(path, name, value, size, 0);
}

ssize_t clinux_copy_file_range(int from, int64_t *fromOffset, int to, int64_t *toOffset, size_t length) {
    return copy_file_range(from, fromOffset, to, toOffset, length, 0);
}

int64_t clinux_seek_data(int descriptor, int64_t offset) { return lseek(descriptor, offset, SEEK_DATA); }
int64_t clinux_seek_hole(int descriptor, int64_t offset) { return lseek(descriptor, offset, SEEK_HOLE); }

int clinux_rename_noreplace(int fromDirectory, const char *from, int toDirectory, const char *to) {
    return renameat2(fromDirectory, from, toDirectory, to, RENAME_NOREPLACE);
}

int clinux_rename_exchange(int fromDirectory, const char *from, int toDirectory, const char *to) {
    return renameat2(fromDirectory, from, toDirectory, to, RENAME_EXCHANGE);
}

int clinux_syncfs(int descriptor) { return syncfs(descriptor); }

int clinux_mknodat(int directory, const char *path, unsigned mode, unsigned major, unsigned minor) {
    return mknodat(directory, path, mode, makedev(major, minor));
}

unsigned clinux_major(uint64_t device) { return major(device); }
unsigned clinux_minor(uint64_t device) { return minor(device); }

int clinux_own_mounts(void) {
    if (unshare(CLONE_NEWNS) != 0) return -1;
    return mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
}
