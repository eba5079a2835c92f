// SPDX-License-Identifier: Apache-2.0
/* Reading the message, its envelope, and what the server said to it. */
#include "core/cli/sendmail.h"

#include "core/base/ascii.h"

#include <errno.h>
#include <pwd.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

/* ---- the envelope ---- */

bool gp__sendmail_notify(struct gp__sendmail *mail, const char *value)
{
    struct gp_slice rest = gp_slice_of(value);
    char *text;

    while (gp_slice_present(rest)) {
        struct gp_slice word = gp_slice_split(&rest, ',');

        if (gp_slice_caseeq(word, GP_S("never")) && word.len == strlen(value))
            break;
        if (!gp_slice_caseeq(word, GP_S("success")) && !gp_slice_caseeq(word, GP_S("failure")) &&
            !gp_slice_caseeq(word, GP_S("delay")))
            return false;
    }
    text = gp__arena_bytes(mail->arena, strlen(value) + 1);
    for (size_t i = 0; i <= strlen(value); i++)
        text[i] = gp__to_upper(value[i]);
    mail->notify = gp_slice_of(text);
    return true;
}

struct gp_slice gp__sendmail_qualify(struct gp__sendmail *mail, struct gp_slice address)
{
    size_t at = gp_slice_rfind(address, '@');

    return at < address.len && at + 1 < address.len && !gp_slice_ends(address, GP_S("\""))
               ? address
               : gp__arena_printf(
                     mail->arena, GP_FMT "@%s",
                     GP_ARG(gp_slice_sub(
                         address, 0, at < address.len && at + 1 == address.len ? at : address.len)),
                     mail->domain);
}

static int check(struct gp__sendmail *mail, struct gp_slice *address)
{
    struct gp__address parsed;
    enum gp__address_error error = gp__mailbox_parse(mail->arena, *address, GP__ADDRESS_UTF8,
                                                     &parsed);

    if (error) {
        fprintf(stderr, "sendmail: " GP_FMT ": %s\n", GP_ARG(*address),
                gp__address_strerror(error));
        return EX_DATAERR;
    }
    *address = parsed.text;
    return 0;
}

int gp__sendmail_add(struct gp__sendmail *mail, struct gp_slice address)
{
    struct gp__smtp_client_recipient *recipient;
    int code;

    address = gp__sendmail_qualify(mail, address);
    code = check(mail, &address);
    if (code)
        return code;
    for (size_t i = 0; i < mail->n_to; i++)
        if (gp_slice_eq(mail->to[i].address, address))
            return 0;
    if (mail->n_to == GP__SENDMAIL_RECIPIENTS_MAX) {
        fputs("sendmail: too many recipients\n", stderr);
        return EX_DATAERR;
    }
    GP__ARENA_GROW(mail->arena, mail->to, mail->to_cap, mail->n_to + 1);
    recipient = &mail->to[mail->n_to++];
    recipient->address = address;
    recipient->notify = mail->notify;
    return 0;
}

/* Arguments may be lists: sendmail a@b,c@d */
static int add_arguments(struct gp__sendmail *mail, int argc, char **argv)
{
    int code = 0;

    for (int i = 0; i < argc && code == 0; i++) {
        struct gp_slice rest = gp_slice_of(argv[i]);

        while (gp_slice_present(rest) && code == 0) {
            struct gp_slice address = gp_slice_trim(gp_slice_split(&rest, ','));

            if (gp_slice_starts(address, GP_S("<")) && gp_slice_ends(address, GP_S(">")))
                address = gp_slice_sub(address, 1, address.len - 2);
            if (address.len)
                code = gp__sendmail_add(mail, address);
        }
    }
    return code;
}

static int set_sender(struct gp__sendmail *mail)
{
    struct gp_slice sender = gp_slice_of(mail->sender);
    const struct passwd *user;

    if (gp_slice_starts(sender, GP_S("<")) && gp_slice_ends(sender, GP_S(">")))
        sender = gp_slice_sub(sender, 1, sender.len - 2);
    if (gp_slice_present(sender) && sender.len == 0) {
        mail->from = GP_S("");
        return 0;
    }
    if (!gp_slice_present(sender)) {
        user = getpwuid(getuid());
        sender = user ? gp__arena_dup(mail->arena, gp_slice_of(user->pw_name))
                      : gp__arena_printf(mail->arena, "uid%lu", (unsigned long)getuid());
    }
    mail->from = gp__sendmail_qualify(mail, sender);
    return check(mail, &mail->from);
}

