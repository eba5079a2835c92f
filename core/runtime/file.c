// SPDX-License-Identifier: Apache-2.0
/*
 * File operations with plain system calls. A step that fails is noted (which, and its errno) and
 * ends the job; a file that could not be completed is unlinked. A sync is never tried twice: after
 * one that failed the kernel may have dropped the pages and report success.
 */
#include "core/runtime/file.h"

#include "core/base/alloc.h"
#include "core/runtime/spill.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

/* Pieces of one writev: at least 16 by POSIX, 1024 on Linux. */
#define PIECES_MAX 64

static int (*fault_fn)(void *arg, enum gp__file_step step, const char *path, size_t *len);
static void *fault_arg;

void gp__file_set_fault(int (*fault)(void *arg, enum gp__file_step step, const char *path,
                                     size_t *len),
                        void *arg)
{
    fault_fn = fault;
    fault_arg = arg;
}

const char *gp__file_step_name(enum gp__file_step step)
{
    static const char *const names[GP__STEP_COUNT] = {
        [GP__STEP_OPEN] = "open",   [GP__STEP_WRITE] = "write",   [GP__STEP_SYNC] = "sync",
        [GP__STEP_CLOSE] = "close", [GP__STEP_UNLINK] = "unlink", [GP__STEP_RENAME] = "rename",
        [GP__STEP_STAT] = "stat",   [GP__STEP_READ] = "read",     [GP__STEP_MKDIR] = "mkdir",
    };

    return names[step];
}

/* Whether the test wants this step to fail; sets errno. */
static bool injected(enum gp__file_step step, const char *path, size_t *len)
{
    size_t none = 0;
    int error = fault_fn ? fault_fn(fault_arg, step, path, len ? len : &none) : 0;

    errno = error;
    return error != 0;
}

static int error_of(int system_error)
{
    switch (system_error) {
    case ENOSPC:
    case EDQUOT:
        return GP_ENOSPC;
    case ENOENT:
    case ENOTDIR:
        return GP_ENOTFOUND;
    case EEXIST:
        return GP_EEXIST;
    default:
        return GP_EIO;
    }
}

/* Notes the failure of a step; the first one stays. */
static int failed(struct gp__file_result *result, enum gp__file_step step)
{
    if (result->error == 0) {
        result->system_error = errno;
        result->error = error_of(errno);
        result->step = step;
    }
    return -1;
}

/* ---- steps ---- */

static int step_open(struct gp__file_result *result, const char *path, int flags, int *fd_r)
{
    int fd = -1;

    if (!injected(GP__STEP_OPEN, path, NULL)) {
        do
            fd = open(path, flags | O_CLOEXEC, 0600);
        while (fd < 0 && errno == EINTR);
    }
    *fd_r = fd;
    return fd < 0 ? failed(result, GP__STEP_OPEN) : 0;
}

static int step_sync(struct gp__file_result *result, const char *path, int fd)
{
    if (injected(GP__STEP_SYNC, path, NULL) || fsync(fd) < 0)
        return failed(result, GP__STEP_SYNC);
    return 0;
}

/* Closes in any case: after an error of close() the descriptor is gone, too. */
static int step_close(struct gp__file_result *result, const char *path, int fd)
{
    bool fails = injected(GP__STEP_CLOSE, path, NULL);
    int error = errno;

    if (close(fd) < 0 && errno != EINTR)
        return failed(result, GP__STEP_CLOSE);
    errno = error;
    return fails ? failed(result, GP__STEP_CLOSE) : 0;
}

static int sync_dir(struct gp__file_result *result, const char *path)
{
    int fd;

    if (step_open(result, path, O_RDONLY | O_DIRECTORY, &fd) < 0)
        return -1;
    step_sync(result, path, fd);
    step_close(result, path, fd);
    return result->error ? -1 : 0;
}

/* ---- PUT ---- */

/* Fills a vector from piece *index on, *offset bytes of which are written already; at most `max`
 * bytes. */
static int fill(struct iovec vector[PIECES_MAX], const struct gp__file_job *job, size_t index,
                size_t offset, size_t max)
{
    int n = 0;

    for (; index < job->n_pieces && n < PIECES_MAX && max > 0; index++, offset = 0) {
        struct gp_slice rest = gp_slice_sub(job->pieces[index], offset, max);

        if (rest.len == 0)
            continue;
        vector[n++] = (struct iovec){(void *)(uintptr_t)rest.data, rest.len};
        max -= rest.len;
    }
    return n;
}

