// SPDX-License-Identifier: Apache-2.0
/*
 * Addresses of ours that mail is sent from, and how much each may send: messages a time, sessions at
 * once. The targets of a process share what is known of an address, and the processes of a machine
 * share it by the census; without one a process counts alone.
 *
 * A rate is exact over all processes: one number for an address, which they all move on. Sessions are
 * announced before they are compared, so there are never more than may be; two that come at once may
 * both be refused, and come again.
 */
#ifndef GP_DELIVERY_ORIGIN_H
#define GP_DELIVERY_ORIGIN_H

#include "core/base/ip.h"
#include "core/hook/runtime.h"

#include <gatepost/option.h>
#include <stdatomic.h>

struct gp__origin {
    struct gp__origin *next; /* of the runtime */
    struct gp__ip ip;
    uint64_t key;
    uint32_t refs;
    uint64_t sessions;       /* of this process */
    _Atomic uint64_t *at_us; /* when all that was sent would have been sent at an even pace */
    _Atomic uint64_t own_at_us;
};

/* rate.count 0, sessions 0: no limit. */
struct gp__origin_limits {
    struct gp_rate rate;
    uint64_t sessions;
};

/* The one of the address; it lives until it is given back by all who asked. */
struct gp__origin *gp__origin_ref(struct gp__runtime *rt, const struct gp__ip *ip);
void gp__origin_unref(struct gp__runtime *rt, struct gp__origin **source_);

/* Counts one message: 0; or for how many ms it may send none, and it is not counted. At an even pace,
 * with a second's worth at once. */
uint64_t gp__origin_take(struct gp__runtime *rt, struct gp__origin *source,
                         const struct gp__origin_limits *limits);

/* The message was not sent after all. */
void gp__origin_give_back(struct gp__origin *source, const struct gp__origin_limits *limits);

/* One session more, or less. False: it may have no more. */
bool gp__origin_enter(struct gp__runtime *rt, struct gp__origin *source,
                      const struct gp__origin_limits *limits);
void gp__origin_leave(struct gp__runtime *rt, struct gp__origin *source);

#endif
