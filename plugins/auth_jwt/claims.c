// SPDX-License-Identifier: Apache-2.0
#include "claims.h"

#include <gatepost/text.h>

#include <math.h>

#define FAR_S 1e15 /* more than a time that anybody means */

json_t *claims_parse(struct gp_slice json)
{
    json_t *object = json.len && gp_json_is_shallow(json)
                         ? json_loadb(json.data, json.len, JSON_REJECT_DUPLICATES, NULL)
                         : NULL;

    if (json_is_object(object))
        return object;
    json_decref(object);
    return NULL;
}

/* Of a claim that is no text: absent. */
static struct gp_slice text_of(const json_t *value)
{
    return gp_slice(json_string_value(value), json_string_length(value));
}

/* ---- time ---- */

/* Seconds since 1970, a fraction allowed; not a number: it is none. */
static double time_of(const json_t *value)
{
    return json_is_number(value) ? json_number_value(value) : (double)NAN;
}

static const char *check_time(const json_t *claims, const struct token_rules *rules)
{
    double now = (double)rules->now_s, leeway = (double)rules->leeway_s;
    const json_t *begin = json_object_get(claims, "nbf"), *end = json_object_get(claims, "exp");

    if (!(end == NULL && rules->may_last) && !(time_of(end) + leeway > now))
        return "it has expired, or does not say when it does";
    if (begin && !(time_of(begin) - leeway <= now))
        return "it does not hold yet";
    return NULL;
}

int64_t claims_lasts_s(const json_t *claims, int64_t now_s)
{
    double left = time_of(json_object_get(claims, "exp")) - (double)now_s;

    if (!(left < FAR_S))
        return INT64_MAX;
    return left > 0 ? (int64_t)left : 0;
}

/* ---- whose, and what for ---- */

static bool is_issued_by(const json_t *issuer, struct gp_slice wanted)
{
    return wanted.len == 0 || (json_is_string(issuer) && gp_slice_eq(text_of(issuer), wanted));
}

static bool is_for(const json_t *audience, struct gp_slice wanted)
{
    size_t count = json_array_size(audience);

    if (wanted.len == 0)
        return true;
    if (json_is_string(audience))
        return gp_slice_eq(text_of(audience), wanted);
    for (size_t i = 0; i < count; i++)
        if (json_is_string(json_array_get(audience, i)) &&
            gp_slice_eq(text_of(json_array_get(audience, i)), wanted))
            return true;
    return false;
}

/* A list of words with spaces between (RFC 8693 section 4.2). */
static bool has_scope(const json_t *scope, struct gp_slice wanted)
{
    struct gp_slice rest = text_of(scope);
    bool found = wanted.len == 0;

    while (!found && rest.len)
        found = gp_slice_eq(gp_slice_split(&rest, ' '), wanted);
    return found;
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

const char *claims_check(const json_t *claims, const struct token_rules *rules,
                         char user_r[TOKEN_USER_MAX + 1])
{
    const json_t *user = json_object_getn(claims, rules->user_claim.data, rules->user_claim.len);
    const char *wrong = check_time(claims, rules);

    if (wrong)
        return wrong;
    if (!is_issued_by(json_object_get(claims, "iss"), rules->issuer))
        return "somebody else has issued it";
    if (!is_for(json_object_get(claims, "aud"), rules->audience))
        return "it is not for us";
    if (!has_scope(json_object_get(claims, "scope"), rules->scope))
        return "its scope is not ours";
    return take_user(text_of(user), user_r);
}
