// SPDX-License-Identifier: Apache-2.0
/* Authentication-Results: building, reading the id, removing what is forged. */
#include "core/message/authres.h"

#include "core/base/ascii.h"
#include "core/base/buf.h"
#include "core/base/domain.h"
#include "core/base/utf8.h"
#include "core/message/value.h"

#include <stdlib.h>

#define TEXT_MAX 400 /* bytes of what a peer may have chosen; escaped it still fits into a line */

struct gp__authres {
    struct gp__arena *arena;
    struct gp_slice id;
    struct gp__buf results;
};

/* ---- building ---- */

static void free_results(void *arg)
{
    struct gp__authres *authres = arg;

    gp__buf_free(&authres->results);
}

static void add(struct gp__authres *authres, struct gp_slice text)
{
    if (gp__buf_append(&authres->results, text) < 0)
        abort(); /* out of memory: every part is bounded */
}

/* RFC 5321 4.1.2 Keyword. */
static bool is_keyword(struct gp_slice s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!gp__is_alnum(s.data[i]) && s.data[i] != '-')
            return false;
    return s.len > 0 && s.len <= 64 && s.data[s.len - 1] != '-';
}

/* Without controls and broken UTF-8, `specials` behind backslashes. */
static struct gp_slice escape(struct gp__arena *arena, struct gp_slice text, const char *specials)
{
    char *out, *to;
    uint32_t code;
    size_t n;

    text = gp_slice_sub(text, 0, TEXT_MAX);
    out = to = gp__arena_bytes(arena, text.len * 2 + 1);
    for (size_t i = 0; i < text.len; i += n ? n : 1) {
        n = gp__utf8_decode(gp_slice_sub(text, i, 4), &code);
        if (n == 0 || gp__is_control(text.data[i]))
            continue;
        if (strchr(specials, text.data[i]))
            *to++ = '\\';
        memcpy(to, text.data + i, n);
        to += n;
    }
    return gp_slice(out, (size_t)(to - out));
}

static bool is_token_text(struct gp_slice s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!gp__is_token(s.data[i]))
            return false;
    return s.len > 0;
}

/* RFC 8601 2.2 pvalue without quotes: a token, or [local-part] "@" domain-name. */
static bool is_plain(struct gp_slice s)
{
    size_t at = gp_slice_rfind(s, '@');

    if (s.len > TEXT_MAX)
        return false;
    if (at == s.len)
        return is_token_text(s);
    for (size_t i = 0; i < at; i++)
        if (!gp__is_atext(s.data[i]) && s.data[i] != '.')
            return false;
    for (size_t i = at + 1; i < s.len; i++)
        if (!gp__is_alnum(s.data[i]) && s.data[i] != '-' && s.data[i] != '.')
            return false;
    return at + 1 < s.len;
}

static void add_value(struct gp__authres *authres, struct gp_slice value)
{
    if (is_plain(value)) {
        add(authres, value);
        return;
    }
    add(authres, GP_S("\""));
    add(authres, escape(authres->arena, value, "\"\\"));
    add(authres, GP_S("\""));
}

struct gp__authres *gp__authres_create(struct gp__arena *arena, struct gp_slice authserv_id)
{
    struct gp__authres *authres = GP__ARENA_NEW(arena, struct gp__authres);

    authres->arena = arena;
    authres->id = authserv_id;
    gp__arena_cleanup(arena, free_results, authres);
    return authres;
}

bool gp__authres_result(struct gp__authres *authres, struct gp_slice method, struct gp_slice result)
{
    if (!is_keyword(method) || !is_keyword(result))
        return false;
    add(authres, GP_S(";\r\n\t"));
    add(authres, method);
    add(authres, GP_S("="));
    add(authres, result);
    return true;
}

void gp__authres_reason(struct gp__authres *authres, struct gp_slice reason)
{
    if (authres->results.len == 0)
        return;
    add(authres, GP_S(" reason=\""));
    add(authres, escape(authres->arena, reason, "\"\\"));
    add(authres, GP_S("\""));
}

bool gp__authres_property(struct gp__authres *authres, struct gp_slice property,
                          struct gp_slice value)
{
    size_t dot = gp_slice_find(property, '.');

    if (authres->results.len == 0 || !is_keyword(gp_slice_sub(property, 0, dot)) ||
        !is_keyword(gp_slice_sub(property, dot + 1, property.len)))
        return false;
    add(authres, GP_S(" "));
    add(authres, property);
    add(authres, GP_S("="));
    add_value(authres, value);
    return true;
}

struct gp_slice gp__authres_value(struct gp__authres *authres)
{
    struct gp__buf results = authres->results;
    struct gp_slice value;

    authres->results = (struct gp__buf){.len = 0};
    add_value(authres, authres->id);
    add(authres, results.len ? gp__buf_slice(&results) : GP_S("; none"));
    value = gp__arena_dup(authres->arena, gp__buf_slice(&authres->results));
    gp__buf_free(&authres->results);
    authres->results = results;
    return value;
}

/* ---- reading ---- */

/* More than a token is accepted: a lenient reader would take it for our id. */
static size_t id_length(struct gp_slice s)
{
    size_t i = 0;

    while (i < s.len && !gp__is_wsp(s.data[i]) && s.data[i] != ';' && s.data[i] != '(')
        i++;
    return i;
}

struct gp_slice gp__authres_id(struct gp__arena *arena, struct gp_slice raw)
{
    struct gp_slice text = gp__value_unfold(arena, raw);
    size_t quoted;

    text = gp_slice_sub(text, gp__value_cfws(text), text.len);
    quoted = gp__value_quoted(text);
    text = quoted ? gp_slice_trim(gp__value_unquote(arena, gp_slice_sub(text, 0, quoted)))
                  : gp_slice_sub(text, 0, id_length(text));
    return text.len > 0 ? text : gp_slice(NULL, 0);
}

int gp__authres_remove_forged(struct gp_message *message, struct gp_slice who, struct gp_slice id)
{
    int removed = 0;

    for (size_t i = message->header_count; i-- > 0;) {
        const struct gp_header *header = message->headers[i];
        struct gp_slice theirs;
        int result;

        if (!gp_slice_caseeq(gp_header_name(header), GP_S("Authentication-Results")))
            continue;
        theirs = gp__authres_id(message->arena, gp_header_raw(header));
        if (gp_slice_present(theirs) && !gp__domain_alike(message->arena, theirs, id))
            continue;
        result = gp__message_header_remove(message, who, header);
        if (result < 0)
            return result;
        removed++;
    }
    return removed;
}