static void skip(const struct gp__file_job *job, size_t *index, size_t *offset, size_t written)
{
    while (*index < job->n_pieces) {
        size_t rest = job->pieces[*index].len - *offset;

        if (written < rest) {
            *offset += written;
            return;
        }
        written -= rest;
        *offset = 0;
        (*index)++;
    }
}

static int write_pieces(struct gp__file_result *result, const struct gp__file_job *job, int fd)
{
    size_t index = 0, offset = 0;

    skip(job, &index, &offset, 0);
    while (index < job->n_pieces) {
        struct iovec vector[PIECES_MAX];
        size_t max = SSIZE_MAX;
        ssize_t written;

        if (injected(GP__STEP_WRITE, job->path.data, &max))
            return failed(result, GP__STEP_WRITE);
        written = writev(fd, vector, fill(vector, job, index, offset, max));
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0) {
            errno = written == 0 ? ENOSPC : errno;
            return failed(result, GP__STEP_WRITE);
        }
        skip(job, &index, &offset, (size_t)written);
    }
    return 0;
}

static void put(const struct gp__file_job *job, struct gp__file_result *result)
{
    const char *path = job->path.data;
    int fd;

    if (step_open(result, path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, &fd) < 0)
        return;
    if (write_pieces(result, job, fd) == 0)
        step_sync(result, path, fd);
    step_close(result, path, fd);
    if (result->error)
        (void)unlink(path); /* it may be gone; the error to report is the one before */
}

/* ---- SPILL ---- */

/* A file without a name; where the file system has none, one whose name goes at once. */
static int open_nameless(struct gp__file_result *result, const char *directory, int *fd_r)
{
    char *path;

    if (injected(GP__STEP_OPEN, directory, NULL))
        return failed(result, GP__STEP_OPEN);
    *fd_r = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (*fd_r >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != ENOENT))
        return *fd_r < 0 ? failed(result, GP__STEP_OPEN) : 0;
    if (asprintf(&path, "%s/gatepost.XXXXXX", directory) < 0)
        return failed(result, GP__STEP_OPEN);
    *fd_r = mkostemp(path, O_CLOEXEC);
    if (*fd_r < 0)
        failed(result, GP__STEP_OPEN);
    else if (unlink(path) < 0)
        failed(result, GP__STEP_UNLINK);
    free(path);
    return result->error ? -1 : 0;
}

static void spill(const struct gp__file_job *job, struct gp__file_result *result)
{
    if (job->spill->fd < 0 && open_nameless(result, job->path.data, &job->spill->fd) < 0)
        return;
    write_pieces(result, job, job->spill->fd);
}

/* ---- the others ---- */

static void rename_file(const struct gp__file_job *job, struct gp__file_result *result)
{
    if (injected(GP__STEP_RENAME, job->path.data, NULL) || rename(job->path.data, job->to.data) < 0)
        failed(result, GP__STEP_RENAME);
}

static void remove_file(const struct gp__file_job *job, struct gp__file_result *result)
{
    if (injected(GP__STEP_UNLINK, job->path.data, NULL) || unlink(job->path.data) < 0) {
        if (errno != ENOENT)
            failed(result, GP__STEP_UNLINK);
    }
}

