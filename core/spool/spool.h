// SPDX-License-Identifier: Apache-2.0
/*
 * The spool: where a message is safe once it was answered with 250. A log (docs/spool.md): each
 * writer appends to a segment of its own and syncs once for all that came together meanwhile; the
 * scheduler, its owner, reads along, keeps a journal of outcomes and removes what nobody needs.
 *
 * These calls are the whole of it for others; behind them stands an engine (core/spool/engine.h).
 * Everything belongs to the loop's thread; no call but those that say so blocks for long. Errors
 * are GP_ENOSPC (no space, or less than keep_free), GP_EIO, or what is said.
 */
#ifndef GP_SPOOL_SPOOL_H
#define GP_SPOOL_SPOOL_H

#include "core/spool/entry.h"

struct gp__disk;
struct gp__log;
struct gp__runtime;
struct gp__spool_engine;
struct gp__spool_plugin;
struct gp_call;

#define GP__SPOOL_KEEP_FREE ((uint64_t)256 << 20)
#define GP__SPOOL_SEGMENT ((uint64_t)64 << 20)
#define GP__SPOOL_LARGE ((uint64_t)1 << 20)

/* Where the record of an entry stands. */
struct gp__place {
    uint64_t segment; /* from 1 */
    uint32_t offset;
};

/* Its slices are copied. */
struct gp__spool_settings {
    struct gp_slice path;
    uint64_t keep_free;    /* bytes that stay free in the file system; 0: none */
    uint64_t segment_size; /* 0: GP__SPOOL_SEGMENT */
    uint64_t large_at;     /* a base of so many bytes gets its own file; 0: GP__SPOOL_LARGE */
    struct gp__log *log;   /* or NULL */
    const struct gp__spool_engine *engine; /* NULL: the log */
    const struct gp__disk *disk;           /* of the log; NULL: the system's */
    struct gp__spool_plugin *plugin;       /* NULL, or the engine that a plugin is: not copied */
    const char *kept_by;                   /* the name of that plugin; NULL: the log */
};

/* Makes what is missing of the folder, readable for this user alone, and checks its version.
 * 0, or -1 with a text. Blocks. Opening a writer, or the spool as its owner, does it, too. */
int gp__spool_prepare(const struct gp__spool_settings *settings, struct gp__buf *error_r);

/* Whether this process could use what is there; changes nothing. 0, also where nothing is yet; else
 * with a text, GP_EINVAL: a spool of another version, GP_EIO: something can't be read or written. */
int gp__spool_check(const struct gp__spool_settings *settings, struct gp__buf *error_r);

/* ---- writers: one a worker, one of the scheduler ---- */

struct gp__spool_writer;

/* NULL with a text. Has a thread of its own. `name` is a file name: "w0". Blocks. */
struct gp__spool_writer *gp__spool_writer_open(struct gp__runtime *rt,
                                               const struct gp__spool_settings *settings,
                                               struct gp_slice name, struct gp__buf *error_r);

/*
 * Makes the entries durable, all or none; places_r (may be NULL) by index. Parks the fiber until
 * it is decided, even if the client leaves or the call's time is over: what was begun is kept or
 * not, but never unknown. 0, GP_ENOSPC, GP_EIO, GP_EINVAL (gp__entry_write).
 */
int gp__spool_commit(struct gp_call *call, struct gp__spool_writer *writer,
                     const struct gp__entry *const *entries, size_t n, struct gp__place *places_r);

/* The same for those without a fiber. Base bytes must live until done(arg), which is called from
 * the loop's stack, never from within this call; the entries are not needed after it. */
void gp__spool_commit_start(struct gp__spool_writer *writer, const struct gp__entry *const *entries,
                            size_t n,
                            void (*done)(void *arg, int error, const struct gp__place *places),
                            void *arg);

struct gp__spool;

/* Writes the record at `from` once more, as it is, so that its segment can go. The caller notes in
 * its journal that it moved before it removes the old one; whoever tails sees the id again.
 * GP_ENOTFOUND, GP_EIO: the record is not there, or damaged. */
void gp__spool_rewrite_start(struct gp__spool_writer *writer, struct gp__spool *spool,
                             struct gp__place from,
                             void (*done)(void *arg, int error, const struct gp__place *places),
                             void *arg);

/* Finishes what was begun (their done() is called), ends the thread, gives the segment up. */
void gp__spool_writer_close(struct gp__spool_writer **writer_);

/* ---- reading ---- */

enum gp__spool_mode {
    GP__SPOOL_READ = 0, /* beside others: nothing is made, removed or locked */
    GP__SPOOL_OWN,      /* the only owner: the scheduler, or a tool on a stopped server */
};

/* NULL with a text: not a spool, of another version, owned by somebody else. Blocks. */
struct gp__spool *gp__spool_open(struct gp__runtime *rt, const struct gp__spool_settings *settings,
                                 enum gp__spool_mode mode, struct gp__buf *error_r);
void gp__spool_close(struct gp__spool **spool_);

