// Starting a program. Everything between fork and exec is C: Swift may not run there.
#ifndef PISCES_CLINUX_SPAWN_H
#define PISCES_CLINUX_SPAWN_H

#include <sys/types.h>

/// What clinux_spawn starts. The program gets default signal handling and no descriptor but 0, 1 and 2.
struct clinux_program {
    /// The file to execute; not searched for.
    const char *path;
    /// NULL-terminated.
    char *const *arguments;
    /// NULL-terminated.
    char *const *environment;
    /// NULL: the caller's.
    const char *directory;
    /// Descriptors of the caller that become 0, 1 and 2.
    int input, output, error;
    /// Whether it leads a process group of its own.
    int own_group;
    /// Sent to it when the calling thread ends; 0: none.
    int death_signal;
    /// Set on failure: the call that failed, and its errno.
    const char *failed_call;
    int failed_code;
    /// Set on success: a pidfd, close-on-exec.
    int process;
};

/// The pid, or -1 if the program could not be started: then there is no child.
pid_t clinux_spawn(struct clinux_program *program);

/// pipe2(2) with O_CLOEXEC.
int clinux_pipe(int ends[2]);
/// socketpair(2) of streams with SOCK_CLOEXEC.
int clinux_socket_pair(int ends[2]);
/// memfd_create(2) with MFD_CLOEXEC.
int clinux_memory_file(const char *name);

#endif
