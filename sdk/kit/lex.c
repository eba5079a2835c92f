// SPDX-License-Identifier: Apache-2.0
#include "sdk/kit/lex.h"

#include "core/base/ascii.h"

static struct gp_slice skip_blanks(struct gp_slice s)
{
    while (s.len && gp__is_wsp(s.data[0]))
        s = gp_slice_sub(s, 1, s.len);
    return s;
}

/* Where the text that begins at `at` with a delimiter ends: behind the closing one; 0: nowhere. An
 * expression ends only before a blank, so that paths and slashes within it need no escape. */
static size_t end_of(struct gp_slice line, size_t at)
{
    char delimiter = line.data[at];

    for (size_t i = at + 1; i < line.len; i++) {
        if (line.data[i] == '\\')
            i++;
        else if (line.data[i] == delimiter &&
                 (delimiter == '"' || i + 1 == line.len || gp__is_wsp(line.data[i + 1])))
            return i + 1;
    }
    return 0;
}

struct gp_slice gp__kit_strip(struct gp_slice line)
{
    for (size_t i = 0; i < line.len; i++) {
        bool first = i == 0 || gp__is_wsp(line.data[i - 1]);
        size_t end = 0;

        if (first && line.data[i] == '#') {
            line.len = i;
            break;
        }
        if (first && (line.data[i] == '"' || line.data[i] == '/'))
            end = end_of(line, i);
        if (end)
            i = end - 1;
    }
    return gp_slice_trim(line);
}

struct gp_slice gp__kit_word(struct gp_slice *cursor)
{
    struct gp_slice rest = skip_blanks(*cursor);
    size_t n = 0;

    while (n < rest.len && !gp__is_wsp(rest.data[n]))
        n++;
    *cursor = skip_blanks(gp_slice_sub(rest, n, rest.len));
    return n ? gp_slice_sub(rest, 0, n) : gp_slice(NULL, 0);
}

struct gp_slice gp__kit_peek(struct gp_slice cursor)
{
    return gp__kit_word(&cursor);
}

/* ---- escapes ---- */

/* The byte that an escape stands for; how many bytes it took, 0: unknown. */
static size_t escape(struct gp_slice s, char *byte)
{
    static const char from[] = "rnt0\"\\/", to[] = "\r\n\t\0\"\\/";

    if (s.len < 2)
        return 0;
    for (size_t i = 0; i < sizeof from - 1; i++) {
        if (s.data[1] == from[i]) {
            *byte = to[i];
            return 2;
        }
    }
    if (s.data[1] != 'x' || s.len < 4 || gp__hex_value(s.data[2]) < 0 ||
        gp__hex_value(s.data[3]) < 0)
        return 0;
    *byte = (char)(gp__hex_value(s.data[2]) * 16 + gp__hex_value(s.data[3]));
    return 4;
}

int gp__kit_unescape(struct gp__arena *arena, struct gp_slice text, struct gp_slice *bytes_r)
{
    char *bytes = gp__arena_bytes(arena, text.len + 1);
    size_t n = 0;

    while (text.len) {
        size_t taken = 1;

        bytes[n] = text.data[0];
        if (text.data[0] == '\\')
            taken = escape(text, &bytes[n]);
        if (!taken)
            return -1;
        n++;
        text = gp_slice_sub(text, taken, text.len);
    }
    bytes[n] = '\0';
    *bytes_r = gp_slice(bytes, n);
    return 0;
}

int gp__kit_quoted(struct gp__arena *arena, struct gp_slice *cursor, struct gp_slice *text_r)
{
    struct gp_slice rest = skip_blanks(*cursor);
    size_t end;

    if (rest.len == 0)
        return 0;
    if (rest.data[0] != '"') {
        *text_r = gp__kit_word(cursor);
        return 1;
    }
    end = end_of(rest, 0);
    if (!end || gp__kit_unescape(arena, gp_slice_sub(rest, 1, end - 2), text_r) < 0)
        return -1;
    *cursor = skip_blanks(gp_slice_sub(rest, end, rest.len));
    return 1;
}

int gp__kit_expression(struct gp_slice *cursor, struct gp_slice *pattern_r)
{
    struct gp_slice rest = skip_blanks(*cursor);
    size_t end;

    if (rest.len == 0 || rest.data[0] != '/')
        return 0;
    end = end_of(rest, 0);
    if (!end)
        return -1;
    *pattern_r = gp_slice_sub(rest, 1, end - 2);
    *cursor = skip_blanks(gp_slice_sub(rest, end, rest.len));
    return 1;
}
