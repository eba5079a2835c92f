// SPDX-License-Identifier: Apache-2.0
#include "wire.h"

#include <stdlib.h>

#define OPTIONS_LEN 12
/* A line of a field has 998 bytes (RFC 5322 2.1.1), and is folded at blanks only. */
#define FIELD_NAME_MAX 90
#define FIELD_WORD_MAX 900

/* ---- building ---- */

void milter_bytes_free(struct milter_bytes *bytes)
{
    free(bytes->data);
    *bytes = (struct milter_bytes){.data = NULL};
}

static char *room(struct milter_bytes *out, size_t n)
{
    size_t cap = out->cap ? out->cap : 256;
    char *data;

    if (n > SIZE_MAX / 4 - out->len)
        out->failed = true;
    if (out->failed)
        return NULL;
    while (cap < out->len + n)
        cap *= 2;
    if (cap != out->cap) {
        data = realloc(out->data, cap);
        out->failed = !data;
        if (!data)
            return NULL;
        out->data = data;
        out->cap = cap;
    }
    return out->data + out->len;
}

void milter_put(struct milter_bytes *out, struct gp_slice bytes)
{
    char *to = room(out, bytes.len);

    if (!to || bytes.len == 0)
        return;
    memcpy(to, bytes.data, bytes.len);
    out->len += bytes.len;
}

static void put_byte(struct milter_bytes *out, char byte)
{
    milter_put(out, gp_slice(&byte, 1));
}

static void encode(char out[4], uint32_t value)
{
    for (int i = 0; i < 4; i++)
        out[i] = (char)(value >> (24 - 8 * i) & 0xff);
}

static uint32_t decode(const char *in)
{
    uint32_t value = 0;

    for (int i = 0; i < 4; i++)
        value = value << 8 | (unsigned char)in[i];
    return value;
}

void milter_put_u32(struct milter_bytes *out, uint32_t value)
{
    char bytes[4];

    encode(bytes, value);
    milter_put(out, gp_slice(bytes, sizeof bytes));
}

void milter_put_text(struct milter_bytes *out, struct gp_slice text)
{
    size_t begin = out->len;

    milter_put(out, text);
    for (size_t i = begin; i < out->len; i++)
        if (out->data[i] == '\0')
            out->data[i] = '?';
    put_byte(out, '\0');
}

size_t milter_begin(struct milter_bytes *out, char letter)
{
    size_t begin = out->len;

    milter_put_u32(out, 0);
    put_byte(out, letter);
    return begin;
}

void milter_end(struct milter_bytes *out, size_t begin)
{
    if (!out->failed)
        encode(out->data + begin, (uint32_t)(out->len - begin - 4));
}

/* ---- taking apart ---- */

int milter_packet(struct gp_slice input, size_t *used_r, char *letter_r, struct gp_slice *rest_r)
{
    size_t len;

    if (input.len < 4)
        return 0;
    len = decode(input.data);
    if (len == 0 || len > MILTER_PACKET_MAX)
        return -1;
    if (input.len - 4 < len)
        return 0;
    *used_r = 4 + len;
    *letter_r = input.data[4];
    *rest_r = gp_slice(input.data + 5, len - 1);
    return 1;
}

static int take_u32(struct gp_slice *rest, uint32_t *value_r)
{
    if (rest->len < 4)
        return -1;
    *value_r = decode(rest->data);
    *rest = gp_slice_sub(*rest, 4, rest->len);
    return 0;
}

/* A text up to its NUL, which must be there. */
static int take_text(struct gp_slice *rest, struct gp_slice *text_r)
{
    size_t end = gp_slice_find(*rest, '\0');

    if (end == rest->len)
        return -1;
    *text_r = gp_slice(rest->data, end);
    *rest = gp_slice_sub(*rest, end + 1, rest->len);
    return 0;
}

