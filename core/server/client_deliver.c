// SPDX-License-Identifier: Apache-2.0
/*
 * Taking responsibility (semantics B2): direct targets are asked, then all that is to be queued or
 * held, of the message and its drafts, becomes durable in one batch, and only then the client is
 * told. Without a spool held mail goes to files, and nothing can be queued.
 */
#include "core/base/counts.h"
#include "core/base/log.h"
#include "core/delivery/spooled.h"
#include "core/server/client_answer.h"
#include "core/server/server.h"

/* All that a message leads to: what becomes visible together, or not at all. */
struct batch {
    struct gp__client *client;
    struct gp__policy *policy;
    enum gp__disposal
        *disposals; /* by index of recipient: first as planned, then as it turned out */
    enum gp_outcome *outcomes;
    struct gp__deliveries planned;
    struct gp__deliveries refused; /* to be held in files, because their targets refused them */
    struct gp__drafts drafts;
    bool shown; /* a direct target may have shown it */
};

bool gp__client_left(const struct gp__client *client)
{
    if (client->session->gone || !client->conn)
        return true;
    return !client->eof && gp__smtp_pending(client->smtp) == 0 && gp__conn_gone(client->conn);
}

static bool has_spool(const struct batch *batch)
{
    return batch->client->server->spool != NULL;
}

/* ---- targets ---- */

/* With a spool targets alone are asked; what is held goes with what is queued. */
static void ask_targets(struct batch *batch)
{
    struct gp__policy *policy = batch->policy;
    struct gp__arena *arena = policy->transaction->arena;
    enum gp__disposal *asked = GP__ARENA_ARRAY(arena, enum gp__disposal, policy->n_recipients);

    for (size_t i = 0; i < policy->n_recipients; i++)
        if (batch->disposals[i] == GP__DISPOSE_TARGET || !has_spool(batch))
            asked[i] = batch->disposals[i];
    gp__deliveries_plan(&batch->planned, asked);
    gp__deliveries_prepare(&batch->planned, batch->client->session, batch->outcomes);
}

static enum gp__final merge(struct batch *batch)
{
    struct gp__policy *policy = batch->policy;
    struct gp__arena *arena = policy->transaction->arena;
    size_t all = policy->n_recipients, n = 0;
    enum gp__disposal *packed = GP__ARENA_ARRAY(arena, enum gp__disposal, all);
    enum gp_outcome *results = GP__ARENA_ARRAY(arena, enum gp_outcome, all);
    enum gp__fate *fates = GP__ARENA_ARRAY(arena, enum gp__fate, all);
    struct gp__fate_options options = gp__answer_options(batch->client, policy);
    enum gp__final final;

    for (size_t i = 0; i < all; i++) {
        if (!gp__answer_party(policy->recipients[i]))
            continue;
        packed[n] = batch->disposals[i];
        results[n++] = batch->outcomes[i];
    }
    final = gp__fates_merge(packed, results, n, &options, fates);
    for (size_t i = 0, at = 0; i < all; i++)
        if (gp__answer_party(policy->recipients[i]))
            policy->recipients[i]->fate = fates[at++];
    return final;
}

/* ---- held mail without a spool ---- */

/* Held mail that could not be held is not held: nobody may say so. */
static bool holding_failed(const struct gp__deliveries *deliveries)
{
    for (size_t i = 0; i < deliveries->count; i++)
        if (!deliveries->items[i]->target && !deliveries->items[i]->prepared)
            return true;
    return false;
}

/* Whom a target refused while others were served: their copies go into a bucket, or are dropped. */
static void prepare_refused(struct batch *batch)
{
    struct gp__policy *policy = batch->policy;
    struct gp__arena *arena = policy->transaction->arena;
    enum gp__disposal *late = GP__ARENA_ARRAY(arena, enum gp__disposal, policy->n_recipients);
    struct gp__reply *told = GP__ARENA_ARRAY(arena, struct gp__reply, policy->n_recipients);

    for (size_t i = 0; i < policy->n_recipients; i++) {
        enum gp__fate fate = policy->recipients[i]->fate;

        told[i] = policy->recipients[i]->reply;
        if (batch->disposals[i] == GP__DISPOSE_TARGET &&
            (fate == GP__FATE_HELD || fate == GP__FATE_BOUNCED))
            late[i] = GP__DISPOSE_HOLD;
    }
    gp__deliveries_plan(&batch->refused, late);
    for (size_t i = 0; i < batch->refused.count; i++) {
        struct gp_delivery *delivery = batch->refused.items[i];

        delivery->id = gp__delivery_id(arena, delivery->copy, batch->planned.count + i + 1);
    }
    gp__deliveries_prepare(&batch->refused, batch->client->session, batch->outcomes);
    /* The record says why it is held. */
    for (size_t i = 0; i < policy->n_recipients; i++)
        if (late[i] && batch->outcomes[i] == GP_OUTCOME_DELIVERED)
            policy->recipients[i]->reply = told[i];
}

