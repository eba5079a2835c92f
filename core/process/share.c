// SPDX-License-Identifier: Apache-2.0
/*
 * Which worker accepts from which socket. Each from those of its slot and from those that are
 * everybody's; and while the worker of a slot waits to be started again, the next one that serves
 * takes its sockets, too, so that nobody waits in a queue that no one looks at.
 */
#include "core/process/master.h"

#include "core/base/alloc.h"
#include "core/base/pack.h"

static const struct gp__child *worker_of(const struct gp__master *master, uint32_t slot)
{
    for (const struct gp__child *child = master->children; child; child = child->next)
        if (child->conf == master->conf && child->role == GP__ROLE_WORKER && child->slot == slot)
            return child;
    return NULL;
}

/* One that comes back at once keeps its sockets. */
static bool is_away(const struct gp__child *child)
{
    return !child || child->state == GP__CHILD_WAITING ||
           (child->state == GP__CHILD_STARTING && child->backoff.crashes > 1);
}

static const struct gp__child *server_of(const struct gp__master *master, uint32_t owner)
{
    uint64_t workers = master->conf->manifest.workers;

    for (uint64_t i = 0; i < workers; i++) {
        const struct gp__child *child = worker_of(master, (uint32_t)((owner + i) % workers));

        if (!is_away(child))
            return child;
    }
    return NULL;
}

static bool belongs(const struct gp__master *master, const struct gp__socket *socket,
                    const struct gp__child *child)
{
    uint32_t owner = gp__socket_owner(socket, master->conf->manifest.workers);

    if (socket->role != child->role)
        return false;
    return owner == GP__SLOT_ALL || owner == child->slot || server_of(master, owner) == child;
}

static size_t place_of(const struct gp__child *child, uint64_t id)
{
    size_t at = 0;

    while (at < child->n_held && child->held[at] != id)
        at++;
    return at;
}

static void give(struct gp__child *child, const struct gp__socket *socket)
{
    struct gp__message message = {.type = GP__MSG_SOCKET, .fds = {socket->fd}, .n_fds = 1};
    struct gp__buf body = {.limit = 0};

    gp__pack_number(&body, socket->id);
    gp__pack_text(&body, gp_slice_of(socket->listener));
    message.body = gp__buf_slice(&body);
    if (gp__channel_send(child->channel, &message) == 0) {
        GP__GROW(child->held, child->held_cap, child->n_held + 1);
        child->held[child->n_held++] = socket->id;
    }
    gp__buf_free(&body);
}

static void take_back(struct gp__child *child, uint64_t id)
{
    struct gp__message message = {.type = GP__MSG_NO_SOCKET};
    struct gp__buf body = {.limit = 0};
    size_t at = place_of(child, id);

    gp__pack_number(&body, id);
    message.body = gp__buf_slice(&body);
    (void)gp__channel_send(child->channel, &message); /* else closed() tells */
    child->held[at] = child->held[--child->n_held];
    gp__buf_free(&body);
}

static void share_with(struct gp__master *master, struct gp__child *child)
{
    for (const struct gp__socket *socket = master->sockets.first; socket; socket = socket->next) {
        bool has = place_of(child, socket->id) < child->n_held;
        bool should = belongs(master, socket, child);

        if (should && !has)
            give(child, socket);
        else if (has && !should)
            take_back(child, socket->id);
    }
}

void gp__children_share(struct gp__master *master)
{
    for (struct gp__child *child = master->children; child; child = child->next)
        if (child->conf == master->conf && child->state == GP__CHILD_SERVING && child->channel)
            share_with(master, child);
    gp__lines_make(master);
}
