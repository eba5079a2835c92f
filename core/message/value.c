// SPDX-License-Identifier: Apache-2.0
/* Unfolding, comments, quoted strings, and walking a header section that is only bytes. */
#include "core/message/value.h"

#include "core/base/ascii.h"

static bool is_line_end(struct gp_slice s, size_t i)
{
    return s.data[i] == '\n' || (s.data[i] == '\r' && i + 1 < s.len && s.data[i + 1] == '\n');
}

struct gp_slice gp__value_unfold(struct gp__arena *arena, struct gp_slice raw)
{
    char *out, *to;

    raw = gp_slice_trim(raw);
    if (raw.len == 0 || !memchr(raw.data, '\n', raw.len))
        return raw;
    out = to = gp__arena_bytes(arena, raw.len);
    for (size_t i = 0; i < raw.len; i++)
        if (!is_line_end(raw, i))
            *to++ = raw.data[i];
    return gp_slice(out, (size_t)(to - out));
}

/* Length of the field at the start, its folded lines included. */
static size_t field_length(struct gp_slice section)
{
    size_t end = 0;

    do {
        struct gp_slice rest = gp_slice_sub(section, end, section.len);
        size_t lf = gp_slice_find(rest, '\n');

        end += lf < rest.len ? lf + 1 : lf;
    } while (end < section.len && gp__is_wsp(section.data[end]));
    return end;
}

/* As the header section of a message is read: RFC 5322 2.2 and the blanks of 4.5. */
static bool split_field(struct gp_slice field, struct gp_slice *name_r, struct gp_slice *raw_r)
{
    size_t colon = gp_slice_find(field, ':'), name_len = colon;

    while (name_len > 0 && gp__is_wsp(field.data[name_len - 1]))
        name_len--;
    if (colon == field.len || name_len == 0)
        return false;
    for (size_t i = 0; i < name_len; i++)
        if (field.data[i] <= ' ' || field.data[i] >= 0x7f)
            return false;
    *name_r = gp_slice_sub(field, 0, name_len);
    *raw_r = gp_slice_sub(field, colon + 1, field.len);
    if (gp_slice_ends(*raw_r, GP_S("\n")))
        raw_r->len--;
    if (gp_slice_ends(*raw_r, GP_S("\r")))
        raw_r->len--;
    return true;
}

bool gp__value_next(struct gp_slice *section, struct gp_slice *name_r, struct gp_slice *raw_r)
{
    while (section->len > 0) {
        size_t len = field_length(*section);
        struct gp_slice field = gp_slice_sub(*section, 0, len);

        *section = gp_slice_sub(*section, len, section->len);
        if (split_field(field, name_r, raw_r))
            return true;
    }
    return false;
}

struct gp_slice gp__value_in_section(struct gp_slice section, struct gp_slice name, size_t nth)
{
    struct gp_slice found, raw;

    while (gp__value_next(&section, &found, &raw))
        if (gp_slice_caseeq(found, name) && nth-- == 0)
            return raw;
    return gp_slice(NULL, 0);
}

size_t gp__value_comment(struct gp_slice s)
{
    size_t depth = 0;

    for (size_t i = 0; i < s.len; i++) {
        if (s.data[i] == '\\')
            i++;
        else if (s.data[i] == '(')
            depth++;
        else if (s.data[i] == ')')
            depth--;
        if (depth == 0)
            return i < s.len && s.data[i] == ')' ? i + 1 : 0;
    }
    return 0;
}

size_t gp__value_cfws(struct gp_slice s)
{
    size_t i = 0;

    while (i < s.len) {
        char c = s.data[i];
        size_t comment;

        if (gp__is_wsp(c) || c == '\r' || c == '\n') {
            i++;
            continue;
        }
        comment = c == '(' ? gp__value_comment(gp_slice_sub(s, i, s.len)) : 0;
        if (comment == 0)
            break;
        i += comment;
    }
    return i;
}

size_t gp__value_quoted(struct gp_slice s)
{
    if (s.len == 0 || s.data[0] != '"')
        return 0;
    for (size_t i = 1; i < s.len; i++) {
        if (s.data[i] == '\\')
            i++;
        else if (s.data[i] == '"')
            return i + 1;
    }
    return 0;
}

struct gp_slice gp__value_unquote(struct gp__arena *arena, struct gp_slice quoted)
{
    char *out, *to;

    if (quoted.len >= 2 && quoted.data[0] == '"' && gp_slice_ends(quoted, GP_S("\"")))
        quoted = gp_slice_sub(quoted, 1, quoted.len - 2);
    out = to = gp__arena_bytes(arena, quoted.len + 1);
    for (size_t i = 0; i < quoted.len; i++) {
        if (is_line_end(quoted, i))
            continue;
        if (quoted.data[i] == '\\' && i + 1 < quoted.len)
            i++;
        *to++ = quoted.data[i];
    }
    return gp_slice(out, (size_t)(to - out));
}

static bool is_dot_atom(struct gp_slice text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!gp__is_atext(text.data[i]) && text.data[i] != '.' && !gp__is_8bit(text.data[i]))
            return false;
    return text.len > 0;
}

struct gp_slice gp__value_quote(struct gp__arena *arena, struct gp_slice text)
{
    char *out, *to;

    if (is_dot_atom(text))
        return text;
    out = to = gp__arena_bytes(arena, text.len * 2 + 2);
    *to++ = '"';
    for (size_t i = 0; i < text.len; i++) {
        if (gp__is_control(text.data[i]))
            continue;
        if (text.data[i] == '"' || text.data[i] == '\\')
            *to++ = '\\';
        *to++ = text.data[i];
    }
    *to++ = '"';
    return gp_slice(out, (size_t)(to - out));
}

bool gp__is_token(char c)
{
    return c > ' ' && c < 0x7f && !memchr("()<>@,;:\\\"/[]?=", c, 15);
}