/* The entry with its base; all of it lives as long as the arena. 0, GP_ENOTFOUND (no such record),
 * GP_EIO (it can't be read, or its checksums are wrong). */
int gp__spool_read(struct gp__spool *spool, struct gp__place place, struct gp__arena *arena,
                   struct gp__entry *entry_r);

/* The same without the base, which is neither read nor checked: `base` is absent. */
int gp__spool_read_head(struct gp__spool *spool, struct gp__place place, struct gp__arena *arena,
                        struct gp__entry *entry_r);

/*
 * Calls found() for each entry that became durable since the last time, in the order of each
 * writer; base is absent. Of writers that are no more everything valid counts. The entry lives
 * until found() returns. At most `max` entries (0: no end), then 1: there is more; else 0, or
 * GP_EIO. What is damaged is logged ("spool.corrupt") and passed over.
 */
int gp__spool_tail(struct gp__spool *spool, size_t max,
                   void (*found)(void *arg, struct gp__place place, const struct gp__entry *entry),
                   void *arg);

/* What tail knows of segments. */
struct gp__spool_segment {
    uint64_t number, bytes; /* bytes: as far as it has been read */
    uint64_t entries;       /* records of entries found in it */
    bool sealed;            /* read to its end: nothing will be added */
    bool kept;              /* not to be removed yet: its writer died, and its last clients may come
                             * again (doubts.h) */
};
void gp__spool_segments(struct gp__spool *spool,
                        void (*each)(void *arg, const struct gp__spool_segment *segment),
                        void *arg);

/*
 * Reads everything, messages too, and tells what is not as it was written. Of a spool that was just
 * opened. 0, or GP_EIO: it could not be read at all.
 */
struct gp__spool_sums {
    uint64_t segments, entries, bytes; /* bytes: of messages */
    uint64_t journal_records;
    uint64_t torn;     /* bytes of batches that a stop interrupted: nobody was promised them */
    uint64_t problems; /* that were told */
};
int gp__spool_verify(struct gp__spool *spool,
                     void (*problem)(void *arg, const char *path, uint64_t offset,
                                     const char *what),
                     void *arg, struct gp__spool_sums *sums_r);

/* Removes a sealed segment, durably (so a journal need not remember it any more); the file of a
 * large message. 0, GP_EINVAL: not sealed, GP_EIO, GP_ETEMP: it was begun, ask again. Owner only, and
 * not from within found(). Block for a few milliseconds. */
int gp__spool_remove(struct gp__spool *spool, uint64_t segment);
int gp__spool_remove_large(struct gp__spool *spool, struct gp_slice id);

/* Removes files of large messages that no entry names: left behind by a crash between file and
 * record. alive(arg, id) is asked of those older than an hour. How many went, or GP_EIO. */
int gp__spool_sweep(struct gp__spool *spool, bool (*alive)(void *arg, struct gp_slice id),
                    void *arg);

/* The socket that writers send a byte to after each commit: a descriptor to be watched and closed
 * by the owner, or -1 with a text. Only a wake-up: bytes may be lost or say nothing new. */
int gp__spool_wake_open(struct gp__spool *spool, struct gp__buf *error_r);
void gp__spool_wake_drain(int fd);

/* ---- the journal of the owner: small opaque records ---- */

struct gp__spool_journal;

/* Reads what is there: record() for each, in order, before this returns. A torn tail is cut. NULL
 * with a text. Blocks. */
struct gp__spool_journal *gp__spool_journal_open(struct gp__runtime *rt,
                                                 const struct gp__spool_settings *settings,
                                                 void (*record)(void *arg, struct gp_slice bytes),
                                                 void *arg, struct gp__buf *error_r);

/*
 * Appends; done(arg, error) on the loop once it is durable, never from within this call; NULL: it
 * matters to nobody when. Those of one turn share a sync. At most 1 MiB. After GP_ENOSPC the next
 * append tries again; after GP_EIO all fail until a compaction has made a new file.
 */
void gp__spool_journal_append(struct gp__spool_journal *journal, struct gp_slice bytes,
                              void (*done)(void *arg, int error), void *arg);

/*
 * Compaction: a new file that begins with what put() is given between begin and end, over as many
 * turns as it takes. Records appended meanwhile go to both files, so what put() says last must
 * hold. After end the new one is synced and takes the old one's place; then done(). An error leaves
 * the old one in use. One at a time: begin is GP_EEXIST.
 */
int gp__spool_journal_compact_begin(struct gp__spool_journal *journal);
void gp__spool_journal_compact_put(struct gp__spool_journal *journal, struct gp_slice bytes);
void gp__spool_journal_compact_end(struct gp__spool_journal *journal,
                                   void (*done)(void *arg, int error), void *arg);

/* Bytes of the file, by which its owner decides when to compact. */
uint64_t gp__spool_journal_size(const struct gp__spool_journal *journal);

/* Finishes what was begun; a compaction that was not ended is dropped. */
void gp__spool_journal_close(struct gp__spool_journal **journal_);

#endif
