// SPDX-License-Identifier: Apache-2.0
/* What peers said, made fit for a notification (dsn.h). */
#ifndef GP_DELIVERY_DSN_CLEAN_H
#define GP_DELIVERY_DSN_CLEAN_H

#include "core/base/arena.h"

enum gp__dsn_charset {
    GP__DSN_ASCII = 0, /* other characters become "?" */
    GP__DSN_UTF8,      /* what is no UTF-8 becomes "?" */
};

/*
 * One line of at most `max` bytes without control characters or runs of blanks, and with a blank in
 * what would be too long a word to be folded. Absent stays absent.
 */
struct gp_slice gp__dsn_clean(struct gp__arena *arena, struct gp_slice text, size_t max,
                              enum gp__dsn_charset charset);

/*
 * "type; address" of Original-Recipient and Final-Recipient. One of the type "utf-8" that has more
 * than ASCII is written as it is with UTF8, and as utf-8-addr-xtext else (RFC 6533 section 3).
 */
struct gp_slice gp__dsn_address(struct gp__arena *arena, struct gp_slice type,
                                struct gp_slice address, enum gp__dsn_charset charset);

#endif
