// SPDX-License-Identifier: Apache-2.0
/*
 * The message while it comes in: DATA is judged, bytes are kept, the header hooks run when the
 * header section is complete, the body hooks for every chunk after that.
 */
#include "core/base/counts.h"
#include "core/base/log.h"
#include "core/message/authres.h"
#include "core/message/trace.h"
#include "core/server/client_milter.h"
#include "core/server/rcpt.h"

/* ---- DATA ---- */

static struct gp__content *content_create(const struct gp__client *client,
                                          const struct gp_transaction *transaction)
{
    const struct gp__limits *limits = &client->entrance->smtp.limits;
    struct gp__content_settings settings = {
        .headers = (size_t)limits->headers,
        .header_bytes = limits->header_bytes,
        .size_hint = transaction->mail.size,
        .memory = client->entrance->spill_at,
    };

    return gp__content_create(&settings);
}

static void unref_content(void *arg)
{
    struct gp__content *content = arg;

    gp__content_unref(&content);
}

/* Every accepted recipient was refused at this hook: then so is the command. */
static bool all_refused(struct gp__client *client, struct gp__policy *policy)
{
    enum gp__disposal *disposals;
    enum gp__final final = gp__client_plan(client, policy, &disposals);

    if (final == GP__FINAL_ACCEPT)
        return false;
    for (size_t i = 0; i < policy->n_recipients; i++) {
        const struct gp__ruling *stop = policy->recipients[i]->stop;

        if (!stop || !stop->reply.code || (final == GP__FINAL_DEFER) != (stop->reply.code < 500))
            continue;
        gp__client_refuse_by(client, stop);
        return true;
    }
    return false;
}

void gp__client_ask_data(struct gp__client *client)
{
    struct gp__run run = gp__client_run_of(client, GP_HOOK_DATA);
    struct gp__policy *policy = run.policy;

    client->headers_done = false;
    client->refusal.code = 0;
    client->n_scope = 0;
    gp__spill_unref(&client->spill);
    run.n_scope = gp__run_scope(policy, &run.scope);
    gp__run_chain(&run);
    gp__rcpt_added(client);
    if (all_refused(client, policy) || policy->content)
        return;
    policy->content = content_create(client, policy->transaction);
    gp__arena_cleanup(policy->transaction->arena, unref_content, policy->content);
}

/* ---- the header section ---- */

static void refuse_message(struct gp__client *client, const struct gp__reply *reply)
{
    client->refusal = *reply;
    gp__smtp_drain(client->smtp);
}

static unsigned trace_flags(const struct gp_transaction *transaction)
{
    const struct gp_session *session = transaction->session;

    return (session->protocol == GP__PROTOCOL_LMTP ? GP__TRACE_LMTP : 0u) |
           (session->extended ? GP__TRACE_EXTENDED : 0u) |
           (gp_slice_present(session->tls_version) ? GP__TRACE_TLS : 0u) |
           (gp_slice_present(session->auth_user) ? GP__TRACE_AUTH : 0u) |
           (transaction->mail.smtputf8 ? GP__TRACE_UTF8 : 0u);
}

/* "for" names the recipient only when there is exactly one: it must not show one recipient to
 * another (RFC 5321 7.2). */
static struct gp_slice only_recipient(const struct gp_transaction *transaction)
{
    const struct gp__policy *policy = transaction->policy;

    if (transaction->accepted != 1)
        return gp_slice(NULL, 0);
    for (size_t i = 0; i < policy->n_recipients; i++)
        if (!policy->recipients[i]->added)
            return policy->recipients[i]->given->to.text;
    return gp_slice(NULL, 0);
}

static void add_trace(struct gp__client *client, struct gp_transaction *transaction)
{
    const struct gp_session *session = client->session;
    struct gp__runtime *rt = client->runtime;
    struct gp__trace trace = {
        .helo = gp__session_helo(session),
        .client = session->client_ip,
        .hostname = session->hostname,
        .id = gp__transaction_id(transaction),
        .recipient = only_recipient(transaction),
        .tls_version = session->tls_version,
        .tls_cipher = session->tls_cipher,
        .flags = trace_flags(transaction),
        .unix_s = rt->ops->wall_ms(rt) / 1000,
    };

    if (client->entrance->submission)
        gp__trace_complete(transaction->policy->message, GP_S("gatepost"), &trace);
    gp__trace_add_received(transaction->policy->message, GP_S("gatepost"), &trace);
}

/* Mail that was here before comes back for the same recipient: a loop (RFC 9228). */
static void refuse_loops(struct gp__policy *policy)
{
    static const struct gp__ruling looping = {
        .verdict = GP_REJECT,
        .reply = {.code = 554,
                  .klass = 5,
                  .subject = 4,
                  .detail = 6,
                  .text = {"Mail loop: was delivered to this recipient before", 49}},
        .at = GP_HOOK_HEADERS,
    };

    if (!gp_header_find(policy->message, GP_S("Delivered-To"), 0))
        return;
    for (size_t i = 0; i < policy->n_recipients; i++) {
        struct gp_recipient *recipient = policy->recipients[i];

        if (!recipient->stop &&
            gp__trace_delivered_before(policy->message, recipient->address.text))
            recipient->stop = &looping;
    }
}

