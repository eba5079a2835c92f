// SPDX-License-Identifier: Apache-2.0
/*
 * Drafts, the messages that plugins make: each is delivered in a transaction of its own, which no
 * filter sees, in one batch with the message it was made for: both become durable, or neither. A
 * recipient that no route takes, or that its target refuses for good, is logged and forgotten:
 * nobody can be told but the operator.
 */
#include "core/base/log.h"
#include "core/delivery/spooled.h"
#include "core/server/client.h"
#include "core/server/server.h"

static struct gp__content *content_of(const struct gp_draft *draft)
{
    struct gp_slice body = gp__buf_slice(&draft->body);
    struct gp__content *content;
    struct gp__buf all = {.limit = 0};

    gp__buf_append(&all, gp__buf_slice(&draft->headers));
    gp__buf_append(&all, GP_S("\r\n"));
    gp__buf_append(&all, body);
    if (body.len && !gp_slice_ends(body, GP_S("\r\n")))
        gp__buf_append(&all, GP_S("\r\n"));
    content = gp__content_of(gp__buf_slice(&all));
    gp__buf_free(&all);
    return content;
}

static void unref_content(void *arg)
{
    struct gp__content *content = arg;

    gp__content_unref(&content);
}

/* A transaction as if its plugin were a client that may relay; NULL: out of memory. */
static struct gp_transaction *open_transaction(struct gp__client *client,
                                               const struct gp_draft *draft)
{
    struct gp__content *content = content_of(draft);
    struct gp_transaction *transaction;
    struct gp__policy *policy;

    if (!content)
        return NULL;
    transaction = gp__transaction_create(client->session);
    gp__arena_cleanup(transaction->arena, unref_content, content);
    transaction->mail.from = draft->sender;
    transaction->detached = true;
    policy = gp__policy_create(transaction);
    policy->bucket = gp_slice(NULL, 0); /* a mark of the session is not about it */
    policy->marked_by = NULL;
    policy->relay_granted = true;
    policy->draft_depth = draft->depth;
    policy->content = content;
    policy->message = gp__message_create(transaction->arena, content);
    gp__copies_begin(policy);
    return transaction;
}

static void log_lost(const struct gp__client *client, const struct gp_recipient *recipient,
                     const struct gp__reply *reply)
{
    gp__log(client->runtime->log, GP_LOG_WARNING, "draft.lost_recipient",
            GP__F_S("transaction", gp__transaction_id(recipient->policy->transaction)),
            GP__F_S("recipient", recipient->address.text), GP__F_I("code", reply->code),
            GP__F_S("text", reply->text));
}

/* 0, or -1: a table could not answer. */
static int route(struct gp__client *client, const struct gp_draft *draft, struct gp__policy *policy)
{
    struct gp__arena *arena = policy->transaction->arena;
    enum gp__routing routing = GP__ROUTED;
    struct gp_call call;

    gp__call_init(&call, client->runtime, NULL, GP_HOOK_RCPT, client->session->policy->reply_by_ms);
    call.session = client->session;
    call.transaction = policy->transaction;
    call.policy = policy;
    for (size_t i = 0; i < draft->n_recipients && !client->session->gone; i++) {
        struct gp__rcpt *given = GP__ARENA_NEW(arena, struct gp__rcpt);
        struct gp_recipient *recipient;
        struct gp__reply reply;

        *given = (struct gp__rcpt){.to = draft->recipients[i], .notify = GP__NOTIFY_NEVER};
        recipient = gp__recipient_create(policy, given, &given->to);
        routing = gp__route_recipient(&call, client->entrance->routes, recipient);
        if (routing == GP__ROUTE_TEMPORARY || routing == GP__ROUTE_CANCELED)
            break;
        recipient->accepted = routing == GP__ROUTED;
        recipient->dropped = !recipient->accepted;
        reply = gp__route_reply(routing);
        if (recipient->dropped)
            log_lost(client, recipient, &reply);
    }
    gp__call_end(&call);
    return client->session->gone || routing == GP__ROUTE_TEMPORARY || routing == GP__ROUTE_CANCELED
               ? -1
               : 0;
}

static bool is_direct(const struct gp_recipient *recipient)
{
    return ((const struct gp__route *)recipient->route)->direct;
}

