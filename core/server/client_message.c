// SPDX-License-Identifier: Apache-2.0
/*
 * The end of data: the message hooks, the fates, the seals, the deliveries, the reply. A positive
 * reply is given only after every target has taken responsibility (rule 6).
 */
#include "core/base/counts.h"
#include "core/base/log.h"
#include "core/hook/shadow.h"
#include "core/message/authres.h"
#include "core/server/client_milter.h"
#include "core/server/rcpt.h"
#include "core/server/server.h"

/* ---- planning ---- */

static bool is_party(const struct gp_recipient *recipient)
{
    return recipient->accepted && !recipient->replaced;
}

/* A DISCONNECT counts as what its reply says: 4xx defers, 5xx rejects. */
static enum gp_verdict stop_of(const struct gp_recipient *recipient)
{
    if (!recipient->stop)
        return GP_NEXT;
    if (recipient->stop->verdict == GP_DISCARD)
        return GP_DISCARD;
    return recipient->stop->reply.code < 500 ? GP_DEFER : GP_REJECT;
}

static struct gp__fate_options options_of(const struct gp__client *client,
                                          const struct gp__policy *policy)
{
    return (struct gp__fate_options){
        .per_recipient = client->session->protocol == GP__PROTOCOL_LMTP ||
                         gp__transaction_prdr(policy->transaction),
        .mixed = client->entrance->policy.mixed_reject,
    };
}

enum gp__final gp__client_plan(struct gp__client *client, struct gp__policy *policy,
                               enum gp__disposal **disposals_r)
{
    struct gp__arena *arena = policy->transaction->arena;
    size_t all = policy->n_recipients, n = 0;
    struct gp__fate_input *inputs = GP__ARENA_ARRAY(arena, struct gp__fate_input, all);
    enum gp__disposal *packed = GP__ARENA_ARRAY(arena, enum gp__disposal, all);
    enum gp__disposal *disposals = GP__ARENA_ARRAY(arena, enum gp__disposal, all);
    struct gp__fate_options options = options_of(client, policy);
    enum gp__final final;

    for (size_t i = 0; i < all; i++) {
        const struct gp_recipient *recipient = policy->recipients[i];

        if (is_party(recipient))
            inputs[n++] = (struct gp__fate_input){
                .stop = stop_of(recipient),
                .marked = gp_slice_present(recipient->bucket),
            };
    }
    final = gp__fates_plan(inputs, n, &options, packed);
    for (size_t i = 0, at = 0; i < all; i++)
        if (is_party(policy->recipients[i]))
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

/* ---- replies ---- */

static struct gp__reply accepted_reply(struct gp__policy *policy)
{
    struct gp_transaction *transaction = policy->transaction;
    struct gp__reply reply = GP__REPLY(250, 2, 0, 0, "");

