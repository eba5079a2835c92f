// SPDX-License-Identifier: Apache-2.0
/* Destinations and their lanes: where groups wait for a place, and how many places there are. */
#include "core/base/alloc.h"
#include "core/base/ascii.h"
#include "core/base/hash.h"
#include "core/delivery/queue_internal.h"

#include <string.h>

#define IDLE_MAX 4096u /* without groups, kept for what was learned about them */
#define INITIAL_WINDOW (5u << 8)

/* The link comes first in both. */
#define DESTINATION(link_) ((struct gp__queue_destination *)(void *)(link_))
#define LANE(link_) ((struct gp__queue_lane *)(void *)(link_))

/* ---- destinations ---- */

static uint64_t hash_of(gp__name target, struct gp_slice domain)
{
    return gp__queue_hash(domain) + target * 0x9e3779b97f4a7c15u;
}

static size_t size_of(struct gp_slice domain)
{
    return sizeof(struct gp__queue_destination) + domain.len;
}

static struct gp__queue_destination *create(struct gp__queue *queue, uint64_t hash, gp__name target,
                                            struct gp_slice domain)
{
    struct gp__queue_destination *destination = gp__alloc(size_of(domain));

    destination->link.hash = hash;
    destination->target = target;
    destination->limits = gp__queue_target_of(queue, target);
    destination->window = INITIAL_WINDOW;
    destination->carrier = UINT16_MAX;
    destination->policy = &queue->plan->queues[0];
    destination->domain_hash = domain.len ? gp__queue_hash(domain) : 0;
    destination->domain_len = (uint16_t)domain.len;
    for (size_t i = 0; i < domain.len; i++)
        destination->domain[i] = gp__to_lower(domain.data[i]);
    queue->destination_bytes += gp__queue_chunk(size_of(domain));
    gp__links_add(&queue->destinations, &destination->link);
    return destination;
}

struct gp__queue_destination *gp__queue_destination(struct gp__queue *queue, gp__name target,
                                                    struct gp_slice domain)
{
    uint64_t hash;
    struct gp__link *link;

    domain = gp_slice_sub(domain, 0, 255); /* no name of the DNS is longer */
    hash = hash_of(target, domain);
    link = gp__links_first(&queue->destinations, hash);
    for (; link; link = gp__links_next(link)) {
        struct gp__queue_destination *destination = DESTINATION(link);

        if (destination->target == target &&
            gp_slice_caseeq(gp_slice(destination->domain, destination->domain_len), domain))
            return destination;
    }
    return create(queue, hash, target, domain);
}

static void forget(struct gp__queue *queue, struct gp__queue_destination *destination)
{
    struct gp_slice domain = gp_slice(destination->domain, destination->domain_len);

    queue->destination_bytes -= gp__queue_chunk(size_of(domain));
    gp__links_remove(&queue->destinations, &destination->link);
    gp__free(destination);
}

static void leave_idle(struct gp__queue *queue, struct gp__queue_destination *destination)
{
    GP__RING_REMOVE(queue->idle, destination);
    destination->idle = false;
    queue->n_idle--;
}

void gp__queue_destination_ref(struct gp__queue *queue, struct gp__queue_destination *destination)
{
    if (destination->n_groups++ == 0 && destination->idle)
        leave_idle(queue, destination);
}

void gp__queue_destination_unref(struct gp__queue *queue, struct gp__queue_destination *destination)
{
    if (--destination->n_groups > 0)
        return;
    gp__heap_remove(&queue->waiting, destination); /* nothing waits for its time */
    GP__RING_ADD(queue->idle, destination);
    destination->idle = true;
    if (++queue->n_idle > IDLE_MAX) {
        struct gp__queue_destination *oldest = queue->idle;

        leave_idle(queue, oldest);
        forget(queue, oldest);
    }
}

gp__name gp__queue_target(const struct gp__group *group)
{
    return group->destination->target;
}

/* How many attempts at a time. One that is down is probed with one. */
static uint32_t limit_of(const struct gp__queue_destination *destination)
{
    uint64_t most = destination->policy->connections;
    uint32_t window = destination->window >> 8;

    if (destination->failures)
        return 1;
    return window > most ? (uint32_t)most : window;
}

static void leave_ring(struct gp__queue *queue, struct gp__queue_destination *destination)
{
    unsigned level = destination->level;

    if (level-- == 0)
        return;
    GP__RING_REMOVE(queue->levels[level], destination);
    if (!queue->levels[level])
        queue->level_bits &= ~((uint64_t)1 << level);
    destination->level = 0;
}

void gp__queue_destination_park(struct gp__queue *queue, struct gp__queue_destination *destination)
{
    leave_ring(queue, destination);
    gp__queue_park(queue, destination);
}

