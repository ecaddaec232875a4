// Linux calls and constants that Swift's Glibc module does not import: they need _GNU_SOURCE, which must be defined in
// a
// .c file, or they are macros. Each function is the call of the same name in man section 2 or 3, unless its comment
// says otherwise; all return -1 and set errno on failure.
#ifndef PISCES_CLINUX_H
#define PISCES_CLINUX_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "CLinuxDisk.h"
#include "CLinuxSpawn.h"

/// openat2(2) with RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS: every symlink is followed inside `root`, none leaves it.
int clinux_open_in_root(int root, const char *path, int flags, unsigned mode);
/// openat2(2) with RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS: a symlink anywhere in `path` is an error (ELOOP).
int clinux_open_beneath(int directory, const char *path, int flags, unsigned mode);

ssize_t clinux_lgetxattr(const char *path, const char *name, void *value, size_t size);
ssize_t clinux_llistxattr(const char *path, char *list, size_t size);
int clinux_fsetxattr(int descriptor, const char *name, const void *value, size_t size);
int clinux_lsetxattr(const char *path, const char *name, const void *value, size_t size);

ssize_t clinux_copy_file_range(int from, int64_t *fromOffset, int to, int64_t *toOffset, size_t length);
/// lseek(2) with SEEK_DATA or SEEK_HOLE; -1 and ENXIO past the last data.
int64_t clinux_seek_data(int descriptor, int64_t offset);
int64_t clinux_seek_hole(int descriptor, int64_t offset);
/// renameat2(2) with RENAME_NOREPLACE.
int clinux_rename_noreplace(int fromDirectory, const char *from, int toDirectory, const char *to);
/// renameat2(2) with RENAME_EXCHANGE.
int clinux_rename_exchange(int fromDirectory, const char *from, int toDirectory, const char *to);
int clinux_syncfs(int descriptor);
/// unshare(2) with CLONE_NEWNS for the calling thread, whose mounts then are its own, and those of programs it starts.
int clinux_own_mounts(void);
int clinux_mknodat(int directory, const char *path, unsigned mode, unsigned major, unsigned minor);
unsigned clinux_major(uint64_t device);
unsigned clinux_minor(uint64_t device);
/// O_DIRECT, O_PATH, O_TMPFILE.
extern const int clinux_o_direct;
extern const int clinux_o_path;
extern const int clinux_o_tmpfile;

#endif
