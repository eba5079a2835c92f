// SPDX-License-Identifier: Apache-2.0
/*
 * Listening sockets. Making one (bind, listen) and accepting from it are apart, since the process
 * that may bind is not the one that serves. Running out of descriptors does not stop a listener:
 * the waiting client is told 421 by means of a spare descriptor, and accepting pauses for a while.
 */
#ifndef GP_RUNTIME_LISTENER_H
#define GP_RUNTIME_LISTENER_H

#include "core/runtime/conn.h"

struct gp__listener;
struct gp__runtime;

struct gp__listen_options {
    /* "192.0.2.1:25", "[::]:25", "*:25" (IPv6 and IPv4), "unix:/path". */
    struct gp_slice address;
    int backlog;        /* 0: 1024 */
    unsigned unix_mode; /* of the socket's file; 0: 0600 */
    bool reuse_port;    /* several sockets on one address: one a worker */
    bool first;         /* of those: nobody else may be there yet */
    bool later;         /* only bound: nobody can connect before gp__listen_now() */
};

/*
 * Makes a listening socket: close-on-exec, not blocking. The file of a UNIX socket that nobody
 * listens on any more is replaced. Blocks only for local system calls. 0, or -1 with errno
 * (EINVAL: the address is none) and *step_r, a static text that says what failed.
 */
int gp__listen_socket(const struct gp__listen_options *options, int *fd_r, const char **step_r);

/* "; " and what to do about an errno of it, or "". */
const char *gp__listen_advice(struct gp_slice address, int error);

/* For a socket that was only bound. Fine for one that listens. 0, or -1 with errno. */
int gp__listen_now(int fd, int backlog);

/* Where a socket listens; the port is the real one when 0 was asked for. 0, or -1 with errno. */
int gp__listen_endpoint(int fd, struct gp__endpoint *endpoint_r);

/* Who gets the connections. */
struct gp__listener_user {
    /* From the loop's stack. Sets conn->events and conn->user, or closes it. */
    void (*accept)(void *arg, struct gp__conn *conn);
    void *arg;
};

/* Accepts from a listening socket, which the listener owns from now on. Live runtime only. */
struct gp__listener *gp__listener_start(struct gp__runtime *rt, int fd,
                                        const struct gp__listener_user *user);

/* Closes the socket; connections that were accepted live on. Memory goes on a later turn. */
void gp__listener_stop(struct gp__listener **listener_);

#endif
