// SPDX-License-Identifier: Apache-2.0
/* What is found in the spool: new mail, and at start all that the journal said something about. */
#include "core/delivery/scheduler_internal.h"

#include "core/base/alloc.h"

#include <string.h>

#define SAME_MAX 32u

/* ---- trails: what the journal said, until the entry is found ---- */

struct said {
    struct said *next;
    enum gp__mark_kind kind;
    uint32_t first;
    uint64_t some;
    uint32_t len;
    char bytes[]; /* the mark as it was packed */
};

struct gp__trail {
    struct gp__link link; /* by place */
    struct gp__place place;
    uint32_t check;
    bool all_done, only;
    struct said *said, **end;
};

static uint64_t hash_of(struct gp__place place)
{
    uint64_t hash = (place.segment * 0x9e3779b97f4a7c15u ^ place.offset) * 0xff51afd7ed558ccdu;

    return hash ^ hash >> 32; /* offsets are multiples of something */
}

static struct gp__trail *find(const struct gp__scheduler *s, struct gp__place place)
{
    struct gp__link *link = gp__links_first(&s->trails, hash_of(place));

    for (; link; link = gp__links_next(link)) {
        struct gp__trail *trail = (struct gp__trail *)(void *)link;

        if (trail->place.segment == place.segment && trail->place.offset == place.offset)
            return trail;
    }
    return NULL;
}

static void forget_said(struct gp__trail *trail)
{
    while (trail->said) {
        struct said *said = trail->said;

        trail->said = said->next;
        gp__free(said);
    }
    trail->end = &trail->said;
}

static void free_trail(struct gp__scheduler *s, struct gp__trail *trail)
{
    forget_said(trail);
    gp__links_remove(&s->trails, &trail->link);
    gp__free(trail);
}

void gp__scheduler_trails_free(struct gp__scheduler *s)
{
    struct gp__link *link;

    while ((link = gp__links_any(&s->trails)))
        free_trail(s, (struct gp__trail *)(void *)link);
    gp__links_free(&s->trails);
}

/* One about another entry of that place is of a segment that is gone: the new one counts. */
static struct gp__trail *trail_of(struct gp__scheduler *s, struct gp__place place, uint32_t check)
{
    struct gp__trail *trail = find(s, place);

    if (trail && trail->check == check)
        return trail;
    if (trail)
        free_trail(s, trail);
    trail = gp__alloc(sizeof *trail);
    trail->link.hash = hash_of(place);
    trail->place = place;
    trail->check = check;
    trail->end = &trail->said;
    gp__links_add(&s->trails, &trail->link);
    return trail;
}

/* A deferral takes the place of the one before: a message that is tried for days says it once. Of
 * one with many groups only the first are looked at. */
static void forget_same(struct gp__trail *trail, const struct gp__mark *mark)
{
    struct said **at = &trail->said;

    for (unsigned i = 0; *at && i < SAME_MAX; at = &(*at)->next, i++) {
        struct said *said = *at;

        if (said->kind != mark->kind || said->first != mark->first || said->some != mark->some)
            continue;
        *at = said->next;
        if (trail->end == &said->next)
            trail->end = at;
        gp__free(said);
        return;
    }
}

static void say(struct gp__trail *trail, const struct gp__mark *mark, struct gp_slice bytes)
{
    struct said *said = gp__alloc(sizeof *said + bytes.len);

    if (mark->kind == GP__MARK_DEFERRED || mark->kind == GP__MARK_HELD)
        forget_same(trail, mark);
    said->kind = mark->kind;
    said->first = mark->first;
    said->some = mark->some;
    said->len = (uint32_t)bytes.len;
    memcpy(said->bytes, bytes.data, bytes.len);
    *trail->end = said;
    trail->end = &said->next;
}

/* The trail of the old place is that of the new one; the old one is finished. */
static void move(struct gp__scheduler *s, const struct gp__mark *mark)
{
    struct gp__trail *old = trail_of(s, mark->place, mark->check);
    struct gp__trail *trail = trail_of(s, mark->to, mark->check);

    forget_said(trail);
    trail->said = old->said;
    trail->end = old->said ? old->end : &trail->said;
    trail->only = old->only;
    trail->all_done = old->all_done;
    old->said = NULL;
    old->end = &old->said;
    old->only = false;
    old->all_done = true;
}

static void replay_pause(struct gp__scheduler *s, const struct gp__mark *mark)
{
    struct gp__queue_filter filter;
    struct gp__buf error = {.limit = 0};

    if (mark->kind == GP__MARK_RESUMED)
        (void)gp__queue_resume(s->queue, mark->name, 0); /* of before a compaction */
    else if (gp__queue_filter_lasting(s->queue, mark->name, &filter, &error) == 0)
        (void)gp__queue_pause(s->queue, &filter, mark->name, 0); /* there were not more */
    gp__buf_free(&error);
}

void gp__scheduler_replay(void *arg, struct gp_slice bytes)
{
    struct gp__scheduler *s = arg;
    struct gp__mark mark;
    struct gp__trail *trail;

    if (gp__mark_unpack(&mark, bytes) < 0) {
        gp__log(s->log, GP_LOG_ERROR, "queue.mark", GP__F_I("bytes", bytes.len));
        return;
    }
    switch (mark.kind) {
    case GP__MARK_PAUSED:
    case GP__MARK_RESUMED:
        replay_pause(s, &mark);
        return;
    case GP__MARK_MOVED:
        move(s, &mark);
        return;
    case GP__MARK_ONLY:
    case GP__MARK_ALL_DONE:
        trail = trail_of(s, mark.place, mark.check);
        forget_said(trail);
        trail->only = mark.kind == GP__MARK_ONLY;
        trail->all_done = mark.kind == GP__MARK_ALL_DONE;
        return;
    case GP__MARK_DONE:
    case GP__MARK_DEFERRED:
    case GP__MARK_HELD:
    case GP__MARK_RELEASED:
    case GP__MARK_ROUTED:
    case GP__MARK_WARNED:
    case GP__MARK_LET_GO:
    case GP__MARK_STATE:
        say(trail_of(s, mark.place, mark.check), &mark, bytes);
        return;
    case GP__MARK_KINDS:
        return;
    }
}

