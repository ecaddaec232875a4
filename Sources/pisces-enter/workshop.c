#define _GNU_SOURCE
#include "enter.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

// Enters a new user and mount namespace. The maps can only be written from outside, by a child that stays there; this
// process itself goes in, so that the program keeps its pid, its terminal and its parent.
static void enter(void) {
    int ready[2];
    if (pipe2(ready, O_CLOEXEC) != 0) fail_errno("pipe2");
    pid_t self = getpid(), helper = fork();
    if (helper < 0) fail_errno("fork");
    if (helper == 0) {
        close(ready[1]);
        char byte;
        if (read(ready[0], &byte, 1) != 1) _exit(STATUS_FAILED);
        map_workshop_ids(self);
        exit(0);
    }
    close(ready[0]);
    int refused = unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0 ? errno : 0;
    if (!refused && write(ready[1], "", 1) != 1) fail_errno("write");
    close(ready[1]);
    int status;
    if (waitpid(helper, &status, 0) != helper) fail_errno("waitpid");
    if (refused) refuse_namespaces(refused);
    if (status != 0) exit(WIFEXITED(status) ? WEXITSTATUS(status) : STATUS_FAILED);
    // Supplementary groups stay: /dev/kvm may be open to one of them.
    if (setresgid(0, 0, 0) != 0 || setresuid(0, 0, 0) != 0) fail_errno("setresuid");
}

static void mount_memory(char *argument) {
    char options[64] = "mode=0755";
    char *colon = strrchr(argument, ':');
    if (colon) {
        char *end;
        unsigned long long size = strtoull(colon + 1, &end, 10);
        if (colon[1] < '0' || colon[1] > '9' || *end || size == 0)
            fail(STATUS_FAILED, "--tmpfs %s: the size is a number of bytes above 0", argument);
        snprintf(options, sizeof options, "mode=0755,size=%llu", size);
        *colon = '\0';
    }
    if (mount("tmpfs", argument, "tmpfs", MS_NOSUID | MS_NODEV, options) != 0)
        fail_errno("%s: cannot mount a tmpfs", argument);
}

// PISCES_WORKSHOP names the namespaces, so that one inherited from elsewhere is seen not to be true.
static void set_guard(void) {
    char user[64] = "", mounts[64] = "", value[160];
    if (readlink("/proc/self/ns/user", user, sizeof user - 1) < 0 ||
        readlink("/proc/self/ns/mnt", mounts, sizeof mounts - 1) < 0)
        fail_errno("/proc/self/ns");
    snprintf(value, sizeof value, "%s %s", user, mounts);
    if (setenv("PISCES_WORKSHOP", value, 1) != 0) fail_errno("setenv");
}

int workshop(int argc, char **argv) {
    static const struct option options[] = {{"tmpfs", required_argument, NULL, 't'}, {0}};
    // The first pass only checks: nothing is entered for a wrong command line.
    for (int option; (option = getopt_long(argc, argv, "+", options, NULL)) != -1;)
        if (option != 't') return STATUS_FAILED;
    if (!argv[optind]) fail(STATUS_FAILED, "workshop: no program is given");
    char **program = argv + optind;
    enter();
    make_mounts_private();
    optind = 1;
    while (getopt_long(argc, argv, "+", options, NULL) != -1) mount_memory(optarg);
    set_guard();
    execute(program);
}
