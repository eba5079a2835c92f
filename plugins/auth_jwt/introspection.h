// SPDX-License-Identifier: Apache-2.0
/* Asking the issuer of a token whether it is good: OAuth 2.0 Token Introspection (RFC 7662). */
#ifndef AUTH_JWT_INTROSPECTION_H
#define AUTH_JWT_INTROSPECTION_H

#include "claims.h"

#include <gatepost/plugin.h>

/* Whom to ask, and as whom. */
struct introspection {
    struct gp_slice url, client_id, client_secret, ca;
    uint64_t cache_ms;
};

struct introspection_answer {
    const char *wrong; /* why the token is refused, or NULL: it is good, and this is its user: */
    char user[TOKEN_USER_MAX + 1];
    int64_t lasts_s; /* claims_lasts_s() */
};

/* Whether the endpoint may be asked: an https URL, or http on loopback. What is wrong is logged. */
int introspection_check(struct gp_call *call, const struct introspection *options);

/* Asks, and waits. 0; any other error, which was logged: it could not be told. */
int introspection_ask(struct gp_call *call, const struct introspection *options,
                      const struct token_rules *rules, struct gp_slice token,
                      struct introspection_answer *answer_r);

/* The body of an answer. 0, or -1: it is none. */
int introspection_read(struct gp_slice json, const struct token_rules *rules,
                       struct introspection_answer *answer_r);

#endif
