// SPDX-License-Identifier: Apache-2.0
/* `tls: outbound:` as data: how connections to other servers must be protected. */
#ifndef GP_CONFIG_OUTBOUND_SETTINGS_H
#define GP_CONFIG_OUTBOUND_SETTINGS_H

#include <gatepost/slice.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum gp__outbound_require {
    GP__REQUIRE_POLICY = 0, /* what the destination publishes */
    GP__REQUIRE_NONE,       /* not even TLS */
    GP__REQUIRE_ENCRYPTED,
    GP__REQUIRE_VERIFIED,
    GP__REQUIRE_DANE,
};

enum gp__outbound_method {
    GP__METHOD_DANE = 0,
    GP__METHOD_MTA_STS,
    GP__METHOD_OPPORTUNISTIC,
};

struct gp__outbound_rule {
    struct gp_slice domain; /* in lower case, A-labels; ".example.org": all below it */
    enum gp__outbound_require require;
    unsigned methods;             /* 1 << enum gp__outbound_method; of POLICY */
    const struct gp_slice *names; /* whom certificates may be of */
    size_t n_names;
    int64_t until_ms; /* wall clock: no rule from then on; 0: for ever */
};

struct gp__outbound_settings {
    unsigned methods; /* of destinations without a rule */
    const struct gp__outbound_rule *rules;
    size_t n_rules;
    struct gp_slice organization,
        contact; /* of reports (RFC 8460); contact absent: none are made */
};

#endif