/* ---- the spool ---- */

/* What is to be kept of the message itself, by the fates; NULL: nothing. */
static const struct gp__entry *entry_of(struct batch *batch)
{
    struct gp__policy *policy = batch->policy;
    struct gp__client *client = batch->client;
    struct gp__keeping keeping = {
        .now_ms = client->runtime->ops->wall_ms(client->runtime),
        .bounce_to = client->entrance->bounce_to,
        .parent = {NULL, 0},
        .spill = client->spill,
        .fingerprint = gp__client_fingerprint(client, policy),
    };

    for (size_t i = 0; i < policy->n_recipients; i++) {
        enum gp__fate fate = policy->recipients[i]->fate;
        bool party = gp__answer_party(policy->recipients[i]);

        batch->disposals[i] = !party                    ? GP__DISPOSE_NONE
                              : fate == GP__FATE_QUEUED ? GP__DISPOSE_QUEUE
                              : fate == GP__FATE_HELD   ? GP__DISPOSE_HOLD
                                                        : GP__DISPOSE_NONE;
    }
    return gp__keep(policy, batch->disposals, &keeping);
}

static int write_entries(struct gp__client *client, const struct gp__entry *const *entries,
                         size_t n)
{
    struct gp_call call;
    int error;

    gp__call_init(&call, client->runtime, NULL, GP_HOOK_MESSAGE, UINT64_MAX);
    call.session = client->session;
    error = gp__spool_commit(&call, client->server->spool, entries, n, NULL);
    gp__call_end(&call);
    return error;
}

/* What could not be kept stays with the client, and the record says why. */
static void keeping_failed(struct batch *batch, int error)
{
    struct gp__reply reply = error == GP_ENOSPC
                                 ? GP__REPLY(452, 4, 3, 1, "No space left here, try again later")
                                 : GP__REPLY(451, 4, 3, 0,
                                             "Can't store the message now, try again later");

    GP__COUNT(spool_failed);
    if (error != GP_ENOSPC && error != GP_EIO) /* which the spool tells, once for all messages */
        gp__log(batch->client->runtime->log, GP_LOG_ERROR, "message.not_kept",
                GP__F_S("transaction", gp__transaction_id(batch->policy->transaction)),
                GP__F_C("error", gp_strerror(error)));
    for (size_t i = 0; i < batch->policy->n_recipients; i++)
        batch->policy->recipients[i]->reply = reply;
}

/* News of success is no reason to give back a message that was delivered. */
static void confirm_alone(struct batch *batch, const struct gp__notice *confirmed)
{
    int error = confirmed->entry ? write_entries(batch->client, &confirmed->entry, 1) : 0;

    gp__client_noticed(batch->client, batch->policy, confirmed, error);
}

/* The last step: with it the message is ours. Unless a target has shown it already the client may
 * still leave. */
static bool keep(struct batch *batch)
{
    struct gp__client *client = batch->client;
    struct gp__policy *policy = batch->policy;
    const struct gp__entry **entries = GP__ARENA_ARRAY(
        policy->transaction->arena, const struct gp__entry *, batch->drafts.count + 3);
    const struct gp__entry *own;
    struct gp__notice bounced, confirmed;
    size_t n = 0;
    int error;

    if (gp__client_notice(client, policy, GP__DSN_FAILED, &bounced) < 0) {
        keeping_failed(batch, GP_ETEMP);
        return false;
    }
    if (gp__client_notice(client, policy, GP__DSN_DELIVERED, &confirmed) < 0)
        gp__client_noticed(client, policy, &confirmed, GP_ETEMP);
    own = entry_of(batch);
    if (own)
        entries[n++] = own;
    if (bounced.entry)
        entries[n++] = bounced.entry;
    for (size_t i = 0; i < batch->drafts.count; i++)
        if (batch->drafts.items[i].entry)
            entries[n++] = batch->drafts.items[i].entry;
    if (n == 0) {
        confirm_alone(batch, &confirmed);
        return true;
    }
    if (confirmed.entry)
        entries[n++] = confirmed.entry;
    if (!batch->shown && gp__client_left(client))
        return false;
    error = write_entries(client, entries, n);
    if (error) {
        keeping_failed(batch, error);
        return false;
    }
    gp__client_noticed(client, policy, &bounced, 0);
    gp__client_noticed(client, policy, &confirmed, 0);
    return true;
}

