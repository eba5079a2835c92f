// SPDX-License-Identifier: Apache-2.0
/*
 * Deliveries of one transaction: each copy to each target that its recipients' routes name, and
 * held mail to its buckets. In two steps: first every target takes the mail without showing it
 * (prepare), then, when the reply is settled, all show it (publish) or all forget it (revoke).
 */
#ifndef GP_DELIVERY_DELIVERY_H
#define GP_DELIVERY_DELIVERY_H

#include "core/delivery/route.h"
#include "core/hook/fate.h"

#include <gatepost/role.h>

/* Who took or refused a recipient. */
struct gp__delivery_peer {
    struct gp_slice remote; /* absent: nobody else was asked */
    bool relayed;           /* delivered to a host without DSN */
    bool passed;            /* delivered to a host that was asked to report success itself */
    bool untried;           /* deferred: nobody was asked, by a limit of ours */
};

struct gp_delivery {
    struct gp__policy *policy;
    struct gp_slice id;              /* "ID.a.r" */
    const struct gp__target *target; /* NULL: into a bucket */
    struct gp_slice bucket;          /* absent unless held */
    struct gp_copy *copy;
    struct gp_recipient **recipients;
    enum gp_outcome *outcomes;
    struct gp__reply *replies;
    struct gp__delivery_peer *peers;
    size_t count, cap, outcomes_cap, replies_cap, peers_cap;
    unsigned advice;         /* enum gp_advice */
    uint64_t retry_after_ms; /* 0: not said */
    uint64_t untried_ms;     /* for so long that limit holds; 0: not known */
    struct gp_slice hostname;
    void *data; /* the target's, between the steps */
    bool asked, prepared, published;
    struct gp_delivery *instead_of; /* a fallback: of what could not be delivered there; or NULL */
    size_t elsewhere;               /* recipients whom a fallback has delivered to */
    size_t in_doubt;                /* recipients whom a publish() that failed may have shown it */
};

/*
 * Every step has the deadline of its instance, and no more than is left for the reply. Only what has
 * begun to show may overrun that, and the taking back of what failed a little more: half done is
 * worse than a late reply. So a reply is at most GP__REVOKE_LATE_MS late, whatever targets do.
 */
#define GP__PUBLISH_LATE_MS 10000
#define GP__REVOKE_LATE_MS 20000

struct gp__deliveries {
    struct gp__policy *policy;
    struct gp_slice hold_path; /* absent: nothing can be held */
    struct gp_delivery **items;
    size_t count, cap;
    size_t doubled; /* recipients who have it, or may have it, and can't be made to give it back,
                       though the client keeps it: they get it twice */
};

/* "ID.a.r" of the copy's delivery of that number in the transaction, from 1. */
struct gp_slice gp__delivery_id(struct gp__arena *arena, const struct gp_copy *copy, size_t number);

/* The bucket that it is held in, or would be. */
struct gp_slice gp__delivery_bucket(const struct gp_recipient *recipient);

/* Groups the recipients by copy and target (TARGET) or bucket (HOLD, BOUNCE). disposals goes by
 * index of recipient in the policy. */
void gp__deliveries_plan(struct gp__deliveries *deliveries, const enum gp__disposal *disposals);

/*
 * Asks every target; outcomes by index of recipient. May wait. Once the client is gone, or the time
 * is up, nobody is asked any more and the rest counts as deferred. A target with two steps that
 * failed in the first is made to revoke it at once, and has delivered to nobody.
 */
void gp__deliveries_prepare(struct gp__deliveries *deliveries, struct gp_session *session,
                            enum gp_outcome *outcomes_r);

/*
 * Makes what recipients got visible: 0, or -1 when a target failed to in time. Nobody is asked after that,
 * and the transaction is to be given back: gp__deliveries_revoke() counts those who have it already.
 * Recipients of the target that failed are deferred, with a reply. Goes on if the client leaves.
 */
int gp__deliveries_publish(struct gp__deliveries *deliveries, struct gp_session *session);

/* Takes back what was prepared, and counts what can't be taken back. */
void gp__deliveries_revoke(struct gp__deliveries *deliveries, struct gp_session *session);

/* Mail for a bucket: one file with the message, one with envelope and facts (hold.c). */
int gp__hold_prepare(struct gp_call *call, struct gp_slice path, struct gp_delivery *delivery);
int gp__hold_publish(struct gp_call *call, struct gp_delivery *delivery);
void gp__hold_revoke(struct gp_call *call, struct gp_delivery *delivery); /* in any state */

#endif
