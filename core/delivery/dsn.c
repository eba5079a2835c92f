// SPDX-License-Identifier: Apache-2.0
/* The message as a whole: its header, and the three parts of a multipart/report (RFC 6522 3). */
#include "core/delivery/dsn.h"

#include "core/base/ascii.h"
#include "core/base/codec.h"
#include "core/base/date.h"
#include "core/base/hash.h"
#include "core/base/utf8.h"
#include "core/delivery/dsn_writing.h"
#include "core/message/encoded_word.h"
#include "core/message/header.h"
#include "core/message/value.h"

#define HEADER_MAX 65536 /* of the original's header; the rest is not given back */
#define NAME_MAX_BYTES 255
#define ADDRESS_MAX_BYTES 400
#define MESSAGE_ID_MAX_BYTES 250

/* ---- what all parts need ---- */

void gp__dsn_add(struct gp__dsn_writing *w, struct gp__buf *out, struct gp_slice bytes)
{
    if (gp__buf_append(out, bytes) < 0)
        w->failed = true;
}

void gp__dsn_field(struct gp__dsn_writing *w, struct gp__buf *out, const char *name,
                   struct gp_slice value)
{
    struct gp_slice field;

    if (!gp_slice_present(value))
        return;
    if (gp__header_render(w->arena, gp_slice_of(name), value, &field) < 0)
        w->failed = true;
    else
        gp__dsn_add(w, out, field);
}

struct gp_slice gp__dsn_date(struct gp__dsn_writing *w, int64_t unix_ms)
{
    char date[48];

    return unix_ms ? gp__arena_dup(w->arena, gp__date_rfc5322(unix_ms / 1000, date))
                   : gp_slice(NULL, 0);
}

/* ---- the original ---- */

/* The first bytes of the content, at most max of them, in one piece. */
static struct gp_slice content_start(struct gp__dsn_writing *w, size_t max)
{
    struct gp__buf joined = {.limit = 0};
    struct gp_slice start;

    for (size_t i = 0; i < w->dsn->n_content && joined.len < max; i++)
        gp__dsn_add(w, &joined, gp_slice_sub(w->dsn->content[i], 0, max - joined.len));
    start = gp__arena_dup(w->arena, gp__buf_slice(&joined));
    gp__buf_free(&joined);
    return start;
}

/* Whole fields only: what follows the last line that begins one is cut off. */
static struct gp_slice whole_fields(struct gp_slice start)
{
    for (size_t i = start.len; i > 1; i--)
        if (start.data[i - 1] == '\n' && i < start.len && !gp__is_wsp(start.data[i]))
            return gp_slice_sub(start, 0, i);
    return GP_S("");
}

static struct gp_slice header_of(struct gp__dsn_writing *w)
{
    struct gp_slice start = content_start(w, HEADER_MAX);
    size_t end = gp_slice_search(start, GP_S("\r\n\r\n"));

    if (gp_slice_starts(start, GP_S("\r\n")))
        return GP_S("");
    if (end < start.len)
        return gp_slice_sub(start, 0, end + 2);
    return start.len < HEADER_MAX && gp_slice_ends(start, GP_S("\r\n")) ? start
                                                                        : whole_fields(start);
}

/* Only who asked for it, and only after a failure, gets back more than the header (RFC 3461 4.3). */
static bool returns_all(const struct gp__dsn *dsn)
{
    uint64_t size = 0;

    for (size_t i = 0; i < dsn->n_content; i++)
        size += dsn->content[i].len;
    return dsn->kind == GP__DSN_FAILED && dsn->ret == GP__RET_FULL && size <= dsn->return_max;
}

static bool has_utf8(const struct gp__dsn_writing *w)
{
    const struct gp__dsn *dsn = w->dsn;

    for (size_t i = 0; i < dsn->n_recipients; i++)
        if (!gp__ascii_only(dsn->recipients[i].final) || !gp__ascii_only(dsn->recipients[i].orcpt))
            return true;
    return !gp__ascii_only(dsn->to) || !gp__ascii_only(w->header);
}

/* ---- the header ---- */

static struct gp_slice angle(struct gp__arena *arena, struct gp_slice address)
{
    return GP__ARENA_JOIN(arena, GP_S("<"), address, GP_S(">"));
}

