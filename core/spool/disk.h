// SPDX-License-Identifier: Apache-2.0
/*
 * The files of a spool, as a table of what can be done to them: the system's, or that of a test
 * which fails, forgets and cuts the power. Each call is one step. They return 0, a number or a
 * descriptor, or -errno; paths are NUL-terminated. From any thread.
 */
#ifndef GP_SPOOL_DISK_H
#define GP_SPOOL_DISK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#define GP__DISK_PIECES_MAX 1024 /* of one write */

enum gp__disk_open {
    GP__DISK_READ = 0, /* a file that is there */
    GP__DISK_NAMELESS, /* a new one in the directory `path`, to be written, read and linked */
    GP__DISK_CREATE,   /* one that may be there already, to be written */
};

struct gp__disk {
    void *arg; /* first argument of all */

    int (*open)(void *arg, const char *path, enum gp__disk_open how);
    void (*close)(void *arg, int fd);
    int64_t (*write)(void *arg, int fd, const struct iovec *pieces, int n, uint64_t offset);
    int64_t (*read)(void *arg, int fd, void *bytes, size_t size, uint64_t offset);
    int (*sync)(void *arg, int fd); /* content and size */
    int (*truncate)(void *arg, int fd, uint64_t size);
    int64_t (*size)(void *arg, int fd);
    /* Locks it for itself as long as it is open; -EWOULDBLOCK: somebody else did. */
    int (*lock)(void *arg, int fd);
    /* 1: somebody has it locked, 0: nobody has. */
    int (*locked)(void *arg, int fd);

    /* Names survive a power cut once sync_dir() of their directory has returned. */
    int (*link)(void *arg, int fd, const char *path); /* a nameless file; -EEXIST */
    int (*unlink)(void *arg, const char *path);
    int (*make_dir)(void *arg, const char *path); /* -EEXIST */
    int (*sync_dir)(void *arg, const char *path);
    int (*list)(void *arg, const char *path, void (*each)(void *each_arg, const char *name),
                void *each_arg);
    int64_t (*age)(void *arg, const char *path); /* seconds since it was made or changed */

    /* len bytes of the file, until unmap(); NULL: with errno. */
    const char *(*map)(void *arg, int fd, size_t len);
    void (*unmap)(void *arg, const char *bytes, size_t len);
    /* The number at the start of a file of 4 KiB, shared by all that have it mapped. */
    _Atomic uint64_t *(*map_mark)(void *arg, int fd, bool writes);
    void (*unmap_mark)(void *arg, _Atomic uint64_t *mark);

    uint64_t (*space)(void *arg, const char *path); /* bytes free for us; UINT64_MAX: unknown */
};

extern const struct gp__disk gp__disk_system;

/* All of the pieces, whose iovecs are used up, at the offset. 0 or -errno. */
int gp__disk_write_all(const struct gp__disk *disk, int fd, struct iovec *pieces, int n,
                       uint64_t offset);

/* Up to size bytes: fewer at the end of the file. How many, or -errno. */
int64_t gp__disk_read_all(const struct gp__disk *disk, int fd, void *bytes, size_t size,
                          uint64_t offset);

/* GP_ENOSPC, GP_ENOTFOUND, GP_EEXIST or GP_EIO for a -errno. */
int gp__disk_error(int64_t error);

#endif
