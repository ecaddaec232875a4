// The file systems of a sandbox: mount_namespaces(7), open_tree(2), mount_setattr(2), pivot_root(2).
#define _GNU_SOURCE
#include "enter.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static const char *const devices[] = {"null", "zero", "full", "random", "urandom", "tty"};
enum { DEVICE_COUNT = sizeof devices / sizeof *devices };

// Writable by uid 0 whatever its capabilities; and uid 0 may be the host's.
static const char *const kernel_controls[] = {
    "acpi", "asound", "bus", "driver", "dynamic_debug", "fs", "irq", "mtrr", "scsi", "sys", "sysrq-trigger",
};

// A detached copy of the mounts at and below `path`.
static int copy_mounts(const char *path) {
    int tree = open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
    if (tree < 0) fail_errno("%s: cannot bind it", path);
    return tree;
}

static void set_attributes(int tree, unsigned long long attributes, const char *name) {
    struct mount_attr change = {.attr_set = attributes};
    if (mount_setattr(tree, "", AT_EMPTY_PATH | AT_RECURSIVE, &change, sizeof change) != 0)
        fail_errno("%s: mount_setattr", name);
}

static void attach(int tree, const char *path) {
    if (move_mount(tree, "", AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH) != 0) fail_errno("%s: cannot mount on it", path);
    close(tree);
}

// Creates what a bind is mounted on.
static void make_place(const char *path, int is_directory) {
    if ((is_directory ? mkdir(path, 0755) : mknod(path, S_IFREG | 0644, 0)) != 0 && errno != EEXIST)
        fail_errno("%s: cannot create it", path);
}

static void make_parents(const char *path) {
    char *copy = strdup(path);
    if (!copy) fail_errno("memory");
    for (char *slash = strchr(copy + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        make_place(copy, 1);
        *slash = '/';
    }
    free(copy);
}

static void mount_new(const char *type, const char *path, unsigned long flags, const char *options) {
    struct stat status;
    // A symlink here would put the mount somewhere else.
    if (lstat(path, &status) != 0 || !S_ISDIR(status.st_mode))
        fail(STATUS_FAILED, "the tree has no directory %s: create it, a mount is put there", path);
    if (mount(type, path, type, flags, options) == 0) return;
    if (strcmp(type, "proc") == 0 && errno == EPERM)
        fail(STATUS_UNAVAILABLE, "/proc: a new one may not be mounted, because this container hides a part of its own: "
                                 "run it without masked paths");
    fail_errno("%s: cannot mount a %s", path, type);
}

static void mount_proc(void) {
    mount_new("proc", "/proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
    for (size_t i = 0; i < sizeof kernel_controls / sizeof *kernel_controls; i++) {
        char path[64];
        snprintf(path, sizeof path, "/proc/%s", kernel_controls[i]);
        if (access(path, F_OK) != 0) continue;
        int tree = copy_mounts(path);
        set_attributes(tree, MOUNT_ATTR_RDONLY, path);
        attach(tree, path);
    }
}

static void mount_dev(const int *trees) {
    mount_new("tmpfs", "/dev", MS_NOSUID, "mode=0755");
    for (int i = 0; i < DEVICE_COUNT; i++) {
        char path[64];
        snprintf(path, sizeof path, "/dev/%s", devices[i]);
        make_place(path, 0);
        attach(trees[i], path);
    }
    if (mkdir("/dev/pts", 0755) != 0 || mkdir("/dev/shm", 01777) != 0) fail_errno("/dev");
    // Group 5 is tty in every Debian.
    mount_new("devpts", "/dev/pts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0620,gid=5");
    if (symlink("pts/ptmx", "/dev/ptmx") != 0 || symlink("/proc/self/fd", "/dev/fd") != 0 ||
        symlink("/proc/self/fd/0", "/dev/stdin") != 0 || symlink("/proc/self/fd/1", "/dev/stdout") != 0 ||
        symlink("/proc/self/fd/2", "/dev/stderr") != 0)
        fail_errno("/dev");
}

static int is_below(const char *path, const char *directory) { return strncmp(path, directory, strlen(directory)) == 0; }

static void attach_bind(const struct bind *bind) {
    struct stat status;
    if (fstat(bind->tree, &status) != 0) fail_errno("%s", bind->source);
    // Only what vanishes with the sandbox is created: the tree stays as it was.
    if (is_below(bind->destination, "/run/") || is_below(bind->destination, "/tmp/")) {
        make_parents(bind->destination);
        make_place(bind->destination, S_ISDIR(status.st_mode));
    }
    attach(bind->tree, bind->destination);
}

void build_root(const char *root, struct bind *binds, int count) {
    umask(0);
    // Sources are named in the caller's root, destinations in the new one.
    int device_trees[DEVICE_COUNT];
    for (int i = 0; i < DEVICE_COUNT; i++) {
        char path[64];
        snprintf(path, sizeof path, "/dev/%s", devices[i]);
        device_trees[i] = copy_mounts(path);
    }
    for (int i = 0; i < count; i++) {
        binds[i].tree = copy_mounts(binds[i].source);
        set_attributes(binds[i].tree, MOUNT_ATTR_NODEV | (binds[i].read_only ? MOUNT_ATTR_RDONLY : 0), binds[i].source);
    }
    int tree = copy_mounts(root);
    // A device node in the tree belongs to the image; here it would open a device of the host.
    set_attributes(tree, MOUNT_ATTR_NODEV, root);
    int old = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (old < 0) fail_errno("/");
    if (move_mount(tree, "", AT_FDCWD, root, MOVE_MOUNT_F_EMPTY_PATH) != 0) fail_errno("%s: cannot mount on it", root);
    if (fchdir(tree) != 0 || syscall(SYS_pivot_root, ".", ".") != 0) fail_errno("%s: pivot_root", root);
    close(tree);

    // While the old root is still there: the kernel allows a new /proc only where one is in sight already.
    mount_proc();
    mount_dev(device_trees);
    mount_new("tmpfs", "/run", MS_NOSUID | MS_NODEV, "mode=0755");
    if (mkdir("/run/lock", 01777) != 0) fail_errno("/run/lock");
    mount_new("tmpfs", "/tmp", MS_NOSUID | MS_NODEV, "mode=01777");
    // No sysfs: it would show the host's hardware, and what a script makes of that would differ from host to host.
    mount_new("tmpfs", "/sys", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0555");
    for (int i = 0; i < count; i++) attach_bind(&binds[i]);

    if (fchdir(old) != 0 || umount2(".", MNT_DETACH) != 0 || chdir("/") != 0) fail_errno("the old root");
    close(old);
}
