// SPDX-License-Identifier: Apache-2.0
/* The client's side of a session: bytes out, replies in, and time that passes only while the server
 * is at work. */
#include "core/base/ascii.h"
#include "sdk/kit/kit.h"

#include <stdio.h>

/* A server that is at work for longer than any budget of a reply allows. */
#define PATIENCE_MS 1200000u

/* ---- what the server does ---- */

static const struct gp__client *serving(const struct gp__kit *kit)
{
    for (const struct gp__client *at = kit->server.clients; at && kit->session; at = at->next)
        if (at == kit->session->serving)
            return at;
    return NULL;
}

struct gp_session *gp__kit_session(const struct gp__kit *kit)
{
    const struct gp__client *client = serving(kit);

    return client ? client->session : NULL;
}

static bool at_work(const struct gp__kit *kit)
{
    const struct gp__client *client = serving(kit);

    return client && !client->ended && (client->busy || !client->waiting);
}

bool gp__kit_closed(const struct gp__kit *kit)
{
    return !kit->session || gp__sim_client_eof_seen(kit->session->client) ||
           gp__sim_client_closed(kit->session->client);
}

/* ---- replies ---- */

static void note_line(struct gp__kit *kit, const char *who, struct gp_slice line)
{
    struct gp_slice name = kit->session->name;

    gp__buf_printf(&kit->transcript, GP_FMT "%s%s: ", GP_ARG(name), name.len ? " " : "", who);
    for (size_t i = 0; i < line.len; i++) {
        if (gp__is_control(line.data[i]))
            gp__buf_printf(&kit->transcript, "\\x%02x", (unsigned char)line.data[i]);
        else
            gp__buf_append(&kit->transcript, gp_slice_sub(line, i, 1));
    }
    gp__buf_append(&kit->transcript, GP_S("\n"));
}

/* A line "250-text" or "250 text"; joins those of one reply. */
static void take_line(struct gp__kit *kit, struct gp_slice line, struct gp__buf *text)
{
    int64_t code = 0;

    note_line(kit, "S", line);
    if (line.len < 3 || gp_slice_to_int(gp_slice_sub(line, 0, 3), 100, 999, &code) < 0)
        return;
    if (text->len)
        gp__buf_append(text, GP_S("\n"));
    gp__buf_append(text, gp_slice_sub(line, 4, line.len));
    if (line.len > 3 && line.data[3] == '-')
        return;
    kit->reply.code = (unsigned)code;
    kit->reply.text = gp__arena_dup(kit->arena, gp__buf_slice(text));
    kit->refused |= code >= 400;
    gp__buf_printf(&kit->codes, "%s%u", kit->codes.len ? " " : "", kit->reply.code);
    gp__buf_clear(text);
}

/* The server writes whole replies: none is cut between two calls. */
static void take_replies(struct gp__kit *kit)
{
    struct gp_slice output = gp__sim_client_output(kit->session->client);
    struct gp__buf text = {.limit = 0};
    struct gp_slice rest = output;

    while (rest.len) {
        struct gp_slice line = gp_slice_split(&rest, '\n');

        if (gp_slice_ends(line, GP_S("\r")))
            line.len--;
        take_line(kit, line, &text);
    }
    gp__buf_free(&text);
    gp__sim_client_take(kit->session->client, output.len);
}

/* ---- time ---- */

static uint64_t now(const struct gp__kit *kit)
{
    return kit->rt->ops->now_ms(kit->rt);
}

static void wait_for_server(struct gp__kit *kit, uint64_t since)
{
    gp__sim_settle(kit->rt);
    while (at_work(kit) && now(kit) - since < PATIENCE_MS)
        gp__sim_advance(kit->rt, 1);
    if (at_work(kit) && kit->when)
        gp__kit_fail(kit, kit->when, "no reply within 20 minutes");
    kit->took_ms = now(kit) - since;
}

void gp__kit_listen(struct gp__kit *kit)
{
    const struct gp__client *client;

    if (!kit->session)
        return;
    take_replies(kit);
    client = serving(kit);
    if (client && client->ended)
        gp__sim_client_eof(kit->session->client);
}

void gp__kit_push(struct gp__kit *kit, struct gp_slice bytes)
{
    struct gp_slice rest = bytes;

    while (rest.len) {
        struct gp_slice line = gp_slice_split(&rest, '\n');

        note_line(kit, "C",
                  gp_slice_ends(line, GP_S("\r")) ? gp_slice_sub(line, 0, line.len - 1) : line);
    }
    gp__sim_client_send(kit->session->client, bytes);
}

