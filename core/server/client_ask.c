// SPDX-License-Identifier: Apache-2.0
/*
 * The questions of the engine up to DATA, as tasks: hooks first, then the answer. A point where no
 * instance has a hook is answered at once, without a fiber.
 */
#include "core/base/log.h"
#include "core/hook/shadow.h"
#include "core/server/client.h"
#include "core/server/rcpt.h"
#include "core/server/server.h"

struct gp__run gp__client_run_of(struct gp__client *client, enum gp_hook_point point)
{
    struct gp_transaction *transaction = client->ask.transaction ? client->ask.transaction
                                                                 : client->session->transaction;

    return (struct gp__run){
        .point = point,
        .session = client->session,
        .transaction = transaction,
        .policy = transaction ? transaction->policy : NULL,
        .message = transaction && transaction->policy ? transaction->policy->message : NULL,
    };
}

void gp__client_refuse(struct gp__client *client, enum gp__decision decision,
                       const struct gp__reply *reply)
{
    client->answer.decision = decision;
    client->answer.reply = *reply;
}

void gp__client_refuse_by(struct gp__client *client, const struct gp__ruling *ruling)
{
    gp__client_refuse(client, ruling->verdict == GP_DISCONNECT ? GP__DISCONNECT : GP__REFUSE,
                      &ruling->reply);
}

static void give_answer(struct gp__client *client)
{
    client->ask.transaction = NULL; /* the engine may end them now */
    client->ask.sasl = NULL;
    if (gp__smtp_answer(client->smtp, &client->answer) < 0)
        gp__log(client->runtime->log, GP_LOG_ERROR, "session.bad_answer",
                GP__F_S("session", gp__session_id(client->session)));
    if (client->hang_up)
        gp__smtp_abort(client->smtp, NULL);
}

/* ---- session hooks ---- */

static enum gp_hook_point point_of(enum gp__smtp_ask ask)
{
    switch (ask) {
    case GP__ASK_CONNECT:
        return GP_HOOK_CONNECT;
    case GP__ASK_HELO:
        return GP_HOOK_HELO;
    case GP__ASK_CAPABILITIES:
        return GP_HOOK_CAPABILITIES;
    case GP__ASK_MAIL:
        return GP_HOOK_MAIL;
    case GP__ASK_RCPT:
        return GP_HOOK_RCPT;
    case GP__ASK_DATA:
        return GP_HOOK_DATA;
    case GP__ASK_MESSAGE:
        return GP_HOOK_MESSAGE;
    case GP__ASK_TLS:
        return GP_HOOK_TLS;
    case GP__ASK_AUTH:
    case GP__ASK_LOGIN:
    case GP__ASK_AUTH_FAILED:
    case GP__ASK_XLOGIN:
        return GP_HOOK_AUTH;
    case GP__ASK_COMMAND:
    case GP__ASK_VRFY:
    case GP__ASK_EXPN:
    case GP__ASK_STARTTLS:
    case GP__ASK_XCLIENT:
    case GP__ASK_COUNT:
        break;
    }
    return GP_HOOK_COMMAND;
}

/* connect, helo, mail, command: the chain, then its stop if there is one. */
static void ask_chain(struct gp__client *client)
{
    struct gp__run run = gp__client_run_of(client, point_of(client->ask.ask));

    run.verb = client->ask.verb;
    run.argument = client->ask.argument;
    gp__run_chain(&run);
    if (run.stop)
        gp__client_refuse_by(client, run.stop);
    else if (run.accepted && client->ask.ask == GP__ASK_COMMAND)
        client->answer.reply = run.reply;
}

static void start(struct gp__client *client, void (*task)(struct gp__client *client))
{
    gp__client_run(client, task, give_answer);
}

static void start_if_asked(struct gp__client *client)
{
    if (gp__chain_has(client->entrance->policy.chain, point_of(client->ask.ask)))
        start(client, ask_chain);
    else
        give_answer(client);
}

/* A pending refusal of an earlier HELO is the opinion on a name that was taken back. */
static void forget_helo(struct gp__client *client)
{
    struct gp__session_policy *policy = client->session->policy;

    if (policy->pending && policy->pending->at == GP_HOOK_HELO)
        policy->pending = NULL;
}

static void ask_capabilities(struct gp__client *client)
{
    struct gp__run run = gp__client_run_of(client, GP_HOOK_CAPABILITIES);

    run.capabilities = client->ask.lines;
    gp__run_chain(&run);
    give_answer(client);
}

/* Too many handshakes are under way: it may come again, or go on without (RFC 3207 section 4). */
static void ask_starttls(struct gp__client *client)
{
    static const struct gp__reply later = {
        .code = 454,
        .klass = 4,
        .subject = 7,
        .detail = 0,
        .text = {"TLS not available due to temporary reason", 41}};

    if (gp__tls_context_full(client->entrance->tls_context))
        gp__client_refuse(client, GP__REFUSE, &later);
    give_answer(client);
}

