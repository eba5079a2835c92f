// SPDX-License-Identifier: Apache-2.0
/* What the files of the milter engine share, and what the rest of the engine knows of it. */
#ifndef GP_SMTP_MILTER_INTERNAL_H
#define GP_SMTP_MILTER_INTERNAL_H

#include "core/smtp/milter.h"
#include "core/smtp/server_internal.h"

#define GP__MILTER_PACKET_MAX ((size_t)1 << 20)
#define GP__MILTER_PART_MAX ((size_t)65535) /* of a body */

struct gp__milter {
    uint32_t version, actions, steps; /* agreed upon; version 0: not yet */
    char command;                     /* whose answer is awaited; 0: of none */
    bool connected;
    bool data_open;       /* the content comes in */
    bool ending;          /* it came whole */
    bool discard;         /* instead of "continue" */
    struct gp__buf field; /* one, as it will be in the message */
};

struct gp__milter *gp__milter_create(void);
void gp__milter_free(struct gp__milter **milter_);

/* ---- milter_packet.c ---- */

/* One packet off the input: 1, 0 more must come, -1 empty or too long. */
int gp__milter_packet(struct gp_slice input, char *letter_r, struct gp_slice *rest_r);

/* Texts that end with a NUL, one after the other: takes one off. -1: there is none. */
int gp__milter_text(struct gp_slice *rest, struct gp_slice *text_r);
int gp__milter_number(struct gp_slice *rest, uint32_t *value_r);

/* Appends packets to the output; closes the session without memory for it. */
void gp__milter_put(struct gp__smtp *smtp, char letter, const struct gp_slice *parts, size_t n);
void gp__milter_put_reply(struct gp__smtp *smtp, const struct gp__reply *reply);
void gp__milter_put_options(struct gp__smtp *smtp);

/* "Name: value" CRLF of a field as it was sent. -1: it is none. */
int gp__milter_field(struct gp__buf *out, struct gp_slice rest, bool with_space);

/* ---- milter.c: called by server.c ---- */

void gp__milter_answered(struct gp__smtp *smtp, const struct gp__answer *answer,
                         const struct gp__reply *reply);

/* Until when the MTA may be silent. */
uint64_t gp__milter_deadline(const struct gp__smtp *smtp);

#endif
