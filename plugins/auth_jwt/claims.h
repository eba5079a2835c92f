// SPDX-License-Identifier: Apache-2.0
/* What a token must say, whoever has vouched for it: its issuer's signature (RFC 7519) or the
 * issuer itself (RFC 7662). Pure. */
#ifndef AUTH_JWT_CLAIMS_H
#define AUTH_JWT_CLAIMS_H

#include <gatepost/slice.h>
#include <jansson.h>

#define TOKEN_USER_MAX ((size_t)255)

struct token_rules {
    struct gp_slice issuer, audience, scope; /* empty: any */
    struct gp_slice user_claim;
    int64_t now_s, leeway_s;
    bool may_last; /* it need not say when it expires */
};

/* NULL, and the user it stands for; or why it is refused. */
const char *claims_check(const json_t *claims, const struct token_rules *rules,
                         char user_r[TOKEN_USER_MAX + 1]);

/* Seconds from now until it expires, leeway or not: at least 0, INT64_MAX: it does not say. Of claims
 * that were checked. */
int64_t claims_lasts_s(const json_t *claims, int64_t now_s);

/* An object without duplicate names that is nested little, or NULL. json_decref(). */
json_t *claims_parse(struct gp_slice json);

#endif
