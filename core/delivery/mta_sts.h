// SPDX-License-Identifier: Apache-2.0
/*
 * MTA-STS (RFC 8461): a domain publishes by HTTPS which hosts take its mail over verified TLS. Its
 * policy is kept as long as it says, so that whoever can suppress DNS or the web server cannot take
 * it back.
 */
#ifndef GP_DELIVERY_MTA_STS_H
#define GP_DELIVERY_MTA_STS_H

#include "core/base/arena.h"
#include "core/base/map.h"

#include <gatepost/types.h>

#define GP__STS_MX_MAX 64u                /* patterns of a policy */
#define GP__STS_BYTES_MAX ((size_t)65536) /* of its text (RFC 8461 3.3) */
#define GP__STS_ID_MAX 32u
#define GP__STS_AGE_MAX 31557600u /* seconds */

enum gp__sts_mode {
    GP__STS_NONE = 0,
    GP__STS_TESTING,
    GP__STS_ENFORCE,
};

struct gp__sts_policy {
    enum gp__sts_mode mode;
    uint32_t max_age;    /* seconds */
    struct gp_slice *mx; /* "mx.example.org", "*.example.org" */
    size_t n_mx;
};

/* The id in the text of a TXT record; absent: it is no record of MTA-STS, or a bad one. */
struct gp_slice gp__sts_id(struct gp_slice record);

/* Reads a policy; texts are copied into the arena. NULL, or why it is none (static). */
const char *gp__sts_policy_read(struct gp__arena *arena, struct gp_slice text,
                                struct gp__sts_policy *policy_r);

/* Whether the host is one of the policy's; "*" stands for one label. */
bool gp__sts_matches(const struct gp__sts_policy *policy, struct gp_slice host);

/* ---- policies of domains ---- */

struct gp__state;

struct gp__sts_cache {
    struct gp__map domains;
    struct gp__state *state; /* where policies outlive the process; NULL: nowhere */
};

void gp__sts_cache_free(struct gp__sts_cache *cache);

enum gp__sts_failure {
    GP__STS_FINE = 0,
    GP__STS_FETCH,     /* the web server */
    GP__STS_UNTRUSTED, /* its certificate */
    GP__STS_INVALID,   /* what it gave is no policy */
};

/*
 * The policy of a domain that holds now; NULL: there is none. May ask DNS and the web. What could not
 * be fetched leaves the one that is kept in force until its time is over. *failure_r: what went wrong
 * now. Valid until the next call for the same domain. A sticky error is the call's.
 */
const struct gp__sts_policy *gp__sts_find(struct gp_call *call, struct gp__sts_cache *cache,
                                          struct gp_slice domain, struct gp_slice ca_file,
                                          enum gp__sts_failure *failure_r);

#endif
