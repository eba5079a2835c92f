// SPDX-License-Identifier: Apache-2.0
/* Reading from an engine that a plugin is, and removing what nobody needs. */
#include "core/spool/plugin_engine.h"

#include "core/base/alloc.h"
#include "core/base/log.h"
#include "core/spool/wake.h"

#include <stdio.h>

/* What was shown of a segment. */
struct segment {
    uint64_t number;
    uint64_t last; /* number of the last record */
    uint64_t entries, bytes;
    enum {
        SEGMENT_KEPT = 0,
        SEGMENT_GOING, /* its removal is under way */
        SEGMENT_GONE,  /* it was removed, which its owner does not know */
        SEGMENT_FORGOTTEN,
    } state;
};

struct reader {
    struct gp__spool base;
    struct gp__spool_plugin *plugin;
    struct gp__runtime *runtime;
    struct gp__layout layout;
    struct gp__log *log;
    int owner_fd; /* -1: not the owner */
    uint64_t seen;
    struct segment *segments; /* by number; of two of one number the first is going */
    size_t n, cap;
    size_t under_way;
};

/* ---- one entry ---- */

struct reading {
    struct gp__arena *arena;
    struct gp__entry *entry;
    uint64_t number;
    bool whole;
    int error;
};

static void take_record(void *arg, struct gp_slice head, struct gp_slice body)
{
    struct reading *reading = arg;

    reading->error = gp__plugin_head_read(reading->entry, reading->arena,
                                          gp__arena_dup(reading->arena, head));
    if (!reading->error)
        reading->error = gp__plugin_base_read(reading->entry, gp__arena_dup(reading->arena, body));
}

static bool take_head(void *arg, uint64_t number, struct gp_slice head)
{
    struct reading *reading = arg;

    if (number == reading->number)
        reading->error = gp__plugin_head_read(reading->entry, reading->arena,
                                              gp__arena_dup(reading->arena, head));
    return false;
}

static int read_record(struct gp_call *call, const struct gp_spool_role *role, void *self,
                       void *arg)
{
    struct reading *reading = arg;

    if (reading->whole)
        return role->read(call, self, reading->number, take_record, reading);
    return role->show(call, self, reading->number - 1, take_head, reading);
}

static int read_entry(struct reader *reader, struct gp__place place, struct reading *reading)
{
    int error;

    reading->number = gp__plugin_number(place);
    reading->error = GP_ENOTFOUND;
    if (place.segment == 0 || place.offset >> GP__PLUGIN_SEGMENT_BITS || reading->number == 0)
        return GP_ENOTFOUND;
    error = gp__plugin_ask(reader->plugin, reader->runtime, read_record, reading);
    return error ? error : reading->error;
}

int gp__plugin_read(struct gp__spool *base, struct gp__place place, struct gp__arena *arena,
                    struct gp__entry *entry_r)
{
    struct reading reading = {.arena = arena, .entry = entry_r, .whole = true};

    return read_entry((struct reader *)base, place, &reading);
}

int gp__plugin_read_head(struct gp__spool *base, struct gp__place place, struct gp__arena *arena,
                         struct gp__entry *entry_r)
{
    struct reading reading = {.arena = arena, .entry = entry_r};

    return read_entry((struct reader *)base, place, &reading);
}

/* ---- what is new ---- */

static struct segment *segment_for(struct reader *reader, uint64_t number)
{
    struct segment *last = reader->n ? &reader->segments[reader->n - 1] : NULL;

    if (last && last->number == number && last->state != SEGMENT_GOING) {
        if (last->state != SEGMENT_KEPT)
            *last = (struct segment){.number = number};
        return last;
    }
    GP__GROW(reader->segments, reader->cap, reader->n + 1);
    last = &reader->segments[reader->n++];
    *last = (struct segment){.number = number};
    return last;
}

struct tailing {
    struct reader *reader;
    void (*found)(void *arg, struct gp__place place, const struct gp__entry *entry);
    void *arg;
    size_t left;
    bool more;
};

static void corrupt(struct reader *reader, uint64_t number)
{
    gp__log(reader->log, GP_LOG_ERROR, "spool.corrupt",
            GP__F_S("path", reader->plugin->instance->id), GP__F_I("offset", number),
            GP__F_C("error", "a record is no entry"));
}

