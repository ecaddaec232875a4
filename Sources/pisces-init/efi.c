#include "util.h"

#include <errno.h>
#include <sys/mount.h>
#include <unistd.h>

#define VARIABLES "/sys/firmware/efi/efivars"
/// The vendor of the variables of the Boot Loader Interface.
#define LOADER "-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"

/// Reads a variable of the boot loader; empty text if there is none or it makes no sense.
static void read_variable(const char *path, char *text, size_t room) {
    uint8_t bytes[512];
    long size = read_file(path, bytes, sizeof bytes);
    if (size < 0 || !cinit_efi_text(bytes, (size_t)size, text, room)) text[0] = 0;
}

void read_loader(struct loader *loader) {
    *loader = (struct loader){.generation = 0};
    if (access("/sys/firmware/efi", F_OK) != 0) return;
    if (mount("efivarfs", VARIABLES, "efivarfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) != 0 && errno != EBUSY) {
        say("cannot mount the EFI variables, so the booted entry is unknown: %m");
        return;
    }
    read_variable(VARIABLES "/LoaderEntrySelected" LOADER, loader->entry, sizeof loader->entry);
    read_variable(VARIABLES "/LoaderDevicePartUUID" LOADER, loader->partition, sizeof loader->partition);
    // Only a boot loader that has counted this boot sets it.
    char counted[128];
    read_variable(VARIABLES "/LoaderBootCountPath" LOADER, counted, sizeof counted);
    loader->is_trial = cinit_on_trial(counted);
    if (!cinit_entry_generation(loader->entry, &loader->generation)) loader->generation = 0;
}
