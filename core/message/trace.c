// SPDX-License-Identifier: Apache-2.0
/* Trace fields. Each clause is one line of the folded value. */
#include "core/message/trace.h"

#include "core/base/ascii.h"
#include "core/base/date.h"
#include "core/base/domain.h"
#include "core/base/utf8.h"
#include "core/message/value.h"

#define COMMENT_MAX 255 /* bytes of a peer's text in a comment */

/* ---- what a peer's text may be ---- */

static bool is_domain(struct gp_slice s, bool utf8)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.data[i];

        if (!gp__is_alnum(c) && c != '-' && c != '.' && c != '_' && !(utf8 && gp__is_8bit(c)))
            return false;
    }
    return s.len > 0 && s.len <= COMMENT_MAX && gp__utf8_valid(s);
}

/* RFC 5321 4.1.3. */
static bool is_literal(struct gp_slice s)
{
    if (s.len < 3 || s.len > COMMENT_MAX || s.data[0] != '[' || s.data[s.len - 1] != ']')
        return false;
    for (size_t i = 1; i < s.len - 1; i++)
        if (!gp__is_alnum(s.data[i]) && s.data[i] != ':' && s.data[i] != '.' && s.data[i] != '-')
            return false;
    return true;
}

/* Where the local part of a mailbox ends: at its "@", or at the end. */
static size_t local_length(struct gp_slice address)
{
    size_t quoted = gp__value_quoted(address);

    return quoted ? quoted : gp_slice_find(address, '@');
}

/* A mailbox that can stand in angle brackets without further quoting. */
static bool is_mailbox(struct gp_slice address, bool utf8)
{
    size_t at = local_length(address);
    struct gp_slice local = gp_slice_sub(address, 0, at);
    struct gp_slice domain = gp_slice_sub(address, at + 1, address.len);
    bool quoted = gp__value_quoted(local) > 0;

    for (size_t i = 0; i < local.len; i++) {
        char c = local.data[i];

        if (gp__is_control(c) || (gp__is_8bit(c) && !utf8) ||
            (!quoted && !gp__is_atext(c) && c != '.' && !gp__is_8bit(c)))
            return false;
    }
    if (local.len == 0 || !gp__utf8_valid(local))
        return false;
    if (at == address.len)
        return true; /* the bare postmaster */
    return address.data[at] == '@' && (is_domain(domain, utf8) || is_literal(domain));
}

/* The text inside a comment: brackets and backslashes escaped, everything odd a "?". */
static struct gp_slice comment_text(struct gp__arena *arena, struct gp_slice text)
{
    char *out, *to;

    text = gp_slice_sub(text, 0, COMMENT_MAX);
    out = to = gp__arena_bytes(arena, text.len * 2 + 1);
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];

        if (c == '(' || c == ')' || c == '\\')
            *to++ = '\\';
        *to++ = c >= ' ' && c < 0x7f ? c : '?';
    }
    return gp_slice(out, (size_t)(to - out));
}

/* ---- Received ---- */

struct gp_slice gp__trace_with(unsigned flags)
{
    /* [UTF8][LMTP or extended][TLS + AUTH]; RFC 3848: TLS and AUTH are of ESMTP and LMTP only. */
    static const char *const names[2][3][4] = {
        {{"SMTP", "ESMTPS", "ESMTPA", "ESMTPSA"},
         {"ESMTP", "ESMTPS", "ESMTPA", "ESMTPSA"},
         {"LMTP", "LMTPS", "LMTPA", "LMTPSA"}},
        {{"UTF8SMTP", "UTF8SMTPS", "UTF8SMTPA", "UTF8SMTPSA"},
         {"UTF8SMTP", "UTF8SMTPS", "UTF8SMTPA", "UTF8SMTPSA"},
         {"UTF8LMTP", "UTF8LMTPS", "UTF8LMTPA", "UTF8LMTPSA"}},
    };
    size_t protocol = flags & GP__TRACE_LMTP ? 2 : flags & GP__TRACE_EXTENDED ? 1 : 0;
    size_t security = (flags & GP__TRACE_TLS ? 1 : 0) + (flags & GP__TRACE_AUTH ? 2 : 0);

    return gp_slice_of(names[flags & GP__TRACE_UTF8 ? 1 : 0][protocol][security]);
}

/* "[192.0.2.1]", "[IPv6:2001:db8::1]"; empty for a UNIX socket. */
static struct gp_slice literal(struct gp__arena *arena, const struct gp__ip *ip)
{
    char text[48];
    struct gp_slice s = gp__ip_format(ip, text);

    if (ip->family == 0)
        return GP_S("");
    return GP__ARENA_JOIN(arena, ip->family == 6 ? GP_S("[IPv6:") : GP_S("["), s, GP_S("]"));
}

