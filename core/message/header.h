// SPDX-License-Identifier: Apache-2.0
/*
 * One header field. Immutable: changing a value makes a new one with the same id, so a message and
 * its copies share fields, and "did the copy change this?" is a comparison of pointers. Lives in
 * the arena of the message. Building a field validates and folds (RFC 5322 2.2, 2.2.3).
 */
#ifndef GP_MESSAGE_HEADER_H
#define GP_MESSAGE_HEADER_H

#include "core/base/arena.h"

#include <gatepost/message.h>

#define GP__HEADER_LINE 78      /* where folding is wanted, without CRLF (RFC 5322 2.1.1) */
#define GP__HEADER_LINE_MAX 998 /* no line is longer, without CRLF */

struct gp_header {
    uint64_t id;           /* names the field across copies */
    struct gp_slice field; /* whole, with its line end (the last of a content may lack it) */
    size_t name_len;       /* field starts with the name */
    size_t value;          /* offset just after the colon */
    bool original;         /* as received: bytes of the content from `source` on */
    uint64_t source;
    struct gp_slice who; /* the instance that made it; absent: received */
};

/* Whether it is a field name: RFC 5322 3.6.8 ftext. */
bool gp__header_name_valid(struct gp_slice name);

/*
 * "Name: value" CRLF, folded at white space to lines of 78 where possible. 0, or GP_EINVAL: bad
 * name, CR, LF or NUL other than folding, or a line that can't be brought down to 998.
 */
int gp__header_render(struct gp__arena *arena, struct gp_slice name, struct gp_slice value,
                      struct gp_slice *field_r);

/* The value unfolded and trimmed; the same with encoded words decoded to UTF-8. */
struct gp_slice gp__header_value(struct gp__arena *arena, const struct gp_header *header);
struct gp_slice gp__header_text(struct gp__arena *arena, const struct gp_header *header);

#endif
