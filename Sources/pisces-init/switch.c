#define _GNU_SOURCE
#include "util.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

/// Removes what is in a directory, and nothing of another device. Takes the descriptor.
static void remove_content(int directory, dev_t device) {
    DIR *list = fdopendir(directory);
    if (list == NULL) {
        close(directory);
        return;
    }
    struct dirent *entry;
    while ((entry = readdir(list)) != NULL) {
        struct stat status;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        if (fstatat(directory, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0 || status.st_dev != device) continue;
        if (!S_ISDIR(status.st_mode)) {
            unlinkat(directory, entry->d_name, 0);
            continue;
        }
        int child = openat(directory, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (child >= 0) remove_content(child, device);
        unlinkat(directory, entry->d_name, AT_REMOVEDIR);
    }
    closedir(list);
}

/// Gives the initrd's memory back, if the root is memory.
static void remove_initrd(int root) {
    struct statfs system;
    struct stat status;
    if (fstatfs(root, &system) == 0 && fstat(root, &status) == 0 &&
        (system.f_type == RAMFS_MAGIC || system.f_type == TMPFS_MAGIC))
        remove_content(root, status.st_dev);
    else
        close(root);
}

void switch_root(void) {
    static const char *const mounts[] = {"/dev", "/proc", "/sys", "/run"};
    for (size_t i = 0; i < sizeof mounts / sizeof *mounts; i++) {
        char target[32];
        format_text(target, sizeof target, "/sysroot%s", mounts[i]);
        if (mount(mounts[i], target, NULL, MS_MOVE, NULL) != 0) fail("cannot move %s to the root: %m", mounts[i]);
    }
    int old = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (chdir("/sysroot") != 0 || mount(".", "/", NULL, MS_MOVE, NULL) != 0 || chroot(".") != 0 || chdir("/") != 0)
        fail("cannot change to the root: %m");
    if (old >= 0) remove_initrd(old);
    // A pending alarm would outlive this program.
    alarm(0);
    static const char *const programs[] = {"/usr/lib/systemd/systemd", "/sbin/init"};
    for (size_t i = 0; i < sizeof programs / sizeof *programs; i++) {
        char *arguments[] = {(char *)programs[i], NULL};
        execv(programs[i], arguments);
    }
    fail("cannot start %s or %s: %m", programs[0], programs[1]);
}
