// SPDX-License-Identifier: Apache-2.0
/* A notification that is being written: what the files of dsn.h share. */
#ifndef GP_DELIVERY_DSN_WRITING_H
#define GP_DELIVERY_DSN_WRITING_H

#include "core/delivery/dsn.h"
#include "core/delivery/dsn_clean.h"

struct gp__dsn_writing {
    const struct gp__dsn *dsn;
    struct gp__arena *arena;
    enum gp__dsn_charset charset; /* UTF8: the forms of RFC 6533 */
    struct gp_slice header;       /* of the original, as much as is given back */
    bool failed;                  /* a field that can't be, or no memory */
};

/* Adds a field, folded; none when the value is absent. */
void gp__dsn_field(struct gp__dsn_writing *w, struct gp__buf *out, const char *name,
                   struct gp_slice value);
void gp__dsn_add(struct gp__dsn_writing *w, struct gp__buf *out, struct gp_slice bytes);

/* The date as of RFC 5322; absent for 0. */
struct gp_slice gp__dsn_date(struct gp__dsn_writing *w, int64_t unix_ms);

/* The text for people, its lines ended by CRLF, in UTF-8; and the line of the subject. */
struct gp_slice gp__dsn_text(struct gp__dsn_writing *w);
struct gp_slice gp__dsn_subject(struct gp__dsn_writing *w);
const struct gp__dsn_template *gp__dsn_template(const struct gp__dsn *dsn);

/* The content of the part message/delivery-status or message/global-delivery-status. */
void gp__dsn_status(struct gp__dsn_writing *w, struct gp__buf *out);

#endif
