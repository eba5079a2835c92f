// SPDX-License-Identifier: Apache-2.0
/* When a group is tried, and what time brings. */
#include "core/delivery/queue_internal.h"

#define RETRY_AFTER_MIN_MS 1000u
#define RETRY_AFTER_MAX_MS ((uint64_t)24 * 3600 * 1000)

/* One that was never tried since its time was over gets this long for a last attempt: after a long
 * outage of ours nothing comes back that was not tried again. */
#define GRACE_MS ((uint64_t)10 * 60 * 1000)

/* ---- states ---- */

void gp__queue_set_state(struct gp__queue *queue, struct gp__group *group,
                         enum gp__group_state state)
{
    queue->by_state[group->state]--;
    queue->by_state[state]++;
    group->state = (uint8_t)state;
}

#define HOUR_MS ((uint64_t)3600 * 1000)

/* Since when it is to be delivered. */
static uint64_t began_at(const struct gp__group *group)
{
    return group->message->arrived_ms + group->held_h * HOUR_MS;
}

uint64_t gp__queue_expires_at(const struct gp__queue *queue, const struct gp__group *group)
{
    return began_at(group) + gp__queue_policy(queue, group)->expire_ms;
}

/* UINT64_MAX: never, or it was. One that is just about to be tried is given the time for that. */
static uint64_t warns_at(const struct gp__queue *queue, const struct gp__group *group)
{
    uint64_t after = gp__queue_policy(queue, group)->warn_ms;
    uint64_t at = began_at(group) + after;

    if (after == 0 || (group->flags & GP__GROUP_WARNED))
        return UINT64_MAX;
    if (group->state == GP__GROUP_READY && at < group->due_ms + GRACE_MS)
        return group->due_ms + GRACE_MS;
    return at;
}

