// SPDX-License-Identifier: Apache-2.0
/*
 * What the scheduler needs of a configuration: how long and how hard to try, what routes mean, what
 * buckets do, and how bounces look. Plain data that the loader writes down; the scheduler parses no
 * YAML and loads no plugin.
 */
#ifndef GP_DELIVERY_PLAN_H
#define GP_DELIVERY_PLAN_H

#include "core/base/buf.h"

#include <gatepost/slice.h>
#include <stdbool.h>
#include <stdint.h>

struct gp__arena;
struct gp__settings;

#define GP__ATTEMPT_MS 900000u /* that one attempt may take: RFC 5321 4.5.3.2.6 waits 10 min */
#define GP__BOUNCE_RATE 100u   /* bounces to one address in … */
#define GP__BOUNCE_PERIOD_MS 3600000u

#define GP__PLAN_QUEUES_MAX 1000u
#define GP__PLAN_ROUTES_MAX 10000u
#define GP__PLAN_BUCKETS_MAX 1000u
#define GP__PLAN_WAITS_MAX 100u              /* as in a configuration */
#define GP__PLAN_TEXT_MAX ((size_t)64 << 10) /* of a template; all other texts: 4 KiB */

/* Why an attempt is to be repeated: each class has a schedule of its own. */
enum gp__retry_class {
    GP__RETRY_OTHER = 0,
    GP__RETRY_CONNECT,  /* the destination could not be reached */
    GP__RETRY_GREYLIST, /* it looks like greylisting, which does not last: then as OTHER */
    GP__RETRY_FULL,     /* the mailbox or the system has no room: 4.2.2, 4.3.1 */
    GP__RETRY_LIMITED,  /* it wants less, or later: 421, 4.7.28 */
    GP__RETRY_CLASSES
};

/* Waits before the second attempt, the third …; the last one is repeated. */
struct gp__plan_waits {
    const uint64_t *ms;
    size_t n; /* 0: those of GP__RETRY_OTHER */
};

/* A named policy of `queue:`. */
struct gp__plan_queue {
    struct gp_slice name;
    struct gp__plan_waits retry[GP__RETRY_CLASSES];
    uint64_t expire_ms;            /* since the message came */
    uint64_t warn_ms;              /* a warning of delay after so long; 0: none */
    uint64_t attempt_ms;           /* the most that one attempt may take */
    uint64_t connections;          /* attempts at a time, for one destination */
    uint64_t rate, rate_period_ms; /* attempts in a period, for one destination; 0: no limit */
    /* The kept note that shares are by; absent key: none; absent instance: of whichever sets it. */
    struct gp_slice fair_instance, fair_key;
};

struct gp__plan_route {
    struct gp_slice name, target;
    uint64_t queue;  /* index of its policy */
    bool per_domain; /* each domain is a destination of its own */
};

enum gp__bucket_then { GP__THEN_DELETE = 0, GP__THEN_BOUNCE, GP__THEN_DELIVER, GP__THEN_COUNT };

/* Who may let its mail go, besides operators. */
enum gp__bucket_owner {
    GP__RELEASE_BY_NOBODY = 0,
    GP__RELEASE_BY_RECIPIENT, /* each their own copy */
    GP__RELEASE_BY_SENDER,
    GP__RELEASE_BY_COUNT
};

struct gp__plan_bucket {
    struct gp_slice name;
    uint64_t expire_ms; /* since it was held; 0: never */
    enum gp__bucket_then then;
    enum gp__bucket_owner release;
};

struct gp__plan {
    struct gp_slice hostname;
    struct gp_slice daemon;        /* whom bounces are from: an address */
    struct gp_slice bounce_bucket; /* for mail that may not be bounced; absent: it is dropped */
    uint64_t bounce_rate, bounce_period_ms;     /* to one address; 0: no limit */
    struct gp_slice failed, delayed, delivered; /* templates of texts; absent: built-in */
    const struct gp__plan_queue *queues;        /* the first is for names that are gone */
    size_t n_queues;                            /* at least 1 */
    const struct gp__plan_route *routes;
    size_t n_routes;
    const struct gp__plan_bucket *buckets;
    size_t n_buckets;
};

/* Of a configuration (plan_of.c); points into it, arrays are in the arena. */
void gp__plan_of(struct gp__plan *plan_r, struct gp__arena *arena,
                 const struct gp__settings *settings);

void gp__plan_pack(struct gp__buf *out, const struct gp__plan *plan);

/* Texts and arrays are copied into the arena. 0, or -1: it is not one. Trusts nothing. */
int gp__plan_unpack(struct gp__plan *plan_r, struct gp__arena *arena, struct gp_slice bytes);

/* How long is waited after attempt number `step`, from 0, in ms. */
uint64_t gp__plan_wait(const struct gp__plan_queue *queue, enum gp__retry_class why, size_t step);

#endif
