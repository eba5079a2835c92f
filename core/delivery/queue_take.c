// SPDX-License-Identifier: Apache-2.0
/* Who is tried next, and what is learned about destinations by it. */
#include "core/delivery/queue_internal.h"

#include <stdlib.h>

#define ONE 256u /* of a window */
#define INITIAL_WINDOW (5u << 8)
#define PROBE_MS 15000u /* after the first failure; twice as long after each */
#define PROBE_MAX_MS 600000u
#define SLOW_MS 1000u
#define PAUSE_MAX_MS 3600000u

/* ---- carriers ---- */

void gp__queue_carrier(struct gp__queue *queue, unsigned number, unsigned room)
{
    struct gp__queue_carrier *carrier = &queue->carriers[number];
    unsigned free = 0;

    if (number >= GP__QUEUE_CARRIERS_MAX)
        abort(); /* the caller counts them */
    carrier->room = room;
    if (number >= queue->n_carriers)
        queue->n_carriers = number + 1;
    for (unsigned i = 0; i < queue->n_carriers; i++)
        if (queue->carriers[i].room > queue->carriers[i].taken)
            free += queue->carriers[i].room - queue->carriers[i].taken;
    queue->free = free;
}

static unsigned room_of(const struct gp__queue *queue, unsigned number)
{
    const struct gp__queue_carrier *carrier = &queue->carriers[number];

    return carrier->room > carrier->taken ? carrier->room - carrier->taken : 0;
}

/* Where the connections are that it had, if there is room; else where most room is. */
static unsigned choose_carrier(const struct gp__queue *queue,
                               const struct gp__queue_destination *destination)
{
    unsigned best = 0;

    if (destination->carrier < queue->n_carriers && room_of(queue, destination->carrier))
        return destination->carrier;
    for (unsigned i = 1; i < queue->n_carriers; i++)
        if (room_of(queue, i) > room_of(queue, best))
            best = i;
    return best;
}

static void occupy(struct gp__queue *queue, struct gp__group *group)
{
    unsigned carrier = choose_carrier(queue, group->destination);

    group->destination->carrier = (uint16_t)carrier;
    group->in.taken.carrier = carrier;
    group->in.taken.attempt = 0;
    queue->carriers[carrier].taken++;
    queue->free--;
}

static void vacate(struct gp__queue *queue, unsigned number)
{
    struct gp__queue_carrier *carrier = &queue->carriers[number];

    if (carrier->taken-- <= carrier->room)
        queue->free++;
}

/* ---- taking ---- */

static void wake_destinations(struct gp__queue *queue, uint64_t now_ms)
{
    while (gp__heap_first_key(&queue->waiting) <= now_ms)
        gp__queue_destination_file(queue, gp__heap_first(&queue->waiting), now_ms);
}

/* Paces what is taken evenly, with bursts of a second's worth. */
static void pace(struct gp__queue_destination *destination, uint64_t now_ms)
{
    const struct gp__plan_queue *policy = destination->policy;
    uint64_t step_us, now_us = now_ms * 1000;

    if (policy->rate == 0)
        return;
    step_us = policy->rate_period_ms * 1000 / policy->rate;
    if (destination->rate_at_us < now_us)
        destination->rate_at_us = now_us;
    destination->rate_at_us += step_us;
    if (destination->rate_at_us > now_us + 1000000 &&
        destination->ready_at_ms < (destination->rate_at_us - 1000000 + 999) / 1000)
        destination->ready_at_ms = (destination->rate_at_us - 1000000 + 999) / 1000;
}

/* The destination with fewest attempts under way, if it may have one more: as many as stay free. So
 * some places are always left for one that comes new, however many are greedy. */
static struct gp__queue_destination *choose(const struct gp__queue *queue)
{
    unsigned level;

    if (queue->free == 0 || queue->level_bits == 0)
        return NULL;
    level = (unsigned)__builtin_ctzll(queue->level_bits);
    return level == 0 || level < queue->free ? queue->levels[level] : NULL;
}

