// SPDX-License-Identifier: Apache-2.0
/*
 * -bs: a program that speaks SMTP to our standard input, and the server. Bytes are passed on as they
 * are; the server's own listener judges them.
 */
#include "core/cli/sendmail.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sysexits.h>
#include <unistd.h>

#define PIECE ((size_t)16 << 10)

static int connect_path(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd;

    if (strlen(path) >= sizeof address.sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    strcpy(address.sun_path, path);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) < 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static int connect_host(struct gp__sendmail *mail)
{
    struct gp_slice address = gp__wire_address(mail->arena, mail->server, 25);
    size_t colon = gp_slice_rfind(address, ':');
    struct gp_slice host = gp_slice_sub(address, 0, colon);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found, *at;
    int fd = -1;

    if (host.len > 1 && host.data[0] == '[')
        host = gp_slice_sub(host, 1, host.len - 2);
    if (getaddrinfo(gp__arena_dup(mail->arena, host).data, address.data + colon + 1, &hints,
                    &found) != 0) {
        errno = EADDRNOTAVAIL;
        return -1;
    }
    for (at = found; at && fd < 0; at = at->ai_next) {
        fd = socket(at->ai_family, at->ai_socktype | SOCK_CLOEXEC, at->ai_protocol);
        if (fd >= 0 && connect(fd, at->ai_addr, at->ai_addrlen) < 0) {
            close(fd);
            fd = -1;
        }
    }
    freeaddrinfo(found);
    return fd;
}

static int write_all(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, bytes, len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        bytes += n;
        len -= (size_t)n;
    }
    return 0;
}

/* 1: some bytes were passed on; 0: there will be no more; -1: they can't be. */
static int pass(int from, int to)
{
    char bytes[PIECE];
    ssize_t n;

    do
        n = read(from, bytes, sizeof bytes);
    while (n < 0 && errno == EINTR);
    if (n <= 0)
        return n < 0 ? -1 : 0;
    return write_all(to, bytes, (size_t)n) < 0 ? -1 : 1;
}

/* Until the server has closed; the end of our input is the end of what it hears. */
static int shuttle(int server)
{
    struct pollfd fds[2] = {{STDIN_FILENO, POLLIN, 0}, {server, POLLIN, 0}};

    for (;;) {
        int ready = poll(fds, 2, -1), result = 1;

        if (ready < 0 && errno != EINTR)
            return -1;
        if (ready < 0)
            continue;
        if (fds[1].revents) {
            result = pass(server, STDOUT_FILENO);
            if (result <= 0)
                return result;
        }
        if (fds[0].fd >= 0 && fds[0].revents && pass(STDIN_FILENO, server) <= 0) {
            fds[0].fd = -1;
            (void)shutdown(server, SHUT_WR); /* gone already, if it fails */
        }
    }
}

int gp__sendmail_bridge(struct gp__sendmail *mail)
{
    bool local = strncmp(mail->server, "unix:", 5) == 0;
    int fd = local ? connect_path(mail->server + 5) : connect_host(mail);
    int result;

    if (fd < 0) {
        fprintf(stderr, "sendmail: %s: no connection: %s\n", mail->server, strerror(errno));
        printf("421 4.3.2 The mail server can't be reached, try again later\r\n");
        return EX_TEMPFAIL;
    }
    result = shuttle(fd);
    if (result < 0)
        fprintf(stderr, "sendmail: %s: %s\n", mail->server, strerror(errno));
    close(fd);
    return result < 0 ? EX_IOERR : EX_OK;
}
