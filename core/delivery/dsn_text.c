// SPDX-License-Identifier: Apache-2.0
/* The part for people: the built-in templates, and the values that are put into a template. */
#include "core/delivery/dsn_writing.h"

#include "core/base/ascii.h"
#include "core/message/encoded_word.h"
#include "core/message/value.h"

#define ADDRESS_MAX_BYTES 400
#define SUBJECT_MAX_BYTES 120
#define ANSWER_MAX_BYTES 1000
#define COLUMN_MAX 72

#define LITERAL(text)                                                                              \
    {                                                                                              \
        "" text, sizeof(text) - 1                                                                  \
    }
#define SIGNATURE                                                                                  \
    "\n\nYour message came in at {arrival} and is known here as {id}.\n\n"                         \
    "-- \nThe mail system at {hostname}"
#define TEMPLATE(subject_, text_)                                                                  \
    {                                                                                              \
        .language = LITERAL("en"), .from = LITERAL("Mail Delivery System"),                        \
        .subject = LITERAL(subject_), .text = LITERAL(text_ SIGNATURE)                             \
    }

static const struct gp__dsn_template built_in[GP__DSN_ACTION_COUNT] = {
    [GP__DSN_FAILED] = TEMPLATE(
        "Your message was not delivered",
        "Your message could not be delivered to:\n\n{recipients}\n\n"
        "It will not be tried again. The lines below an address say why: who answered,\n"
        "and what. If that does not help, ask the postmaster of the recipient's domain."),
    [GP__DSN_DELAYED] = TEMPLATE("Your message is delayed",
                                 "THIS IS A WARNING ONLY. You need not send your message again.\n\n"
                                 "It has not been delivered yet to:\n\n{recipients}\n\n"
                                 "It will be tried until {retry_until}."),
    [GP__DSN_DELIVERED] = TEMPLATE("Your message was delivered",
                                   "As you asked to be told: your message was delivered to:\n\n"
                                   "{recipients}"),
    [GP__DSN_RELAYED] = TEMPLATE("Your message was passed on",
                                 "Your message was passed on to a mail system that does not tell\n"
                                 "about deliveries, for:\n\n{recipients}"),
    [GP__DSN_EXPANDED] = TEMPLATE("Your message was delivered to a list",
                                  "Your message was passed on to the members of:\n\n{recipients}"),
};

const struct gp__dsn_template *gp__dsn_template_built_in(enum gp__dsn_action kind)
{
    return &built_in[kind];
}

const struct gp__dsn_template *gp__dsn_template(const struct gp__dsn *dsn)
{
    return dsn->text ? dsn->text : &built_in[dsn->kind];
}

/* ---- paragraphs of recipients ---- */

/* Words of a text in lines that begin with so many blanks. */
static void wrap(struct gp__dsn_writing *w, struct gp__buf *out, struct gp_slice text,
                 size_t indent)
{
    size_t column = COLUMN_MAX + 1;

    while (gp_slice_present(text)) {
        struct gp_slice word = gp_slice_split(&text, ' ');

        if (column + 1 + word.len > COLUMN_MAX) {
            gp__dsn_add(w, out, GP_S("\n"));
            gp__dsn_add(w, out, gp_slice_sub(GP_S("          "), 0, indent));
            column = indent;
        } else {
            gp__dsn_add(w, out, GP_S(" "));
            column++;
        }
        gp__dsn_add(w, out, word);
        column += word.len;
    }
}

/* The address that the sender knows: what it gave. */
static struct gp_slice given(const struct gp__dsn_recipient *recipient)
{
    struct gp_slice address = recipient->orcpt, type = gp_slice_split(&address, ';');
    bool readable = gp_slice_caseeq(type, GP_S("rfc822")) || gp_slice_caseeq(type, GP_S("utf-8"));

    return readable && address.len ? address : recipient->final;
}

