// SPDX-License-Identifier: Apache-2.0
/* Input, output, time, and the end. See client.h. */
#include "core/smtp/client_internal.h"

#include "core/base/alloc.h"

#define INPUT_MAX ((size_t)1 << 20)

/* RFC 5321 4.5.3.2. */
#define COMMAND_MS 300000u
#define DATA_MS 120000u
#define BLOCK_MS 180000u
#define END_MS 600000u

void gp__client_write(struct gp__smtp_client *client, struct gp_slice bytes)
{
    if (client->state != GP__CLIENT_CLOSED && gp__buf_append(&client->out, bytes) < 0)
        gp__client_lose(client, "out of memory");
}

void gp__client_enter(struct gp__smtp_client *client, enum gp__smtp_client_state state)
{
    if (client->state == GP__CLIENT_CLOSED)
        return;
    client->state = (uint8_t)state;
    client->mark = client->now;
}

void gp__client_lose(struct gp__smtp_client *client, const char *why)
{
    struct gp__reply reply = GP__REPLY(451, 4, 4, 2, why);

    if (client->state == GP__CLIENT_CLOSED)
        return;
    gp__client_decide(client, client->state == GP__CLIENT_FINAL ? GP__STAGE_END : GP__STAGE_CONNECT,
                      true, &reply);
    client->error = why;
    client->state = GP__CLIENT_CLOSED;
    gp__buf_clear(&client->out);
}

void gp__client_refused(struct gp__smtp_client *client, const char *why)
{
    gp__client_decide(client, GP__STAGE_CONNECT, false, &client->last);
    gp__client_lose(client, why);
}

/* ---- input ---- */

void gp__smtp_client_feed(struct gp__smtp_client *client, struct gp_slice bytes)
{
    if (client->state == GP__CLIENT_CLOSED)
        return;
    if (gp__buf_append(&client->in, bytes) < 0)
        gp__client_lose(client, "the server sends too much");
}

void gp__smtp_client_eof(struct gp__smtp_client *client)
{
    client->eof = true;
}

static void answered(struct gp__smtp_client *client, const struct gp__reply *reply)
{
    static gp__client_answered_fn *const handlers[] = {
#define X(name, answered) answered,
        GP__SMTP_CLIENT_STATES(X)
#undef X
    };

    client->last = *reply;
    client->mark = client->now;
    if (reply->code == 421 && client->state != GP__CLIENT_QUIT)
        gp__client_refused(client, "the server closes the session");
    else if (handlers[client->state])
        handlers[client->state](client, reply);
    else
        gp__client_lose(client, "the server replied to no command");
}

/* Whether a reply was there. */
static bool read_reply(struct gp__smtp_client *client)
{
    struct gp__reply reply = {.code = 0};
    const char *why;
    size_t used;
    enum gp__reply_read result;

    if (client->in.len == 0)
        return false;
    result = gp__reply_read(&client->reader, gp__buf_slice(&client->in), &used, &reply, &why);
    gp__buf_consume(&client->in, used);
    if (result == GP__REPLY_BAD)
        gp__client_lose(client, why);
    else if (result == GP__REPLY_READ)
        answered(client, &reply);
    return result != GP__REPLY_MORE;
}

/* ---- time ---- */

static uint64_t either(uint64_t given, uint64_t otherwise)
{
    return given ? given : otherwise;
}

static uint64_t patience(const struct gp__smtp_client *client)
{
    const struct gp__smtp_client_patience *given = &client->settings->patience;

    switch (client->state) {
    case GP__CLIENT_FINAL:
    case GP__CLIENT_DISCARD:
        return either(given->end, END_MS);
    case GP__CLIENT_CONTENT:
        return either(given->block, BLOCK_MS);
    case GP__CLIENT_ENVELOPE:
        if (client->outgoing.answered > client->outgoing.n_order)
            return either(given->data, DATA_MS);
        break;
    default:
        break;
    }
    return either(given->command, COMMAND_MS);
}

uint64_t gp__smtp_client_deadline(const struct gp__smtp_client *client)
{
    if (client->state == GP__CLIENT_READY || client->state == GP__CLIENT_CLOSED)
        return UINT64_MAX;
    return client->mark + patience(client);
}

