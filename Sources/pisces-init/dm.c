#include "util.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define NAME "root"

/// A command with its one target and the target's parameters.
struct request {
    struct dm_ioctl header;
    struct dm_target_spec target;
    char parameters[2048];
};

static void run(int control, unsigned long command, const char *what, struct request *request) {
    request->header.version[0] = DM_VERSION_MAJOR;
    request->header.data_size = sizeof *request;
    request->header.data_start = offsetof(struct request, target);
    strcpy(request->header.name, NAME);
    if (ioctl(control, command, request) != 0) fail("device mapper: cannot %s: %m", what);
}

void open_verity(const struct boot *boot, char *path, size_t room) {
    int control = open("/dev/mapper/control", O_RDWR | O_CLOEXEC);
    if (control < 0) fail("/dev/mapper/control: %m; is dm-mod among the modules?");

    static struct request create, load, resume;
    // The form that libcryptsetup gives to its devices, so that veritysetup knows this one as its own.
    format_text(create.header.uuid, sizeof create.header.uuid, "CRYPT-VERITY-%s-" NAME, boot->verity.uuid);
    run(control, DM_DEV_CREATE, "create the device", &create);

    load.header.flags = DM_READONLY_FLAG;
    load.header.target_count = 1;
    load.target.length = boot->verity.data_blocks * (CINIT_VERITY_BLOCK / 512);
    strcpy(load.target.target_type, "verity");
    if (!cinit_verity_table(
            &boot->verity, boot->root.device, boot->tree.device, boot->root_hash, load.parameters,
            sizeof load.parameters))
        fail("device mapper: the verity table is longer than %zu bytes", sizeof load.parameters);
    run(control, DM_TABLE_LOAD, "load the verity table", &load);

    // Without DM_SUSPEND_FLAG this starts the device.
    run(control, DM_DEV_SUSPEND, "start the verity device", &resume);
    close(control);

    format_text(path, room, "/dev/dm-%u", (unsigned)minor(resume.header.dev));
    // Without udev nobody makes the name; udev makes the same link later.
    char target[32];
    format_text(target, sizeof target, "../dm-%u", (unsigned)minor(resume.header.dev));
    if (symlink(target, "/dev/mapper/" NAME) != 0 && errno != EEXIST) say("cannot make /dev/mapper/" NAME ": %m");
}