static bool tail_one(void *arg, uint64_t number, struct gp_slice head)
{
    struct tailing *tailing = arg;
    struct reader *reader = tailing->reader;
    struct gp__place place = gp__plugin_place(number);
    struct segment *segment;
    struct gp__arena *arena;
    struct gp__entry entry;

    tailing->more = tailing->left == 0;
    if (tailing->more)
        return false;
    tailing->left--;
    reader->seen = number;
    segment = segment_for(reader, place.segment);
    segment->last = number;
    segment->entries++;
    segment->bytes += head.len;
    arena = gp__arena_create();
    if (gp__plugin_head_read(&entry, arena, head) == 0)
        tailing->found(tailing->arg, place, &entry);
    else
        corrupt(reader, number);
    gp__arena_free(&arena);
    return true;
}

static int show_new(struct gp_call *call, const struct gp_spool_role *role, void *self, void *arg)
{
    struct tailing *tailing = arg;

    return role->show(call, self, tailing->reader->seen, tail_one, tailing);
}

int gp__plugin_tail(struct gp__spool *base, size_t max,
                    void (*found)(void *arg, struct gp__place place, const struct gp__entry *entry),
                    void *arg)
{
    struct reader *reader = (struct reader *)base;
    struct tailing tailing = {.reader = reader, .found = found, .arg = arg, .left = max};

    if (gp__plugin_ask(reader->plugin, reader->runtime, show_new, &tailing))
        return GP_EIO;
    return tailing.more;
}

/* ---- segments ---- */

/* One that is not full is told without its entries: it may be removed, but is no place to move out
 * of, since what moves would come to lie in it again. */
void gp__plugin_segments(struct gp__spool *base,
                         void (*each)(void *arg, const struct gp__spool_segment *segment),
                         void *arg)
{
    struct reader *reader = (struct reader *)base;
    size_t kept = 0;

    for (size_t i = 0; i < reader->n; i++) {
        if (reader->segments[i].state != SEGMENT_FORGOTTEN)
            reader->segments[kept++] = reader->segments[i];
    }
    reader->n = kept;
    for (size_t i = 0; i < kept; i++) {
        const struct segment *segment = &reader->segments[i];

        if (segment->state != SEGMENT_GOING)
            each(arg, &(struct gp__spool_segment){.number = segment->number,
                                                  .bytes = segment->bytes,
                                                  .entries = i + 1 < kept ? segment->entries : 0,
                                                  .sealed = true});
    }
}

static struct segment *find(struct reader *reader, uint64_t number)
{
    size_t low = 0, high = reader->n;

