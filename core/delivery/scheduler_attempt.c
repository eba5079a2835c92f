// SPDX-License-Identifier: Apache-2.0
/* Attempts: out to carriers and back. */
#include "core/delivery/scheduler_internal.h"

#include "core/base/alloc.h"

#include <string.h>

#define SEND_MAX 512u  /* a turn */
#define LATE_MS 60000u /* beyond its deadline, before an attempt counts as lost */
#define TELLS_MAX 256u /* under way at once: beside the attempts */

/* ---- slots ---- */

static uint64_t number_of(const struct gp__scheduler *s, const struct gp__attempt_slot *slot)
{
    return (uint64_t)(slot - s->slots) | (uint64_t)slot->round << 32;
}

static struct gp__attempt_slot *take_slot(struct gp__scheduler *s, struct gp__group *group,
                                          enum gp__attempt_kind kind, unsigned carrier)
{
    struct gp__attempt_slot *slot;
    uint32_t index;

    if (s->free_slot) {
        index = s->free_slot - 1;
        s->free_slot = s->slots[index].next_free;
    } else {
        index = (uint32_t)s->n_slots;
        GP__GROW(s->slots, s->slots_cap, s->n_slots + 1);
        s->n_slots++;
    }
    slot = &s->slots[index];
    slot->group = group;
    slot->kind = kind;
    slot->carrier = carrier;
    slot->round++;
    slot->began_ms = gp__scheduler_now(s);
    s->n_under_way++;
    s->n_tells += kind == GP__ATTEMPT_TELL;
    return slot;
}

static void free_slot(struct gp__scheduler *s, struct gp__attempt_slot *slot)
{
    s->n_under_way--;
    s->n_tells -= slot->kind == GP__ATTEMPT_TELL;
    slot->group = NULL;
    slot->next_free = s->free_slot;
    s->free_slot = (uint32_t)(slot - s->slots) + 1;
}

static struct gp__attempt_slot *find_slot(const struct gp__scheduler *s, uint64_t number)
{
    uint32_t index = (uint32_t)number;

    if (index >= s->n_slots || !s->slots[index].group || s->slots[index].round != number >> 32)
        return NULL;
    return &s->slots[index];
}

/* ---- sending ---- */

static size_t recipients_of(const struct gp__group *group, uint32_t list[GP__GROUP_RECIPIENTS])
{
    size_t n = 0;

    GP__EACH_RECIPIENT(group, i)
    list[n++] = group->first + i;
    return n;
}

static void send(struct gp__scheduler *s, struct gp__group *group, enum gp__attempt_kind kind,
                 unsigned carrier, struct gp_slice id)
{
    struct gp__attempt_slot *slot = take_slot(s, group, kind, carrier);
    const struct gp__carrier_link *link = &s->carriers[carrier];
    uint32_t list[GP__GROUP_RECIPIENTS];
    struct gp__attempt attempt = {
        .number = number_of(s, slot),
        .kind = kind,
        .place = gp__queued_place(group->message),
        .message = id,
        .route = gp__queue_name_text(s->queue, group->route),
        .from = gp__queue_name_text(s->queue, group->from),
        .recipients = list,
        .n = recipients_of(group, list),
        .tries = group->tries,
        .first_ms = (int64_t)group->message->arrived_ms,
        .deadline_ms = gp__queue_policy(s->queue, group)->attempt_ms,
    };

    if (kind != GP__ATTEMPT_TELL)
        group->in.taken.attempt = (uint32_t)(slot - s->slots);
    link->send(link->arg, &attempt);
}

/* What it is filed under is not what the plan says: it is put where it belongs, and comes again. */
static void refile(struct gp__scheduler *s, struct gp__group *group, const struct gp__entry *entry)
{
    struct gp__queued *message = group->message;
    uint64_t now = gp__scheduler_now(s);

    gp__queue_give_back(s->queue, group, GP__FEEDBACK_NONE, 0, now);
    group->due_ms = 0;
    gp__queue_refile(s->queue, group, group->route, entry);
    gp__queue_settle_all(s->queue, message, now);
}

