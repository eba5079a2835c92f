// SPDX-License-Identifier: Apache-2.0
/*
 * The master's listening sockets, which outlive workers and configurations. A TCP address has one
 * socket for each worker slot (SO_REUSEPORT): so a connection wakes one worker, and one that waits in
 * a socket when its worker goes is there for the next worker of the slot. A UNIX socket, and one that
 * a service manager made, is shared by all.
 */
#ifndef GP_PROCESS_SOCKETS_H
#define GP_PROCESS_SOCKETS_H

#include "core/base/buf.h"
#include "core/process/identity.h"
#include "core/process/manifest.h"
#include "core/process/roles.h"

#define GP__SLOT_ALL UINT32_MAX

struct gp__socket {
    struct gp__socket *next;
    uint64_t id;
    char *address;         /* as configured */
    char *listener;        /* of the current generation */
    uint32_t slot;         /* or GP__SLOT_ALL */
    enum gp__role_id role; /* whose it is */
    int fd;
    int backlog;
    bool fresh;  /* made for a configuration that may still fail */
    bool wanted; /* by the configuration that is looked at */
};

struct gp__sockets {
    struct gp__socket *first, **last;
    uint64_t n_made;
};

/* Makes and binds those that the manifest needs and that are not there. 0, or -1 and why, with nothing
 * changed. UNIX sockets are given to the identity. */
int gp__sockets_prepare(struct gp__sockets *sockets, const struct gp__manifest *manifest,
                        const struct gp__identity *identity, struct gp__buf *error_r);

/* The manifest holds: closes what it does not name, renames listeners, and listens on what was made
 * for it: until now nobody could connect, and so nobody is lost if it fails. 0, or -1 with errno: one
 * of them cannot be listened on after all. */
int gp__sockets_commit(struct gp__sockets *sockets, const struct gp__manifest *manifest);

/* It does not: closes what was made for it. */
void gp__sockets_abort(struct gp__sockets *sockets);

/* The slot that accepts from a socket when there are so many: sockets of slots that are no more are
 * shared out. GP__SLOT_ALL: each does. */
uint32_t gp__socket_owner(const struct gp__socket *socket, uint64_t workers);

void gp__sockets_close(struct gp__sockets *sockets);

#endif
