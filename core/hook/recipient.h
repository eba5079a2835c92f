// SPDX-License-Identifier: Apache-2.0
/*
 * A recipient: what the client gave, where it goes now, and what was decided about it. Lives in
 * the transaction's arena.
 */
#ifndef GP_HOOK_RECIPIENT_H
#define GP_HOOK_RECIPIENT_H

#include "core/hook/call.h"
#include "core/hook/when.h"

#include <gatepost/envelope.h>
#include <gatepost/role.h>

/* What finally happens to a recipient (semantics B2). */
enum gp__fate {
    GP__FATE_NONE = 0,
    GP__FATE_DELIVERED, /* a target took it */
    GP__FATE_QUEUED,    /* the spool has it */
    GP__FATE_HELD,      /* kept for review in a bucket */
    GP__FATE_DROPPED,   /* accepted and dropped on purpose */
    GP__FATE_BOUNCED,   /* accepted, refused for this recipient, bounced */
    GP__FATE_DEFERRED,  /* the client keeps it: 4xx */
    GP__FATE_REJECTED,  /* the client keeps it: 5xx */
    GP__FATE_COUNT
};

struct gp_recipient {
    struct gp__policy *policy;
    size_t index;                 /* in policy->recipients */
    const struct gp__rcpt *given; /* what the client said; an expansion has its parent's */
    struct gp_recipient *parent;  /* an expansion: of whom; or NULL */
    struct gp__address address;   /* where it goes now */
    unsigned depth;               /* of expansion */
    bool replaced;                /* stands only for its expansions */
    bool stays;                   /* is among its own expansions, so it is never replaced */
    bool added;                   /* not given by the client: NOTIFY=NEVER, never answered */
    bool dropped;                 /* an expansion that no route takes */
    bool accepted;                /* the client got a 250 for it, or it was added */

    struct gp_slice route_name; /* absent before routing */
    const void *route;          /* struct gp__route of core/delivery */
    enum gp_recipient_class class;
    bool valid;

    struct gp_slice policy_key; /* with whom it may share a message; absent or empty: anybody */

    const struct gp__ruling *stop; /* DISCARD, DEFER, REJECT; or NULL */
    struct gp_slice bucket;        /* QUARANTINE so far; absent: not marked */
    const struct gp__instance *marked_by;
    struct gp__notes *notes;      /* NULL until used */
    struct gp_copy *copy;         /* NULL: the first one */
    struct gp__opinion *opinions; /* of shadow instances */

    struct gp_slice route_wish; /* of a hook `route`; absent: none */
    bool relay_granted;         /* it may be relayed to, whoever the client is */

    enum gp__fate fate;
    struct gp__reply reply; /* what became of it, for LMTP, logs and bounces */
    struct gp_slice remote; /* who said so; absent: we did */
    bool passed, relayed;   /* delivered: who has it tells of success, or never will */
};

/* A new recipient of the transaction, at the end of its list. `to` is copied. */
struct gp_recipient *gp__recipient_create(struct gp__policy *policy, const struct gp__rcpt *given,
                                          const struct gp__address *to);

/* The name of a fate for logs. */
const char *gp__fate_name(enum gp__fate fate);

/* Whether the address matches the pattern (when.h). */
bool gp__pattern_matches_address(const struct gp__pattern *pattern,
                                 const struct gp__address *address);

#endif
