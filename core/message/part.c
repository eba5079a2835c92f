// SPDX-License-Identifier: Apache-2.0
/* What a part says, and replacing its text. */
#include "core/message/mime.h"

#include "core/base/codec.h"
#include "core/base/utf8.h"
#include "core/message/charset.h"
#include "core/message/value.h"

#define BASE64_LINE 76

struct gp_part *gp_part_next(const struct gp_part *part)
{
    return part->next;
}

unsigned gp_part_depth(const struct gp_part *part)
{
    return part->depth;
}

struct gp_slice gp_part_type(const struct gp_part *part)
{
    return part->type;
}

bool gp_part_is_container(const struct gp_part *part)
{
    return part->container;
}

struct gp_slice gp_part_disposition(const struct gp_part *part)
{
    return part->disposition.value;
}

uint64_t gp_part_offset(const struct gp_part *part)
{
    return part->offset;
}

uint64_t gp_part_length(const struct gp_part *part)
{
    return part->content.len;
}

struct gp_slice gp_part_raw(const struct gp_part *part)
{
    return part->content;
}

struct gp_slice gp__part_parameter(struct gp__arena *arena, const struct gp_part *part,
                                   struct gp_slice name)
{
    return gp__params_get(arena, &part->params, name, NULL, NULL);
}

struct gp_slice gp__part_filename(struct gp__arena *arena, const struct gp_part *part)
{
    return gp__params_filename(arena, &part->disposition, &part->params, NULL);
}

struct gp_slice gp__part_header(struct gp__arena *arena, const struct gp_part *part,
                                struct gp_slice name)
{
    struct gp_header *header;

    if (part->parent)
        return gp__value_unfold(arena, gp__value_in_section(part->section, name, 0));
    header = gp_header_find(part->message, name, 0);
    return header ? gp__header_value(arena, header) : gp_slice(NULL, 0);
}

struct gp_slice gp__part_decoded(struct gp__arena *arena, const struct gp_part *part)
{
    bool base64 = part->encoding == GP__CTE_BASE64;
    size_t most = base64 ? part->content.len / 4 * 3 : part->content.len;

    if (most > GP__MIME_DECODED_MAX)
        return gp_slice(NULL, 0);
    if (base64)
        return gp__base64_decode_mime(arena, part->content);
    if (part->encoding == GP__CTE_QUOTED_PRINTABLE)
        return gp__qp_decode_mime(arena, part->content);
    return part->content;
}

struct gp_slice gp__part_text(struct gp__arena *arena, const struct gp_part *part)
{
    struct gp_slice bytes = gp__part_decoded(arena, part);

    if (!gp_slice_present(bytes))
        return bytes;
    return gp__charset_decode(arena, gp__part_parameter(arena, part, GP_S("charset")), bytes);
}

/* ---- replacing the text ---- */

/* UTF-8 whose lines end with CRLF, without NUL. */
static bool is_text(struct gp_slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        bool crlf = text.data[i] == '\r' && i + 1 < text.len && text.data[i + 1] == '\n';

        if (crlf)
            i++;
        else if (text.data[i] == '\r' || text.data[i] == '\n' || text.data[i] == '\0')
            return false;
    }
    return gp__utf8_valid(text);
}

/* RFC 2045 2.7, 2.8: no line over 998, no NUL, no lone CR or LF. */
static bool is_lines(struct gp_slice bytes)
{
    while (gp_slice_present(bytes)) {
        struct gp_slice line = gp_slice_split(&bytes, '\n');

        if (gp_slice_present(bytes) && !gp_slice_ends(line, GP_S("\r")))
            return false;
        if (gp_slice_ends(line, GP_S("\r")))
            line.len--;
        if (line.len > GP__HEADER_LINE_MAX || gp_slice_find(line, '\r') < line.len ||
            gp_slice_find(line, '\0') < line.len)
            return false;
    }
    return true;
}

static struct gp_slice base64_lines(struct gp__arena *arena, struct gp_slice bytes)
{
    struct gp_slice text = gp__base64_encode(arena, bytes);
    char *out = gp__arena_bytes(arena, text.len + text.len / BASE64_LINE * 2 + 2), *to = out;

    for (size_t i = 0; i < text.len; i += BASE64_LINE) {
        struct gp_slice line = gp_slice_sub(text, i, BASE64_LINE);

        if (i > 0)
            to = (char *)memcpy(to, "\r\n", 2) + 2;
        to = (char *)memcpy(to, line.data, line.len) + line.len;
    }
    return gp_slice(out, (size_t)(to - out));
}

/* 0, or GP_EINVAL: the encoding can't carry the bytes. */
static int transfer_encode(struct gp__arena *arena, enum gp__transfer_encoding encoding,
                           struct gp_slice bytes, struct gp_slice *encoded_r)
{
    *encoded_r = bytes;
    switch (encoding) {
    case GP__CTE_7BIT:
        return gp__ascii_only(bytes) && is_lines(bytes) ? 0 : GP_EINVAL;
    case GP__CTE_8BIT:
        return is_lines(bytes) ? 0 : GP_EINVAL;
    case GP__CTE_BINARY:
        return 0;
    case GP__CTE_QUOTED_PRINTABLE:
        *encoded_r = gp__qp_encode(arena, bytes);
        return 0;
    case GP__CTE_BASE64:
        *encoded_r = base64_lines(arena, bytes);
        return 0;
    case GP__CTE_UNKNOWN:
        break;
    }
    return GP_EINVAL;
}

