// SPDX-License-Identifier: Apache-2.0
/*
 * Keeping house: segments that nobody needs go, what lives long moves out of segments that are nearly
 * empty, and the journal is written anew when most of it is history.
 */
#include "core/delivery/scheduler_internal.h"

#include "core/base/alloc.h"

#include <string.h>

#define KEEP_MS 2000u
#define SWEEP_ROUNDS 1800u /* files of large messages are looked at once an hour */

#define COMPACT_MIN ((uint64_t)4 << 20) /* a journal is never compacted below this size */
#define COMPACT_FACTOR 4u               /* and then when it is so many times what it was */
#define COMPACT_STEP 1000u              /* messages a turn */

#define MOVES_MAX 64u    /* under way at once */
#define SPARSE_FACTOR 4u /* a segment is sparse when less than a fourth of its entries live */
#define LONG_MS 300000u  /* and those have lived so long: others will soon be gone anyway */
#define NEXT_MOVES_MS 50u
#define NO_SPACE_MS 60000u /* without another move after one that found no space */

/* ---- segments ---- */

struct looking {
    struct gp__scheduler *s;
    uint64_t *numbers; /* to be removed */
    size_t n, cap;
    struct gp__queue_segment *sparse; /* the oldest of them, or NULL */
};

static struct gp__queue_segment *segment_of(const struct gp__scheduler *s, uint64_t number)
{
    size_t low = 0, high = gp__queue_n_segments(s->queue);

    while (low < high) {
        size_t middle = (low + high) / 2;

        if (gp__queue_segment_at(s->queue, middle)->number < number)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == gp__queue_n_segments(s->queue) ||
        gp__queue_segment_at(s->queue, low)->number != number)
        return NULL;
    return gp__queue_segment_at(s->queue, low);
}

/* One that is damaged must not keep others from being moved. */
static bool has_movable(const struct gp__queue_segment *segment)
{
    const struct gp__queued *message = segment->first;

    while (message && (message->flags & GP__QUEUED_FIXED))
        message = message->next;
    return message != NULL;
}

static void on_segment(void *arg, const struct gp__spool_segment *known)
{
    struct looking *looking = arg;
    struct gp__queue_segment *segment = segment_of(looking->s, known->number);

    if (!known->sealed)
        return;
    if ((!segment || segment->n_live == 0) && known->kept)
        return;
    if (!segment || segment->n_live == 0) {
        GP__GROW(looking->numbers, looking->cap, looking->n + 1);
        looking->numbers[looking->n++] = known->number;
    } else if (!looking->sparse && segment->n_live * SPARSE_FACTOR < known->entries &&
               segment->first->arrived_ms + LONG_MS < gp__scheduler_now(looking->s) &&
               has_movable(segment)) {
        looking->sparse = segment;
    }
}

static void remove_segment(struct gp__scheduler *s, uint64_t number)
{
    int error = gp__spool_remove(s->spool, number);

    if (error == GP_ETEMP)
        return; /* under way: the next look finds it */
    if (error)
        gp__log(s->log, GP_LOG_ERROR, "queue.segment", GP__F_I("segment", number),
                GP__F_C("error", gp_strerror(error)));
    else
        gp__queue_forget_segment(s->queue, number);
}

/* ---- moving ---- */

struct moving {
    struct gp__scheduler *s;
    struct gp__queued *message; /* which stays: its groups are LOOSE meanwhile */
};

static void on_move_noted(void *arg, int error)
{
    struct gp__scheduler *s = arg;

    s->n_moves_unsure--;
    if (error)
        gp__scheduler_journal_failed(s, error);
    gp__scheduler_kick(s);
}

/* No space may come back; what can't be read will not, and is left where it is. */
static void note_immovable(struct gp__scheduler *s, struct gp__queued *message, int error)
{
    gp__log(s->log, GP_LOG_ERROR, "queue.move",
            GP__F_I("segment", gp__queued_place(message).segment),
            GP__F_C("error", gp_strerror(error)));
    if (error == GP_ENOSPC)
        s->no_moves_until_ms = gp__scheduler_now(s) + NO_SPACE_MS;
    else
        message->flags |= GP__QUEUED_FIXED;
}

