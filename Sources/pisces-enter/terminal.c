// An interactive program in a sandbox: tty_ioctl(4), credentials(7) on process groups and sessions.
#define _GNU_SOURCE
#include "enter.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#else
#error "the seccomp filter does not know this architecture"
#endif

static void set_foreground(pid_t group) {
    // A process in the background would be stopped for this.
    void (*before)(int) = signal(SIGTTOU, SIG_IGN);
    tcsetpgrp(STDIN_FILENO, group);
    signal(SIGTTOU, before);
}

void take_terminal(void) {
    // The session stays that of the caller, whose terminal it is: only a session's own processes can use it.
    if (setpgid(0, 0) != 0) fail_errno("setpgid");
    set_foreground(getpid());
}

pid_t terminal_owner(void) { return tcgetpgrp(STDIN_FILENO); }

void return_terminal(pid_t owner) {
    if (owner > 0) set_foreground(owner);
}

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
// Goes on if the loaded value is `value`, else leaves out `distance` instructions.
#define NEED(value, distance) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, distance)
#define RETURN(action) BPF_STMT(BPF_RET | BPF_K, action)

void forbid_typing(void) {
    struct sock_filter filter[] = {
        LOAD(arch),
        NEED(ARCHITECTURE, 5),
        LOAD(nr),
        NEED(SYS_ioctl, 3),
        // The low half of the second argument, as the kernel takes it; the machines here are little-endian.
        LOAD(args[1]),
        NEED(TIOCSTI, 1),
        RETURN(SECCOMP_RET_ERRNO | EPERM),
        RETURN(SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = sizeof filter / sizeof *filter, .filter = filter};
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) fail_errno("seccomp");
}
