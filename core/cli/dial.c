// SPDX-License-Identifier: Apache-2.0
#include "core/cli/dial.h"

#include <stdio.h>
#include <string.h>

#define WRITE_MS 180000u

/* ---- TLS ---- */

/* The host of the server's address. */
static struct gp_slice host_of(const struct gp__dial *dial)
{
    struct gp_slice s = gp_slice_of(dial->server);
    size_t colon = gp_slice_rfind(s, ':');

    if (gp_slice_starts(s, GP_S("unix:")))
        return gp_slice("", 0);
    if (colon < s.len && !gp_slice_ends(s, GP_S("]")))
        s = gp_slice_sub(s, 0, colon);
    if (s.len > 1 && s.data[0] == '[')
        s = gp_slice_sub(s, 1, s.len - 2);
    return s;
}

/* Where TLS is only taken as it comes any certificate will do: without it would be plaintext. */
static int secure(struct gp__dial *dial)
{
    struct gp__tls_dial_settings settings = {
        .name = host_of(dial),
        .verify = !dial->insecure && dial->settings.tls != GP__CLIENT_TLS_OFFERED,
        .ca_file = dial->ca_file,
    };
    const char *text;

    if (gp__wire_secure(&dial->wire, &settings, &text) < 0) {
        (void)snprintf(dial->why, sizeof dial->why, "TLS: %s", text);
        dial->final = true;
        return -1;
    }
    if (dial->verbose)
        printf("%s  (%s)\n", dial->indent, text);
    return 0;
}

/* A login goes with this connection only, if the server can do that. */
static void bind_login(struct gp__dial *dial)
{
    if (dial->wire.tls)
        gp__smtp_client_bind(dial->client, gp__tls_dial_exporter(dial->wire.tls));
}

/* ---- the session ---- */

static int connect_to(struct gp__dial *dial, struct gp__runtime *rt)
{
    unsigned port = dial->settings.protocol == GP__PROTOCOL_LMTP ? 24
                    : dial->settings.encrypted                   ? 465
                                                                 : 25;
    struct gp__arena *arena = gp__arena_create();
    struct gp_slice address = gp__wire_address(arena, dial->server, port);
    int error = gp__wire_open(&dial->wire, rt, address);

    if (error)
        (void)snprintf(dial->why, sizeof dial->why, "no connection to " GP_FMT ": %s",
                       GP_ARG(address), gp_strerror(error));
    dial->final = error == GP_EINVAL;
    gp__arena_free(&arena);
    return error ? -1 : 0;
}

int gp__dial_open(struct gp__dial *dial, struct gp__runtime *rt)
{
    dial->indent = dial->indent ? dial->indent : "";
    if (connect_to(dial, rt) < 0 || (dial->settings.encrypted && secure(dial) < 0))
        return -1;
    dial->settings.crypto = rt->crypto;
    dial->client = gp__smtp_client_create(&dial->settings, rt->ops->now_ms(rt));
    bind_login(dial);
    return 0;
}

void gp__dial_close(struct gp__dial *dial)
{
    gp__smtp_client_free(&dial->client);
    gp__wire_close(&dial->wire);
}

static void show(const struct gp__dial *dial, const char *mark, struct gp_slice bytes)
{
    char text[16];

    (void)snprintf(text, sizeof text, "%s%s", dial->indent, mark);
    gp__wire_show(text, bytes);
}

/* Before the login there are no other commands than these, and none has a secret. */
static bool is_hello(struct gp_slice bytes)
{
    return gp_slice_find(bytes, '\n') == bytes.len - 1 &&
           (gp_slice_starts(bytes, GP_S("EHLO ")) || gp_slice_starts(bytes, GP_S("HELO ")) ||
            gp_slice_starts(bytes, GP_S("LHLO ")) || gp_slice_starts(bytes, GP_S("STARTTLS\r\n")));
}

/* What a transcript may show of what we say: no secrets, and not the whole message. */
static void show_output(const struct gp__dial *dial, struct gp_slice bytes)
{
    if (!dial->verbose || bytes.len == 0)
        return;
    if (dial->in_content)
        printf("%s> (%zu bytes of the message)\n", dial->indent, bytes.len);
    else if (dial->settings.user.len && !gp__smtp_client_authenticated(dial->client) &&
             !is_hello(bytes))
        printf("%s> (login)\n", dial->indent);
    else
        show(dial, "> ", bytes);
}

static int flush(struct gp__dial *dial)
{
    struct gp__buf *out = gp__smtp_client_output(dial->client);
    int error = gp__wire_write(&dial->wire, gp__buf_slice(out), WRITE_MS);

    show_output(dial, gp__buf_slice(out));
    gp__buf_clear(out);
    return error;
}

static void wait_for_server(struct gp__dial *dial)
{
    struct gp__runtime *rt = dial->wire.call.runtime;
    uint64_t now = rt->ops->now_ms(rt), at = gp__smtp_client_deadline(dial->client);
    int result = gp__wire_read(&dial->wire, at > now ? at - now : 1);
    struct gp_slice bytes = gp__buf_slice(&dial->wire.in);

    dial->in_content = false;
    if (result == 1) {
        if (dial->verbose)
            show(dial, "< ", bytes);
        gp__smtp_client_feed(dial->client, bytes);
        gp__buf_clear(&dial->wire.in);
    } else if (result != GP_ETEMP) {
        gp__smtp_client_eof(dial->client);
    }
}

enum gp__smtp_client_event gp__dial_step(struct gp__dial *dial)
{
    struct gp__runtime *rt = dial->wire.call.runtime;

    for (;;) {
        enum gp__smtp_client_event event = gp__smtp_client_step(dial->client, rt->ops->now_ms(rt));

        if (flush(dial) < 0)
            gp__smtp_client_eof(dial->client);
        if (event == GP__SMTP_CLIENT_INPUT) {
            wait_for_server(dial);
        } else if (event == GP__SMTP_CLIENT_STARTTLS) {
            if (secure(dial) < 0)
                return GP__SMTP_CLIENT_CLOSED;
            bind_login(dial);
            gp__smtp_client_secured(dial->client);
        } else {
            const char *why = gp__smtp_client_error(dial->client);

            if (event == GP__SMTP_CLIENT_CLOSED && why)
                (void)snprintf(dial->why, sizeof dial->why, "%s", why);
            return event;
        }
    }
}
