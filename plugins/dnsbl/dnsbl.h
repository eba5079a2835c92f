// SPDX-License-Identifier: Apache-2.0
/* What the files of this plugin share: the instance, and what an answer of a zone is worth. */
#ifndef DNSBL_DNSBL_H
#define DNSBL_DNSBL_H

#include <gatepost/plugin.h>

/* One row of `codes`. */
struct dnsbl_code {
    struct gp_slice zone;
    const struct gp_list *answers;
    int64_t score;
};

struct dnsbl {
    const struct gp_map *zones;
    const struct gp_list *codes;
    int of;
    int64_t reject_at, defer_at;
    uint64_t timeout_ms;
    const struct gp_list *exempt;
    struct gp_slice text;
    bool txt;
    bool check;

    bool *dead; /* by zone: lists what must not be listed; set by tick */
};

/*
 * What the answer of a zone adds to the score. *listed_r: whether it lists the subject at all.
 * Answers that are none (outside 127.0.0.0/8, or the error codes 127.255.255.x) are logged and
 * counted, and worth nothing.
 */
int64_t dnsbl_rate(struct gp_call *call, const struct dnsbl *self, size_t zone,
                   const struct gp_dns_answer *answer, bool *listed_r);

/* The least that the zone may still add: negative for one that vouches. */
int64_t dnsbl_least(const struct dnsbl *self, size_t zone);

/* Whether there is an answer in which the zone lists, counts or not. */
bool dnsbl_is_listing(struct gp_slice address);

/* Printable ASCII, at most max bytes: for replies. */
struct gp_slice dnsbl_clean(struct gp_call *call, struct gp_slice text, size_t max);

#endif
