// SPDX-License-Identifier: Apache-2.0
/*
 * Whether a sender is told what became of a recipient: what was asked for (NOTIFY, RFC 3461 4.1),
 * what is never done (an answer to the null reverse-path), and what would make us a source of
 * backscatter: who did not log in and whose domain did not vouch for the message may be anybody.
 * Pure: state and time are arguments.
 */
#ifndef GP_DELIVERY_DSN_POLICY_H
#define GP_DELIVERY_DSN_POLICY_H

#include "core/delivery/dsn.h"

struct gp__dsn_question {
    enum gp__dsn_action action;
    struct gp_slice sender; /* the reverse-path that would be told; empty or absent: null */
    unsigned notify;        /* enum gp__dsn_notify; 0: not given */
    bool authenticated;     /* the client had logged in */
    bool vouched;           /* SPF or aligned DKIM passed when it came */
};

enum gp__dsn_answer {
    GP__DSN_SILENT = 0, /* nobody wants to know */
    GP__DSN_SEND,
    GP__DSN_KEEP, /* a failure that can't be told: log it, and keep the message in a bucket */
};

enum gp__dsn_answer gp__dsn_wanted(const struct gp__dsn_question *question);

/*
 * How many notifications an address gets: a bucket of `count` each, which fills in `period_ms`. The
 * table is of a fixed size. When it is full a newcomer takes the place of whoever has most left, so
 * an address is never refused for another's sake. Zeroed but for the first two: empty.
 */
#define GP__DSN_RATE_SLOTS 4096

struct gp__dsn_rate_slot {
    uint64_t key;     /* hash of the address; 0: free */
    uint64_t full_ms; /* when its bucket would be full again */
};

struct gp__dsn_rate {
    uint64_t count, period_ms; /* count 0: no limit */
    struct gp__dsn_rate_slot slots[GP__DSN_RATE_SLOTS];
};

/* Whether the address may be told one thing more now (and then it counts). */
bool gp__dsn_rate_take(struct gp__dsn_rate *rate, struct gp_slice address, uint64_t now_ms);

#endif