static void on_moved(void *arg, int error, const struct gp__place *places)
{
    struct moving *moving = arg;
    struct gp__scheduler *s = moving->s;
    struct gp__queued *message = moving->message;
    struct gp__mark mark = {.kind = GP__MARK_MOVED,
                            .place = gp__queued_place(message),
                            .check = gp__mark_check(message->link.hash)};

    s->n_moving--;
    message->flags &= ~(uint32_t)GP__QUEUED_MOVING;
    if (error) {
        note_immovable(s, message, error);
    } else {
        mark.to = places[0];
        s->n_moves_unsure++; /* until then the old segment stays */
        gp__scheduler_note(s, &mark, on_move_noted, s);
        gp__queue_move(s->queue, message, places[0]);
    }
    if (!error && s->n_moving == 0 && !s->closing)
        s->runtime->ops->timer_start(s->runtime, &s->keep_timer,
                                     s->runtime->ops->now_ms(s->runtime) + NEXT_MOVES_MS);
    gp__queue_settle_all(s->queue, message, gp__scheduler_now(s));
    gp__free(moving);
    gp__scheduler_kick(s);
}

static bool can_move(const struct gp__queued *message)
{
    if (message->flags & (GP__QUEUED_MOVING | GP__QUEUED_FIXED))
        return false;
    for (const struct gp__group *group = message->groups; group; group = group->sibling)
        if (group->state == GP__GROUP_LOOSE || group->state == GP__GROUP_TAKEN)
            return false;
    return true;
}

/* Nobody tries, finishes or orders anything about it until it has moved. */
static void move(struct gp__scheduler *s, struct gp__queued *message)
{
    struct moving *moving = gp__alloc(sizeof *moving);

    for (struct gp__group *group = message->groups; group; group = group->sibling) {
        if (group->state == GP__GROUP_READY || group->state == GP__GROUP_PAUSED)
            group->due_ms = 0;
        gp__queue_loosen(s->queue, group);
    }
    message->flags |= GP__QUEUED_MOVING;
    moving->s = s;
    moving->message = message;
    s->n_moving++;
    gp__spool_rewrite_start(s->writer, s->spool, gp__queued_place(message), on_moved, moving);
}

static void move_some(struct gp__scheduler *s, const struct gp__queue_segment *segment)
{
    struct gp__queued *message = segment->first, *next;

    for (; message && s->n_moving < MOVES_MAX; message = next) {
        next = message->next;
        if (can_move(message))
            move(s, message);
    }
}

static void look_at_segments(struct gp__scheduler *s)
{
    struct looking looking = {.s = s};

    gp__spool_segments(s->spool, on_segment, &looking);
    /* A move that a crash could undo needs the old place. */
    for (size_t i = 0; i < looking.n && s->n_moves_unsure + s->n_moving == 0; i++)
        remove_segment(s, looking.numbers[i]);
    if (looking.sparse && !s->closing && s->no_moves_until_ms <= gp__scheduler_now(s))
        move_some(s, looking.sparse);
    gp__free(looking.numbers);
}

/* ---- content in files ---- */

struct dropping {
    struct gp__scheduler *s;
    struct gp_slice id;
    char bytes[];
};

/* Not before that: an entry that counts as alive after a crash must have its content. */
static void on_finish_noted(void *arg, int error)
{
    struct dropping *dropping = arg;
    struct gp__scheduler *s = dropping->s;

    if (error)
        gp__scheduler_journal_failed(s, error);
    else if (gp__spool_remove_large(s->spool, dropping->id) < 0)
        gp__log(s->log, GP_LOG_WARNING, "queue.content", GP__F_S("message", dropping->id));
    gp__free(dropping);
}

void gp__scheduler_note_finish(struct gp__scheduler *s, const struct gp__queued *message,
                               const struct gp__mark *mark)
{
    struct gp__arena *arena = gp__arena_create();
    struct dropping *dropping;
    struct gp__entry entry;

    if ((message->flags & GP__QUEUED_LARGE) && gp__scheduler_read(s, message, arena, &entry) == 0) {
        dropping = gp__alloc(sizeof *dropping + entry.id.len);
        memcpy(dropping->bytes, entry.id.data, entry.id.len);
        dropping->s = s;
        dropping->id = gp_slice(dropping->bytes, entry.id.len);
        gp__scheduler_note(s, mark, on_finish_noted, dropping);
    } else {
        gp__scheduler_note(s, mark, NULL, NULL);
    }
    gp__arena_free(&arena);
}

static bool is_alive(void *arg, struct gp_slice id)
{
    struct gp__scheduler *s = arg;

    return gp__queue_find(s->queue, gp__mark_id(id)) != NULL;
}

/* ---- the journal anew ---- */

static void put(struct gp__scheduler *s, const struct gp__mark *mark)
{
    struct gp__buf bytes = {.limit = 0};

    gp__mark_pack(&bytes, mark);
    gp__spool_journal_compact_put(s->journal, gp__buf_slice(&bytes));
    gp__buf_free(&bytes);
}

