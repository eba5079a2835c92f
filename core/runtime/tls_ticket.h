// SPDX-License-Identifier: Apache-2.0
/*
 * Keys of session tickets (RFC 5077, RFC 8446 4.6.1). Tickets keep the state of a session with the
 * client, so what encrypts them can undo forward secrecy: keys live for two rotations and are then
 * out of reach. The secret that they are derived from becomes its own hash with each rotation. Each
 * scope (a listener and what its clients had to prove) has keys of its own.
 */
#ifndef GP_RUNTIME_TLS_TICKET_H
#define GP_RUNTIME_TLS_TICKET_H

#include "core/runtime/tls.h"

#include <openssl/ssl.h>

struct gp__tls_ticket_key {
    uint64_t epoch; /* 0: none yet */
    unsigned char name[16], cipher[32], mac[32];
};

struct gp__tls_tickets {
    unsigned char scope[32];
    struct gp__tls_ticket_key keys[2]; /* of this epoch, of the one before */
};

/* How long what a ticket carries is good for. */
long gp__tls_tickets_lifetime_s(void);

/* The body of SSL_CTX_set_tlsext_ticket_key_evp_cb(). */
int gp__tls_ticket_key_callback(struct gp__tls_tickets *tickets, int64_t wall_ms,
                                unsigned char name[16], unsigned char *iv, EVP_CIPHER_CTX *cipher,
                                EVP_MAC_CTX *mac, int enc);

void gp__tls_tickets_wipe(struct gp__tls_tickets *tickets);

#endif
