// SPDX-License-Identifier: Apache-2.0
/* Messages, groups and names of the schedule. */
#include "core/delivery/queue.h"

#include "core/base/alloc.h"
#include "core/base/arena.h"
#include "core/base/hash.h"
#include "core/delivery/queue_internal.h"

#include <stdlib.h>
#include <string.h>

/* The link comes first in it. */
#define MESSAGE(link_) ((struct gp__queued *)(void *)(link_))

struct gp__queue *gp__queue_create(uint64_t seed)
{
    struct gp__queue *queue = gp__alloc(sizeof *queue);

    queue->arena = gp__arena_create();
    queue->due.place = offsetof(struct gp__group, heap);
    queue->waiting.place = offsetof(struct gp__queue_destination, heap);
    queue->random = seed ? seed : 1;
    (void)gp__queue_name(queue, GP_S("")); /* number 0 is no name */
    return queue;
}

static void free_message(struct gp__queued *message)
{
    while (message->groups) {
        struct gp__group *group = message->groups;

        message->groups = group->sibling;
        gp__free(group);
    }
    gp__free(message);
}

void gp__queue_free(struct gp__queue **queue_)
{
    struct gp__queue *queue = *queue_;
    struct gp__link *link;

    *queue_ = NULL;
    if (!queue)
        return;
    while ((link = gp__links_any(&queue->lanes))) {
        gp__links_remove(&queue->lanes, link);
        gp__free(link);
    }
    for (size_t i = 0; i < queue->n_segments; i++) {
        while (queue->segments[i]->first) {
            struct gp__queued *message = queue->segments[i]->first;

            queue->segments[i]->first = message->next;
            free_message(message);
        }
        gp__free(queue->segments[i]->done);
        gp__free(queue->segments[i]);
    }
    gp__queue_destinations_free(queue);
    gp__queue_targets_free(queue);
    gp__queue_texts_free(queue);
    gp__queue_pauses_free(queue);
    gp__links_free(&queue->messages);
    gp__links_free(&queue->lanes);
    gp__heap_free(&queue->due);
    gp__heap_free(&queue->waiting);
    gp__free(queue->segments);
    gp__free(queue->names);
    gp__map_free(&queue->name_map);
    gp__arena_free(&queue->arena);
    gp__free(queue);
}

/* xorshift64*: jitter needs no more. */
uint64_t gp__queue_random(struct gp__queue *queue, uint64_t bound)
{
    uint64_t x = queue->random;

    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    queue->random = x;
    return bound ? x * 0x2545f4914f6cdd1d % bound : 0;
}

uint64_t gp__queue_hash(struct gp_slice text)
{
    uint64_t hash = gp__hash_nocase(text);

    return hash ? hash : 1;
}

/* ---- names and the plan ---- */

gp__name gp__queue_name_find(const struct gp__queue *queue, struct gp_slice name)
{
    const struct gp__map_entry *entry = name.len ? gp__map_find(&queue->name_map, name) : NULL;

    return entry ? (gp__name)(entry - queue->name_map.entries) : 0;
}

gp__name gp__queue_name(struct gp__queue *queue, struct gp_slice name)
{
    gp__name known = gp__queue_name_find(queue, name);

    if (known || (queue->n_names && name.len == 0) || queue->n_names > GP__QUEUE_NAMES_MAX)
        return known;
    GP__GROW(queue->names, queue->names_cap, queue->n_names + 1);
    name = gp__arena_dup(queue->arena, name);
    queue->names[queue->n_names].text = name;
    (void)gp__map_set(&queue->name_map, name, queue); /* the order of insertion is the number */
    return (gp__name)queue->n_names++;
}

struct gp_slice gp__queue_name_text(const struct gp__queue *queue, gp__name name)
{
    return name && name < queue->n_names ? queue->names[name].text : gp_slice(NULL, 0);
}

