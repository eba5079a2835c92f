// SPDX-License-Identifier: Apache-2.0
/* Making listening sockets. */
#include "core/runtime/address.h"
#include "core/runtime/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 1024

/* Fills in the address; *any_r: IPv4 is wanted on an IPv6 socket, too. */
static socklen_t resolve(struct gp_slice text, struct sockaddr_storage *addr, bool *any_r)
{
    struct gp__address address;

    *any_r = false;
    if (gp__address_parse(text, &address) < 0)
        return 0;
    switch (address.kind) {
    case GP__ADDRESS_IP:
        if (gp__address_find_zone(&address) < 0)
            return 0;
        return gp__endpoint_to_sockaddr(&address.endpoint, addr);
    case GP__ADDRESS_UNIX:
        return gp__unix_to_sockaddr(address.name, addr);
    case GP__ADDRESS_ANY:
        *any_r = true;
        address.endpoint.ip.family = 6;
        return gp__endpoint_to_sockaddr(&address.endpoint, addr);
    case GP__ADDRESS_NAME:
        return 0;
    }
    return 0;
}

static int set_options(int fd, int family, bool any, bool reuse_port, const char **step_r)
{
    int on = 1, v6only = !any;

    *step_r = "set options of the socket";
    if (family == AF_UNIX)
        return 0;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0)
        return -1;
    if (reuse_port && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) < 0)
        return -1;
    if (family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6only, sizeof v6only) < 0)
        return -1;
    return 0;
}

/* Whether the file of a UNIX socket was left behind: nobody listens. */
static bool is_stale(const struct sockaddr_storage *addr, socklen_t len)
{
    const char *path = ((const struct sockaddr_un *)(const void *)addr)->sun_path;
    struct stat st;
    int fd, refused;

    if (lstat(path, &st) < 0 || !S_ISSOCK(st.st_mode))
        return false;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return false;
    refused = connect(fd, (const struct sockaddr *)addr, len) < 0 && errno == ECONNREFUSED;
    (void)close(fd);
    return refused;
}

static int bind_unix(int fd, const struct sockaddr_storage *addr, socklen_t len, unsigned mode)
{
    const char *path = ((const struct sockaddr_un *)(const void *)addr)->sun_path;

    if (bind(fd, (const struct sockaddr *)addr, len) < 0) {
        if (errno != EADDRINUSE)
            return -1;
        if (!is_stale(addr, len)) {
            errno = EADDRINUSE;
            return -1;
        }
        if (unlink(path) < 0 || bind(fd, (const struct sockaddr *)addr, len) < 0)
            return -1;
    }
    /* Before listen(): nobody could connect until now. */
    return chmod(path, (mode_t)(mode ? mode : 0600));
}

/* Sockets of our user share an address silently; a second server by mistake must not. Without that
 * option bind() fails when anybody is there. */
static int check_free(const struct sockaddr_storage *addr, socklen_t len, bool any)
{
    int fd = socket(addr->ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const char *step;
    int result = -1, error;

    if (fd < 0)
        return -1;
    if (set_options(fd, addr->ss_family, any, false, &step) == 0)
        result = bind(fd, (const struct sockaddr *)addr, len);
    error = errno;
    (void)close(fd);
    errno = error;
    return result;
}

static int set_up(int fd, const struct gp__listen_options *options,
                  const struct sockaddr_storage *addr, socklen_t len, bool any, const char **step_r)
{
    if (set_options(fd, addr->ss_family, any, options->reuse_port, step_r) < 0)
        return -1;
    *step_r = "bind";
    if (addr->ss_family == AF_UNIX) {
        if (bind_unix(fd, addr, len, options->unix_mode) < 0)
            return -1;
    } else if (options->first && check_free(addr, len, any) < 0) {
        return -1;
    } else if (bind(fd, (const struct sockaddr *)addr, len) < 0) {
        return -1;
    }
    *step_r = "listen";
    return options->later ? 0 : gp__listen_now(fd, options->backlog);
}

const char *gp__listen_advice(struct gp_slice address, int error)
{
    switch (error) {
    case EADDRINUSE:
        return "; another program listens there: `ss -lp` tells which";
    case EACCES:
        return gp_slice_starts(address, GP_S("unix:"))
                   ? ""
                   : "; ports below 1024 are for root and who has CAP_NET_BIND_SERVICE";
    case EADDRNOTAVAIL:
        return "; no interface of this machine has that address";
    default:
        return "";
    }
}

int gp__listen_now(int fd, int backlog)
{
    return listen(fd, backlog > 0 ? backlog : BACKLOG);
}

int gp__listen_socket(const struct gp__listen_options *options, int *fd_r, const char **step_r)
{
    struct sockaddr_storage addr;
    bool any;
    socklen_t len;
    int fd;

    *fd_r = -1;
    *step_r = "read the address";
    errno = EINVAL;
    len = resolve(options->address, &addr, &any);
    if (len == 0)
        return -1;
    *step_r = "make a socket";
    fd = socket(addr.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 && any && errno == EAFNOSUPPORT) {
        /* A machine without IPv6. */
        struct gp__endpoint all = {.ip = {.family = 4},
                                   .port = ntohs(((struct sockaddr_in6 *)&addr)->sin6_port)};

        len = gp__endpoint_to_sockaddr(&all, &addr);
        fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    }
    if (fd < 0)
        return -1;
    if (set_up(fd, options, &addr, len, any, step_r) < 0) {
        int error = errno;

        (void)close(fd);
        errno = error;
        return -1;
    }
    *fd_r = fd;
    return 0;
}

int gp__listen_endpoint(int fd, struct gp__endpoint *endpoint_r)
{
    struct sockaddr_storage addr = {0};
    socklen_t len = sizeof addr;

    *endpoint_r = (struct gp__endpoint){0};
    if (getsockname(fd, (struct sockaddr *)&addr, &len) < 0)
        return -1;
    gp__endpoint_from_sockaddr((struct sockaddr *)&addr, endpoint_r);
    return 0;
}
