#define _GNU_SOURCE
#include "util.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/// Levels of syslog(3), which /dev/kmsg takes as a prefix.
enum { CRITICAL = 2, INFORMATIONAL = 6 };

static void log_line(int level, const char *format, va_list arguments) {
    char line[900];
    int used = snprintf(line, sizeof line, "<%d>pisces-init: ", level);
    vsnprintf(line + used, sizeof line - (size_t)used - 1, format, arguments);
    strcat(line, "\n");
    int log = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
    // Before /dev is mounted there is only what the kernel opened.
    ssize_t written = write(log < 0 ? STDERR_FILENO : log, line, strlen(line));
    (void)written;
    if (log >= 0) close(log);
}

void say(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    log_line(INFORMATIONAL, format, arguments);
    va_end(arguments);
}

void fail(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    log_line(CRITICAL, format, arguments);
    va_end(arguments);
    say("restarting in 2 seconds");
    sleep(2);
    sync();
    restart();
}

void restart(void) {
    reboot(RB_AUTOBOOT);
    // The kernel panics when PID 1 ends, and restarts after kernel.panic seconds.
    _exit(1);
}

long read_file(const char *path, void *bytes, size_t size) {
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return -1;
    size_t done = 0;
    while (done < size) {
        ssize_t count = read(file, (char *)bytes + done, size - done);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) {
            close(file);
            return -1;
        }
        if (count == 0) break;
        done += (size_t)count;
    }
    close(file);
    return (long)done;
}

bool read_text(const char *path, char *text, size_t room) {
    long size = read_file(path, text, room);
    if (size < 0 || (size_t)size >= room) return false;
    while (size > 0 && strchr(" \t\r\n", text[size - 1]) != NULL) size--;
    text[size] = 0;
    return true;
}

bool write_text(const char *path, const char *text) {
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (file < 0) return false;
    bool whole = write(file, text, strlen(text)) == (ssize_t)strlen(text);
    return close(file) == 0 && whole;
}

void make_directories(const char *path) {
    char part[256];
    format_text(part, sizeof part, "%s", path);
    for (char *slash = strchr(part + 1, '/');; slash = strchr(slash + 1, '/')) {
        if (slash != NULL) *slash = 0;
        if (mkdir(part, 0755) != 0 && errno != EEXIST) fail("cannot make directory %s: %m", part);
        if (slash == NULL) return;
        *slash = '/';
    }
}

void format_text(char *text, size_t room, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text, room, format, arguments);
    va_end(arguments);
    if (length < 0 || (size_t)length >= room) fail("a text is longer than %zu bytes: %s", room, format);
}

double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}