void gp__queue_plan(struct gp__queue *queue, const struct gp__plan *plan)
{
    queue->plan = plan;
    for (size_t i = 0; i < queue->n_names; i++)
        queue->names[i].policy = NULL;
    for (size_t i = 0; i < plan->n_routes; i++) {
        const struct gp__plan_route *route = &plan->routes[i];
        gp__name name = gp__queue_name(queue, route->name),
                 target = gp__queue_name(queue, route->target);

        queue->names[name].policy = &plan->queues[route->queue];
        queue->names[name].target = target;
        queue->names[name].per_domain = route->per_domain;
    }
    queue->names[0].policy = NULL; /* one name too many */
    /* Destinations take the policy of whoever comes next; until then the first. */
    for (size_t i = 0; i < queue->destinations.n_buckets; i++)
        for (struct gp__link *link = queue->destinations.buckets[i]; link; link = link->next)
            ((struct gp__queue_destination *)(void *)link)->policy = &plan->queues[0];
    for (size_t i = 0; i < queue->n_segments; i++)
        for (struct gp__queued *m = queue->segments[i]->first; m; m = m->next)
            for (struct gp__group *group = m->groups; group; group = group->sibling)
                group->destination->policy = gp__queue_policy(queue, group);
}

bool gp__queue_knows_route(const struct gp__queue *queue, gp__name route)
{
    return queue->names[route].policy != NULL;
}

bool gp__queue_per_domain(const struct gp__queue *queue, gp__name route)
{
    return gp__queue_knows_route(queue, route) && queue->names[route].per_domain;
}

const struct gp__plan_queue *gp__queue_policy(const struct gp__queue *queue,
                                              const struct gp__group *group)
{
    const struct gp__plan_queue *policy = queue->names[group->route].policy;

    return policy ? policy : &queue->plan->queues[0];
}

/* ---- segments ---- */

