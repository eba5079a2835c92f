// SPDX-License-Identifier: Apache-2.0
/*
 * A reply: code, enhanced status code, text (RFC 5321 4.2, RFC 2034, RFC 3463). Written on the
 * wire in one place, so that every line of every reply that may carry an enhanced code has one.
 */
#ifndef GP_SMTP_REPLY_H
#define GP_SMTP_REPLY_H

#include "core/base/buf.h"

#include <gatepost/slice.h>
#include <stdbool.h>
#include <stdint.h>

struct gp__reply {
    uint16_t code;            /* 200 to 599; 0: no reply given */
    uint8_t klass;            /* of the enhanced code: 2, 4, 5, or 0: none */
    uint16_t subject, detail; /* each 0 to 999 */
    struct gp_slice text;     /* lines separated by CRLF, the last without */
};

/* A reply from literals: GP__REPLY(550, 5, 1, 1, "No such user"). klass 0: no enhanced code. */
#define GP__REPLY(code_, klass_, subject_, detail_, text_)                                         \
    ((struct gp__reply){.code = (code_),                                                           \
                        .klass = (klass_),                                                         \
                        .subject = (subject_),                                                     \
                        .detail = (detail_),                                                       \
                        .text = gp_slice_of(text_)})

/* The same as an initialiser, for replies that are static constants; the text is a literal. */
#define GP__REPLY_INIT(code_, klass_, subject_, detail_, text_)                                    \
    {                                                                                              \
        .code = (code_), .klass = (klass_), .subject = (subject_), .detail = (detail_),            \
        .text = {"" text_, sizeof(text_) - 1},                                                     \
    }

/*
 * Reads "550 5.7.1" or "550" into code and enhanced code; without the latter X.0.0 is taken.
 * The class must be the code's first digit. 0, or -1. Hostile input: plugins and peers.
 */
int gp__reply_parse_status(struct gp_slice status, struct gp__reply *reply_r);

/* Whether a text may go into a reply: lines of at most 400 bytes, 2,000 in all, CR and LF only as
 * CRLF between lines, no other control characters, valid UTF-8. */
bool gp__reply_text_ok(struct gp_slice text);

/* Whether code, enhanced code and text make a well-formed reply of that first digit ('4' and so
 * on; 0: any). */
bool gp__reply_ok(const struct gp__reply *reply, int digit);

/* Writes all lines: "250-2.1.0 a\r\n250 2.1.0 b\r\n". */
int gp__reply_write(struct gp__buf *out, const struct gp__reply *reply);

/* "550 5.7.1 text", lines joined by a space, for logs; into an arena. */
struct gp__arena;
struct gp_slice gp__reply_format(struct gp__arena *arena, const struct gp__reply *reply);

#endif
