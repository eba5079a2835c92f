// SPDX-License-Identifier: Apache-2.0
/*
 * A carrier: makes the attempts that a scheduler asks for. Each runs on a fiber: the entry is read
 * and comes to life, filters of mail that was let go (`release`) and hooks `attempt` may object, the
 * target of the route takes the mail (both of its steps), observers hear of the outcome, and the
 * scheduler gets its answer. What does not answer in time is deferred. A carrier knows one
 * configuration and no other mail than what it is handed.
 */
#ifndef GP_DELIVERY_CARRIER_H
#define GP_DELIVERY_CARRIER_H

#include "core/delivery/attempt.h"
#include "core/delivery/delivery.h"
#include "core/spool/spool.h"

struct gp__carrier;

/* What a configuration means by the names that entries have. Outlives the carrier. */
struct gp__carriage {
    struct gp_slice hostname;
    const struct gp__routes *routes;

    /* The settings of a listener, with the chain whose delivery hooks are asked; of one that is no
     * more, or of none: without hooks. Never NULL. */
    const struct gp__policy_settings *(*settings)(const void *arg, struct gp_slice listener);
    const void *arg;
    size_t stack; /* the largest that a plugin asks for; 0: the usual one */
};

struct gp__carrier_options {
    struct gp__runtime *runtime;
    const struct gp__spool_settings *spool;
    const struct gp__carriage *carriage;

    /* The answer to each attempt, once, from the loop's stack, never from within
     * gp__carrier_take(). It lives until this returns. */
    void (*answer)(void *arg, const struct gp__attempt_answer *answer);
    void *arg;
};

/* Opens the spool for reading. NULL with a text. Blocks. */
struct gp__carrier *gp__carrier_open(const struct gp__carrier_options *options,
                                     struct gp__buf *error_r);

/* An attempt, which is copied. More than GP__ATTEMPTS_MAX at once are answered as deferred. */
void gp__carrier_take(struct gp__carrier *carrier, const struct gp__attempt *attempt);

/* Attempts that are not answered yet. */
size_t gp__carrier_busy(const struct gp__carrier *carrier);

/* Their waits end now: they unwind in the loop's next turns, and are answered as deferred. */
void gp__carrier_cancel(struct gp__carrier *carrier);

/* None may be under way. */
void gp__carrier_close(struct gp__carrier **carrier_);

#endif
