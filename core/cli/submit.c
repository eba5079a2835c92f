// SPDX-License-Identifier: Apache-2.0
#include "core/cli/submit.h"

#include "core/base/ascii.h"
#include "core/base/utf8.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define PIECE ((size_t)64 << 10)
#define WRITE_MS 180000u
#define MESSAGE_MAX ((size_t)1 << 30)

/* The host of the server's address. */
static struct gp_slice host_of(const struct gp__submit *submit)
{
    struct gp_slice s = gp_slice_of(submit->server);
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
static int secure(struct gp__submit *submit)
{
    struct gp__tls_dial_settings settings = {
        .name = host_of(submit),
        .verify = !submit->insecure && submit->settings.tls != GP__CLIENT_TLS_OFFERED,
        .ca_file = submit->ca_file,
    };
    const char *text;

    if (gp__wire_secure(&submit->wire, &settings, &text) < 0) {
        fprintf(stderr, "%s: %s: TLS: %s\n", submit->command, submit->server, text);
        submit->result = GP__SUBMIT_REFUSED;
        return -1;
    }
    if (submit->verbose)
        printf("  (%s)\n", text);
    return 0;
}

/* A login goes with this connection only, if the server can do that. */
static void bind_login(struct gp__submit *submit)
{
    if (submit->wire.tls)
        gp__smtp_client_bind(submit->client, gp__tls_dial_exporter(submit->wire.tls));
}

/* ---- the conversation ---- */

static void give_content(struct gp__submit *submit)
{
    struct gp_slice piece = gp_slice_sub(submit->content, submit->given, PIECE);

    submit->given += piece.len;
    submit->in_content = true;
    gp__smtp_client_content(submit->client, piece, submit->given == submit->content.len);
}

/* Before the login there are no other commands than these, and none has a secret. */
static bool is_hello(struct gp_slice bytes)
{
    return gp_slice_find(bytes, '\n') == bytes.len - 1 &&
           (gp_slice_starts(bytes, GP_S("EHLO ")) || gp_slice_starts(bytes, GP_S("HELO ")) ||
            gp_slice_starts(bytes, GP_S("LHLO ")) || gp_slice_starts(bytes, GP_S("STARTTLS\r\n")));
}

/* What a transcript may show of what we say: no secrets, and not the whole message. */
static void show_output(const struct gp__submit *submit, struct gp_slice bytes)
{
    if (!submit->verbose || bytes.len == 0)
        return;
    if (submit->in_content)
        printf("> (%zu bytes of the message)\n", bytes.len);
    else if (submit->settings.user.len && !gp__smtp_client_authenticated(submit->client) &&
             !is_hello(bytes))
        printf("> (login)\n");
    else
        gp__wire_show("> ", bytes);
}

static int flush(struct gp__submit *submit)
{
    struct gp__buf *out = gp__smtp_client_output(submit->client);
    int error = gp__wire_write(&submit->wire, gp__buf_slice(out), WRITE_MS);

    show_output(submit, gp__buf_slice(out));
    gp__buf_clear(out);
    return error;
}

static void wait_for_server(struct gp__submit *submit)
{
    struct gp__runtime *rt = submit->wire.call.runtime;
    uint64_t now = rt->ops->now_ms(rt), at = gp__smtp_client_deadline(submit->client);
    int result = gp__wire_read(&submit->wire, at > now ? at - now : 1);
    struct gp_slice bytes = gp__buf_slice(&submit->wire.in);

    submit->in_content = false;
    if (result == 1) {
        if (submit->verbose)
            gp__wire_show("< ", bytes);
        gp__smtp_client_feed(submit->client, bytes);
        gp__buf_clear(&submit->wire.in);
    } else if (result != GP_ETEMP) {
        gp__smtp_client_eof(submit->client);
    }
}

static void report(struct gp__submit *submit)
{
    for (size_t i = 0; i < submit->mail.n_recipients; i++)
        submit->outcome(submit->arg, i, gp__smtp_client_outcome(submit->client, i));
    submit->result = GP__SUBMIT_SENT;
    submit->sent = true;
}

static void on_ready(struct gp__submit *submit)
{
    if (submit->sent)
        gp__smtp_client_quit(submit->client);
    else
        gp__smtp_client_send(submit->client, &submit->mail);
}

/* It ended before anything was sent: for good only if the server said so. */
static void on_closed(struct gp__submit *submit)
{
    const struct gp__reply *last = gp__smtp_client_last(submit->client);

    if (gp__smtp_client_error(submit->client))
        fprintf(stderr, "%s: %s: %s\n", submit->command, submit->server,
                gp__smtp_client_error(submit->client));
    if (submit->sent)
        return;
    if (gp__smtp_client_outcome(submit->client, 0)) {
        report(submit);
        return;
    }
    if (last->code)
        fprintf(stderr, "%s: it said: " GP_FMT "\n", submit->command,
                GP_ARG(gp__reply_format(submit->arena, last)));
    submit->result = last->code >= 500 ? GP__SUBMIT_REFUSED : GP__SUBMIT_LATER;
}

static void talk(struct gp__submit *submit)
{
    struct gp__runtime *rt = submit->wire.call.runtime;

    for (;;) {
        enum gp__smtp_client_event event = gp__smtp_client_step(submit->client,
                                                                rt->ops->now_ms(rt));

        if (flush(submit) < 0)
            gp__smtp_client_eof(submit->client);
        switch (event) {
        case GP__SMTP_CLIENT_INPUT:
            wait_for_server(submit);
            break;
        case GP__SMTP_CLIENT_READY:
            on_ready(submit);
            break;
        case GP__SMTP_CLIENT_CONTENT:
            give_content(submit);
            break;
        case GP__SMTP_CLIENT_SENT:
            report(submit);
            break;
        case GP__SMTP_CLIENT_STARTTLS:
            if (secure(submit) < 0)
                return;
            bind_login(submit);
            gp__smtp_client_secured(submit->client);
            break;
        case GP__SMTP_CLIENT_CLOSED:
            on_closed(submit);
            return;
        }
    }
}

static void submit_main(struct gp__runtime *rt, void *arg)
{
    struct gp__submit *submit = arg;
    unsigned port = submit->settings.protocol == GP__PROTOCOL_LMTP ? 24
                    : submit->settings.encrypted                   ? 465
                                                                   : 25;
    struct gp_slice address = gp__wire_address(submit->arena, submit->server, port);
    int error = gp__wire_open(&submit->wire, rt, address);

    if (error) {
        fprintf(stderr, "%s: " GP_FMT ": no connection: %s\n", submit->command, GP_ARG(address),
                gp_strerror(error));
        submit->result = error == GP_EINVAL ? GP__SUBMIT_REFUSED : GP__SUBMIT_LATER;
    } else if (!submit->settings.encrypted || secure(submit) == 0) {
        submit->settings.crypto = rt->crypto;
        submit->client = gp__smtp_client_create(&submit->settings, rt->ops->now_ms(rt));
        bind_login(submit);
        talk(submit);
    }
    gp__smtp_client_free(&submit->client);
    gp__wire_close(&submit->wire);
}

int gp__submit(struct gp__submit *submit)
{
    int result;

    submit->arena = gp__arena_create();
    submit->result = GP__SUBMIT_LATER;
    result = gp__wire_run(submit_main, submit);
    gp__arena_free(&submit->arena);
    return result;
}

/* ---- what is sent ---- */

void gp__submit_default_helo(char helo[256])
{
    struct gp__ip literal;

    if (gethostname(helo, 255) == 0 &&
        gp__domain_parse(gp_slice_of(helo), 0, &literal) == GP__ADDRESS_OK)
        return;
    (void)snprintf(helo, 256, "[127.0.0.1]");
}

int gp__submit_look_at(struct gp__submit *submit)
{
    struct gp__smtp_client_mail *mail = &submit->mail;

    if (gp_slice_find(submit->content, '\0') < submit->content.len) {
        fprintf(stderr, "%s: there is a NUL in the message\n", submit->command);
        return -1;
    }
    mail->size = submit->content.len;
    mail->eight_bit |= !gp__ascii_only(submit->content);
    mail->smtputf8 = !gp__ascii_only(mail->sender);
    for (size_t i = 0; i < mail->n_recipients; i++)
        mail->smtputf8 |= !gp__ascii_only(mail->recipients[i].address);
    return 0;
}

int gp__submit_read(struct gp__buf *content, FILE *file)
{
    size_t n = 1, room;

    content->limit = MESSAGE_MAX;
    while (n) {
        char *to = gp__buf_room(content, PIECE, &room);

        if (!to) {
            errno = EFBIG;
            return -1;
        }
        n = fread(to, 1, PIECE, file);
        gp__buf_added(content, n);
    }
    return ferror(file) ? -1 : 0;
}
