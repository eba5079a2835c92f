// SPDX-License-Identifier: Apache-2.0
/*
 * What a sender is told of deliveries that were direct, by a notification that is kept in the same
 * commit as the rest. `mixed_reject: bounce`: a filter or target refused some recipients of a message
 * that was taken for others; where nobody may be told (semantics B8), or wants to be, their copy is
 * held. NOTIFY=SUCCESS: a target delivered (RFC 3461 5.2.2), and who has it now does not tell.
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

static struct gp__dsn_recipient describe(const struct gp_recipient *recipient,
                                         enum gp__dsn_action action)
{
    return (struct gp__dsn_recipient){
        .final = recipient->address.text,
        .orcpt = recipient->given->orcpt,
        .action = action,
        .reply = recipient->stop ? recipient->stop->reply : recipient->reply,
        .remote = recipient->stop ? gp_slice(NULL, 0) : recipient->remote,
    };
}

/* Those that are told of. Their number. */
static size_t choose_bounced(struct gp__policy *policy, enum gp__bounce right,
                             struct gp__dsn_recipient *list)
{
    size_t n = 0;

    for (size_t i = 0; i < policy->n_recipients; i++) {
        struct gp_recipient *recipient = policy->recipients[i];

        if (!is_bounced(recipient))
            continue;
        if (may_tell(recipient, right))
            list[n++] = describe(recipient, GP__DSN_FAILED);
        else
            recipient->fate = GP__FATE_HELD;
    }
    return n;
}

static bool is_confirmed(const struct gp_recipient *recipient)
{
    return recipient->accepted && !recipient->replaced && !recipient->added &&
           recipient->fate == GP__FATE_DELIVERED && !recipient->passed &&
           recipient->given->notify & GP__NOTIFY_SUCCESS;
}

static size_t choose_confirmed(const struct gp__policy *policy, enum gp__bounce right,
                               struct gp__dsn_recipient *list)
{
    size_t n = 0;

    for (size_t i = 0; right == GP__BOUNCE_ALLOWED && i < policy->n_recipients; i++)
        if (is_confirmed(policy->recipients[i]))
            list[n++] = describe(policy->recipients[i], policy->recipients[i]->relayed
                                                            ? GP__DSN_RELAYED
                                                            : GP__DSN_DELIVERED);
    return n;
}

static bool is_any(const struct gp__policy *policy,
                   bool (*is)(const struct gp_recipient *recipient))
{
    for (size_t i = 0; i < policy->n_recipients; i++)
        if (is(policy->recipients[i]))
            return true;
    return false;
}

static int write_dsn(const struct gp__client *client, struct gp__policy *policy,
                     const struct gp__dsn_recipient *list, const struct gp__notice *notice,
                     struct gp__buf *out, struct gp__entry *entry)
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
        .kind = notice->kind,
        .recipients = list,
        .n_recipients = notice->n,
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

int gp__client_notice(struct gp__client *client, struct gp__policy *policy,
                      enum gp__dsn_action kind, struct gp__notice *notice_r)
{
    struct gp__arena *arena = policy->transaction->arena;
    enum gp__bounce right;
    struct gp__dsn_recipient *list;
    struct gp__entry *entry;
    struct gp__buf out = {.limit = 0};
    int result;

    *notice_r = (struct gp__notice){.kind = kind};
    if (!is_any(policy, kind == GP__DSN_FAILED ? is_bounced : is_confirmed))
        return 0;
    right = gp__bounce_right(policy, client->entrance->bounce_to);
    list = GP__ARENA_ARRAY(arena, struct gp__dsn_recipient, policy->n_recipients);
    notice_r->n = kind == GP__DSN_FAILED ? choose_bounced(policy, right, list)
                                         : choose_confirmed(policy, right, list);
    if (notice_r->n == 0)
        return 0;
    entry = GP__ARENA_NEW(arena, struct gp__entry);
    entry->id = GP__ARENA_JOIN(arena, gp__transaction_id(policy->transaction),
                               kind == GP__DSN_FAILED ? GP_S("-r") : GP_S("-d"));
    entry->parent = gp__transaction_id(policy->transaction);
    entry->received_ms = client->runtime->ops->wall_ms(client->runtime);
    entry->sender_given = GP_S("");
    result = write_dsn(client, policy, list, notice_r, &out, entry);
    entry->base = gp__arena_dup(arena, gp__buf_slice(&out));
    gp__buf_free(&out);
    if (result < 0)
        return -1;
    fill_entry(entry, policy);
    notice_r->entry = entry;
    return 0;
}

void gp__client_noticed(const struct gp__client *client, const struct gp__policy *policy,
                        const struct gp__notice *notice, int error)
{
    const struct gp__entry *entry = notice->entry;

    if (error) {
        gp__log(client->runtime->log, GP_LOG_ERROR, "bounce.failed",
                GP__F_S("message", gp__transaction_id(policy->transaction)),
                GP__F_C("error", gp_strerror(error)));
    } else if (entry) {
        GP__COUNT(bounces);
        gp__log(client->runtime->log, GP_LOG_INFO, "bounce", GP__F_S("message", entry->id),
                GP__F_S("parent", entry->parent),
                GP__F_C("kind", gp__dsn_action_name(notice->kind)),
                GP__F_S("recipient", policy->sender.text), GP__F_I("recipients", notice->n));
    }
}
