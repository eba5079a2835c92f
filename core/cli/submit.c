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

static void report(struct gp__submit *submit)
{
    for (size_t i = 0; i < submit->mail.n_recipients; i++)
        submit->outcome(submit->arg, i, gp__smtp_client_outcome(submit->dial.client, i));
    submit->result = GP__SUBMIT_SENT;
    submit->sent = true;
}

static void on_ready(struct gp__submit *submit)
{
    if (submit->sent)
        gp__smtp_client_quit(submit->dial.client);
    else
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
    if (gp__smtp_client_outcome(submit->dial.client, 0)) {
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
            report(submit);
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
