// SPDX-License-Identifier: Apache-2.0
/*
 * Asking DNS, inside the live runtime: libunbound on our loop. Answers that it has in its cache
 * come at once; it is never entered from a fiber's stack, which might be too small for it.
 */
#ifndef GP_RUNTIME_RESOLVER_H
#define GP_RUNTIME_RESOLVER_H

#include "core/runtime/loop.h"

struct gp__dns;
struct gp__dns_query;

/* What came: error is 0 (there is a packet, of whatever rcode) or GP_ETEMP. */
struct gp__dns_reply {
    int error;
    struct gp_slice packet; /* wire format; valid during the call */
    bool secure;
};

/* The libunbound context is made at the first question. Options are copied. */
struct gp__dns *gp__dns_create(struct gp__live *live, const struct gp__dns_options *options);

/* Drops all questions without a call. */
void gp__dns_free(struct gp__dns **dns_);

/*
 * Asks; the name is valid and copied. fn(arg, reply) is called once, from the loop's stack, never
 * from here; the query is gone then.
 */
struct gp__dns_query *gp__dns_ask(struct gp__dns *dns, struct gp_slice name, enum gp_dns_type type,
                                  void (*fn)(void *arg, const struct gp__dns_reply *reply),
                                  void *arg);

/* fn will not be called. What comes back still fills the cache. */
void gp__dns_forget(struct gp__dns_query *query);

#endif
