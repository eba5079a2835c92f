// SPDX-License-Identifier: Apache-2.0
/* The texts that are added to messages, made once from the options. */
#include "footer.h"

#include <stdlib.h>

/* A C string that grows; `full` once there was no memory for it. */
struct text {
    char *data;
    size_t len, size;
    bool full;
};

static void add(struct text *text, struct gp_slice more)
{
    if (text->full)
        return;
    if (!text->data || more.len >= text->size - text->len) {
        size_t size = (text->len + more.len) * 2 + 64;
        char *data = realloc(text->data, size);

        text->full = !data;
        if (!data)
            return;
        text->data = data;
        text->size = size;
    }
    if (more.len)
        memcpy(text->data + text->len, more.data, more.len);
    text->len += more.len;
    text->data[text->len] = '\0';
}

/* Takes the string. */
static int finish(struct text *text, char **string_r)
{
    if (text->full)
        free(text->data);
    else
        *string_r = text->data;
    return text->full ? GP_ELIMIT : GP_OK;
}

/* Lines with CRLF between them, without empty ones at the end. */
static void add_lines(struct text *text, struct gp_slice lines)
{
    while (gp_slice_ends(lines, GP_S("\n")) || gp_slice_ends(lines, GP_S("\r")))
        lines.len--;
    for (bool first = true; gp_slice_present(lines); first = false) {
        struct gp_slice line = gp_slice_split(&lines, '\n');

        if (gp_slice_ends(line, GP_S("\r")))
            line.len--;
        if (!first)
            add(text, GP_S("\r\n"));
        add(text, line);
    }
}

static struct gp_slice escape(char c)
{
    switch (c) {
    case '&':
        return GP_S("&amp;");
    case '<':
        return GP_S("&lt;");
    case '>':
        return GP_S("&gt;");
    case '"':
        return GP_S("&quot;");
    case '\n':
        return GP_S("<br>\r\n");
    case '\r':
        return GP_S("");
    default:
        return gp_slice(NULL, 0);
    }
}

/* Text as HTML, without line breaks at the end. */
static void add_escaped(struct text *text, struct gp_slice plain)
{
    plain = gp_slice_trim(plain);
    for (size_t i = 0; i < plain.len; i++) {
        struct gp_slice escaped = escape(plain.data[i]);

        add(text, gp_slice_present(escaped) ? escaped : gp_slice_sub(plain, i, 1));
    }
}

static int make_plain(struct footer *footer, struct gp_slice text)
{
    struct text block = {.data = NULL}, marker = {.data = NULL};

    if (footer->separator.len) {
        add_lines(&block, footer->separator);
        add(&block, GP_S("\r\n"));
    }
    add_lines(&block, text);
    add_lines(&marker, gp_slice_trim(footer->marker.len ? footer->marker : text));
    return finish(&block, &footer->plain_block) | finish(&marker, &footer->plain_marker);
}

static int make_html(struct footer *footer, struct gp_slice text, struct gp_slice html)
{
    struct text block = {.data = NULL}, marker = {.data = NULL};

    if (gp_slice_present(html)) {
        add_lines(&block, html);
    } else {
        add(&block, GP_S("<hr>\r\n<p>"));
        add_escaped(&block, text);
        add(&block, GP_S("</p>"));
    }
    if (footer->marker.len || !gp_slice_present(html))
        add_escaped(&marker, footer->marker.len ? footer->marker : text);
    else
        add_lines(&marker, gp_slice_trim(html));
    return finish(&block, &footer->html_block) | finish(&marker, &footer->html_marker);
}

int footer_blocks_make(struct footer *footer, struct gp_slice text, struct gp_slice html)
{
    int error = make_plain(footer, text);

    return make_html(footer, text, html) || error ? GP_ELIMIT : GP_OK;
}

/* The length of the character at the beginning, or 0: it is none (RFC 3629). */
static size_t character(struct gp_slice text)
{
    const unsigned char *c = (const unsigned char *)text.data;
    size_t len = c[0] < 0x80 ? 1 : c[0] < 0xc2 ? 0 : c[0] < 0xe0 ? 2 : c[0] < 0xf0 ? 3 : 4;

    if (len == 0 || len > text.len || c[0] > 0xf4)
        return 0;
    for (size_t i = 1; i < len; i++)
        if ((c[i] & 0xc0) != 0x80)
            return 0;
    /* Longer than need be, surrogates, beyond U+10FFFF. */
    if ((c[0] == 0xe0 && c[1] < 0xa0) || (c[0] == 0xed && c[1] > 0x9f) ||
        (c[0] == 0xf0 && c[1] < 0x90) || (c[0] == 0xf4 && c[1] > 0x8f))
        return 0;
    return len;
}

bool footer_is_text(struct gp_slice text)
{
    while (text.len) {
        size_t len = character(text);
        char c = text.data[0];

        if (len == 0 || c == 0x7f || (c >= 0 && c < 0x20 && c != '\t' && c != '\r' && c != '\n'))
            return false;
        text = gp_slice_sub(text, len, text.len);
    }
    return true;
}
