// SPDX-License-Identifier: Apache-2.0
/*
 * Notifications: made as an entry of the spool with the null reverse-path, which is routed like any
 * other mail. It is durable before what it tells of is finished, and its id is made of that of the
 * message and of whom it tells: one that a crash makes us write twice is found out by it.
 *
 * What is known of one message at about the same time is told together: its groups wait for each other
 * for a moment.
 */
#include "core/delivery/scheduler_internal.h"

#include "core/base/alloc.h"
#include "core/base/counts.h"

#include <string.h>

#define RETURN_MAX ((uint64_t)1 << 20) /* of an original that comes back whole */
#define AGAIN_MS 60000u                /* after a notification could not be written */
#define PARENT_MAX 46u                 /* of its id, as part of another that has 64 */
#define TOGETHER_MS 200u               /* that the first of them waits for others */
#define RECIPIENTS_MAX 1000u           /* that one tells of; about */
#define COLLECTED_MAX 1000u            /* that wait at a time */

/* A group that it tells of. */
struct part {
    struct gp__group *group; /* LOOSE, finished afterwards; NULL: not of a failure */
    struct gp__mark mark;    /* DELAYED: to be noted afterwards */
};

struct notice {
    struct gp__link link; /* by the message's id, while others may join */
    struct gp__scheduler *s;
    enum gp__dsn_action action;
    struct gp_slice parent; /* id of the message */
    struct gp__place place;
    uint32_t of_copy, first; /* first: the least index of a recipient */
    uint64_t whom;           /* a hash of them, in whatever order they came */
    struct part *parts;
    size_t n_parts, parts_cap;
    struct gp__dsn_recipient *list;
    size_t n_list, list_cap;
    struct gp__arena *arena; /* of texts, and of all that the entry points into */
    struct gp__buf bytes;
    struct gp__entry entry;
    struct gp__entry_copy copy;
    struct gp__entry_piece piece;
    struct gp__entry_recipient recipient;
};

/* ---- whom it tells of ---- */

/* Why what nobody answered to comes back. */
static struct gp__reply own_reason(struct gp__scheduler *s, const struct gp__group *group)
{
    uint64_t end = group->message->arrived_ms + gp__queue_policy(s->queue, group)->expire_ms;

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

/* Texts are kept: what they were in may be gone when it is written. */
static void add_recipient(struct notice *notice, struct gp__dsn_recipient described)
{
    described.final = gp__arena_dup(notice->arena, described.final);
    described.orcpt = gp__arena_dup(notice->arena, described.orcpt);
    described.remote = gp__arena_dup(notice->arena, described.remote);
    described.reply.text = gp__arena_dup(notice->arena, described.reply.text);
    GP__GROW(notice->list, notice->list_cap, notice->n_list + 1);
    notice->list[notice->n_list++] = described;
}

static void add_group(struct notice *notice, const struct gp__group *group, uint64_t bits,
                      struct gp__group *loose, const struct gp__entry *entry,
                      const struct gp__attempt_result *const *results)
{
    uint32_t first = group->first + (uint32_t)__builtin_ctzll(bits);

    if (loose)
        loose->flags |= GP__GROUP_ENDING;
    GP__GROW(notice->parts, notice->parts_cap, notice->n_parts + 1);
    notice->parts[notice->n_parts++] = (struct part){
        .group = loose, .mark = gp__scheduler_mark(GP__MARK_WARNED, group)};
    notice->first = first < notice->first ? first : notice->first;
    notice->whom += (bits ^ (uint64_t)group->first << 40) * 0x9e3779b97f4a7c15u;
    for (uint32_t i = 0; i < GP__GROUP_RECIPIENTS; i++)
        if (bits >> i & 1)
            add_recipient(notice, describe(notice->s, group, entry, results ? results[i] : NULL, i,
                                           notice->action));
}

/* ---- making one ---- */

/* The same for the same news about the same recipients, and for no others: a second one is dropped. */
static struct gp_slice make_id(const struct notice *notice)
{
    static const char letters[GP__DSN_ACTION_COUNT] = {'f', 'd', 's', 's', 's'};
    struct gp_slice parent = notice->parent;
    char letter = letters[notice->action];