    while (low < high) {
        size_t middle = (low + high) / 2;

        if (reader->segments[middle].number < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low < reader->n && reader->segments[low].number == number ? &reader->segments[low]
                                                                     : NULL;
}

struct removing {
    struct reader *reader;
    uint64_t segment, last;
};

static int remove_records(struct gp_call *call, const struct gp_spool_role *role, void *self,
                          void *arg)
{
    const struct removing *removing = arg;
    uint64_t first = gp__plugin_number((struct gp__place){.segment = removing->segment});

    return role->remove(call, self, first, removing->last);
}

static void on_removed(void *arg, int error)
{
    struct removing *removing = arg;
    struct reader *reader = removing->reader;
    struct segment *segment = find(reader, removing->segment);
    bool again = segment + 1 < reader->segments + reader->n && segment[1].number == segment->number;

    reader->under_way--;
    if (error)
        gp__log(reader->log, GP_LOG_ERROR, "queue.segment", GP__F_I("segment", segment->number),
                GP__F_C("error", gp_strerror(error)));
    segment->state = error ? SEGMENT_KEPT : again ? SEGMENT_FORGOTTEN : SEGMENT_GONE;
    gp__free(removing);
}

int gp__plugin_remove(struct gp__spool *base, uint64_t number)
{
    struct reader *reader = (struct reader *)base;
    struct segment *segment = find(reader, number);
    struct removing *removing;

    if (reader->owner_fd < 0 || !segment || segment->state == SEGMENT_FORGOTTEN)
        return GP_EINVAL;
    if (segment->state == SEGMENT_GONE) {
        segment->state = SEGMENT_FORGOTTEN;
        return 0;
    }
    if (segment->state == SEGMENT_KEPT) {
        segment->state = SEGMENT_GOING;
        removing = gp__alloc(sizeof *removing);
        *removing = (struct removing){reader, number, segment->last};
        reader->under_way++;
        gp__plugin_run(reader->plugin, reader->runtime, remove_records, on_removed, removing);
    }
    return GP_ETEMP;
}

/* ---- verify ---- */

struct verifying {
    struct reader *reader;
    void (*problem)(void *arg, const char *path, uint64_t offset, const char *what);
    void *arg;
    char name[80];
    struct gp__spool_sums *sums;
};

static bool verify_one(void *arg, uint64_t number, struct gp_slice head)
{
    struct verifying *verifying = arg;
    struct gp__spool_sums *sums = verifying->sums;
    struct gp__arena *arena = gp__arena_create();
    struct gp__place place = gp__plugin_place(number);
    struct gp__entry entry;
    const char *what = NULL;

    verifying->reader->seen = number;
    if (gp__plugin_head_read(&entry, arena, head) < 0)
        what = "a record is no entry";
    else if (gp__plugin_read(&verifying->reader->base, place, arena, &entry) < 0)
        what = "a message is damaged";
    if (what)
        verifying->problem(verifying->arg, verifying->name, number, what);
    else
        sums->bytes += entry.base_size;
    sums->problems += what != NULL;
    sums->entries += what == NULL;
    gp__arena_free(&arena);
    return true;
}

static void count_record(void *arg, struct gp_slice record)
{
    struct gp__spool_sums *sums = arg;

    (void)record;
    sums->journal_records++;
}

static int verify_all(struct gp_call *call, const struct gp_spool_role *role, void *self, void *arg)
{
    struct verifying *verifying = arg;
    uint64_t journal;
    int error = role->show(call, self, 0, verify_one, verifying);

    return error ? error : role->journal_show(call, self, &journal, count_record, verifying->sums);
}

int gp__plugin_verify(struct gp__spool *base,
                      void (*problem)(void *arg, const char *path, uint64_t offset,
                                      const char *what),
                      void *arg, struct gp__spool_sums *sums_r)
{
    struct reader *reader = (struct reader *)base;
    struct verifying verifying = {.reader = reader, .problem = problem, .arg = arg, .sums = sums_r};

    *sums_r = (struct gp__spool_sums){.segments = 0};
    (void)snprintf(verifying.name, sizeof verifying.name, GP_FMT,
                   GP_ARG(reader->plugin->instance->id));
    return gp__plugin_ask(reader->plugin, reader->runtime, verify_all, &verifying) ? GP_EIO : 0;
}

/* ---- life ---- */

int gp__plugin_wake_open(struct gp__spool *base, struct gp__buf *error_r)
{
    return gp__wake_bind(((const struct reader *)base)->layout.wake, error_r);
}

struct gp__spool *gp__plugin_open(struct gp__runtime *rt, const struct gp__spool_settings *settings,
                                  enum gp__spool_mode mode, struct gp__buf *error_r)
{
    struct reader *reader = gp__alloc(sizeof *reader);
    int done;

    reader->plugin = settings->plugin;
    reader->runtime = rt;
    reader->log = settings->log;
    reader->owner_fd = -1;
    gp__layout_init(&reader->layout, settings);
    if (mode == GP__SPOOL_OWN)
        done = gp__layout_prepare(&reader->layout, error_r);
    else
        done = gp__layout_check(&reader->layout, error_r);
    if (done == 0 && mode == GP__SPOOL_OWN)
        reader->owner_fd = gp__layout_own(&reader->layout, error_r);
    if (done == 0 && (mode != GP__SPOOL_OWN || reader->owner_fd >= 0))
        return &reader->base;
    gp__plugin_close(&reader->base);
    return NULL;
}

void gp__plugin_close(struct gp__spool *base)
{
    struct reader *reader = (struct reader *)base;
    const struct gp__disk *disk = reader->layout.disk;

    while (reader->under_way)
        reader->plugin->turn(reader->runtime);
    if (reader->owner_fd >= 0)
        disk->close(disk->arg, reader->owner_fd);
    gp__layout_free(&reader->layout);
    gp__free(reader->segments);
    gp__free(reader);
}
