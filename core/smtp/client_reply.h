// SPDX-License-Identifier: Apache-2.0
/*
 * Replies as a client reads them (RFC 5321 4.2). The server is not trusted: a reply has a bound in
 * lines and bytes, one code in all its lines, CRLF at their ends; what is read can be shown and
 * handed on as it is (gp__reply_ok()).
 */
#ifndef GP_SMTP_CLIENT_REPLY_H
#define GP_SMTP_CLIENT_REPLY_H

#include "core/smtp/reply.h"

#define GP__REPLY_LINE_MAX 2048u /* with CRLF; RFC 5321 4.5.3.1.5 says 512, some say more */
#define GP__REPLY_LINES_MAX 256u

enum gp__reply_read {
    GP__REPLY_MORE = 0,
    GP__REPLY_READ,
    GP__REPLY_BAD,
};

/* Of one reply at a time; zeroed to begin with. */
struct gp__reply_reader {
    struct gp__buf text;
    unsigned code, lines;
    struct gp__reply reply; /* with the enhanced code of its first line */
};

/*
 * Takes lines from the input, which is not consumed yet: *used_r bytes are to be, whatever is said.
 * READ: *reply_r is valid until the next call. BAD: *why_r is a static text; nothing of what follows
 * can be trusted.
 */
enum gp__reply_read gp__reply_read(struct gp__reply_reader *reader, struct gp_slice input,
                                   size_t *used_r, struct gp__reply *reply_r, const char **why_r);

void gp__reply_reader_free(struct gp__reply_reader *reader);

#endif
