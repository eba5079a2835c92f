// SPDX-License-Identifier: Apache-2.0
/*
 * A message on its way out: every line ends with CRLF, whatever it ended with, and for DATA a dot at
 * the beginning of a line is doubled (RFC 5321 4.5.2). No bare CR or LF leaves, so no server can find
 * an end of the data where we see none.
 */
#ifndef GP_SMTP_CLIENT_CONTENT_H
#define GP_SMTP_CLIENT_CONTENT_H

#include "core/base/buf.h"

#include <stdbool.h>

struct gp__content_out {
    bool dots;   /* DATA, not BDAT */
    bool inside; /* a line was begun */
    bool cr;     /* the last byte was a CR, for which a CRLF was written */
};

/* Appends what the bytes become. 0, or -1 without memory. */
int gp__content_out(struct gp__content_out *content, struct gp_slice bytes, struct gp__buf *out);

/* The end: completes the last line. An empty message stays empty. */
int gp__content_out_end(struct gp__content_out *content, struct gp__buf *out);

#endif
