// SPDX-License-Identifier: Apache-2.0
/*
 * Reports of TLS (RFC 8460): how sessions with the hosts of a domain went is counted in the state, by
 * day, so that all processes count together; on the next day the domain is told, if it wants to be.
 */
#ifndef GP_DELIVERY_TLS_REPORT_H
#define GP_DELIVERY_TLS_REPORT_H

#include "core/base/arena.h"
#include "core/base/buf.h"
#include "core/hook/runtime.h"

#include <gatepost/types.h>

#define GP__REPORT_RUA_MAX 8u
#define GP__REPORT_LINES_MAX 1000u /* of a domain and a day */

/* Which policy it was about. */
enum gp__report_policy {
    GP__REPORT_NOTHING = 0, /* our own: no report */
    GP__REPORT_NO_POLICY,
    GP__REPORT_TLSA,
    GP__REPORT_STS,
};

/* What was wrong with the policy itself; sessions may go well all the same. */
enum gp__report_trouble {
    GP__TROUBLE_NONE = 0,
    GP__TROUBLE_DNSSEC,        /* DNS gives no answer about TLSA records that could be trusted */
    GP__TROUBLE_TLSA,          /* none of them can be used */
    GP__TROUBLE_DANE_REQUIRED, /* our configuration wants some, and there are none */
    GP__TROUBLE_STS_FETCH,
    GP__TROUBLE_STS_UNTRUSTED,
    GP__TROUBLE_STS_INVALID,
    GP__TROUBLE_STS_HOST, /* the mail host is none of the policy's */
};

/* One session, or why there was none. */
struct gp__report_facts {
    enum gp__report_trouble trouble;
    bool opened;                   /* it became ready for mail */
    bool secure;                   /* over TLS */
    bool refused;                  /* TLS was required, and not to be had */
    bool tls_lost;                 /* the handshake failed, */
    enum gp__tls_failure failure;  /* by this */
    enum gp__tls_failure observed; /* of a certificate that nobody insists on */
};

/* The result type (RFC 8460 4.3), "success"; or NULL: it says nothing about TLS. What went wrong in the
 * session comes before what was wrong with the policy: each session has one result. */
const char *gp__report_result(const struct gp__report_facts *facts);

/* The same of what kept a session from being made. */
const char *gp__report_trouble(enum gp__report_trouble trouble);

struct gp__report_line {
    struct gp_slice policy; /* "tlsa", "sts", "no-policy-found" */
    struct gp_slice result; /* "success", or of RFC 8460 4.3 */
    struct gp_slice mx;     /* or empty */
    int64_t count;
};

struct gp__report {
    struct gp_slice organization, contact;
    struct gp_slice domain, day; /* "2026-11-27" */
    const struct gp__report_line *lines;
    size_t n_lines;
};

/* The report as JSON (RFC 8460 4.4). 0, or -1 without memory. */
int gp__report_write(struct gp__buf *out, const struct gp__report *report);

/* Where reports go, out of a TXT record: "https://…" and "mailto:…". How many; 0: it is none. */
size_t gp__report_rua(struct gp_slice record, struct gp_slice rua_r[GP__REPORT_RUA_MAX]);

/* The key under which something is counted, without the namespace; absent: it would be too long. */
struct gp_slice gp__report_key(struct gp__arena *arena, struct gp_slice day, struct gp_slice domain,
                               enum gp__report_policy policy, const char *result,
                               struct gp_slice mx);

/* Back from such a key: the domain, and the line but its count. 0, or -1. */
int gp__report_key_read(struct gp_slice key, struct gp_slice *domain_r,
                        struct gp__report_line *line_r);

/* ---- in the state of a call's instance, if reports are configured ---- */

/* Counts one session of today. Never waits for long, never fails. */
void gp__report_count(struct gp_call *call, struct gp_slice domain, enum gp__report_policy policy,
                      const char *result, struct gp_slice mx);

/* Sends those of yesterday that nobody has sent. 0, or a sticky error. */
int gp__report_send(struct gp_call *call);

#endif
