// SPDX-License-Identifier: Apache-2.0
/*
 * MIME parts (RFC 2045-2049, 2183, 2231) as a bounded walk in document order.
 *
 * The walk never fails: what is malformed is kept as text/plain or application/octet-stream and
 * named by gp_mime_defects(). Parts, depth and header bytes are budgets of the listener; what is
 * past them is one opaque part and a defect.
 */
#ifndef GATEPOST_MIME_H
#define GATEPOST_MIME_H

#include <gatepost/slice.h>
#include <gatepost/types.h>

GP_BEGIN_C

/* The message itself is the first part; NULL after the last. */
GP_API struct gp_part *gp_part_first(struct gp_call *call, struct gp_message *message);
GP_API struct gp_part *gp_part_next(const struct gp_part *part);

/* Nesting: 0 for the message itself, 1 for its parts; message/rfc822 counts as a level. */
GP_API unsigned gp_part_depth(const struct gp_part *part);

/* "text/plain" in lower case; a parameter of Content-Type, decoded (RFC 2231); absent if none. */
GP_API struct gp_slice gp_part_type(const struct gp_part *part);
GP_API struct gp_slice gp_part_parameter(struct gp_call *call, const struct gp_part *part,
                                         struct gp_slice name);
GP_API bool gp_part_is_container(const struct gp_part *part); /* multipart, message/rfc822 */

/* "inline", "attachment" or absent. */
GP_API struct gp_slice gp_part_disposition(const struct gp_part *part);

/*
 * The one file name that filters and receivers agree on, UTF-8, or absent: from
 * Content-Disposition or Content-Type, RFC 2231 before RFC 2047 before plain; a name that is given
 * several times with different values is a defect and the last path element of the most telling
 * one is used (CVE-2024-39929: filters must not be fooled by a second reading).
 */
GP_API struct gp_slice gp_part_filename(struct gp_call *call, const struct gp_part *part);

/* A header field of the part, unfolded; absent if none. */
GP_API struct gp_slice gp_part_header(struct gp_call *call, const struct gp_part *part,
                                      struct gp_slice name);

/* Where the part's content lies in the body: for gp_body_splice(). */
GP_API uint64_t gp_part_offset(const struct gp_part *part);
GP_API uint64_t gp_part_length(const struct gp_part *part);

/* The content as sent; with the transfer encoding undone; as UTF-8 text (bytes that its character
 * set does not have become U+FFFD). Absent for more than 64 MiB of decoded bytes. */
GP_API struct gp_slice gp_part_raw(const struct gp_part *part);
GP_API struct gp_slice gp_part_decoded(struct gp_call *call, const struct gp_part *part);
GP_API struct gp_slice gp_part_text(struct gp_call *call, const struct gp_part *part);

/*
 * Replaces the content of a leaf part by UTF-8 text (CRLF line ends) in the part's own character
 * set and transfer encoding; GP_EINVAL when its character set or encoding can't carry the text
 * (an us-ascii part that gets other characters becomes UTF-8 only if it is the message itself).
 * Ends the walk: start anew.
 */
GP_API int gp_part_set_text(struct gp_call *call, struct gp_message *message,
                            const struct gp_part *part, struct gp_slice text);

/* What is wrong with the structure, as a bit set. */
enum gp_mime_defect {
    GP_MIME_TOO_DEEP = 1 << 0,
    GP_MIME_TOO_MANY_PARTS = 1 << 1,
    GP_MIME_HEADER_TOO_LONG = 1 << 2,
    GP_MIME_NO_BOUNDARY = 1 << 3,
    GP_MIME_NO_END = 1 << 4,
    GP_MIME_BAD_TYPE = 1 << 5,
    GP_MIME_BAD_ENCODING = 1 << 6,
    GP_MIME_AMBIGUOUS_NAME = 1 << 7,
    GP_MIME_DUPLICATE_FIELD = 1 << 8,
};
GP_API unsigned gp_mime_defects(struct gp_call *call, struct gp_message *message);

GP_END_C

#endif
