// SPDX-License-Identifier: Apache-2.0
/* Encoded words of header values (RFC 2047, the language tag of RFC 2231 section 5). */
#ifndef GP_MESSAGE_ENCODED_WORD_H
#define GP_MESSAGE_ENCODED_WORD_H

#include "core/base/arena.h"

#include <gatepost/slice.h>

/*
 * An unfolded value as UTF-8. White space between two encoded words is dropped; neighbours of the
 * same character set are put together before they are decoded, as mailers do that split characters.
 * What is malformed stays as it is; bytes that are no UTF-8 become U+FFFD. Absent stays absent.
 */
struct gp_slice gp__encoded_word_decode(struct gp__arena *arena, struct gp_slice value);

/* UTF-8 as encoded words with blanks between them, none over 75 bytes, no character split. */
struct gp_slice gp__encoded_word_encode(struct gp__arena *arena, struct gp_slice text);

#endif
