// SPDX-License-Identifier: Apache-2.0
#include "core/delivery/dsn_template.h"

#include "core/base/ascii.h"
#include "core/base/utf8.h"

#define LANGUAGE_MAX 35 /* RFC 5646 4.4.1 */

static const char *const names[GP__DSN_VALUE_COUNT] = {
    [GP__DSN_VALUE_HOSTNAME] = "hostname",     [GP__DSN_VALUE_ID] = "id",
    [GP__DSN_VALUE_SENDER] = "sender",         [GP__DSN_VALUE_SUBJECT] = "subject",
    [GP__DSN_VALUE_ARRIVAL] = "arrival",       [GP__DSN_VALUE_RETRY_UNTIL] = "retry_until",
    [GP__DSN_VALUE_RECIPIENTS] = "recipients",
};

/* ---- names of values ---- */

enum piece {
    PIECE_TEXT = 0,
    PIECE_VALUE,
    PIECE_UNKNOWN, /* a name that is none, or a brace that does not end */
};

static enum piece read_name(struct gp_slice *text, struct gp_slice *piece_r,
                            enum gp__dsn_value *value_r)
{
    size_t end = gp_slice_find(*text, '}');
    struct gp_slice name = gp_slice_sub(*text, 1, end - 1);
    bool ended = end < text->len;

    *piece_r = gp_slice_sub(*text, 0, end + 1);
    *text = gp_slice_sub(*text, piece_r->len, text->len);
    for (unsigned i = 0; i < GP__DSN_VALUE_COUNT; i++)
        if (ended && gp_slice_eq(name, gp_slice_of(names[i]))) {
            *value_r = (enum gp__dsn_value)i;
            return PIECE_VALUE;
        }
    return PIECE_UNKNOWN;
}

/* Takes what comes next off a text that is not empty: up to a brace, a doubled brace, or a name. */
static enum piece next_piece(struct gp_slice *text, struct gp_slice *piece_r,
                             enum gp__dsn_value *value_r)
{
    size_t brace = gp_slice_find(*text, '{');

    if (brace == 0 && !gp_slice_starts(*text, GP_S("{{")))
        return read_name(text, piece_r, value_r);
    *piece_r = brace == 0 ? GP_S("{") : gp_slice_sub(*text, 0, brace);
    *text = gp_slice_sub(*text, brace == 0 ? 2 : brace, text->len);
    return PIECE_TEXT;
}

int gp__dsn_template_fill(struct gp__buf *out, struct gp_slice text,
                          const struct gp_slice values[GP__DSN_VALUE_COUNT])
{
    while (text.len > 0) {
        enum gp__dsn_value value;
        struct gp_slice piece;

        if (next_piece(&text, &piece, &value) == PIECE_VALUE)
            piece = values[value];
        if (gp__buf_append(out, piece) < 0)
            return -1;
    }
    return 0;
}

/* ---- reading ---- */

struct reading {
    struct gp__arena *arena;
    struct gp__dsn_template *template;
    struct gp_slice error;
    unsigned line;
};

static int wrong(struct reading *r, const char *what, struct gp_slice bytes)
{
    r->error = gp__arena_printf(r->arena, "line %u: %s \"" GP_FMT "\"", r->line, what,
                                GP_ARG(gp_slice_sub(bytes, 0, 60)));
    return -1;
}

/* Whether all names in a line are known and make sense there. */
static int check_names(struct reading *r, struct gp_slice line, bool paragraphs)
{
    while (line.len > 0) {
        enum gp__dsn_value value = GP__DSN_VALUE_HOSTNAME;
        struct gp_slice piece;
        enum piece kind = next_piece(&line, &piece, &value);

        if (kind == PIECE_UNKNOWN)
            return wrong(r, "there is no value of this name (a brace is written \"{{\"):", piece);
        if (kind == PIECE_VALUE && value == GP__DSN_VALUE_RECIPIENTS && !paragraphs)
            return wrong(r, "one line has no room for", piece);
    }
    return 0;
}

