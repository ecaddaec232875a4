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
        "Generation: %" PRIu64 "\nSlot: %c\nDisk: /dev/%s\nRoot: %s\nVerity: %s\nData: %s\n%sRoot-Hash: %s\n%s",
        boot->generation, boot->slot, boot->disk.name, boot->root.path, boot->tree.path, boot->data.path, esp, hash,
        entry);
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

/// The root is open: without this the generator would wait for partitions by names that they need not have.
static void mask_verity_generator(void) {
    make_directories("/run/systemd/system-generators");
    if (symlink("/dev/null", "/run/systemd/system-generators/systemd-veritysetup-generator") != 0)
        fail("cannot mask systemd-veritysetup-generator: %m");
}

void hand_over(const struct boot *boot) {
    write_record(boot);
    mask_verity_generator();
    if (boot->esp.path[0] != 0) write_esp_unit(&boot->esp);
}
