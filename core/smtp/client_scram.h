// SPDX-License-Identifier: Apache-2.0
/*
 * SCRAM (RFC 5802, RFC 7677), the client's side: shows that it knows the password without sending it,
 * and has the server show that it knows it, too. The server is not trusted: what it sends is bounded,
 * and so is the work that it asks for.
 *
 *     scram = gp__client_scram_create(&settings);
 *     send gp__client_scram_first(scram)
 *     error = gp__client_scram_answer(scram, challenge, &response)    // twice, send each
 *     gp__client_scram_verified(scram), or the server is none of ours
 *     gp__client_scram_free(&scram);                                   // wipes everything
 */
#ifndef GP_SMTP_CLIENT_SCRAM_H
#define GP_SMTP_CLIENT_SCRAM_H

#include "core/base/arena.h"
#include "core/base/crypto.h"

/* Fewer iterations give the password away to whoever is not the server (RFC 7677 section 4); more
 * are for stopping the client. */
#define GP__CLIENT_SCRAM_ITERATIONS_MIN 4096
#define GP__CLIENT_SCRAM_ITERATIONS_MAX 1000000

/* Borrowed. */
struct gp__client_scram_settings {
    const struct gp__crypto *crypto;
    enum gp__digest digest;
    struct gp_slice user, password;
    struct gp_slice gs2;     /* "n,,", "y,,", "p=tls-exporter,," */
    struct gp_slice binding; /* with "p=": the bytes of the channel; else empty */
    struct gp_slice nonce;   /* instead of a random one, for test vectors; absent: none */
};

struct gp__client_scram;

/* NULL: user or password are nothing that SASLprep (RFC 4013) takes. */
struct gp__client_scram *gp__client_scram_create(const struct gp__client_scram_settings *settings);
void gp__client_scram_free(struct gp__client_scram **scram_);

/* The first message; this and the others are not encoded, and live as long as the exchange. */
struct gp_slice gp__client_scram_first(const struct gp__client_scram *scram);

/* What to say to a challenge, decoded. 0, or -1 and a static text: the exchange is over. */
int gp__client_scram_answer(struct gp__client_scram *scram, struct gp_slice challenge,
                            struct gp_slice *response_r, const char **why_r);

/* Whether the server has shown that it knows the password (or what is derived from it). */
bool gp__client_scram_verified(const struct gp__client_scram *scram);

#endif