static bool over_budget(struct gp__client *client, const struct gp__content *content)
{
    static const struct gp__reply too_many = {
        .code = 554, .klass = 5, .subject = 6, .detail = 0, .text = {"Too many header fields", 22}};
    static const struct gp__reply too_long = {.code = 552,
                                              .klass = 5,
                                              .subject = 3,
                                              .detail = 4,
                                              .text = {"Header section too long", 23}};
    static const struct gp__reply loop = {.code = 554,
                                          .klass = 5,
                                          .subject = 4,
                                          .detail = 6,
                                          .text = {"Mail loop: too many hops", 24}};

    if (client->refusal.code)
        return true;
    if (gp__content_header_state(content) == GP__HEADERS_TOO_MANY) {
        GP__LIMIT_HIT(headers);
        refuse_message(client, &too_many);
    } else if (gp__content_header_state(content) == GP__HEADERS_TOO_LONG) {
        GP__LIMIT_HIT(header_bytes);
        refuse_message(client, &too_long);
    } else if (gp__content_received(content) >= (size_t)client->entrance->smtp.limits.received) {
        GP__LIMIT_HIT(received);
        refuse_message(client, &loop);
    }
    return client->refusal.code != 0;
}

/* No recipient is left to read for: what still comes is dropped (semantics B1). */
static void drain_if_all_refused(struct gp__client *client, struct gp__policy *policy)
{
    struct gp_recipient **scope;

    if (gp__run_scope(policy, &scope) == 0)
        gp__smtp_drain(client->smtp);
}

/* The mail of an MTA goes its own way: it has been traced already. */
static void trace_mail(struct gp__client *client, struct gp__policy *policy)
{
    if (gp__client_is_mta(client))
        return;
    gp__authres_remove_forged(policy->message, GP_S("gatepost"), client->entrance->authserv_id);
    refuse_loops(policy);
    add_trace(client, policy->transaction);
}

void gp__client_begin_message(struct gp__client *client)
{
    struct gp_transaction *transaction = client->session->transaction;
    struct gp__policy *policy = transaction->policy;
    struct gp__run run;

    if (client->headers_done)
        return;
    client->headers_done = true;
    policy->message = gp__message_create(transaction->arena, policy->content);
    gp__copies_begin(policy);
    if (over_budget(client, policy->content))
        return;
    trace_mail(client, policy);
    run = gp__client_run_of(client, GP_HOOK_HEADERS);
    run.n_scope = gp__run_scope(policy, &run.scope);
    if (run.n_scope)
        gp__run_chain(&run);
    gp__rcpt_added(client);
    client->n_scope = gp__run_scope(policy, &client->scope);
    drain_if_all_refused(client, policy);
}

/* ---- the body ---- */

void gp__client_body(struct gp__client *client, struct gp_slice bytes, bool last)
{
    struct gp__run run;

    if (client->refusal.code || client->n_scope == 0 || (bytes.len == 0 && !last) ||
        !gp__chain_has(client->entrance->policy.chain, GP_HOOK_BODY))
        return;
    run = gp__client_run_of(client, GP_HOOK_BODY);
    run.scope = client->scope;
    run.n_scope = client->n_scope;
    run.chunk = bytes;
    run.last_chunk = last;
    gp__run_chain(&run);
    /* Those who left the scope by ACCEPT are asked about again with the next chunk. */
    client->n_scope = gp__run_scope(run.policy, &client->scope);
    if (client->n_scope == 0)
        gp__smtp_drain(client->smtp);
}

/* ---- bytes ---- */

/* No reply is waited for while data come in, however slowly: each time hooks have it all. */
static void renew_budget(struct gp__client *client)
{
    gp__policy_reply_within(client->session->policy, client->entrance->policy.message_ms);
}

static void headers_ended(struct gp__client *client)
{
    struct gp_slice stash = gp__buf_slice(&client->stash);

    renew_budget(client);
    gp__client_body(client, stash, false);
    gp__buf_free(&client->stash);
}

/* The part of the bytes just appended that belongs to the body. */
static struct gp_slice body_part(const struct gp__client *client, struct gp_slice bytes)
{
    const struct gp__content *content = client->session->transaction->policy->content;
    uint64_t begin = gp__content_size(content) - bytes.len;
    uint64_t body = gp__content_body_offset(content);

    return begin >= body ? bytes : gp_slice_sub(bytes, (size_t)(body - begin), bytes.len);
}

static void headers_arrived(struct gp__client *client, struct gp_slice bytes)
{
    const struct gp__chain *chain = client->entrance->policy.chain;

    /* The header hooks may wait, and the engine's bytes are gone by then. */
    if (gp__chain_has(chain, GP_HOOK_HEADERS)) {
        if (gp__chain_has(chain, GP_HOOK_BODY))
            gp__buf_append(&client->stash, body_part(client, bytes));
        gp__client_run(client, gp__client_begin_message, headers_ended);
        return;
    }
    gp__client_begin_message(client);
    gp__client_body(client, body_part(client, bytes), false);
}

void gp__client_data(struct gp__client *client, struct gp_slice bytes)
{
    static const struct gp__reply no_memory = {
        .code = 452, .klass = 4, .subject = 3, .detail = 1, .text = {"Out of memory here", 18}};
    struct gp__policy *policy = client->session->transaction->policy;

    renew_budget(client);
    if (gp__content_append(policy->content, bytes) < 0) {
        refuse_message(client, &no_memory);
        return;
    }
    if (client->headers_done)
        gp__client_body(client, bytes, false);
    else if (gp__content_header_state(policy->content) != GP__HEADERS_MORE)
        headers_arrived(client, bytes);
    gp__client_spill(client);
}
