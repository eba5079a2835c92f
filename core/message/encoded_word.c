// SPDX-License-Identifier: Apache-2.0
/* Encoded words. Decoding is linear: a word's text ends at the first "?" after it begins. */
#include "core/message/encoded_word.h"

#include "core/base/ascii.h"
#include "core/base/buf.h"
#include "core/base/codec.h"
#include "core/base/utf8.h"
#include "core/message/charset.h"

#define CHARSET_MAX 64

struct word {
    struct gp_slice charset, text;
    char encoding; /* 'b' or 'q' */
    size_t len;
};

struct decoder {
    struct gp__arena *arena;
    struct gp__buf out;
    struct gp__buf pending;  /* bytes of words of one character set */
    struct gp_slice charset; /* theirs */
};

static size_t printable_until(struct gp_slice s, char end)
{
    size_t i = 0;

    while (i < s.len && s.data[i] > ' ' && s.data[i] < 0x7f && s.data[i] != end)
        i++;
    return i;
}

/* "=?" charset ["*" language] "?" encoding "?" encoded-text "?=" at the start of s. */
static bool parse_word(struct gp_slice s, struct word *word_r)
{
    struct gp_slice rest = gp_slice_sub(s, 2, s.len);
    size_t charset, text;

    if (!gp_slice_starts(s, GP_S("=?")))
        return false;
    charset = printable_until(gp_slice_sub(rest, 0, CHARSET_MAX), '?');
    word_r->charset = gp_slice_sub(rest, 0, charset);
    word_r->charset.len = gp_slice_find(word_r->charset, '*');
    rest = gp_slice_sub(rest, charset, rest.len);
    if (word_r->charset.len == 0 || rest.len < 5 || rest.data[0] != '?' || rest.data[2] != '?')
        return false;
    word_r->encoding = gp__to_lower(rest.data[1]);
    rest = gp_slice_sub(rest, 3, rest.len);
    text = printable_until(rest, '?');
    word_r->text = gp_slice_sub(rest, 0, text);
    rest = gp_slice_sub(rest, text, rest.len);
    if (!gp_slice_starts(rest, GP_S("?=")))
        return false;
    word_r->len = (size_t)(rest.data - s.data) + 2;
    return word_r->encoding == 'b' || word_r->encoding == 'q';
}

/* RFC 2047 4.2. */
static struct gp_slice decode_q(struct gp__arena *arena, struct gp_slice text)
{
    char *out = gp__arena_bytes(arena, text.len + 1), *to = out;

    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];

        if (c == '=' && text.len - i >= 3 && gp__hex_value(text.data[i + 1]) >= 0 &&
            gp__hex_value(text.data[i + 2]) >= 0) {
            c = (char)(gp__hex_value(text.data[i + 1]) << 4 | gp__hex_value(text.data[i + 2]));
            i += 2;
        } else if (c == '_') {
            c = ' ';
        }
        *to++ = c;
    }
    return gp_slice(out, (size_t)(to - out));
}

/* No limit is set on these buffers, so only memory can be out; then the text ends early. */
static void add(struct gp__buf *buf, struct gp_slice s)
{
    if (gp__buf_append(buf, s) < 0)
        return;
}

static void flush(struct decoder *decoder)
{
    add(&decoder->out,
        gp__charset_decode(decoder->arena, decoder->charset,
                           gp__arena_dup(decoder->arena, gp__buf_slice(&decoder->pending))));
    gp__buf_clear(&decoder->pending);
}

static void add_word(struct decoder *decoder, const struct word *word)
{
    if (!gp_slice_caseeq(decoder->charset, word->charset))
        flush(decoder);
    decoder->charset = word->charset;
    add(&decoder->pending, word->encoding == 'q'
                               ? decode_q(decoder->arena, word->text)
                               : gp__base64_decode_mime(decoder->arena, word->text));
}

static void add_plain(struct decoder *decoder, struct gp_slice text)
{
    flush(decoder);
    add(&decoder->out, gp__charset_decode(decoder->arena, gp_slice(NULL, 0), text));
}

struct gp_slice gp__encoded_word_decode(struct gp__arena *arena, struct gp_slice value)
{
    struct decoder decoder = {.arena = arena};
    struct gp_slice result;
    size_t plain = 0, i = 0; /* not decoded yet: from plain on */
    bool after_word = false;
    struct word word;

    if (gp_slice_search(value, GP_S("=?")) == value.len)
        return gp__charset_decode(arena, gp_slice(NULL, 0), value);
    while (i < value.len) {
        struct gp_slice text = gp_slice_sub(value, plain, i - plain);

        if (!parse_word(gp_slice_sub(value, i, value.len), &word)) {
            i++;
            continue;
        }
        if (text.len > 0 && !(after_word && gp_slice_trim(text).len == 0))
            add_plain(&decoder, text);
        add_word(&decoder, &word);
        after_word = true;
        i += word.len;
        plain = i;
    }
    if (plain < value.len)
        add_plain(&decoder, gp_slice_sub(value, plain, value.len));
    flush(&decoder);
    result = gp__arena_dup(arena, gp__buf_slice(&decoder.out));
    gp__buf_free(&decoder.out);
    gp__buf_free(&decoder.pending);
    return result;
}

#define WORD_BYTES 45 /* become 60 of base64, 72 with "=?utf-8?B?" and "?=" (RFC 2047 2: 75) */

/* The longest run of whole characters at the start that fits a word. */
static size_t word_bytes(struct gp_slice text)
{
    size_t n = 0;

    while (n < text.len) {
        uint32_t code;
        size_t len = gp__utf8_decode(gp_slice_sub(text, n, text.len), &code);

        len = len ? len : 1;
        if (n + len > WORD_BYTES)
            break;
        n += len;
    }
    return n;
}

struct gp_slice gp__encoded_word_encode(struct gp__arena *arena, struct gp_slice text)
{
    struct gp_slice words = GP_S("");

    while (text.len > 0) {
        size_t n = word_bytes(text);

        words = GP__ARENA_JOIN(arena, words, words.len ? GP_S(" =?utf-8?B?") : GP_S("=?utf-8?B?"),
                               gp__base64_encode(arena, gp_slice_sub(text, 0, n)), GP_S("?="));
        text = gp_slice_sub(text, n, text.len);
    }
    return words;
}
