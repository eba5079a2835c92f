// SPDX-License-Identifier: Apache-2.0
/*
 * The end of data: the message hooks, the fates, the seals, the deliveries, the reply. A positive
 * reply is given only after every target has taken responsibility (rule 6).
 */
#include "core/base/counts.h"
#include "core/base/log.h"
#include "core/hook/shadow.h"
#include "core/message/authres.h"
#include "core/server/client_answer.h"
#include "core/server/client_milter.h"
#include "core/server/rcpt.h"
#include "core/server/server.h"

/* ---- planning ---- */

/* A DISCONNECT counts as what its reply says: 4xx defers, 5xx rejects. */
static enum gp_verdict stop_of(const struct gp_recipient *recipient)
{
    if (!recipient->stop)
        return GP_NEXT;
    if (recipient->stop->verdict == GP_DISCARD)
        return GP_DISCARD;
    return recipient->stop->reply.code < 500 ? GP_DEFER : GP_REJECT;
}

static bool is_queued(const struct gp_recipient *recipient)
{
    const struct gp__route *route = recipient->route;

    return route && !route->direct;
}

enum gp__final gp__client_plan(struct gp__client *client, struct gp__policy *policy,
                               enum gp__disposal **disposals_r)
{
    struct gp__arena *arena = policy->transaction->arena;
    size_t all = policy->n_recipients, n = 0;
    struct gp__fate_input *inputs = GP__ARENA_ARRAY(arena, struct gp__fate_input, all);
    enum gp__disposal *packed = GP__ARENA_ARRAY(arena, enum gp__disposal, all);
    enum gp__disposal *disposals = GP__ARENA_ARRAY(arena, enum gp__disposal, all);
    struct gp__fate_options options = gp__answer_options(client, policy);
    enum gp__final final;

    for (size_t i = 0; i < all; i++) {
        const struct gp_recipient *recipient = policy->recipients[i];

        if (gp__answer_party(recipient))
            inputs[n++] = (struct gp__fate_input){
                .stop = stop_of(recipient),
                .marked = gp_slice_present(recipient->bucket),
                .queued = options.spool && is_queued(recipient),
            };
    }
    final = gp__fates_plan(inputs, n, &options, packed);
    for (size_t i = 0, at = 0; i < all; i++)
        if (gp__answer_party(policy->recipients[i]))
            disposals[i] = packed[at++];
    *disposals_r = disposals;
    return final;
}

/* ---- Authentication-Results ---- */

static void add_results(struct gp__authres *authres, const struct gp__auth_result *results)
{
    for (; results; results = results->next) {
        if (!gp__authres_result(authres, results->method, results->result))
            continue;
        if (gp_slice_present(results->reason))
            gp__authres_reason(authres, results->reason);
        if (gp_slice_present(results->property))
            gp__authres_property(authres, results->property, results->value);
    }
}

/* One field for all that instances found out; none when nobody looked (RFC 8601 2.2). */
static void add_authentication_results(struct gp__client *client, struct gp__policy *policy)
{
    struct gp__authres *authres;

    if (!policy->session->auth_results && !policy->auth_results)
        return;
    authres = gp__authres_create(policy->transaction->arena, client->entrance->authserv_id);
    add_results(authres, policy->session->auth_results);
    add_results(authres, policy->auth_results);
    gp__message_header_insert(policy->message, GP_S("gatepost"), 0, GP_S("Authentication-Results"),
                              gp__authres_value(authres));
}

/* ---- seals ---- */

static bool is_wanted(const struct gp_copy *copy, const enum gp__disposal *disposals)
{
    for (size_t i = 0; i < copy->n_recipients; i++) {
        enum gp__disposal disposal = disposals[copy->recipients[i]->index];

        if (disposal != GP__DISPOSE_DROP && disposal != GP__DISPOSE_DEFER &&
            disposal != GP__DISPOSE_REJECT)
            return true;
    }
    return false;
}

/* The refusal of an instance that failed at a seal, or NULL. */
static const struct gp__ruling *seal(struct gp__client *client, struct gp__policy *policy,
                                     const enum gp__disposal *disposals)
{
    gp__copies_settle(policy);
    for (size_t i = 0; i < policy->n_copies; i++) {
        struct gp_copy *copy = policy->copies[i];
        struct gp__run run = gp__client_run_of(client, GP_HOOK_SEAL);

        if (!is_wanted(copy, disposals))
            continue;
        run.copy = copy;
        run.message = copy->message;
        run.scope = copy->recipients;
        run.n_scope = copy->n_recipients;
        gp__run_chain(&run);
        if (run.failed)
            return run.failed;
    }
    return NULL;
}

/* ---- handing back ---- */

