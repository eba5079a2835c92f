// SPDX-License-Identifier: Apache-2.0
#include "core/config/files.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static int read_all(int fd, size_t max, struct gp__buf *out, char *error, size_t error_size)
{
    size_t total = 0, room;
    ssize_t n;

    for (;;) {
        char *place = gp__buf_room(out, 4096, &room);

        if (!place) {
            snprintf(error, error_size, "out of memory");
            return -1;
        }
        n = read(fd, place, room);
        if (n == 0)
            return 0;
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            snprintf(error, error_size, "%s", strerror(errno));
            return -1;
        }
        gp__buf_added(out, (size_t)n);
        total += (size_t)n;
        if (total > max) {
            snprintf(error, error_size, "larger than %zu bytes", max);
            return -1;
        }
    }
}

/* Only regular files: a FIFO or a device would hang the loader. */
static int check_kind(int fd, char *error, size_t error_size)
{
    struct stat status;

    if (fstat(fd, &status) < 0)
        snprintf(error, error_size, "%s", strerror(errno));
    else if (S_ISREG(status.st_mode))
        return 0;
    else
        snprintf(error, error_size, "not a regular file");
    return -1;
}

static int posix_read(void *arg, const char *path, size_t max, struct gp__buf *out, char *error,
                      size_t error_size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    int result;

    (void)arg;
    if (fd < 0) {
        snprintf(error, error_size, "%s", strerror(errno));
        return -1;
    }
    result = check_kind(fd, error, error_size);
    if (result == 0)
        result = read_all(fd, max, out, error, error_size);
    if (close(fd) < 0 && result == 0) {
        snprintf(error, error_size, "%s", strerror(errno));
        result = -1;
    }
    return result;
}

static int posix_glob(void *arg, const char *pattern,
                      void (*found)(void *found_arg, const char *path), void *found_arg)
{
    glob_t paths = {0};
    int result = glob(pattern, GLOB_ERR, NULL, &paths);

    (void)arg;
    for (size_t i = 0; result == 0 && i < paths.gl_pathc; i++)
        found(found_arg, paths.gl_pathv[i]);
    globfree(&paths);
    return result == 0 || result == GLOB_NOMATCH ? 0 : -1;
}

static const char *posix_env(void *arg, const char *name)
{
    (void)arg;
    return getenv(name);
}

int gp__config_files_posix(struct gp__config_files *files, char place[4096])
{
    if (!getcwd(place, 4096))
        return -1;
    *files = (struct gp__config_files){
        .read = posix_read,
        .glob = posix_glob,
        .env = posix_env,
        .directory = strcmp(place, "/") == 0 ? "" : place,
    };
    return 0;
}
