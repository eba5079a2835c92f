// SPDX-License-Identifier: Apache-2.0
#include "core/hook/auth.h"

#include "core/base/log.h"
#include "core/hook/call.h"
#include "core/hook/policy.h"
#include "core/hook/serial.h"

unsigned gp__auth_mechanisms(const struct gp__instance *backend)
{
    static const struct {
        unsigned offer, mechanisms;
    } rows[] = {
        {GP_AUTH_PASSWORD, 1u << GP__SASL_PLAIN | 1u << GP__SASL_LOGIN},
        {GP_AUTH_SCRAM_SHA_1, 1u << GP__SASL_SCRAM_SHA_1 | 1u << GP__SASL_SCRAM_SHA_1_PLUS},
        {GP_AUTH_SCRAM_SHA_256, 1u << GP__SASL_SCRAM_SHA_256 | 1u << GP__SASL_SCRAM_SHA_256_PLUS},
        {GP_AUTH_TOKEN, 1u << GP__SASL_OAUTHBEARER | 1u << GP__SASL_XOAUTH2},
    };
    const struct gp_auth_role *role = backend->plugin->auth;
    unsigned has = (role->verify_password ? GP_AUTH_PASSWORD : 0u) |
                   (role->fetch_secret ? GP_AUTH_SCRAM_SHA_1 | GP_AUTH_SCRAM_SHA_256 : 0u) |
                   (role->verify_token ? GP_AUTH_TOKEN : 0u);
    unsigned offers = role->offers ? role->offers(backend->self) & has : has, mechanisms = 0;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (offers & rows[i].offer)
            mechanisms |= rows[i].mechanisms;
    return mechanisms;
}

/* ---- one backend ---- */

static uint64_t deadline_of(const struct gp__instance *backend, const struct gp_session *session)
{
    struct gp__runtime *rt = session->policy->runtime;
    uint64_t own = rt->ops->now_ms(rt) + backend->deadline_ms;

    return own < session->policy->reply_by_ms ? own : session->policy->reply_by_ms;
}

/* Calls the function that the exchange needs; GP_ENOTFOUND when there is none. */
static int invoke(struct gp_call *call, const struct gp__sasl *sasl, struct gp_slice *value_r)
{
    const struct gp_auth_role *role = call->instance->plugin->auth;
    void *self = call->instance->self;
    int result;

    switch (sasl->need) {
    case GP__SASL_PASSWORD:
        if (!role->verify_password)
            return GP_ENOTFOUND;
        result = role->verify_password(call, self, sasl->user, sasl->secret);
        *value_r = call->login;
        return result;
    case GP__SASL_SECRET:
        if (!role->fetch_secret)
            return GP_ENOTFOUND;
        return role->fetch_secret(call, self, sasl->user, sasl->mechanism->stored, value_r);
    case GP__SASL_TOKEN:
        if (!role->verify_token)
            return GP_ENOTFOUND;
        return role->verify_token(call, self, sasl->user, sasl->secret, value_r);
    case GP__SASL_RESPONSE:
    case GP__SASL_SUCCESS:
    case GP__SASL_WRONG:
    case GP__SASL_MALFORMED:
        break;
    }
    return GP_ENOTFOUND;
}

static int judge(struct gp_call *call, int result)
{
    if (call->sticky)
        result = call->sticky;
    else if (gp_slice_present(call->fault))
        result = GP_ETEMP;
    if (result == GP_OK || result == GP_ENOTFOUND || result == GP_ECANCELED)
        return result;
    gp__log(call->runtime->log, GP_LOG_ERROR, "auth.backend_failed",
            GP__F_S("backend", call->instance->id),
            GP__F_S("session", gp__session_id(call->session)),
            GP__F_C("error", gp_strerror(result)), GP__F_S("fault", call->fault));
    return result;
}

static int ask_one(struct gp__instance *backend, struct gp_session *session,
                   const struct gp__sasl *sasl, struct gp__arena *arena, struct gp_slice *value_r)
{
    struct gp_slice value = gp_slice(NULL, 0);
    struct gp_call call;
    int result;

    gp__call_init(&call, session->policy->runtime, backend, GP_HOOK_AUTH,
                  deadline_of(backend, session));
    call.session = session;
    session->policy->waits_for = (struct gp__waited){
        .instance = backend, .role = "auth", .since_ms = call.runtime->ops->now_ms(call.runtime)};
    result = gp__serial_enter(&call);
    if (result == 0) {
        result = invoke(&call, sasl, &value);
        gp__serial_leave(backend);
    }
    session->policy->waits_for.instance = NULL;
    result = judge(&call, result);
    if (value.len <= GP__SASL_VALUE_MAX)
        *value_r = gp__arena_dup(arena, value);
    gp__call_end(&call);
    return result;
}

/* ---- all of them ---- */

int gp__auth_ask(const struct gp__auth_backends *backends, struct gp_session *session,
                 const struct gp__sasl *sasl, struct gp__arena *arena,
                 struct gp__auth_outcome *outcome_r)
{
    int answer = GP_ENOTFOUND;

    *outcome_r = (struct gp__auth_outcome){.value = gp_slice(NULL, 0)};
    for (size_t i = 0; i < backends->count; i++) {
        struct gp_slice value = gp_slice(NULL, 0);
        int result = ask_one(backends->items[i], session, sasl, arena, &value);

        if (result != GP_OK && result != GP_ENOTFOUND) {
            outcome_r->by = backends->items[i];
            return result;
        }
        if (answer == GP_OK)
            continue;
        /* A model for a secret that is made up counts if there is no real one. */
        if (result == GP_OK || !gp_slice_present(outcome_r->value))
            outcome_r->value = value;
        if (result != GP_OK)
            continue;
        answer = GP_OK;
        outcome_r->by = backends->items[i];
        if (sasl->need != GP__SASL_SECRET)
            break;
    }
    return answer;
}
