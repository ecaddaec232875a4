// User and group ids of new user namespaces: user_namespaces(7), newuidmap(1), subuid(5).
#define _GNU_SOURCE
#include "enter.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

// What an operating system's tree needs: Debian's nobody is 65534.
enum { ID_COUNT = 65536, MAX_EXTENTS = 340 };

// A line of /proc/PID/uid_map.
struct extent {
    unsigned long inside, outside, count;
};

static int read_own_map(const char *name, struct extent *extents) {
    char path[64];
    snprintf(path, sizeof path, "/proc/self/%s", name);
    FILE *file = fopen(path, "re");
    if (!file) fail_errno("%s", path);
    int count = 0;
    struct extent line;
    while (count < MAX_EXTENTS && fscanf(file, "%lu %lu %lu", &line.inside, &line.outside, &line.count) == 3)
        extents[count++] = line;
    fclose(file);
    return count;
}

static void write_map(pid_t process, const char *name, const struct extent *extents, int count) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", process, name);
    char *text = NULL;
    size_t size = 0;
    FILE *lines = open_memstream(&text, &size);
    if (!lines) fail_errno("memory");
    for (int i = 0; i < count; i++)
        fprintf(lines, "%lu %lu %lu\n", extents[i].inside, extents[i].outside, extents[i].count);
    fclose(lines);
    // The kernel takes a map in one write only.
    int file = open(path, O_WRONLY | O_CLOEXEC);
    if (file < 0 || write(file, text, size) != (ssize_t)size)
        fail(STATUS_UNAVAILABLE, "%s: %s: this process may not map ids: it needs CAP_SETUID, CAP_SETGID and CAP_SETFCAP",
            path, strerror(errno));
    close(file);
    free(text);
}

void map_own_ids(pid_t process) {
    static const char *const names[] = {"uid_map", "gid_map"};
    for (int i = 0; i < 2; i++) {
        struct extent extents[MAX_EXTENTS];
        int count = read_own_map(names[i], extents);
        // "outside" is read as ids of this namespace, where the same ids are "inside".
        for (int j = 0; j < count; j++) extents[j].outside = extents[j].inside;
        write_map(process, names[i], extents, count);
    }
}

static void map_as_root(pid_t process, const char *name) {
    struct extent extents[MAX_EXTENTS];
    int count = read_own_map(name, extents);
    unsigned long known = 0;
    // The kernel keeps extents in the order they were written in.
    for (int again = 1; again;) {
        again = 0;
        for (int i = 0; i < count; i++) {
            if (extents[i].inside > known || extents[i].inside + extents[i].count <= known) continue;
            known = extents[i].inside + extents[i].count;
            again = 1;
        }
    }
    if (known < ID_COUNT)
        fail(STATUS_UNAVAILABLE, "this user namespace has the ids below %lu only (/proc/self/%s), %d are needed", known,
            name, ID_COUNT);
    struct extent identity = {.count = ID_COUNT};
    write_map(process, name, &identity, 1);
}

// The first range of `user` in /etc/subuid or /etc/subgid that is long enough; 0 if there is none.
static unsigned long subordinate_range(const char *path, const char *user) {
    FILE *file = fopen(path, "re");
    if (!file) return 0;
    char line[512], number[32];
    unsigned long found = 0;
    snprintf(number, sizeof number, "%u", getuid());
    while (!found && fgets(line, sizeof line, file)) {
        char *rest = line, *end;
        const char *name = strsep(&rest, ":");
        if (!rest || (strcmp(name, user) != 0 && strcmp(name, number) != 0)) continue;
        unsigned long first = strtoul(rest, &end, 10);
        if (*end == ':' && strtoul(end + 1, NULL, 10) >= ID_COUNT - 1) found = first;
    }
    fclose(file);
    return found;
}

static void map_as_user(pid_t process, const char *tool, const char *file, unsigned own, const char *user) {
    unsigned long first = subordinate_range(file, user);
    if (!first)
        fail(STATUS_UNAVAILABLE,
            "%s has no range of %d ids in %s: run `usermod --add-subuids 100000-165535 --add-subgids 100000-165535 %s` "
            "as root, with ids that no other user has",
            user, ID_COUNT - 1, file, user);
    pid_t child = fork();
    if (child < 0) fail_errno("fork");
    if (child == 0) {
        char text[4][32];
        snprintf(text[0], sizeof text[0], "%d", process);
        snprintf(text[1], sizeof text[1], "%u", own);
        snprintf(text[2], sizeof text[2], "%lu", first);
        snprintf(text[3], sizeof text[3], "%d", ID_COUNT - 1);
        execlp(tool, tool, text[0], "0", text[1], "1", "1", text[2], text[3], (char *)NULL);
        if (errno == ENOENT) fail(STATUS_UNAVAILABLE, "%s: program not found; install the package uidmap", tool);
        fail_errno("%s", tool);
    }
    int status;
    if (waitpid(child, &status, 0) != child) fail_errno("waitpid");
    if (WIFEXITED(status) && WEXITSTATUS(status) == STATUS_UNAVAILABLE) exit(STATUS_UNAVAILABLE);
    if (status != 0)
        fail(STATUS_UNAVAILABLE, "%s refused to map the ids from %lu on for %s: see its message, and %s", tool, first, user,
            file);
}

// From /etc/passwd itself: NSS does not work in a static executable. A user known elsewhere is called by number.
static const char *own_name(void) {
    static char name[64];
    snprintf(name, sizeof name, "%u", getuid());
    FILE *file = fopen("/etc/passwd", "re");
    if (!file) return name;
    for (struct passwd *entry; (entry = fgetpwent(file)) != NULL;) {
        if (entry->pw_uid != getuid()) continue;
        snprintf(name, sizeof name, "%s", entry->pw_name);
        break;
    }
    fclose(file);
    return name;
}

void map_workshop_ids(pid_t process) {
    if (geteuid() == 0) {
        map_as_root(process, "uid_map");
        map_as_root(process, "gid_map");
        return;
    }
    const char *user = own_name();
    map_as_user(process, "newuidmap", "/etc/subuid", geteuid(), user);
    map_as_user(process, "newgidmap", "/etc/subgid", getegid(), user);
}
