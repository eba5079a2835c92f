// SPDX-License-Identifier: Apache-2.0
/* Scans with memchr and remembers how far it got, so that a line that comes a byte at a time costs
 * no more than one that comes whole. See lexer.h. */
#include "core/smtp/lexer.h"

#include "core/base/ascii.h"

/* Goes on dropping; true when the end of the line was found. */
static bool drop(struct gp__lexer *lexer, struct gp_slice input, size_t *used_r)
{
    for (size_t i = 0; i < input.len;) {
        const char *lf = memchr(input.data + i, '\n', input.len - i);
        size_t at = lf ? (size_t)(lf - input.data) : input.len;

        bool cr = lf && (at > 0 ? input.data[at - 1] == '\r' : lexer->dropped_cr);

        if (lf && (cr || lexer->lenient)) {
            *used_r = at + 1;
            return true;
        }
        i = at + 1;
    }
    if (input.len)
        lexer->dropped_cr = input.data[input.len - 1] == '\r';
    *used_r = input.len;
    return false;
}

static void begin_drop(struct gp__lexer *lexer, enum gp__line_flaw flaw)
{
    lexer->dropping = true;
    lexer->dropped_cr = false;
    lexer->skip_lf = false;
    lexer->flaw = (unsigned char)flaw;
    lexer->scanned = 0;
}

static bool has_control(struct gp_slice line)
{
    for (size_t i = 0; i < line.len; i++)
        if (gp__is_control(line.data[i]) && line.data[i] != '\t')
            return true;
    return false;
}

/* The first CR or LF from `scanned` on, or the length of the input. */
static size_t find_end(const struct gp__lexer *lexer, struct gp_slice input)
{
    struct gp_slice rest = gp_slice_sub(input, lexer->scanned, input.len);
    size_t lf = gp_slice_find(rest, '\n');

    return lexer->scanned + gp_slice_find(gp_slice_sub(rest, 0, lf), '\r');
}

/* What stands at a CR or LF: the length of the line end, 0 if more input is needed to tell. */
static size_t judge_end(struct gp__lexer *lexer, struct gp_slice input, size_t at,
                        enum gp__line_flaw *flaw_r)
{
    bool cr = input.data[at] == '\r';

    *flaw_r = GP__LINE_OK;
    if (cr && at + 1 < input.len && input.data[at + 1] == '\n')
        return 2;
    if (lexer->lenient) {
        lexer->skip_lf = cr && at + 1 == input.len;
        return 1;
    }
    if (cr && at + 1 == input.len)
        return 0;
    *flaw_r = cr ? GP__LINE_BARE_CR : GP__LINE_BARE_LF;
    return 1;
}

bool gp__lexer_next(struct gp__lexer *lexer, struct gp_slice input, size_t *used_r,
                    struct gp_slice *line_r, enum gp__line_flaw *flaw_r)
{
    size_t at, end = 0;

    *used_r = 0;
    *flaw_r = GP__LINE_OK;
    if (!lexer->dropping) {
        at = find_end(lexer, input);
        if (at < input.len)
            end = judge_end(lexer, input, at, flaw_r);
        lexer->scanned = at;
        if (at + 2 > lexer->limit)
            *flaw_r = GP__LINE_LONG;
        if (end > 0 && !*flaw_r) {
            *line_r = gp_slice_sub(input, 0, at);
            *used_r = at + end;
            lexer->scanned = 0;
            *flaw_r = has_control(*line_r) ? GP__LINE_CONTROL : GP__LINE_OK;
            return true;
        }
        if (!*flaw_r)
            return false;
        begin_drop(lexer, *flaw_r);
    }
    if (!drop(lexer, input, used_r))
        return false;
    *flaw_r = (enum gp__line_flaw)lexer->flaw;
    lexer->dropping = false;
    return true;
}

size_t gp__lexer_skip(struct gp__lexer *lexer, struct gp_slice input)
{
    if (!lexer->skip_lf || input.len == 0)
        return 0;
    lexer->skip_lf = false;
    return input.data[0] == '\n';
}