/* "from helo (rdns [ip])"; a HELO that is no name stands in the comment instead. */
static struct gp_slice from_clause(struct gp__arena *arena, const struct gp__trace *trace)
{
    bool utf8 = trace->flags & GP__TRACE_UTF8;
    bool named = is_domain(trace->helo, utf8) || is_literal(trace->helo);
    struct gp_slice ip = literal(arena, &trace->client), rdns = GP_S(""), said = GP_S("");

    if (trace->flags & GP__TRACE_HIDE_CLIENT)
        return GP_S("");
    if (is_domain(trace->rdns, utf8))
        rdns = GP__ARENA_JOIN(arena, trace->rdns, GP_S(" "));
    if (!named && trace->helo.len > 0)
        said = GP__ARENA_JOIN(arena, GP_S(" helo="), comment_text(arena, trace->helo));
    if (ip.len == 0 && !named)
        return GP_S("");
    if (ip.len == 0)
        return GP__ARENA_JOIN(arena, GP_S("from "), trace->helo, GP_S("\r\n\t"));
    return GP__ARENA_JOIN(arena, GP_S("from "), named ? trace->helo : ip, GP_S(" ("), rdns, ip,
                          said, GP_S(")\r\n\t"));
}

static struct gp_slice id_clause(struct gp__arena *arena, struct gp_slice id)
{
    for (size_t i = 0; i < id.len; i++)
        if (!gp__is_atext(id.data[i]) && id.data[i] != '.')
            return GP_S("");
    return id.len ? GP__ARENA_JOIN(arena, GP_S(" id "), id) : id;
}

static struct gp_slice tls_comment(struct gp__arena *arena, const struct gp__trace *trace)
{
    if (trace->tls_version.len == 0)
        return GP_S("");
    return GP__ARENA_JOIN(arena, GP_S("\r\n\t("), comment_text(arena, trace->tls_version),
                          GP_S(" "), comment_text(arena, trace->tls_cipher), GP_S(")"));
}

struct gp_slice gp__trace_received(struct gp__arena *arena, const struct gp__trace *trace)
{
    bool utf8 = trace->flags & GP__TRACE_UTF8;
    struct gp_slice to = GP_S("");
    char date[48];

    if (is_mailbox(trace->recipient, utf8))
        to = GP__ARENA_JOIN(arena, GP_S("\r\n\tfor <"), trace->recipient, GP_S(">"));
    return GP__ARENA_JOIN(arena, from_clause(arena, trace), GP_S("by "),
                          is_domain(trace->hostname, true) ? trace->hostname : GP_S("localhost"),
                          GP_S(" (Gatepost) with "), gp__trace_with(trace->flags),
                          id_clause(arena, trace->id), tls_comment(arena, trace), to,
                          GP_S(";\r\n\t"), gp__date_rfc5322(trace->unix_s, date));
}

int gp__trace_add_received(struct gp_message *message, struct gp_slice who,
                           const struct gp__trace *trace)
{
    return gp__message_header_insert(message, who, 0, GP_S("Received"),
                                     gp__trace_received(message->arena, trace));
}

/* ---- submission ---- */

void gp__trace_complete(struct gp_message *message, struct gp_slice who,
                        const struct gp__trace *trace)
{
    struct gp__arena *arena = message->arena;
    char date[48];

    if (!gp_header_find(message, GP_S("Date"), 0))
        gp__message_header_insert(message, who, SIZE_MAX, GP_S("Date"),
                                  gp__date_rfc5322(trace->unix_s, date));
    if (!gp_header_find(message, GP_S("Message-ID"), 0))
        gp__message_header_insert(
            message, who, SIZE_MAX, GP_S("Message-ID"),
            GP__ARENA_JOIN(arena, GP_S("<"), trace->id, GP_S("@"), trace->hostname, GP_S(">")));
}

/* ---- final delivery ---- */

struct gp_slice gp__trace_return_path(struct gp__arena *arena, struct gp_slice address)
{
    if (address.len > 0 && !is_mailbox(address, true))
        return gp_slice(NULL, 0);
    return GP__ARENA_JOIN(arena, GP_S("<"), address, GP_S(">"));
}

bool gp__trace_delivered_before(struct gp_message *message, struct gp_slice address)
{
    struct gp_slice key = gp__domain_key(message->arena, address);

    for (size_t i = 0; i < message->header_count; i++) {
        const struct gp_header *header = message->headers[i];
        struct gp_slice value;

        if (!gp_slice_caseeq(gp_header_name(header), GP_S("Delivered-To")))
            continue;
        value = gp_slice_trim(gp_header_raw(header));
        if (gp_slice_starts(value, GP_S("<")) && gp_slice_ends(value, GP_S(">")))
            value = gp_slice_sub(value, 1, value.len - 2);
        if (gp_slice_eq(gp__domain_key(message->arena, value), key))
            return true;
    }
    return false;
}