struct gp__group *gp__queue_take(struct gp__queue *queue, uint64_t now_ms)
{
    struct gp__queue_destination *destination;
    struct gp__group *group;

    wake_destinations(queue, now_ms);
    gp__queue_targets_wake(queue, now_ms);
    while ((destination = choose(queue)) && !gp__queue_target_takes(destination->limits, now_ms))
        gp__queue_destination_park(queue, destination);
    if (!destination)
        return NULL;
    group = destination->lanes->first;
    destination->lanes = destination->lanes->next; /* the next tenant's turn */
    gp__queue_lane_remove(queue, group);
    gp__heap_remove(&queue->due, group);
    gp__queue_set_state(queue, group, GP__GROUP_TAKEN);
    occupy(queue, group);
    destination->n_taken++;
    gp__queue_target_taken(destination->limits, now_ms);
    pace(destination, now_ms);
    gp__queue_destination_file(queue, destination, now_ms);
    return group;
}

/* ---- giving back ---- */

static void later(struct gp__queue_destination *destination, uint64_t at_ms)
{
    if (destination->ready_at_ms < at_ms)
        destination->ready_at_ms = at_ms;
}

/* Additive increase: one more after as many successes as there are places. */
static void widen(struct gp__queue_destination *destination)
{
    uint64_t most = destination->policy->connections * ONE;

    destination->failures = 0;
    destination->window += (ONE * ONE + destination->window - 1) / destination->window;
    if (destination->window > most)
        destination->window = (uint32_t)most;
}

/* What is still under way was begun before: it does not count a second time. */
static void slow_down(struct gp__queue_destination *destination, uint64_t pause_ms, uint64_t now_ms)
{
    if (pause_ms > PAUSE_MAX_MS)
        pause_ms = PAUSE_MAX_MS;
    later(destination, now_ms + (pause_ms ? pause_ms : SLOW_MS));
    if (destination->deaf)
        return;
    destination->window = destination->window / 2 < ONE ? ONE : destination->window / 2;
    destination->deaf = destination->n_taken;
}

static void went_down(struct gp__queue *queue, struct gp__queue_destination *destination,
                      uint64_t now_ms)
{
    uint64_t wait = PROBE_MS;

    if (destination->deaf)
        return;
    for (uint32_t i = 0; i < destination->failures && wait < PROBE_MAX_MS; i++)
        wait *= 2;
    if (wait > PROBE_MAX_MS)
        wait = PROBE_MAX_MS;
    later(destination, now_ms + wait - wait / 8 + gp__queue_random(queue, wait / 4));
    destination->failures++;
    destination->window = INITIAL_WINDOW;
    destination->deaf = destination->n_taken;
}

void gp__queue_give_back(struct gp__queue *queue, struct gp__group *group,
                         enum gp__feedback feedback, uint64_t pause_ms, uint64_t now_ms)
{
    struct gp__queue_destination *destination = group->destination;
    bool deaf = destination->deaf > 0;

    vacate(queue, group->in.taken.carrier);
    destination->n_taken--;
    gp__queue_target_given_back(queue, destination->limits);
    switch (feedback) {
    case GP__FEEDBACK_NONE:
        break;
    case GP__FEEDBACK_GOOD:
        widen(destination);
        break;
    case GP__FEEDBACK_SLOW:
        destination->failures = 0;
        slow_down(destination, pause_ms, now_ms);
        break;
    case GP__FEEDBACK_DOWN:
        went_down(queue, destination, now_ms);
        break;
    }
    if (deaf)
        destination->deaf--;
    gp__queue_set_state(queue, group, GP__GROUP_LOOSE);
    gp__queue_destination_file(queue, destination, now_ms);
}

void gp__queue_wake(struct gp__queue *queue, struct gp__group *group, uint64_t now_ms)
{
    struct gp__queue_destination *destination = group->destination;

    destination->ready_at_ms = 0;
    destination->failures = 0;
    destination->deaf = 0;
    gp__queue_destination_file(queue, destination, now_ms);
}