/* ---- all together ---- */

static bool has_published(const struct gp__deliveries *deliveries)
{
    for (size_t i = 0; i < deliveries->count; i++)
        if (deliveries->items[i]->prepared || deliveries->items[i]->published)
            return true;
    return false;
}

static bool publish(struct batch *batch)
{
    struct gp__client *client = batch->client;

    batch->shown = has_published(&batch->planned);
    for (size_t i = 0; i < batch->drafts.count; i++)
        batch->shown = batch->shown || has_published(&batch->drafts.items[i].deliveries);
    return gp__deliveries_publish(&batch->planned, client->session) == 0 &&
           gp__deliveries_publish(&batch->refused, client->session) == 0 &&
           gp__drafts_publish(client, &batch->drafts) == 0;
}

/* False: it is all to be given back. Drafts are shown after the message, which counts for more. */
static bool commit(struct batch *batch)
{
    if (!has_spool(batch))
        prepare_refused(batch);
    return !holding_failed(&batch->planned) && !holding_failed(&batch->refused) &&
           gp__drafts_prepare(batch->client, batch->policy, &batch->drafts) == 0 &&
           !gp__client_left(batch->client) && publish(batch) && (!has_spool(batch) || keep(batch));
}

static void give_back(struct batch *batch)
{
    struct gp__client *client = batch->client;
    size_t doubled;

    gp__deliveries_revoke(&batch->planned, client->session);
    gp__deliveries_revoke(&batch->refused, client->session);
    doubled = batch->planned.doubled + batch->refused.doubled +
              gp__drafts_revoke(client, &batch->drafts);
    GP__COUNT_BY(doubled, doubled);
    if (doubled)
        gp__log(client->runtime->log, GP_LOG_WARNING, "delivery.doubled",
                GP__F_S("transaction", gp__transaction_id(batch->policy->transaction)),
                GP__F_I("recipients", doubled));
}

static void refuse(struct batch *batch, enum gp__final final)
{
    struct gp__reply reply;

    if (final != GP__FINAL_ACCEPT &&
        gp__answer_options(batch->client, batch->policy).per_recipient) {
        gp__answer_merged(batch->client, batch->policy, final);
        return;
    }
    reply = gp__answer_refusal(batch->policy, final == GP__FINAL_REJECT ? final : GP__FINAL_DEFER);
    gp__answer_refuse(batch->client, batch->policy, &reply);
}

void gp__client_deliver(struct gp__client *client, struct gp__policy *policy,
                        const enum gp__disposal *disposals)
{
    struct gp__arena *arena = policy->transaction->arena;
    struct gp_slice hold = client->entrance->hold_path;
    struct batch batch = {
        .client = client,
        .policy = policy,
        .disposals = GP__ARENA_ARRAY(arena, enum gp__disposal, policy->n_recipients),
        .outcomes = GP__ARENA_ARRAY(arena, enum gp_outcome, policy->n_recipients),
        .planned = {.policy = policy, .hold_path = hold},
        .refused = {.policy = policy, .hold_path = hold},
    };
    enum gp__final final;
    bool committed;

    if (policy->n_recipients)
        memcpy(batch.disposals, disposals, policy->n_recipients * sizeof *disposals);
    ask_targets(&batch);
    final = merge(&batch);
    committed = final == GP__FINAL_ACCEPT && commit(&batch);
    if (!committed)
        give_back(&batch);
    gp__drafts_done(&batch.drafts);
    if (committed)
        gp__answer_accept(client, policy);
    else
        refuse(&batch, final);
}
