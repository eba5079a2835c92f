// SPDX-License-Identifier: Apache-2.0
/*
 * `mixed_reject: bounce`: a filter or target refused some recipients of a message that was taken for
 * others. Their sender is told so by a notification that is kept in the same commit; where nobody
 * may be told (semantics B8), or wants to be, their copy is held.
 */
#include "core/base/counts.h"
#include "core/base/log.h"
#include "core/delivery/dsn.h"
#include "core/delivery/spooled.h"
#include "core/server/client.h"

#define RETURN_MAX ((uint64_t)1 << 20) /* of an original that comes back whole */

static bool is_bounced(const struct gp_recipient *recipient)
{
    return recipient->accepted && !recipient->replaced && recipient->fate == GP__FATE_BOUNCED;
}

/* False: it is held instead. */
static bool may_tell(const struct gp_recipient *recipient, enum gp__bounce right)
{
    return right == GP__BOUNCE_ALLOWED && !recipient->added &&
           (recipient->given->notify == 0 || recipient->given->notify & GP__NOTIFY_FAILURE);
}

/* Those that are told of. Their number. */
static size_t choose(struct gp__policy *policy, unsigned bounce_to, struct gp__dsn_recipient *list)
{
    enum gp__bounce right = gp__bounce_right(policy, bounce_to);
    size_t n = 0;

    for (size_t i = 0; i < policy->n_recipients; i++) {
        struct gp_recipient *recipient = policy->recipients[i];

        if (!is_bounced(recipient))
            continue;
        if (!may_tell(recipient, right)) {
            recipient->fate = GP__FATE_HELD;
            continue;
        }
        list[n++] = (struct gp__dsn_recipient){
            .final = recipient->address.text,
            .orcpt = recipient->given->orcpt,
            .action = GP__DSN_FAILED,
            .reply = recipient->stop ? recipient->stop->reply : recipient->reply,
            .remote = recipient->stop ? gp_slice(NULL, 0) : recipient->remote,
        };
    }
    return n;
}

static int write_dsn(const struct gp__client *client, struct gp__policy *policy,
                     const struct gp__dsn_recipient *list, size_t n, struct gp__buf *out,
                     struct gp__entry *entry)
{
    const struct gp_transaction *transaction = policy->transaction;
    struct gp_slice *content;
    struct gp__dsn_needs needs;
    struct gp__dsn dsn = {
        .id = entry->id,
        .hostname = client->session->hostname,
        .from = {NULL, 0},
        .to = policy->sender.text,
        .now_ms = entry->received_ms,
        .original_id = gp__transaction_id(transaction),
        .envid = transaction->mail.envid,
        .helo = gp__session_helo(client->session),
        .arrival_ms = entry->received_ms,
        .smtputf8 = transaction->mail.smtputf8,
        .ret = transaction->mail.ret,
        .return_max = RETURN_MAX,
        .kind = GP__DSN_FAILED,
        .recipients = list,
        .n_recipients = n,
    };

    dsn.n_content = gp__message_pieces(policy->message, transaction->arena, &content);
    dsn.content = content;
    if (gp__dsn_write(&dsn, out, &needs) < 0)
        return -1;
    entry->smtputf8 = needs.smtputf8;
    entry->eight_bit = needs.eight_bit;
    return 0;
}

/* Our own message, with the null reverse-path, to be routed like any other. */
static void fill_entry(struct gp__entry *entry, struct gp__policy *policy)
{
    struct gp__arena *arena = policy->transaction->arena;
    struct gp__entry_copy *copy = GP__ARENA_NEW(arena, struct gp__entry_copy);
    struct gp__entry_piece *piece = GP__ARENA_NEW(arena, struct gp__entry_piece);
    struct gp__entry_recipient *recipient = GP__ARENA_NEW(arena, struct gp__entry_recipient);

    *piece = (struct gp__entry_piece){.bytes = {NULL, 0}, .len = entry->base.len};
    *copy = (struct gp__entry_copy){.id = GP__ARENA_JOIN(arena, entry->id, GP_S(".a")),
                                    .sender = GP_S(""),
                                    .pieces = piece,
                                    .n_pieces = 1,
                                    .size = entry->base.len,
                                    .eight_bit = entry->eight_bit,
                                    .utf8_headers = entry->smtputf8};
    *recipient = (struct gp__entry_recipient){.address = policy->sender.text,
                                              .given = policy->sender.text,
                                              .orcpt = {NULL, 0},
                                              .notify = GP_S("NEVER"),
                                              .route = {NULL, 0},
                                              .bucket = {NULL, 0}};
    entry->base_size = entry->base.len;
    entry->copies = copy;
    entry->n_copies = 1;
    entry->recipients = recipient;
    entry->n_recipients = 1;
}

int gp__client_bounce(struct gp__client *client, struct gp__policy *policy,
                      const struct gp__entry **entry_r)
{
    struct gp__arena *arena = policy->transaction->arena;
    struct gp__dsn_recipient *list = GP__ARENA_ARRAY(arena, struct gp__dsn_recipient,
                                                     policy->n_recipients);
    size_t n = choose(policy, client->entrance->bounce_to, list);
    struct gp__entry *entry = GP__ARENA_NEW(arena, struct gp__entry);
    struct gp__buf out = {.limit = 0};
    int result = 0;

    *entry_r = NULL;
    if (n == 0)
        return 0;
    entry->id = GP__ARENA_JOIN(arena, gp__transaction_id(policy->transaction), GP_S("-r"));
    entry->parent = gp__transaction_id(policy->transaction);
    entry->received_ms = client->runtime->ops->wall_ms(client->runtime);
    entry->sender_given = GP_S("");
    result = write_dsn(client, policy, list, n, &out, entry);
    entry->base = gp__arena_dup(arena, gp__buf_slice(&out));
    gp__buf_free(&out);
    if (result < 0)
        return -1;
    fill_entry(entry, policy);
    *entry_r = entry;
    return 0;
}

void gp__client_bounced(const struct gp__client *client, const struct gp__policy *policy,
                        const struct gp__entry *entry)
{
    size_t n = 0;

    for (size_t i = 0; i < policy->n_recipients; i++)
        n += is_bounced(policy->recipients[i]);
    GP__COUNT(bounces);
    gp__log(client->runtime->log, GP_LOG_INFO, "bounce", GP__F_S("message", entry->id),
            GP__F_S("parent", entry->parent), GP__F_C("kind", gp__dsn_action_name(GP__DSN_FAILED)),
            GP__F_S("recipient", policy->sender.text), GP__F_I("recipients", n));
}
