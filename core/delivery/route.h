// SPDX-License-Identifier: Apache-2.0
/*
 * Routes: who gets it. The first route whose `match:` holds owns the recipient, valid or not: there
 * is no falling through to the next. Then its table says whether the recipient exists. A table that
 * cannot answer is a temporary failure, never "no such user".
 */
#ifndef GP_DELIVERY_ROUTE_H
#define GP_DELIVERY_ROUTE_H

#include "core/hook/policy.h"
#include "core/hook/table.h"
#include "core/hook/when.h"

/* A target of the configuration: a live instance of a plugin with the role `target`. */
struct gp__target {
    struct gp_slice name;
    struct gp__instance *instance;
};

/* Immutable; lives with its generation. */
struct gp__route {
    struct gp_slice name;
    const struct gp__when *match;
    bool relay;                    /* only by the right to relay: its recipients are not ours */
    struct gp_table *valid;        /* NULL: whoever it matches exists */
    struct gp__verifier *verifier; /* asked instead of a table; or NULL (verify.h) */
    const struct gp__target *target;
    bool direct; /* its answer is the reply to the client; else it is queued first */
    const struct gp__target *fallback; /* takes at once what the target cannot take now; or NULL */
};

struct gp__routes {
    const struct gp__route *items;
    size_t count;
};

enum gp__routing {
    GP__ROUTED = 0,      /* recipient->route, class and valid are set */
    GP__ROUTE_NONE,      /* nobody's, and no right to relay */
    GP__ROUTE_UNKNOWN,   /* ours, but there is no such recipient */
    GP__ROUTE_TEMPORARY, /* a table could not answer */
    GP__ROUTE_CANCELED,  /* the client is gone, or the time is up */
};

/* Routes a recipient; the call gives session and transaction and may wait. */
enum gp__routing gp__route_recipient(struct gp_call *call, const struct gp__routes *routes,
                                     struct gp_recipient *recipient);

/* What a client is told; code 0 for ROUTED. */
struct gp__reply gp__route_reply(enum gp__routing routing);

#endif