static bool is_language(struct gp_slice s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!gp__is_alnum(s.data[i]) && s.data[i] != '-')
            return false;
    return s.len > 0 && s.len <= LANGUAGE_MAX && gp__is_alpha(s.data[0]);
}

static int read_field(struct reading *r, struct gp_slice line)
{
    size_t colon = gp_slice_find(line, ':');
    struct gp_slice name = gp_slice_sub(line, 0, colon);
    struct gp_slice value = gp_slice_trim(gp_slice_sub(line, colon + 1, line.len));

    if (colon == line.len)
        return wrong(r, "expected a field, or an empty line before the text, not", line);
    if (value.len == 0)
        return wrong(r, "nothing is said by the field", name);
    if (gp_slice_caseeq(name, GP_S("Language"))) {
        r->template->language = value;
        return is_language(value) ? 0 : wrong(r, "not a language like \"en\" or \"pt-BR\":", value);
    }
    if (gp_slice_caseeq(name, GP_S("From"))) {
        r->template->from = value;
        return 0;
    }
    if (gp_slice_caseeq(name, GP_S("Subject"))) {
        r->template->subject = value;
        return check_names(r, value, false);
    }
    return wrong(r, "the fields are Language, From and Subject, not", name);
}

static bool has_controls(struct gp_slice line)
{
    for (size_t i = 0; i < line.len; i++)
        if (gp__is_control(line.data[i]) && line.data[i] != '\t')
            return true;
    return false;
}

/* Takes a line off, without its line end. */
static int take_line(struct reading *r, struct gp_slice *bytes, struct gp_slice *line_r)
{
    *line_r = gp_slice_split(bytes, '\n');
    if (gp_slice_ends(*line_r, GP_S("\r")))
        line_r->len--;
    r->line++;
    if (has_controls(*line_r))
        return wrong(r, "control characters in", GP_S("the line"));
    return gp__utf8_valid(*line_r) ? 0 : wrong(r, "no UTF-8 in", GP_S("the line"));
}

static int read_text(struct reading *r, struct gp_slice bytes)
{
    char *out = gp__arena_bytes(r->arena, bytes.len + 1), *to = out;

    while (gp_slice_present(bytes)) {
        struct gp_slice line;

        if (take_line(r, &bytes, &line) < 0 || check_names(r, line, true) < 0)
            return -1;
        if (line.len)
            to = (char *)memcpy(to, line.data, line.len) + line.len;
        *to++ = '\n';
    }
    while (to > out && (to[-1] == '\n' || to[-1] == ' '))
        to--;
    r->template->text = gp_slice(out, (size_t)(to - out));
    if (r->template->text.len == 0)
        return wrong(r, "after the empty line there is no", GP_S("text"));
    return 0;
}

static int read_all(struct reading *r, struct gp_slice bytes)
{
    struct gp_slice line;

    if (bytes.len > GP__DSN_TEMPLATE_MAX)
        return wrong(r, "larger than 64 KiB, which is no", GP_S("template"));
    while (gp_slice_present(bytes)) {
        if (take_line(r, &bytes, &line) < 0)
            return -1;
        if (line.len == 0)
            break;
        if (read_field(r, line) < 0)
            return -1;
    }
    return read_text(r, gp_slice_present(bytes) ? bytes : GP_S(""));
}

int gp__dsn_template_parse(struct gp__arena *arena, struct gp_slice bytes,
                           const struct gp__dsn_template *fallback,
                           struct gp__dsn_template *template_r, struct gp_slice *error_r)
{
    struct reading r = {.arena = arena, .template = template_r};

    *template_r = *fallback;
    if (read_all(&r, gp__arena_dup(arena, bytes)) == 0)
        return 0;
    *error_r = r.error;
    return -1;
}
