// SPDX-License-Identifier: Apache-2.0
/* Reading parameters, putting RFC 2231 ones together, and choosing a file name. */
#include "core/message/param.h"

#include "core/base/ascii.h"
#include "core/message/charset.h"
#include "core/message/encoded_word.h"
#include "core/message/value.h"

#define SECTION_MAX 9999

/* What is left to read. */
struct reader {
    struct gp__arena *arena;
    struct gp_slice rest;
    struct gp__params *params;
    size_t cap;
};

static void skip(struct reader *reader, size_t n)
{
    reader->rest = gp_slice_sub(reader->rest, n, reader->rest.len);
}

static void skip_cfws(struct reader *reader)
{
    skip(reader, gp__value_cfws(reader->rest));
}

static bool at(const struct reader *reader, char c)
{
    return reader->rest.len > 0 && reader->rest.data[0] == c;
}

static struct gp_slice take(struct reader *reader, size_t n)
{
    struct gp_slice taken = gp_slice_sub(reader->rest, 0, n);

    skip(reader, n);
    return taken;
}

static struct gp_slice take_token(struct reader *reader)
{
    size_t n = 0;

    while (n < reader->rest.len &&
           (gp__is_token(reader->rest.data[n]) || gp__is_8bit(reader->rest.data[n])))
        n++;
    return take(reader, n);
}

static struct gp_slice lower(struct gp__arena *arena, struct gp_slice s)
{
    char *out = gp__arena_bytes(arena, s.len + 1);

    for (size_t i = 0; i < s.len; i++)
        out[i] = gp__to_lower(s.data[i]);
    return gp_slice(out, s.len);
}

/* type "/" subtype, or one token; absent if it is neither. */
static struct gp_slice take_main(struct reader *reader, enum gp__params_kind kind)
{
    struct gp_slice first, second;

    skip_cfws(reader);
    first = take_token(reader);
    skip_cfws(reader);
    if (first.len == 0)
        return gp_slice(NULL, 0);
    if (kind == GP__PARAMS_DISPOSITION)
        return lower(reader->arena, first);
    if (!at(reader, '/'))
        return gp_slice(NULL, 0);
    skip(reader, 1);
    skip_cfws(reader);
    second = take_token(reader);
    skip_cfws(reader);
    if (second.len == 0)
        return gp_slice(NULL, 0);
    return lower(reader->arena,
                 gp__arena_printf(reader->arena, GP_FMT "/" GP_FMT, GP_ARG(first), GP_ARG(second)));
}

/*
 * A token, or a quoted-string. Senders leave quotes away: then it goes on to the next ";", which is
 * how receivers read it. A quoted-string that does not end goes to the end.
 */
static struct gp_slice take_value(struct reader *reader)
{
    struct gp_slice start = reader->rest, value;
    size_t quoted = gp__value_quoted(start);

    if (at(reader, '"') && quoted == 0) {
        reader->params->malformed = true;
        skip(reader, start.len);
        return gp__value_unquote(reader->arena, gp_slice_sub(start, 1, start.len));
    }
    value = quoted ? gp__value_unquote(reader->arena, take(reader, quoted)) : take_token(reader);
    skip_cfws(reader);
    if (reader->rest.len == 0 || at(reader, ';'))
        return value;
    reader->params->malformed = true;
    skip(reader, gp_slice_find(reader->rest, ';'));
    if (quoted)
        return value;
    return gp_slice_trim(gp_slice_sub(start, 0, (size_t)(reader->rest.data - start.data)));
}

/* "name", "name*", "name*0", "name*0*" (RFC 2231 3, 4). */
static void split_name(struct gp__param *param, bool *malformed)
{
    struct gp_slice name = param->name;
    int64_t section;
    size_t star;

    param->section = -1;
    param->extended = name.len > 1 && gp_slice_ends(name, GP_S("*"));
    if (param->extended)
        name.len--;
    star = gp_slice_find(name, '*');
    if (star < name.len) {
        struct gp_slice digits = gp_slice_sub(name, star + 1, name.len);

        if (gp_slice_to_int(digits, 0, SECTION_MAX, &section) < 0) {
            *malformed = true;
            return;
        }
        *malformed |= digits.len > 1 && digits.data[0] == '0';
        param->section = (int)section;
        name.len = star;
    }
    param->name = name;
}

