// SPDX-License-Identifier: Apache-2.0
/*
 * What the scheduler asks of a carrier, and what the carrier answers. Plain data: packed when the
 * two are processes, handed over as it is when they are one. Every attempt is answered once; those of
 * a carrier that dies are answered by its death.
 */
#ifndef GP_DELIVERY_ATTEMPT_H
#define GP_DELIVERY_ATTEMPT_H

#include "core/base/buf.h"
#include "core/smtp/reply.h"
#include "core/spool/spool.h"

#include <gatepost/role.h>

struct gp__arena;

#define GP__ATTEMPT_RECIPIENTS_MAX 64 /* of one attempt */
#define GP__ATTEMPTS_MAX 256          /* that a carrier takes on at once */
#define GP__ANSWER_TEXT_MAX 400       /* of a reply's text, when it is packed */
#define GP__ANSWER_NAME_MAX 255       /* of a remote, a route or a bucket */

enum gp__attempt_kind {
    GP__ATTEMPT_DELIVER = 0,
    GP__ATTEMPT_ROUTE, /* find the route again, from what is stored; deliver nothing */
    GP__ATTEMPT_TELL,  /* run the observers `bounced`: these recipients were given up */
    GP__ATTEMPT_KINDS
};

struct gp__attempt {
    uint64_t number; /* names it until it is answered */
    enum gp__attempt_kind kind;
    struct gp__place place;     /* of the entry */
    struct gp_slice message;    /* its id */
    struct gp_slice route;      /* by name: what the carrier's generation means by it */
    struct gp_slice from;       /* it was let go out of that bucket: filters are asked; or absent */
    const uint32_t *recipients; /* indices in the entry, ascending, all of one copy */
    size_t n;                   /* 1 to GP__ATTEMPT_RECIPIENTS_MAX */
    uint32_t tries;             /* before this one */
    int64_t first_ms;           /* wall clock: when the message came */
    uint64_t deadline_ms;       /* from now; the carrier answers by then */
};

/* What filters decided about a recipient of mail that was let go. */
enum gp__filtered {
    GP__FILTERED_NOT = 0,
    GP__FILTERED_HELD,    /* again, in `bucket` */
    GP__FILTERED_DROPPED, /* nobody is told */
    GP__FILTERED_COUNT
};

/* What became of one recipient. */
struct gp__attempt_result {
    enum gp_outcome outcome; /* NONE: it was filtered, or nobody said */
    enum gp__filtered filtered;
    struct gp__reply reply;
    struct gp_slice remote; /* "mx.example.org [192.0.2.1]"; absent: nobody was reached */
    struct gp_slice route;  /* of ROUTE: the one that owns it now; absent: none does */
    struct gp_slice bucket; /* HELD: in which */
    bool untried;           /* DEFERRED by a limit of ours, on all that the target sends */
    bool passed; /* DELIVERED to a next hop that reports success itself (RFC 3461 5.2.2) */
};

struct gp__attempt_answer {
    uint64_t number;
    const struct gp__attempt_result *results; /* in the order of the attempt's recipients */
    size_t n;
    uint64_t retry_after_ms; /* the destination said when; 0: it did not */
    uint64_t untried_ms;     /* for so long that limit holds at least; 0: until others have ended */
    bool destination_down;   /* no connection could be had: about the destination, not this mail */
    bool slow_down;          /* it wants less at a time: 421, 4.7.x at the greeting */
    bool relayed; /* delivered to a next hop that promises no DSN of success (RFC 3461 6.2.3) */
};

/* Texts longer than they may be are cut, at the end of a character. */
void gp__attempt_pack(struct gp__buf *out, const struct gp__attempt *attempt);
void gp__answer_pack(struct gp__buf *out, const struct gp__attempt_answer *answer);

/* Arrays are in the arena, slices point into the bytes. 0, or -1: it is not one. Trusts nothing. */
int gp__attempt_unpack(struct gp__attempt *attempt_r, struct gp__arena *arena,
                       struct gp_slice bytes);
int gp__answer_unpack(struct gp__attempt_answer *answer_r, struct gp__arena *arena,
                      struct gp_slice bytes);

#endif
