// SPDX-License-Identifier: Apache-2.0
/*
 * How a connection to a host must be protected: what `tls: outbound:` says of the destination, else
 * what the destination itself publishes (DANE, MTA-STS), else TLS if it can be had.
 */
#ifndef GP_DELIVERY_TLS_POLICY_H
#define GP_DELIVERY_TLS_POLICY_H

#include "core/config/outbound_settings.h"
#include "core/delivery/mta_sts.h"
#include "core/delivery/tls_report.h"
#include "core/hook/runtime.h"

enum gp__tls_level {
    GP__TLS_LEVEL_NONE = 0,
    GP__TLS_LEVEL_OPPORTUNISTIC, /* if it can be had */
    GP__TLS_LEVEL_ENCRYPTED,     /* with anybody */
    GP__TLS_LEVEL_VERIFIED,      /* with the host, as CAs say */
    GP__TLS_LEVEL_DANE,          /* with the host, as its TLSA records say */
};

struct gp__tls_policy {
    enum gp__tls_level level;
    struct gp_slice base; /* the host's name, where its TLSA records are; absent: as we know it */
    const struct gp_slice *names; /* whom the certificate may be of, besides the host */
    size_t n_names;
    const struct gp_slice *tlsa;
    size_t n_tlsa;
    enum gp__report_policy reported;
    enum gp__report_trouble trouble; /* told with the session */
    bool observe; /* what CAs say of the certificate counts in the report alone */
};

struct gp__entry;

/* What a generation knows of how to reach others. */
struct gp__outbound {
    const struct gp__outbound_settings *settings;
    struct gp_slice hostname;
    struct gp__sts_cache sts;
    struct gp__state *state; /* where reports are counted; NULL: there is none */

    /* Keeps a message of our own in the queue, on the fiber of the call: 0, or an error. NULL: there is
     * no queue, or, where mail is spooled, this process only takes from it. */
    bool spooled;
    int (*submit)(struct gp_call *call, void *arg, const struct gp__entry *entry);
    void *submit_arg;
};

#endif
