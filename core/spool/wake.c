// SPDX-License-Identifier: Apache-2.0
#include "core/spool/wake.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

void gp__wake_open(struct gp__wake *wake, const char *path)
{
    *wake = (struct gp__wake){.fd = -1, .to = {.sun_family = AF_UNIX}};
    if (strlen(path) >= sizeof wake->to.sun_path)
        return;
    memcpy(wake->to.sun_path, path, strlen(path) + 1);
    wake->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
}

void gp__wake_close(struct gp__wake *wake)
{
    if (wake->fd >= 0)
        (void)close(wake->fd); /* nothing of a datagram is left to be lost */
    wake->fd = -1;
}

void gp__wake_send(const struct gp__wake *wake)
{
    if (wake->fd >= 0)
        (void)sendto(wake->fd, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL,
                     (const struct sockaddr *)&wake->to, sizeof wake->to);
}

static int bind_socket(const char *path)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), error;

    if (fd < 0)
        return -errno;
    memcpy(to.sun_path, path, strlen(path) + 1);
    (void)unlink(path); /* of an owner that is no more: there is only one */
    if (bind(fd, (const struct sockaddr *)&to, sizeof to) == 0)
        return fd;
    error = -errno;
    (void)close(fd); /* nothing came through it */
    return error;
}

int gp__wake_bind(const char *path, struct gp__buf *error_r)
{
    bool fits = strlen(path) < sizeof((struct sockaddr_un *)NULL)->sun_path;
    int fd = fits ? bind_socket(path) : -ENAMETOOLONG;

    if (fd < 0)
        gp__buf_printf(error_r, "%s: %s", path, strerror(-fd));
    return fd < 0 ? -1 : fd;
}
