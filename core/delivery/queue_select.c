// SPDX-License-Identifier: Apache-2.0
/* Going through all of it, and what operators do to parts of it. */
#include "core/base/alloc.h"
#include "core/delivery/queue_internal.h"

#include <string.h>

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

/* ---- going through all ---- */

/* The first message of the segments from the i-th on. */
static struct gp__queued *first_from(const struct gp__queue *queue, size_t i)
{
    while (i < queue->n_segments && !queue->segments[i]->first)
        i++;
    return i < queue->n_segments ? queue->segments[i]->first : NULL;
}

void gp__queue_stop(struct gp__queue *queue, struct gp__place after, struct gp__queued *next)
{
    queue->stops[queue->n_stops++ % GP__QUEUE_STOPS] = (struct gp__queue_stop){.after = after,
                                                                               .next = next};
}

void gp__queue_stops_pass(struct gp__queue *queue, const struct gp__queued *message)
{
    for (size_t i = 0; i < GP__QUEUE_STOPS; i++)
        if (queue->stops[i].next == message)
            queue->stops[i].next = gp__queue_next_message(queue, message);
}

static bool is_before(struct gp__place a, struct gp__place b)
{
    return a.segment < b.segment || (a.segment == b.segment && a.offset < b.offset);
}

void gp__queue_stops_see(struct gp__queue *queue, struct gp__queued *message)
{
    struct gp__place place = gp__queued_place(message);

    for (size_t i = 0; i < GP__QUEUE_STOPS; i++) {
        struct gp__queue_stop *stop = &queue->stops[i];

        if (stop->after.segment && is_before(stop->after, place) &&
            (!stop->next || is_before(place, gp__queued_place(stop->next))))
            stop->next = message;
    }
}

static const struct gp__queue_stop *find_stop(const struct gp__queue *queue, struct gp__place place)
{
    for (size_t i = 0; i < GP__QUEUE_STOPS; i++)
        if (place.segment && queue->stops[i].after.segment == place.segment &&
            queue->stops[i].after.offset == place.offset)
            return &queue->stops[i];
    return NULL;
}

struct gp__queued *gp__queue_after(const struct gp__queue *queue, struct gp__place place)
{
    const struct gp__queue_stop *stop = find_stop(queue, place);
    size_t i = gp__queue_find_segment(queue, place.segment);
    struct gp__queued *message;

    if (stop)
        return stop->next;
    if (i == queue->n_segments || queue->segments[i]->number != place.segment)
        return first_from(queue, i);
    message = queue->segments[i]->first;
    while (message && message->offset <= place.offset)
        message = message->next;
    return message ? message : first_from(queue, i + 1);
}

struct gp__queued *gp__queue_next_message(const struct gp__queue *queue,
                                          const struct gp__queued *message)
{
    if (message->next)
        return message->next;
    return first_from(queue, gp__queue_find_segment(queue, message->segment->number) + 1);
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
