// SPDX-License-Identifier: Apache-2.0
#include "core/server/client_milter.h"
#include "core/server/rcpt.h"

#include "core/base/counts.h"
#include "core/base/domain.h"
#include "core/base/log.h"
#include "core/hook/apply.h"

struct gp__address gp__rcpt_with_domain(struct gp__arena *arena, const struct gp__address *to,
                                        struct gp_slice hostname)
{
    struct gp__address address = *to;

    if (to->domain.len)
        return address;
    address.text = gp__arena_printf(arena, GP_FMT "@" GP_FMT, GP_ARG(to->local), GP_ARG(hostname));
    address.local = gp_slice_sub(address.text, 0, to->local.len);
    address.domain = gp_slice_sub(address.text, to->local.len + 1, address.text.len);
    address.key = address.domain;
    return address;
}

static enum gp__decision refused_by(const struct gp__ruling *ruling, struct gp__reply *reply_r)
{
    *reply_r = ruling->reply;
    return ruling->verdict == GP_DISCONNECT ? GP__DISCONNECT : GP__REFUSE;
}

static void log_refusal(const struct gp__client *client, const struct gp_recipient *recipient,
                        const struct gp__reply *reply)
{
    GP__COUNT(rcpt_refused);
    gp__log(client->runtime->log, GP_LOG_INFO, "recipient.refused",
            GP__F_S("transaction", gp__transaction_id(recipient->policy->transaction)),
            GP__F_S("recipient", recipient->address.text), GP__F_S("route", recipient->route_name),
            GP__F_I("code", reply->code), GP__F_S("text", reply->text));
}

static void route_call_init(struct gp_call *call, struct gp__client *client,
                            struct gp__policy *policy)
{
    gp__call_init(call, client->runtime, NULL, GP_HOOK_RCPT, client->session->policy->reply_by_ms);
    call->session = client->session;
    call->transaction = policy->transaction;
    call->policy = policy;
}

static struct gp__run run_of(struct gp__client *client, enum gp_hook_point point,
                             struct gp_recipient **recipient)
{
    struct gp__run run = gp__client_run_of(client, point);

    run.recipient = *recipient;
    run.scope = recipient;
    run.n_scope = 1;
    return run;
}

/* Which route owns it. An MTA has its own, and has found the recipient good. */
static enum gp__routing route_one(struct gp__client *client, struct gp_call *call,
                                  struct gp_recipient *recipient)
{
    static const char elsewhere;

    if (!gp__client_is_mta(client)) {
        struct gp__run route = run_of(client, GP_HOOK_ROUTE, &recipient);

        gp__run_chain(&route);
        if (route.stop)
            return GP__ROUTE_TEMPORARY;
        return gp__route_recipient(call, client->entrance->routes, recipient);
    }
    recipient->route = &elsewhere;
    recipient->valid = true;
    return GP__ROUTED;
}

/* An expansion or an addition: nobody can be told that no route takes it but the operator. */
static enum gp__routing route_added(struct gp__client *client, struct gp_call *call,
                                    struct gp_recipient *added)
{
    enum gp__routing routing = route_one(client, call, added);

    added->dropped = routing != GP__ROUTED;
    if (added->dropped)
        gp__log(client->runtime->log, GP_LOG_WARNING, "recipient.bad_expansion",
                GP__F_S("transaction", gp__transaction_id(added->policy->transaction)),
                GP__F_S("recipient", added->given->to.text),
                GP__F_S("expansion", added->address.text),
                GP__F_S("text", gp__route_reply(routing).text));
    return routing;
}

/* Routes the recipient, unless it stands only for its expansions, and then those. */
static enum gp__routing route_all(struct gp__client *client, struct gp_recipient *recipient)
{
    struct gp__policy *policy = recipient->policy;
    enum gp__routing worst = recipient->replaced ? GP__ROUTE_UNKNOWN : GP__ROUTED;
    struct gp_call call;

    route_call_init(&call, client, policy);
    if (!recipient->replaced)
        worst = route_one(client, &call, recipient);
    for (size_t i = recipient->index + 1; i < policy->n_recipients; i++) {
        struct gp_recipient *added = policy->recipients[i];
        enum gp__routing routing;

        if (added->replaced)
            continue;
        routing = route_added(client, &call, added);
        if (routing == GP__ROUTE_TEMPORARY || routing == GP__ROUTE_CANCELED)
            worst = routing;
        else if (routing == GP__ROUTED && recipient->replaced && worst == GP__ROUTE_UNKNOWN)
            worst = GP__ROUTED;
    }
    gp__call_end(&call);
    return worst;
}

static void forget_seen(void *arg)
{
    struct gp__policy *policy = arg;

    gp__map_free(&policy->seen);
}