static const char *gone(const struct gp__smtp_client *client)
{
    if (client->eof)
        return client->state == GP__CLIENT_QUIT ? NULL : "the server closed the connection";
    return client->now >= gp__smtp_client_deadline(client) ? "the server does not answer" : NULL;
}

/* ---- steps ---- */

/* What the state itself leads to; INPUT: nothing before a reply. */
static enum gp__smtp_client_event state_event(struct gp__smtp_client *client)
{
    switch (client->state) {
    case GP__CLIENT_CLOSED:
        return GP__SMTP_CLIENT_CLOSED;
    case GP__CLIENT_HANDSHAKE:
        return GP__SMTP_CLIENT_STARTTLS;
    case GP__CLIENT_READY:
        return GP__SMTP_CLIENT_READY;
    case GP__CLIENT_CONTENT:
        return gp__client_wants_content(client) ? GP__SMTP_CLIENT_CONTENT : GP__SMTP_CLIENT_INPUT;
    default:
        return GP__SMTP_CLIENT_INPUT;
    }
}

enum gp__smtp_client_event gp__smtp_client_step(struct gp__smtp_client *client, uint64_t now_ms)
{
    const char *why;

    if (now_ms > client->now)
        client->now = now_ms;
    while (client->state != GP__CLIENT_CLOSED && !client->sent_due && read_reply(client))
        ;
    if (client->sent_due) {
        client->sent_due = false;
        return GP__SMTP_CLIENT_SENT;
    }
    why = gone(client);
    if (why)
        gp__client_lose(client, why);
    else if (client->eof && client->state == GP__CLIENT_QUIT)
        client->state = GP__CLIENT_CLOSED;
    return state_event(client);
}

/* ---- life ---- */

struct gp__smtp_client *gp__smtp_client_create(const struct gp__smtp_client_settings *settings,
                                               uint64_t now_ms)
{
    struct gp__smtp_client *client = gp__alloc(sizeof *client);

    client->settings = settings;
    client->arena = gp__arena_create();
    client->now = client->mark = now_ms;
    client->in.limit = INPUT_MAX;
    client->encrypted = settings->encrypted;
    return client;
}

void gp__smtp_client_free(struct gp__smtp_client **client_)
{
    struct gp__smtp_client *client = *client_;

    *client_ = NULL;
    if (!client)
        return;
    if (client->out.data) /* a password may have been in it */
        explicit_bzero(client->out.data, client->out.cap);
    explicit_bzero(client->exporter_bytes, sizeof client->exporter_bytes);
    gp__client_scram_free(&client->scram);
    gp__buf_free(&client->in);
    gp__buf_free(&client->out);
    gp__buf_free(&client->chunk);
    gp__reply_reader_free(&client->reader);
    if (client->outgoing.arena)
        gp__arena_free(&client->outgoing.arena);
    gp__arena_free(&client->arena);
    gp__free(client);
}

struct gp__buf *gp__smtp_client_output(struct gp__smtp_client *client)
{
    return &client->out;
}

void gp__smtp_client_bind(struct gp__smtp_client *client, struct gp_slice exporter)
{
    if (exporter.len == 0 || exporter.len > sizeof client->exporter_bytes)
        return;
    memcpy(client->exporter_bytes, exporter.data, exporter.len);
    client->exporter = gp_slice(client->exporter_bytes, exporter.len);
}

const struct gp__capabilities *gp__smtp_client_capabilities(const struct gp__smtp_client *client)
{
    return &client->capabilities;
}

bool gp__smtp_client_authenticated(const struct gp__smtp_client *client)
{
    return client->authenticated;
}

const struct gp__reply *gp__smtp_client_last(const struct gp__smtp_client *client)
{
    return &client->last;
}

const char *gp__smtp_client_error(const struct gp__smtp_client *client)
{
    return client->error;
}

void gp__smtp_client_quit(struct gp__smtp_client *client)
{
    if (client->state != GP__CLIENT_READY)
        return;
    gp__client_write(client, GP_S("QUIT\r\n"));
    gp__client_enter(client, GP__CLIENT_QUIT);
}

void gp__client_quit_answered(struct gp__smtp_client *client, const struct gp__reply *reply)
{
    (void)reply; /* whatever it is, we go */
    client->state = GP__CLIENT_CLOSED;
}
