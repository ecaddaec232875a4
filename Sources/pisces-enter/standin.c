// Asks the server of started Perl programs (PerlServer.swift) to run the program that this one stands in for.
#include "enter.h"

#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

// A name in the sandbox's own network namespace.
static const char server[] = "\0pisces-perl";

static int connect_to_server(void) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, server, sizeof server - 1);
    int connection = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    socklen_t length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + sizeof server - 1);
    if (connection >= 0 && connect(connection, (struct sockaddr *)&address, length) != 0) {
        close(connection);
        connection = -1;
    }
    return connection;
}

const char *stood_in_for(const char *name) {
    static char path[256];
    const char *slash = strrchr(name, '/');
    if (slash) name = slash + 1;
    int length = snprintf(path, sizeof path, "/tmp/pisces/perl/%s", name);
    int is_own = strcmp(name, "pisces-enter") == 0;
    return !is_own && length < (int)sizeof path && access(path, X_OK) == 0 ? path : NULL;
}

int stand_in(const char *program, char **argv) {
    int connection = connect_to_server();
    char begun;
    // Nothing is begun yet where there is no server, or where it cannot see this process's files.
    if (connection < 0 || read(connection, &begun, 1) != 1) {
        execv(program, argv);
        fail_errno("%s", program);
    }
    int status;
    if (read(connection, &status, sizeof status) != sizeof status)
        fail(STATUS_FAILED, "%s: its server is gone", program);
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
