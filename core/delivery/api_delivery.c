// SPDX-License-Identifier: Apache-2.0
/* What targets see of a delivery: <gatepost/role.h>. */
#include "core/base/date.h"
#include "core/base/log.h"
#include "core/delivery/delivery.h"
#include "core/message/trace.h"

struct gp_message *gp_delivery_message(struct gp_delivery *delivery)
{
    return delivery->copy->message;
}

struct gp_slice gp_delivery_id(const struct gp_delivery *delivery)
{
    return delivery->id;
}

struct gp_slice gp_delivery_sender(const struct gp_delivery *delivery)
{
    return delivery->copy->own_sender ? delivery->copy->sender.text : delivery->policy->sender.text;
}

struct gp_slice gp_delivery_bucket(const struct gp_delivery *delivery)
{
    return delivery->bucket;
}

struct gp_slice gp_delivery_return_path(struct gp_call *call, const struct gp_delivery *delivery)
{
    struct gp__arena *arena = gp__call_arena(call);
    struct gp_slice path = gp__trace_return_path(arena, gp_delivery_sender(delivery));

    return gp__arena_printf(arena, "Return-Path: " GP_FMT "\r\n", GP_ARG(path));
}

struct gp_slice gp_delivery_delivered_to(struct gp_call *call, const struct gp_recipient *recipient)
{
    return gp__arena_printf(gp__call_arena(call), "Delivered-To: " GP_FMT "\r\n",
                            GP_ARG(recipient->address.text));
}

size_t gp_delivery_rcpt_count(const struct gp_delivery *delivery)
{
    return delivery->count;
}

struct gp_recipient *gp_delivery_rcpt_at(const struct gp_delivery *delivery, size_t index)
{
    return index < delivery->count ? delivery->recipients[index] : NULL;
}

static const char *default_text(enum gp_outcome outcome)
{
    switch (outcome) {
    case GP_OUTCOME_DELIVERED:
        return "Ok";
    case GP_OUTCOME_FAILED:
        return "The target refused the message";
    case GP_OUTCOME_NONE:
    case GP_OUTCOME_DEFERRED:
        break;
    }
    return "Can't deliver now, try again later";
}

/* The plugin's answer is hostile: an outcome that is none counts as deferred, a malformed reply
 * becomes the default one. */
void gp_delivery_result(struct gp_delivery *delivery, size_t index, enum gp_outcome outcome,
                        const char *status, const char *text)
{
    struct gp__reply reply = {.code = 0};
    int digit = outcome == GP_OUTCOME_DELIVERED ? '2' : outcome == GP_OUTCOME_FAILED ? '5' : '4';

    if (index >= delivery->count)
        return;
    delivery->outcomes[index] = digit == '4' ? GP_OUTCOME_DEFERRED : outcome;
    delivery->replies[index] = reply;
    if (!status || gp__reply_parse_status(gp_slice_of(status), &reply) < 0)
        return;
    reply.text = gp_slice_of(text ? text : default_text(outcome));
    if (!gp__reply_ok(&reply, digit))
        return;
    reply.text = gp__arena_dup(delivery->policy->transaction->arena, reply.text);
    delivery->replies[index] = reply;
}

#define REMOTE_MAX 400

void gp_delivery_remote(struct gp_delivery *delivery, size_t index, struct gp_slice remote)
{
    if (index >= delivery->count || remote.len > REMOTE_MAX || !gp__reply_text_ok(remote) ||
        gp_slice_find(remote, '\r') < remote.len)
        return;
    delivery->peers[index].remote = gp__arena_dup(delivery->policy->transaction->arena, remote);
}

void gp_delivery_relayed(struct gp_delivery *delivery, size_t index)
{
    if (index < delivery->count)
        delivery->peers[index].relayed = true;
}

void gp_delivery_advise(struct gp_delivery *delivery, unsigned advice, uint64_t retry_after_ms)
{
    delivery->advice |= advice & (GP_ADVICE_DOWN | GP_ADVICE_SLOWDOWN);
    if (retry_after_ms > delivery->retry_after_ms)
        delivery->retry_after_ms = retry_after_ms;
}

void *gp_delivery_alloc(struct gp_delivery *delivery, size_t size)
{
    return gp__arena_alloc(delivery->policy->transaction->arena, size);
}

void gp_delivery_data_set(struct gp_delivery *delivery, void *data)
{
    delivery->data = data;
}

void *gp_delivery_data(const struct gp_delivery *delivery)
{
    return delivery->data;
}

/* ---- the envelope as JSON ---- */

static void member(struct gp__buf *out, const char *key, struct gp_slice value)
{
    if (!gp_slice_present(value))
        return;
    gp__buf_printf(out, "%s\"%s\":", out->len > 1 ? "," : "", key);
    gp__json_string(out, value);
}

static void recipients_json(struct gp__buf *out, const struct gp_delivery *delivery)
{
    gp__buf_append(out, GP_S(",\"recipients\":["));
    for (size_t i = 0; i < delivery->count; i++) {
        const struct gp_recipient *recipient = delivery->recipients[i];
        struct gp__buf one = {.limit = 0};

        gp__buf_append(&one, GP_S("{"));
        member(&one, "to", recipient->address.text);
        member(&one, "route", recipient->route_name);
        if (recipient->given) {
            member(&one, "given", recipient->given->to.text);
            member(&one, "orcpt", recipient->given->orcpt);
            member(&one, "notify", recipient->given->notify_text);
        }
        member(&one, "marked_by",
               recipient->marked_by ? recipient->marked_by->id : gp_slice(NULL, 0));
        if (recipient->stop)
            member(&one, "refused_by",
                   recipient->stop->by ? recipient->stop->by->id : GP_S("core"));
        gp__buf_append(&one, GP_S("}"));
        if (i)
            gp__buf_append(out, GP_S(","));
        gp__buf_append(out, gp__buf_slice(&one));
        gp__buf_free(&one);
    }
    gp__buf_append(out, GP_S("]}\n"));
}

struct gp_slice gp_delivery_json(struct gp_call *call, const struct gp_delivery *delivery)
{
    const struct gp_transaction *tx = delivery->policy->transaction;
    struct gp_session *session = tx->session;
    struct gp__buf out = {.limit = 0};
    struct gp_slice text;
    char date[48];

    gp__buf_append(&out, GP_S("{"));
    member(&out, "id", delivery->id);
    member(&out, "transaction", gp__transaction_id(tx));
    member(&out, "received", gp__date_rfc3339(call->runtime->ops->wall_ms(call->runtime), date));
    member(&out, "bucket", delivery->bucket);
    member(&out, "listener", session->listener);
    if (session->client_ip.family)
        member(&out, "client", gp_slice_of(session->client_ip_text));
    member(&out, "helo", gp__session_helo(session));
    member(&out, "user", session->auth_user);
    member(&out, "tls", session->tls_version);
    member(&out, "sender", gp_delivery_sender(delivery));
    member(&out, "sender_given", tx->mail.from.text);
    recipients_json(&out, delivery);
    text = gp__arena_dup(gp__call_arena(call), gp__buf_slice(&out));
    gp__buf_free(&out);
    return text;
}
