// What systemd and the controller find under /run.
#include "util.h"

#include <inttypes.h>
#include <unistd.h>

/// Says what was booted, so that nobody has to guess it.
static void write_record(const struct boot *boot) {
    char text[1024], hash[65], esp[80] = "", entry[160] = "";
    cinit_hex(boot->root_hash, sizeof boot->root_hash, hash);
    if (boot->esp.path[0] != 0) format_text(esp, sizeof esp, "ESP: %s\n", boot->esp.path);
    if (boot->loader.entry[0] != 0) format_text(entry, sizeof entry, "Entry: %s\n", boot->loader.entry);
    format_text(
        text, sizeof text,
        "Generation: %" PRIu64
        "\nSlot: %c\nTrial: %s\nDisk: /dev/%s\nRoot: %s\nVerity: %s\nData: %s\n%sRoot-Hash: %s\n%s",
        boot->generation, boot->slot, boot->loader.is_trial ? "yes" : "no", boot->disk.name, boot->root.path,
        boot->tree.path, boot->data.path, esp, hash, entry);
    make_directories("/run/pisces");
    if (!write_text("/run/pisces/boot", text)) fail("cannot write /run/pisces/boot: %m");

    // Where what belongs to the booted generation alone is kept; the image cannot name it, since it knows no number.
    char state[128];
    format_text(state, sizeof state, "/var/lib/pisces/generations/%" PRIu64, boot->generation);
    if (symlink(state, "/run/pisces/state") != 0) fail("cannot link /run/pisces/state: %m");
}

/// Leaves a mount unit for the EFI system partition: the image does not know on which disk it is. Nothing starts it, since
/// what is not mounted no power cut can hurt: the controller mounts the partition for itself while it writes there.
static void write_esp_unit(const struct node *esp) {
    char unit[512];
    format_text(
        unit, sizeof unit,
        "[Unit]\n"
        "Description=EFI system partition of the booted disk\n"
        "\n"
        "[Mount]\n"
        "What=%s\n"
        "Where=/efi\n"
        "Type=vfat\n"
        "Options=umask=0077,nodev,nosuid,noexec\n",
        esp->path);
    make_directories("/run/systemd/system");
    if (!write_text("/run/systemd/system/efi.mount", unit))
        fail("cannot write the mount unit of the EFI system partition: %m");
}

/// Keeps generators of systemd from doing what is done otherwise here: the root is open, and systemd-veritysetup's would
/// wait for partitions by names that they need not have; `pisces commit` takes the counter off the boot entry once the
/// system is healthy, which systemd-bless-boot's would do without asking.
static void mask_generators(void) {
    static const char *const names[] = {"systemd-veritysetup-generator", "systemd-bless-boot-generator"};
    make_directories("/run/systemd/system-generators");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[80];
        format_text(path, sizeof path, "/run/systemd/system-generators/%s", names[i]);
        if (symlink("/dev/null", path) != 0) fail("cannot mask %s: %m", names[i]);
    }
}

/// Starts the timer that restarts the machine unless the generation on trial becomes healthy in time, whatever hangs.
static void set_deadline(void) {
    make_directories("/run/systemd/system/sysinit.target.wants");
    if (symlink(
            "/usr/lib/systemd/system/pisces-deadline.timer",
            "/run/systemd/system/sysinit.target.wants/pisces-deadline.timer") != 0)
        fail("cannot set a deadline to the trial: %m");
}

void hand_over(const struct boot *boot) {
    write_record(boot);
    mask_generators();
    if (boot->loader.is_trial) set_deadline();
    if (boot->esp.path[0] != 0) write_esp_unit(&boot->esp);
}