/* ---- MAIL ---- */

static bool may_relay(const struct gp__client *client)
{
    const struct gp__entrance *entrance = client->entrance;

    if (entrance->relay_authenticated && gp_slice_present(client->session->auth_user))
        return true;
    /* Known only of who connected to the socket itself: not of whom a proxy or XCLIENT names. */
    if (entrance->relay_local && client->session->credentials.known)
        return true;
    for (size_t i = 0; i < entrance->n_relay; i++)
        if (gp__network_has(&entrance->relay[i], &client->session->client_ip))
            return true;
    return false;
}

static void ask_mail(struct gp__client *client)
{
    struct gp__policy *policy = gp__policy_create(client->ask.transaction);
    const struct gp__reply *overload = gp__overload_look(&client->server->overload, client->runtime,
                                                         &client->entrance->overload);

    policy->relay_granted |= may_relay(client);
    if (overload) {
        gp__client_refuse(client, GP__REFUSE, overload);
        give_answer(client);
        return;
    }
    start_if_asked(client);
}

/* ---- RCPT ---- */

static void task_rcpt(struct gp__client *client)
{
    struct gp__reply reply = {.code = 0};
    enum gp__decision decision = gp__rcpt(client, client->ask.rcpt, &reply);

    if (decision != GP__PROCEED)
        gp__client_refuse(client, decision, &reply);
}

/* ---- all of them ---- */

static uint64_t budget_of(const struct gp__policy_settings *settings, enum gp__smtp_ask ask)
{
    switch (ask) {
    case GP__ASK_CONNECT:
        return settings->greeting_ms;
    case GP__ASK_DATA:
        return settings->data_ms;
    case GP__ASK_MESSAGE:
        return settings->message_ms;
    case GP__ASK_HELO:
    case GP__ASK_CAPABILITIES:
    case GP__ASK_MAIL:
    case GP__ASK_RCPT:
    case GP__ASK_COMMAND:
    case GP__ASK_VRFY:
    case GP__ASK_EXPN:
    case GP__ASK_STARTTLS:
    case GP__ASK_TLS:
    case GP__ASK_AUTH:
    case GP__ASK_LOGIN:
    case GP__ASK_AUTH_FAILED:
    case GP__ASK_XCLIENT:
    case GP__ASK_XLOGIN:
    case GP__ASK_COUNT:
        break;
    }
    return settings->command_ms;
}

void gp__client_ask(struct gp__client *client, const struct gp__smtp_event *event)
{
    client->ask = *event;
    client->answer = (struct gp__answer){.decision = GP__PROCEED};
    gp__policy_reply_within(client->session->policy,
                            budget_of(&client->entrance->policy, event->ask));
    switch (event->ask) {
    case GP__ASK_HELO:
        forget_helo(client);
        start_if_asked(client);
        return;
    case GP__ASK_TLS:
        forget_helo(client);
        start_if_asked(client);
        return;
    case GP__ASK_STARTTLS:
        ask_starttls(client);
        return;
    case GP__ASK_CONNECT:
    case GP__ASK_COMMAND:
        start_if_asked(client);
        return;
    case GP__ASK_CAPABILITIES:
        ask_capabilities(client);
        return;
    case GP__ASK_MAIL:
        ask_mail(client);
        return;
    case GP__ASK_RCPT:
        start(client, task_rcpt);
        return;
    case GP__ASK_DATA:
        start(client, gp__client_ask_data);
        return;
    case GP__ASK_MESSAGE:
        start(client, gp__client_ask_message);
        return;
    case GP__ASK_AUTH:
        start(client, gp__client_auth);
        return;
    case GP__ASK_LOGIN:
        start(client, gp__client_login);
        return;
    case GP__ASK_XLOGIN:
        start(client, gp__client_xlogin);
        return;
    case GP__ASK_AUTH_FAILED:
        start(client, gp__client_auth_failed);
        return;
    case GP__ASK_VRFY:
    case GP__ASK_EXPN:
    case GP__ASK_COUNT:
        give_answer(client);
        return;
    case GP__ASK_XCLIENT:
        gp__client_renew(client);
        give_answer(client);
    }
}

void gp__client_reset(struct gp__client *client, const struct gp__smtp_event *event)
{
    struct gp_transaction *transaction = event->transaction;
    struct gp__run run = gp__client_run_of(client, GP_HOOK_RESET);

    run.transaction = transaction;
    run.policy = transaction->policy;
    if (run.policy) {
        gp__run_chain(&run);
        gp__shadow_settle(run.policy);
        if (event->refusal)
            gp__client_record(client, run.policy, event->refusal);
    }
    client->headers_done = false;
    client->refusal.code = 0;
    gp__buf_free(&client->stash);
    gp__spill_unref(&client->spill);
    gp__transaction_unref(&transaction);
}