/* Reads up to size bytes: how many. */
static ssize_t read_all(int fd, char *bytes, size_t size)
{
    size_t len = 0;

    while (len < size) {
        ssize_t n = read(fd, bytes + len, size - len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        if (n == 0)
            break;
        len += (size_t)n;
    }
    return (ssize_t)len;
}

/* One byte more than the file has is asked for, to see whether it grows. */
static void read_open(const struct gp__file_job *job, struct gp__file_result *result, int fd)
{
    struct stat st;
    size_t size;
    ssize_t n;

    if (injected(GP__STEP_STAT, job->path.data, NULL) || fstat(fd, &st) < 0) {
        failed(result, GP__STEP_STAT);
        return;
    }
    if (!S_ISREG(st.st_mode) || (uintmax_t)st.st_size > job->max) {
        result->error = S_ISREG(st.st_mode) ? GP_ELIMIT : GP_EINVAL;
        return;
    }
    size = (size_t)st.st_size + (job->max < SIZE_MAX && (size_t)st.st_size < job->max ? 1 : 0);
    result->bytes = malloc(size + 1);
    if (!result->bytes || injected(GP__STEP_READ, job->path.data, NULL) ||
        (n = read_all(fd, result->bytes, size)) < 0) {
        failed(result, GP__STEP_READ);
        return;
    }
    result->len = (size_t)n;
    result->bytes[n] = '\0';
}

static void read_file(const struct gp__file_job *job, struct gp__file_result *result)
{
    int fd;

    /* Opening a FIFO would wait for a writer. */
    if (step_open(result, job->path.data, O_RDONLY | O_NONBLOCK | O_NOCTTY, &fd) < 0)
        return;
    read_open(job, result, fd);
    (void)close(fd); /* nothing was written */
    if (result->error) {
        free(result->bytes);
        result->bytes = NULL;
    }
}

static uint64_t mix(uint64_t hash, uint64_t value)
{
    hash = (hash ^ value) * UINT64_C(0x9e3779b97f4a7c15);
    return hash ^ (hash >> 32);
}

static void version(const struct gp__file_job *job, struct gp__file_result *result)
{
    struct stat st;
    uint64_t hash = 1;

    if (injected(GP__STEP_STAT, job->path.data, NULL) || stat(job->path.data, &st) < 0) {
        failed(result, GP__STEP_STAT);
        return;
    }
    hash = mix(hash, (uint64_t)st.st_dev);
    hash = mix(hash, (uint64_t)st.st_ino);
    hash = mix(hash, (uint64_t)st.st_size);
    hash = mix(hash, (uint64_t)st.st_mtim.tv_sec);
    hash = mix(hash, (uint64_t)st.st_mtim.tv_nsec);
    hash = mix(hash, (uint64_t)st.st_ctim.tv_sec);
    result->version = mix(hash, (uint64_t)st.st_ctim.tv_nsec);
}

/* ---- DIR_MAKE ---- */

static bool is_dir(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* Syncs the directory that holds `path`. `path` is restored. */
static int sync_parent(struct gp__file_result *result, char *path)
{
    char *slash = strrchr(path, '/');
    int done;

    if (!slash)
        return sync_dir(result, ".");
    if (slash == path)
        return sync_dir(result, "/");
    *slash = '\0';
    done = sync_dir(result, path);
    *slash = '/';
    return done;
}

/* One directory. What could not be made durable is taken back: the next attempt would find it and
 * believe that it is. */
static int make_one(struct gp__file_result *result, char *path, unsigned mode)
{
    if (is_dir(path))
        return 0;
    if (injected(GP__STEP_MKDIR, path, NULL) || mkdir(path, (mode_t)mode) < 0) {
        if (errno == EEXIST && is_dir(path))
            return 0;
        return failed(result, GP__STEP_MKDIR);
    }
    if (sync_parent(result, path) == 0)
        return 0;
    (void)rmdir(path);
    return -1;
}

static void make_dirs(const struct gp__file_job *job, struct gp__file_result *result)
{
    char path[PATH_MAX];
    size_t len = job->path.len;

    if (len == 0 || len >= sizeof path) {
        result->error = GP_EINVAL;
        return;
    }
    memcpy(path, job->path.data, len);
    path[len] = '\0';
    while (len > 1 && path[len - 1] == '/')
        path[--len] = '\0';
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        int made;

        *slash = '\0';
        made = make_one(result, path, job->mode);
        *slash = '/';
        if (made < 0)
            return;
    }
    make_one(result, path, job->mode);
}

void gp__file_execute(const struct gp__file_job *job, struct gp__file_result *result_r)
{
    *result_r = (struct gp__file_result){0};
    switch (job->kind) {
    case GP__FILE_PUT:
        put(job, result_r);
        break;
    case GP__FILE_RENAME:
        rename_file(job, result_r);
        break;
    case GP__FILE_REMOVE:
        remove_file(job, result_r);
        break;
    case GP__FILE_READ:
        read_file(job, result_r);
        break;
    case GP__FILE_VERSION:
        version(job, result_r);
        break;
    case GP__DIR_MAKE:
        make_dirs(job, result_r);
        break;
    case GP__DIR_SYNC:
        sync_dir(result_r, job->path.data);
        break;
    case GP__FILE_SPILL:
        spill(job, result_r);
        break;
    }
}