static void plan(const struct gp__client *client, const struct gp__policy *policy,
                 enum gp__disposal *disposals)
{
    for (size_t i = 0; i < policy->n_recipients; i++)
        if (policy->recipients[i]->accepted)
            disposals[i] = client->server->spool && !is_direct(policy->recipients[i])
                               ? GP__DISPOSE_QUEUE
                               : GP__DISPOSE_TARGET;
}

/* 0, or -1: somebody can't have it now, and it can't be queued for them either. */
static int settle(const struct gp__client *client, const struct gp__policy *policy,
                  enum gp__disposal *disposals, const enum gp_outcome *outcomes)
{
    for (size_t i = 0; i < policy->n_recipients; i++) {
        if (disposals[i] != GP__DISPOSE_TARGET || outcomes[i] == GP_OUTCOME_DELIVERED)
            continue;
        if (outcomes[i] == GP_OUTCOME_FAILED)
            log_lost(client, policy->recipients[i], &policy->recipients[i]->reply);
        else if (client->server->spool)
            disposals[i] = GP__DISPOSE_QUEUE;
        else
            return -1;
    }
    return 0;
}

/* 0, or -1: somebody can't have it now. */
static int prepare(struct gp__client *client, struct gp__drafted *drafted,
                   const struct gp__policy *parent)
{
    struct gp__deliveries *deliveries = &drafted->deliveries;
    struct gp__policy *policy = deliveries->policy;
    struct gp__arena *arena = policy->transaction->arena;
    size_t n = policy->n_recipients;
    enum gp__disposal *disposals = GP__ARENA_ARRAY(arena, enum gp__disposal, n);
    enum gp_outcome *outcomes = GP__ARENA_ARRAY(arena, enum gp_outcome, n);
    struct gp__keeping keeping = {
        .now_ms = client->runtime->ops->wall_ms(client->runtime),
        .parent = gp__transaction_id(parent->transaction),
        .bounce = gp__bounce_right(parent, client->entrance->bounce_to),
        .sender = parent->sender.text,
    };

    plan(client, policy, disposals);
    gp__deliveries_plan(deliveries, disposals);
    gp__deliveries_prepare(deliveries, client->session, outcomes);
    if (settle(client, policy, disposals, outcomes) < 0)
        return -1;
    drafted->entry = gp__keep(policy, disposals, &keeping);
    return 0;
}

int gp__drafts_prepare(struct gp__client *client, const struct gp__policy *policy,
                       struct gp__drafts *drafts)
{
    struct gp__arena *arena = policy->transaction->arena;

    for (const struct gp_draft *draft = policy->drafts; draft; draft = draft->next) {
        struct gp_transaction *transaction = open_transaction(client, draft);
        struct gp__drafted *drafted;

        if (!transaction)
            return -1;
        GP__ARENA_GROW(arena, drafts->items, drafts->cap, drafts->count + 1);
        drafted = &drafts->items[drafts->count++];
        *drafted = (struct gp__drafted){.deliveries = {.policy = transaction->policy}};
        if (route(client, draft, transaction->policy) < 0 || prepare(client, drafted, policy) < 0)
            return -1;
        gp__log(client->runtime->log, GP_LOG_INFO, "draft",
                GP__F_S("transaction", gp__transaction_id(transaction)),
                GP__F_S("of", gp__transaction_id(policy->transaction)),
                GP__F_S("by", draft->by->id), GP__F_S("sender", draft->sender.text),
                GP__F_I("recipients", draft->n_recipients), GP__F_I("depth", draft->depth));
    }
    return 0;
}

int gp__drafts_publish(struct gp__client *client, struct gp__drafts *drafts)
{
    for (size_t i = 0; i < drafts->count; i++)
        if (gp__deliveries_publish(&drafts->items[i].deliveries, client->session) < 0)
            return -1;
    return 0;
}

size_t gp__drafts_revoke(struct gp__client *client, struct gp__drafts *drafts)
{
    size_t doubled = 0;

    for (size_t i = 0; i < drafts->count; i++) {
        gp__deliveries_revoke(&drafts->items[i].deliveries, client->session);
        doubled += drafts->items[i].deliveries.doubled;
    }
    return doubled;
}

void gp__drafts_done(struct gp__drafts *drafts)
{
    for (size_t i = 0; i < drafts->count; i++) {
        struct gp_transaction *transaction = drafts->items[i].deliveries.policy->transaction;

        gp__transaction_unref(&transaction);
    }
    drafts->count = 0;
}
