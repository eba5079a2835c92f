// SPDX-License-Identifier: Apache-2.0
/* Packets of the milter protocol: a length of four bytes, a letter, the rest. */
#include "core/smtp/milter_internal.h"

#define OPTIONS_LEN 12

/* ---- taking apart ---- */

static uint32_t decode(const char *in)
{
    uint32_t value = 0;

    for (int i = 0; i < 4; i++)
        value = value << 8 | (unsigned char)in[i];
    return value;
}

static void encode(char out[4], size_t value)
{
    for (int i = 0; i < 4; i++)
        out[i] = (char)(value >> (24 - 8 * i) & 0xff);
}

int gp__milter_packet(struct gp_slice input, char *letter_r, struct gp_slice *rest_r)
{
    size_t len;

    if (input.len < 4)
        return 0;
    len = decode(input.data);
    if (len == 0 || len > GP__MILTER_PACKET_MAX)
        return -1;
    if (input.len - 4 < len)
        return 0;
    *letter_r = input.data[4];
    *rest_r = gp_slice(input.data + 5, len - 1);
    return 1;
}

int gp__milter_text(struct gp_slice *rest, struct gp_slice *text_r)
{
    size_t end = gp_slice_find(*rest, '\0');

    if (end == rest->len)
        return -1;
    *text_r = gp_slice(rest->data, end);
    *rest = gp_slice_sub(*rest, end + 1, rest->len);
    return 0;
}

int gp__milter_number(struct gp_slice *rest, uint32_t *value_r)
{
    if (rest->len < 4)
        return -1;
    *value_r = decode(rest->data);
    *rest = gp_slice_sub(*rest, 4, rest->len);
    return 0;
}

/* RFC 5322 2.2. An MTA that has other ideas of a field must not put lines into our message. */
static bool is_field_name(struct gp_slice name)
{
    for (size_t i = 0; i < name.len; i++)
        if (name.data[i] < ' ' || name.data[i] == 0x7f || name.data[i] == ':')
            return false;
    return name.len > 0;
}

/* Folds come as bare line feeds, or with CR; a CR of any other kind goes. */
static int put_value(struct gp__buf *out, struct gp_slice value)
{
    int result = 0;

    while (gp_slice_present(value) && result == 0) {
        struct gp_slice line = gp_slice_split(&value, '\n');

        while (line.len && result == 0) {
            struct gp_slice run = gp_slice_split(&line, '\r');

            result = gp__buf_append(out, run);
        }
        if (result == 0 && gp_slice_present(value))
            result = gp__buf_append(
                out, value.len && (value.data[0] == ' ' || value.data[0] == '\t') ? GP_S("\r\n")
                                                                                  : GP_S("\r\n "));
    }
    return result;
}

int gp__milter_field(struct gp__buf *out, struct gp_slice rest, bool with_space)
{
    struct gp_slice name, value;

    gp__buf_clear(out);
    if (gp__milter_text(&rest, &name) < 0 || gp__milter_text(&rest, &value) < 0 || rest.len > 0 ||
        !is_field_name(name))
        return -1;
    if (gp__buf_append(out, name) < 0 ||
        gp__buf_append(out, with_space ? GP_S(":") : GP_S(": ")) < 0)
        return -1;
    while (value.len && (value.data[value.len - 1] == '\n' || value.data[value.len - 1] == '\r'))
        value.len--;
    return put_value(out, value) < 0 ? -1 : gp__buf_append(out, GP_S("\r\n"));
}

/* ---- building ---- */

void gp__milter_put(struct gp__smtp *smtp, char letter, const struct gp_slice *parts, size_t n)
{
    char head[5];
    size_t len = 1;
    int result;

    for (size_t i = 0; i < n; i++)
        len += parts[i].len;
    encode(head, len);
    head[4] = letter;
    result = gp__buf_append(&smtp->out, gp_slice(head, sizeof head));
    for (size_t i = 0; i < n && result == 0; i++)
        result = gp__buf_append(&smtp->out, parts[i]);
    if (result < 0)
        gp__smtp_close(smtp, NULL, GP__RESET_CLOSED);
}

/* sendmail reads the text as a format: "%" is doubled. */
static int put_escaped(struct gp__buf *out, struct gp_slice text)
{
    int result = 0;

    while (gp_slice_present(text) && result == 0) {
        struct gp_slice run = gp_slice_split(&text, '%');

        result = gp__buf_append(out, run);
        if (result == 0 && gp_slice_present(text))
            result = gp__buf_append(out, GP_S("%%"));
    }
    return result;
}

