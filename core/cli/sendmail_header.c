// SPDX-License-Identifier: Apache-2.0
/* The header of the message: recipients that stand in it, what it lacks, what must not leave. */
#include "core/cli/sendmail.h"

#include "core/base/ascii.h"
#include "core/base/date.h"
#include "core/message/address_list.h"
#include "core/message/encoded_word.h"
#include "core/message/header.h"
#include "core/message/value.h"
#include "core/base/utf8.h"

#include <pwd.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

/* What is found while the header is copied. */
struct header {
    struct gp__sendmail *mail;
    struct gp__buf out;
    bool from, date, id, resent;
};

/* ---- lines ---- */

static size_t line_length(struct gp_slice text)
{
    size_t lf = gp_slice_find(text, '\n');

    return lf < text.len ? lf + 1 : lf;
}

static bool is_empty(struct gp_slice line)
{
    return gp_slice_eq(line, GP_S("\n")) || gp_slice_eq(line, GP_S("\r\n"));
}

/* Whether a line begins a field; then its name. */
static bool begins_field(struct gp_slice line, struct gp_slice *name_r)
{
    struct gp_slice name = gp_slice_sub(line, 0, gp_slice_find(line, ':'));

    while (name.len && gp__is_wsp(name.data[name.len - 1]))
        name.len--;
    *name_r = name;
    return name.len < line.len && gp__header_name_valid(name);
}

/* The field at the start with its folded lines. */
static struct gp_slice field_at(struct gp_slice text)
{
    size_t n = line_length(text);

    while (n < text.len && gp__is_wsp(text.data[n]))
        n += line_length(gp_slice_sub(text, n, text.len));
    return gp_slice_sub(text, 0, n);
}

/* ---- recipients ---- */

static bool is_any(struct gp_slice name, const char *const *names)
{
    for (; *names; names++)
        if (gp_slice_caseeq(name, gp_slice_of(*names)))
            return true;
    return false;
}

static const char *const to_names[] = {"To", "Cc", "Bcc", NULL};
static const char *const resent_names[] = {"Resent-To", "Resent-Cc", "Resent-Bcc", NULL};
static const char *const secret_names[] = {"Bcc", "Resent-Bcc", NULL};

/* Up to the next comma that is not part of a quoted string or a comment. */
static struct gp_slice next_entry(struct gp_slice *rest)
{
    size_t i = 0;
    struct gp_slice entry;

    while (i < rest->len && rest->data[i] != ',') {
        struct gp_slice at = gp_slice_sub(*rest, i, rest->len);
        size_t n = gp__value_quoted(at);

        n = n ? n : gp__value_comment(at);
        i += n ? n : 1;
    }
    entry = gp_slice_sub(*rest, 0, i);
    *rest = i < rest->len ? gp_slice_sub(*rest, i + 1, rest->len) : gp_slice(NULL, 0);
    return entry;
}

/* The name of somebody on this host: "root". */
static bool is_bare(struct gp_slice name)
{
    for (size_t i = 0; i < name.len; i++)
        if (!gp__is_atext(name.data[i]) && name.data[i] != '.')
            return false;
    return name.len > 0;
}

static int add_list(struct gp__sendmail *mail, const struct gp__address_list *list)
{
    int code = 0;

    for (size_t i = 0; i < list->count && code == 0; i++)
        code = gp__sendmail_add(mail, list->items[i].address);
    return code;
}

/* A list in which some entry is no mailbox: names without a domain are good here, nothing else. */
static int add_each(struct gp__sendmail *mail, struct gp_slice rest)
{
    struct gp__address_list list;
    int code = 0;

    while (gp_slice_present(rest) && code == 0) {
        struct gp_slice entry = gp_slice_trim(next_entry(&rest));

        gp__address_list_parse(mail->arena, entry, &list);
        if (is_bare(entry)) {
            code = gp__sendmail_add(mail, entry);
        } else if (list.malformed || list.too_many) {
            fprintf(stderr, "sendmail: \"" GP_FMT "\" is no address\n", GP_ARG(entry));
            code = EX_DATAERR;
        } else {
            code = add_list(mail, &list);
        }
    }
    return code;
}

static int add_all(struct gp__sendmail *mail, struct gp_slice value)
{
    struct gp__address_list list;

    value = gp__value_unfold(mail->arena, value);
    gp__address_list_parse(mail->arena, value, &list);
    return list.malformed || list.too_many ? add_each(mail, value) : add_list(mail, &list);
}

