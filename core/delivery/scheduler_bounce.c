// SPDX-License-Identifier: Apache-2.0
/*
 * Notifications: made as an entry of the spool with the null reverse-path, which is routed like any
 * other mail. It is durable before what it tells of is finished, and its id is made of that of the
 * message: one that a crash makes us write twice is found out by it.
 */
#include "core/delivery/scheduler_internal.h"

#include "core/base/alloc.h"
#include "core/base/counts.h"
#include "core/smtp/parameter.h"

#include <stdio.h>

#define RETURN_MAX ((uint64_t)1 << 20) /* of an original that comes back whole */
#define AGAIN_MS 60000u                /* after a notification could not be written */
#define PARENT_MAX 48u

/* One that is being written. */
struct notice {
    struct gp__scheduler *s;
    enum gp__dsn_action action;
    struct gp__group *group; /* LOOSE, finished afterwards; NULL: not of a failure */
    struct gp__mark mark;    /* DELAYED: to be noted afterwards */
    struct gp__arena *arena; /* of all that the entry points into */
    struct gp__buf bytes;
    struct gp__entry entry;
    struct gp__entry_copy copy;
    struct gp__entry_piece piece;
    struct gp__entry_recipient recipient;
};

/* ---- whether ---- */

static unsigned notify_of(const struct gp__entry_recipient *recipient)
{
    unsigned flags = 0;

    return gp_slice_present(recipient->notify) && gp__notify_parse(recipient->notify, &flags) == 0
               ? flags
               : 0;
}

static enum gp__dsn_answer wanted(const struct gp__entry *entry,
                                  const struct gp__entry_recipient *recipient,
                                  enum gp__dsn_action action)
{
    struct gp__dsn_question question = {
        .action = action,
        .sender = entry->copies[recipient->copy].sender,
        .notify = notify_of(recipient),
        .authenticated = entry->user.len > 0,
        .vouched = entry->bounce == GP__BOUNCE_ALLOWED,
    };

    return gp__dsn_wanted(&question);
}

/* The recipients of a group of which the answer is that. */
static uint64_t wanted_bits(const struct gp__entry *entry, const struct gp__group *group,
                            enum gp__dsn_action action, enum gp__dsn_answer answer)
{
    uint64_t bits = 0;

    GP__EACH_RECIPIENT(group, i)
    if (wanted(entry, &entry->recipients[group->first + i], action) == answer)
        bits |= (uint64_t)1 << i;
    return bits;
}

/* ---- making one ---- */

/* The same for the same news about the same recipients. */
static struct gp_slice make_id(struct gp__arena *arena, struct gp_slice parent,
                               enum gp__dsn_action action, uint32_t index)
{
    static const char letters[GP__DSN_ACTION_COUNT] = {'f', 'd', 's', 's', 's'};

    if (parent.len > PARENT_MAX)
        return gp__arena_printf(arena, "%016llx-%c%u", (unsigned long long)gp__mark_id(parent),
                                letters[action], index);
    return gp__arena_printf(arena, GP_FMT "-%c%u", GP_ARG(parent), letters[action], index);
}

/* Why what nobody answered to comes back. */
static struct gp__reply own_reason(struct gp__scheduler *s, const struct gp__group *group)
{
    uint64_t end = gp__queue_expires_at(s->queue, group);

    if (group->bucket)
        return GP__REPLY(554, 5, 7, 1, "It was held for review, and is not delivered");
    if (gp__scheduler_now(s) < end)
        return GP__REPLY(554, 5, 7, 1, "It was returned by an operator");
    return GP__REPLY(554, 5, 4, 7, "It could not be delivered in time");
}

static struct gp__dsn_recipient describe(struct gp__scheduler *s, const struct gp__group *group,
                                         const struct gp__entry *entry,
                                         const struct gp__attempt_result *result, uint32_t i,
                                         enum gp__dsn_action action)
{
    const struct gp__entry_recipient *recipient = &entry->recipients[group->first + i];
    struct gp__dsn_recipient described = {
        .final = recipient->address, .orcpt = recipient->orcpt, .action = action};

    if (result) {
        described.reply = result->reply;
        described.remote = result->remote;
    } else {
        described.reply = gp__queue_reply(s->queue, group, &described.remote);
    }
    if (action == GP__DSN_FAILED && described.reply.code == 0)
        described.reply = own_reason(s, group);
    if (action == GP__DSN_DELAYED)
        described.retry_until_ms = (int64_t)gp__queue_expires_at(s->queue, group);
    if (result || group->tries)
        described.last_attempt_ms = (int64_t)gp__scheduler_now(s);
    return described;
}

