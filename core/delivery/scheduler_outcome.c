// SPDX-License-Identifier: Apache-2.0
/* What becomes of recipients: by answers of carriers, and by time. */
#include "core/base/counts.h"
#include "core/delivery/greylist.h"
#include "core/delivery/scheduler_internal.h"

#include <stdio.h>
#include <string.h>

#define LOST_MS 1000u /* after the first carrier that died with it; twice as long each time */
#define LOST_MAX_MS 300000u

/* Results by bit of the group. */
struct results {
    const struct gp__attempt_result *of[GP__GROUP_RECIPIENTS];
};

/* ---- why ---- */

static bool is(const struct gp__reply *reply, unsigned subject, unsigned detail)
{
    return reply->klass && reply->subject == subject && reply->detail == detail;
}

static enum gp__retry_class why_of(const struct gp__attempt_answer *answer,
                                   const struct gp__reply *reply)
{
    if (answer->destination_down)
        return GP__RETRY_CONNECT;
    if ((reply->code == 450 || reply->code == 451) &&
        (is(reply, 7, 1) || gp__says_greylist(reply->text)))
        return GP__RETRY_GREYLIST;
    if (is(reply, 2, 2) || is(reply, 3, 1) || reply->code == 452)
        return GP__RETRY_FULL;
    if (answer->slow_down || reply->code == 421 || is(reply, 7, 28))
        return GP__RETRY_LIMITED;
    return GP__RETRY_OTHER;
}

/* ---- the log ---- */

static const struct gp__attempt_result *result_of(struct gp__scheduler *s,
                                                  const struct gp__group *group,
                                                  const struct gp__attempt_result *const *results,
                                                  uint32_t i, struct gp__attempt_result *place)
{
    if (results && results[i])
        return results[i];
    *place = (struct gp__attempt_result){.outcome = GP_OUTCOME_DEFERRED};
    place->reply = gp__queue_reply(s->queue, group, &place->remote);
    return place;
}

void gp__scheduler_log(struct gp__scheduler *s, const struct gp__entry *entry,
                       const struct gp__group *group, const char *outcome,
                       const struct gp__attempt_result *const *results, uint64_t took_ms)
{
    uint64_t now = gp__scheduler_now(s);

    if (!s->log || s->log->level < GP_LOG_INFO)
        return;
    GP__EACH_RECIPIENT(group, i)
    {
        struct gp__attempt_result place;
        const struct gp__attempt_result *result = result_of(s, group, results, i, &place);
        const struct gp__entry_recipient *recipient = &entry->recipients[group->first + i];
        char status[32] = "";

        if (result->reply.code)
            snprintf(status, sizeof status, result->reply.klass ? "%u %u.%u.%u" : "%u",
                     result->reply.code, result->reply.klass, result->reply.subject,
                     result->reply.detail);
        gp__log(s->log, GP_LOG_INFO, "delivery", GP__F_S("message", entry->id),
                GP__F_S("sender", entry->copies[recipient->copy].sender),
                GP__F_S("recipient", recipient->address), GP__F_C("outcome", outcome),
                GP__F_S("route", gp__queue_name_text(s->queue, group->route)),
                GP__F_S("target", gp__queue_name_text(s->queue, gp__queue_target(group))),
                GP__F_S("remote", result->remote), GP__F_C("status", status[0] ? status : NULL),
                GP__F_S("text", result->reply.text.len ? result->reply.text : gp_slice(NULL, 0)),
                GP__F_I("tries", group->tries), GP__F_I("ms", took_ms),
                GP__F_I("age_ms", now - group->message->arrived_ms));
    }
}

/* ---- parts of a group ---- */

static void count(const struct gp__group *group, enum gp_outcome outcome)
{
    unsigned n = (unsigned)__builtin_popcountll(group->left);

    if (outcome == GP_OUTCOME_DELIVERED)
        GP__COUNT_BY(queue_delivered, n);
    else if (outcome == GP_OUTCOME_FAILED)
        GP__COUNT_BY(queue_failed, n);
    else
        GP__COUNT_BY(queue_deferred, n);
}

