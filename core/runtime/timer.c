// SPDX-License-Identifier: Apache-2.0
/* The heap of timers: a binary heap of (time, order of arming), each timer knowing its slot. */
#include "core/runtime/timer.h"

#include "core/base/alloc.h"

static bool before(const struct gp__timer_slot *a, const struct gp__timer_slot *b)
{
    return a->key != b->key ? a->key < b->key : a->sequence < b->sequence;
}

static void place(struct gp__timers *timers, size_t index, struct gp__timer_slot slot)
{
    timers->slots[index] = slot;
    slot.timer->slot = index + 1;
}

static void sift_up(struct gp__timers *timers, size_t index, struct gp__timer_slot slot)
{
    while (index > 0) {
        size_t parent = (index - 1) / 2;

        if (!before(&slot, &timers->slots[parent]))
            break;
        place(timers, index, timers->slots[parent]);
        index = parent;
    }
    place(timers, index, slot);
}

static void sift_down(struct gp__timers *timers, size_t index, struct gp__timer_slot slot)
{
    for (;;) {
        size_t child = 2 * index + 1;

        if (child >= timers->count)
            break;
        if (child + 1 < timers->count && before(&timers->slots[child + 1], &timers->slots[child]))
            child++;
        if (!before(&timers->slots[child], &slot))
            break;
        place(timers, index, timers->slots[child]);
        index = child;
    }
    place(timers, index, slot);
}

static void sift(struct gp__timers *timers, size_t index, struct gp__timer_slot slot)
{
    if (index > 0 && before(&slot, &timers->slots[(index - 1) / 2]))
        sift_up(timers, index, slot);
    else
        sift_down(timers, index, slot);
}

void gp__timers_start(struct gp__timers *timers, struct gp__timer *timer, uint64_t at_ms)
{
    struct gp__timer_slot slot = {.key = at_ms, .sequence = timers->sequence++, .timer = timer};

    timer->at_ms = at_ms;
    if (timer->slot == 0) {
        GP__GROW(timers->slots, timers->cap, timers->count + 1);
        timers->count++;
        sift_up(timers, timers->count - 1, slot);
    } else if (at_ms < timers->slots[timer->slot - 1].key) {
        sift_up(timers, timer->slot - 1, slot);
    }
}

void gp__timers_stop(struct gp__timers *timers, struct gp__timer *timer)
{
    if (timer->slot == 0)
        return;
    size_t index = timer->slot - 1;
    struct gp__timer_slot last = timers->slots[--timers->count];

    timer->slot = 0;
    if (last.timer != timer)
        sift(timers, index, last);
}

uint64_t gp__timers_look(const struct gp__timers *timers)
{
    return timers->count > 0 ? timers->slots[0].key : UINT64_MAX;
}

/* Moves timers that were re-armed to a later time down, while they hide the first. */
static void settle(struct gp__timers *timers)
{
    while (timers->count > 0 && timers->slots[0].key < timers->slots[0].timer->at_ms) {
        struct gp__timer_slot slot = timers->slots[0];

        slot.key = slot.timer->at_ms;
        slot.sequence = timers->sequence++;
        sift_down(timers, 0, slot);
    }
}

uint64_t gp__timers_first(struct gp__timers *timers)
{
    settle(timers);
    return gp__timers_look(timers);
}

struct gp__timer *gp__timers_due(struct gp__timers *timers, uint64_t now_ms)
{
    if (gp__timers_look(timers) > now_ms)
        return NULL;
    if (gp__timers_first(timers) > now_ms)
        return NULL;
    struct gp__timer *timer = timers->slots[0].timer;

    gp__timers_stop(timers, timer);
    return timer;
}

void gp__timers_free(struct gp__timers *timers)
{
    for (size_t i = 0; i < timers->count; i++)
        timers->slots[i].timer->slot = 0;
    GP__FREE(timers->slots);
    *timers = (struct gp__timers){0};
}