/* An entry that cannot be read now may be tomorrow: a disk that failed. One that is damaged stays
 * as long as its policy says, and an operator can look at it. */
static void unreadable(struct gp__scheduler *s, struct gp__group *group, int error)
{
    struct gp__queue_answer answer = {
        .reply = GP__REPLY(451, 4, 3, 0, "The message cannot be read from the spool")};
    uint64_t now = gp__scheduler_now(s), due;

    gp__log(s->log, GP_LOG_ERROR, "queue.unreadable",
            GP__F_I("segment", gp__queued_place(group->message).segment),
            GP__F_I("offset", group->message->offset), GP__F_C("error", gp_strerror(error)));
    gp__queue_give_back(s->queue, group, GP__FEEDBACK_NONE, 0, now);
    due = gp__queue_tried(s->queue, group, &answer, now);
    if (due)
        gp__queue_wait(s->queue, group, due, now);
    else
        gp__scheduler_hold(s, group, GP_S("unreadable"));
}

static void send_taken(struct gp__scheduler *s, struct gp__group *group, struct gp__arena *arena)
{
    struct gp__entry entry;
    int error = gp__scheduler_read(s, group->message, arena, &entry);

    if (error)
        unreadable(s, group, error);
    else if (gp__queue_is_stale(s->queue, group))
        refile(s, group, &entry);
    else
        send(s, group,
             gp__queue_knows_route(s->queue, group->route) ? GP__ATTEMPT_DELIVER
                                                           : GP__ATTEMPT_ROUTE,
             group->in.taken.carrier, entry.id);
}

/* ---- observers of what is given up ---- */

static unsigned any_carrier(const struct gp__scheduler *s)
{
    unsigned i = 0;

    while (i < GP__QUEUE_CARRIERS_MAX && (!s->carriers[i].send || s->carriers[i].ending))
        i++;
    return i;
}

void gp__scheduler_tell(struct gp__scheduler *s, struct gp__group *group)
{
    group->flags |= GP__GROUP_ENDING;
    GP__GROW(s->telling, s->telling_cap, s->n_telling + 1);
    s->telling[s->n_telling++] = group;
    gp__scheduler_kick(s);
}

/* Without a carrier nobody observes; mail is not kept for that. */
static void send_tells(struct gp__scheduler *s)
{
    while (s->n_telling && s->n_tells < TELLS_MAX) {
        struct gp__group *group = s->telling[--s->n_telling];
        unsigned carrier = any_carrier(s);
        struct gp__arena *arena = gp__arena_create();
        struct gp__entry entry;

        if (carrier < GP__QUEUE_CARRIERS_MAX &&
            gp__scheduler_read(s, group->message, arena, &entry) == 0)
            send(s, group, GP__ATTEMPT_TELL, carrier, entry.id);
        else
            gp__scheduler_told(s, group);
        gp__arena_free(&arena);
    }
}

void gp__scheduler_send(struct gp__scheduler *s)
{
    struct gp__group *group;
    unsigned n = 0;

    send_tells(s);
    while (n < SEND_MAX && (group = gp__queue_take(s->queue, gp__scheduler_now(s)))) {
        struct gp__arena *arena = gp__arena_create();

        send_taken(s, group, arena);
        gp__arena_free(&arena);
        n++;
    }
    if (n == SEND_MAX)
        gp__scheduler_kick(s);
}

/* ---- answers ---- */

static enum gp__feedback feedback_of(const struct gp__attempt_answer *answer)
{
    if (answer->destination_down)
        return GP__FEEDBACK_DOWN;
    if (answer->slow_down)
        return GP__FEEDBACK_SLOW;
    for (size_t i = 0; i < answer->n; i++)
        if (answer->results[i].outcome == GP_OUTCOME_DELIVERED)
            return GP__FEEDBACK_GOOD;
    return GP__FEEDBACK_NONE;
}

/* As if the carrier had died, for this one. */
static void lose(struct gp__scheduler *s, struct gp__attempt_slot *slot)
{
    struct gp__group *group = slot->group;
    enum gp__attempt_kind kind = slot->kind;

    free_slot(s, slot);
    if (kind == GP__ATTEMPT_TELL) {
        gp__scheduler_told(s, group);
        return;
    }
    gp__queue_give_back(s->queue, group, GP__FEEDBACK_NONE, 0, gp__scheduler_now(s));
    gp__scheduler_outcome_lost(s, group);
}

