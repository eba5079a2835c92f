// SPDX-License-Identifier: Apache-2.0
/*
 * The MIME structure of a message as one flat array of parts in document order, made in one pass
 * over the body and cached until the next edit. Never fails: see <gatepost/mime.h> for what
 * malformed structure becomes. Time is linear in the body; a line that starts with "--" is compared
 * with the open boundaries only, whose number is bounded by the depth.
 */
#ifndef GP_MESSAGE_MIME_H
#define GP_MESSAGE_MIME_H

#include "core/message/message.h"
#include "core/message/param.h"

#include <gatepost/mime.h>

#define GP__MIME_DECODED_MAX ((size_t)64 << 20)

struct gp__mime_limits {
    size_t parts;        /* at least 1 */
    unsigned depth;      /* containers deeper than this are opaque */
    size_t header_bytes; /* of all parts together, without the message's own */
};

enum gp__transfer_encoding {
    GP__CTE_7BIT = 0, /* also when nothing is said */
    GP__CTE_8BIT,
    GP__CTE_BINARY,
    GP__CTE_QUOTED_PRINTABLE,
    GP__CTE_BASE64,
    GP__CTE_UNKNOWN,
};

struct gp_part {
    struct gp_message *message;
    struct gp_part *parent, *next; /* NULL for the message itself; in document order */
    unsigned depth;
    bool container;
    bool opaque; /* past a budget, or a multipart without boundary: only its bytes are known */
    struct gp_slice section;  /* its header section as bytes; absent for the message itself */
    struct gp_slice type;     /* lower case; what it is treated as */
    struct gp__params params; /* of Content-Type */
    struct gp__params disposition;
    struct gp_slice boundary; /* of a multipart */
    enum gp__transfer_encoding encoding;
    struct gp_slice content; /* in the body, from `offset` on */
    bool no_blank_line;      /* nothing separates section and content */
    bool no_line_end;        /* a delimiter follows at once: it has no line end of its own */
    uint64_t offset;
};

struct gp__mime {
    struct gp__arena *arena; /* of its own, with everything in it */
    struct gp_part *first;
    size_t count;
    unsigned defects;       /* enum gp_mime_defect */
    uint64_t version;       /* of the message */
    struct gp__mime *stale; /* walks of earlier versions: somebody may still hold their parts */
};

/* The walk; made with the limits given, or as cached. Needs the whole body: NULL if it is not to
 * be had (still coming in, or gp_body() absent). */
struct gp__mime *gp__mime_walk(struct gp_message *message, const struct gp__mime_limits *limits);

/* Frees the walks of earlier versions: when the hook has returned that may have made them. */
void gp__mime_collect(struct gp_message *message);

/* Results live in the arena given; what they say is in <gatepost/mime.h>. */
struct gp_slice gp__part_parameter(struct gp__arena *arena, const struct gp_part *part,
                                   struct gp_slice name);
struct gp_slice gp__part_filename(struct gp__arena *arena, const struct gp_part *part);
struct gp_slice gp__part_header(struct gp__arena *arena, const struct gp_part *part,
                                struct gp_slice name);
struct gp_slice gp__part_decoded(struct gp__arena *arena, const struct gp_part *part);
struct gp_slice gp__part_text(struct gp__arena *arena, const struct gp_part *part);

/* As gp_part_set_text(). GP_EINVAL also for a container or an opaque part, text that is no UTF-8 or has a bare CR or
 * LF, and text that would be taken for a boundary. The part is stale afterwards. */
int gp__part_set_text(struct gp_message *message, struct gp_slice who, const struct gp_part *part,
                      struct gp_slice text);

#endif
