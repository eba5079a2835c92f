// SPDX-License-Identifier: Apache-2.0
/*
 * The content of a message as it comes over the wire (RFC 5321 4.1.1.4, 4.5.2, RFC 3030): ends
 * at CRLF.CRLF exactly as received, undoes dot-stuffing, finds what may not leave again. Gives
 * runs of the input itself, as long as they can be; nothing is copied.
 *
 * A bare CR or LF is a flaw or, leniently, becomes CRLF. It never begins a line in the sense of
 * this protocol: the dot after it is content (a correct client stuffs only lines that CRLF began),
 * and never the end. What leaves is stuffed anew, so such a dot does no harm downstream.
 * Once there is a flaw no more runs are given, but the end is found all the same.
 */
#ifndef GP_SMTP_DATA_H
#define GP_SMTP_DATA_H

#include <gatepost/slice.h>
#include <stdbool.h>
#include <stdint.h>

enum gp__data_flaw {
    GP__DATA_FINE = 0,
    GP__DATA_BARE_CR,
    GP__DATA_BARE_LF,
    GP__DATA_NUL,
    GP__DATA_LONG_LINE,
};

struct gp__data {
    uint64_t column; /* of the line so far */
    uint64_t line_max;
    unsigned char state;
    unsigned char flaw; /* the first one */
    bool dots;          /* DATA; else a chunk, which has no stuffing and no end of its own */
    bool lenient;
};

enum gp__data_result {
    GP__DATA_MORE = 0, /* all input was used */
    GP__DATA_RUN,      /* a run of content; there may be more in the input */
    GP__DATA_END,      /* CRLF.CRLF; what is left of the input is not content */
};

/* line_max is the longest line with its CRLF. */
void gp__data_init(struct gp__data *data, uint64_t line_max, bool dots, bool lenient);

/* Takes input from the front of *input. The run points into it, or is a static CRLF. */
enum gp__data_result gp__data_next(struct gp__data *data, struct gp_slice *input,
                                   struct gp_slice *run_r);

/* The end of the last chunk: a CR that still waits for its LF is bare. RUN if that gives a CRLF,
 * else END. */
enum gp__data_result gp__data_finish(struct gp__data *data, struct gp_slice *run_r);

#endif
