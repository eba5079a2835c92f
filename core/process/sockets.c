// SPDX-License-Identifier: Apache-2.0
#include "core/process/sockets.h"

#include "core/base/alloc.h"
#include "core/process/manager.h"
#include "core/process/reception.h"
#include "core/runtime/listener.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool is_unix(struct gp_slice address)
{
    return gp_slice_starts(address, GP_S("unix:"));
}

static char *copy(struct gp_slice text)
{
    char *made = gp__alloc(text.len + 1);

    if (text.len)
        memcpy(made, text.data, text.len);
    return made;
}

/* An address is known again under another name of its listener, unless the kernel chose its port. */
static bool serves(const struct gp__socket *socket, const struct gp__manifest_door *door)
{
    return socket->role == door->role && gp_slice_eq(gp_slice_of(socket->address), door->address) &&
           (!gp_slice_ends(door->address, GP_S(":0")) ||
            gp_slice_eq(gp_slice_of(socket->listener), door->listener));
}

static const struct gp__socket *find(const struct gp__sockets *sockets,
                                     const struct gp__manifest_door *door, uint32_t slot)
{
    for (const struct gp__socket *socket = sockets->first; socket; socket = socket->next)
        if ((socket->slot == slot || socket->slot == GP__SLOT_ALL) && serves(socket, door))
            return socket;
    return NULL;
}

static void add(struct gp__sockets *sockets, const struct gp__manifest_door *door, uint32_t slot,
                int fd)
{
    struct gp__socket *socket = gp__alloc(sizeof *socket);

    socket->id = ++sockets->n_made;
    socket->address = copy(door->address);
    socket->listener = copy(door->listener);
    socket->slot = slot;
    socket->role = (enum gp__role_id)door->role;
    socket->fd = fd;
    socket->backlog = (int)door->backlog;
    socket->fresh = true;
    if (!sockets->last)
        sockets->last = &sockets->first;
    *sockets->last = socket;
    sockets->last = &socket->next;
}

/* A port that the kernel chose for the first is that of the others. */
static struct gp_slice address_of(const struct gp__sockets *sockets,
                                  const struct gp__manifest_door *door, char text[80])
{
    const struct gp__socket *other = NULL;

    for (const struct gp__socket *socket = sockets->first; socket && !other; socket = socket->next)
        if (serves(socket, door))
            other = socket;
    return other ? gp__reception_endpoint(other->fd, door->address, text) : door->address;
}

static int give_away(const struct gp__manifest_door *door, const struct gp__identity *identity)
{
    if (!identity->change || !is_unix(door->address))
        return 0;
    return lchown(door->address.data + strlen("unix:"), identity->uid, identity->gid);
}

static int make(struct gp__sockets *sockets, const struct gp__manifest_door *door, uint32_t slot,
                const struct gp__identity *identity, struct gp__buf *error_r)
{
    char text[80];
    struct gp_slice address = address_of(sockets, door, text);
    struct gp__listen_options options = {
        .address = address,
        .backlog = (int)door->backlog,
        .unix_mode = (unsigned)door->mode & 0777,
        .reuse_port = slot != GP__SLOT_ALL,
        .later = true,
        .first = gp_slice_eq(address, door->address) && !find(sockets, door, 0),
    };
    const char *step;
    int fd = gp__manager_socket(door->listener, door->address);

    if (fd >= 0) {
        add(sockets, door, GP__SLOT_ALL, fd);
        return 0;
    }
    if (gp__listen_socket(&options, &fd, &step) == 0) {
        if (give_away(door, identity) == 0) {
            add(sockets, door, slot, fd);
            return 0;
        }
        step = "give to the user";
        (void)close(fd); /* nobody came */
    }
    gp__buf_printf(error_r, "listener " GP_FMT ", " GP_FMT ": %s: %s%s", GP_ARG(door->listener),
                   GP_ARG(door->address), step, strerror(errno),
                   gp__listen_advice(door->address, errno));
    return -1;
}

static int prepare_door(struct gp__sockets *sockets, const struct gp__manifest_door *door,
                        uint64_t workers, const struct gp__identity *identity,
                        struct gp__buf *error_r)
{
    if (is_unix(door->address) || door->role != GP__ROLE_WORKER)
        return find(sockets, door, GP__SLOT_ALL)
                   ? 0
                   : make(sockets, door, GP__SLOT_ALL, identity, error_r);
    for (uint32_t slot = 0; slot < workers; slot++)
        if (!find(sockets, door, slot) && make(sockets, door, slot, identity, error_r) < 0)
            return -1;
    return 0;
}

int gp__sockets_prepare(struct gp__sockets *sockets, const struct gp__manifest *manifest,
                        const struct gp__identity *identity, struct gp__buf *error_r)
{
    for (size_t i = 0; i < manifest->n_doors; i++) {
        if (prepare_door(sockets, &manifest->doors[i], manifest->workers, identity, error_r) == 0)
            continue;
        gp__sockets_abort(sockets);
        return -1;
    }
    return 0;
}

/* ---- afterwards ---- */

static void drop(struct gp__sockets *sockets, bool (*is_unwanted)(const struct gp__socket *socket))
{
    struct gp__socket **link = &sockets->first;

    while (*link) {
        struct gp__socket *socket = *link;

        if (!is_unwanted(socket)) {
            link = &socket->next;
            continue;
        }
        *link = socket->next;
        (void)close(socket->fd); /* a listening socket has nothing to lose in close() */
        gp__free(socket->address);
        gp__free(socket->listener);
        gp__free(socket);
    }
    sockets->last = link;
}

static bool is_fresh(const struct gp__socket *socket)
{
    return socket->fresh;
}

static bool not_wanted(const struct gp__socket *socket)
{
    return !socket->wanted;
}

static bool is_any(const struct gp__socket *socket)
{
    (void)socket;
    return true;
}

static void name(struct gp__socket *socket, const struct gp__manifest *manifest)
{
    socket->wanted = false;
    for (size_t i = 0; i < manifest->n_doors && !socket->wanted; i++) {
        if (!serves(socket, &manifest->doors[i]))
            continue;
        socket->wanted = true;
        gp__free(socket->listener);
        socket->listener = copy(manifest->doors[i].listener);
    }
}

int gp__sockets_commit(struct gp__sockets *sockets, const struct gp__manifest *manifest)
{
    int result = 0;

    for (struct gp__socket *socket = sockets->first; socket; socket = socket->next) {
        name(socket, manifest);
        if (socket->fresh && gp__listen_now(socket->fd, socket->backlog) < 0)
            result = -1;
        socket->fresh = false;
    }
    drop(sockets, not_wanted);
    return result;
}

void gp__sockets_abort(struct gp__sockets *sockets)
{
    drop(sockets, is_fresh);
}

void gp__sockets_close(struct gp__sockets *sockets)
{
    drop(sockets, is_any);
}

uint32_t gp__socket_owner(const struct gp__socket *socket, uint64_t workers)
{
    return socket->slot == GP__SLOT_ALL || workers == 0 ? GP__SLOT_ALL
                                                        : (uint32_t)(socket->slot % workers);
}
