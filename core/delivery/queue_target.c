// SPDX-License-Identifier: Apache-2.0
/*
 * Targets whose limits hold for all of their destinations together: source addresses that may not
 * carry more for now. Destinations of such a target are parked when their turn comes, and come back
 * one after the other when there is room; so nobody else waits, however many they are.
 */
#include "core/base/alloc.h"
#include "core/delivery/queue_internal.h"

#define GROW_MS 1000u /* after so long one more is tried, whether anything ended or not */
#define UNLIMITED UINT32_MAX

struct gp__queue_target *gp__queue_target_of(struct gp__queue *queue, gp__name name)
{
    struct gp__queue_target *target = queue->names[name].limits;

    if (target)
        return target;
    target = gp__alloc(sizeof *target);
    target->name = name;
    target->window = UNLIMITED;
    target->all = queue->targets;
    queue->targets = target;
    queue->names[name].limits = target;
    queue->destination_bytes += gp__queue_chunk(sizeof *target);
    return target;
}

void gp__queue_targets_free(struct gp__queue *queue)
{
    while (queue->targets) {
        struct gp__queue_target *target = queue->targets;

        queue->targets = target->all;
        gp__free(target);
    }
}

/* ---- parking ---- */

bool gp__queue_target_takes(const struct gp__queue_target *target, uint64_t now_ms)
{
    return now_ms >= target->ready_at_ms &&
           (target->n_taken < target->window || now_ms >= target->grow_at_ms);
}

void gp__queue_park(struct gp__queue *queue, struct gp__queue_destination *destination)
{
    struct gp__queue_target *target = destination->limits;

    if (!target->parked)
        GP__RING_ADD(queue->limited, target);
    GP__RING_ADD(target->parked, destination);
    destination->parked = true;
}

void gp__queue_unpark(struct gp__queue *queue, struct gp__queue_destination *destination)
{
    struct gp__queue_target *target = destination->limits;

    GP__RING_REMOVE(target->parked, destination);
    destination->parked = false;
    if (!target->parked)
        GP__RING_REMOVE(queue->limited, target);
}

void gp__queue_targets_wake(struct gp__queue *queue, uint64_t now_ms)
{
    struct gp__queue_target *target = queue->limited, *next, *last = target ? target->prev : NULL;

    for (; target; target = next) {
        struct gp__queue_destination *first = target->parked;

        next = target == last ? NULL : target->next;
        if (!gp__queue_target_takes(target, now_ms))
            continue;
        gp__queue_unpark(queue, first);
        gp__queue_destination_file(queue, first, now_ms);
    }
}

uint64_t gp__queue_targets_next(const struct gp__queue *queue)
{
    const struct gp__queue_target *target = queue->limited;
    uint64_t next = UINT64_MAX;

    if (!target)
        return next;
    do {
        uint64_t at = target->ready_at_ms;

        if (target->n_taken >= target->window && at < target->grow_at_ms)
            at = target->grow_at_ms;
        next = at < next ? at : next;
        target = target->next;
    } while (target != queue->limited);
    return next;
}

/* ---- how many at a time ---- */

void gp__queue_target_taken(struct gp__queue_target *target, uint64_t now_ms)
{
    target->n_taken++;
    if (target->n_taken <= target->window)
        return;
    target->window = target->n_taken;
    target->grow_at_ms = now_ms + GROW_MS;
}

/* One more after as many as there may be; none of it counts once there is room for all. */
void gp__queue_target_given_back(const struct gp__queue *queue, struct gp__queue_target *target)
{
    target->n_taken--;
    if (target->window == UNLIMITED || ++target->ended < target->window)
        return;
    target->ended = 0;
    if (++target->window > queue->free + target->n_taken)
        target->window = UNLIMITED;
}

bool gp__queue_limit(const struct gp__group *group, uint64_t wait_ms, uint64_t now_ms)
{
    struct gp__queue_target *target = group->destination->limits;
    bool is_new = target->window == UNLIMITED;

    target->window = target->n_taken ? target->n_taken : 1;
    target->ended = 0;
    target->n_put_off++;
    if (wait_ms == 0 && target->n_taken == 0) /* nothing of ours ends: others have them */
        wait_ms = GROW_MS;
    if (wait_ms > GP__QUEUE_LIMIT_MAX_MS)
        wait_ms = GP__QUEUE_LIMIT_MAX_MS;
    if (target->ready_at_ms < now_ms + wait_ms)
        target->ready_at_ms = now_ms + wait_ms;
    target->grow_at_ms = now_ms + wait_ms + GROW_MS;
    return is_new;
}

void gp__queue_put_off(struct gp__queue *queue, struct gp__group *group, uint64_t now_ms)
{
    uint64_t since = group->due_ms;

    gp__queue_make_ready(queue, group, now_ms);
    if (group->state != GP__GROUP_READY)
        return;
    gp__queue_lane_first(group);
    group->due_ms = since; /* it has waited since then: that ends some day */
    gp__queue_arm(queue, group);
}

/* ---- figures ---- */

void gp__queue_each_limited(const struct gp__queue *queue, uint64_t now_ms,
                            void (*each)(void *arg, const struct gp__queue_target_stats *stats),
                            void *arg)
{
    for (const struct gp__queue_target *target = queue->targets; target; target = target->all) {
        struct gp__queue_target_stats stats = {
            .target = gp__queue_name_text(queue, target->name),
            .taken = target->n_taken,
            .window = target->window == UNLIMITED ? 0 : target->window,
            .put_off = target->n_put_off,
            .ready_at_ms = target->ready_at_ms > now_ms ? target->ready_at_ms : 0,
        };

        if (target->n_put_off)
            each(arg, &stats);
    }
}
