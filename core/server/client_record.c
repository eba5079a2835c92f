// SPDX-License-Identifier: Apache-2.0
/*
 * The one record of a message: who, what, how large, what became of each recipient and why, what
 * each instance said and how long it took. Everything about a message is on this line; lines of
 * single events only say more.
 */
#include "core/base/log.h"
#include "core/hook/trail.h"
#include "core/server/client.h"
#include "core/server/server.h"
#include "core/smtp/macros.h"

/* What XFORWARD said: its purpose is this line. */
static struct gp_slice forwarded(const struct gp_transaction *transaction, enum gp__attribute which)
{
    if (!transaction->forwarded || !gp__attribute_known(&transaction->forwarded->attributes, which))
        return gp_slice(NULL, 0);
    return transaction->forwarded->attributes.values[which];
}

static void text_member(struct gp__buf *out, struct gp_slice key, struct gp_slice value)
{
    if (!gp_slice_present(value))
        return;
    gp__buf_append(out, key);
    gp__json_string(out, value);
}

static void reply_member(struct gp__buf *out, const struct gp__reply *reply)
{
    if (!reply->code)
        return;
    gp__buf_printf(out, ",\"reply\":%u", reply->code);
    text_member(out, GP_S(",\"text\":"), reply->text);
}

static void recipient(struct gp__buf *out, const struct gp_recipient *to)
{
    text_member(out, GP_S("{\"to\":"), to->address.text);
    if (!gp_slice_eq(to->address.text, to->given->to.text))
        text_member(out, GP_S(",\"given\":"), to->given->to.text);
    text_member(out, GP_S(",\"route\":"), to->route_name);
    text_member(out, GP_S(",\"fate\":"), gp_slice_of(gp__fate_name(to->fate)));
    text_member(out, GP_S(",\"bucket\":"), to->bucket);
    if (to->marked_by)
        text_member(out, GP_S(",\"marked_by\":"), to->marked_by->id);
    if (to->stop) {
        text_member(out, GP_S(",\"by\":"), to->stop->by ? to->stop->by->id : GP_S("core"));
        text_member(out, GP_S(",\"at\":"), gp_slice_of(gp__points[to->stop->at].name));
        text_member(out, GP_S(",\"reason\":"), to->stop->reason);
        reply_member(out, &to->stop->reply);
    } else {
        reply_member(out, &to->reply);
        text_member(out, GP_S(",\"remote\":"), to->remote);
    }
    gp__buf_append(out, GP_S("}"));
}

static void recipients(struct gp__buf *out, const struct gp__policy *policy)
{
    size_t n = 0;

    gp__buf_append(out, GP_S("["));
    for (size_t i = 0; i < policy->n_recipients; i++) {
        if (!policy->recipients[i]->accepted || policy->recipients[i]->replaced)
            continue;
        if (n++)
            gp__buf_append(out, GP_S(","));
        recipient(out, policy->recipients[i]);
    }
    gp__buf_append(out, GP_S("]"));
}

static void fields(struct gp__buf *out, const struct gp__record_field *session,
                   const struct gp__record_field *transaction)
{
    const struct gp__record_field *lists[2] = {session, transaction};
    size_t n = 0;

    gp__buf_append(out, GP_S("{"));
    for (size_t i = 0; i < 2; i++) {
        for (const struct gp__record_field *field = lists[i]; field; field = field->next) {
            gp__buf_append(out, n++ ? GP_S(",\"") : GP_S("\""));
            gp__buf_append(out, field->by->id);
            gp__buf_append(out, GP_S("."));
            gp__buf_append(out, field->key);
            gp__buf_append(out, GP_S("\":"));
            gp__json_string(out, field->value);
        }
    }
    gp__buf_append(out, GP_S("}"));
}

/* Under which an MTA that asks us has the message. */
static struct gp_slice queue_id(const struct gp_session *session)
{
    return session->macros ? gp__macros_get(session->macros, GP_S("i")) : gp_slice(NULL, 0);
}

/* The three parts share a buffer; offsets become slices only when it no longer moves. */
void gp__client_record(struct gp__client *client, struct gp__policy *policy,
                       const struct gp__reply *reply)
{
    struct gp__log *log = client->runtime->log;
    const struct gp_transaction *transaction = policy->transaction;
    struct gp__buf *out = gp__server_scratch(client->server);
    bool any_field = policy->fields || policy->session->fields;
    size_t first, second;
    struct gp_slice all;

    if (!log || log->level < GP_LOG_INFO)
        return;
    gp__buf_clear(out);
    recipients(out, policy);
    first = out->len;
    gp__verdicts_json(out, policy);
    second = out->len;
    if (any_field)
        fields(out, policy->session->fields, policy->fields);
    all = gp__buf_slice(out);
    gp__log(
        log, GP_LOG_INFO, "message", GP__F_S("id", gp__transaction_id(transaction)),
        GP__F_S("queue_id", queue_id(client->session)),
        GP__F_S("listener", client->session->listener),
        GP__F_C("client", client->session->client_ip_text),
        GP__F_S("helo", gp__session_helo(client->session)),
        GP__F_S("tls", client->session->tls_version), GP__F_S("user", client->session->auth_user),
        GP__F_S("forwarded_ip", forwarded(transaction, GP__ATTRIBUTE_ADDR)),
        GP__F_S("forwarded_name", forwarded(transaction, GP__ATTRIBUTE_NAME)),
        GP__F_S("forwarded_id", forwarded(transaction, GP__ATTRIBUTE_IDENT)),
        GP__F_S("sender", policy->sender.text), GP__F_I("size", transaction->received_bytes),
        GP__F_I("reply", reply->code), GP__F_S("text", reply->text),
        GP__F_RAW("recipients", gp_slice_sub(all, 0, first)),
        GP__F_RAW("verdicts", gp_slice_sub(all, first, second - first)),
        GP__F_RAW("fields", any_field ? gp_slice_sub(all, second, all.len) : gp_slice(NULL, 0)));
}

void gp__client_record_session(struct gp__client *client)
{
    const struct gp__smtp_counts *counts = gp__smtp_counts(client->smtp);
    const struct gp__session_policy *policy = client->session->policy;
    struct gp__log *log = client->runtime->log;
    struct gp__buf *out = gp__server_scratch(client->server);

    if (!log || log->level < GP_LOG_INFO)
        return;
    gp__buf_clear(out);
    if (policy->fields)
        fields(out, policy->fields, NULL);
    gp__log(log, GP_LOG_INFO, "session.close", GP__F_S("session", gp__session_id(client->session)),
            GP__F_S("helo", gp__session_helo(client->session)),
            GP__F_S("tls", client->session->tls_version),
            GP__F_S("cipher", client->session->tls_cipher),
            GP__F_S("server_name", client->session->tls_server_name),
            GP__F_S("client_name", client->session->tls_client_name),
            GP__F_I("commands", counts->commands), GP__F_I("errors", counts->errors),
            GP__F_I("messages", counts->messages), GP__F_I("bytes", counts->bytes_in),
            GP__F_RAW("injected", counts->injected ? GP_S("true") : gp_slice(NULL, 0)),
            GP__F_RAW("fields", policy->fields ? gp__buf_slice(out) : gp_slice(NULL, 0)));
}
