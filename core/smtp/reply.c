// SPDX-License-Identifier: Apache-2.0
/* Replies as values, checked and written. Nothing here trusts a text: see reply.h. */
#include "core/smtp/reply.h"

#include "core/base/arena.h"
#include "core/base/ascii.h"
#include "core/base/utf8.h"

#define LINE_MAX_BYTES 400u /* RFC 5321 4.5.3.1.5 allows 512 with code and CRLF */
#define TEXT_MAX_BYTES 2000u
#define PREFIX_MAX 16u /* "250-2.999.999 " and CRLF */

/* One to three digits at the start of *text. 0, or -1. */
static int take_number(struct gp_slice *text, unsigned *number_r)
{
    size_t n = 0;

    *number_r = 0;
    while (n < text->len && n < 4 && gp__is_digit(text->data[n])) {
        *number_r = *number_r * 10 + (unsigned)(text->data[n] - '0');
        n++;
    }
    if (n == 0 || n > 3)
        return -1;
    *text = gp_slice_sub(*text, n, text->len);
    return 0;
}

static int take_dot(struct gp_slice *text)
{
    if (text->len == 0 || text->data[0] != '.')
        return -1;
    *text = gp_slice_sub(*text, 1, text->len);
    return 0;
}

static int parse_enhanced(struct gp_slice text, struct gp__reply *reply)
{
    unsigned klass, subject, detail;

    if (take_number(&text, &klass) < 0 || take_dot(&text) < 0 || take_number(&text, &subject) < 0 ||
        take_dot(&text) < 0 || take_number(&text, &detail) < 0 || text.len ||
        klass != reply->code / 100u)
        return -1;
    reply->klass = (uint8_t)klass;
    reply->subject = (uint16_t)subject;
    reply->detail = (uint16_t)detail;
    return 0;
}

int gp__reply_parse_status(struct gp_slice status, struct gp__reply *reply_r)
{
    struct gp_slice rest = status, code = gp_slice_split(&rest, ' ');
    unsigned number;

    if (code.len != 3 || take_number(&code, &number) < 0 || code.len || number < 200 ||
        number > 599)
        return -1;
    *reply_r = (struct gp__reply){.code = (uint16_t)number};
    if (gp_slice_present(rest))
        return number / 100 == 3 ? -1 : parse_enhanced(rest, reply_r);
    reply_r->klass = (uint8_t)(number / 100 == 3 ? 0 : number / 100);
    return 0;
}

/* The line at the start of *text, which becomes absent after the last. A lone CR or LF stays in
 * it. */
static struct gp_slice take_line(struct gp_slice *text)
{
    size_t at = gp_slice_search(*text, GP_S("\r\n"));
    struct gp_slice line = gp_slice_sub(*text, 0, at);

    *text = at < text->len ? gp_slice_sub(*text, at + 2, text->len) : gp_slice(NULL, 0);
    return line;
}

static bool line_ok(struct gp_slice line)
{
    if (line.len > LINE_MAX_BYTES)
        return false;
    for (size_t i = 0; i < line.len; i++)
        if (gp__is_control(line.data[i]))
            return false;
    return true;
}

bool gp__reply_text_ok(struct gp_slice text)
{
    if (text.len > TEXT_MAX_BYTES || !gp__utf8_valid(text))
        return false;
    while (gp_slice_present(text))
        if (!line_ok(take_line(&text)))
            return false;
    return true;
}

bool gp__reply_ok(const struct gp__reply *reply, int digit)
{
    unsigned first = reply->code / 100u;

    if (reply->code < 200 || reply->code > 599 || (digit && first != (unsigned)(digit - '0')))
        return false;
    if (reply->klass && (reply->klass != first || first == 3))
        return false;
    return reply->subject <= 999 && reply->detail <= 999 && gp__reply_text_ok(reply->text);
}

static char *put_number(char *to, unsigned number)
{
    if (number >= 100)
        *to++ = (char)('0' + number / 100);
    if (number >= 10)
        *to++ = (char)('0' + number / 10 % 10);
    *to++ = (char)('0' + number % 10);
    return to;
}

static char *put_prefix(char *to, const struct gp__reply *reply, char separator)
{
    to = put_number(to, reply->code);
    *to++ = separator;
    if (reply->klass) {
        to = put_number(to, reply->klass);
        *to++ = '.';
        to = put_number(to, reply->subject);
        *to++ = '.';
        to = put_number(to, reply->detail);
    }
    return to;
}

static int write_line(struct gp__buf *out, const struct gp__reply *reply, struct gp_slice line,
                      bool last)
{
    size_t room;
    char *start = gp__buf_room(out, line.len + PREFIX_MAX, &room), *to = start;

    if (!start)
        return -1;
    to = put_prefix(to, reply, last ? ' ' : '-');
    if (line.len) {
        if (reply->klass)
            *to++ = ' ';
        to = (char *)memcpy(to, line.data, line.len) + line.len;
    }
    to = (char *)memcpy(to, "\r\n", 2) + 2;
    gp__buf_added(out, (size_t)(to - start));
    return 0;
}

int gp__reply_write(struct gp__buf *out, const struct gp__reply *reply)
{
    struct gp_slice rest = gp_slice_present(reply->text) ? reply->text : GP_S("");

    while (gp_slice_present(rest)) {
        struct gp_slice line = take_line(&rest);

        if (write_line(out, reply, line, !gp_slice_present(rest)) < 0)
            return -1;
    }
    return 0;
}

struct gp_slice gp__reply_format(struct gp__arena *arena, const struct gp__reply *reply)
{
    char *out = gp__arena_bytes(arena, reply->text.len + PREFIX_MAX), *to = out;
    struct gp_slice rest = reply->text;

    to = put_prefix(to, reply, ' ');
    if (!reply->klass)
        to--; /* the separator: what follows brings its own */
    while (gp_slice_present(rest)) {
        struct gp_slice line = take_line(&rest);

        *to++ = ' ';
        if (line.len)
            to = (char *)memcpy(to, line.data, line.len) + line.len;
    }
    return gp_slice(out, (size_t)(to - out));
}