/* The same final address is delivered to once, however often it was given or expanded. */
static bool is_duplicate(struct gp_recipient *recipient)
{
    struct gp__policy *policy = recipient->policy;
    struct gp__arena *arena = policy->transaction->arena;
    struct gp_slice key;

    if (recipient->replaced)
        return false;
    key = gp__domain_key(arena, recipient->address.text);
    if (gp__map_get(&policy->seen, key))
        return true;
    if (policy->seen.count == 0)
        gp__arena_cleanup(arena, forget_seen, policy);
    gp__map_set(&policy->seen, key, recipient);
    return false;
}

/* `split: one_policy`: whether those accepted before are judged otherwise. LMTP has a reply for each,
 * so there they may share (RFC 2033 4.2). */
static bool is_other_policy(const struct gp_recipient *recipient)
{
    const struct gp__policy *policy = recipient->policy;

    return policy->session->settings->one_policy &&
           policy->transaction->session->protocol != GP__PROTOCOL_LMTP && policy->policy_key.len &&
           recipient->policy_key.len && !gp_slice_eq(policy->policy_key, recipient->policy_key);
}

static void accept(struct gp_recipient *recipient)
{
    struct gp__policy *policy = recipient->policy;

    if (recipient->policy_key.len)
        policy->policy_key = recipient->policy_key;
    for (size_t i = recipient->index; i < policy->n_recipients; i++) {
        struct gp_recipient *each = policy->recipients[i];

        /* What a policy hook added was not routed yet: take_added(). */
        if (each->dropped || (each != recipient && !each->route))
            continue;
        if (is_duplicate(each))
            each->replaced = true;
        each->accepted = true;
        if (each == recipient)
            continue;
        /* What was decided about the one the client gave holds for what it stands for. */
        each->stop = recipient->stop;
        if (gp_slice_present(recipient->bucket)) {
            each->bucket = recipient->bucket;
            each->marked_by = recipient->marked_by;
        }
    }
}

/* Refused: neither it nor its expansions belong to the transaction any more. */
static void drop(struct gp_recipient *recipient)
{
    recipient->policy->n_recipients = recipient->index;
}

static enum gp__decision judge(struct gp__client *client, struct gp_recipient *recipient,
                               struct gp__reply *reply_r)
{
    struct gp__run resolve = run_of(client, GP_HOOK_RESOLVE, &recipient);
    struct gp__run policy = run_of(client, GP_HOOK_RCPT, &recipient);
    const struct gp__ruling *pending;
    enum gp__routing routing;

    gp__run_chain(&resolve);
    if (resolve.stop)
        return refused_by(resolve.stop, reply_r);
    routing = route_all(client, recipient);
    if (routing != GP__ROUTED) {
        *reply_r = gp__route_reply(routing);
        return GP__REFUSE;
    }
    pending = gp__apply_pending(&policy, recipient);
    if (pending) {
        *reply_r = gp__ruling_reply_at_rcpt(pending);
        return GP__REFUSE;
    }
    gp__run_chain(&policy);
    if (policy.stop)
        return refused_by(policy.stop, reply_r);
    if (!is_other_policy(recipient))
        return GP__PROCEED;
    *reply_r = GP__REPLY(452, 4, 5, 3, "This recipient has another policy: send it separately");
    return GP__REFUSE;
}

static void take_added(struct gp__client *client, struct gp__policy *policy, size_t first)
{
    struct gp_call call;

    if (client->session->gone)
        return;
    route_call_init(&call, client, policy);
    for (size_t i = first; i < policy->n_recipients; i++) {
        struct gp_recipient *added = policy->recipients[i];

        if (!added->added || added->accepted || added->dropped || added->replaced)
            continue;
        if (route_added(client, &call, added) != GP__ROUTED)
            continue;
        added->replaced = is_duplicate(added);
        added->accepted = true;
        added->stop = policy->discarded;
    }
    gp__call_end(&call);
}

void gp__rcpt_added(struct gp__client *client)
{
    take_added(client, client->session->transaction->policy, 0);
}

enum gp__decision gp__rcpt(struct gp__client *client, const struct gp__rcpt *rcpt,
                           struct gp__reply *reply_r)
{
    struct gp_transaction *transaction = client->session->transaction;
    struct gp__address address = gp__rcpt_with_domain(transaction->arena, &rcpt->to,
                                                      client->session->hostname);
    struct gp_recipient *recipient = gp__recipient_create(transaction->policy, rcpt, &address);
    enum gp__decision decision;

    recipient->stop = transaction->policy->discarded;
    decision = judge(client, recipient, reply_r);
    if (decision == GP__PROCEED) {
        accept(recipient);
        take_added(client, transaction->policy, recipient->index);
        return decision;
    }
    log_refusal(client, recipient, reply_r);
    drop(recipient);
    return decision;
}
