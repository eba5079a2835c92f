// SPDX-License-Identifier: Apache-2.0
#include "core/base/log.h"

#include "core/base/ascii.h"
#include "core/base/date.h"
#include "core/base/utf8.h"

static const char *const level_names[] = {"error", "warning", "notice", "info", "debug"};

/* What stands for itself in a JSON string, and in a terminal. */
static const bool plain_bytes[256] = {
    [' '] = true, ['!'] = true, ['#' ... '['] = true, [']' ... '~'] = true, /* not " and \ */
};

static inline bool is_plain(char c)
{
    return plain_bytes[(unsigned char)c];
}

static size_t plain_length(struct gp_slice s)
{
    size_t n = 0;

    while (n < s.len && is_plain(s.data[n]))
        n++;
    return n;
}

static void json_escape(struct gp__buf *out, char c)
{
    switch (c) {
    case '"':
        gp__buf_append(out, GP_S("\\\""));
        break;
    case '\\':
        gp__buf_append(out, GP_S("\\\\"));
        break;
    case '\n':
        gp__buf_append(out, GP_S("\\n"));
        break;
    case '\r':
        gp__buf_append(out, GP_S("\\r"));
        break;
    case '\t':
        gp__buf_append(out, GP_S("\\t"));
        break;
    default:
        gp__buf_printf(out, "\\u%04x", (unsigned)(unsigned char)c);
    }
}

/* Characters that a terminal or a reader of lines takes for more than text: C1 controls, line
 * separators, marks that turn the direction of writing around. */
static bool is_deceptive(uint32_t code)
{
    return code < 0xa0 || code == 0x061c || code == 0x200e || code == 0x200f ||
           (code >= 0x2028 && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069) ||
           code == 0xfeff;
}

void gp__json_string(struct gp__buf *out, struct gp_slice s)
{
    size_t plain = plain_length(s), room;
    char *to = plain == s.len ? gp__buf_room(out, s.len + 2, &room) : NULL;

    if (to) {
        to[0] = to[s.len + 1] = '"';
        memcpy(to + 1, s.data, s.len);
        gp__buf_added(out, s.len + 2);
        return;
    }
    gp__buf_append(out, GP_S("\""));
    while (s.len) {
        size_t n = plain_length(s);
        uint32_t code;

        gp__buf_append(out, gp_slice_sub(s, 0, n));
        s = gp_slice_sub(s, n, s.len);
        if (s.len == 0)
            break;
        n = 1;
        if (!gp__is_8bit(s.data[0]))
            json_escape(out, s.data[0]);
        else if ((n = gp__utf8_decode(s, &code)) == 0)
            gp__buf_append(out, GP_S("\\ufffd"));
        else if (is_deceptive(code))
            gp__buf_printf(out, "\\u%04x", (unsigned)code);
        else
            gp__buf_append(out, gp_slice_sub(s, 0, n));
        s = gp_slice_sub(s, n ? n : 1, s.len);
    }
    gp__buf_append(out, GP_S("\""));
}

static bool needs_quotes(struct gp_slice s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!is_plain(s.data[i]) || s.data[i] == ' ' || s.data[i] == '=')
            return true;
    return s.len == 0;
}

static void append_integer(struct gp__buf *out, int64_t number)
{
    char text[21], *to = text;

    if (number < 0)
        *to++ = '-';
    to = gp__put_decimal(to, number < 0 ? -(uint64_t)number : (uint64_t)number, 1);
    gp__buf_append(out, gp_slice(text, (size_t)(to - text)));
}

static void append_value(struct gp__buf *out, const struct gp__log_field *field, bool json)
{
    switch (field->type) {
    case GP__FIELD_INT:
        append_integer(out, field->number);
        return;
    case GP__FIELD_BOOL:
        gp__buf_append(out, field->number ? GP_S("true") : GP_S("false"));
        return;
    case GP__FIELD_RAW:
        gp__buf_append(out, field->text);
        return;
    case GP__FIELD_TEXT:
        break;
    }
    if (json || needs_quotes(field->text))
        gp__json_string(out, field->text);
    else
        gp__buf_append(out, field->text);
}

static bool is_absent(const struct gp__log_field *field)
{
    return (field->type == GP__FIELD_TEXT || field->type == GP__FIELD_RAW) &&
           !gp_slice_present(field->text);
}

static void render_human(struct gp__buf *out, struct gp_slice date, const char *level,
                         const char *event, const struct gp__log_field *fields, size_t count)
{
    gp__buf_printf(out, GP_FMT " %-7s %s", GP_ARG(date), level, event);
    for (size_t i = 0; i < count; i++) {
        if (is_absent(&fields[i]))
            continue;
        gp__buf_printf(out, " %s=", fields[i].key);
        append_value(out, &fields[i], false);
    }
}

/* Keys are words of ours: nothing in them to escape. */
static void append_key(struct gp__buf *out, struct gp_slice key)
{
    size_t room;
    char *to = gp__buf_room(out, key.len + 4, &room);

    if (!to)
        return;
    memcpy(to, ",\"", 2);
    memcpy(to + 2, key.data, key.len);
    memcpy(to + 2 + key.len, "\":", 2);
    gp__buf_added(out, key.len + 4);
}

static void render_json(struct gp__buf *out, struct gp_slice date, const char *level,
                        const char *event, const struct gp__log_field *fields, size_t count)
{
    gp__buf_append(out, GP_S("{\"time\":\""));
    gp__buf_append(out, date);
    gp__buf_append(out, GP_S("\",\"level\":\""));
    gp__buf_append(out, gp_slice_of(level));
    gp__buf_append(out, GP_S("\",\"event\":\""));
    gp__buf_append(out, gp_slice_of(event));
    gp__buf_append(out, GP_S("\""));
    for (size_t i = 0; i < count; i++) {
        if (is_absent(&fields[i]))
            continue;
        append_key(out, gp_slice_of(fields[i].key));
        append_value(out, &fields[i], true);
    }
    gp__buf_append(out, GP_S("}"));
}

void gp__log_fields(struct gp__log *log, enum gp_log_level level, const char *event,
                    const struct gp__log_field *fields, size_t count)
{
    char date_text[48];
    struct gp_slice date;

    if (!log || level > log->level)
        return;
    date = gp__date_rfc3339(log->now ? log->now(log->arg) : 0, date_text);
    gp__buf_clear(&log->line);
    if (log->format == GP__LOG_JSON)
        render_json(&log->line, date, level_names[level], event, fields, count);
    else
        render_human(&log->line, date, level_names[level], event, fields, count);
    gp__buf_append(&log->line, GP_S("\n"));
    log->write(log->arg, level, gp__buf_slice(&log->line));
}