/* Where it is, or belongs. */
size_t gp__queue_find_segment(const struct gp__queue *queue, uint64_t number)
{
    size_t low = 0, high = queue->n_segments;

    while (low < high) {
        size_t middle = (low + high) / 2;

        if (queue->segments[middle]->number < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct gp__queue_segment *segment_of(struct gp__queue *queue, uint64_t number)
{
    size_t at = gp__queue_find_segment(queue, number);
    struct gp__queue_segment *segment;

    if (at < queue->n_segments && queue->segments[at]->number == number)
        return queue->segments[at];
    segment = gp__alloc(sizeof *segment);
    segment->number = number;
    GP__GROW(queue->segments, queue->segments_cap, queue->n_segments + 1);
    memmove(&queue->segments[at + 1], &queue->segments[at],
            (queue->n_segments - at) * sizeof(struct gp__queue_segment *));
    queue->segments[at] = segment;
    queue->n_segments++;
    return segment;
}

size_t gp__queue_n_segments(const struct gp__queue *queue)
{
    return queue->n_segments;
}

struct gp__queue_segment *gp__queue_segment_at(const struct gp__queue *queue, size_t i)
{
    return queue->segments[i];
}

void gp__queue_forget_segment(struct gp__queue *queue, uint64_t number)
{
    size_t at = gp__queue_find_segment(queue, number);
    struct gp__queue_segment *segment;

    if (at == queue->n_segments || queue->segments[at]->number != number)
        return;
    segment = queue->segments[at];
    if (segment->first)
        abort(); /* it has mail in it */
    memmove(&queue->segments[at], &queue->segments[at + 1],
            (queue->n_segments - at - 1) * sizeof(struct gp__queue_segment *));
    queue->n_segments--;
    gp__free(segment->done);
    gp__free(segment);
}

void gp__queue_note_done(struct gp__queue *queue, struct gp__place place, uint32_t check)
{
    struct gp__queue_segment *segment = segment_of(queue, place.segment);

    GP__GROW(segment->done, segment->done_cap, segment->n_done + 1);
    segment->done[segment->n_done++] = (struct gp__queue_finished){.offset = place.offset,
                                                                   .check = check};
}

/* ---- messages ---- */

/* By offset: nearly always at the end. */
static void insert(struct gp__queue *queue, struct gp__queued *message,
                   struct gp__queue_segment *segment)
{
    struct gp__queued *before = segment->last;

    while (before && before->offset > message->offset)
        before = before->prev;
    message->segment = segment;
    message->prev = before;
    message->next = before ? before->next : segment->first;
    if (message->next)
        message->next->prev = message;
    else
        segment->last = message;
    if (before)
        before->next = message;
    else
        segment->first = message;
    segment->n_live++;
    gp__queue_stops_see(queue, message);
}

static void unlink_message(struct gp__queue *queue, struct gp__queued *message)
{
    struct gp__queue_segment *segment = message->segment;

    gp__queue_stops_pass(queue, message);
    if (message->prev)
        message->prev->next = message->next;
    else
        segment->first = message->next;
    if (message->next)
        message->next->prev = message->prev;
    else
        segment->last = message->prev;
    segment->n_live--;
}

struct gp__queued *gp__queue_add(struct gp__queue *queue, const struct gp__queue_message *spec)
{
    struct gp__queued *message = gp__alloc(sizeof *message);

    message->link.hash = spec->id;
    message->sender = spec->sender;
    message->arrived_ms = spec->arrived_ms;
    message->offset = spec->place.offset;
    message->flags = spec->large ? GP__QUEUED_LARGE : 0;
    gp__links_add(&queue->messages, &message->link);
    insert(queue, message, segment_of(queue, spec->place.segment));
    return message;
}

struct gp__queued *gp__queue_find(const struct gp__queue *queue, uint64_t id)
{
    return MESSAGE(gp__links_first(&queue->messages, id));
}

struct gp__queued *gp__queue_find_next(const struct gp__queued *message)
{
    return MESSAGE(gp__links_next(&message->link));
}

struct gp__place gp__queued_place(const struct gp__queued *message)
{
    return (struct gp__place){.segment = message->segment->number, .offset = message->offset};
}

void gp__queue_move(struct gp__queue *queue, struct gp__queued *message, struct gp__place place)
{
    gp__queue_note_done(queue, gp__queued_place(message), (uint32_t)message->link.hash);
    unlink_message(queue, message);
    message->offset = place.offset;
    insert(queue, message, segment_of(queue, place.segment));
}

void gp__queue_drop(struct gp__queue *queue, struct gp__queued *message)
{
    if (message->groups)
        abort(); /* it has recipients left */
    gp__queue_note_done(queue, gp__queued_place(message), (uint32_t)message->link.hash);
    unlink_message(queue, message);
    gp__links_remove(&queue->messages, &message->link);
    gp__free(message);
}

/* ---- groups ---- */

static gp__name target_of(const struct gp__queue *queue, gp__name route)
{
    return gp__queue_knows_route(queue, route) ? queue->names[route].target : 0;
}

static void set_destination(struct gp__queue *queue, struct gp__group *group,
                            struct gp_slice domain)
{
    bool per_domain = gp__queue_per_domain(queue, group->route);
    /* An address without a domain is a destination of its own, too. */
    struct gp_slice part = domain.len ? domain : GP_S("-");

    group->domain = domain.len ? gp__queue_hash(domain) : 0;
    group->destination = gp__queue_destination(queue, target_of(queue, group->route),
                                               per_domain ? part : GP_S(""));
    group->destination->policy = gp__queue_policy(queue, group);
    gp__queue_destination_ref(queue, group->destination);
}

struct gp__group *gp__queue_add_group(struct gp__queue *queue, struct gp__queued *message,
                                      const struct gp__queue_group *spec)
{
    struct gp__group *group = gp__alloc(sizeof *group);

    group->message = message;
    group->sibling = message->groups;
    if (group->sibling)
        group->sibling->before = group;
    message->groups = group;
    group->left = spec->left;
    group->first = spec->first;
    group->copy = spec->copy;
    group->route = spec->route;
    group->bucket = spec->bucket;
    group->fair = spec->tenant.len ? (uint32_t)gp__queue_hash(spec->tenant) : 0;
    set_destination(queue, group, spec->domain);
    queue->n_groups++;
    queue->by_state[GP__GROUP_LOOSE]++;
    return group;
}

struct gp__group *gp__queue_split(struct gp__queue *queue, struct gp__group *group, uint64_t some)
{
    struct gp__group *part;

    some &= group->left;
    if (some == 0)
        return NULL;
    if (some == group->left) {
        gp__queue_loosen(queue, group);
        return group;
    }
    part = gp__alloc(sizeof *part);
    *part = *group;
    part->left = some;
    part->heap = 0;
    part->state = GP__GROUP_LOOSE;
    /* The text has one user more; what it is does not matter. */
    if (group->text)
        queue->text_by_number[group->text]->refs++;
    group->left &= ~some;
    part->before = group;
    if (part->sibling)
        part->sibling->before = part;
    group->sibling = part;
    group->message->flags |= GP__QUEUED_CHANGED;
    gp__queue_destination_ref(queue, part->destination);
    queue->n_groups++;
    queue->by_state[GP__GROUP_LOOSE]++;
    return part;
}

void gp__queue_inherit(struct gp__queue *queue, struct gp__group *to, const struct gp__group *from)
{
    if (from->text)
        queue->text_by_number[from->text]->refs++;
    gp__queue_text_drop(queue, to->text);
    to->text = from->text;
    to->code = from->code;
    to->klass = from->klass;
    to->subject = from->subject;
    to->detail = from->detail;
    to->tries = from->tries;
    to->due_ms = from->due_ms;
    to->from = from->from;
    to->held_h = from->held_h;
    to->flags = from->flags;
}

static void unlink_group(struct gp__group *group)
{
    if (group->before)
        group->before->sibling = group->sibling;
    else
        group->message->groups = group->sibling;
    if (group->sibling)
        group->sibling->before = group->before;
}

bool gp__queue_remove(struct gp__queue *queue, struct gp__group *group)
{
    struct gp__queued *message = group->message;

    gp__queue_loosen(queue, group);
    unlink_group(group);
    gp__queue_text_drop(queue, group->text);
    gp__queue_destination_unref(queue, group->destination);
    queue->by_state[GP__GROUP_LOOSE]--;
    queue->n_groups--;
    gp__free(group);
    message->flags |= GP__QUEUED_CHANGED;
    if (message->groups)
        return false;
    gp__queue_drop(queue, message);
    return true;
}

void gp__queue_reroute(struct gp__queue *queue, struct gp__group *group, gp__name route,
                       struct gp_slice domain)
{
    struct gp__queue_destination *old = group->destination;

    group->route = route;
    group->message->flags |= GP__QUEUED_CHANGED;
    set_destination(queue, group, domain);
    gp__queue_destination_unref(queue, old);
}

bool gp__queue_is_stale(const struct gp__queue *queue, const struct gp__group *group)
{
    const struct gp__queue_destination *destination = group->destination;

    return destination->target != target_of(queue, group->route) ||
           (destination->domain_len > 0) != gp__queue_per_domain(queue, group->route);
}

/* ---- figures ---- */

static size_t table_memory(const struct gp__links *links)
{
    return links->n_buckets * sizeof(struct gp__link *);
}

static void count_segments(const struct gp__queue *queue, struct gp__queue_stats *stats)
{
    for (size_t i = 0; i < queue->n_segments; i++) {
        const struct gp__queue_segment *segment = queue->segments[i];

        stats->bytes += gp__queue_chunk(sizeof *segment) +
                        segment->done_cap * sizeof(struct gp__queue_finished);
        if (segment->first &&
            (stats->oldest_ms == 0 || segment->first->arrived_ms < stats->oldest_ms))
            stats->oldest_ms = segment->first->arrived_ms;
    }
}

void gp__queue_stats(const struct gp__queue *queue, struct gp__queue_stats *stats)
{
    size_t group = gp__queue_chunk(sizeof(struct gp__group)),
           message = gp__queue_chunk(sizeof(struct gp__queued));

    *stats = (struct gp__queue_stats){
        .messages = queue->messages.count,
        .groups = queue->n_groups,
        .destinations = queue->destinations.count - queue->n_idle,
        .down = queue->waiting.count,
        .lanes = queue->lanes.count,
        .segments = queue->n_segments,
        .texts = queue->texts.count,
        /* A bucket for every message, at most. */
        .group_bytes = group + message + sizeof(struct gp__heap_slot) + sizeof(struct gp__link *),
    };
    memcpy(stats->by_state, queue->by_state, sizeof stats->by_state);
    count_segments(queue, stats);
    stats->bytes += queue->n_groups * group + queue->messages.count * message +
                    gp__heap_memory(&queue->due) + gp__heap_memory(&queue->waiting) +
                    table_memory(&queue->messages) + table_memory(&queue->destinations) +
                    table_memory(&queue->lanes) + table_memory(&queue->texts) +
                    queue->lanes.count * gp__queue_chunk(sizeof(struct gp__queue_lane)) +
                    queue->destination_bytes + queue->text_bytes +
                    queue->segments_cap * sizeof(void *) + sizeof *queue;
}
