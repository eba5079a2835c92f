// SPDX-License-Identifier: Apache-2.0
/* Who is told of what becomes of mail, and what happens to mail that nobody may be told of. */
#include "core/delivery/scheduler_internal.h"

#include "core/smtp/parameter.h"

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
    } else if (rest && !gp__scheduler_is_telling(s, rest, entry) &&
               !gp__dsn_rate_take(&s->rate, entry->copies[rest->copy].sender,
                                  gp__scheduler_now(s))) {
        keep(s, rest, entry, results, "too many to this address");
    } else if (rest) {
        gp__scheduler_notify(s, GP__DSN_FAILED, rest, sending, rest, entry, results);
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

    GP__EACH_RECIPIENT(group, i)
    if (results[i]->passed)
        bits &= ~((uint64_t)1 << i);
    /* That it is not sent twice matters more than the news of it. */
    if (bits)
        gp__scheduler_notify(s, action, group, bits, NULL, entry, results);
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
        gp__scheduler_notify(s, GP__DSN_DELAYED, group, bits, NULL, &entry, NULL);
    else
        gp__scheduler_note(s, &mark, NULL, NULL);
    gp__arena_free(&arena);
}
