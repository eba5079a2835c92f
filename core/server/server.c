// SPDX-License-Identifier: Apache-2.0
#include "core/server/server.h"

void gp__server_init(struct gp__server *server, struct gp__runtime *runtime)
{
    memset(server, 0, sizeof *server);
    server->runtime = runtime;
    runtime->ops->random(runtime, &server->ids.count, sizeof server->ids.count);
}

void gp__server_join(struct gp__server *server, const struct gp__census *census)
{
    server->census = *census;
    gp__auth_guard_join(&server->auth_guard, &server->census);
    gp__pace_join(&server->pace, &server->census);
    server->overload.census = &server->census;
}

void gp__server_done(struct gp__server *server)
{
    gp__buf_free(&server->scratch);
    gp__tally_free(&server->sessions);
    gp__auth_guard_free(&server->auth_guard);
    gp__pace_free(&server->pace);
}

void gp__server_next_id(struct gp__server *server, char out[GP__ID_LEN + 1])
{
    gp__id_next(&server->ids, (uint64_t)server->runtime->ops->wall_ms(server->runtime), out);
}

void gp__server_remember(struct gp__server *server, struct gp__client *client)
{
    client->next = server->clients;
    if (client->next)
        client->next->prev = client;
    server->clients = client;
    server->n_clients++;
}

void gp__server_forget(struct gp__server *server, struct gp__client *client)
{
    if (client->prev)
        client->prev->next = client->next;
    else
        server->clients = client->next;
    if (client->next)
        client->next->prev = client->prev;
    if (--server->n_clients == 0 && server->ending && server->empty)
        server->empty(server);
}

struct gp__buf *gp__server_scratch(struct gp__server *server)
{
    return &server->scratch;
}

void gp__server_expect_end(struct gp__server *server)
{
    server->ending = true;
    if (server->n_clients == 0 && server->empty)
        server->empty(server);
}

void gp__server_stop(struct gp__server *server, bool at_once)
{
    server->stopping = true;
    gp__server_expect_end(server);
    for (struct gp__client *client = server->clients, *next; client; client = next) {
        next = client->next;
        gp__client_stop(client, at_once);
    }
}