/* ---- entries ---- */

static bool is_same(struct gp__scheduler *s, const struct gp__queued *message, struct gp_slice id)
{
    struct gp__arena *arena = gp__arena_create();
    struct gp__entry entry;
    bool same = gp__scheduler_read(s, message, arena, &entry) == 0 && gp_slice_eq(entry.id, id);

    gp__arena_free(&arena);
    return same;
}

/* The message that this entry is another copy of, or NULL. */
static struct gp__queued *find_same(struct gp__scheduler *s, const struct gp__entry *entry)
{
    struct gp__queued *message = gp__queue_find(s->queue, gp__mark_id(entry->id));

    while (message && !is_same(s, message, entry->id))
        message = gp__queue_find_next(message);
    return message;
}

static void note_done(struct gp__scheduler *s, struct gp__place place, uint64_t id)
{
    struct gp__mark mark = {.kind = GP__MARK_ALL_DONE, .place = place, .check = gp__mark_check(id)};

    gp__queue_note_done(s->queue, place, mark.check);
    gp__scheduler_note(s, &mark, NULL, NULL);
}

/*
 * There is one already: a notification that was made twice, or the second of two copies when a crash
 * came between the copy and the journal. The one that the journal knows something about stays. True:
 * this one is not to be taken.
 */
static bool is_second(struct gp__scheduler *s, struct gp__place place,
                      const struct gp__entry *entry, const struct gp__trail *trail)
{
    struct gp__queued *message = find_same(s, entry);
    struct gp__place other;

    if (!message)
        return false;
    other = gp__queued_place(message);
    if ((other.segment == place.segment && other.offset == place.offset) ||
        (message->flags & GP__QUEUED_MOVING))
        return true; /* it was put there by us, just now */
    gp__log(s->log, GP_LOG_NOTICE, "queue.second", GP__F_S("message", entry->id));
    if (s->recovered || (message->flags & GP__QUEUED_CHANGED) || !trail) {
        note_done(s, place, message->link.hash);
        return true;
    }
    note_done(s, other, message->link.hash);
    while (!gp__queue_remove(s->queue, message->groups)) {
    }
    return false;
}

/* The entry says in which bucket, not for how long. */
static void set_bucket_ends(struct gp__scheduler *s, struct gp__queued *message)
{
    for (struct gp__group *group = message->groups; group; group = group->sibling)
        if (group->bucket)
            group->due_ms = gp__scheduler_bucket_end(
                s, gp__queue_name_text(s->queue, group->bucket), message->arrived_ms);
}

static struct gp__queued *enter(struct gp__scheduler *s, struct gp__place place,
                                const struct gp__entry *entry, struct gp__trail *trail)
{
    struct gp__queued *message = trail && trail->only ? gp__queue_enter_bare(s->queue, place, entry)
                                                      : gp__queue_enter(s->queue, place, entry);

    set_bucket_ends(s, message);
    for (const struct said *said = trail ? trail->said : NULL; said; said = said->next) {
        struct gp__mark mark;

        if (gp__mark_unpack(&mark, gp_slice(said->bytes, said->len)) == 0 &&
            !gp__queue_apply(s->queue, message, &mark, entry))
            return NULL;
    }
    if (message->groups)
        return message;
    gp__queue_drop(s->queue, message);
    return NULL;
}

static void on_found(void *arg, struct gp__place place, const struct gp__entry *entry)
{
    struct gp__scheduler *s = arg;
    uint64_t id = gp__mark_id(entry->id);
    struct gp__trail *trail = find(s, place);
    struct gp__queued *message;

    if (trail && trail->check != gp__mark_check(id)) {
        free_trail(s, trail);
        trail = NULL;
    }
    s->n_found++;
    s->n_again += trail != NULL;
    if (trail && trail->all_done) {
        gp__queue_note_done(s->queue, place, gp__mark_check(id));
    } else if (!is_second(s, place, entry, trail)) {
        message = enter(s, place, entry, trail);
        if (message)
            gp__queue_settle_all(s->queue, message, gp__scheduler_now(s));
    }
    if (trail)
        free_trail(s, trail);
}

static void recovered(struct gp__scheduler *s)
{
    struct gp__queue_stats stats;

    s->recovered = true;
    gp__scheduler_trails_free(s);
    gp__queue_stats(s->queue, &stats);
    gp__log(s->log, GP_LOG_NOTICE, "queue.ready", GP__F_I("messages", stats.messages),
            GP__F_I("groups", stats.groups), GP__F_I("entries", s->n_found),
            GP__F_I("segments", stats.segments), GP__F_I("bytes", stats.bytes),
            GP__F_I("ms", gp__scheduler_now(s) - s->wall_ms));
}

int gp__scheduler_tail(struct gp__scheduler *s, size_t max)
{
    int result = gp__spool_tail(s->spool, max, on_found, s);

    if (result < 0)
        gp__log(s->log, GP_LOG_ERROR, "queue.tail", GP__F_C("error", gp_strerror(result)));
    if (result == 0 && !s->recovered)
        recovered(s);
    return result;
}
