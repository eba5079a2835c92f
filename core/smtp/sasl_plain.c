// SPDX-License-Identifier: Apache-2.0
/* PLAIN (RFC 4616) and LOGIN (draft-murchison-sasl-login): the password itself. */
#include "core/smtp/sasl.h"

/* [authzid] NUL authcid NUL passwd. Nobody may act for another. */
void gp__sasl_plain_respond(struct gp__sasl *sasl, struct gp_slice response)
{
    struct gp_slice password = response, authzid = gp_slice_split(&password, '\0');
    struct gp_slice user = gp_slice_present(password) ? gp_slice_split(&password, '\0') : GP_S("");

    if (!gp_slice_present(password) || user.len == 0 || password.len == 0 ||
        gp_slice_find(password, '\0') < password.len)
        gp__sasl_need(sasl, GP__SASL_MALFORMED);
    else if (authzid.len && !gp_slice_eq(authzid, user))
        gp__sasl_need(sasl, GP__SASL_WRONG);
    else
        gp__sasl_ask_password(sasl, user, password);
}

enum login_step {
    LOGIN_BEGIN = 0, /* the empty response with which the exchange begins */
    LOGIN_USER,
    LOGIN_PASSWORD,
};

/* An initial response is the name: the draft has none, clients do. */
void gp__sasl_login_respond(struct gp__sasl *sasl, struct gp_slice response)
{
    if (gp_slice_find(response, '\0') < response.len) {
        gp__sasl_need(sasl, GP__SASL_MALFORMED);
        return;
    }
    switch ((enum login_step)sasl->step) {
    case LOGIN_BEGIN:
        sasl->step = response.len ? LOGIN_PASSWORD : LOGIN_USER;
        sasl->secret = gp__arena_dup(sasl->arena, response); /* the name, until it is prepared */
        gp__sasl_challenge(sasl, response.len ? GP_S("Password:") : GP_S("Username:"));
        return;
    case LOGIN_USER:
        sasl->step = LOGIN_PASSWORD;
        sasl->secret = gp__arena_dup(sasl->arena, response);
        gp__sasl_challenge(sasl, GP_S("Password:"));
        return;
    case LOGIN_PASSWORD:
        gp__sasl_ask_password(sasl, sasl->secret, response);
    }
}