static bool is_untried(const struct gp__attempt_answer *answer)
{
    for (size_t i = 0; i < answer->n; i++)
        if (answer->results[i].untried)
            return true;
    return false;
}

/* A limit of ours on all that the target sends. */
static void limit(struct gp__scheduler *s, const struct gp__group *group, uint64_t wait_ms)
{
    if (gp__queue_limit(group, wait_ms, gp__scheduler_now(s)))
        gp__log(s->log, GP_LOG_NOTICE, "queue.limited",
                GP__F_S("target", gp__queue_name_text(s->queue, gp__queue_target(group))),
                GP__F_I("ms", wait_ms));
}

static void take_answer(struct gp__scheduler *s, struct gp__attempt_slot *slot,
                        const struct gp__attempt_answer *answer)
{
    struct gp__group *group = slot->group;
    enum gp__attempt_kind kind = slot->kind;
    uint64_t now = gp__scheduler_now(s), took = now - slot->began_ms;

    free_slot(s, slot);
    if (kind == GP__ATTEMPT_TELL) {
        gp__scheduler_told(s, group);
        return;
    }
    gp__queue_give_back(s->queue, group, feedback_of(answer), answer->retry_after_ms, now);
    if (is_untried(answer))
        limit(s, group, answer->untried_ms);
    gp__scheduler_outcome(s, group, kind, answer, took);
}

void gp__scheduler_answer(struct gp__scheduler *s, unsigned carrier,
                          const struct gp__attempt_answer *answer)
{
    struct gp__attempt_slot *slot = find_slot(s, answer->number);
    bool ours = slot && slot->carrier == carrier;

    if (ours && (slot->kind == GP__ATTEMPT_TELL ||
                 answer->n == (size_t)__builtin_popcountll(slot->group->left))) {
        take_answer(s, slot, answer);
    } else {
        gp__log(s->log, GP_LOG_WARNING, "queue.answer", GP__F_I("carrier", carrier),
                GP__F_I("number", answer->number), GP__F_I("recipients", answer->n));
        if (ours)
            lose(s, slot);
    }
    gp__scheduler_kick(s);
}

void gp__scheduler_look_at_attempts(struct gp__scheduler *s)
{
    uint64_t now = gp__scheduler_now(s);

    for (size_t i = 0; i < s->n_slots; i++) {
        struct gp__attempt_slot *slot = &s->slots[i];

        if (!slot->group ||
            now < slot->began_ms + LATE_MS + gp__queue_policy(s->queue, slot->group)->attempt_ms)
            continue;
        gp__log(s->log, GP_LOG_ERROR, "queue.no_answer", GP__F_I("carrier", slot->carrier),
                GP__F_I("ms", now - slot->began_ms));
        lose(s, slot);
    }
}

/* ---- carriers ---- */

void gp__scheduler_carrier(struct gp__scheduler *s, unsigned number, unsigned room,
                           void (*send_)(void *arg, const struct gp__attempt *attempt), void *arg)
{
    s->carriers[number] = (struct gp__carrier_link){.send = send_, .arg = arg};
    gp__queue_carrier(s->queue, number,
                      s->closing                ? 0
                      : room < GP__ATTEMPTS_MAX ? room
                                                : GP__ATTEMPTS_MAX);
    gp__scheduler_kick(s);
}

void gp__scheduler_carrier_ends(struct gp__scheduler *s, unsigned number)
{
    s->carriers[number].ending = true;
    gp__queue_carrier(s->queue, number, 0);
}

void gp__scheduler_carrier_lost(struct gp__scheduler *s, unsigned number)
{
    s->carriers[number] = (struct gp__carrier_link){.send = NULL};
    gp__queue_carrier(s->queue, number, 0);
    for (size_t i = 0; i < s->n_slots; i++)
        if (s->slots[i].group && s->slots[i].carrier == number)
            lose(s, &s->slots[i]);
    gp__scheduler_kick(s);
}
