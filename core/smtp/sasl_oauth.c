// SPDX-License-Identifier: Apache-2.0
/*
 * OAUTHBEARER (RFC 7628) and its forerunner XOAUTH2: a bearer token. A token that is not good gets
 * a challenge that says so in JSON; the client answers it with a dummy, and only then has failed.
 */
#include "core/smtp/sasl.h"

#define TOKEN_MAX 8192u
#define KVSEP '\x01'

enum oauth_step {
    OAUTH_BEGIN = 0,
    OAUTH_FAILED, /* the JSON was sent */
};

/* Visible ASCII without what a token can't have (RFC 6750 2.1: b64token, and what is in use). */
static bool token_ok(struct gp_slice token)
{
    for (size_t i = 0; i < token.len; i++)
        if (token.data[i] <= ' ' || token.data[i] > '~')
            return false;
    return token.len > 0 && token.len <= TOKEN_MAX;
}

/* "Bearer TOKEN" */
static bool take_token(struct gp__sasl *sasl, struct gp_slice value)
{
    struct gp_slice token = value, scheme = gp_slice_split(&token, ' ');

    if (!gp_slice_caseeq(scheme, GP_S("Bearer")) || !token_ok(token))
        return false;
    sasl->secret = gp__arena_dup(sasl->arena, token);
    return true;
}

/* *( key "=" value kvsep ) kvsep: 1 with a token, 0 without one, -1 malformed. */
static int read_pairs(struct gp__sasl *sasl, struct gp_slice pairs, struct gp_slice *user_r)
{
    int found = 0;

    while (pairs.len > 0 && pairs.data[0] != KVSEP) {
        struct gp_slice value = gp_slice_split(&pairs, KVSEP), key = gp_slice_split(&value, '=');

        if (!gp_slice_present(pairs) || !gp_slice_present(value))
            return -1;
        if (gp_slice_caseeq(key, GP_S("auth"))) {
            if (found || !take_token(sasl, value))
                return -1;
            found = 1;
        } else if (user_r && gp_slice_caseeq(key, GP_S("user"))) {
            *user_r = value;
        }
    }
    return pairs.len == 1 ? found : -1;
}

/* Asks the host, or says what is wrong. */
static void ask(struct gp__sasl *sasl, int found, struct gp_slice user)
{
    if (found <= 0)
        gp__sasl_need(sasl, GP__SASL_MALFORMED);
    else if (user.len && !gp__sasl_set_user(sasl, user))
        gp__sasl_need(sasl, GP__SASL_WRONG);
    else
        gp__sasl_need(sasl, GP__SASL_TOKEN);
}

/* Whether the response is the message; the one to the JSON says nothing. */
static bool is_message(struct gp__sasl *sasl)
{
    if (sasl->step == OAUTH_BEGIN)
        return true;
    gp__sasl_need(sasl, GP__SASL_WRONG);
    return false;
}

static void answer(struct gp__sasl *sasl, bool found, struct gp_slice user, const char *why)
{
    if (!found) {
        sasl->step = OAUTH_FAILED;
        gp__sasl_challenge(sasl, gp_slice_of(why));
        return;
    }
    if (user.len)
        sasl->user = gp__arena_dup(sasl->arena, user);
    gp__sasl_need(sasl, sasl->user.len ? GP__SASL_SUCCESS : GP__SASL_WRONG);
}

/* ---- OAUTHBEARER ---- */

/* gs2-header kvsep *kvpair kvsep (RFC 7628 3.1) */
void gp__sasl_oauthbearer_respond(struct gp__sasl *sasl, struct gp_slice response)
{
    struct gp_slice rest;
    struct gp__gs2 gs2;

    if (!is_message(sasl))
        return;
    if (gp__sasl_gs2(sasl->arena, response, &gs2, &rest) < 0 || rest.len == 0 ||
        rest.data[0] != KVSEP || gs2.flag == 'p')
        gp__sasl_need(sasl, GP__SASL_MALFORMED);
    else
        ask(sasl, read_pairs(sasl, gp_slice_sub(rest, 1, rest.len), NULL), gs2.authzid);
}

/* RFC 7628 3.2.2 */
void gp__sasl_oauthbearer_answer(struct gp__sasl *sasl, bool found, struct gp_slice value)
{
    answer(sasl, found, value, "{\"status\":\"invalid_token\",\"schemes\":\"bearer\"}");
}

/* ---- XOAUTH2 ---- */

void gp__sasl_xoauth2_respond(struct gp__sasl *sasl, struct gp_slice response)
{
    struct gp_slice user = GP_S("");
    int found;

    if (!is_message(sasl))
        return;
    found = read_pairs(sasl, response, &user);
    ask(sasl, user.len ? found : -1, user);
}

void gp__sasl_xoauth2_answer(struct gp__sasl *sasl, bool found, struct gp_slice value)
{
    answer(sasl, found, value, "{\"status\":\"401\",\"schemes\":\"bearer\",\"scope\":\"\"}");
}
