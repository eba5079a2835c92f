// SPDX-License-Identifier: Apache-2.0
/*
 * What stands behind the calls of spool.h: the log, or another engine that keeps the same promises
 * (one that writes to several machines, one in memory for tests). Each function is the call of that
 * name; what it is given was checked. Writers, spools and journals of an engine begin with the
 * structs below, which spool.c fills in after they were opened.
 */
#ifndef GP_SPOOL_ENGINE_H
#define GP_SPOOL_ENGINE_H

#include "core/spool/spool.h"

struct gp__spool_writer {
    const struct gp__spool_engine *engine;
    struct gp__runtime *runtime;
};

struct gp__spool {
    const struct gp__spool_engine *engine;
    struct gp__runtime *runtime;
};

struct gp__spool_journal {
    const struct gp__spool_engine *engine;
    struct gp__runtime *runtime;
};

struct gp__spool_engine {
    const char *name;

    int (*prepare)(const struct gp__spool_settings *settings, struct gp__buf *error_r);
    int (*check)(const struct gp__spool_settings *settings, struct gp__buf *error_r);

    struct gp__spool_writer *(*writer_open)(struct gp__runtime *rt,
                                            const struct gp__spool_settings *settings,
                                            struct gp_slice name, struct gp__buf *error_r);
    void (*commit)(struct gp__spool_writer *writer, const struct gp__entry *const *entries,
                   size_t n, void (*done)(void *arg, int error, const struct gp__place *places),
                   void *arg);
    void (*rewrite)(struct gp__spool_writer *writer, struct gp__spool *spool, struct gp__place from,
                    void (*done)(void *arg, int error, const struct gp__place *places), void *arg);
    void (*writer_close)(struct gp__spool_writer *writer);

    struct gp__spool *(*open)(struct gp__runtime *rt, const struct gp__spool_settings *settings,
                              enum gp__spool_mode mode, struct gp__buf *error_r);
    void (*close)(struct gp__spool *spool);
    int (*read)(struct gp__spool *spool, struct gp__place place, struct gp__arena *arena,
                struct gp__entry *entry_r);
    int (*read_head)(struct gp__spool *spool, struct gp__place place, struct gp__arena *arena,
                     struct gp__entry *entry_r);
    int (*tail)(struct gp__spool *spool, size_t max,
                void (*found)(void *arg, struct gp__place place, const struct gp__entry *entry),
                void *arg);
    void (*segments)(struct gp__spool *spool,
                     void (*each)(void *arg, const struct gp__spool_segment *segment), void *arg);
    int (*verify)(struct gp__spool *spool,
                  void (*problem)(void *arg, const char *path, uint64_t offset, const char *what),
                  void *arg, struct gp__spool_sums *sums_r);
    int (*remove)(struct gp__spool *spool, uint64_t segment);
    int (*remove_large)(struct gp__spool *spool, struct gp_slice id);
    int (*sweep)(struct gp__spool *spool, bool (*alive)(void *arg, struct gp_slice id), void *arg);
    int (*wake_open)(struct gp__spool *spool, struct gp__buf *error_r);

    struct gp__spool_journal *(*journal_open)(struct gp__runtime *rt,
                                              const struct gp__spool_settings *settings,
                                              void (*record)(void *arg, struct gp_slice bytes),
                                              void *arg, struct gp__buf *error_r);
    void (*journal_append)(struct gp__spool_journal *journal, struct gp_slice bytes,
                           void (*done)(void *arg, int error), void *arg);
    int (*compact_begin)(struct gp__spool_journal *journal);
    void (*compact_put)(struct gp__spool_journal *journal, struct gp_slice bytes);
    void (*compact_end)(struct gp__spool_journal *journal, void (*done)(void *arg, int error),
                        void *arg);
    uint64_t (*journal_size)(const struct gp__spool_journal *journal);
    void (*journal_close)(struct gp__spool_journal *journal);
};

extern const struct gp__spool_engine gp__spool_log, gp__spool_of_plugin;

#endif