void gp__kit_exchange(struct gp__kit *kit, struct gp_slice bytes)
{
    uint64_t since = now(kit);

    gp__kit_push(kit, bytes);
    wait_for_server(kit, since);
    gp__kit_listen(kit);
}

void gp__kit_command(struct gp__kit *kit, const char *format, ...)
{
    struct gp__buf line = {.limit = 0};
    va_list args;

    va_start(args, format);
    gp__buf_vprintf(&line, format, args);
    va_end(args);
    gp__buf_append(&line, GP_S("\r\n"));
    gp__kit_exchange(kit, gp__buf_slice(&line));
    gp__buf_free(&line);
}

/* ---- the beginning and the end ---- */

int gp__kit_use(struct gp__kit *kit, struct gp_slice name)
{
    for (struct gp__kit_session *at = kit->sessions; at; at = at->next) {
        if (!gp_slice_eq(at->name, name))
            continue;
        kit->session = at;
        gp__kit_listen(kit);
        return 0;
    }
    return -1;
}

void gp__kit_leave(struct gp__kit *kit)
{
    struct gp__kit_session **link = &kit->sessions;
    uint64_t since = now(kit);

    if (!kit->session)
        return;
    note_line(kit, "C", GP_S("(leaves)"));
    gp__sim_client_eof(kit->session->client);
    wait_for_server(kit, since);
    gp__kit_listen(kit);
    while (*link != kit->session)
        link = &(*link)->next;
    *link = kit->session->next;
    kit->session = NULL;
}

static struct gp__kit_session *create(struct gp__kit *kit, struct gp_slice name,
                                      const struct gp__endpoint *peer)
{
    struct gp__kit_session *session = GP__ARENA_NEW(kit->arena, struct gp__kit_session);
    struct gp__endpoint local = {.port = 25};

    gp__ip_parse(GP_S(GP__KIT_SERVER), &local.ip);
    session->name = name;
    session->client = gp__sim_connect(kit->rt, peer, &local);
    gp__sim_client_facts(session->client, gp__kit_tls_facts, kit);
    session->next = kit->sessions;
    kit->sessions = session;
    return session;
}

void gp__kit_open(struct gp__kit *kit, struct gp_slice name, const struct gp__endpoint *peer,
                  struct gp_slice early)
{
    char text[48];
    uint64_t since;

    if (gp__kit_use(kit, name) == 0)
        gp__kit_leave(kit);
    since = now(kit);
    kit->session = create(kit, name, peer);
    note_line(kit, "C",
              gp__arena_printf(kit->arena, "(connects from " GP_FMT ")",
                               GP_ARG(gp__ip_format(&peer->ip, text))));
    if (early.len)
        gp__kit_push(kit, early);
    gp__client_start(&kit->server, kit->entrance, gp__sim_client_conn(kit->session->client));
    kit->session->serving = kit->server.clients;
    wait_for_server(kit, since);
    gp__kit_listen(kit);
}

/* ---- messages ---- */

struct gp_slice gp__kit_lines(struct gp__arena *arena, struct gp_slice text)
{
    struct gp__buf out = {.limit = 0};
    struct gp_slice bytes;

    while (text.len) {
        struct gp_slice line = gp_slice_split(&text, '\n');

        if (gp_slice_ends(line, GP_S("\r")))
            line.len--;
        gp__buf_append(&out, line);
        gp__buf_append(&out, GP_S("\r\n"));
    }
    bytes = gp__arena_dup(arena, gp__buf_slice(&out));
    gp__buf_free(&out);
    return bytes;
}

struct gp_slice gp__kit_stuffed(struct gp__arena *arena, struct gp_slice bytes)
{
    struct gp__buf out = {.limit = 0};
    struct gp_slice stuffed;

    while (bytes.len) {
        struct gp_slice line = gp_slice_split(&bytes, '\n');

        if (gp_slice_starts(line, GP_S(".")))
            gp__buf_append(&out, GP_S("."));
        gp__buf_append(&out, line);
        gp__buf_append(&out, GP_S("\n"));
    }
    gp__buf_append(&out, GP_S(".\r\n"));
    stuffed = gp__arena_dup(arena, gp__buf_slice(&out));
    gp__buf_free(&out);
    return stuffed;
}
