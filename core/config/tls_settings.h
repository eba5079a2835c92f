// SPDX-License-Identifier: Apache-2.0
/* `tls:` as data: what a TLS context is made from. Keys are PEM texts that the generation wipes. */
#ifndef GP_CONFIG_TLS_SETTINGS_H
#define GP_CONFIG_TLS_SETTINGS_H

#include <gatepost/slice.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum gp__tls_mode {
    GP__TLS_OFF = 0,
    GP__TLS_OPTIONAL, /* STARTTLS is offered */
    GP__TLS_REQUIRED, /* and nothing is done without */
    GP__TLS_IMPLICIT, /* from the first byte (RFC 8314) */
};

enum gp__tls_profile {
    GP__TLS_INTERMEDIATE = 0, /* TLS 1.2 and 1.3, only AEAD with forward secrecy */
    GP__TLS_MODERN,           /* TLS 1.3 */
    GP__TLS_OLD,              /* TLS 1.0 and up */
};

enum gp__tls_client {
    GP__TLS_CLIENT_OFF = 0,
    GP__TLS_CLIENT_REQUEST, /* one that cannot be verified is as good as none */
    GP__TLS_CLIENT_REQUIRE, /* and ends the handshake */
};

struct gp__tls_certificate_settings {
    struct gp_slice chain, key;   /* PEM */
    const struct gp_slice *names; /* for SNI; none: those of the certificate */
    size_t n_names;
};

struct gp__tls_settings {
    const struct gp__tls_certificate_settings *certificates; /* the first is the default one */
    size_t n_certificates;
    enum gp__tls_profile profile;
    enum gp__tls_client client_certificates;
    struct gp_slice client_ca; /* PEM; absent: none */
    bool tickets;
    uint64_t handshake_timeout; /* ms */
    int64_t handshakes;         /* at once */
    uint64_t ticket_rotation;   /* ms; of the global section */
};

#endif
