// SPDX-License-Identifier: Apache-2.0
/*
 * The text for people in a notification: one template a kind, from a file or built in. A template
 * is a header of a few fields, an empty line, and the text; `{name}` stands for a value, `{{` for a
 * brace:
 *
 *     Language: de
 *     From: Postamt
 *     Subject: Nicht zugestellt: {subject}
 *
 *     Ihre Nachricht vom {arrival} konnte nicht zugestellt werden:
 *
 *     {recipients}
 *
 * Values come from peers: they are cleaned and shortened before they are put in, and nothing in
 * them is taken for a name of a value.
 */
#ifndef GP_DELIVERY_DSN_TEMPLATE_H
#define GP_DELIVERY_DSN_TEMPLATE_H

#include "core/base/arena.h"
#include "core/base/buf.h"

#define GP__DSN_TEMPLATE_MAX 65536 /* bytes of a template */

enum gp__dsn_value {
    GP__DSN_VALUE_HOSTNAME = 0, /* our name */
    GP__DSN_VALUE_ID,           /* of the original */
    GP__DSN_VALUE_SENDER,       /* its reverse-path */
    GP__DSN_VALUE_SUBJECT,      /* its Subject, decoded */
    GP__DSN_VALUE_ARRIVAL,      /* when it came */
    GP__DSN_VALUE_RETRY_UNTIL,  /* how long it's tried; the latest of the recipients */
    GP__DSN_VALUE_RECIPIENTS,   /* a paragraph each: address, who answered, what */
    GP__DSN_VALUE_COUNT
};

/* Immutable. */
struct gp__dsn_template {
    struct gp_slice language; /* of the text: "en", "pt-BR" */
    struct gp_slice from;     /* display name of the From field */
    struct gp_slice subject;  /* with names of values in it */
    struct gp_slice text;     /* the same; lines ended by LF */
};

/*
 * Reads a template. 0, or -1 with the line and what is wrong with it, in the arena. Fields that are
 * not given are those of `fallback`.
 */
int gp__dsn_template_parse(struct gp__arena *arena, struct gp_slice bytes,
                           const struct gp__dsn_template *fallback,
                           struct gp__dsn_template *template_r, struct gp_slice *error_r);

/* Puts the values in: `text` is subject or text of a template. 0, or -1: over the limit. */
int gp__dsn_template_fill(struct gp__buf *out, struct gp_slice text,
                          const struct gp_slice values[GP__DSN_VALUE_COUNT]);

#endif