/* Whether the message is sent on by somebody: then only the Resent fields say to whom. */
static bool is_resent(struct gp_slice text)
{
    struct gp_slice name;

    for (; text.len && !is_empty(gp_slice_sub(text, 0, line_length(text)));
         text = gp_slice_sub(text, field_at(text).len, text.len))
        if (begins_field(text, &name) && is_any(name, resent_names))
            return true;
    return false;
}

/* ---- fields ---- */

static void add(struct header *h, const char *name, struct gp_slice value)
{
    struct gp_slice field;

    if (gp__header_render(h->mail->arena, gp_slice_of(name), value, &field) == 0)
        (void)gp__buf_append(&h->out, field); /* without a limit; memory is asked for below */
}

static struct gp_slice display_name(struct gp__sendmail *mail)
{
    const struct passwd *user = getpwuid(getuid());
    struct gp_slice name = gp_slice_of(mail->full_name);

    if (name.len == 0 && user && user->pw_gecos)
        name = gp_slice(user->pw_gecos, strcspn(user->pw_gecos, ","));
    if (name.len == 0)
        return name;
    return gp__ascii_only(name) ? gp__value_quote(mail->arena, name)
                                : gp__encoded_word_encode(mail->arena, name);
}

static struct gp_slice from_value(struct gp__sendmail *mail)
{
    struct gp_slice name = display_name(mail), address = mail->from;

    if (address.len == 0)
        address = gp__arena_printf(mail->arena, "MAILER-DAEMON@%s", mail->domain);
    return GP__ARENA_JOIN(mail->arena, name, name.len ? GP_S(" <") : GP_S("<"), address, GP_S(">"));
}

static void complete(struct header *h)
{
    struct gp__sendmail *mail = h->mail;
    time_t now = time(NULL);
    char date[48];

    if (!h->from)
        add(h, "From", from_value(mail));
    if (!h->date)
        add(h, "Date", gp__date_rfc5322(now, date));
    if (!h->id)
        add(h, "Message-ID",
            gp__arena_printf(mail->arena, "<%lld.%ld.%x@%s>", (long long)now, (long)getpid(),
                             (unsigned)getuid(), mail->domain));
}

/* A CR alone would leave as the end of a line, and what follows it as a field that nobody looked at. */
static struct gp_slice without_stray_cr(struct gp__arena *arena, struct gp_slice field)
{
    char *bytes;

    if (gp_slice_find(field, '\r') == field.len)
        return field;
    bytes = gp__arena_bytes(arena, field.len);
    for (size_t i = 0; i < field.len; i++) {
        bool stray = field.data[i] == '\r' && (i + 1 == field.len || field.data[i + 1] != '\n');

        bytes[i] = stray ? ' ' : field.data[i];
    }
    return gp_slice(bytes, field.len);
}

static int take_field(struct header *h, struct gp_slice name, struct gp_slice field)
{
    struct gp_slice value = gp_slice_sub(field, gp_slice_find(field, ':') + 1, field.len);

    h->from |= gp_slice_caseeq(name, GP_S("From"));
    h->date |= gp_slice_caseeq(name, GP_S("Date"));
    h->id |= gp_slice_caseeq(name, GP_S("Message-ID"));
    if (h->mail->from_header && is_any(name, h->resent ? resent_names : to_names)) {
        int code = add_all(h->mail, value);

        if (code)
            return code;
    }
    if (h->mail->from_header && is_any(name, secret_names))
        return 0;
    (void)gp__buf_append(&h->out, field);
    return 0;
}

/* An mbox's "From " line is no field, and in front of the header nothing else. */
static struct gp_slice skip_mbox_line(struct gp_slice text)
{
    return gp_slice_starts(text, GP_S("From ")) ? gp_slice_sub(text, line_length(text), text.len)
                                                : text;
}

int gp__sendmail_header(struct gp__sendmail *mail)
{
    struct gp_slice text = skip_mbox_line(gp__buf_slice(&mail->content)), name;
    struct header h = {.mail = mail, .resent = mail->from_header && is_resent(text)};
    int code = 0;

    while (code == 0 && begins_field(gp_slice_sub(text, 0, line_length(text)), &name)) {
        struct gp_slice field = field_at(text);

        code = take_field(&h, name, without_stray_cr(mail->arena, field));
        text = gp_slice_sub(text, field.len, text.len);
    }
    complete(&h);
    if (!is_empty(gp_slice_sub(text, 0, line_length(text))))
        (void)gp__buf_append(&h.out, GP_S("\r\n")); /* a body that began without an empty line */
    if (gp__buf_append(&h.out, text) < 0 && code == 0) {
        fputs("sendmail: no memory for the message\n", stderr);
        code = EX_OSERR;
    }
    gp__buf_free(&mail->content);
    mail->content = h.out;
    return code;
}
