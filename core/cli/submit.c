// SPDX-License-Identifier: Apache-2.0
#include "core/cli/submit.h"

#include "core/base/ascii.h"
#include "core/base/utf8.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define PIECE ((size_t)64 << 10)
#define MESSAGE_MAX ((size_t)1 << 30)

/* ---- the conversation ---- */

static void give_content(struct gp__submit *submit)
{
    struct gp_slice piece = gp_slice_sub(submit->content, submit->given, PIECE);

    submit->given += piece.len;
    submit->dial.in_content = true;
    gp__smtp_client_content(submit->dial.client, piece, submit->given == submit->content.len);
}

static void tell(const struct gp__submit *submit, size_t i, const struct gp__smtp_outcome *outcome)
{
    submit->outcome(submit->arg, submit->index ? submit->index[i] : i, outcome);
}

static void report(struct gp__submit *submit)
{
    const struct gp__smtp_outcome lost = {
        .stage = GP__STAGE_CONNECT,
        .own = true,
        .reply = GP__REPLY(451, 4, 4, 2, "The connection was lost before it was sent"),
    };

    /* Before it was sent again outcomes are those of the time before. */
    for (size_t i = 0; i < submit->mail.n_recipients; i++)
        tell(submit, i,
             submit->under_way ? gp__smtp_client_outcome(submit->dial.client, i) : &lost);
    submit->result = GP__SUBMIT_SENT;
    submit->sent = true;
}

static bool is_one_too_many(const struct gp__submit *submit, size_t i)
{
    const struct gp__smtp_outcome *outcome = gp__smtp_client_outcome(submit->dial.client, i);

    return outcome->stage == GP__STAGE_RCPT && !outcome->own && outcome->reply.code == 452;
}

/* Those beyond what the server takes at once are the next transaction's (RFC 5321 4.5.3.1.10): to
 * report them as failed would have the whole message sent again, to the first ones, too. */
static void go_on(struct gp__submit *submit)
{
    struct gp__smtp_client_mail *mail = &submit->mail;
    struct gp__smtp_client_recipient *rest;
    size_t *index, left = 0;

    for (size_t i = 0; i < mail->n_recipients; i++)
        left += is_one_too_many(submit, i);
    if (left == 0 || left == mail->n_recipients) {
        report(submit);
        return;
    }
    rest = GP__ARENA_ARRAY(submit->arena, struct gp__smtp_client_recipient, left);
    index = GP__ARENA_ARRAY(submit->arena, size_t, left);
    left = 0;
    for (size_t i = 0; i < mail->n_recipients; i++) {
        if (is_one_too_many(submit, i)) {
            rest[left] = mail->recipients[i];
            index[left++] = submit->index ? submit->index[i] : i;
        } else {
            tell(submit, i, gp__smtp_client_outcome(submit->dial.client, i));
        }
    }
    mail->recipients = rest;
    mail->n_recipients = left;
    submit->index = index;
    submit->given = 0;
    submit->under_way = false;
}

static void on_ready(struct gp__submit *submit)
{
    if (submit->sent) {
        gp__smtp_client_quit(submit->dial.client);
        return;
    }
    submit->under_way = true;
    gp__smtp_client_send(submit->dial.client, &submit->mail);
}

/* It ended before anything was sent: for good only if the server said so. */
static void on_closed(struct gp__submit *submit)
{
    const struct gp__reply *last = gp__smtp_client_last(submit->dial.client);

    if (*submit->dial.why)
        fprintf(stderr, "%s: %s: %s\n", submit->command, submit->dial.server, submit->dial.why);
    submit->result = submit->dial.final ? GP__SUBMIT_REFUSED : submit->result;
    if (submit->sent || submit->dial.final)
        return;
    if (submit->index || gp__smtp_client_outcome(submit->dial.client, 0)) {
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
    for (;;) {
        switch (gp__dial_step(&submit->dial)) {
        case GP__SMTP_CLIENT_READY:
            on_ready(submit);
            break;
        case GP__SMTP_CLIENT_CONTENT:
            give_content(submit);
            break;
        case GP__SMTP_CLIENT_SENT:
            go_on(submit);
            break;
        default:
            on_closed(submit);
            return;
        }
    }
}

static void submit_main(struct gp__runtime *rt, void *arg)
{
    struct gp__submit *submit = arg;

    if (gp__dial_open(&submit->dial, rt) == 0) {
        talk(submit);
    } else {
        fprintf(stderr, "%s: %s: %s\n", submit->command, submit->dial.server, submit->dial.why);
        submit->result = submit->dial.final ? GP__SUBMIT_REFUSED : GP__SUBMIT_LATER;
    }
    gp__dial_close(&submit->dial);
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