/* An MTA keeps its mail, and is told what to change. */
static void hand_back(struct gp__client *client, struct gp__policy *policy,
                      const enum gp__disposal *disposals)
{
    struct gp__reply reply = gp__answer_refusal(policy, GP__FINAL_DEFER);

    if (gp__client_left(client) || gp__client_milter(client, policy, disposals) < 0)
        gp__answer_refuse(client, policy, &reply);
    else
        gp__answer_accept(client, policy);
}

/* ---- the task ---- */

static void count_fate(enum gp__fate fate)
{
    static const size_t members[GP__FATE_COUNT] = {
        [GP__FATE_DELIVERED] = offsetof(struct gp__counts, fate_delivered),
        [GP__FATE_QUEUED] = offsetof(struct gp__counts, fate_queued),
        [GP__FATE_HELD] = offsetof(struct gp__counts, fate_held),
        [GP__FATE_DROPPED] = offsetof(struct gp__counts, fate_dropped),
        [GP__FATE_BOUNCED] = offsetof(struct gp__counts, fate_bounced),
        [GP__FATE_DEFERRED] = offsetof(struct gp__counts, fate_deferred),
        [GP__FATE_REJECTED] = offsetof(struct gp__counts, fate_rejected),
    };

    if (fate != GP__FATE_NONE)
        ++*(uint64_t *)(void *)((char *)gp__counts + members[fate]);
}

static void count(const struct gp__client *client, const struct gp__policy *policy)
{
    for (size_t i = 0; i < policy->n_recipients; i++)
        if (gp__answer_party(policy->recipients[i]))
            count_fate(policy->recipients[i]->fate);
    if (client->answer.decision == GP__PROCEED) {
        GP__COUNT(messages);
        GP__COUNT_BY(message_bytes, policy->transaction->received_bytes);
    } else if (client->answer.reply.code < 500) {
        GP__COUNT(messages_deferred);
    } else {
        GP__COUNT(messages_rejected);
    }
}

static void observe(struct gp__client *client, struct gp__policy *policy)
{
    bool taken = client->answer.decision == GP__PROCEED;
    struct gp__run run = gp__client_run_of(client, taken ? GP_HOOK_ACCEPTED : GP_HOOK_RESET);

    run.n_scope = gp__run_scope(policy, &run.scope);
    gp__run_chain(&run);
    gp__shadow_settle(policy);
    count(client, policy);
    gp__client_record(client, policy, &client->answer.reply);
}

/* Nothing is taken a second time, whatever the client is told. */
static void observe_again(struct gp__client *client, struct gp__policy *policy)
{
    struct gp__run run = gp__client_run_of(client, GP_HOOK_RESET);

    run.n_scope = gp__run_scope(policy, &run.scope);
    gp__run_chain(&run);
    gp__shadow_settle(policy);
    gp__client_record(client, policy, &client->answer.reply);
}

/* Judges and disposes of the message. */
static void finish(struct gp__client *client, struct gp__policy *policy)
{
    struct gp__run run = gp__client_run_of(client, GP_HOOK_MESSAGE);
    const struct gp__ruling *failed;
    enum gp__disposal *disposals;
    enum gp__final final;

    run.n_scope = gp__run_scope(policy, &run.scope);
    if (run.n_scope)
        gp__run_chain(&run);
    gp__rcpt_added(client);
    final = gp__client_plan(client, policy, &disposals);
    if (final == GP__FINAL_ACCEPT)
        add_authentication_results(client, policy);
    failed = final == GP__FINAL_ACCEPT ? seal(client, policy, disposals) : NULL;
    if (failed) {
        gp__answer_refuse(client, policy, &failed->reply);
        return;
    }
    if (final != GP__FINAL_ACCEPT) {
        gp__answer_planned(client, policy, final, disposals);
        return;
    }
    /* A seal that failed may have marked recipients for a bucket. */
    gp__client_plan(client, policy, &disposals);
    if (gp__client_is_mta(client))
        hand_back(client, policy, disposals);
    else
        gp__client_deliver(client, policy, disposals);
}

/* A body that began with the last line only, which had no line end to tell before. */
static struct gp_slice late_body(const struct gp__content *content)
{
    uint64_t at = gp__content_body_offset(content);

    return gp__content_at(content, at, gp__content_size(content) - at);
}

void gp__client_ask_message(struct gp__client *client)
{
    struct gp__policy *policy = client->session->transaction->policy;
    bool seen = client->headers_done;

    gp__content_end(policy->content);
    gp__client_spill_end(client);
    gp__client_begin_message(client);
    if (!seen)
        gp__client_body(client, late_body(policy->content), false);
    gp__client_body(client, GP_S(""), true);
    client->doubt.next_made = false;
    if (!client->refusal.code && gp__client_known(client, policy)) {
        observe_again(client, policy);
        return;
    }
    if (client->refusal.code)
        gp__answer_refuse(client, policy, &client->refusal);
    else
        finish(client, policy);
    observe(client, policy);
    if (client->answer.decision == GP__PROCEED)
        gp__client_doubt(client, policy);
}