void gp__scheduler_finish(struct gp__scheduler *s, struct gp__group *group)
{
    struct gp__mark mark = gp__scheduler_mark(GP__MARK_DONE, group);
    struct gp__queued *message = group->message;

    if (message->groups == group && !group->sibling) {
        mark.kind = GP__MARK_ALL_DONE;
        gp__scheduler_note_finish(s, message, &mark);
    } else {
        gp__scheduler_note(s, &mark, NULL, NULL);
    }
    (void)gp__queue_remove(s->queue, group);
}

static void wait(struct gp__scheduler *s, struct gp__group *group, uint64_t due_ms)
{
    struct gp__mark mark = gp__scheduler_mark(GP__MARK_DEFERRED, group);

    mark.at_ms = due_ms;
    mark.tries = group->tries;
    mark.reply = gp__queue_reply(s->queue, group, &mark.remote);
    gp__scheduler_note(s, &mark, NULL, NULL);
    gp__queue_wait(s->queue, group, due_ms, gp__scheduler_now(s));
}

static void defer(struct gp__scheduler *s, struct gp__group *group, const struct gp__entry *entry,
                  const struct gp__attempt_answer *answer, const struct results *results,
                  uint64_t took_ms)
{
    const struct gp__attempt_result *first = results->of[__builtin_ctzll(group->left)];
    struct gp__queue_answer heard = {.reply = first->reply,
                                     .remote = first->remote,
                                     .why = why_of(answer, &first->reply),
                                     .retry_after_ms = answer->retry_after_ms};
    uint64_t due;

    gp__scheduler_log(s, entry, group, "deferred", results->of,
                      took_ms); /* tries before this one */
    due = gp__queue_tried(s->queue, group, &heard, gp__scheduler_now(s));
    if (due)
        wait(s, group, due);
    else
        gp__scheduler_expired(s, group);
}

/* ---- answers ---- */

/* Who was not tried: neither noted nor counted as an attempt. */
static void put_off(struct gp__scheduler *s, struct gp__group **rest_,
                    const struct results *results)
{
    struct gp__group *rest = *rest_, *part;
    uint64_t some = 0;

    GP__EACH_RECIPIENT(rest, i)
    if (results->of[i]->untried)
        some |= (uint64_t)1 << i;
    part = gp__queue_split(s->queue, rest, some);
    if (!part)
        return;
    if (part == rest)
        *rest_ = NULL;
    GP__COUNT(queue_put_off);
    gp__queue_put_off(s->queue, part, gp__scheduler_now(s));
}

/* The recipients of that outcome, as a group of their own; NULL: there are none. */
static struct gp__group *take_part(struct gp__scheduler *s, struct gp__group **rest_, uint64_t some)
{
    struct gp__group *part = gp__queue_split(s->queue, *rest_, some);

    if (part == *rest_)
        *rest_ = NULL;
    return part;
}

static struct gp__group *part_of(struct gp__scheduler *s, struct gp__group **rest_,
                                 const struct results *results, enum gp_outcome outcome)
{
    uint64_t some = 0;

    if (!*rest_)
        return NULL;
    GP__EACH_RECIPIENT(*rest_, i)
    if (results->of[i]->outcome == outcome)
        some |= (uint64_t)1 << i;
    return take_part(s, rest_, some);
}

/* The recipients of the first one that filters did that to, and of all others who go to the same
 * bucket. */
static struct gp__group *filtered_part(struct gp__scheduler *s, struct gp__group **rest_,
                                       const struct results *results, enum gp__filtered filtered)
{
    const struct gp__attempt_result *first = NULL;
    uint64_t some = 0;

    if (!*rest_)
        return NULL;
    GP__EACH_RECIPIENT(*rest_, i)
    {
        const struct gp__attempt_result *result = results->of[i];

        if (result->filtered != filtered || (first && !gp_slice_eq(first->bucket, result->bucket)))
            continue;
        first = first ? first : result;
        some |= (uint64_t)1 << i;
    }
    return take_part(s, rest_, some);
}

