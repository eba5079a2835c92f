// SPDX-License-Identifier: Apache-2.0
#include "line.h"

#include <stdio.h>

#define BYTE_ORDER_MARK "\xef\xbb\xbf"

void line_reader_init(struct line_reader *reader, struct gp_slice bytes, char *room)
{
    if (gp_slice_starts(bytes, GP_S(BYTE_ORDER_MARK)))
        bytes = gp_slice_sub(bytes, 3, bytes.len);
    *reader = (struct line_reader){.rest = bytes, .line.room = room};
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* Where the first control character stands, or the length. */
static size_t find_control(struct gp_slice line)
{
    size_t i = 0;

    while (i < line.len &&
           (((unsigned char)line.data[i] >= 0x20 && line.data[i] != 0x7f) || line.data[i] == '\t'))
        i++;
    return i;
}

static int check(struct gp_slice line, char error[LINE_ERROR_MAX])
{
    size_t at = find_control(line);

    if (line.len > LINE_BYTES_MAX)
        snprintf(error, LINE_ERROR_MAX, "longer than %u bytes", LINE_BYTES_MAX);
    else if (at < line.len)
        snprintf(error, LINE_ERROR_MAX, "a control character, \\x%02x, at column %zu",
                 (unsigned char)line.data[at], at + 1);
    else if (is_blank(line.data[0]))
        snprintf(error, LINE_ERROR_MAX,
                 "white space at the beginning (a line does not continue the one before)");
    else
        return 1;
    return -1;
}

int line_next(struct line_reader *reader, char error[LINE_ERROR_MAX])
{
    while (gp_slice_present(reader->rest) && reader->rest.len) {
        struct gp_slice line = gp_slice_split(&reader->rest, '\n'), text;

        reader->line.number++;
        if (gp_slice_ends(line, GP_S("\r")))
            line.len--;
        text = gp_slice_trim(line);
        if (text.len == 0 || text.data[0] == '#')
            continue;
        reader->line.text = line;
        return check(line, error);
    }
    return 0;
}

/* Whether the text is a colon, alone or before white space. */
static bool is_colon(struct gp_slice text)
{
    return text.len && text.data[0] == ':' && (text.len == 1 || is_blank(text.data[1]));
}

int line_value(struct gp_slice after_key, struct gp_slice *value_r)
{
    struct gp_slice rest = gp_slice_trim(after_key);

    if (after_key.len && !is_blank(after_key.data[0]) && !is_colon(after_key))
        return -1;
    if (is_colon(rest))
        rest = gp_slice_trim(gp_slice_sub(rest, 1, rest.len));
    *value_r = rest;
    return 0;
}

/* Up to white space. The last colon of a key that has no other separates it from the value. */
static int split_plain(struct gp_slice line, struct gp_slice *key_r, struct gp_slice *value_r)
{
    size_t n = 0;

    while (n < line.len && !is_blank(line.data[n]))
        n++;
    *key_r = gp_slice_sub(line, 0, n);
    if (n && gp_slice_find(*key_r, ':') == n - 1)
        key_r->len--;
    return line_value(gp_slice_sub(line, key_r->len, line.len), value_r);
}

static int split_quoted(const struct line *line, struct gp_slice *key_r, struct gp_slice *value_r,
                        char error[LINE_ERROR_MAX])
{
    struct gp_slice text = line->text;
    size_t len = 0, i = 1;

    while (i < text.len && text.data[i] != '"') {
        if (text.data[i] == '\\' && i + 1 < text.len &&
            (text.data[i + 1] == '"' || text.data[i + 1] == '\\'))
            i++;
        line->room[len++] = text.data[i++];
    }
    *key_r = gp_slice(line->room, len);
    if (i == text.len) {
        snprintf(error, LINE_ERROR_MAX, "the quote at its beginning is not closed");
        return -1;
    }
    if (line_value(gp_slice_sub(text, i + 1, text.len), value_r) == 0)
        return 0;
    snprintf(error, LINE_ERROR_MAX, "write white space after the quoted key");
    return -1;
}

int line_split(const struct line *line, struct gp_slice *key_r, struct gp_slice *value_r,
               char error[LINE_ERROR_MAX])
{
    bool quoted = line->text.len && line->text.data[0] == '"';
    int result = quoted ? split_quoted(line, key_r, value_r, error)
                        : split_plain(line->text, key_r, value_r);

    if (result == 0 && key_r->len == 0) {
        snprintf(error, LINE_ERROR_MAX, "the key is empty");
        return -1;
    }
    return result;
}
