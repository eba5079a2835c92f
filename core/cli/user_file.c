// SPDX-License-Identifier: Apache-2.0
#include "core/cli/user_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX ((size_t)8 << 20) /* what auth_file reads at most */

static int failed(const char *path)
{
    (void)fprintf(stderr, "gatepost user: %s: %s\n", path, strerror(errno));
    return -1;
}

/* ---- reading ---- */

static int open_directory(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *name = slash ? strndup(path, slash == path ? 1 : (size_t)(slash - path)) : strdup(".");
    int fd = name ? open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

    if (fd < 0 || flock(fd, LOCK_EX) < 0) {
        failed(name ? name : path);
        if (fd >= 0)
            (void)close(fd);
        fd = -1;
    }
    free(name);
    return fd;
}

static int read_all(struct gp__user_file *file, int fd)
{
    ssize_t n = 1;
    size_t room;

    while (n > 0) {
        char *at = gp__buf_room(&file->text, 4096, &room);

        if (!at) {
            errno = EFBIG;
            return -1;
        }
        n = read(fd, at, room);
        if (n > 0)
            gp__buf_added(&file->text, (size_t)n);
    }
    return (int)n;
}

int gp__user_file_open(struct gp__user_file *file, const char *path)
{
    int fd, result;

    *file = (struct gp__user_file){.path = path, .text = {.limit = FILE_MAX, .secret = true}};
    file->directory = open_directory(path);
    if (file->directory < 0)
        return -1;
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return 0;
    file->exists = true;
    result = fd < 0 ? -1 : read_all(file, fd);
    if (result < 0) {
        failed(path);
        gp__user_file_close(file);
    }
    if (fd >= 0)
        (void)close(fd);
    return result;
}

void gp__user_file_close(struct gp__user_file *file)
{
    gp__buf_free(&file->text);
    if (file->directory >= 0)
        (void)close(file->directory);
    file->directory = -1;
}

/* ---- lines ---- */

static bool is_of(struct gp_slice line, struct gp_slice user)
{
    return line.len > user.len && gp_slice_starts(line, user) && line.data[user.len] == ':';
}

struct gp_slice gp__user_file_line(const struct gp__user_file *file, struct gp_slice user)
{
    struct gp_slice rest = gp__buf_slice(&file->text);

    while (gp_slice_present(rest)) {
        struct gp_slice line = gp_slice_split(&rest, '\n');

        if (gp_slice_ends(line, GP_S("\r")))
            line.len--;
        if (is_of(line, user))
            return line;
    }
    return gp_slice(NULL, 0);
}

static int append_line(struct gp__buf *out, struct gp_slice line)
{
    return gp__buf_append(out, line) < 0 || gp__buf_append(out, GP_S("\n")) < 0 ? -1 : 0;
}

/* The whole file with the change: in the place where the user was, or at the end. */
static int change(const struct gp__user_file *file, struct gp_slice user, struct gp_slice line,
                  struct gp__buf *out)
{
    struct gp_slice rest = gp__buf_slice(&file->text);
    bool done = !gp_slice_present(line);

    while (rest.len) {
        struct gp_slice old = gp_slice_split(&rest, '\n');
        bool same = is_of(old, user);

        if (!same && append_line(out, old) < 0)
            return -1;
        if (!same || done)
            continue;
        done = true;
        if (append_line(out, line) < 0)
            return -1;
    }
    return done ? 0 : append_line(out, line);
}

/* ---- writing ---- */

static int write_all(int fd, struct gp_slice bytes)
{
    while (bytes.len) {
        ssize_t n = write(fd, bytes.data, bytes.len);

        if (n < 0 && errno != EINTR)
            return -1;
        if (n > 0)
            bytes = gp_slice_sub(bytes, (size_t)n, bytes.len);
    }
    return 0;
}

/* As the file was: the service that reads it may be somebody else than who runs this. */
static int take_rights(const struct gp__user_file *file, int fd)
{
    struct stat was;

    if (!file->exists)
        return 0;
    if (stat(file->path, &was) < 0)
        return -1;
    if (was.st_uid != geteuid() || was.st_gid != getegid())
        if (fchown(fd, was.st_uid, was.st_gid) < 0)
            return -1;
    return fchmod(fd, was.st_mode & 07777);
}

static int replace(const struct gp__user_file *file, const char *temporary, int fd,
                   struct gp_slice bytes)
{
    int result = take_rights(file, fd);

    if (result == 0)
        result = write_all(fd, bytes);
    if (result == 0)
        result = fsync(fd);
    if (close(fd) < 0)
        result = -1;
    if (result == 0)
        result = rename(temporary, file->path);
    if (result == 0)
        return fsync(file->directory);
    failed(temporary);
    (void)unlink(temporary);
    return -1;
}

int gp__user_file_write(struct gp__user_file *file, struct gp_slice user, struct gp_slice line)
{
    struct gp__buf out = {.limit = FILE_MAX, .secret = true};
    char *temporary = NULL;
    int fd, result = -1;

    if (change(file, user, line, &out) < 0) {
        (void)fprintf(stderr, "gatepost user: %s would be too large\n", file->path);
    } else if (asprintf(&temporary, "%s.XXXXXX", file->path) > 0) {
        fd = mkostemp(temporary, O_CLOEXEC); /* 0600 */
        result = fd < 0 ? failed(temporary) : replace(file, temporary, fd, gp__buf_slice(&out));
    }
    free(temporary);
    gp__buf_free(&out);
    return result;
}