    reply.text = GP__ARENA_JOIN(transaction->arena, GP_S("Ok: "), gp__transaction_id(transaction));
    return reply;
}

static bool is_class(const struct gp__reply *reply, enum gp__final final)
{
    return reply->code && (reply->code < 500) == (final == GP__FINAL_DEFER);
}

/* The first reply of that kind that a ruling or a target gave. */
static struct gp__reply refusal_of(const struct gp__policy *policy, enum gp__final final)
{
    for (size_t i = 0; i < policy->n_recipients; i++) {
        const struct gp_recipient *recipient = policy->recipients[i];

        if (!is_party(recipient))
            continue;
        if (recipient->stop && is_class(&recipient->stop->reply, final))
            return recipient->stop->reply;
        if (is_class(&recipient->reply, final))
            return recipient->reply;
    }
    return final == GP__FINAL_DEFER ? GP__REPLY(451, 4, 3, 0, "Not now, try again later")
                                    : GP__REPLY(554, 5, 0, 0, "Refused");
}

static bool wants_disconnect(const struct gp__policy *policy)
{
    for (size_t i = 0; i < policy->n_recipients; i++)
        if (policy->recipients[i]->stop && policy->recipients[i]->stop->verdict == GP_DISCONNECT)
            return true;
    return false;
}

static void set_fates(struct gp__policy *policy, enum gp__fate fate)
{
    for (size_t i = 0; i < policy->n_recipients; i++)
        policy->recipients[i]->fate = fate;
}

static void refuse_all(struct gp__client *client, struct gp__policy *policy,
                       const struct gp__reply *reply)
{
    set_fates(policy, reply->code < 500 ? GP__FATE_DEFERRED : GP__FATE_REJECTED);
    gp__client_refuse(client, wants_disconnect(policy) ? GP__DISCONNECT : GP__REFUSE, reply);
}

/* ---- a reply for each recipient (LMTP, PRDR) ---- */

static struct gp__reply own_reply(const struct gp_recipient *recipient,
                                  const struct gp__reply *accepted)
{
    enum gp__final final;

    if (recipient->fate != GP__FATE_DEFERRED && recipient->fate != GP__FATE_REJECTED)
        return *accepted;
    final = recipient->fate == GP__FATE_DEFERRED ? GP__FINAL_DEFER : GP__FINAL_REJECT;
    if (recipient->stop && is_class(&recipient->stop->reply, final))
        return recipient->stop->reply;
    if (is_class(&recipient->reply, final))
        return recipient->reply;
    return final == GP__FINAL_DEFER ? GP__REPLY(451, 4, 3, 0, "Not now, try again later")
                                    : GP__REPLY(554, 5, 0, 0, "Refused");
}

static bool stands_for(const struct gp_recipient *given, const struct gp_recipient *other)
{
    while (other && other != given)
        other = other->parent;
    return other != NULL;
}

/* Whose delivery it is: of a duplicate that of the recipient that was there before. */
static const struct gp_recipient *served_by(const struct gp_recipient *recipient)
{
    const struct gp__policy *policy = recipient->policy;

    for (size_t i = 0; recipient->replaced && i < policy->n_recipients; i++) {
        const struct gp_recipient *other = policy->recipients[i];

        if (is_party(other) && gp__address_same(&other->address, &recipient->address))
            return other;
    }
    return recipient;
}

/* One that stands for others is as well off as the worst of them. */
static struct gp__reply reply_for(const struct gp__policy *policy, const struct gp_recipient *given,
                                  const struct gp__reply *accepted)
{
    struct gp__reply worst = own_reply(served_by(given), accepted);

    for (size_t i = given->index + 1; given->replaced && i < policy->n_recipients; i++) {
        const struct gp_recipient *other = policy->recipients[i];
        struct gp__reply reply;

        if (!stands_for(given, other))
            continue;
        reply = own_reply(served_by(other), accepted);
        if (reply.code >= 400 && worst.code < 400)
            worst = reply;
    }
    return worst;
}

static void answer_each(struct gp__client *client, struct gp__policy *policy,
                        const struct gp__reply *accepted)
{
    struct gp__reply *replies = GP__ARENA_ARRAY(policy->transaction->arena, struct gp__reply,
                                                policy->n_recipients);
    size_t n = 0;

    for (size_t i = 0; i < policy->n_recipients; i++)
        if (policy->recipients[i]->accepted && !policy->recipients[i]->added)
            replies[n++] = reply_for(policy, policy->recipients[i], accepted);
    client->answer.replies = replies;
    client->answer.n_replies = n;
}

/* All are refused, but not all in the same way. */
static void refuse_each(struct gp__client *client, struct gp__policy *policy,
                        const enum gp__disposal *disposals)
{
    struct gp__reply unused = accepted_reply(policy);

    for (size_t i = 0; i < policy->n_recipients; i++)
        policy->recipients[i]->fate = disposals[i] == GP__DISPOSE_DEFER ? GP__FATE_DEFERRED
                                                                        : GP__FATE_REJECTED;
    answer_each(client, policy, &unused);
}

static void refuse_planned(struct gp__client *client, struct gp__policy *policy,
                           enum gp__final final, const enum gp__disposal *disposals)
{
    struct gp__reply reply = refusal_of(policy, final);

