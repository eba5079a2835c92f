// SPDX-License-Identifier: Apache-2.0
/*
 * A worker: sessions and hooks, with few rights. Gets its configuration, its board and its sockets
 * from the master; without a master it lets its sessions end and goes.
 */
#include "core/base/pack.h"
#include "core/process/control.h"
#include "core/process/report.h"
#include "core/process/roles.h"
#include "core/process/servant.h"

#include <stdio.h>

/* ---- what the master says ---- */

static void on_socket(struct gp__servant *servant, struct gp__message *message)
{
    struct gp__unpack in = {.rest = message->body};
    uint64_t id = gp__unpack_number(&in);
    struct gp_slice listener = gp__unpack_text(&in);

    if (in.bad || message->n_fds != 1)
        return;
    message->n_fds = 0; /* taken */
    (void)gp__reception_listen(&servant->reception, id, listener, message->fds[0]);
}

static void on_no_socket(struct gp__servant *servant, struct gp__message *message)
{
    struct gp__unpack in = {.rest = message->body};
    uint64_t id = gp__unpack_number(&in);

    if (!in.bad)
        gp__reception_unlisten(&servant->reception, id);
}

static void on_ask(struct gp__servant *servant, struct gp__message *message)
{
    struct gp__unpack in = {.rest = message->body};
    uint64_t limit = gp__unpack_number(&in);
    struct gp__buf out = {.limit = GP__CONTROL_ANSWER_MAX};

    (void)gp__report_sessions(&out, &servant->reception.server, limit);
    (void)gp__answer_in_parts(servant->channel, message->id,
                              gp__buf_slice(&out)); /* else closed() tells */
    gp__buf_free(&out);
}

static void on_message(struct gp__servant *servant, struct gp__message *message)
{
    if (message->type == GP__MSG_SOCKET)
        on_socket(servant, message);
    else if (message->type == GP__MSG_NO_SOCKET)
        on_no_socket(servant, message);
    else if (message->type == GP__MSG_ASK)
        on_ask(servant, message);
}

/* ---- as a servant ---- */

static int open_worker(struct gp__servant *servant, struct gp__buf *error_r)
{
    char name[24];
    int len = snprintf(name, sizeof name, "w%llu", (unsigned long long)servant->slot);

    gp__server_join(&servant->reception.server, &servant->census);
    if (gp__reception_open_spool(&servant->reception, gp_slice(name, (size_t)len), error_r) < 0)
        return -1;
    gp__generation_start(servant->reception.generation);
    return 0;
}

static void drain(struct gp__servant *servant, enum gp__drain how)
{
    gp__reception_drain(&servant->reception, how);
}

static size_t busy(const struct gp__servant *servant)
{
    return servant->reception.server.n_clients;
}

static void close_nothing(struct gp__servant *servant)
{
    (void)servant;
}

int gp__worker_main(int channel)
{
    static const struct gp__servant_kind kind = {
        .name = "worker",
        .open = open_worker,
        .message = on_message,
        .drain = drain,
        .busy = busy,
        .close = close_nothing,
    };
    struct gp__servant servant = {.kind = &kind};

    return gp__servant_main(&servant, channel);
}