/* The content of a copy as its pieces have it. 0, or an error: it cannot be read. */
static int take_content(struct notice *notice, const struct gp__group *group, struct gp__dsn *dsn)
{
    struct gp__entry entry;
    int error = gp__spool_read(notice->s->spool, gp__queued_place(group->message), notice->arena,
                               &entry);
    const struct gp__entry_copy *copy;
    struct gp_slice *slices;

    if (error)
        return error;
    copy = &entry.copies[group->copy];
    slices = GP__ARENA_ARRAY(notice->arena, struct gp_slice, copy->n_pieces + 1);
    for (size_t i = 0; i < copy->n_pieces; i++) {
        const struct gp__entry_piece *piece = &copy->pieces[i];

        slices[i] = gp_slice_present(piece->bytes)
                        ? piece->bytes
                        : gp_slice_sub(entry.base, piece->offset, piece->len);
    }
    dsn->content = slices;
    dsn->n_content = copy->n_pieces;
    return 0;
}

static int write(struct notice *notice, const struct gp__group *group, uint64_t bits,
                 const struct gp__entry *entry, const struct gp__attempt_result *const *results)
{
    struct gp__scheduler *s = notice->s;
    const struct gp__entry_copy *copy = &entry->copies[group->copy];
    struct gp__dsn_recipient list[GP__GROUP_RECIPIENTS];
    struct gp__dsn_needs needs;
    struct gp__dsn dsn = {
        .id = notice->entry.id,
        .hostname = s->plan.hostname,
        .from = s->plan.daemon,
        .to = copy->sender,
        .now_ms = s->runtime->ops->wall_ms(s->runtime),
        .original_id = entry->id,
        .envid = entry->envid,
        .helo = entry->helo,
        .arrival_ms = entry->received_ms,
        .smtputf8 = entry->smtputf8,
        .ret = (enum gp__dsn_ret)entry->ret,
        .return_max = RETURN_MAX,
        .kind = notice->action,
        .recipients = list,
        .text = &s->texts[notice->action],
    };

    for (uint32_t i = 0; i < GP__GROUP_RECIPIENTS; i++)
        if (bits >> i & 1)
            list[dsn.n_recipients++] = describe(s, group, entry, results ? results[i] : NULL, i,
                                                notice->action);
    if (take_content(notice, group, &dsn) < 0 || gp__dsn_write(&dsn, &notice->bytes, &needs) < 0)
        return -1;
    notice->copy.eight_bit = needs.eight_bit;
    notice->copy.utf8_headers = needs.smtputf8;
    notice->entry.smtputf8 = needs.smtputf8;
    notice->entry.eight_bit = needs.eight_bit;
    return 0;
}

static void fill_entry(struct notice *notice, const struct gp__entry *parent,
                       struct gp_slice sender)
{
    notice->recipient = (struct gp__entry_recipient){
        .address = gp__arena_dup(notice->arena, sender), .notify = GP_S("NEVER")};
    notice->recipient.given = notice->recipient.address;
    notice->entry.parent = gp__arena_dup(notice->arena, parent->id);
    notice->entry.received_ms = notice->s->runtime->ops->wall_ms(notice->s->runtime);
    notice->entry.draft_depth = parent->draft_depth;
    notice->entry.sender_given = GP_S("");
    notice->entry.base = gp__buf_slice(&notice->bytes);
    notice->entry.base_size = notice->bytes.len;
    notice->piece = (struct gp__entry_piece){.len = notice->bytes.len};
    notice->copy.id = gp__arena_printf(notice->arena, GP_FMT ".a", GP_ARG(notice->entry.id));
    notice->copy.sender = GP_S("");
    notice->copy.pieces = &notice->piece;
    notice->copy.n_pieces = 1;
    notice->copy.size = notice->bytes.len;
    notice->entry.copies = &notice->copy;
    notice->entry.n_copies = 1;
    notice->entry.recipients = &notice->recipient;
    notice->entry.n_recipients = 1;
}

static void free_notice(struct notice *notice)
{
    gp__arena_free(&notice->arena);
    gp__buf_free(&notice->bytes);
    gp__free(notice);
}

/* It could not be written: what it tells of is not finished either. */
static void try_later(struct gp__scheduler *s, struct gp__group *group)
{
    uint64_t now = gp__scheduler_now(s);

    gp__queue_wait(s->queue, group, now + AGAIN_MS, now);
}

static void on_written(void *arg, int error, const struct gp__place *places)
{
    struct notice *notice = arg;
    struct gp__scheduler *s = notice->s;

    (void)places; /* it is found like any other */
    s->n_writing--;
    if (error)
        gp__log(s->log, GP_LOG_ERROR, "bounce.failed", GP__F_S("message", notice->entry.parent),
                GP__F_C("error", gp_strerror(error)));
    if (notice->group && error)
        try_later(s, notice->group);
    else if (notice->group)
        gp__scheduler_finish(s, notice->group);
    else if (notice->action == GP__DSN_DELAYED)
        gp__scheduler_note(s, &notice->mark, NULL, NULL);
    free_notice(notice);
    gp__scheduler_kick(s);
}

