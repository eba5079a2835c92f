// SPDX-License-Identifier: Apache-2.0
/* Inside the schedule: what its files share. */
#ifndef GP_DELIVERY_QUEUE_INTERNAL_H
#define GP_DELIVERY_QUEUE_INTERNAL_H

#include "core/base/map.h"
#include "core/delivery/queue.h"

#define GP__QUEUE_LEVELS 64u
#define GP__QUEUE_STOPS 16u

/* ---- rings ---- */

#define GP__RING_ADD(head, item)                                                                   \
    do {                                                                                           \
        if (head) {                                                                                \
            (item)->next = (head);                                                                 \
            (item)->prev = (head)->prev;                                                           \
            (head)->prev->next = (item);                                                           \
            (head)->prev = (item);                                                                 \
        } else {                                                                                   \
            (head) = (item)->next = (item)->prev = (item);                                         \
        }                                                                                          \
    } while (0)

#define GP__RING_REMOVE(head, item)                                                                \
    do {                                                                                           \
        if ((item)->next == (item)) {                                                              \
            (head) = NULL;                                                                         \
        } else {                                                                                   \
            (item)->next->prev = (item)->prev;                                                     \
            (item)->prev->next = (item)->next;                                                     \
            if ((head) == (item))                                                                  \
                (head) = (item)->next;                                                             \
        }                                                                                          \
        (item)->next = (item)->prev = NULL;                                                        \
    } while (0)

/* Groups of one tenant that wait for a place, oldest first. Exists while there are any. */
struct gp__queue_lane {
    struct gp__link link; /* by destination and tenant */
    struct gp__queue_destination *destination;
    struct gp__queue_lane *next, *prev; /* all of the destination, in a ring */
    struct gp__group *first, *last;
    uint32_t fair;
};

/* What holds for all destinations of a target. */
struct gp__queue_target {
    struct gp__queue_target *all;         /* the next of all targets */
    struct gp__queue_target *next, *prev; /* of the ring of those that have somebody parked */
    struct gp__queue_destination *parked; /* ring: could be tried, but for this; whose turn it is */
    uint64_t ready_at_ms;                 /* not before */
    uint64_t grow_at_ms;                  /* one more than `window` from then on */
    uint64_t n_put_off;
    uint32_t window; /* attempts at a time; UINT32_MAX: no limit is known */
    uint32_t n_taken;
    uint32_t ended; /* since the window was widened */
    gp__name name;
};

struct gp__queue_destination {
    struct gp__link link;                      /* by target and domain */
    struct gp__queue_destination *next, *prev; /* of a ring: the level's, the idle or parked ones */
    struct gp__queue_target *limits;
    struct gp__queue_lane *lanes; /* whose turn it is; NULL: none */
    const struct gp__plan_queue *policy;
    uint64_t ready_at_ms; /* not before */
    uint64_t rate_at_us;  /* when what was taken would have been at an even pace */
    uint64_t domain_hash;
    uint32_t heap; /* place among those that wait for their time */
    uint32_t n_groups, n_ready, n_taken;
    uint32_t window; /* attempts at a time, in 256ths */
    uint32_t deaf;   /* answers of attempts begun before it was slowed down: they say the same */
    uint32_t failures;
    uint16_t carrier;
    uint16_t level; /* + 1; 0: in no ring */
    gp__name target;
    bool idle;   /* in the list of those without groups */
    bool parked; /* waits for its target */
    uint16_t domain_len;
    char domain[]; /* lower case; empty: the target is all of it */
};

struct gp__queue_carrier {
    unsigned room, taken;
};

/* What a name means: as a route, by the plan. */
struct gp__queue_name {
    struct gp_slice text;
    const struct gp__plan_queue *policy; /* NULL: no route of the plan */
    gp__name target;
    bool per_domain;
    struct gp__queue_target *limits; /* as a target; or NULL */
};

/* A text that groups share. */
struct gp__queue_text {
    struct gp__link link; /* by hash */
    uint32_t refs, number;
    uint32_t remote_len, len;
    char bytes[]; /* the remote, then the text */
};

struct gp__queue_pause {
    struct gp__queue_filter filter;
    char *text;
};

/* Where somebody stopped, who goes on with the next message. */
struct gp__queue_stop {
    struct gp__place after; /* segment 0: none */
    struct gp__queued *next;
};

struct gp__queue {
    const struct gp__plan *plan;
    struct gp__arena *arena; /* of names */
    struct gp__map name_map; /* to number */
    struct gp__queue_name *names;
    size_t n_names, names_cap;

    struct gp__links messages, destinations, lanes;
    struct gp__queue_segment **segments; /* by number, ascending */
    size_t n_segments, segments_cap;

    struct gp__heap due;     /* groups */
    struct gp__heap waiting; /* destinations that may not be tried yet */
    struct gp__queue_destination *levels[GP__QUEUE_LEVELS]; /* rings; whose turn it is */
    uint64_t level_bits;
    struct gp__queue_destination *idle; /* ring, oldest first */
    size_t n_idle;
    struct gp__queue_target *targets; /* all */
    struct gp__queue_target *limited; /* ring: have somebody parked */

