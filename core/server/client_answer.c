// SPDX-License-Identifier: Apache-2.0
/* The reply to the end of data: one for all, or one for each recipient. */
#include "core/server/client_answer.h"

#include "core/server/client_milter.h"
#include "core/server/server.h"

bool gp__answer_party(const struct gp_recipient *recipient)
{
    return recipient->accepted && !recipient->replaced;
}

struct gp__fate_options gp__answer_options(const struct gp__client *client,
                                           const struct gp__policy *policy)
{
    return (struct gp__fate_options){
        .per_recipient = client->session->protocol == GP__PROTOCOL_LMTP ||
                         gp__transaction_prdr(policy->transaction),
        .mixed = client->entrance->policy.mixed_reject,
        .spool = client->server->spool != NULL && !gp__client_is_mta(client),
    };
}

static struct gp__reply reply_with(struct gp__policy *policy, struct gp_slice id)
{
    struct gp__reply reply = GP__REPLY(250, 2, 0, 0, "");

    reply.text = GP__ARENA_JOIN(policy->transaction->arena, GP_S("Ok: "), id);
    return reply;
}

static struct gp__reply accepted_reply(struct gp__policy *policy)
{
    return reply_with(policy, gp__transaction_id(policy->transaction));
}

static bool is_class(const struct gp__reply *reply, enum gp__final final)
{
    return reply->code && (reply->code < 500) == (final == GP__FINAL_DEFER);
}

struct gp__reply gp__answer_refusal(const struct gp__policy *policy, enum gp__final final)
{
    for (size_t i = 0; i < policy->n_recipients; i++) {
        const struct gp_recipient *recipient = policy->recipients[i];

        if (!gp__answer_party(recipient))
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

void gp__answer_refuse(struct gp__client *client, struct gp__policy *policy,
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

        if (gp__answer_party(other) && gp__address_same(&other->address, &recipient->address))
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

void gp__answer_planned(struct gp__client *client, struct gp__policy *policy, enum gp__final final,
                        const enum gp__disposal *disposals)
{
    struct gp__reply reply = gp__answer_refusal(policy, final);

    gp__answer_refuse(client, policy, &reply);
    if (gp__answer_options(client, policy).per_recipient)
        refuse_each(client, policy, disposals);
}

void gp__answer_merged(struct gp__client *client, struct gp__policy *policy, enum gp__final final)
{
    struct gp__reply reply = gp__answer_refusal(policy, final);

    gp__client_refuse(client, wants_disconnect(policy) ? GP__DISCONNECT : GP__REFUSE, &reply);
    answer_each(client, policy, &reply);
}

void gp__answer_again(struct gp__client *client, struct gp__policy *policy, struct gp_slice id)
{
    struct gp__reply reply = reply_with(policy, id);

    client->answer.reply = reply;
    if (!gp__answer_options(client, policy).per_recipient)
        return;
    for (size_t i = 0; i < policy->n_recipients; i++)
        policy->recipients[i]->fate = GP__FATE_NONE; /* which is no refusal */
    answer_each(client, policy, &reply);
}

void gp__answer_accept(struct gp__client *client, struct gp__policy *policy)
{
    struct gp__reply reply = accepted_reply(policy);

    client->answer.reply = reply;
    client->hang_up = wants_disconnect(policy);
    if (gp__answer_options(client, policy).per_recipient)
        answer_each(client, policy, &reply);
}