static void take_param(struct reader *reader)
{
    struct gp__param param = {.name = take_token(reader)};

    skip_cfws(reader);
    if (param.name.len == 0 || !at(reader, '=')) {
        reader->params->malformed = true;
        skip(reader, gp_slice_find(reader->rest, ';'));
        return;
    }
    skip(reader, 1);
    skip_cfws(reader);
    param.value = take_value(reader);
    split_name(&param, &reader->params->malformed);
    GP__ARENA_GROW(reader->arena, reader->params->items, reader->cap, reader->params->count + 1);
    reader->params->items[reader->params->count++] = param;
}

void gp__params_parse(struct gp__arena *arena, enum gp__params_kind kind, struct gp_slice text,
                      struct gp__params *params_r)
{
    struct reader reader = {.arena = arena, .rest = text, .params = params_r};

    *params_r = (struct gp__params){.count = 0};
    params_r->value = take_main(&reader, kind);
    if (reader.rest.len > 0 && !at(&reader, ';')) {
        params_r->malformed = true;
        skip(&reader, gp_slice_find(reader.rest, ';'));
    }
    while (reader.rest.len > 0 && params_r->count < GP__PARAMS_MAX) {
        if (at(&reader, ';'))
            skip(&reader, 1);
        skip_cfws(&reader);
        if (reader.rest.len > 0 && !at(&reader, ';'))
            take_param(&reader);
    }
    params_r->malformed |= reader.rest.len > 0;
}

/* ---- RFC 2231 ---- */

/* The item of that name, section and kind, from *from on; *from is set behind it. NULL: none. */
static const struct gp__param *find(const struct gp__params *params, struct gp_slice name,
                                    int section, size_t *from)
{
    while (*from < params->count) {
        const struct gp__param *param = &params->items[(*from)++];

        if (param->section == section && gp_slice_caseeq(param->name, name))
            return param;
    }
    return NULL;
}

static size_t percent_decode(struct gp_slice s, char *out)
{
    size_t n = 0;

    for (size_t i = 0; i < s.len; i++) {
        if (s.data[i] == '%' && s.len - i >= 3 && gp__hex_value(s.data[i + 1]) >= 0 &&
            gp__hex_value(s.data[i + 2]) >= 0) {
            out[n++] = (char)(gp__hex_value(s.data[i + 1]) << 4 | gp__hex_value(s.data[i + 2]));
            i += 2;
        } else {
            out[n++] = s.data[i];
        }
    }
    return n;
}

/* Takes charset "'" language "'" off the value; absent, with nothing taken, if it is not there. */
static struct gp_slice take_charset(struct gp_slice *value)
{
    struct gp_slice rest = *value, charset;
    size_t first = gp_slice_find(rest, '\'');

    charset = gp_slice_sub(rest, 0, first);
    rest = gp_slice_sub(rest, first + 1, rest.len);
    if (first == value->len || gp_slice_find(rest, '\'') == rest.len)
        return gp_slice(NULL, 0);
    *value = gp_slice_sub(rest, gp_slice_find(rest, '\'') + 1, rest.len);
    return charset;
}

/* The value of one item, or of all sections if it is section 0. */
static struct gp_slice assemble(struct gp__arena *arena, const struct gp__params *params,
                                const struct gp__param *first, bool *ambiguous)
{
    struct gp_slice charset = gp_slice(NULL, 0);
    size_t room = first->value.len, len = 0, used = 0;
    char *out;

    for (size_t i = 0; first->section == 0 && i < params->count; i++)
        room += params->items[i].value.len;
    out = gp__arena_bytes(arena, room + 1);
    for (const struct gp__param *param = first; param;) {
        struct gp_slice value = param->value;
        size_t from = 0;

        if (param == first && param->extended)
            charset = take_charset(&value);
        if (param->extended) {
            len += percent_decode(value, out + len);
        } else {
            memcpy(out + len, value.data, value.len);
            len += value.len;
        }
        used++;
        param = first->section < 0 ? NULL : find(params, first->name, (int)used, &from);
    }
    for (size_t i = 0; first->section == 0 && i < params->count; i++)
        if (params->items[i].section >= 0 && gp_slice_caseeq(params->items[i].name, first->name))
            used--;
    /* Sections behind a gap, or given twice: used would not come down to 0. */
    *ambiguous |= first->section == 0 && used != 0;
    return gp__charset_decode(arena, charset, gp_slice(out, len));
}

