// SPDX-License-Identifier: Apache-2.0
/* Inside the log: what its files have of each other. The functions are those of the engine. */
#ifndef GP_SPOOL_LOG_ENGINE_H
#define GP_SPOOL_LOG_ENGINE_H

#include "core/spool/engine.h"
#include "core/spool/layout.h"
#include "core/spool/scan.h"

/* ---- writers ---- */

struct gp__spool_writer *gp__log_writer_open(struct gp__runtime *rt,
                                             const struct gp__spool_settings *settings,
                                             struct gp_slice name, struct gp__buf *error_r);
void gp__log_writer_commit(struct gp__spool_writer *base, const struct gp__entry *const *entries,
                           size_t n,
                           void (*done)(void *arg, int error, const struct gp__place *places),
                           void *arg);
void gp__log_writer_rewrite(struct gp__spool_writer *base, struct gp__spool *spool,
                            struct gp__place from,
                            void (*done)(void *arg, int error, const struct gp__place *places),
                            void *arg);
void gp__log_writer_close(struct gp__spool_writer *base);

/* ---- reading ---- */

#define GP__LOG_CACHED 64

/* Heads from this size on are shared by those who read them; at most so many are kept, of so many bytes
 * together (as they are written; read, about three times that), or a single one of any size. */
#define GP__LOG_BIG ((size_t)32 << 10)
#define GP__LOG_BIG_MAX 4
#define GP__LOG_BIG_BYTES ((size_t)16 << 20)

struct gp__log_big;

struct gp__log_segment {
    uint64_t number;
    struct gp__scan scan; /* its fd: -1 when it is sealed, or could not be opened */
    int mark_fd;
    _Atomic uint64_t *mark; /* of its writer; or NULL */
    uint64_t entries;
    bool sealed;
    bool unreadable; /* and sealed therefore */
    bool salvaged;   /* its head is damaged, its batches can be read */
    bool died;       /* its writer did, and not long ago: others read its end (dead.h) */
};

struct gp__log_spool {
    struct gp__spool base;
    struct gp__layout layout;
    struct gp__log *log;
    int owner_fd;                      /* -1: not the owner */
    struct gp__log_segment **segments; /* by number */
    size_t n, cap;
    struct {
        uint64_t number, salt, used;
        int fd;
    } cached[GP__LOG_CACHED];                 /* of those that were read from last */
    struct gp__log_big *big[GP__LOG_BIG_MAX]; /* log_big.c */
    uint64_t uses;
};

struct gp__spool *gp__log_open(struct gp__runtime *rt, const struct gp__spool_settings *settings,
                               enum gp__spool_mode mode, struct gp__buf *error_r);
void gp__log_close(struct gp__spool *base);
int gp__log_read_head(struct gp__spool *base, struct gp__place place, struct gp__arena *arena,
                      struct gp__entry *entry_r);
int gp__log_read(struct gp__spool *base, struct gp__place place, struct gp__arena *arena,
                 struct gp__entry *entry_r);
int gp__log_tail(struct gp__spool *base, size_t max,
                 void (*found)(void *arg, struct gp__place place, const struct gp__entry *entry),
                 void *arg);
void gp__log_segments(struct gp__spool *base,
                      void (*each)(void *arg, const struct gp__spool_segment *segment), void *arg);
int gp__log_verify(struct gp__spool *base,
                   void (*told)(void *arg, const char *path, uint64_t offset, const char *what),
                   void *arg, struct gp__spool_sums *sums_r);
int gp__log_remove(struct gp__spool *base, uint64_t segment);
int gp__log_remove_large(struct gp__spool *base, struct gp_slice id);
int gp__log_sweep(struct gp__spool *base, bool (*alive)(void *arg, struct gp_slice id), void *arg);
int gp__log_wake_open(struct gp__spool *base, struct gp__buf *error_r);

/* Looks for new segments; finds out how far a segment may be read now. 0, or GP_EIO. */
int gp__log_refresh(struct gp__log_spool *spool);
int gp__log_look(struct gp__log_spool *spool, struct gp__log_segment *segment);

/* A record with its head, checked, into an empty buffer. 0, GP_ENOTFOUND, GP_EIO. */
int gp__log_read_record(struct gp__spool *base, struct gp__place place, struct gp__buf *record_r,
                        struct gp__record_head *head_r);

/* An entry without its base into the arena, and how large its head is. 0, GP_ENOTFOUND, GP_EIO. */
int gp__log_load_head(struct gp__log_spool *spool, struct gp__place place, struct gp__arena *arena,
                      struct gp__entry *entry_r, size_t *size_r);

/* The same of one whose head is a big one, which others share: it lives as long as the arena. */
int gp__log_read_big(struct gp__log_spool *spool, struct gp__place place, struct gp__arena *arena,
                     struct gp__entry *entry_r);

/* Big heads of a segment; 0: of all. */
void gp__log_forget_big(struct gp__log_spool *spool, uint64_t segment);

/* Closes what is cached of a segment; 0: of all. */
void gp__log_uncache(struct gp__log_spool *spool, uint64_t segment);

/* ---- the journal ---- */

struct gp__spool_journal *gp__log_journal_open(struct gp__runtime *rt,
                                               const struct gp__spool_settings *settings,
                                               void (*record)(void *arg, struct gp_slice bytes),
                                               void *arg, struct gp__buf *error_r);
void gp__log_journal_append(struct gp__spool_journal *base, struct gp_slice bytes,
                            void (*done)(void *arg, int error), void *arg);
int gp__log_compact_begin(struct gp__spool_journal *base);
void gp__log_compact_put(struct gp__spool_journal *base, struct gp_slice bytes);
void gp__log_compact_end(struct gp__spool_journal *base, void (*done)(void *arg, int error),
                         void *arg);
uint64_t gp__log_journal_size(const struct gp__spool_journal *base);
void gp__log_journal_close(struct gp__spool_journal *base);

#endif
