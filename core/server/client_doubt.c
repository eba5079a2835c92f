// SPDX-License-Identifier: Apache-2.0
/*
 * The doubt window (semantics B7): a message was taken, and the client broke off before its 250 can
 * have reached it. It will send the same again (RFC 1047): within an hour it then gets the same 250,
 * and nothing is kept a second time.
 */
#include "core/base/counts.h"
#include "core/base/crc32c.h"
#include "core/base/hash.h"
#include "core/base/log.h"
#include "core/server/client_answer.h"
#include "core/server/client_milter.h"
#include "core/server/server.h"

#define HEAD ((uint64_t)1 << 10) /* most Message-ID and Date fields are in it */
#define ENVELOPE_KEY 0x646f756274u

static bool is_on(const struct gp__client *client)
{
    return client->server->doubts && client->entrance->dedupe && !gp__client_is_mta(client);
}

/* Of every byte: a 250 is never given for another message. */
static uint64_t content_mark(const struct gp__content *content)
{
    uint64_t size = gp__content_size(content);

    return size << 32 | gp__crc32c(0, gp__content_at(content, 0, size));
}

static void add_text(struct gp__buf *out, struct gp_slice text)
{
    gp__buf_append(out, text);
    gp__buf_append(out, GP_S("\n"));
}

/* Who, from where, to whom: a client comes again from its network, not always from its address. With
 * the beginning of the message, for which 32 bits would be few. */
static uint64_t envelope_mark(struct gp__client *client, const struct gp__policy *policy)
{
    const struct gp_session *session = client->session;
    struct gp__buf *out = gp__server_scratch(client->server);
    uint64_t size = gp__content_size(policy->content);
    struct gp__network network;
    char ip[48];

    gp__buf_clear(out);
    if (session->client_ip.family) {
        network = gp__network_of(&session->client_ip, session->client_ip.family == 4 ? 24 : 64);
        add_text(out, gp__ip_format(&network.ip, ip));
    }
    add_text(out, session->listener);
    add_text(out, session->auth_user);
    add_text(out, policy->transaction->mail.from.text);
    for (size_t i = 0; i < policy->n_recipients; i++)
        if (policy->recipients[i]->accepted && !policy->recipients[i]->added)
            add_text(out, policy->recipients[i]->given->to.text);
    gp__buf_append(out, gp__content_at(policy->content, 0, size < HEAD ? size : HEAD));
    return gp__hash_fixed(gp__buf_slice(out), ENVELOPE_KEY);
}

static struct gp__doubt_mark mark_of(struct gp__client *client, const struct gp__policy *policy)
{
    return (struct gp__doubt_mark){.content = content_mark(policy->content),
                                   .envelope = envelope_mark(client, policy)};
}

static int64_t wall_ms(const struct gp__client *client)
{
    return client->runtime->ops->wall_ms(client->runtime);
}

bool gp__client_known(struct gp__client *client, struct gp__policy *policy)
{
    struct gp__arena *arena = policy->transaction->arena;
    struct gp__doubt_mark mark;
    struct gp_slice id;
    bool any;

    if (!is_on(client))
        return false;
    any = gp__doubts_any(client->server->doubts, wall_ms(client), !client->doubt.looked);
    client->doubt.looked = true;
    if (!any)
        return false;
    mark = mark_of(client, policy);
    id = gp__doubts_find(client->server->doubts, &mark, wall_ms(client));
    if (!gp_slice_present(id))
        return false;
    id = gp__arena_dup(arena, id);
    gp__answer_again(client, policy, id);
    GP__COUNT(messages_again);
    gp__log(client->runtime->log, GP_LOG_NOTICE, "message.again",
            GP__F_S("transaction", gp__transaction_id(policy->transaction)), GP__F_S("as", id),
            GP__F_S("sender", policy->sender.text));
    client->doubt.mark = mark; /* it may break off again */
    memcpy(client->doubt.id, id.data, id.len);
    client->doubt.id_len = id.len;
    return true;
}

/* With a reply for each recipient it is only remembered when all are good. */
struct gp_slice gp__client_fingerprint(struct gp__client *client, struct gp__policy *policy)
{
    char *bytes = gp__arena_bytes(policy->transaction->arena, GP__FINGERPRINT_LEN);

    if (!is_on(client))
        return gp_slice(NULL, 0);
    for (size_t i = 0; i < policy->n_recipients; i++)
        if (policy->recipients[i]->fate == GP__FATE_DEFERRED ||
            policy->recipients[i]->fate == GP__FATE_REJECTED)
            return gp_slice(NULL, 0);
    client->doubt.next = mark_of(client, policy);
    client->doubt.next_made = true;
    gp__doubt_fingerprint(&client->doubt.next, bytes);
    return gp_slice(bytes, GP__FINGERPRINT_LEN);
}

/* The same here. */
void gp__client_doubt(struct gp__client *client, struct gp__policy *policy)
{
    struct gp_slice id = gp__transaction_id(policy->transaction);

    if (!is_on(client) || id.len > sizeof client->doubt.id)
        return;
    for (size_t i = 0; i < client->answer.n_replies; i++)
        if (client->answer.replies[i].code >= 400)
            return;
    client->doubt.mark = client->doubt.next_made ? client->doubt.next : mark_of(client, policy);
    client->doubt.next_made = false;
    memcpy(client->doubt.id, id.data, id.len);
    client->doubt.id_len = id.len;
}

void gp__client_doubt_end(struct gp__client *client)
{
    struct gp_slice id = gp_slice(client->doubt.id, client->doubt.id_len);

    if (!client->doubt.id_len || !(client->doubt.broke || client->doubt.unheard))
        return;
    GP__COUNT(doubts);
    gp__doubts_add(client->server->doubts, &client->doubt.mark, id, wall_ms(client));
    gp__log(client->runtime->log, GP_LOG_NOTICE, "message.doubt",
            GP__F_S("session", gp__session_id(client->session)), GP__F_S("transaction", id));
    client->doubt.id_len = 0;
}