static struct gp_slice from(struct gp__dsn_writing *w)
{
    const struct gp__dsn *dsn = w->dsn;
    struct gp_slice name = gp__dsn_template(dsn)->from;
    struct gp_slice host = gp__dsn_clean(w->arena, dsn->hostname, NAME_MAX_BYTES, GP__DSN_UTF8);
    struct gp_slice address = dsn->from.len
                                  ? gp__dsn_clean(w->arena, dsn->from, ADDRESS_MAX_BYTES,
                                                  GP__DSN_UTF8)
                                  : GP__ARENA_JOIN(w->arena, GP_S("MAILER-DAEMON@"), host);

    name = gp__ascii_only(name) ? gp__value_quote(w->arena, name)
                                : gp__encoded_word_encode(w->arena, name);
    return GP__ARENA_JOIN(w->arena, name, GP_S(" "), angle(w->arena, address));
}

static struct gp_slice subject(struct gp__dsn_writing *w)
{
    struct gp_slice text = gp__dsn_subject(w);

    return gp__ascii_only(text) ? text : gp__encoded_word_encode(w->arena, text);
}

/* The original's Message-ID, if it can stand in our header; absent if not. */
static struct gp_slice original_message_id(struct gp__dsn_writing *w)
{
    struct gp_slice id = gp__value_unfold(w->arena,
                                          gp__value_in_section(w->header, GP_S("Message-ID"), 0));

    if (id.len < 3 || id.len > MESSAGE_ID_MAX_BYTES || id.data[0] != '<' ||
        gp_slice_find(id, '>') != id.len - 1)
        return gp_slice(NULL, 0);
    for (size_t i = 1; i < id.len - 1; i++)
        if (id.data[i] <= ' ' || id.data[i] >= 0x7f || id.data[i] == '<')
            return gp_slice(NULL, 0);
    return id;
}

static void write_header(struct gp__dsn_writing *w, struct gp__buf *out, struct gp_slice boundary)
{
    const struct gp__dsn *dsn = w->dsn;
    struct gp_slice about = original_message_id(w);
    struct gp_slice to = gp__dsn_clean(w->arena, dsn->to, ADDRESS_MAX_BYTES, GP__DSN_UTF8);
    struct gp_slice host = gp__dsn_clean(w->arena, dsn->hostname, NAME_MAX_BYTES, GP__DSN_ASCII);

    gp__dsn_field(w, out, "Date", gp__dsn_date(w, dsn->now_ms));
    gp__dsn_field(w, out, "From", from(w));
    gp__dsn_field(w, out, "To", angle(w->arena, to));
    gp__dsn_field(w, out, "Subject", subject(w));
    gp__dsn_field(w, out, "Message-ID",
                  GP__ARENA_JOIN(w->arena, GP_S("<"), dsn->id, GP_S("@"), host, GP_S(">")));
    gp__dsn_field(w, out, "In-Reply-To", about);
    gp__dsn_field(w, out, "References", about);
    gp__dsn_field(w, out, "Auto-Submitted", GP_S("auto-replied")); /* RFC 3834 5 */
    gp__dsn_field(w, out, "MIME-Version", GP_S("1.0"));
    gp__dsn_field(w, out, "Content-Type",
                  GP__ARENA_JOIN(w->arena,
                                 GP_S("multipart/report; report-type=delivery-status;"
                                      "\r\n\tboundary=\""),
                                 boundary, GP_S("\"")));
}

/* ---- parts ---- */

struct part {
    const char *type;
    const char *encoding; /* NULL: 7bit */
    struct gp_slice language;
    struct gp_slice content;
    struct gp__buf bytes; /* what content is a part of, if it is its own */
};

enum { PART_TEXT = 0, PART_STATUS, PART_ORIGINAL, PART_COUNT };

static void write_part(struct gp__dsn_writing *w, struct gp__buf *out, const struct part *part,
                       struct gp_slice boundary)
{
    gp__dsn_add(w, out, GP_S("\r\n--"));
    gp__dsn_add(w, out, boundary);
    gp__dsn_add(w, out, GP_S("\r\n"));
    gp__dsn_field(w, out, "Content-Type", gp_slice_of(part->type));
    gp__dsn_field(w, out, "Content-Language", part->language);
    gp__dsn_field(w, out, "Content-Transfer-Encoding", gp_slice_of(part->encoding));
    gp__dsn_add(w, out, GP_S("\r\n"));
    gp__dsn_add(w, out, part->content);
}

