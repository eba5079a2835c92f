// SPDX-License-Identifier: Apache-2.0
/*
 * Command lines. Where a line ends is decided here and nowhere else (RFC 5321 2.3.8, 4.1.1):
 * CRLF, and by the setting `normalize` also a bare CR or LF. A line with a flaw is dropped up to
 * its real end, so that nothing hidden in it is ever taken for a command; an overlong one is
 * dropped without being kept.
 */
#ifndef GP_SMTP_LEXER_H
#define GP_SMTP_LEXER_H

#include <gatepost/slice.h>
#include <stdbool.h>

enum gp__line_flaw {
    GP__LINE_OK = 0,
    GP__LINE_BARE_CR,
    GP__LINE_BARE_LF,
    GP__LINE_CONTROL, /* NUL or another control character */
    GP__LINE_LONG,
};

struct gp__lexer {
    size_t limit;   /* of a line with its end */
    size_t scanned; /* bytes of the input that were looked at already */
    bool lenient;   /* a bare CR or LF ends a line */
    bool dropping;  /* until CRLF */
    bool dropped_cr;
    bool skip_lf; /* the line ended with a CR: an LF that comes next belongs to it */
    unsigned char flaw;
};

/*
 * Looks for the end of a line in input that is not consumed yet; call again with more of the same
 * bytes. True: a line, without its end, or only its flaw. *used_r is to be consumed either way.
 */
bool gp__lexer_next(struct gp__lexer *lexer, struct gp_slice input, size_t *used_r,
                    struct gp_slice *line_r, enum gp__line_flaw *flaw_r);

/* Bytes at the start of the input that belong to the line before: 0 or 1. To be asked before
 * anything else reads the input. */
size_t gp__lexer_skip(struct gp__lexer *lexer, struct gp_slice input);

#endif