/* What filters decided about mail that was let go: back into a bucket, or dropped. What is left of
 * the group; NULL: nothing. */
static struct gp__group *filter(struct gp__scheduler *s, struct gp__group *group,
                                const struct gp__entry *entry, const struct results *results,
                                uint64_t took_ms)
{
    struct gp__group *rest = group, *dropped, *held;

    while ((held = filtered_part(s, &rest, results, GP__FILTERED_HELD))) {
        gp__scheduler_log(s, entry, held, "held", results->of, took_ms);
        gp__scheduler_hold(s, held, results->of[__builtin_ctzll(held->left)]->bucket);
    }
    while ((dropped = filtered_part(s, &rest, results, GP__FILTERED_DROPPED))) {
        gp__scheduler_log(s, entry, dropped, "discarded", results->of, took_ms);
        gp__scheduler_finish(s, dropped);
    }
    return rest;
}

static void deliver(struct gp__scheduler *s, struct gp__group *group, const struct gp__entry *entry,
                    const struct gp__attempt_answer *answer, const struct results *results,
                    uint64_t took_ms)
{
    struct gp__group *rest = filter(s, group, entry, results, took_ms),
                     *delivered = part_of(s, &rest, results, GP_OUTCOME_DELIVERED),
                     *failed = part_of(s, &rest, results, GP_OUTCOME_FAILED);

    /* What is left goes first: while there is some, the message stays. */
    if (rest) {
        count(rest, GP_OUTCOME_DEFERRED);
        defer(s, rest, entry, answer, results, took_ms);
    }
    if (failed) {
        count(failed, GP_OUTCOME_FAILED);
        gp__scheduler_log(s, entry, failed, "failed", results->of, took_ms);
        gp__scheduler_bounce(s, failed, entry, results->of);
    }
    if (delivered) {
        count(delivered, GP_OUTCOME_DELIVERED);
        gp__scheduler_log(s, entry, delivered, "delivered", results->of, took_ms);
        gp__scheduler_confirm(s, delivered, entry, results->of, answer->relayed);
    }
}

static void reroute(struct gp__scheduler *s, struct gp__group *group, const struct gp__entry *entry,
                    struct gp_slice route)
{
    struct gp__mark mark = gp__scheduler_mark(GP__MARK_ROUTED, group);
    struct gp__queued *message = group->message;
    uint64_t now = gp__scheduler_now(s);
    gp__name name = gp__queue_name(s->queue, route);

    mark.name = route;
    gp__scheduler_note(s, &mark, NULL, NULL);
    gp__log(s->log, GP_LOG_INFO, "queue.routed", GP__F_S("message", entry->id),
            GP__F_S("route", route), GP__F_I("recipients", __builtin_popcountll(group->left)));
    /* A carrier may know a configuration that has not come here yet. */
    group->due_ms = gp__queue_knows_route(s->queue, name) ? 0 : now + LOST_MS;
    gp__queue_refile(s->queue, group, name, entry);
    gp__queue_settle_all(s->queue, message, now);
}

static void orphan(struct gp__scheduler *s, struct gp__group *group, const struct gp__entry *entry)
{
    gp__log(
        s->log, GP_LOG_ERROR, "queue.orphan", GP__F_S("message", entry->id),
        GP__F_S("recipient",
                entry->recipients[group->first + (uint32_t)__builtin_ctzll(group->left)].address),
        GP__F_I("recipients", __builtin_popcountll(group->left)),
        GP__F_S("route", gp__queue_name_text(s->queue, group->route)));
    gp__scheduler_hold(s, group, GP_S(GP__BUCKET_ORPHAN));
}