static void make_text(struct gp__dsn_writing *w, struct part *part)
{
    struct gp_slice text = gp__dsn_text(w);

    *part = (struct part){.type = "text/plain; charset=us-ascii",
                          .language = gp__dsn_template(w->dsn)->language,
                          .content = text};
    if (gp__ascii_only(text))
        return;
    part->type = "text/plain; charset=utf-8";
    part->encoding = "quoted-printable";
    part->content = gp__qp_encode(w->arena, text);
}

static const char *eight_bit(struct gp_slice content)
{
    return gp__ascii_only(content) ? NULL : "8bit";
}

static void make_status(struct gp__dsn_writing *w, struct part *part)
{
    *part = (struct part){.type = w->charset == GP__DSN_UTF8 ? "message/global-delivery-status"
                                                             : "message/delivery-status"};
    gp__dsn_status(w, &part->bytes);
    part->content = gp__buf_slice(&part->bytes);
    part->encoding = eight_bit(part->content);
}

static void make_original(struct gp__dsn_writing *w, struct part *part)
{
    bool global = w->charset == GP__DSN_UTF8;

    *part = (struct part){.type = global ? "message/global-headers" : "text/rfc822-headers",
                          .content = w->header};
    if (returns_all(w->dsn)) {
        part->type = global ? "message/global" : "message/rfc822";
        for (size_t i = 0; i < w->dsn->n_content; i++)
            gp__dsn_add(w, &part->bytes, w->dsn->content[i]);
        part->content = gp__buf_slice(&part->bytes);
    }
    part->encoding = eight_bit(part->content);
}

/* ---- all of it ---- */

#define BOUNDARY_TRIES 16

/*
 * A boundary that no part has in it: the original is its sender's choice, who may know our ids. It
 * comes from a hash whose key is the process's, so it can't be foreseen; and it's looked for.
 */
static struct gp_slice make_boundary(struct gp__dsn_writing *w, const struct part *parts)
{
    struct gp_slice seed = w->dsn->id, boundary;

    for (unsigned i = 0; i < BOUNDARY_TRIES; i++) {
        bool taken = false;

        seed = gp__arena_printf(w->arena, "%016llx", (unsigned long long)gp__hash(seed));
        boundary = GP__ARENA_JOIN(w->arena, GP_S("=_gatepost_"), seed);
        for (size_t n = 0; n < PART_COUNT && !taken; n++)
            taken = gp_slice_search(parts[n].content, boundary) < parts[n].content.len;
        if (!taken)
            return boundary;
    }
    w->failed = true;
    return GP_S("");
}

static void write_all(struct gp__dsn_writing *w, struct gp__buf *out, const struct part *parts)
{
    struct gp_slice boundary = make_boundary(w, parts);

    write_header(w, out, boundary);
    for (size_t i = 0; i < PART_COUNT; i++)
        write_part(w, out, &parts[i], boundary);
    gp__dsn_add(w, out, GP_S("\r\n--"));
    gp__dsn_add(w, out, boundary);
    gp__dsn_add(w, out, GP_S("--\r\n"));
}

int gp__dsn_write(const struct gp__dsn *dsn, struct gp__buf *out, struct gp__dsn_needs *needs_r)
{
    struct gp__dsn_writing w = {.dsn = dsn, .arena = gp__arena_create()};
    struct part parts[PART_COUNT];

    w.header = header_of(&w);
    w.charset = dsn->smtputf8 && has_utf8(&w) ? GP__DSN_UTF8 : GP__DSN_ASCII;
    make_text(&w, &parts[PART_TEXT]);
    make_status(&w, &parts[PART_STATUS]);
    make_original(&w, &parts[PART_ORIGINAL]);
    write_all(&w, out, parts);
    *needs_r = (struct gp__dsn_needs){
        .eight_bit = parts[PART_STATUS].encoding || parts[PART_ORIGINAL].encoding,
        .smtputf8 = !gp__ascii_only(dsn->to) || !gp__ascii_only(dsn->from) ||
                    !gp__ascii_only(dsn->hostname),
    };
    for (size_t i = 0; i < PART_COUNT; i++)
        gp__buf_free(&parts[i].bytes);
    gp__arena_free(&w.arena);
    return w.failed ? -1 : 0;
}
