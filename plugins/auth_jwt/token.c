// SPDX-License-Identifier: Apache-2.0
#include "token.h"

#include "encoding.h"

/* Of a claim that is no text: absent. */
static struct gp_slice text_of(const json_t *value)
{
    return gp_slice(json_string_value(value), json_string_length(value));
}

static json_t *parse(struct gp_slice part, unsigned char *space)
{
    int64_t n = jwt_decode(part, space, TOKEN_MAX);

    return claims_parse(gp_slice((const char *)space, n > 0 ? (size_t)n : 0));
}

/* ---- the signature ---- */

/* The key decides, not the header: only what a key of ours is for is an algorithm, and "none" is
 * not. */
static const char *check_signature(const struct keys *keys, const struct jwt_parts *parts,
                                   const json_t *header, unsigned char *space)
{
    const json_t *kid = json_object_get(header, "kid");
    int64_t n = jwt_decode(parts->signature, space, TOKEN_MAX);

    if (json_object_get(header, "crit"))
        return "it must be understood in ways that we don't (crit)";
    if (kid && !json_is_string(kid))
        return "its kid is no text";
    if (n <= 0 || !keys_verify(keys, text_of(json_object_get(header, "alg")), text_of(kid),
                               parts->input, gp_slice((const char *)space, (size_t)n)))
        return "no key of ours has signed it";
    return NULL;
}

const char *token_check(const struct keys *keys, const struct token_rules *rules,
                        struct gp_slice token, unsigned char space[2 * TOKEN_MAX],
                        char user_r[TOKEN_USER_MAX + 1])
{
    const char *wrong = "it is no signed token";
    json_t *header = NULL, *claims = NULL;
    struct jwt_parts parts;

    if (token.len <= TOKEN_MAX && jwt_split(token, &parts))
        header = parse(parts.header, space);
    if (header)
        wrong = check_signature(keys, &parts, header, space + TOKEN_MAX);
    /* Nothing of it is looked at before it is known whose it is. */
    if (!wrong) {
        claims = parse(parts.payload, space);
        wrong = claims ? claims_check(claims, rules, user_r) : "its claims are not JSON";
    }
    json_decref(header);
    json_decref(claims);
    return wrong;
}