/* When one that is READY has waited for too long. */
static uint64_t gives_up_at(const struct gp__queue *queue, const struct gp__group *group)
{
    uint64_t expires = gp__queue_expires_at(queue, group), grace = group->due_ms + GRACE_MS;

    return expires > grace ? expires : grace;
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

void gp__queue_arm(struct gp__queue *queue, struct gp__group *group)
{
    uint64_t key = UINT64_MAX;

    switch ((enum gp__group_state)group->state) {
    case GP__GROUP_WAITING:
        key = least(group->due_ms, warns_at(queue, group));
        break;
    case GP__GROUP_READY:
        key = least(gives_up_at(queue, group), warns_at(queue, group));
        break;
    case GP__GROUP_HELD:
        key = group->due_ms ? group->due_ms : UINT64_MAX;
        break;
    case GP__GROUP_LOOSE:
    case GP__GROUP_TAKEN:
    case GP__GROUP_PAUSED:
    case GP__GROUP_STATES:
        break;
    }
    if (key == UINT64_MAX)
        gp__heap_remove(&queue->due, group);
    else
        gp__heap_set(&queue->due, group, key);
}

void gp__queue_loosen(struct gp__queue *queue, struct gp__group *group)
{
    if (group->state == GP__GROUP_READY) {
        gp__queue_lane_remove(queue, group);
        if (group->destination->n_ready == 0)
            gp__queue_destination_file(queue, group->destination, 0);
    }
    gp__heap_remove(&queue->due, group);
    gp__queue_set_state(queue, group, GP__GROUP_LOOSE);
}

void gp__queue_make_ready(struct gp__queue *queue, struct gp__group *group, uint64_t now_ms)
{
    if (gp__queue_is_paused(queue, group)) {
        gp__queue_set_state(queue, group, GP__GROUP_PAUSED);
        gp__queue_arm(queue, group);
        return;
    }
    group->due_ms = now_ms;
    gp__queue_set_state(queue, group, GP__GROUP_READY);
    gp__queue_lane_add(queue, group);
    gp__queue_destination_file(queue, group->destination, now_ms);
    gp__queue_arm(queue, group);
}

void gp__queue_wait(struct gp__queue *queue, struct gp__group *group, uint64_t due_ms,
                    uint64_t now_ms)
{
    group->bucket = 0;
    group->flags &= (uint8_t)~GP__GROUP_ENDING;
    if (due_ms <= now_ms) {
        gp__queue_make_ready(queue, group, now_ms);
        return;
    }
    group->due_ms = due_ms;
    gp__queue_set_state(queue, group, GP__GROUP_WAITING);
    gp__queue_arm(queue, group);
}

void gp__queue_hold(struct gp__queue *queue, struct gp__group *group, gp__name bucket,
                    uint64_t until_ms)
{
    group->bucket = bucket;
    group->flags &= (uint8_t)~GP__GROUP_ENDING;
    group->from = 0;
    group->due_ms = until_ms;
    gp__queue_set_state(queue, group, GP__GROUP_HELD);
    gp__queue_arm(queue, group);
}

void gp__queue_let_go(struct gp__group *group, gp__name from, uint64_t at_ms)
{
    uint64_t arrived = group->message->arrived_ms;
    uint64_t hours = at_ms > arrived ? (at_ms - arrived + HOUR_MS - 1) / HOUR_MS : 0;

    group->bucket = 0;
    group->from = from;
    group->held_h = hours < UINT16_MAX ? (uint16_t)hours : UINT16_MAX;
}

/* ---- after an attempt ---- */

static void note(struct gp__queue *queue, struct gp__group *group,
                 const struct gp__queue_answer *answer)
{
    uint32_t text = gp__queue_text_take(queue, answer->reply.text, answer->remote);

    gp__queue_text_drop(queue, group->text);
    group->text = text;
    group->code = answer->reply.code;
    group->klass = answer->reply.klass;
    group->subject = answer->reply.subject;
    group->detail = answer->reply.detail;
    group->message->flags |= GP__QUEUED_CHANGED;
    if (group->tries < UINT16_MAX)
        group->tries++;
}

/* An eighth more or less: what failed together does not come back together. */
static uint64_t jitter(struct gp__queue *queue, uint64_t ms)
{
    return ms - ms / 8 + gp__queue_random(queue, ms / 4 + 1);
}

static uint64_t wait_of(struct gp__queue *queue, const struct gp__group *group,
                        const struct gp__queue_answer *answer)
{
    if (answer->retry_after_ms > RETRY_AFTER_MAX_MS)
        return RETRY_AFTER_MAX_MS;
    if (answer->retry_after_ms)
        return answer->retry_after_ms < RETRY_AFTER_MIN_MS ? RETRY_AFTER_MIN_MS
                                                           : answer->retry_after_ms;
    return jitter(queue,
                  gp__plan_wait(gp__queue_policy(queue, group), answer->why, group->tries - 1u));
}

uint64_t gp__queue_tried(struct gp__queue *queue, struct gp__group *group,
                         const struct gp__queue_answer *answer, uint64_t now_ms)
{
    uint64_t expires = gp__queue_expires_at(queue, group);

    note(queue, group, answer);
    if (now_ms >= expires)
        return 0;
    /* The last attempt is made when the time is over, not some hours before. */
    return least(now_ms + wait_of(queue, group, answer), expires);
}

/* ---- what time brings ---- */

static enum gp__queue_event on_time(struct gp__queue *queue, struct gp__group *group,
                                    uint64_t now_ms)
{
    if (group->state == GP__GROUP_HELD) {
        gp__queue_loosen(queue, group);
        return GP__QUEUE_UNHELD;
    }
    if (warns_at(queue, group) <= now_ms) {
        group->flags |= GP__GROUP_WARNED;
        group->message->flags |= GP__QUEUED_CHANGED;
        gp__queue_arm(queue, group);
        return GP__QUEUE_WARN;
    }
    if (group->state == GP__GROUP_READY && gives_up_at(queue, group) <= now_ms) {
        gp__queue_loosen(queue, group);
        return GP__QUEUE_EXPIRED;
    }
    if (group->state == GP__GROUP_WAITING && group->due_ms <= now_ms) {
        gp__queue_loosen(queue, group);
        gp__queue_make_ready(queue, group, now_ms);
        return GP__QUEUE_NOTHING;
    }
    gp__queue_arm(queue, group); /* the plan has changed since: later */
    return GP__QUEUE_NOTHING;
}

enum gp__queue_event gp__queue_event(struct gp__queue *queue, uint64_t now_ms,
                                     struct gp__group **group_r)
{
    while (gp__heap_first_key(&queue->due) <= now_ms) {
        enum gp__queue_event event;

        *group_r = gp__heap_first(&queue->due);
        event = on_time(queue, *group_r, now_ms);
        if (event != GP__QUEUE_NOTHING)
            return event;
    }
    return GP__QUEUE_NOTHING;
}

uint64_t gp__queue_next(const struct gp__queue *queue)
{
    uint64_t next = gp__heap_first_key(&queue->due);

    if (queue->free)
        next = least(next,
                     least(gp__heap_first_key(&queue->waiting), gp__queue_targets_next(queue)));
    return next;
}
