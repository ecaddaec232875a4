#define _GNU_SOURCE
#include "enter.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <grp.h>
#include <linux/capability.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

struct request {
    const char *root, *hostname, *directory;
    struct bind *binds;
    int bind_count;
    char **environment; // NULL-terminated
    int environment_count;
    int interactive;
    char **program;
};

// As a shell reports it.
static int shell_status(int status) { return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status); }

static void raise_loopback(void) {
    int control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (control < 0) fail_errno("socket");
    struct ifreq loopback = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
    if (ioctl(control, SIOCSIFFLAGS, &loopback) != 0) fail_errno("lo: cannot set it up");
    close(control);
}

static _Noreturn void run_program(const struct request *request) {
    if (request->interactive)
        take_terminal();
    else if (setsid() < 0)
        fail_errno("setsid");
    umask(022);
    // By hand: signal dispositions and masks that are ignored or blocked would be inherited.
    for (int number = 1; number < NSIG; number++) signal(number, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (chdir(request->directory) != 0) fail_errno("%s", request->directory);
    suppress_sync();
    if (request->interactive) forbid_typing();
    // Not even root of the namespace may then take the read-only mounts off /proc/sys and its kin.
    if (prctl(PR_CAPBSET_DROP, CAP_SYS_ADMIN) != 0) fail_errno("prctl");
    environ = request->environment;
    execute(request->program);
}

// PID 1 of the namespace: when it ends the kernel kills all others in it.
static _Noreturn void run_init(const struct request *request, int go) {
    // Before the wait for the parent's word: if the parent is gone already, that word never comes.
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) fail_errno("prctl");
    char byte;
    if (read(go, &byte, 1) != 1) _exit(STATUS_FAILED);
    if (setgroups(0, NULL) != 0 || setresgid(0, 0, 0) != 0 || setresuid(0, 0, 0) != 0) fail_errno("setresuid");
    // The program may not look into this process by way of /proc/1, whose executable belongs to the host.
    if (prctl(PR_SET_DUMPABLE, 0) != 0) fail_errno("prctl");
    make_mounts_private();
    build_root(request->root, request->binds, request->bind_count);
    const char *hostname = request->hostname;
    if (sethostname(hostname, strlen(hostname)) != 0) fail_errno("%s: sethostname", hostname);
    if (setdomainname("(none)", 6) != 0) fail_errno("setdomainname");
    raise_loopback();
    if (close_range(3, ~0U, 0) != 0) fail_errno("close_range");

    pid_t program = fork();
    if (program < 0) fail_errno("fork");
    if (program == 0) run_program(request);
    int status;
    pid_t ended;
    // Orphans become this process's children and are reaped here too.
    while ((ended = wait(&status)) != program)
        if (ended < 0 && errno != EINTR) fail_errno("wait");
    _exit(shell_status(status));
}

static int run(const struct request *request) {
    if (geteuid() != 0) fail(STATUS_UNAVAILABLE, "sandbox: only root may make one; run it in a workshop");
    int go[2];
    if (pipe2(go, O_CLOEXEC) != 0) fail_errno("pipe2");
    pid_t owner = request->interactive ? terminal_owner() : -1;
    const unsigned long flags = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS |
                                CLONE_NEWNET | CLONE_NEWCGROUP | SIGCHLD;
    // Like fork: no stack is given, so all pointer arguments are 0 and their order does not matter.
    pid_t init = (pid_t)syscall(SYS_clone, flags, 0, 0, 0, 0);
    if (init < 0) refuse_namespaces(errno);
    if (init == 0) {
        close(go[1]);
        run_init(request, go[0]);
    }
    close(go[0]);
    map_own_ids(init);
    if (write(go[1], "", 1) != 1) fail_errno("write");
    int status;
    while (waitpid(init, &status, 0) != init)
        if (errno != EINTR) fail_errno("waitpid");
    return_terminal(owner);
    return shell_status(status);
}

static struct bind parse_bind(char *text) {
    char *source = strsep(&text, ":"), *destination = strsep(&text, ":");
    if (!destination || !*source || *destination != '/' || (text && strcmp(text, "ro") != 0))
        fail(STATUS_FAILED, "--bind: give SOURCE:/DESTINATION or SOURCE:/DESTINATION:ro");
    return (struct bind){.source = source, .destination = destination, .read_only = text != NULL};
}

int sandbox(int argc, char **argv) {
    static const struct option options[] = {
        {"root", required_argument, NULL, 'r'},     {"bind", required_argument, NULL, 'b'},
        {"env", required_argument, NULL, 'e'},      {"hostname", required_argument, NULL, 'h'},
        {"chdir", required_argument, NULL, 'd'},    {"interactive", no_argument, NULL, 'i'},
        {0},
    };
    struct request request = {
        .hostname = "localhost",
        .directory = "/",
        .binds = calloc((size_t)argc, sizeof *request.binds),
        .environment = calloc((size_t)argc, sizeof *request.environment),
    };
    if (!request.binds || !request.environment) fail_errno("memory");
    for (int option; (option = getopt_long(argc, argv, "+", options, NULL)) != -1;) {
        switch (option) {
        case 'r': request.root = optarg; break;
        case 'b': request.binds[request.bind_count++] = parse_bind(optarg); break;
        case 'e':
            if (!strchr(optarg, '=')) fail(STATUS_FAILED, "--env %s: give NAME=VALUE", optarg);
            request.environment[request.environment_count++] = optarg;
            break;
        case 'h': request.hostname = optarg; break;
        case 'd': request.directory = optarg; break;
        case 'i': request.interactive = 1; break;
        default: return STATUS_FAILED;
        }
    }
    request.program = argv + optind;
    if (!request.root) fail(STATUS_FAILED, "sandbox: --root is missing");
    if (!request.program[0]) fail(STATUS_FAILED, "sandbox: no program is given");
    return run(&request);
}