/* Whether a line begins like a delimiter of a multipart that the part is in: then even readers that
 * only compare beginnings must not see it. */
static bool has_delimiter(const struct gp_part *part, struct gp_slice bytes)
{
    while (gp_slice_present(bytes)) {
        struct gp_slice line = gp_slice_split(&bytes, '\n');

        if (!gp_slice_starts(line, GP_S("--")))
            continue;
        line = gp_slice_sub(line, 2, line.len);
        for (const struct gp_part *p = part->parent; p; p = p->parent)
            if (p->boundary.len > 0 && gp_slice_starts(line, p->boundary))
                return true;
    }
    return false;
}

/* Sets a field of the message, or adds it. */
static int put_field(struct gp_message *message, struct gp_slice who, struct gp_slice name,
                     struct gp_slice value)
{
    struct gp_header *header = gp_header_find(message, name, 0);

    return header ? gp__message_header_set(message, who, header, value)
                  : gp__message_header_insert(message, who, message->header_count, name, value);
}

/* Makes the message itself, a plain text in US-ASCII, one in UTF-8. */
static int become_utf8(struct gp_message *message, struct gp_slice who, const struct gp_part *part)
{
    struct gp_slice type = gp__arena_printf(message->arena, GP_FMT "; charset=utf-8",
                                            GP_ARG(part->type));
    int result = put_field(message, who, GP_S("MIME-Version"), GP_S("1.0"));

    if (result == 0)
        result = put_field(message, who, GP_S("Content-Type"), type);
    if (result == 0 && part->encoding == GP__CTE_7BIT)
        result = put_field(message, who, GP_S("Content-Transfer-Encoding"),
                           GP_S("quoted-printable"));
    return result;
}

static bool is_ascii_charset(struct gp_slice charset)
{
    return !gp_slice_present(charset) || gp_slice_caseeq(charset, GP_S("us-ascii")) ||
           gp_slice_caseeq(charset, GP_S("ascii"));
}

/* The content for the text. *becomes_utf8_r: if the message's fields are changed too. */
static int encode(const struct gp_part *part, struct gp_slice text, struct gp_slice *content_r,
                  bool *becomes_utf8_r)
{
    struct gp__arena *arena = part->message->arena;
    struct gp_slice charset = gp__part_parameter(arena, part, GP_S("charset")), bytes;
    enum gp__transfer_encoding encoding = part->encoding;

    *becomes_utf8_r = is_ascii_charset(charset) && !gp__ascii_only(text);
    if (*becomes_utf8_r) {
        if (part->parent || !gp_slice_starts(part->type, GP_S("text/")))
            return GP_EINVAL;
        if (encoding == GP__CTE_7BIT)
            encoding = GP__CTE_QUOTED_PRINTABLE;
        charset = GP_S("utf-8");
    }
    if (!gp_slice_present(charset))
        charset = GP_S("us-ascii");
    if (gp__charset_encode(arena, charset, text, &bytes) < 0 ||
        transfer_encode(arena, encoding, bytes, content_r) < 0)
        return GP_EINVAL;
    /* A message ends with a line end; that of a part belongs to the delimiter after it. */
    if (!part->parent && content_r->len > 0 && !gp_slice_ends(*content_r, GP_S("\r\n")) &&
        encoding != GP__CTE_BINARY)
        *content_r = gp__arena_printf(arena, GP_FMT "\r\n", GP_ARG(*content_r));
    return has_delimiter(part, *content_r) ? GP_EINVAL : 0;
}

/* With what must stand before and after it that is not there: a content that was empty may have had
 * neither a blank line before it nor a line end of its own after it. */
static struct gp_slice separate(const struct gp_part *part, struct gp_slice content)
{
    struct gp__arena *arena = part->message->arena;
    bool cut_off = part->section.len > 0 && !gp_slice_ends(part->section, GP_S("\n"));
    size_t before = part->no_blank_line ? (cut_off ? 4 : 2) : 0, after = part->no_line_end ? 2 : 0;
    char *out;

    if (before + after == 0)
        return content;
    out = gp__arena_bytes(arena, before + content.len + after);
    memcpy(out, "\r\n\r\n", before);
    memcpy(out + before, content.data, content.len);
    memcpy(out + before + content.len, "\r\n", after);
    return gp_slice(out, before + content.len + after);
}

int gp__part_set_text(struct gp_message *message, struct gp_slice who, const struct gp_part *part,
                      struct gp_slice text)
{
    struct gp_slice content;
    bool becomes_utf8;
    int result;

    if (part->message != message || part->container || part->opaque || !message->mime ||
        message->mime->version != message->version || !is_text(text))
        return GP_EINVAL;
    result = encode(part, text, &content, &becomes_utf8);
    if (result < 0)
        return result;
    result = gp__message_body_splice(message, who, part->offset, part->content.len,
                                     separate(part, content));
    if (result == 0 && becomes_utf8)
        result = become_utf8(message, who, part);
    return result;
}