static bool is_file_name(struct gp_slice name)
{
    return gp_slice_caseeq(name, GP_S("filename")) || gp_slice_caseeq(name, GP_S("name"));
}

static struct gp_slice plain(struct gp__arena *arena, struct gp_slice name, struct gp_slice value,
                             enum gp__param_form *form_r)
{
    if (is_file_name(name) && gp_slice_search(value, GP_S("=?")) < value.len) {
        *form_r = GP__PARAM_ENCODED_WORD;
        return gp__encoded_word_decode(arena, value);
    }
    *form_r = GP__PARAM_PLAIN;
    return gp__charset_decode(arena, gp_slice(NULL, 0), value);
}

struct gp_slice gp__params_get(struct gp__arena *arena, const struct gp__params *params,
                               struct gp_slice name, bool *ambiguous_r, enum gp__param_form *form_r)
{
    struct gp_slice best = gp_slice(NULL, 0);
    int best_rank = 0; /* 3: "name*", 2: "name*0", 1: "name" */
    bool ambiguous = false;
    size_t sections = 0;

    for (size_t i = 0; i < params->count; i++) {
        const struct gp__param *param = &params->items[i];
        enum gp__param_form form = GP__PARAM_EXTENDED;
        struct gp_slice value;
        int rank;

        if (!gp_slice_caseeq(param->name, name))
            continue;
        /* Sections are put together once, from the first section 0. */
        rank = param->section == 0 ? 2 : param->extended ? 3 : 1;
        if (param->section > 0 || (rank == 2 && sections++ > 0))
            continue;
        value = rank == 1 ? plain(arena, name, param->value, &form)
                          : assemble(arena, params, param, &ambiguous);
        ambiguous |= best_rank > 0 && !gp_slice_eq(best, value);
        if (rank > best_rank) {
            best = value;
            best_rank = rank;
            if (form_r)
                *form_r = form;
        }
    }
    /* Sections without a first one: some programs begin at 1. */
    for (size_t i = 0; best_rank == 0 && i < params->count; i++)
        ambiguous |= gp_slice_caseeq(params->items[i].name, name);
    if (ambiguous && ambiguous_r)
        *ambiguous_r = true;
    return best;
}

/* ---- file names ---- */

/* The last path element, without controls and what Windows drops at the end. */
static struct gp_slice clean(struct gp__arena *arena, struct gp_slice name)
{
    char *out, *to;

    for (size_t i = name.len; i > 0; i--) {
        if (name.data[i - 1] == '/' || name.data[i - 1] == '\\') {
            name = gp_slice_sub(name, i, name.len);
            break;
        }
    }
    out = to = gp__arena_bytes(arena, name.len + 1);
    for (size_t i = 0; i < name.len; i++)
        if (!gp__is_control(name.data[i]))
            *to++ = name.data[i];
    name = gp_slice_trim(gp_slice(out, (size_t)(to - out)));
    while (name.len > 0 && (name.data[name.len - 1] == '.' || name.data[name.len - 1] == ' '))
        name.len--;
    return name.len > 0 ? name : gp_slice(NULL, 0);
}

static bool has_extension(struct gp_slice name)
{
    size_t dot = gp_slice_rfind(name, '.');

    return dot > 0 && dot + 1 < name.len;
}

struct gp_slice gp__params_filename(struct gp__arena *arena, const struct gp__params *disposition,
                                    const struct gp__params *type, bool *ambiguous_r)
{
    struct gp_slice one = gp__params_get(arena, disposition, GP_S("filename"), ambiguous_r, NULL);
    struct gp_slice two = gp__params_get(arena, type, GP_S("name"), ambiguous_r, NULL);

    if (gp_slice_present(one))
        one = clean(arena, one);
    if (gp_slice_present(two))
        two = clean(arena, two);
    if (!gp_slice_present(one) || !gp_slice_present(two))
        return gp_slice_present(one) ? one : two;
    if (!gp_slice_eq(one, two) && ambiguous_r)
        *ambiguous_r = true;
    return !has_extension(one) && has_extension(two) ? two : one;
}
