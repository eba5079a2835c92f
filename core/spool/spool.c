// SPDX-License-Identifier: Apache-2.0
/* The calls, handed to the engine that is behind them. */
#include "core/spool/spool.h"

#include "core/hook/call.h"
#include "core/spool/engine.h"

#include <sys/socket.h>

static const struct gp__spool_engine *engine_of(const struct gp__spool_settings *settings)
{
    if (settings->engine)
        return settings->engine;
    return settings->kept_by ? &gp__spool_of_plugin : &gp__spool_log;
}

int gp__spool_prepare(const struct gp__spool_settings *settings, struct gp__buf *error_r)
{
    return engine_of(settings)->prepare(settings, error_r);
}

int gp__spool_check(const struct gp__spool_settings *settings, struct gp__buf *error_r)
{
    return engine_of(settings)->check(settings, error_r);
}

/* ---- writers ---- */

struct gp__spool_writer *gp__spool_writer_open(struct gp__runtime *rt,
                                               const struct gp__spool_settings *settings,
                                               struct gp_slice name, struct gp__buf *error_r)
{
    struct gp__spool_writer *writer = engine_of(settings)->writer_open(rt, settings, name, error_r);

    if (writer)
        *writer = (struct gp__spool_writer){.engine = engine_of(settings), .runtime = rt};
    return writer;
}

void gp__spool_commit_start(struct gp__spool_writer *writer, const struct gp__entry *const *entries,
                            size_t n,
                            void (*done)(void *arg, int error, const struct gp__place *places),
                            void *arg)
{
    writer->engine->commit(writer, entries, n, done, arg);
}

struct waiting {
    struct gp__runtime *runtime;
    struct gp__fiber *fiber;
    struct gp__place *places_r;
    size_t n;
    int error;
    bool done;
};

static void on_committed(void *arg, int error, const struct gp__place *places)
{
    struct waiting *waiting = arg;

    if (error == 0 && waiting->places_r)
        memcpy(waiting->places_r, places, waiting->n * sizeof *places);
    waiting->error = error;
    waiting->done = true;
    waiting->runtime->ops->wake(waiting->runtime, waiting->fiber);
}

int gp__spool_commit(struct gp_call *call, struct gp__spool_writer *writer,
                     const struct gp__entry *const *entries, size_t n, struct gp__place *places_r)
{
    struct gp__runtime *rt = call->runtime;
    struct waiting waiting = {
        .runtime = rt, .fiber = rt->ops->fiber(rt), .places_r = places_r, .n = n};

    gp__spool_commit_start(writer, entries, n, on_committed, &waiting);
    while (!waiting.done)
        rt->ops->park(rt);
    return waiting.error;
}

void gp__spool_rewrite_start(struct gp__spool_writer *writer, struct gp__spool *spool,
                             struct gp__place from,
                             void (*done)(void *arg, int error, const struct gp__place *places),
                             void *arg)
{
    writer->engine->rewrite(writer, spool, from, done, arg);
}

void gp__spool_writer_close(struct gp__spool_writer **writer_)
{
    struct gp__spool_writer *writer = *writer_;

    *writer_ = NULL;
    if (writer)
        writer->engine->writer_close(writer);
}

/* ---- reading ---- */

struct gp__spool *gp__spool_open(struct gp__runtime *rt, const struct gp__spool_settings *settings,
                                 enum gp__spool_mode mode, struct gp__buf *error_r)
{
    struct gp__spool *spool = engine_of(settings)->open(rt, settings, mode, error_r);

    if (spool)
        *spool = (struct gp__spool){.engine = engine_of(settings), .runtime = rt};
    return spool;
}

void gp__spool_close(struct gp__spool **spool_)
{
    struct gp__spool *spool = *spool_;

    *spool_ = NULL;
    if (spool)
        spool->engine->close(spool);
}

int gp__spool_read(struct gp__spool *spool, struct gp__place place, struct gp__arena *arena,
                   struct gp__entry *entry_r)
{
    return spool->engine->read(spool, place, arena, entry_r);
}

int gp__spool_read_head(struct gp__spool *spool, struct gp__place place, struct gp__arena *arena,
                        struct gp__entry *entry_r)
{
    return spool->engine->read_head(spool, place, arena, entry_r);
}

int gp__spool_tail(struct gp__spool *spool, size_t max,
                   void (*found)(void *arg, struct gp__place place, const struct gp__entry *entry),
                   void *arg)
{
    return spool->engine->tail(spool, max ? max : SIZE_MAX, found, arg);
}

void gp__spool_segments(struct gp__spool *spool,
                        void (*each)(void *arg, const struct gp__spool_segment *segment), void *arg)
{
    spool->engine->segments(spool, each, arg);
}

int gp__spool_verify(struct gp__spool *spool,
                     void (*problem)(void *arg, const char *path, uint64_t offset,
                                     const char *what),
                     void *arg, struct gp__spool_sums *sums_r)
{
    return spool->engine->verify(spool, problem, arg, sums_r);
}

int gp__spool_remove(struct gp__spool *spool, uint64_t segment)
{
    return spool->engine->remove(spool, segment);
}

int gp__spool_remove_large(struct gp__spool *spool, struct gp_slice id)
{
    return gp__entry_id_fits(id) ? spool->engine->remove_large(spool, id) : GP_EINVAL;
}

int gp__spool_sweep(struct gp__spool *spool, bool (*alive)(void *arg, struct gp_slice id),
                    void *arg)
{
    return spool->engine->sweep(spool, alive, arg);
}

int gp__spool_wake_open(struct gp__spool *spool, struct gp__buf *error_r)
{
    return spool->engine->wake_open(spool, error_r);
}

void gp__spool_wake_drain(int fd)
{
    char bytes[16];

    while (recv(fd, bytes, sizeof bytes, MSG_DONTWAIT) >= 0)
        ;
}

/* ---- the journal ---- */

struct gp__spool_journal *gp__spool_journal_open(struct gp__runtime *rt,
                                                 const struct gp__spool_settings *settings,
                                                 void (*record)(void *arg, struct gp_slice bytes),
                                                 void *arg, struct gp__buf *error_r)
{
    struct gp__spool_journal *journal = engine_of(settings)->journal_open(rt, settings, record, arg,
                                                                          error_r);

    if (journal)
        *journal = (struct gp__spool_journal){.engine = engine_of(settings), .runtime = rt};
    return journal;
}

void gp__spool_journal_append(struct gp__spool_journal *journal, struct gp_slice bytes,
                              void (*done)(void *arg, int error), void *arg)
{
    journal->engine->journal_append(journal, bytes, done, arg);
}

int gp__spool_journal_compact_begin(struct gp__spool_journal *journal)
{
    return journal->engine->compact_begin(journal);
}

void gp__spool_journal_compact_put(struct gp__spool_journal *journal, struct gp_slice bytes)
{
    journal->engine->compact_put(journal, bytes);
}

void gp__spool_journal_compact_end(struct gp__spool_journal *journal,
                                   void (*done)(void *arg, int error), void *arg)
{
    journal->engine->compact_end(journal, done, arg);
}

uint64_t gp__spool_journal_size(const struct gp__spool_journal *journal)
{
    return journal->engine->journal_size(journal);
}

void gp__spool_journal_close(struct gp__spool_journal **journal_)
{
    struct gp__spool_journal *journal = *journal_;

    *journal_ = NULL;
    if (journal)
        journal->engine->journal_close(journal);
}