/* Those of one route together; what no route owns is kept: it was accepted once. */
static void route(struct gp__scheduler *s, struct gp__group *group, const struct gp__entry *entry,
                  const struct gp__attempt_answer *answer, const struct results *results)
{
    struct gp__group *rest = group, *deferred = part_of(s, &rest, results, GP_OUTCOME_DEFERRED);

    if (deferred)
        defer(s, deferred, entry, answer, results, 0);
    while (rest) {
        struct gp_slice name = results->of[__builtin_ctzll(rest->left)]->route;
        struct gp__group *part;
        uint64_t some = 0;

        GP__EACH_RECIPIENT(rest, i)
        if (gp_slice_eq(results->of[i]->route, name))
            some |= (uint64_t)1 << i;
        part = gp__queue_split(s->queue, rest, some);
        if (part == rest)
            rest = NULL;
        if (name.len)
            reroute(s, part, entry, name);
        else
            orphan(s, part, entry);
    }
}

static void index_results(const struct gp__group *group, const struct gp__attempt_answer *answer,
                          struct results *results)
{
    static const struct gp__attempt_result nothing = {.outcome = GP_OUTCOME_DEFERRED};
    size_t n = 0;

    *results = (struct results){.of = {NULL}};
    GP__EACH_RECIPIENT(group, i)
    results->of[i] = n < answer->n ? &answer->results[n++] : &nothing;
}

/* Delivered, but whom it was for can't be read any more: what matters is that it is not sent again. */
static void finish_unread(struct gp__scheduler *s, struct gp__group *group,
                          const struct results *results)
{
    struct gp__group *rest = group, *delivered = part_of(s, &rest, results, GP_OUTCOME_DELIVERED);

    if (rest)
        gp__scheduler_outcome_lost(s, rest);
    if (delivered)
        gp__scheduler_finish(s, delivered);
}

void gp__scheduler_outcome(struct gp__scheduler *s, struct gp__group *group,
                           enum gp__attempt_kind kind, const struct gp__attempt_answer *answer,
                           uint64_t took_ms)
{
    struct gp__arena *arena;
    struct gp__entry entry;
    struct results results;
    struct gp__attempt_result fixed[GP__ATTEMPT_RECIPIENTS_MAX];
    struct gp__attempt_answer sane = *answer;

    /* A target that said nothing of a recipient has deferred it. */
    memcpy(fixed, answer->results, answer->n * sizeof *fixed);
    for (size_t i = 0; i < answer->n && kind == GP__ATTEMPT_DELIVER; i++) {
        if (fixed[i].outcome == GP_OUTCOME_NONE)
            fixed[i].outcome = GP_OUTCOME_DEFERRED;
        if (!group->from)
            fixed[i].filtered = GP__FILTERED_NOT; /* nobody was asked to */
    }
    sane.results = fixed;
    index_results(group, &sane, &results);
    put_off(s, &group, &results);
    if (!group)
        return;
    arena = gp__arena_create();
    if (gp__scheduler_read(s, group->message, arena, &entry) < 0)
        finish_unread(s, group, &results);
    else if (kind == GP__ATTEMPT_ROUTE)
        route(s, group, &entry, &sane, &results);
    else
        deliver(s, group, &entry, &sane, &results, took_ms);
    gp__arena_free(&arena);
}

void gp__scheduler_outcome_lost(struct gp__scheduler *s, struct gp__group *group)
{
    struct gp__queue_answer answer = {
        .reply = GP__REPLY(451, 4, 3, 0, "The carrier that tried it was lost")};
    uint64_t now = gp__scheduler_now(s), ms = LOST_MS;

    for (unsigned i = 0; i < group->tries && ms < LOST_MAX_MS; i++)
        ms *= 2;
    GP__COUNT_BY(queue_deferred, __builtin_popcountll(group->left));
    if (gp__queue_tried(s->queue, group, &answer, now) == 0)
        gp__scheduler_expired(s, group);
    else
        wait(s, group, now + (ms < LOST_MAX_MS ? ms : LOST_MAX_MS));
}

