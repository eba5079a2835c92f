// SPDX-License-Identifier: Apache-2.0
#include "token.h"

#include "encoding.h"

#include <jansson.h>
#include <math.h>

/* Of a claim that is no text: absent. */
static struct gp_slice text_of(const json_t *value)
{
    return gp_slice(json_string_value(value), json_string_length(value));
}

static json_t *parse(struct gp_slice part, unsigned char *space)
{
    int64_t n = jwt_decode(part, space, TOKEN_MAX);
    struct gp_slice json = gp_slice((const char *)space, n > 0 ? (size_t)n : 0);
    json_t *object = json.len && jwt_is_shallow(json)
                         ? json_loadb(json.data, json.len, JSON_REJECT_DUPLICATES, NULL)
                         : NULL;

    if (json_is_object(object))
        return object;
    json_decref(object);
    return NULL;
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

/* ---- the claims ---- */

static bool is_for(const json_t *audience, struct gp_slice wanted)
{
    size_t count = json_array_size(audience);

    if (json_is_string(audience))
        return gp_slice_eq(text_of(audience), wanted);
    for (size_t i = 0; i < count; i++)
        if (json_is_string(json_array_get(audience, i)) &&
            gp_slice_eq(text_of(json_array_get(audience, i)), wanted))
            return true;
    return false;
}

/* Seconds since 1970, a fraction allowed; not a number: it is none. */
static double time_of(const json_t *value)
{
    return json_is_number(value) ? json_number_value(value) : (double)NAN;
}

static const char *check_time(const json_t *claims, const struct token_rules *rules)
{
    double now = (double)rules->now_s, leeway = (double)rules->leeway_s;
    const json_t *begin = json_object_get(claims, "nbf");

    if (!(time_of(json_object_get(claims, "exp")) + leeway > now))
        return "it has expired, or does not say when it does";
    if (begin && !(time_of(begin) - leeway <= now))
        return "it does not hold yet";
    return NULL;
}

static const char *take_user(struct gp_slice name, char user_r[TOKEN_USER_MAX + 1])
{
    if (name.len == 0 || name.len > TOKEN_USER_MAX)
        return "it names no user";
    for (size_t i = 0; i < name.len; i++)
        if ((unsigned char)name.data[i] < 0x20 || name.data[i] == 0x7f)
            return "it names no user";
    memcpy(user_r, name.data, name.len);
    user_r[name.len] = '\0';
    return NULL;
}

static const char *check_claims(const json_t *claims, const struct token_rules *rules,
                                char user_r[TOKEN_USER_MAX + 1])
{
    const json_t *user = json_object_getn(claims, rules->user_claim.data, rules->user_claim.len);
    const char *wrong = check_time(claims, rules);

    if (wrong)
        return wrong;
    if (!json_is_string(json_object_get(claims, "iss")) ||
        !gp_slice_eq(text_of(json_object_get(claims, "iss")), rules->issuer))
        return "somebody else has issued it";
    if (!is_for(json_object_get(claims, "aud"), rules->audience))
        return "it is not for us";
    return take_user(text_of(user), user_r);
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
        wrong = claims ? check_claims(claims, rules, user_r) : "its claims are not JSON";
    }
    json_decref(header);
    json_decref(claims);
    return wrong;
}