    if (parent.len > PARENT_MAX)
        parent = gp__arena_printf(notice->arena, "%016llx",
                                  (unsigned long long)gp__mark_id(parent));
    if (notice->n_parts == 1)
        return gp__arena_printf(notice->arena, GP_FMT "-%c%u", GP_ARG(parent), letter,
                                notice->first);
    return gp__arena_printf(notice->arena, GP_FMT "-%c%u-%08x", GP_ARG(parent), letter,
                            notice->first, (uint32_t)(notice->whom >> 32));
}

/* The content of the copy as its pieces have it. */
static void take_content(struct notice *notice, const struct gp__entry *entry, struct gp__dsn *dsn)
{
    const struct gp__entry_copy *copy = &entry->copies[notice->of_copy];
    struct gp_slice *slices = GP__ARENA_ARRAY(notice->arena, struct gp_slice, copy->n_pieces + 1);

    for (size_t i = 0; i < copy->n_pieces; i++) {
        const struct gp__entry_piece *piece = &copy->pieces[i];

        slices[i] = gp_slice_present(piece->bytes)
                        ? piece->bytes
                        : gp_slice_sub(entry->base, piece->offset, piece->len);
    }
    dsn->content = slices;
    dsn->n_content = copy->n_pieces;
}

static int write(struct notice *notice, const struct gp__entry *entry, bool whole)
{
    struct gp__scheduler *s = notice->s;
    struct gp__dsn_needs needs;
    struct gp__dsn dsn = {
        .id = notice->entry.id,
        .hostname = s->plan.hostname,
        .from = s->plan.daemon,
        .to = entry->copies[notice->of_copy].sender,
        .now_ms = s->runtime->ops->wall_ms(s->runtime),
        .original_id = entry->id,
        .envid = entry->envid,
        .helo = entry->helo,
        .arrival_ms = entry->received_ms,
        .smtputf8 = entry->smtputf8,
        .ret = (enum gp__dsn_ret)entry->ret,
        .return_max = RETURN_MAX,
        .kind = notice->action,
        .recipients = notice->list,
        .n_recipients = notice->n_list,
        .text = &s->texts[notice->action],
    };

    if (whole)
        take_content(notice, entry, &dsn);
    if (gp__dsn_write(&dsn, &notice->bytes, &needs) < 0)
        return -1;
    notice->copy.eight_bit = needs.eight_bit;
    notice->copy.utf8_headers = needs.smtputf8;
    notice->entry.smtputf8 = needs.smtputf8;
    notice->entry.eight_bit = needs.eight_bit;
    return 0;
}

static void fill_entry(struct notice *notice, const struct gp__entry *parent)
{
    struct gp_slice sender = parent->copies[notice->of_copy].sender;

    notice->recipient = (struct gp__entry_recipient){
        .address = gp__arena_dup(notice->arena, sender), .notify = GP_S("NEVER")};
    notice->recipient.given = notice->recipient.address;
    notice->entry.parent = notice->parent;
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
    gp__free(notice->parts);
    gp__free(notice->list);
    gp__free(notice);
}

/* It could not be written: what it tells of is not finished either. */
static void try_later(struct gp__scheduler *s, struct gp__group *group)
{
    uint64_t now = gp__scheduler_now(s);

    gp__queue_wait(s->queue, group, now + AGAIN_MS, now);
}

static void end_part(struct notice *notice, struct part *part, int error)
{
    if (part->group && error)
        try_later(notice->s, part->group);
    else if (part->group)
        gp__scheduler_finish(notice->s, part->group);
    else if (notice->action == GP__DSN_DELAYED)
        gp__scheduler_note(notice->s, &part->mark, NULL, NULL);
}

static void on_written(void *arg, int error, const struct gp__place *places)
{
    struct notice *notice = arg;
    struct gp__scheduler *s = notice->s;

    (void)places; /* it is found like any other */
    s->n_writing--;
    if (error)
        gp__log(s->log, GP_LOG_ERROR, "bounce.failed", GP__F_S("message", notice->parent),
                GP__F_C("error", gp_strerror(error)));
    for (size_t i = 0; i < notice->n_parts; i++)
        end_part(notice, &notice->parts[i], error);
    free_notice(notice);
    gp__scheduler_kick(s);
}

/* Of a message whose content is damaged the sender is told all the same, without it. */
static int read_and_write(struct notice *notice, struct gp__entry *parent)
{
    struct gp__spool *spool = notice->s->spool;
    bool whole = gp__spool_read(spool, notice->place, notice->arena, parent) == 0;

    if (!whole && gp__spool_read_head(spool, notice->place, notice->arena, parent) < 0)
        return -1;
    return notice->of_copy < parent->n_copies ? write(notice, parent, whole) : -1;
}

static void commit(struct notice *notice)
{
    struct gp__scheduler *s = notice->s;
    const struct gp__entry *written = &notice->entry;
    struct gp__entry parent;

    notice->entry.id = make_id(notice);
    if (read_and_write(notice, &parent) < 0) {
        on_written(notice, GP_EINVAL, NULL);
        return;
    }
    fill_entry(notice, &parent);
    GP__COUNT(bounces);
    gp__log(s->log, GP_LOG_INFO, "bounce", GP__F_S("message", notice->entry.id),
            GP__F_S("parent", notice->parent), GP__F_C("kind", gp__dsn_action_name(notice->action)),
            GP__F_S("recipient", notice->recipient.address), GP__F_I("recipients", notice->n_list));
    gp__spool_commit_start(s->writer, &written, 1, on_written, notice);
}

/* ---- together ---- */

static struct notice *find(struct gp__scheduler *s, enum gp__dsn_action action,
                           const struct gp__entry *entry, uint32_t copy)
{
    struct gp__link *link = gp__links_first(&s->notices, gp__mark_id(entry->id));

    for (; link; link = gp__links_next(link)) {
        struct notice *notice = (struct notice *)(void *)link; /* it comes first */

        if (notice->action == action && notice->of_copy == copy &&
            gp_slice_eq(notice->parent, entry->id))
            return notice;
    }
    return NULL;
}

static struct notice *create(struct gp__scheduler *s, enum gp__dsn_action action,
                             const struct gp__group *group, const struct gp__entry *entry)
{
    struct notice *notice = gp__alloc(sizeof *notice);

    notice->s = s;
    notice->action = action;
    notice->arena = gp__arena_create();
    notice->parent = gp__arena_dup(notice->arena, entry->id);
    notice->link.hash = gp__mark_id(entry->id);
    notice->place = gp__queued_place(group->message);
    notice->of_copy = group->copy;
    notice->first = UINT32_MAX;
    s->n_writing++;
    return notice;
}

/* Of all that are being collected. */
static void each(struct gp__scheduler *s, void (*then)(struct notice *notice))
{
    struct gp__link *link;

    s->runtime->ops->timer_stop(s->runtime, &s->notice_timer);
    while ((link = gp__links_any(&s->notices))) {
        gp__links_remove(&s->notices, link);
        then((struct notice *)(void *)link);
    }
}

void gp__scheduler_notify_all(struct gp__scheduler *s)
{
    each(s, commit);
}

static void on_together(struct gp__timer *timer)
{
    gp__scheduler_notify_all(
        (struct gp__scheduler *)(void *)((char *)timer -
                                         offsetof(struct gp__scheduler, notice_timer)));
}

static void collect(struct gp__scheduler *s, struct notice *notice)
{
    const struct gp__runtime_ops *ops = s->runtime->ops;

    gp__links_add(&s->notices, &notice->link);
    s->notice_timer.fn = on_together;
    if (!s->notice_timer.slot)
        ops->timer_start(s->runtime, &s->notice_timer, ops->now_ms(s->runtime) + TOGETHER_MS);
}

bool gp__scheduler_is_telling(struct gp__scheduler *s, const struct gp__group *group,
                              const struct gp__entry *entry)
{
    return find(s, GP__DSN_FAILED, entry, group->copy) != NULL;
}

void gp__scheduler_notify(struct gp__scheduler *s, enum gp__dsn_action action,
                          const struct gp__group *group, uint64_t bits, struct gp__group *loose,
                          const struct gp__entry *entry,
                          const struct gp__attempt_result *const *results)
{
    bool together = action == GP__DSN_FAILED || action == GP__DSN_DELAYED;
    struct notice *notice = together ? find(s, action, entry, group->copy) : NULL;
    bool is_new = !notice;

    if (is_new)
        notice = create(s, action, group, entry);
    add_group(notice, group, bits, loose, entry, results);
    if (!together) {
        commit(notice);
        return;
    }
    if (is_new)
        collect(s, notice);
    if (notice->n_list >= RECIPIENTS_MAX) {
        gp__links_remove(&s->notices, &notice->link);
        commit(notice);
    }
    if (s->notices.count >= COLLECTED_MAX)
        gp__scheduler_notify_all(s);
}

/* What they tell of is not finished: it comes again. */
void gp__scheduler_notices_free(struct gp__scheduler *s)
{
    each(s, free_notice);
    gp__links_free(&s->notices);
}
