// pisces-enter is the only way into namespaces. It is a C program of one thread, because unshare(2) with CLONE_NEWUSER
// fails in a process that has more, and because nothing else may run between clone(2) and execve(2).
#ifndef PISCES_ENTER_H
#define PISCES_ENTER_H

#include <sys/types.h>

// Exit statuses of our own failures; env(1) and chroot(1) use the last three alike.
enum {
    STATUS_UNAVAILABLE = 77, // this machine or user lacks something; the message says what
    STATUS_FAILED = 125,
    STATUS_NOT_EXECUTABLE = 126,
    STATUS_NOT_FOUND = 127,
};

/// `pisces-enter workshop …`: executes the program as root of a new user and mount namespace.
int workshop(int argc, char **argv);
/// `pisces-enter sandbox …`: runs the program in a tree, as root over that tree alone.
int sandbox(int argc, char **argv);
/// The program that this one stands in for where it is started under its `name`; NULL if it is started as itself.
const char *stood_in_for(const char *name);
/// Has the server run the program, or becomes it where there is none; returns its exit status.
int stand_in(const char *program, char **argv);

/// Writes a message to standard error and ends the process.
_Noreturn void fail(int status, const char *format, ...) __attribute__((format(printf, 2, 3)));
/// The same with STATUS_FAILED and the text of errno.
_Noreturn void fail_errno(const char *format, ...) __attribute__((format(printf, 1, 2)));
/// Ends the process because new namespaces were refused with this errno; names the setting that forbids them.
_Noreturn void refuse_namespaces(int code);
/// Makes every mount of this namespace private: none comes in from, or goes out to, the namespace it was copied from.
void make_mounts_private(void);
/// Executes argv; its name is looked up in PATH.
_Noreturn void execute(char **argv);

/// Gives `process`, which is in a new user namespace, root and 65535 more ids; ends this process on failure.
void map_workshop_ids(pid_t process);
/// Gives `process`, which is in a new user namespace, the ids that this process has; ends this process on failure.
void map_own_ids(pid_t process);

/// Mounts what a sandbox consists of and makes `root` the root directory.
struct bind {
    const char *source, *destination;
    int read_only;
    int tree; // the detached copy of the source
};
void build_root(const char *root, struct bind *binds, int count);
/// From now on fsync(2) and its kin do nothing and succeed, in this process and its descendants.
void suppress_sync(void);

/// Makes this process the leader of a process group that reads the terminal on standard input.
void take_terminal(void);
/// The process group that reads the terminal on standard input; -1 if that is none.
pid_t terminal_owner(void);
/// Gives the terminal back to a process group; does nothing for -1.
void return_terminal(pid_t owner);
/// From now on nothing can be typed into the terminal on behalf of its user (TIOCSTI), who gets it back afterwards.
void forbid_typing(void);

#endif
