// SPDX-License-Identifier: Apache-2.0
/*
 * Character sets of mail to UTF-8 and back. Only those that mail uses, out of a table: a hostile
 * message can't reach the odd corners of iconv. Descriptors are kept per thread. Decoding never
 * fails: what has no meaning becomes U+FFFD. Output is at most three times the input.
 */
#ifndef GP_MESSAGE_CHARSET_H
#define GP_MESSAGE_CHARSET_H

#include "core/base/arena.h"

#include <gatepost/slice.h>

/* UTF-8 text of the bytes. An absent or unknown character set is read as UTF-8 where that is valid.
 * A part of `bytes` when nothing needs a change. Absent only when memory is out. */
struct gp_slice gp__charset_decode(struct gp__arena *arena, struct gp_slice charset,
                                   struct gp_slice bytes);

/* 0, or -1: unknown character set, or one that can't carry the text (which must be UTF-8). */
int gp__charset_encode(struct gp__arena *arena, struct gp_slice charset, struct gp_slice text,
                       struct gp_slice *bytes_r);

/* Opens all of them now: before a sandbox takes away the files that iconv reads on first use. */
void gp__charset_preload(void);

/* Closes this thread's descriptors; for leak checks at exit. */
void gp__charset_cache_free(void);

#endif