static void paragraph(struct gp__dsn_writing *w, struct gp__buf *out,
                      const struct gp__dsn_recipient *recipient)
{
    struct gp_slice address = gp__dsn_clean(w->arena, given(recipient), ADDRESS_MAX_BYTES,
                                            GP__DSN_UTF8);
    struct gp_slice answer = gp__reply_format(w->arena, &recipient->reply);

    if (out->len)
        gp__dsn_add(w, out, GP_S("\n\n"));
    gp__dsn_add(w, out, GP_S("  "));
    gp__dsn_add(w, out, address);
    if (!recipient->reply.code)
        return;
    if (recipient->remote.len)
        answer = GP__ARENA_JOIN(w->arena, recipient->remote, GP_S(": "), answer);
    wrap(w, out, gp__dsn_clean(w->arena, answer, ANSWER_MAX_BYTES, GP__DSN_UTF8), 6);
}

static struct gp_slice paragraphs(struct gp__dsn_writing *w)
{
    struct gp__buf out = {.limit = 0};
    struct gp_slice text;

    for (size_t i = 0; i < w->dsn->n_recipients; i++)
        paragraph(w, &out, &w->dsn->recipients[i]);
    text = gp__arena_dup(w->arena, gp__buf_slice(&out));
    gp__buf_free(&out);
    return text;
}

/* ---- values ---- */

static int64_t latest_retry(const struct gp__dsn *dsn)
{
    int64_t latest = 0;

    for (size_t i = 0; i < dsn->n_recipients; i++)
        if (dsn->recipients[i].retry_until_ms > latest)
            latest = dsn->recipients[i].retry_until_ms;
    return latest;
}

static struct gp_slice or_dash(struct gp_slice value)
{
    return value.len ? value : GP_S("-");
}

static void values_of(struct gp__dsn_writing *w, struct gp_slice values[GP__DSN_VALUE_COUNT])
{
    const struct gp__dsn *dsn = w->dsn;
    struct gp_slice subject = gp__encoded_word_decode(
        w->arena, gp__value_unfold(w->arena, gp__value_in_section(w->header, GP_S("Subject"), 0)));

    values[GP__DSN_VALUE_HOSTNAME] = dsn->hostname;
    values[GP__DSN_VALUE_ID] = dsn->original_id;
    values[GP__DSN_VALUE_SENDER] = dsn->to;
    values[GP__DSN_VALUE_SUBJECT] = subject;
    values[GP__DSN_VALUE_ARRIVAL] = gp__dsn_date(w, dsn->arrival_ms);
    values[GP__DSN_VALUE_RETRY_UNTIL] = gp__dsn_date(w, latest_retry(dsn));
    for (unsigned i = 0; i < GP__DSN_VALUE_RECIPIENTS; i++)
        values[i] = or_dash(gp__dsn_clean(
            w->arena, values[i], i == GP__DSN_VALUE_SUBJECT ? SUBJECT_MAX_BYTES : ADDRESS_MAX_BYTES,
            GP__DSN_UTF8));
    values[GP__DSN_VALUE_RECIPIENTS] = paragraphs(w);
}

static struct gp_slice fill(struct gp__dsn_writing *w, struct gp_slice text)
{
    struct gp_slice values[GP__DSN_VALUE_COUNT], result;
    struct gp__buf out = {.limit = 0};

    values_of(w, values);
    if (gp__dsn_template_fill(&out, text, values) < 0)
        w->failed = true;
    result = gp__arena_dup(w->arena, gp__buf_slice(&out));
    gp__buf_free(&out);
    return result;
}

static struct gp_slice with_crlf(struct gp__arena *arena, struct gp_slice text)
{
    char *out = gp__arena_bytes(arena, text.len * 2 + 2), *to = out;

    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] == '\n')
            *to++ = '\r';
        *to++ = text.data[i];
    }
    to = (char *)memcpy(to, "\r\n", 2) + 2;
    return gp_slice(out, (size_t)(to - out));
}

struct gp_slice gp__dsn_text(struct gp__dsn_writing *w)
{
    return with_crlf(w->arena, fill(w, gp__dsn_template(w->dsn)->text));
}

struct gp_slice gp__dsn_subject(struct gp__dsn_writing *w)
{
    return fill(w, gp__dsn_template(w->dsn)->subject);
}