static void enter_ring(struct gp__queue *queue, struct gp__queue_destination *destination)
{
    unsigned level = destination->n_taken < GP__QUEUE_LEVELS ? destination->n_taken
                                                             : GP__QUEUE_LEVELS - 1;

    if (destination->level == level + 1)
        return; /* keeps its turn */
    leave_ring(queue, destination);
    GP__RING_ADD(queue->levels[level], destination);
    queue->level_bits |= (uint64_t)1 << level;
    destination->level = (uint16_t)(level + 1);
}

void gp__queue_destination_file(struct gp__queue *queue, struct gp__queue_destination *destination,
                                uint64_t now_ms)
{
    bool wants = destination->n_ready > 0 && destination->n_taken < limit_of(destination);
    bool now = wants && destination->ready_at_ms <= now_ms;

    if (destination->parked && now)
        return; /* keeps its turn */
    if (destination->parked)
        gp__queue_unpark(queue, destination);
    if (now)
        enter_ring(queue, destination);
    else
        leave_ring(queue, destination);
    if (wants && destination->ready_at_ms > now_ms)
        gp__heap_set(&queue->waiting, destination, destination->ready_at_ms);
    else
        gp__heap_remove(&queue->waiting, destination);
}

/* ---- lanes ---- */

static uint64_t lane_hash(const struct gp__queue_destination *destination, uint32_t fair)
{
    return destination->link.hash ^ (fair + 1) * 0x9e3779b97f4a7c15u;
}

static struct gp__queue_lane *lane_of(struct gp__queue *queue,
                                      struct gp__queue_destination *destination, uint32_t fair)
{
    uint64_t hash = lane_hash(destination, fair);
    struct gp__link *link = gp__links_first(&queue->lanes, hash);
    struct gp__queue_lane *lane;

    for (; link; link = gp__links_next(link))
        if (LANE(link)->destination == destination && LANE(link)->fair == fair)
            return LANE(link);
    lane = gp__alloc(sizeof *lane);
    lane->link.hash = hash;
    lane->destination = destination;
    lane->fair = fair;
    gp__links_add(&queue->lanes, &lane->link);
    GP__RING_ADD(destination->lanes, lane);
    return lane;
}

void gp__queue_lane_add(struct gp__queue *queue, struct gp__group *group)
{
    struct gp__queue_lane *lane = lane_of(queue, group->destination, group->fair);

    group->in.ready.lane = lane;
    group->in.ready.next = NULL;
    group->in.ready.prev = lane->last;
    if (lane->last)
        lane->last->in.ready.next = group;
    else
        lane->first = group;
    lane->last = group;
    group->destination->n_ready++;
}

void gp__queue_lane_first(struct gp__group *group)
{
    struct gp__queue_lane *lane = group->in.ready.lane;

    if (lane->first == group)
        return;
    lane->last = group->in.ready.prev; /* it was added just now */
    lane->last->in.ready.next = NULL;
    group->in.ready.prev = NULL;
    group->in.ready.next = lane->first;
    lane->first->in.ready.prev = group;
    lane->first = group;
}

void gp__queue_lane_remove(struct gp__queue *queue, struct gp__group *group)
{
    struct gp__queue_lane *lane = group->in.ready.lane;

    if (group->in.ready.prev)
        group->in.ready.prev->in.ready.next = group->in.ready.next;
    else
        lane->first = group->in.ready.next;
    if (group->in.ready.next)
        group->in.ready.next->in.ready.prev = group->in.ready.prev;
    else
        lane->last = group->in.ready.prev;
    group->destination->n_ready--;
    if (lane->first)
        return;
    GP__RING_REMOVE(group->destination->lanes, lane);
    gp__links_remove(&queue->lanes, &lane->link);
    gp__free(lane);
}

/* ---- all ---- */

void gp__queue_destinations_free(struct gp__queue *queue)
{
    struct gp__link *link;

    while ((link = gp__links_any(&queue->destinations)))
        forget(queue, DESTINATION(link));
    gp__links_free(&queue->destinations);
}

static void describe(const struct gp__queue *queue, const struct gp__queue_destination *destination,
                     struct gp__queue_destination_stats *stats)
{
    *stats = (struct gp__queue_destination_stats){
        .target = gp__queue_name_text(queue, destination->target),
        .domain = gp_slice(destination->domain, destination->domain_len),
        .waiting = destination->n_groups - destination->n_ready - destination->n_taken,
        .ready = destination->n_ready,
        .taken = destination->n_taken,
        .window = limit_of(destination),
        .failures = destination->failures,
        .ready_at_ms = destination->heap ? destination->ready_at_ms : 0,
    };
}

void gp__queue_each_destination(const struct gp__queue *queue,
                                void (*each)(void *arg,
                                             const struct gp__queue_destination_stats *stats),
                                void *arg)
{
    for (size_t i = 0; i < queue->destinations.n_buckets; i++) {
        for (struct gp__link *link = queue->destinations.buckets[i]; link; link = link->next) {
            struct gp__queue_destination_stats stats;

            if (DESTINATION(link)->idle)
                continue;
            describe(queue, DESTINATION(link), &stats);
            each(arg, &stats);
        }
    }
}