int milter_options_parse(struct gp_slice rest, struct milter_options *options_r)
{
    uint32_t list;

    *options_r = (struct milter_options){.version = 0};
    if (rest.len < OPTIONS_LEN)
        return -1;
    (void)take_u32(&rest, &options_r->version);
    (void)take_u32(&rest, &options_r->actions);
    (void)take_u32(&rest, &options_r->steps);
    while (rest.len > 0) {
        struct gp_slice names;

        if (take_u32(&rest, &list) < 0 || take_text(&rest, &names) < 0)
            return -1;
        /* Lists for commands of a later version are of no use to us. */
        if (list < MILTER_SYMBOL_LISTS)
            options_r->symbols[list] = names;
    }
    return 0;
}

/* ---- replies ---- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Length of an enhanced status code of that class (RFC 3463 2) with a blank or nothing after it;
 * 0: there is none. */
static size_t status_length(struct gp_slice text, char class)
{
    size_t at = 1, digits = 0;

    if (text.len < 5 || text.data[0] != class)
        return 0;
    for (int part = 0; part < 2; part++) {
        if (at >= text.len || text.data[at++] != '.')
            return 0;
        for (digits = 0; at < text.len && is_digit(text.data[at]); digits++)
            at++;
        if (digits < 1 || digits > 3)
            return 0;
    }
    return at == text.len || text.data[at] == ' ' ? at : 0;
}

/* A blank for what may not be in a reply; "%%" stands for "%", as sendmail reads it. */
static int put_reply_line(struct milter_reply *reply, struct gp_slice line)
{
    size_t begin = reply->len;

    for (size_t i = 0; i < line.len; i++) {
        unsigned char c = (unsigned char)line.data[i];

        if (c == '%' && ++i < line.len)
            c = (unsigned char)line.data[i];
        if (reply->len == sizeof reply->text)
            return -1;
        reply->text[reply->len++] = c < 0x20 || c == 0x7f ? ' ' : (char)c;
    }
    return reply->len - begin > MILTER_LINE_MAX ? -1 : 0;
}

/* "550-5.7.1 text": without its code and status. */
static int reply_line(struct milter_reply *reply, struct gp_slice line, bool first)
{
    char class = line.len ? line.data[0] : '\0';
    size_t status;

    if (line.len < 3 || (class != '4' && class != '5') || !is_digit(line.data[1]) ||
        !is_digit(line.data[2]) || (line.len > 3 && line.data[3] != ' ' && line.data[3] != '-'))
        return -1;
    if (first) {
        reply->code = (unsigned)(class - '0') * 100 + (unsigned)(line.data[1] - '0') * 10 +
                      (unsigned)(line.data[2] - '0');
        memcpy(reply->status, line.data, 3);
    } else if (memcmp(reply->status, line.data, 3) != 0) {
        return -1;
    }
    line = gp_slice_sub(line, 4, line.len);
    status = status_length(line, class);
    if (first && status) {
        reply->status[3] = ' ';
        memcpy(reply->status + 4, line.data, status);
    }
    line = gp_slice_sub(line, status, line.len);
    if (line.len && line.data[0] == ' ')
        line = gp_slice_sub(line, 1, line.len);
    return put_reply_line(reply, line);
}

int milter_reply_parse(struct gp_slice rest, struct milter_reply *reply_r)
{
    bool first = true;

    memset(reply_r, 0, sizeof *reply_r);
    rest = gp_slice_sub(rest, 0, gp_slice_find(rest, '\0'));
    while (gp_slice_ends(rest, GP_S("\n")) || gp_slice_ends(rest, GP_S("\r")))
        rest.len--;
    do {
        struct gp_slice line = gp_slice_split(&rest, '\n');

        if (gp_slice_ends(line, GP_S("\r")))
            line.len--;
        if (!first && reply_r->len > sizeof reply_r->text - 2)
            return -1;
        if (!first) {
            memcpy(reply_r->text + reply_r->len, "\r\n", 2);
            reply_r->len += 2;
        }
        if (reply_line(reply_r, line, first) < 0)
            return -1;
        first = false;
    } while (gp_slice_present(rest));
    return 0;
}

/* ---- changes ---- */