/* ENVID is xtext (RFC 3461 4). */
static struct gp_slice xtext(struct gp__arena *arena, struct gp_slice text)
{
    char *out = gp__arena_bytes(arena, text.len * 3 + 2), *to = out;

    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];

        if (c > ' ' && c < 0x7f && c != '+' && c != '=')
            *to++ = c;
        else
            to += snprintf(to, 4, "+%02X", (unsigned char)c);
    }
    return gp_slice(out, (size_t)(to - out));
}

/* ---- the message ---- */

/* Without -i a line with nothing but a dot ends it. */
static size_t end_of(struct gp_slice text)
{
    for (size_t i = 0; i < text.len;
         i += gp_slice_find(gp_slice_sub(text, i, text.len), '\n') + 1) {
        struct gp_slice line = gp_slice_sub(text, i, text.len);

        if (gp_slice_eq(line, GP_S(".")) || gp_slice_starts(line, GP_S(".\n")) ||
            gp_slice_starts(line, GP_S(".\r\n")))
            return i;
    }
    return text.len;
}

static int read_message(struct gp__sendmail *mail)
{
    if (gp__submit_read(&mail->content, stdin) < 0) {
        fprintf(stderr, "sendmail: standard input: %s\n", strerror(errno));
        return EX_IOERR;
    }
    if (!mail->dots)
        mail->content.len = end_of(gp__buf_slice(&mail->content));
    return 0;
}

/* ---- what became of it ---- */

static int code_of(const struct gp__reply *reply)
{
    if (reply->code < 400)
        return EX_OK;
    if (reply->code < 500)
        return EX_TEMPFAIL;
    if (reply->klass == 5 && reply->subject == 1)
        return EX_NOUSER;
    return reply->subject == 7 ? EX_NOPERM : EX_UNAVAILABLE;
}

/* What can't be mended by waiting is worse. */
static void outcome(void *arg, size_t i, const struct gp__smtp_outcome *outcome)
{
    struct gp__sendmail *mail = arg;
    int code = code_of(&outcome->reply);

    if (code == EX_OK)
        return;
    fprintf(stderr, "sendmail: " GP_FMT ": " GP_FMT "\n", GP_ARG(mail->to[i].address),
            GP_ARG(gp__reply_format(mail->arena, &outcome->reply)));
    if (mail->code == EX_OK || mail->code == EX_TEMPFAIL)
        mail->code = code;
}

static int submit(struct gp__sendmail *mail)
{
    struct gp__submit s = {
        .command = "sendmail",
        .dial = {.server = mail->server,
                 .verbose = mail->verbose,
                 .settings = {.hostname = gp_slice_of(mail->helo)}},
        .content = gp__buf_slice(&mail->content),
        .mail = {.sender = mail->from,
                 .recipients = mail->to,
                 .n_recipients = mail->n_to,
                 .eight_bit = mail->eight_bit,
                 .ret = mail->ret},
        .outcome = outcome,
        .arg = mail,
    };

    if (mail->envid)
        s.mail.envid = xtext(mail->arena, gp_slice_of(mail->envid));
    if (gp__submit_look_at(&s) < 0)
        return EX_DATAERR;
    if (gp__submit(&s) < 0)
        return EX_OSERR;
    if (s.result == GP__SUBMIT_SENT)
        return mail->code;
    fputs("sendmail: the message was not sent\n", stderr);
    return s.result == GP__SUBMIT_LATER ? EX_TEMPFAIL : EX_UNAVAILABLE;
}

int gp__sendmail_message(struct gp__sendmail *mail, int argc, char **argv)
{
    int code = set_sender(mail);

    if (code == 0)
        code = add_arguments(mail, argc, argv);
    if (code == 0)
        code = read_message(mail);
    if (code == 0)
        code = gp__sendmail_header(mail);
    if (code == 0 && mail->n_to == 0) {
        fputs(mail->from_header ? "sendmail: there is no recipient in To, Cc or Bcc\n"
                                : "sendmail: no recipient is given; with -t the header says\n",
              stderr);
        code = mail->from_header ? EX_DATAERR : EX_USAGE;
    }
    if (code == 0) {
        gp__submit_default_helo(mail->helo);
        return submit(mail);
    }
    fputs("sendmail: the message was not sent\n", stderr);
    return code;
}
