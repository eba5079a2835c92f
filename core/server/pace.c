// SPDX-License-Identifier: Apache-2.0
/* The own table is written by nobody else; those of other workers are only read. */
#include "core/server/pace.h"

#include "core/base/alloc.h"

#include <stddef.h>

#define WAYS 4u

/* ---- numbers that other processes read ---- */

static uint64_t get(const _Atomic uint64_t *number)
{
    return atomic_load_explicit(number, memory_order_relaxed);
}

static void set(_Atomic uint64_t *number, uint64_t value)
{
    atomic_store_explicit(number, value, memory_order_relaxed);
}

/* ---- the tables ---- */

void gp__pace_join(struct gp__pace *pace, const struct gp__census *census)
{
    if (!census->head || census->own == GP__CENSUS_NONE)
        return;
    pace->census = census;
    pace->slots = gp__census_paces(census, census->own);
}

static struct gp__pace_slot *set_of(struct gp__pace_slot *slots, uint64_t key)
{
    return &slots[key * WAYS & (GP__CENSUS_PACES - 1)];
}

static const struct gp__pace_slot *find(struct gp__pace_slot *slots, uint64_t key)
{
    const struct gp__pace_slot *in = set_of(slots, key);

    for (unsigned i = 0; i < WAYS; i++)
        if (get(&in[i].since) && get(&in[i].key) == key)
            return &in[i];
    return NULL;
}

/* The slot of a key, or the one that gives way for it: free, or the one longest ago. */
static struct gp__pace_slot *take(struct gp__pace *pace, uint64_t key)
{
    struct gp__pace_slot *in = set_of(pace->slots, key), *oldest = in;

    for (unsigned i = 0; i < WAYS; i++) {
        if (get(&in[i].since) && get(&in[i].key) == key)
            return &in[i];
        if (get(&in[i].since) < get(&oldest->since))
            oldest = &in[i];
    }
    set(&oldest->since, 0);
    set(&oldest->now, 0);
    set(&oldest->key, key);
    return oldest;
}

/* ---- windows ---- */

/* Counts of the period that runs and of the one before, which counts in proportion to how much of it
 * still lies within the window. */
struct window {
    uint64_t since, period_ms, left_ms;
    uint64_t now, before;
};

static struct window window_at(uint64_t now_ms, uint64_t period_ms)
{
    uint64_t gone = now_ms % period_ms;

    return (struct window){
        .since = now_ms - gone + 1, .period_ms = period_ms, .left_ms = period_ms - gone};
}

/* A slot may be a period behind, when nobody has come to it since, or ahead: another process may have
 * looked at the clock a little later. */
static void add(struct window *window, const struct gp__pace_slot *slot)
{
    uint64_t since = slot ? get(&slot->since) : 0;

    if (since == window->since) {
        window->now += get(&slot->now);
        window->before += get(&slot->before);
    } else if (since && since + window->period_ms == window->since) {
        window->before += get(&slot->now);
    } else if (since == window->since + window->period_ms) {
        window->now += get(&slot->now) + get(&slot->before);
    }
}

static void add_others(struct window *window, const struct gp__pace *pace, uint64_t key)
{
    for (uint32_t i = 0; pace->census && i < gp__census_used(pace->census); i++)
        if (i != pace->census->own)
            add(window, find(gp__census_paces(pace->census, i), key));
}

static uint64_t total(const struct window *window)
{
    double before = (double)window->before * (double)window->left_ms / (double)window->period_ms;

    return window->now + (uint64_t)(before + 0.5);
}

static void turn(struct gp__pace_slot *slot, const struct window *window)
{
    uint64_t since = get(&slot->since);

    if (since == window->since)
        return;
    set(&slot->before, since && since + window->period_ms == window->since ? get(&slot->now) : 0);
    set(&slot->now, 0);
    set(&slot->since, window->since);
}

bool gp__pace_take(struct gp__pace *pace, uint64_t key, uint64_t now_ms, const struct gp_rate *rate)
{
    struct gp__pace_slot *slot;
    struct window window;

    if (rate->count == 0)
        return true;
    if (!pace->slots)
        pace->slots = gp__alloc_array(GP__CENSUS_PACES, sizeof *pace->slots);
    window = window_at(now_ms, rate->period_ms);
    slot = take(pace, key);
    turn(slot, &window);
    add(&window, slot);
    add_others(&window, pace, key);
    if (total(&window) >= (uint64_t)rate->count)
        return false;
    set(&slot->now, get(&slot->now) + 1);
    return true;
}

void gp__pace_free(struct gp__pace *pace)
{
    if (!pace->census)
        gp__free(pace->slots);
    *pace = (struct gp__pace){.slots = NULL};
}
