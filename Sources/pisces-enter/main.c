#define _GNU_SOURCE
#include "enter.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

static const char usage[] =
    "usage: pisces-enter workshop [--tmpfs DIR[:BYTES]]... -- PROGRAM [ARGUMENT]...\n"
    "       pisces-enter sandbox --root DIR [--bind SOURCE:DESTINATION[:ro]]... [--env NAME=VALUE]...\n"
    "                            [--hostname NAME] [--chdir DIR] [--interactive] -- PROGRAM [ARGUMENT]...\n";

int main(int argc, char **argv) {
    // An ignored SIGCHLD would be inherited, and then no exit status could be read.
    signal(SIGCHLD, SIG_DFL);
    const char *program = argc > 0 ? stood_in_for(argv[0]) : NULL;
    if (program) return stand_in(program, argv);
    const char *mode = argc > 1 ? argv[1] : "";
    if (strcmp(mode, "workshop") == 0) return workshop(argc - 1, argv + 1);
    if (strcmp(mode, "sandbox") == 0) return sandbox(argc - 1, argv + 1);
    int help = strcmp(mode, "--help") == 0;
    fputs(usage, help ? stdout : stderr);
    return help ? 0 : STATUS_FAILED;
}

void fail(int status, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fputs("pisces-enter: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(status);
}

void fail_errno(const char *format, ...) {
    int code = errno;
    va_list arguments;
    va_start(arguments, format);
    fputs("pisces-enter: ", stderr);
    vfprintf(stderr, format, arguments);
    fprintf(stderr, ": %s\n", strerror(code));
    va_end(arguments);
    exit(STATUS_FAILED);
}

// The number in a sysctl file; -1 if the kernel does not have it.
static long setting(const char *path) {
    FILE *file = fopen(path, "re");
    if (!file) return -1;
    long value = -1;
    if (fscanf(file, "%ld", &value) != 1) value = -1;
    fclose(file);
    return value;
}

void refuse_namespaces(int code) {
    const char *why = "a container or a chroot forbids them to this process, or the kernel was built without them";
    if (setting("/proc/sys/user/max_user_namespaces") == 0) {
        why = "set the sysctl user.max_user_namespaces above 0";
    } else if (geteuid() != 0 && setting("/proc/sys/kernel/unprivileged_userns_clone") == 0) {
        why = "set the sysctl kernel.unprivileged_userns_clone=1, or run this as root";
    } else if (geteuid() != 0 && setting("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == 1) {
        why = "set the sysctl kernel.apparmor_restrict_unprivileged_userns=0, or run this as root";
    }
    fail(STATUS_UNAVAILABLE, "user namespaces are not permitted: %s: %s", strerror(code), why);
}

void make_mounts_private(void) {
    // AppArmor lets an unprivileged user make the namespace and refuses the first use of it.
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0) refuse_namespaces(errno);
}

void execute(char **argv) {
    execvp(argv[0], argv);
    int code = errno;
    fail(code == ENOENT ? STATUS_NOT_FOUND : STATUS_NOT_EXECUTABLE, "%s: %s", argv[0], strerror(code));
}
