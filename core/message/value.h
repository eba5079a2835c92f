// SPDX-License-Identifier: Apache-2.0
/* Header values without their folding (RFC 5322 2.2.3). */
#ifndef GP_MESSAGE_VALUE_H
#define GP_MESSAGE_VALUE_H

#include "core/base/arena.h"

#include <gatepost/slice.h>

/* Unfolded and trimmed: line ends are removed, white space after them stays. A part of `raw` when
 * there is nothing to unfold. Absent stays absent. */
struct gp_slice gp__value_unfold(struct gp__arena *arena, struct gp_slice raw);

/* The field of that name (from the nth on, from 0) in a header section as bytes: its value as
 * written, or absent. For sections of MIME parts. */
struct gp_slice gp__value_in_section(struct gp_slice section, struct gp_slice name, size_t nth);

/* Takes one field off *section; name and raw value. Lines that are no field are skipped. False at
 * the end. */
bool gp__value_next(struct gp_slice *section, struct gp_slice *name_r, struct gp_slice *raw_r);

/* Length of a comment at the start of s, "(" to its ")" (RFC 5322 3.2.2, nested); 0: none, or it
 * does not end. */
size_t gp__value_comment(struct gp_slice s);

/* Length of white space, line ends and comments at the start of s. A "(" that does not end stays. */
size_t gp__value_cfws(struct gp_slice s);

/* Length of a quoted-string at the start of s with both quotes; 0: none, or it does not end. */
size_t gp__value_quoted(struct gp_slice s);

/* What a quoted-string means: without quotes, escapes and line ends. */
struct gp_slice gp__value_unquote(struct gp__arena *arena, struct gp_slice quoted);

/* The text as one word: as it is if all is atext or ".", else as a quoted-string; controls are
 * dropped. */
struct gp_slice gp__value_quote(struct gp__arena *arena, struct gp_slice text);

/* RFC 2045 5.1 token characters. */
bool gp__is_token(char c);

#endif
