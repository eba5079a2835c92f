// SPDX-License-Identifier: Apache-2.0
/* Base64 (RFC 4648 section 4), xtext (RFC 3461 section 4) and quoted-printable (RFC 2045 6.7). */
#ifndef GP_BASE_CODEC_H
#define GP_BASE_CODEC_H

#include "core/base/arena.h"

#include <gatepost/slice.h>

/* Strict: padded, no white space, no bits set in the padding. 0, or -1. */
int gp__base64_decode(struct gp__arena *arena, struct gp_slice text, struct gp_slice *bytes_r);
struct gp_slice gp__base64_encode(struct gp__arena *arena, struct gp_slice bytes);

/* Decodes what it can of a MIME body: foreign characters are skipped, the end may be missing
 * (RFC 2045 6.8). Never fails. */
struct gp_slice gp__base64_decode_mime(struct gp__arena *arena, struct gp_slice text);

/* Quoted-printable of a MIME body: white space that ends a line goes (RFC 2045 6.7 rule 3), bad
 * escapes stay as they are. Never fails. */
struct gp_slice gp__qp_decode_mime(struct gp__arena *arena, struct gp_slice text);

/* Quoted-printable in lines of at most 76. CRLF of the input is kept; CR and LF that are not part
 * of one are escaped, so the result has none. */
struct gp_slice gp__qp_encode(struct gp__arena *arena, struct gp_slice text);

/* 0, or -1 when a byte or an escape is not allowed; hexadecimal digits are upper-case. */
int gp__xtext_decode(struct gp__arena *arena, struct gp_slice text, struct gp_slice *bytes_r);
struct gp_slice gp__xtext_encode(struct gp__arena *arena, struct gp_slice bytes);

#endif
