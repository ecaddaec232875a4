#define _GNU_SOURCE
#include "CLinuxSpawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define CLOSE_ON_EXEC 4 // CLOSE_RANGE_CLOEXEC, linux/close_range.h

// The parent's memory is shared until exec: a handler of the parent must not run here. Ignored signals stay ignored (a
// background job's SIGINT), but SIGPIPE would make a filter run for ever.
static void default_signals(void) {
    for (int number = 1; number < NSIG; number++) {
        struct sigaction action;
        if (sigaction(number, NULL, &action) != 0) continue;
        if (action.sa_handler == SIG_DFL || (action.sa_handler == SIG_IGN && number != SIGPIPE)) continue;
        action = (struct sigaction){.sa_handler = SIG_DFL};
        sigaction(number, &action, NULL);
    }
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

// Returns the name of the call that failed.
static const char *become(const struct clinux_program *program, pid_t parent) {
    if (program->own_group && setpgid(0, 0) != 0) return "setpgid";
    if (program->death_signal) {
        if (prctl(PR_SET_PDEATHSIG, program->death_signal) != 0) return "prctl";
        if (getppid() != parent) _exit(127); // it ended before the signal was asked for
    }
    // First out of the way: a source may itself be 0, 1 or 2.
    int sources[3] = {program->input, program->output, program->error};
    for (int target = 0; target < 3; target++) {
        sources[target] = fcntl(sources[target], F_DUPFD_CLOEXEC, 3);
        if (sources[target] < 0) return "fcntl";
    }
    for (int target = 0; target < 3; target++)
        if (dup2(sources[target], target) < 0) return "dup2";
    if (syscall(SYS_close_range, 3, ~0U, CLOSE_ON_EXEC) != 0) return "close_range";
    if (program->directory && chdir(program->directory) != 0) return "chdir";
    default_signals();
    execve(program->path, program->arguments, program->environment);
    return "execve";
}

pid_t clinux_spawn(struct clinux_program *program) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    // The child of vfork runs in this frame while this thread waits, so it can leave its failure here.
    volatile int code = 0;
    const char *volatile failed = NULL;
    pid_t parent = getpid();
    pid_t child = vfork();
    if (child == 0) {
        failed = become(program, parent);
        code = errno;
        _exit(127);
    }
    if (child < 0) {
        failed = "vfork";
        code = errno;
    } else if (!failed && (program->process = (int)syscall(SYS_pidfd_open, child, 0)) < 0) {
        failed = "pidfd_open";
        code = errno;
        kill(child, SIGKILL);
    }
    if (failed && child > 0) {
        while (waitpid(child, NULL, 0) < 0 && errno == EINTR) {}
        child = -1;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    program->failed_call = failed;
    program->failed_code = code;
    return child;
}

int clinux_pipe(int ends[2]) { return pipe2(ends, O_CLOEXEC); }
int clinux_socket_pair(int ends[2]) { return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends); }
int clinux_memory_file(const char *name) { return memfd_create(name, MFD_CLOEXEC); }