    refuse_all(client, policy, &reply);
    if (options_of(client, policy).per_recipient)
        refuse_each(client, policy, disposals);
}

/* ---- delivering ---- */

/* The last moment at which the client may leave without getting its mail twice (RFC 1047). One that
 * closed its side with commands still to be done only writes, and is served. */
static bool client_left(const struct gp__client *client)
{
    if (client->session->gone || !client->conn)
        return true;
    return !client->eof && gp__smtp_pending(client->smtp) == 0 && gp__conn_gone(client->conn);
}

static enum gp__final merge(struct gp__client *client, struct gp__policy *policy,
                            const enum gp__disposal *disposals, const enum gp_outcome *outcomes)
{
    struct gp__arena *arena = policy->transaction->arena;
    size_t all = policy->n_recipients, n = 0;
    enum gp__disposal *packed = GP__ARENA_ARRAY(arena, enum gp__disposal, all);
    enum gp_outcome *results = GP__ARENA_ARRAY(arena, enum gp_outcome, all);
    enum gp__fate *fates = GP__ARENA_ARRAY(arena, enum gp__fate, all);
    struct gp__fate_options options = options_of(client, policy);
    enum gp__final final;

    for (size_t i = 0; i < all; i++) {
        if (!is_party(policy->recipients[i]))
            continue;
        packed[n] = disposals[i];
        results[n++] = outcomes[i];
    }
    final = gp__fates_merge(packed, results, n, &options, fates);
    for (size_t i = 0, at = 0; i < all; i++)
        if (is_party(policy->recipients[i]))
            policy->recipients[i]->fate = fates[at++];
    return final;
}

/* All that a message leads to: what becomes visible together, or not at all. */
struct batch {
    struct gp__deliveries planned;
    struct gp__deliveries refused; /* to be held, because their targets refused them */
    struct gp__drafts drafts;
};

/* Held mail that could not be held is not held: nobody may say so. */
static bool holding_failed(const struct gp__deliveries *deliveries)
{
    for (size_t i = 0; i < deliveries->count; i++)
        if (!deliveries->items[i]->target && !deliveries->items[i]->prepared)
            return true;
    return false;
}

/* Whom a target refused while others were served: their copies go into a bucket, or are dropped. */
static void prepare_refused(struct gp__client *client, struct batch *batch,
                            const enum gp__disposal *disposals, enum gp_outcome *outcomes)
{
    struct gp__policy *policy = batch->planned.policy;
    struct gp__arena *arena = policy->transaction->arena;
    enum gp__disposal *late = GP__ARENA_ARRAY(arena, enum gp__disposal, policy->n_recipients);
    struct gp__reply *told = GP__ARENA_ARRAY(arena, struct gp__reply, policy->n_recipients);

    for (size_t i = 0; i < policy->n_recipients; i++) {
        enum gp__fate fate = policy->recipients[i]->fate;

        told[i] = policy->recipients[i]->reply;
        if (disposals[i] == GP__DISPOSE_TARGET &&
            (fate == GP__FATE_HELD || fate == GP__FATE_BOUNCED))
            late[i] = GP__DISPOSE_HOLD;
    }
    gp__deliveries_plan(&batch->refused, late);
    for (size_t i = 0; i < batch->refused.count; i++) {
        struct gp_delivery *delivery = batch->refused.items[i];

        delivery->id = gp__delivery_id(arena, delivery->copy, batch->planned.count + i + 1);
    }
    gp__deliveries_prepare(&batch->refused, client->session, outcomes);
    /* The record says why it is held. */
    for (size_t i = 0; i < policy->n_recipients; i++)
        if (late[i] && outcomes[i] == GP_OUTCOME_DELIVERED)
            policy->recipients[i]->reply = told[i];
}

/* False: it is all to be given back. Drafts come last: the client's message counts for more. */
static bool commit(struct gp__client *client, struct batch *batch)
{
    struct gp_session *session = client->session;

    return !holding_failed(&batch->planned) && !holding_failed(&batch->refused) &&
           gp__drafts_prepare(client, batch->planned.policy, &batch->drafts) == 0 &&
           !client_left(client) && gp__deliveries_publish(&batch->planned, session) == 0 &&
           gp__deliveries_publish(&batch->refused, session) == 0 &&
           gp__drafts_publish(client, &batch->drafts) == 0;
}

static void give_back(struct gp__client *client, struct batch *batch)
{
    size_t doubled;

    gp__deliveries_revoke(&batch->planned, client->session);
    gp__deliveries_revoke(&batch->refused, client->session);
    doubled = batch->planned.doubled + batch->refused.doubled +
              gp__drafts_revoke(client, &batch->drafts);
    GP__COUNT_BY(doubled, doubled);
    if (doubled)
        gp__log(client->runtime->log, GP_LOG_WARNING, "delivery.doubled",
                GP__F_S("transaction", gp__transaction_id(batch->planned.policy->transaction)),
                GP__F_I("recipients", doubled));
}

static void accept(struct gp__client *client, struct gp__policy *policy)
{
    struct gp__reply reply = accepted_reply(policy);

    client->answer.reply = reply;
    client->hang_up = wants_disconnect(policy);
    if (options_of(client, policy).per_recipient)
        answer_each(client, policy, &reply);
}

static void deliver(struct gp__client *client, struct gp__policy *policy,
                    const enum gp__disposal *disposals)
{
    struct gp_slice hold = client->entrance->hold_path;
    struct batch batch = {.planned = {.policy = policy, .hold_path = hold},
                          .refused = {.policy = policy, .hold_path = hold}};
    enum gp_outcome *outcomes = GP__ARENA_ARRAY(policy->transaction->arena, enum gp_outcome,
                                                policy->n_recipients);
    struct gp__reply reply;
    enum gp__final final;
    bool committed;

    gp__deliveries_plan(&batch.planned, disposals);
    gp__deliveries_prepare(&batch.planned, client->session, outcomes);
    final = merge(client, policy, disposals, outcomes);
    if (final == GP__FINAL_ACCEPT)
        prepare_refused(client, &batch, disposals, outcomes);
    committed = final == GP__FINAL_ACCEPT && commit(client, &batch);
    if (!committed)
        give_back(client, &batch);
    gp__drafts_done(&batch.drafts);
    if (committed) {
        accept(client, policy);
    } else if (final != GP__FINAL_ACCEPT && options_of(client, policy).per_recipient) {
        reply = refusal_of(policy, final);
        gp__client_refuse(client, wants_disconnect(policy) ? GP__DISCONNECT : GP__REFUSE, &reply);
        answer_each(client, policy, &reply);
    } else {
        reply = refusal_of(policy, final == GP__FINAL_REJECT ? final : GP__FINAL_DEFER);
        refuse_all(client, policy, &reply);
    }
}

/* An MTA keeps its mail, and is told what to change. */
static void hand_back(struct gp__client *client, struct gp__policy *policy,
                      const enum gp__disposal *disposals)
{
    struct gp__reply reply = refusal_of(policy, GP__FINAL_DEFER);

    if (client_left(client) || gp__client_milter(client, policy, disposals) < 0)
        refuse_all(client, policy, &reply);
    else
        accept(client, policy);
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
        if (is_party(policy->recipients[i]))
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
        refuse_all(client, policy, &failed->reply);
        return;
    }
    if (final != GP__FINAL_ACCEPT) {
        refuse_planned(client, policy, final, disposals);
        return;
    }
    /* A seal that failed may have marked recipients for a bucket. */
    gp__client_plan(client, policy, &disposals);
    if (gp__client_is_mta(client))
        hand_back(client, policy, disposals);
    else
        deliver(client, policy, disposals);
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
    if (client->refusal.code)
        refuse_all(client, policy, &client->refusal);
    else
        finish(client, policy);
    observe(client, policy);
}