void gp__milter_put_reply(struct gp__smtp *smtp, const struct gp__reply *reply)
{
    struct gp__buf lines = {.limit = 0}, escaped = {.limit = 0};
    struct gp_slice text, parts[2];

    if (gp__reply_write(&lines, reply) == 0) {
        text = gp__buf_slice(&lines);
        for (size_t i = 0; i < text.len; i++)
            if ((unsigned char)text.data[i] >= 0x80)
                lines.data[lines.start + i] = '?';
        text.len -= 2; /* the last CRLF */
        (void)put_escaped(&escaped, text);
    }
    parts[0] = gp__buf_slice(&escaped);
    parts[1] = gp_slice("", 1);
    if (parts[0].len)
        gp__milter_put(smtp, 'y', parts, 2);
    else
        gp__milter_put(smtp, 't', NULL, 0);
    gp__buf_free(&lines);
    gp__buf_free(&escaped);
}

void gp__milter_put_options(struct gp__smtp *smtp)
{
    const struct gp__milter *milter = smtp->milter;
    char numbers[OPTIONS_LEN] = {0};
    struct gp_slice part = gp_slice(numbers, sizeof numbers);

    encode(numbers, milter->version);
    encode(numbers + 4, milter->actions);
    encode(numbers + 8, milter->steps);
    gp__milter_put(smtp, 'O', &part, 1);
}

/* ---- changes ---- */

static const struct gp_slice nul = {"", 1};

/* The value as it goes over the wire: folds as bare line feeds, the blank after the colon only if
 * that was agreed upon. Appended to `out`, which holds nothing else. */
static struct gp_slice wire_value(const struct gp__smtp *smtp, struct gp__buf *out,
                                  struct gp_slice value)
{
    bool with_space = smtp->milter->steps & GP__MILTER_HEADER_SPACE;

    if (!with_space && value.len && value.data[0] == ' ')
        value = gp_slice_sub(value, 1, value.len);
    while (value.len > 0) {
        struct gp_slice run = gp_slice_split(&value, '\r');

        if (gp__buf_append(out, run) < 0)
            break;
    }
    return gp__buf_slice(out);
}

static void put_field(struct gp__smtp *smtp, char letter, const size_t *index, struct gp_slice name,
                      struct gp_slice value)
{
    struct gp__buf text = {.limit = 0};
    struct gp_slice parts[5];
    char number[4];
    size_t n = 0;

    if (index) {
        encode(number, *index);
        parts[n++] = gp_slice(number, sizeof number);
    }
    parts[n++] = name;
    parts[n++] = nul;
    parts[n++] = wire_value(smtp, &text, value);
    parts[n++] = nul;
    gp__milter_put(smtp, letter, parts, n);
    gp__buf_free(&text);
}

void gp__milter_header_insert(struct gp__smtp *smtp, size_t index, struct gp_slice name,
                              struct gp_slice value)
{
    put_field(smtp, 'i', &index, name, value);
}

void gp__milter_header_add(struct gp__smtp *smtp, struct gp_slice name, struct gp_slice value)
{
    put_field(smtp, 'h', NULL, name, value);
}

void gp__milter_header_change(struct gp__smtp *smtp, size_t nth, struct gp_slice name,
                              struct gp_slice value)
{
    put_field(smtp, 'm', &nth, name, value);
}

void gp__milter_body(struct gp__smtp *smtp, struct gp_slice bytes)
{
    do {
        struct gp_slice part = gp_slice_sub(bytes, 0, GP__MILTER_PART_MAX);

        gp__milter_put(smtp, 'b', &part, 1);
        bytes = gp_slice_sub(bytes, part.len, bytes.len);
    } while (bytes.len > 0);
}

static void put_address(struct gp__smtp *smtp, char letter, struct gp_slice address)
{
    const struct gp_slice parts[] = {GP_S("<"), address, GP_S(">"), nul};

    gp__milter_put(smtp, letter, parts, 4);
}

void gp__milter_sender(struct gp__smtp *smtp, struct gp_slice address)
{
    put_address(smtp, 'e', address);
}

void gp__milter_rcpt_add(struct gp__smtp *smtp, struct gp_slice address)
{
    put_address(smtp, '+', address);
}

void gp__milter_rcpt_delete(struct gp__smtp *smtp, struct gp_slice address)
{
    put_address(smtp, '-', address);
}

void gp__milter_quarantine(struct gp__smtp *smtp, struct gp_slice reason)
{
    const struct gp_slice parts[] = {reason, nul};

    gp__milter_put(smtp, 'q', parts, 2);
}
