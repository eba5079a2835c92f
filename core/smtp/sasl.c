// SPDX-License-Identifier: Apache-2.0
/* The table of mechanisms and what they share. See sasl.h. */
#include "core/smtp/sasl.h"

#include "core/base/counts.h"
#include "core/base/saslprep.h"

#define MECHANISM(id, text)                                                                        \
    .name = {text, sizeof text - 1}, .counter = GP__COUNTER(auth_##id##_success)

static const struct gp__sasl_mechanism mechanisms[GP__SASL_COUNT] = {
    [GP__SASL_SCRAM_SHA_256_PLUS] = {MECHANISM(SCRAM_SHA_256_PLUS, "SCRAM-SHA-256-PLUS"),
                                     .stored = {"SCRAM-SHA-256", 13}, .digest = GP__SHA256,
                                     .binds = true, .respond = gp__sasl_scram_respond,
                                     .answer = gp__sasl_scram_answer},
    [GP__SASL_SCRAM_SHA_256] = {MECHANISM(SCRAM_SHA_256, "SCRAM-SHA-256"),
                                .stored = {"SCRAM-SHA-256", 13}, .digest = GP__SHA256,
                                .respond = gp__sasl_scram_respond, .answer = gp__sasl_scram_answer},
    [GP__SASL_SCRAM_SHA_1_PLUS] = {MECHANISM(SCRAM_SHA_1_PLUS, "SCRAM-SHA-1-PLUS"),
                                   .stored = {"SCRAM-SHA-1", 11}, .digest = GP__SHA1, .binds = true,
                                   .respond = gp__sasl_scram_respond,
                                   .answer = gp__sasl_scram_answer},
    [GP__SASL_SCRAM_SHA_1] = {MECHANISM(SCRAM_SHA_1, "SCRAM-SHA-1"), .stored = {"SCRAM-SHA-1", 11},
                              .digest = GP__SHA1, .respond = gp__sasl_scram_respond,
                              .answer = gp__sasl_scram_answer},
    [GP__SASL_OAUTHBEARER] = {MECHANISM(OAUTHBEARER, "OAUTHBEARER"),
                              .respond = gp__sasl_oauthbearer_respond,
                              .answer = gp__sasl_oauthbearer_answer},
    [GP__SASL_XOAUTH2] = {MECHANISM(XOAUTH2, "XOAUTH2"), .respond = gp__sasl_xoauth2_respond,
                          .answer = gp__sasl_xoauth2_answer},
    [GP__SASL_EXTERNAL] = {MECHANISM(EXTERNAL, "EXTERNAL"), .respond = gp__sasl_external_respond},
    [GP__SASL_PLAIN] = {MECHANISM(PLAIN, "PLAIN"), .respond = gp__sasl_plain_respond,
                        .answer = gp__sasl_password_answer},
    [GP__SASL_LOGIN] = {MECHANISM(LOGIN, "LOGIN"), .server_first = true,
                        .respond = gp__sasl_login_respond, .answer = gp__sasl_password_answer},
};

const struct gp__sasl_mechanism *gp__sasl_mechanism(enum gp__sasl_name name)
{
    return &mechanisms[name];
}

const struct gp__sasl_mechanism *gp__sasl_find(struct gp_slice name, enum gp__sasl_name *name_r)
{
    for (int i = 0; i < GP__SASL_COUNT; i++) {
        if (!gp_slice_caseeq(mechanisms[i].name, name))
            continue;
        *name_r = (enum gp__sasl_name)i;
        return &mechanisms[i];
    }
    return NULL;
}

/* ---- life ---- */

struct gp__sasl *gp__sasl_create(const struct gp__sasl_mechanism *mechanism,
                                 const struct gp__sasl_context *context)
{
    struct gp__arena *arena = gp__arena_create();
    struct gp__sasl *sasl = GP__ARENA_NEW(arena, struct gp__sasl);

    gp__arena_keep_secret(arena);
    sasl->arena = arena;
    sasl->mechanism = mechanism;
    sasl->context = *context;
    sasl->challenge = sasl->user = sasl->secret = GP_S("");
    return sasl;
}

void gp__sasl_respond(struct gp__sasl *sasl, struct gp_slice response)
{
    if (sasl->need == GP__SASL_RESPONSE)
        sasl->mechanism->respond(sasl, response);
}

void gp__sasl_answer(struct gp__sasl *sasl, bool found, struct gp_slice value)
{
    if (sasl->need == GP__SASL_PASSWORD || sasl->need == GP__SASL_SECRET ||
        sasl->need == GP__SASL_TOKEN)
        sasl->mechanism->answer(sasl, found, value);
}

void gp__sasl_free(struct gp__sasl **sasl_)
{
    struct gp__arena *arena = *sasl_ ? (*sasl_)->arena : NULL;

    *sasl_ = NULL;
    gp__arena_free(&arena); /* the exchange lives in it */
}

/* ---- names and passwords ---- */

bool gp__sasl_set_user(struct gp__sasl *sasl, struct gp_slice user)
{
    return user.len <= GP__SASL_USER_MAX && gp__saslprep(sasl->arena, user, &sasl->user) == 0 &&
           sasl->user.len > 0 && sasl->user.len <= GP__SASL_USER_MAX;
}

void gp__sasl_ask_password(struct gp__sasl *sasl, struct gp_slice user, struct gp_slice password)
{
    bool fine = gp__sasl_set_user(sasl, user) && password.len <= GP__SASL_PASSWORD_MAX &&
                gp__saslprep(sasl->arena, password, &sasl->secret) == 0;

    /* An empty password is never right: some directories take it for an anonymous login. */
    fine = fine && sasl->secret.len > 0 && sasl->secret.len <= GP__SASL_PASSWORD_MAX;
    gp__sasl_need(sasl, fine ? GP__SASL_PASSWORD : GP__SASL_WRONG);
}

void gp__sasl_password_answer(struct gp__sasl *sasl, bool found, struct gp_slice value)
{
    if (found && value.len > 0)
        sasl->user = gp__arena_dup(sasl->arena, value);
    gp__sasl_need(sasl, found ? GP__SASL_SUCCESS : GP__SASL_WRONG);
}

int gp__sasl_unescape(struct gp__arena *arena, struct gp_slice text, struct gp_slice *name_r)
{
    char *out = gp__arena_bytes(arena, text.len + 1), *to = out;

    for (size_t i = 0; i < text.len; i++) {
        struct gp_slice code = gp_slice_sub(text, i, 3);

        if (text.data[i] == '\0' || text.data[i] == ',')
            return -1;
        if (text.data[i] != '=') {
            *to++ = text.data[i];
        } else if (gp_slice_eq(code, GP_S("=2C")) || gp_slice_eq(code, GP_S("=3D"))) {
            *to++ = code.data[2] == 'C' ? ',' : '=';
            i += 2;
        } else {
            return -1;
        }
    }
    *name_r = gp_slice(out, (size_t)(to - out));
    return 0;
}

/* gs2-cbind-flag "," [ "a=" saslname ] "," (RFC 5802 section 7) */
int gp__sasl_gs2(struct gp__arena *arena, struct gp_slice message, struct gp__gs2 *gs2_r,
                 struct gp_slice *rest_r)
{
    struct gp_slice rest = message, flag = gp_slice_split(&rest, ','), authzid;

    *gs2_r = (struct gp__gs2){.binding = GP_S(""), .authzid = GP_S("")};
    if (flag.len == 0 || !gp_slice_present(rest))
        return -1;
    authzid = gp_slice_split(&rest, ',');
    if (!gp_slice_present(rest))
        return -1;
    gs2_r->flag = flag.data[0];
    gs2_r->header = gp_slice_sub(message, 0, message.len - rest.len);
    *rest_r = rest;
    if (gs2_r->flag == 'p') {
        gs2_r->binding = gp_slice_sub(flag, 2, flag.len);
        if (!gp_slice_starts(flag, GP_S("p=")) || gs2_r->binding.len == 0)
            return -1;
    } else if ((gs2_r->flag != 'n' && gs2_r->flag != 'y') || flag.len != 1) {
        return -1;
    }
    if (authzid.len == 0)
        return 0;
    if (!gp_slice_starts(authzid, GP_S("a=")) || authzid.len == 2)
        return -1;
    return gp__sasl_unescape(arena, gp_slice_sub(authzid, 2, authzid.len), &gs2_r->authzid);
}
