// PID 1 of the initrd: finds the partitions that match the root hash on the kernel command line, makes of them the
// verified root with a writable /etc and /var, and starts systemd. There is no shell and no waiting for a person: what
// cannot be booted is said on the console, and the machine starts anew so that the boot loader counts the try.
#define _GNU_SOURCE
#include "util.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/// No boot takes longer than this until systemd runs, however slow the disk is.
enum { LIMIT_SECONDS = 120 };

static void mount_kernel_files(void) {
    static const struct {
        const char *type, *target;
        unsigned long flags;
        const char *options;
    } mounts[] = {
        {"devtmpfs", "/dev", MS_NOSUID, "mode=0755"},
        {"proc", "/proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL},
        {"sysfs", "/sys", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL},
        {"tmpfs", "/run", MS_NOSUID | MS_NODEV, "mode=0755"},
    };
    mkdir("/sysroot", 0755);
    for (size_t i = 0; i < sizeof mounts / sizeof *mounts; i++) {
        mkdir(mounts[i].target, 0755);
        // The kernel may have mounted /dev itself (CONFIG_DEVTMPFS_MOUNT does not, for an initrd).
        if (mount(mounts[i].type, mounts[i].target, mounts[i].type, mounts[i].flags, mounts[i].options) != 0 &&
            errno != EBUSY)
            fail("cannot mount %s: %m", mounts[i].target);
    }
}

static void on_alarm(int signal) {
    (void)signal;
    static const char text[] = "<2>pisces-init: the time is over, restarting\n";
    int log = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
    ssize_t written = write(log, text, sizeof text - 1);
    (void)written;
    restart();
}

/// Sees to it that neither a lost message nor a hang nor a crash of this program keeps the machine from starting anew.
static void prepare(void) {
    // Descriptors 0 to 2 may be closed: nothing else must get them.
    int null = open("/dev/null", O_RDWR);
    while (null >= 0 && null < 2) null = dup(null);
    if (null > 2) close(null);
    // The kernel drops all but ten messages of a program in five seconds.
    write_text("/proc/sys/kernel/printk_devkmsg", "on\n");
    char panic[16];
    if (read_text("/proc/sys/kernel/panic", panic, sizeof panic) && strcmp(panic, "0") == 0)
        write_text("/proc/sys/kernel/panic", "10\n");
    signal(SIGALRM, on_alarm);
    alarm(LIMIT_SECONDS);
}

static void load_module(const char *name) {
    char path[128];
    format_text(path, sizeof path, "/modules/%s", name);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    // A driver without its device refuses to load; whether anything needed is missing shows later.
    if (file < 0 || (syscall(SYS_finit_module, file, "", 0) != 0 && errno != EEXIST)) say("module %s: %m", name);
    if (file >= 0) close(file);
}

static void load_modules(void) {
    static char list[64 << 10];
    if (!read_text("/modules/list", list, sizeof list)) {
        say("no list of modules");
        return;
    }
    char *rest = list, *name;
    while ((name = strsep(&rest, "\n")) != NULL)
        if (*name != 0) load_module(name);
}

int main(void) {
    static struct boot boot;
    if (getpid() != 1) {
        fputs("pisces-init: this is the first program of an initrd and runs only as process 1\n", stderr);
        return 1;
    }
    mount_kernel_files();
    prepare();
    load_modules();

    static char command_line[8192];
    if (!read_text("/proc/cmdline", command_line, sizeof command_line)) fail("cannot read the kernel command line: %m");
    const char *wrong = cinit_root_hash(command_line, boot.root_hash);
    if (wrong != NULL) fail("%s", wrong);

    read_loader(&boot.loader);
    find_disk(&boot);
    say("generation %" PRIu64 " in slot %c: root %s, verity %s, data %s", boot.generation, boot.slot, boot.root.path,
        boot.tree.path, boot.data.path);

    char root[32];
    open_verity(&boot, root, sizeof root);
    static uint8_t head[CINIT_FILESYSTEM_HEAD];
    if (read_file(root, head, sizeof head) != sizeof head) fail("cannot read the root %s: %m", root);
    const char *type = cinit_filesystem(head);
    if (type == NULL) fail("the root %s is no file system that is known here", root);
    if (mount(root, "/sysroot", type, MS_RDONLY, NULL) != 0) fail("cannot mount the root %s as %s: %m", root, type);
    mount_state(&boot);
    hand_over(&boot);
    switch_root();
}
