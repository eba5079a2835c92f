// SPDX-License-Identifier: Apache-2.0
#include "core/process/manager.h"

#include "core/process/reception.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define FIRST_FD 3
#define SOCKETS_MAX 64
#define NAME_MAX_LEN 64

static struct {
    struct sockaddr_un notify;
    socklen_t notify_len; /* 0: nobody to tell */
    uint64_t watchdog_ms;
    struct {
        int fd; /* -1: taken */
        char name[NAME_MAX_LEN];
    } sockets[SOCKETS_MAX];
    unsigned n_sockets;
} manager;

/* ---- the environment ---- */

/* "@name" is a socket without a file. */
static void take_notify(const char *path)
{
    size_t len = path ? strlen(path) : 0;

    if (len < 2 || len >= sizeof manager.notify.sun_path || (path[0] != '/' && path[0] != '@'))
        return;
    manager.notify.sun_family = AF_UNIX;
    memcpy(manager.notify.sun_path, path, len);
    if (path[0] == '@')
        manager.notify.sun_path[0] = '\0';
    manager.notify_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
}

static int64_t number_of(const char *variable, int64_t max)
{
    const char *text = getenv(variable);
    int64_t number = 0;

    return text && gp_slice_to_int(gp_slice_of(text), 0, max, &number) == 0 ? number : 0;
}

/* Whether a variable with a process id means us. */
static bool is_us(const char *variable, bool otherwise)
{
    return getenv(variable) ? number_of(variable, INT64_MAX) == getpid() : otherwise;
}

static void take_socket(int fd, struct gp_slice name)
{
    unsigned at = manager.n_sockets;
    int listening = 0, flags = fcntl(fd, F_GETFL);
    socklen_t size = sizeof listening;

    if (flags < 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 ||
        fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
        return;
    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) < 0 || !listening) {
        (void)close(fd); /* it is no listening socket */
        return;
    }
    manager.sockets[at].fd = fd;
    snprintf(manager.sockets[at].name, NAME_MAX_LEN, GP_FMT, GP_ARG(name));
    manager.n_sockets++;
}

static void take_sockets(void)
{
    int64_t n = number_of("LISTEN_FDS", SOCKETS_MAX);
    struct gp_slice names = gp_slice_of(getenv("LISTEN_FDNAMES"));

    if (!is_us("LISTEN_PID", false))
        return;
    for (int64_t i = 0; i < n; i++)
        take_socket(FIRST_FD + (int)i, gp_slice_split(&names, ':'));
}

void gp__manager_begin(void)
{
    static const char *const variables[] = {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID",
                                            "LISTEN_PID",    "LISTEN_FDS",    "LISTEN_FDNAMES"};

    take_notify(getenv("NOTIFY_SOCKET"));
    if (manager.notify_len && is_us("WATCHDOG_PID", true))
        manager.watchdog_ms = (uint64_t)number_of("WATCHDOG_USEC", INT64_MAX) / 2000;
    take_sockets();
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++)
        (void)unsetenv(variables[i]); /* the name is fine */
}

/* ---- telling ---- */

void gp__manager_tell(const char *state)
{
    int fd;

    if (!manager.notify_len)
        return;
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    /* A manager that does not listen finds out by itself. */
    (void)sendto(fd, state, strlen(state), MSG_NOSIGNAL | MSG_DONTWAIT,
                 (const struct sockaddr *)&manager.notify, manager.notify_len);
    (void)close(fd); /* a datagram is sent or not */
}

void gp__manager_tell_reloading(void)
{
    struct timespec now;
    char state[80];

    clock_gettime(CLOCK_MONOTONIC, &now);
    snprintf(state, sizeof state, "RELOADING=1\nMONOTONIC_USEC=%lld",
             (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000);
    gp__manager_tell(state);
}

uint64_t gp__manager_watchdog_ms(void)
{
    return manager.watchdog_ms;
}

/* ---- sockets ---- */

static bool is_at(int fd, struct gp_slice address)
{
    struct sockaddr_un name = {.sun_family = AF_UNSPEC};
    socklen_t len = sizeof name;
    char text[80];
    struct gp_slice path = GP_S("unix:");

    if (!gp_slice_starts(address, path))
        return gp_slice_eq(gp__reception_endpoint(fd, gp_slice(NULL, 0), text), address);
    path = gp_slice_sub(address, path.len, address.len);
    return getsockname(fd, (struct sockaddr *)&name, &len) == 0 && name.sun_family == AF_UNIX &&
           gp_slice_eq(gp_slice(name.sun_path, strnlen(name.sun_path, sizeof name.sun_path)), path);
}

static int take(unsigned at)
{
    int fd = manager.sockets[at].fd;

    manager.sockets[at].fd = -1;
    return fd;
}

int gp__manager_socket(struct gp_slice listener, struct gp_slice address)
{
    for (unsigned i = 0; i < manager.n_sockets; i++)
        if (manager.sockets[i].fd >= 0 && is_at(manager.sockets[i].fd, address))
            return take(i);
    for (unsigned i = 0; i < manager.n_sockets; i++)
        if (manager.sockets[i].fd >= 0 &&
            gp_slice_eq(gp_slice_of(manager.sockets[i].name), listener))
            return take(i);
    return -1;
}

unsigned gp__manager_close_rest(void)
{
    unsigned n = 0;

    for (unsigned i = 0; i < manager.n_sockets; i++) {
        if (manager.sockets[i].fd < 0)
            continue;
        (void)close(take(i)); /* nobody was accepted from it */
        n++;
    }
    return n;
}