/* ---- time ---- */

void gp__scheduler_expired(struct gp__scheduler *s, struct gp__group *group)
{
    gp__scheduler_tell(s, group);
}

void gp__scheduler_told(struct gp__scheduler *s, struct gp__group *group)
{
    struct gp__arena *arena = gp__arena_create();
    struct gp__entry entry;

    if (gp__scheduler_read(s, group->message, arena, &entry) == 0) {
        GP__COUNT_BY(queue_expired, __builtin_popcountll(group->left));
        gp__scheduler_log(s, &entry, group, "expired", NULL, 0);
        gp__scheduler_bounce(s, group, &entry, NULL);
    } else {
        gp__scheduler_hold(s, group, GP_S("unreadable"));
    }
    gp__arena_free(&arena);
}

const struct gp__plan_bucket *gp__scheduler_bucket(const struct gp__scheduler *s,
                                                   struct gp_slice name)
{
    for (size_t i = 0; i < s->plan.n_buckets; i++)
        if (gp_slice_eq(s->plan.buckets[i].name, name))
            return &s->plan.buckets[i];
    return NULL;
}

uint64_t gp__scheduler_bucket_end(const struct gp__scheduler *s, struct gp_slice name,
                                  uint64_t since_ms)
{
    const struct gp__plan_bucket *bucket = gp__scheduler_bucket(s, name);

    return bucket && bucket->expire_ms ? since_ms + bucket->expire_ms : 0;
}

void gp__scheduler_hold(struct gp__scheduler *s, struct gp__group *group, struct gp_slice bucket)
{
    struct gp__mark mark = gp__scheduler_mark(GP__MARK_HELD, group);

    mark.name = bucket;
    mark.at_ms = gp__scheduler_bucket_end(s, bucket, gp__scheduler_now(s));
    gp__scheduler_note(s, &mark, NULL, NULL);
    group->message->flags |= GP__QUEUED_CHANGED;
    gp__queue_hold(s->queue, group, gp__queue_name(s->queue, bucket), mark.at_ms);
}

void gp__scheduler_let_go(struct gp__scheduler *s, struct gp__group *group)
{
    struct gp__mark mark = gp__scheduler_mark(GP__MARK_LET_GO, group);

    mark.name = gp__queue_name_text(s->queue, group->bucket);
    mark.at_ms = gp__scheduler_now(s);
    gp__scheduler_note(s, &mark, NULL, NULL);
    group->message->flags |= GP__QUEUED_CHANGED;
    gp__queue_let_go(group, group->bucket, mark.at_ms);
}

void gp__scheduler_unheld(struct gp__scheduler *s, struct gp__group *group)
{
    const struct gp__plan_bucket *bucket = gp__scheduler_bucket(
        s, gp__queue_name_text(s->queue, group->bucket));
    uint64_t now = gp__scheduler_now(s);
    static const char *const outcomes[GP__THEN_COUNT] = {"discarded", "failed", "released"};
    struct gp__arena *arena = gp__arena_create();
    struct gp__entry entry;

    if (!bucket || gp__scheduler_read(s, group->message, arena, &entry) < 0) {
        gp__queue_hold(s->queue, group, group->bucket, 0); /* the plan has changed: for ever */
    } else {
        gp__scheduler_log(s, &entry, group, outcomes[bucket->then], NULL, 0);
        switch (bucket->then) {
        case GP__THEN_DELETE:
            gp__scheduler_finish(s, group);
            break;
        case GP__THEN_BOUNCE:
            gp__scheduler_bounce(s, group, &entry, NULL);
            break;
        case GP__THEN_DELIVER:
            gp__scheduler_let_go(s, group);
            gp__queue_wait(s->queue, group, now, now);
            break;
        case GP__THEN_COUNT:
            break;
        }
    }
    gp__arena_free(&arena);
}