    struct gp__queue_carrier carriers[GP__QUEUE_CARRIERS_MAX];
    unsigned n_carriers; /* beyond them none has room */
    unsigned free;       /* places of all */

    struct gp__links texts;
    struct gp__queue_text **text_by_number;
    size_t n_texts, texts_cap;
    uint32_t *free_texts;
    size_t n_free_texts, free_texts_cap;
    size_t text_bytes;

    struct gp__queue_stop stops[GP__QUEUE_STOPS]; /* the last few */
    unsigned n_stops;

    struct gp__queue_pause pauses[GP__QUEUE_PAUSES_MAX];
    size_t n_pauses;

    uint64_t random;
    uint64_t n_groups, by_state[GP__GROUP_STATES];
    size_t destination_bytes;
};

/* What malloc takes for so many bytes, as glibc does on 64-bit machines. */
static inline size_t gp__queue_chunk(size_t size)
{
    return size <= 24 ? 32 : (size + 8 + 15) / 16 * 16;
}

/* Where a segment is among them, or belongs. */
size_t gp__queue_find_segment(const struct gp__queue *queue, uint64_t number);

/* 0 to bound - 1. */
uint64_t gp__queue_random(struct gp__queue *queue, uint64_t bound);

/* ---- queue_place.c: where a group stands ---- */

void gp__queue_set_state(struct gp__queue *queue, struct gp__group *group,
                         enum gp__group_state state);

/* Arms its timer by its state. */
void gp__queue_arm(struct gp__queue *queue, struct gp__group *group);

/* Into its lane, or PAUSED. */
void gp__queue_make_ready(struct gp__queue *queue, struct gp__group *group, uint64_t now_ms);

/* ---- queue_destination.c ---- */

struct gp__queue_destination *gp__queue_destination(struct gp__queue *queue, gp__name target,
                                                    struct gp_slice domain);

/* It has one group more, or less: goes with its last one, later. */
void gp__queue_destination_ref(struct gp__queue *queue, struct gp__queue_destination *destination);
void gp__queue_destination_unref(struct gp__queue *queue,
                                 struct gp__queue_destination *destination);

/* Into the ring or the heap it belongs in now, or in none. */
void gp__queue_destination_file(struct gp__queue *queue, struct gp__queue_destination *destination,
                                uint64_t now_ms);

void gp__queue_lane_add(struct gp__queue *queue, struct gp__group *group);
/* One that was added just now comes first. */
void gp__queue_lane_first(struct gp__group *group);

void gp__queue_lane_remove(struct gp__queue *queue, struct gp__group *group);

/* Out of the ring, until its target has room. */
void gp__queue_destination_park(struct gp__queue *queue, struct gp__queue_destination *destination);

void gp__queue_destinations_free(struct gp__queue *queue);

/* ---- queue_target.c ---- */

#define GP__QUEUE_LIMIT_MAX_MS 3600000u

struct gp__queue_target *gp__queue_target_of(struct gp__queue *queue, gp__name name);
void gp__queue_targets_free(struct gp__queue *queue);

/* Whether one more attempt may be made now. */
bool gp__queue_target_takes(const struct gp__queue_target *target, uint64_t now_ms);

/* An attempt begins; is over. */
void gp__queue_target_taken(struct gp__queue_target *target, uint64_t now_ms);
void gp__queue_target_given_back(const struct gp__queue *queue, struct gp__queue_target *target);

/* Into the ring of those who wait for their target; out of it. */
void gp__queue_park(struct gp__queue *queue, struct gp__queue_destination *destination);
void gp__queue_unpark(struct gp__queue *queue, struct gp__queue_destination *destination);

/* One destination of each target that has room now comes back. */
void gp__queue_targets_wake(struct gp__queue *queue, uint64_t now_ms);

/* When one of them has, if nothing else happens; UINT64_MAX: never. */
uint64_t gp__queue_targets_next(const struct gp__queue *queue);

/* ---- queue_text.c ---- */

/* A number for text and remote; 0: there is none, or too many are kept already. */
uint32_t gp__queue_text_take(struct gp__queue *queue, struct gp_slice text, struct gp_slice remote);
void gp__queue_text_drop(struct gp__queue *queue, uint32_t number);
void gp__queue_texts_free(struct gp__queue *queue);

/* ---- queue_select.c ---- */

/* A message leaves its place, or has come into its place. */
void gp__queue_stops_pass(struct gp__queue *queue, const struct gp__queued *message);
void gp__queue_stops_see(struct gp__queue *queue, struct gp__queued *message);

bool gp__queue_is_paused(const struct gp__queue *queue, const struct gp__group *group);
void gp__queue_pauses_free(struct gp__queue *queue);

#endif
