// SPDX-License-Identifier: Apache-2.0
/*
 * The end of a message for an MTA that asks us as its milter: what the chain has made of it becomes
 * changes, which the MTA makes, and its mail goes its own way. A milter speaks of a message as a
 * whole:
 *
 * - recipients that were dropped, or refused while others were not, are taken off; those that were
 *   rewritten or added are put on; when nobody is left the message is discarded;
 * - one that is to be held for anybody is held for all, in the MTA's quarantine;
 * - recipients can't have messages of their own: with more than one copy it is a 451.
 *
 * The changes are walked through twice: first to see which rights they need, then to make them.
 */
#include "core/server/client_milter.h"

#include "core/base/log.h"
#include "core/smtp/milter.h"

struct changes {
    struct gp__smtp *smtp;
    struct gp__policy *policy;
    const enum gp__disposal *disposals;
    const struct gp_copy *copy;
    struct gp_message *before, *after;
    unsigned needed; /* enum gp__milter_action */
    bool counting;   /* the first time */
};

/* Whether the change is to be made now. */
static bool needs(struct changes *changes, enum gp__milter_action action)
{
    changes->needed |= (unsigned)action;
    return !changes->counting;
}

/* ---- recipients ---- */

static bool is_wanted(const struct changes *changes, const struct gp_recipient *recipient)
{
    enum gp__disposal disposal = changes->disposals[recipient->index];

    return disposal != GP__DISPOSE_NONE && disposal != GP__DISPOSE_DROP;
}

static bool is_given(const struct gp__policy *policy, const struct gp__address *address)
{
    for (size_t i = 0; i < policy->n_recipients; i++) {
        const struct gp_recipient *each = policy->recipients[i];

        if (!each->added && gp__address_same(&each->given->to, address))
            return true;
    }
    return false;
}

static bool is_kept(const struct changes *changes, const struct gp__address *given)
{
    const struct gp__policy *policy = changes->policy;

    for (size_t i = 0; i < policy->n_recipients; i++)
        if (is_wanted(changes, policy->recipients[i]) &&
            gp__address_same(&policy->recipients[i]->address, given))
            return true;
    return false;
}

static void change_recipients(struct changes *changes)
{
    const struct gp__policy *policy = changes->policy;

    for (size_t i = 0; i < policy->n_recipients; i++) {
        const struct gp_recipient *each = policy->recipients[i];

        if (!each->added && !is_kept(changes, &each->given->to) &&
            needs(changes, GP__MILTER_DELETE_RCPT))
            gp__milter_rcpt_delete(changes->smtp, each->given->to.text);
        if (is_wanted(changes, each) && !is_given(policy, &each->address) &&
            needs(changes, GP__MILTER_ADD_RCPT))
            gp__milter_rcpt_add(changes->smtp, each->address.text);
    }
}

static void change_sender(struct changes *changes)
{
    const struct gp__policy *policy = changes->policy;
    const struct gp__address *sender = changes->copy->own_sender ? &changes->copy->sender
                                                                 : &policy->sender;

    if (!gp_slice_eq(sender->text, policy->transaction->mail.from.text) &&
        needs(changes, GP__MILTER_CHANGE_FROM))
        gp__milter_sender(changes->smtp, sender->text);
}

/* ---- fields ---- */

/* The field of this id, whatever its value is now; NULL: it was removed. */
static const struct gp_header *find(struct gp_message *message, uint64_t id)
{
    for (size_t i = 0; i < message->header_count; i++)
        if (message->headers[i]->id == id)
            return message->headers[i];
    return NULL;
}

static bool is_new(const struct changes *changes, const struct gp_header *header)
{
    return !find(changes->before, header->id);
}

/* How many of the name stand before it, itself included. */
static size_t number_of(struct gp_message *message, size_t index)
{
    struct gp_slice name = gp_header_name(message->headers[index]);
    size_t n = 0;

    for (size_t i = 0; i <= index; i++)
        n += gp_slice_caseeq(gp_header_name(message->headers[i]), name);
    return n;
}

/* From the last to the first: what was changed before leaves the numbers of the others alone. */
static void change_fields(struct changes *changes)
{
    struct gp_message *before = changes->before;

    for (size_t i = before->header_count; i-- > 0;) {
        const struct gp_header *old = before->headers[i], *now = find(changes->after, old->id);
        struct gp_slice value = now ? gp_header_raw(now) : GP_S("");

        if (now && gp_slice_eq(now->field, old->field))
            continue;
        if (needs(changes, GP__MILTER_CHANGE_HEADERS))
            gp__milter_header_change(changes->smtp, number_of(before, i), gp_header_name(old),
                                     value);
    }
}

/* New ones on top are put there from the last to the first; those at the end are added; where
 * others stand is counted with all fields that the message has then. */
static void insert_fields(struct changes *changes)
{
    struct gp_message *after = changes->after;
    size_t top = 0, bottom = after->header_count;

    while (top < bottom && is_new(changes, after->headers[top]))
        top++;
    while (bottom > top && is_new(changes, after->headers[bottom - 1]))
        bottom--;
    for (size_t i = top; i-- > 0;)
        if (needs(changes, GP__MILTER_ADD_HEADERS))
            gp__milter_header_insert(changes->smtp, 0, gp_header_name(after->headers[i]),
                                     gp_header_raw(after->headers[i]));
    for (size_t i = top; i < after->header_count; i++) {
        const struct gp_header *header = after->headers[i];

        if (!is_new(changes, header) || !needs(changes, GP__MILTER_ADD_HEADERS))
            continue;
        if (i < bottom)
            gp__milter_header_insert(changes->smtp, i, gp_header_name(header),
                                     gp_header_raw(header));
        else
            gp__milter_header_add(changes->smtp, gp_header_name(header), gp_header_raw(header));
    }
}