static const struct {
    char letter;
    uint32_t right;
} edits[] = {
    {'h', MILTER_MAY_ADD_HEADERS},  {'i', MILTER_MAY_ADD_HEADERS}, {'m', MILTER_MAY_CHANGE_HEADERS},
    {'b', MILTER_MAY_CHANGE_BODY},  {'e', MILTER_MAY_CHANGE_FROM}, {'+', MILTER_MAY_ADD_RCPT},
    {'2', MILTER_MAY_ADD_RCPT_PAR}, {'-', MILTER_MAY_DELETE_RCPT}, {'q', MILTER_MAY_QUARANTINE},
};

bool milter_edit_is(char letter)
{
    return milter_edit_right(letter) != 0;
}

uint32_t milter_edit_right(char letter)
{
    for (size_t i = 0; i < sizeof edits / sizeof edits[0]; i++)
        if (edits[i].letter == letter)
            return edits[i].right;
    return 0;
}

/* RFC 5322 2.2: printable, no colon. */
static bool is_field_name(struct gp_slice name)
{
    for (size_t i = 0; i < name.len; i++)
        if (name.data[i] <= ' ' || name.data[i] >= 0x7f || name.data[i] == ':')
            return false;
    return name.len > 0 && name.len <= FIELD_NAME_MAX;
}

static int parse_field(struct gp_slice *rest, struct milter_edit *edit)
{
    if (take_text(rest, &edit->first) < 0 || take_text(rest, &edit->second) < 0)
        return -1;
    return is_field_name(edit->first) ? 0 : -1;
}

/* An address, and parameters if they are given. */
static int parse_address(struct gp_slice *rest, struct milter_edit *edit)
{
    if (take_text(rest, &edit->first) < 0)
        return -1;
    return rest->len > 0 ? take_text(rest, &edit->second) : 0;
}

int milter_edit_parse(char letter, struct gp_slice rest, struct milter_edit *edit_r)
{
    int result = -1;

    *edit_r = (struct milter_edit){.letter = letter};
    switch (letter) {
    case 'b':
        edit_r->first = rest;
        return 0;
    case 'h':
        result = parse_field(&rest, edit_r);
        break;
    case 'i':
    case 'm':
        result = take_u32(&rest, &edit_r->index);
        result = result < 0 ? result : parse_field(&rest, edit_r);
        break;
    case 'e':
    case '2':
        result = parse_address(&rest, edit_r);
        break;
    case '+':
    case '-':
    case 'q':
        result = take_text(&rest, &edit_r->first);
        break;
    default:
        break;
    }
    return result < 0 || rest.len > 0 ? -1 : 0;
}

/* Whether it can be a line of a field: no CR, no word that could not be folded. */
static bool is_field_line(struct gp_slice line)
{
    size_t word = 0;

    for (size_t i = 0; i < line.len; i++) {
        word = line.data[i] == ' ' || line.data[i] == '\t' ? 0 : word + 1;
        if (line.data[i] == '\r' || word > FIELD_WORD_MAX)
            return false;
    }
    return true;
}

int milter_value(struct gp_slice value, struct milter_bytes *out)
{
    bool first = true;

    while (gp_slice_ends(value, GP_S("\n")) || gp_slice_ends(value, GP_S("\r")))
        value.len--;
    do {
        struct gp_slice line = gp_slice_split(&value, '\n');

        if (gp_slice_ends(line, GP_S("\r")))
            line.len--;
        if (!is_field_line(line))
            return -1;
        if (!first && (line.len == 0 || (line.data[0] != ' ' && line.data[0] != '\t')))
            return -1;
        if (!first)
            milter_put(out, GP_S("\r\n"));
        milter_put(out, line);
        first = false;
    } while (gp_slice_present(value));
    return out->failed ? -1 : 0;
}

int milter_body(struct gp_slice bytes, struct milter_bytes *out, char *last_r)
{
    size_t from = 0;

    for (size_t i = 0; i < bytes.len; i++) {
        char c = bytes.data[i];

        if (c == '\0' || (*last_r == '\r' && c != '\n'))
            return -1;
        if (c == '\n' && *last_r != '\r') {
            milter_put(out, gp_slice_sub(bytes, from, i - from));
            milter_put(out, GP_S("\r"));
            from = i;
        }
        *last_r = c;
    }
    milter_put(out, gp_slice_sub(bytes, from, bytes.len));
    return out->failed ? -1 : 0;
}