static void put_message(struct gp__scheduler *s, const struct gp__queued *message)
{
    struct gp__mark mark = {.kind = GP__MARK_ONLY,
                            .place = gp__queued_place(message),
                            .check = gp__mark_check(message->link.hash)};

    if (!(message->flags & GP__QUEUED_CHANGED))
        return;
    put(s, &mark);
    for (const struct gp__group *group = message->groups; group; group = group->sibling) {
        gp__queue_describe(s->queue, group, &mark);
        put(s, &mark);
    }
}

/* What is finished in segments that are still there; what finishes from now on is appended. */
static void put_finished(struct gp__scheduler *s)
{
    for (size_t i = 0; i < gp__queue_n_segments(s->queue); i++) {
        const struct gp__queue_segment *segment = gp__queue_segment_at(s->queue, i);

        for (size_t k = 0; k < segment->n_done; k++) {
            struct gp__mark mark = {
                .kind = GP__MARK_ALL_DONE,
                .place = {.segment = segment->number, .offset = segment->done[k].offset},
                .check = segment->done[k].check};

            put(s, &mark);
        }
    }
}

static void put_pauses(struct gp__scheduler *s)
{
    for (size_t i = 0; i < gp__queue_n_pauses(s->queue); i++) {
        struct gp__mark mark = {.kind = GP__MARK_PAUSED, .name = gp__queue_pause_text(s->queue, i)};

        put(s, &mark);
    }
}

static void on_compacted(void *arg, int error)
{
    struct gp__scheduler *s = arg;
    uint64_t size = s->journal ? gp__spool_journal_size(s->journal) : 0; /* it is being closed */

    s->compacting = false;
    s->compact_at = size * COMPACT_FACTOR;
    s->compact_wanted = error != 0;
    if (error && !s->compact_failed)
        gp__log(s->log, GP_LOG_ERROR, "queue.compact", GP__F_C("error", gp_strerror(error)));
    if (!error)
        gp__log(s->log, GP_LOG_INFO, "queue.compacted", GP__F_I("bytes", size));
    s->compact_failed = error != 0;
    s->journal_behind = s->journal_behind && error;
}

static void begin_compaction(struct gp__scheduler *s)
{
    uint64_t size = gp__spool_journal_size(s->journal);

    bool wanted = s->compact_wanted || (size >= COMPACT_MIN && size >= s->compact_at);

    if (s->compacting || !wanted || gp__spool_journal_compact_begin(s->journal) < 0)
        return;
    s->compact_wanted = false;
    s->compacting = true;
    s->compacted = false;
    s->compact_after = (struct gp__place){.segment = 0};
    gp__scheduler_flush(s);
    put_pauses(s);
    put_finished(s);
    gp__scheduler_kick(s);
}

bool gp__scheduler_compact(struct gp__scheduler *s)
{
    struct gp__queued *message;
    unsigned n = 0;

    if (!s->compacting || s->compacted)
        return false;
    gp__scheduler_flush(s); /* what is put now holds more */
    message = gp__queue_after(s->queue, s->compact_after);
    for (; message && n < COMPACT_STEP; n++) {
        put_message(s, message);
        s->compact_after = gp__queued_place(message);
        message = gp__queue_next_message(s->queue, message);
    }
    if (message) {
        gp__queue_stop(s->queue, s->compact_after, message);
        return true;
    }
    s->compacted = true;
    gp__spool_journal_compact_end(s->journal, on_compacted, s);
    return false;
}

/* ---- the timer ---- */

static void on_keep(struct gp__timer *timer)
{
    struct gp__scheduler *s = (struct gp__scheduler *)(void *)((char *)timer -
                                                               offsetof(struct gp__scheduler,
                                                                        keep_timer));
    const struct gp__runtime_ops *ops = s->runtime->ops;

    ops->timer_start(s->runtime, &s->keep_timer, ops->now_ms(s->runtime) + KEEP_MS);
    if (!s->recovered)
        return;
    gp__scheduler_look_at_attempts(s);
    look_at_segments(s);
    if (!s->closing)
        begin_compaction(s);
    if (++s->keep_rounds % SWEEP_ROUNDS == 1)
        (void)gp__spool_sweep(s->spool, is_alive, s); /* it logs what it cannot do */
}

void gp__scheduler_keep_start(struct gp__scheduler *s)
{
    s->keep_timer.fn = on_keep;
    s->runtime->ops->timer_start(s->runtime, &s->keep_timer,
                                 s->runtime->ops->now_ms(s->runtime) + KEEP_MS);
}

void gp__scheduler_keep_stop(struct gp__scheduler *s)
{
    s->runtime->ops->timer_stop(s->runtime, &s->keep_timer);
}
