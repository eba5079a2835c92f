// SPDX-License-Identifier: Apache-2.0
#include "core/smtp/client_reply.h"

#include "core/base/ascii.h"
#include "core/base/utf8.h"

#define LINE_KEPT 380u  /* of a text; the rest is cut off */
#define TEXT_KEPT 1990u /* of all of it */

static int code_of(struct gp_slice line)
{
    if (line.len < 3 || line.data[0] < '2' || line.data[0] > '5')
        return -1;
    for (size_t i = 1; i < 3; i++)
        if (!gp__is_digit(line.data[i]))
            return -1;
    return (line.data[0] - '0') * 100 + (line.data[1] - '0') * 10 + (line.data[2] - '0');
}

/* Takes "2.1.0 " off the text, if there is one that fits the code. */
static void take_enhanced(struct gp_slice *text, unsigned code, struct gp__reply *reply_r)
{
    struct gp_slice rest = *text, word = gp_slice_split(&rest, ' ');
    char status[16];
    size_t len = 4 + word.len;

    *reply_r = (struct gp__reply){.code = (uint16_t)code};
    if (word.len < 5 || word.len > sizeof status - 4 || word.data[1] != '.')
        return;
    for (size_t i = 0, n = code; i < 3; i++, n /= 10)
        status[2 - i] = (char)('0' + n % 10);
    status[3] = ' ';
    memcpy(status + 4, word.data, word.len);
    if (gp__reply_parse_status(gp_slice(status, len), reply_r) < 0)
        *reply_r = (struct gp__reply){.code = (uint16_t)code};
    else
        *text = gp_slice_present(rest) ? rest : gp_slice("", 0);
}

/* Appends a line of text in which nothing is left that could do harm. */
static void keep(struct gp__reply_reader *reader, struct gp_slice text)
{
    char line[LINE_KEPT];
    bool utf8 = gp__utf8_valid(text) && text.len <= sizeof line;
    size_t len = text.len < sizeof line ? text.len : sizeof line;

    for (size_t i = 0; i < len; i++) {
        char c = text.data[i];

        line[i] = gp__is_control(c) || (gp__is_8bit(c) && !utf8) ? '?' : c;
    }
    if (reader->text.len + len + 2 > TEXT_KEPT)
        return;
    if (reader->lines > 1)
        gp__buf_append(&reader->text, GP_S("\r\n"));
    gp__buf_append(&reader->text, gp_slice(line, len));
}

/* A line without its end: READ if it is the last one. */
static enum gp__reply_read take_line(struct gp__reply_reader *reader, struct gp_slice line,
                                     const char **why_r)
{
    int code = code_of(line);
    struct gp_slice text = gp_slice_sub(line, 4, line.len);
    struct gp__reply reply;

    if (code < 0 || (line.len > 3 && line.data[3] != ' ' && line.data[3] != '-')) {
        *why_r = "a line of a reply does not begin with a code";
        return GP__REPLY_BAD;
    }
    if (++reader->lines > GP__REPLY_LINES_MAX) {
        *why_r = "a reply has too many lines";
        return GP__REPLY_BAD;
    }
    if (reader->lines > 1 && (unsigned)code != reader->code) {
        *why_r = "a reply has two codes";
        return GP__REPLY_BAD;
    }
    reader->code = (unsigned)code;
    take_enhanced(&text, reader->code, &reply);
    if (reader->lines == 1)
        reader->reply = reply;
    keep(reader, text);
    return line.len > 3 && line.data[3] == '-' ? GP__REPLY_MORE : GP__REPLY_READ;
}

/* The end of the line at the start of the input: its CR; SIZE_MAX: not there yet, or bad. */
static size_t end_of_line(struct gp_slice input, const char **why_r)
{
    struct gp_slice part = gp_slice_sub(input, 0, GP__REPLY_LINE_MAX);
    size_t lf = gp_slice_find(part, '\n');
    size_t cr = gp_slice_find(part, '\r');

    if (lf == part.len && part.len == GP__REPLY_LINE_MAX)
        *why_r = "a line of a reply is too long";
    else if (cr + 1 < part.len && part.data[cr + 1] != '\n')
        *why_r = "a bare CR in a reply";
    else if (lf < part.len && (lf == 0 || part.data[lf - 1] != '\r'))
        *why_r = "a bare LF in a reply";
    else if (lf < part.len)
        return lf - 1;
    return SIZE_MAX;
}

enum gp__reply_read gp__reply_read(struct gp__reply_reader *reader, struct gp_slice input,
                                   size_t *used_r, struct gp__reply *reply_r, const char **why_r)
{
    *used_r = 0;
    *why_r = NULL;
    if (reader->lines == 0)
        gp__buf_clear(&reader->text);
    for (;;) {
        struct gp_slice rest = gp_slice_sub(input, *used_r, input.len);
        size_t end = end_of_line(rest, why_r);
        enum gp__reply_read result;

        if (end == SIZE_MAX)
            return *why_r ? GP__REPLY_BAD : GP__REPLY_MORE;
        *used_r += end + 2;
        result = take_line(reader, gp_slice_sub(rest, 0, end), why_r);
        if (result == GP__REPLY_MORE)
            continue;
        *reply_r = reader->reply;
        reply_r->text = gp__buf_slice(&reader->text);
        reader->lines = 0;
        return result;
    }
}

void gp__reply_reader_free(struct gp__reply_reader *reader)
{
    gp__buf_free(&reader->text);
}
