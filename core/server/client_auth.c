// SPDX-License-Identifier: Apache-2.0
/*
 * The questions of AUTH, as tasks: backends are asked unless the client or the name is locked out;
 * a login that was proved goes through the `auth` hooks; one that failed is counted, and its reply
 * waits.
 */
#include "core/base/log.h"
#include "core/hook/call.h"
#include "core/server/client.h"
#include "core/server/server.h"

static uint64_t now(const struct gp__client *client)
{
    return client->runtime->ops->now_ms(client->runtime);
}

static void log_named(struct gp__client *client, enum gp_log_level level, struct gp_slice mechanism,
                      struct gp_slice user, const char *result)
{
    gp__log(client->runtime->log, level, "auth.login",
            GP__F_S("session", gp__session_id(client->session)),
            GP__F_S("listener", client->entrance->name),
            GP__F_C("client", client->session->client_ip_text), GP__F_S("mechanism", mechanism),
            GP__F_S("user", user), GP__F_C("result", result), GP__F_S("backend", client->auth_by));
}

static void log_login(struct gp__client *client, enum gp_log_level level, const char *result)
{
    const struct gp__sasl *sasl = client->ask.sasl;

    log_named(client, level, sasl->mechanism->name, sasl->user, result);
}

/* ---- locks ---- */

static const struct gp__reply client_locked = GP__REPLY_INIT(
    421, 4, 7, 0, "Too many failed logins from your address, try again later");
static const struct gp__reply user_locked = GP__REPLY_INIT(
    454, 4, 7, 0, "Too many failed logins, try again later");

/* Whether the answer is a refusal already. Who is locked out is not told whether a password would
 * have been right. */
static bool locked(struct gp__client *client)
{
    switch (gp__auth_guard_locked(&client->server->auth_guard, client->entrance->auth_guard,
                                  client->session, client->ask.sasl->user, now(client))) {
    case GP__AUTH_NOT_LOCKED:
        return false;
    case GP__AUTH_CLIENT_LOCKED:
        log_login(client, GP_LOG_NOTICE, "client_locked");
        gp__client_refuse(client, GP__DISCONNECT, &client_locked);
        return true;
    case GP__AUTH_USER_LOCKED:
        break;
    }
    log_login(client, GP_LOG_NOTICE, "user_locked");
    gp__client_refuse(client, GP__REFUSE, &user_locked);
    return true;
}

/* ---- what the exchange needs to know ---- */

void gp__client_auth(struct gp__client *client)
{
    static const struct gp__reply failed = GP__REPLY_INIT(454, 4, 7, 0,
                                                          "Temporary authentication failure");
    const struct gp__sasl *sasl = client->ask.sasl;
    struct gp__auth_outcome outcome;
    int result;

    client->auth_by = gp_slice(NULL, 0);
    if (locked(client))
        return;
    result = gp__auth_ask(&client->entrance->auth, client->session, sasl, sasl->arena, &outcome);
    if (outcome.by)
        client->auth_by = outcome.by->id;
    client->answer.found = result == GP_OK;
    client->answer.value = outcome.value;
    if (result != GP_OK && result != GP_ENOTFOUND)
        gp__client_refuse(client, GP__REFUSE, &failed);
}

/* ---- how it ended ---- */

void gp__client_login(struct gp__client *client)
{
    struct gp__run run = gp__client_run_of(client, GP_HOOK_AUTH);

    gp__run_chain(&run);
    if (run.stop) {
        log_login(client, GP_LOG_NOTICE, "refused");
        gp__client_refuse_by(client, run.stop);
        return;
    }
    log_login(client, GP_LOG_INFO, "accepted");
    gp__auth_guard_succeeded(&client->server->auth_guard, client->entrance->auth_guard,
                             client->session, client->ask.sasl->user, now(client));
}

/* The peer vouches for the password, not for what our hooks have against the login. */
void gp__client_xlogin(struct gp__client *client)
{
    const struct gp_session *session = client->session;
    struct gp__run run = gp__client_run_of(client, GP_HOOK_AUTH);

    client->auth_by = gp_slice(NULL, 0);
    gp__run_chain(&run);
    log_named(client, run.stop ? GP_LOG_NOTICE : GP_LOG_INFO, session->auth_mechanism,
              session->auth_user, run.stop ? "refused" : "accepted");
    if (run.stop)
        gp__client_refuse_by(client, run.stop);
}

static void wait_ms(struct gp__client *client, uint64_t ms)
{
    struct gp_call call;
    struct gp_op *op;

    gp__call_init(&call, client->runtime, NULL, GP_HOOK_AUTH, UINT64_MAX);
    call.session = client->session;
    op = ms ? gp__op_create(&call) : NULL;
    if (op) {
        client->runtime->ops->sleep(client->runtime, op, ms);
        gp__op_wait(&call, op);
    }
    gp__call_end(&call);
}

/* Only this client waits; its session is not read meanwhile. */
void gp__client_auth_failed(struct gp__client *client)
{
    log_login(client, GP_LOG_NOTICE, "failed");
    wait_ms(client, gp__auth_guard_failed(&client->server->auth_guard, client->entrance->auth_guard,
                                          client->session, client->ask.sasl->user, now(client)));
}