/* Writes a notification about these recipients of the group; `loose` is what it finishes. */
static void notify(struct gp__scheduler *s, enum gp__dsn_action action,
                   const struct gp__group *group, uint64_t bits, struct gp__group *loose,
                   const struct gp__entry *entry, const struct gp__attempt_result *const *results)
{
    struct notice *notice = gp__alloc(sizeof *notice);
    const struct gp__entry *written = &notice->entry;
    struct gp_slice sender = entry->copies[group->copy].sender;

    notice->s = s;
    notice->action = action;
    notice->group = loose;
    notice->mark = gp__scheduler_mark(GP__MARK_WARNED, group);
    notice->arena = gp__arena_create();
    notice->entry.id = make_id(notice->arena, entry->id, action,
                               group->first + (uint32_t)__builtin_ctzll(bits));
    s->n_writing++;
    if (write(notice, group, bits, entry, results) < 0) {
        on_written(notice, GP_EINVAL, NULL);
        return;
    }
    fill_entry(notice, entry, sender);
    GP__COUNT(bounces);
    gp__log(s->log, GP_LOG_INFO, "bounce", GP__F_S("message", notice->entry.id),
            GP__F_S("parent", entry->id), GP__F_C("kind", gp__dsn_action_name(action)),
            GP__F_S("recipient", sender), GP__F_I("recipients", __builtin_popcountll(bits)));
    gp__spool_commit_start(s->writer, &written, 1, on_written, notice);
}

/* ---- failures ---- */

/* What was answered stays with the mail: nobody else is told of it. */
static void remember(struct gp__scheduler *s, struct gp__group *group,
                     const struct gp__attempt_result *result)
{
    struct gp__queue_answer heard = {.reply = result->reply, .remote = result->remote};
    struct gp__mark mark = gp__scheduler_mark(GP__MARK_DEFERRED, group);
    uint64_t now = gp__scheduler_now(s);

    (void)gp__queue_tried(s->queue, group, &heard, now); /* it does not wait */
    mark.at_ms = now;
    mark.tries = group->tries;
    mark.reply = gp__queue_reply(s->queue, group, &mark.remote);
    gp__scheduler_note(s, &mark, NULL, NULL);
}

static void keep(struct gp__scheduler *s, struct gp__group *group, const struct gp__entry *entry,
                 const struct gp__attempt_result *const *results, const char *why)
{
    gp__log(s->log, GP_LOG_WARNING, "bounce.suppressed", GP__F_S("message", entry->id),
            GP__F_S("sender", entry->copies[group->copy].sender), GP__F_C("reason", why),
            GP__F_S("bucket", s->plan.bounce_bucket),
            GP__F_I("recipients", __builtin_popcountll(group->left)));
    if (s->plan.bounce_bucket.len && results)
        remember(s, group, results[__builtin_ctzll(group->left)]);
    if (s->plan.bounce_bucket.len)
        gp__scheduler_hold(s, group, s->plan.bounce_bucket);
    else
        gp__scheduler_finish(s, group);
}

void gp__scheduler_bounce(struct gp__scheduler *s, struct gp__group *group,
                          const struct gp__entry *entry,
                          const struct gp__attempt_result *const *results)
{
    uint64_t keeping = wanted_bits(entry, group, GP__DSN_FAILED, GP__DSN_KEEP);
    uint64_t sending = wanted_bits(entry, group, GP__DSN_FAILED, GP__DSN_SEND);
    struct gp__group *rest = group, *part = gp__queue_split(s->queue, rest, keeping);

    if (part == rest)
        rest = NULL;
    if (rest && sending == 0) {
        gp__scheduler_finish(s, rest);
    } else if (rest && !gp__dsn_rate_take(&s->rate, entry->copies[rest->copy].sender,
                                          gp__scheduler_now(s))) {
        keep(s, rest, entry, results, "too many to this address");
    } else if (rest) {
        notify(s, GP__DSN_FAILED, rest, sending, rest, entry, results);
    }
    if (part)
        keep(s, part, entry, results, "the sender is not known to be its author");
}

/* ---- deliveries and delays ---- */

void gp__scheduler_confirm(struct gp__scheduler *s, struct gp__group *group,
                           const struct gp__entry *entry,
                           const struct gp__attempt_result *const *results, bool relayed)
{
    enum gp__dsn_action action = relayed ? GP__DSN_RELAYED : GP__DSN_DELIVERED;
    uint64_t bits = wanted_bits(entry, group, action, GP__DSN_SEND);

    /* That it is not sent twice matters more than the news of it. */
    if (bits)
        notify(s, action, group, bits, NULL, entry, results);
    gp__scheduler_finish(s, group);
}

void gp__scheduler_warn(struct gp__scheduler *s, struct gp__group *group)
{
    struct gp__arena *arena = gp__arena_create();
    struct gp__mark mark = gp__scheduler_mark(GP__MARK_WARNED, group);
    struct gp__entry entry;
    uint64_t bits = 0;

    if (gp__scheduler_read(s, group->message, arena, &entry) == 0)
        bits = wanted_bits(&entry, group, GP__DSN_DELAYED, GP__DSN_SEND);
    if (bits)
        notify(s, GP__DSN_DELAYED, group, bits, NULL, &entry, NULL);
    else
        gp__scheduler_note(s, &mark, NULL, NULL);
    gp__arena_free(&arena);
}
