#define _GNU_SOURCE
#include "util.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define STATE "/sysroot/var/lib/pisces"
#define IDENTITY STATE "/identity/etc"

/// Whether the machine has an identity: 32 hexadecimal digits, as machine-id(5) wants them.
static bool has_machine_id(void) {
    char text[64];
    if (!read_text(IDENTITY "/machine-id", text, sizeof text) || strlen(text) != 32) return false;
    return strspn(text, "0123456789abcdef") == 32 && strspn(text, "0") != 32;
}

/// Makes the machine's identity once. It appears whole or not at all: a machine must not change it.
static void make_machine_id(void) {
    static const char temporary[] = IDENTITY "/.machine-id.new", final[] = IDENTITY "/machine-id";
    uint8_t random[16];
    char text[2 * sizeof random + 2];
    if (getrandom(random, sizeof random, 0) != sizeof random) fail("no random numbers for the machine's identity: %m");
    cinit_hex(random, sizeof random, text);
    strcat(text, "\n");
    unlink(temporary);
    int file = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444);
    if (file < 0 || fchmod(file, 0444) != 0 || write(file, text, strlen(text)) != (ssize_t)strlen(text) ||
        fsync(file) != 0 || close(file) != 0 || rename(temporary, final) != 0)
        fail("cannot write the machine's identity: %m");
    int directory = open(IDENTITY, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0 || fsync(directory) != 0) fail("cannot keep the machine's identity: %m");
    close(directory);
    say("this machine has a new identity");
}

/// Makes where /root, /home and /srv lead: systemd-tmpfiles works in the order of paths and would come to them, on the
/// first boot, before it makes their targets.
static void make_homes(void) {
    static const struct {
        const char *path;
        mode_t mode;
    } homes[] = {{"/sysroot/var/home", 0755}, {"/sysroot/var/roothome", 0700}, {"/sysroot/var/srv", 0755}};
    for (size_t i = 0; i < sizeof homes / sizeof *homes; i++)
        if (mkdir(homes[i].path, homes[i].mode) != 0 && errno != EEXIST) fail("cannot make %s: %m", homes[i].path);
}

void mount_state(const struct boot *boot) {
    if (mount(boot->data.path, "/sysroot/var", "ext4", MS_NODEV, NULL) != 0)
        fail("cannot mount %s on /var: %m", boot->data.path);
    make_homes();

    make_directories(IDENTITY);
    if (!has_machine_id()) make_machine_id();

    char upper[128], work[128], options[512];
    format_text(upper, sizeof upper, STATE "/generations/%" PRIu64 "/etc", boot->generation);
    format_text(work, sizeof work, "%s.work", upper);
    // The merged directory has the upper one's mode, and make_directories gives 0755.
    make_directories(upper);
    make_directories(work);
    // A renamed or changed file is whole in the upper layer, so that the copier can read the drift from there alone.
    format_text(
        options, sizeof options,
        "lowerdir=" IDENTITY ":/sysroot/etc,upperdir=%s,workdir=%s,redirect_dir=nofollow,metacopy=off", upper, work);
    if (mount("overlay", "/sysroot/etc", "overlay", 0, options) != 0) fail("cannot mount the writable /etc: %m");
}
