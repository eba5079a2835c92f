// SPDX-License-Identifier: Apache-2.0
/* Going through all of it, and what operators do to parts of it. */
#include "core/base/alloc.h"
#include "core/delivery/queue_internal.h"

#include <string.h>

#define WALKS_MAX 64u

/* ---- filters ---- */

static bool names_match(const struct gp__queue_filter *filter, const struct gp__group *group)
{
    return (!filter->target || filter->target == group->destination->target) &&
           (!filter->route || filter->route == group->route) &&
           (!filter->bucket || filter->bucket == group->bucket);
}

bool gp__queue_matches(const struct gp__queue_filter *filter, const struct gp__group *group)
{
    const struct gp__queued *message = group->message;

    return (!filter->id || filter->id == message->link.hash) &&
           (!filter->sender || filter->sender == message->sender) &&
           (!filter->domain || filter->domain == group->domain) &&
           (!filter->destination || filter->destination == group->destination->domain_hash) &&
           (!filter->before_ms || message->arrived_ms < filter->before_ms) &&
           (!filter->states || (filter->states & 1u << group->state)) && names_match(filter, group);
}

/* ---- walks ---- */

/* The first message of the first segment from that number on that has any. */
static void enter(const struct gp__queue *queue, struct gp__queue_walk *walk, uint64_t number)
{
    size_t low = 0, high = queue->n_segments;

    while (low < high) {
        size_t middle = (low + high) / 2;

        if (queue->segments[middle]->number < number)
            low = middle + 1;
        else
            high = middle;
    }
    walk->next = NULL;
    for (; low < queue->n_segments && !walk->next; low++) {
        walk->segment = queue->segments[low]->number;
        walk->next = queue->segments[low]->first;
    }
}

static void step(const struct gp__queue *queue, struct gp__queue_walk *walk)
{
    walk->next = walk->next->next;
    if (!walk->next)
        enter(queue, walk, walk->segment + 1);
}

int gp__queue_walk_begin(struct gp__queue *queue, struct gp__queue_walk *walk)
{
    unsigned n = 0;

    for (const struct gp__queue_walk *other = queue->walks; other; other = other->others)
        n++;
    if (n >= WALKS_MAX)
        return -1;
    walk->others = queue->walks;
    queue->walks = walk;
    walk->begun = true;
    enter(queue, walk, 0);
    return 0;
}

struct gp__queued *gp__queue_walk_next(struct gp__queue *queue, struct gp__queue_walk *walk)
{
    struct gp__queued *message = walk->next;

    if (message)
        step(queue, walk);
    return message;
}

void gp__queue_walk_end(struct gp__queue *queue, struct gp__queue_walk *walk)
{
    struct gp__queue_walk **at = &queue->walks;

    if (!walk->begun)
        return;
    while (*at != walk)
        at = &(*at)->others;
    *at = walk->others;
    walk->begun = false;
}

void gp__queue_walks_pass(struct gp__queue *queue, const struct gp__queued *message)
{
    for (struct gp__queue_walk *walk = queue->walks; walk; walk = walk->others)
        if (walk->next == message)
            step(queue, walk);
}

/* ---- pauses ---- */

bool gp__queue_is_paused(const struct gp__queue *queue, const struct gp__group *group)
{
    for (size_t i = 0; i < queue->n_pauses; i++)
        if (gp__queue_matches(&queue->pauses[i].filter, group))
            return true;
    return false;
}

/* What is in the state is put where it belongs now. */
static void refile(struct gp__queue *queue, enum gp__group_state state, uint64_t now_ms)
{
    for (size_t i = 0; i < queue->n_segments; i++) {
        for (struct gp__queued *m = queue->segments[i]->first; m; m = m->next) {
            for (struct gp__group *group = m->groups; group; group = group->sibling) {
                if (group->state != state ||
                    gp__queue_is_paused(queue, group) == (state == GP__GROUP_PAUSED))
                    continue;
                gp__queue_loosen(queue, group);
                gp__queue_make_ready(queue, group, now_ms);
            }
        }
    }
}

static size_t find_pause(const struct gp__queue *queue, struct gp_slice text)
{
    size_t i = 0;

    while (i < queue->n_pauses && !gp_slice_eq(gp_slice_of(queue->pauses[i].text), text))
        i++;
    return i;
}

int gp__queue_pause(struct gp__queue *queue, const struct gp__queue_filter *filter,
                    struct gp_slice text, uint64_t now_ms)
{
    struct gp__queue_pause *pause = &queue->pauses[queue->n_pauses];

    if (find_pause(queue, text) < queue->n_pauses)
        return 0;
    if (queue->n_pauses == GP__QUEUE_PAUSES_MAX)
        return -1;
    pause->filter = *filter;
    pause->text = gp__alloc(text.len + 1);
    memcpy(pause->text, text.data, text.len);
    queue->n_pauses++;
    refile(queue, GP__GROUP_READY, now_ms);
    return 0;
}

int gp__queue_resume(struct gp__queue *queue, struct gp_slice text, uint64_t now_ms)
{
    size_t i = find_pause(queue, text);

    if (i == queue->n_pauses)
        return -1;
    gp__free(queue->pauses[i].text);
    queue->pauses[i] = queue->pauses[--queue->n_pauses];
    refile(queue, GP__GROUP_PAUSED, now_ms);
    return 0;
}

size_t gp__queue_n_pauses(const struct gp__queue *queue)
{
    return queue->n_pauses;
}

struct gp_slice gp__queue_pause_text(const struct gp__queue *queue, size_t i)
{
    return gp_slice_of(queue->pauses[i].text);
}

void gp__queue_pauses_free(struct gp__queue *queue)
{
    while (queue->n_pauses)
        gp__free(queue->pauses[--queue->n_pauses].text);
}