/* ---- the body ---- */

static void change_body(struct changes *changes)
{
    struct gp_message *after = changes->after;
    uint64_t skip = gp_message_size(after) - gp_body_size(after), cursor = 0;
    struct gp_slice piece;

    if (!after->has_table || !needs(changes, GP__MILTER_CHANGE_BODY))
        return;
    if (gp_body_size(after) == 0)
        gp__milter_body(changes->smtp, GP_S(""));
    while (piece = gp_message_next(after, &cursor), gp_slice_present(piece)) {
        size_t before = skip < piece.len ? (size_t)skip : piece.len;

        skip -= before;
        piece = gp_slice_sub(piece, before, piece.len);
        if (piece.len > 0)
            gp__milter_body(changes->smtp, piece);
    }
}

/* ---- holding ---- */

static const struct gp_recipient *whom_to_hold(const struct changes *changes)
{
    const struct gp__policy *policy = changes->policy;

    for (size_t i = 0; i < policy->n_recipients; i++) {
        enum gp__disposal disposal = changes->disposals[i];

        if (disposal == GP__DISPOSE_HOLD || disposal == GP__DISPOSE_BOUNCE)
            return policy->recipients[i];
    }
    return NULL;
}

static void hold(struct changes *changes)
{
    const struct gp_recipient *held = whom_to_hold(changes);
    struct gp_slice by, bucket;

    if (!held || !needs(changes, GP__MILTER_QUARANTINE))
        return;
    by = held->marked_by ? held->marked_by->id : GP_S("gatepost");
    bucket = gp_slice_present(held->bucket) ? held->bucket : GP_S("refused for some recipients");
    gp__milter_quarantine(changes->smtp,
                          gp__arena_printf(changes->policy->transaction->arena, GP_FMT ": " GP_FMT,
                                           GP_ARG(by), GP_ARG(bucket)));
}

/* ---- all of it ---- */

static void make(struct changes *changes)
{
    change_fields(changes);
    insert_fields(changes);
    change_body(changes);
    change_sender(changes);
    change_recipients(changes);
    hold(changes);
}

/* The copy that anybody is to get: 1, 0 nobody gets any, -1 there are several. */
static int only_copy(struct changes *changes)
{
    const struct gp__policy *policy = changes->policy;
    size_t n = 0;

    for (size_t i = 0; i < policy->n_copies; i++) {
        const struct gp_copy *copy = policy->copies[i];
        bool wanted = false;

        for (size_t j = 0; j < copy->n_recipients; j++)
            wanted |= is_wanted(changes, copy->recipients[j]);
        if (wanted && n++ == 0)
            changes->copy = copy;
    }
    return n > 1 ? -1 : (int)n;
}

static void set_fates(const struct changes *changes)
{
    const struct gp__policy *policy = changes->policy;
    bool held = whom_to_hold(changes) != NULL;

    for (size_t i = 0; i < policy->n_recipients; i++)
        policy->recipients[i]->fate = !is_wanted(changes, policy->recipients[i]) ? GP__FATE_DROPPED
                                      : held                                     ? GP__FATE_HELD
                                             : GP__FATE_DELIVERED;
}

/* What can't be said in this protocol, or not to this MTA. */
static void log_not_possible(const struct gp__client *client, const struct changes *changes,
                             unsigned missing)
{
    gp__log(client->runtime->log, GP_LOG_ERROR, "milter.not_possible",
            GP__F_S("transaction", gp__transaction_id(changes->policy->transaction)),
            GP__F_S("text", missing ? GP_S("the MTA does not allow a change that is needed")
                                    : GP_S("recipients can't get messages of their own")),
            GP__F_I("actions", missing));
}

static int make_drafts(struct gp__client *client, struct gp__policy *policy)
{
    struct gp__drafts drafts = {.count = 0};
    int result = gp__drafts_prepare(client, policy, &drafts);

    if (result == 0)
        result = gp__drafts_publish(client, &drafts);
    if (result < 0)
        (void)gp__drafts_revoke(client, &drafts);
    gp__drafts_done(&drafts);
    return result;
}

int gp__client_milter(struct gp__client *client, struct gp__policy *policy,
                      const enum gp__disposal *disposals)
{
    struct changes changes = {.smtp = client->smtp, .policy = policy, .disposals = disposals};
    int copies = only_copy(&changes);
    unsigned missing = 0;

    if (copies > 0) {
        changes.before = gp__message_create(policy->transaction->arena, policy->content);
        changes.after = changes.copy->message;
        changes.counting = true;
        make(&changes);
        missing = changes.needed & ~gp__milter_actions(client->smtp);
    }
    if (copies < 0 || missing) {
        log_not_possible(client, &changes, missing);
        return -1;
    }
    if (make_drafts(client, policy) < 0)
        return -1;
    changes.counting = false;
    if (copies > 0)
        make(&changes);
    else
        gp__milter_discard(client->smtp);
    set_fates(&changes);
    return 0;
}
