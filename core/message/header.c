// SPDX-License-Identifier: Apache-2.0
/* Header fields: getters, and the building of new ones with folding (RFC 5322 2.1.1, 2.2.3). */
#include "core/message/header.h"

#include "core/base/ascii.h"
#include "core/message/encoded_word.h"
#include "core/message/value.h"

bool gp__header_name_valid(struct gp_slice name)
{
    for (size_t i = 0; i < name.len; i++)
        if (name.data[i] <= ' ' || name.data[i] >= 0x7f || name.data[i] == ':')
            return false;
    return name.len > 0 && name.len < GP__HEADER_LINE_MAX;
}

/* No NUL; CR and LF only as folding. */
static bool value_valid(struct gp_slice value)
{
    if (gp_slice_find(value, '\0') < value.len)
        return false;
    for (;;) {
        size_t lf = gp_slice_find(value, '\n'), cr = gp_slice_find(value, '\r');

        if (lf == value.len)
            return cr == value.len;
        if (cr + 1 != lf || lf + 1 == value.len || !gp__is_wsp(value.data[lf + 1]))
            return false;
        value = gp_slice_sub(value, lf + 1, value.len);
    }
}

/* A line that is being folded into `out`; the room was counted before. */
struct folder {
    char *to;
    size_t column;
    bool too_long;
};

static void put(struct folder *folder, struct gp_slice s)
{
    memcpy(folder->to, s.data, s.len);
    folder->to += s.len;
    folder->column += s.len;
    if (folder->column > GP__HEADER_LINE_MAX)
        folder->too_long = true;
}

/* Length of the blanks at the start, then of the word after them. */
static size_t word_length(struct gp_slice text, size_t *blank_r)
{
    size_t i = 0;

    while (i < text.len && gp__is_wsp(text.data[i]))
        i++;
    *blank_r = i;
    while (i < text.len && !gp__is_wsp(text.data[i]))
        i++;
    return i;
}

/*
 * One line of the value. It is broken before white space where a word would pass column 78, but not
 * right after the name unless the word would not fit into 998 otherwise: some readers take a first
 * line without a value for an empty field.
 */
static void put_line(struct folder *folder, struct gp_slice line, size_t name_len)
{
    while (line.len > 0) {
        size_t blank, len = word_length(line, &blank);
        size_t most = folder->column <= name_len + 1 ? GP__HEADER_LINE_MAX : GP__HEADER_LINE;
        struct gp_slice word = gp_slice_sub(line, 0, len);

        /* Blanks at the end of the line stay: a line of blanks alone must not come out. */
        if (blank > 0 && blank < len && folder->column + len > most) {
            memcpy(folder->to, "\r\n", 2);
            folder->to += 2;
            folder->column = 0;
        }
        put(folder, word);
        line = gp_slice_sub(line, len, line.len);
    }
}

/* The value as it follows the colon: after a blank, unless it begins with one or is empty. */
static struct gp_slice with_blank(struct gp__arena *arena, struct gp_slice value)
{
    char *out;

    if (value.len == 0 || gp__is_wsp(value.data[0]) || value.data[0] == '\r')
        return value;
    out = gp__arena_bytes(arena, value.len + 1);
    out[0] = ' ';
    memcpy(out + 1, value.data, value.len);
    return gp_slice(out, value.len + 1);
}

/* Takes a line off the value: up to a fold that is followed by more than blanks (RFC 5322 3.2.2
 * forbids lines of blanks alone: such folds are undone by the caller). */
static struct gp_slice next_line(struct gp_slice *value)
{
    size_t end = gp_slice_find(*value, '\r');
    struct gp_slice line = gp_slice_sub(*value, 0, end);

    *value = end < value->len ? gp_slice_sub(*value, end + 2, value->len) : gp_slice(NULL, 0);
    return line;
}

static bool is_blank(struct gp_slice line)
{
    return gp_slice_trim(line).len == 0;
}

int gp__header_render(struct gp__arena *arena, struct gp_slice name, struct gp_slice value,
                      struct gp_slice *field_r)
{
    struct folder folder = {.column = 0};
    char *out;

    if (!gp__header_name_valid(name) || !value_valid(value))
        return GP_EINVAL;
    value = with_blank(arena, value);
    /* Each blank may become a fold of two more bytes. */
    out = folder.to = gp__arena_bytes(arena, name.len + value.len * 3 + 8);
    put(&folder, name);
    put(&folder, GP_S(":"));
    for (bool first = true; gp_slice_present(value); first = false) {
        struct gp_slice line = next_line(&value);

        if (!first && !is_blank(line)) {
            memcpy(folder.to, "\r\n", 2);
            folder.to += 2;
            folder.column = 0;
        }
        put_line(&folder, line, name.len);
    }
    memcpy(folder.to, "\r\n", 2);
    folder.to += 2;
    if (folder.too_long)
        return GP_EINVAL;
    *field_r = gp_slice(out, (size_t)(folder.to - out));
    return 0;
}

struct gp_slice gp_header_name(const struct gp_header *header)
{
    return gp_slice_sub(header->field, 0, header->name_len);
}

struct gp_slice gp_header_raw(const struct gp_header *header)
{
    struct gp_slice raw = gp_slice_sub(header->field, header->value, header->field.len);

    if (gp_slice_ends(raw, GP_S("\n")))
        raw.len--;
    if (gp_slice_ends(raw, GP_S("\r")))
        raw.len--;
    return raw;
}

struct gp_slice gp__header_value(struct gp__arena *arena, const struct gp_header *header)
{
    return gp__value_unfold(arena, gp_header_raw(header));
}

struct gp_slice gp__header_text(struct gp__arena *arena, const struct gp_header *header)
{
    return gp__encoded_word_decode(arena, gp__header_value(arena, header));
}
