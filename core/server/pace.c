// SPDX-License-Identifier: Apache-2.0
#include "core/server/pace.h"

#include "core/base/alloc.h"

#include <stddef.h>

#define SETS 16384 /* a power of two */
#define WAYS 4

/* Counts of the period that runs and of the one before, which counts in proportion to how much of
 * it still lies within the window. */
struct gp__pace_slot {
    uint64_t key, period; /* the number of the period + 1; 0: free */
    uint32_t now, before;
};

static struct gp__pace_slot *slot_of(struct gp__pace *pace, uint64_t key)
{
    struct gp__pace_slot *set = &pace->slots[(key & (SETS - 1)) * WAYS], *oldest = set;

    for (int i = 0; i < WAYS; i++) {
        if (set[i].period && set[i].key == key)
            return &set[i];
        if (set[i].period < oldest->period)
            oldest = &set[i];
    }
    *oldest = (struct gp__pace_slot){.key = key};
    return oldest;
}

static void turn(struct gp__pace_slot *slot, uint64_t period)
{
    if (slot->period == period)
        return;
    slot->before = slot->period + 1 == period ? slot->now : 0;
    slot->now = 0;
    slot->period = period;
}

bool gp__pace_take(struct gp__pace *pace, uint64_t key, uint64_t now_ms, const struct gp_rate *rate)
{
    struct gp__pace_slot *slot;
    uint64_t left;

    if (rate->count == 0)
        return true;
    if (!pace->slots)
        pace->slots = gp__alloc_array((size_t)SETS * WAYS, sizeof *pace->slots);
    slot = slot_of(pace, key);
    turn(slot, now_ms / rate->period_ms + 1);
    left = rate->period_ms - now_ms % rate->period_ms;
    if (slot->now + (uint64_t)((double)slot->before * (double)left / (double)rate->period_ms) >=
        (uint64_t)rate->count)
        return false;
    slot->now++;
    return true;
}

void gp__pace_free(struct gp__pace *pace)
{
    GP__FREE(pace->slots);
}
