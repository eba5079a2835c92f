// SPDX-License-Identifier: Apache-2.0
/*
 * An engine that a plugin is (struct gp_spool_role of <gatepost/role.h>): between its records, known
 * by number, and entries at places. 64 numbers make a segment, the unit in which the scheduler
 * removes. Who is the owner, and who is woken, is of the folder, as with the log.
 */
#ifndef GP_SPOOL_PLUGIN_ENGINE_H
#define GP_SPOOL_PLUGIN_ENGINE_H

#include "core/hook/call.h"
#include "core/spool/engine.h"
#include "core/spool/layout.h"

/* Outlives whatever is opened on it. */
struct gp__spool_plugin {
    struct gp__instance *instance;
    void (*turn)(struct gp__runtime *rt); /* runs the loop until something has happened */
};

#define GP__PLUGIN_SEGMENT_BITS 6

static inline struct gp__place gp__plugin_place(uint64_t number)
{
    return (struct gp__place){.segment = (number >> GP__PLUGIN_SEGMENT_BITS) + 1,
                              .offset = (uint32_t)(number & ((1u << GP__PLUGIN_SEGMENT_BITS) - 1))};
}

static inline uint64_t gp__plugin_number(struct gp__place place)
{
    return ((place.segment - 1) << GP__PLUGIN_SEGMENT_BITS) + place.offset;
}

/* ---- records: docs/spool.md ---- */

/* The head of a record for an entry with such a base: 0, or GP_EINVAL. */
int gp__plugin_head_write(const struct gp__entry *entry, struct gp__buf *head_r);

/* Back, without the base; texts point into `head`. 0, or GP_EIO. */
int gp__plugin_head_read(struct gp__entry *entry_r, struct gp__arena *arena, struct gp_slice head);

/* Puts the base to it: 0, or GP_EIO. It is not copied. */
int gp__plugin_base_read(struct gp__entry *entry, struct gp_slice body);

/* ---- calls ---- */

/* What a function of the role is given, and what it says. */
typedef int gp__plugin_fn(struct gp_call *call, const struct gp_spool_role *role, void *self,
                          void *arg);

/* One that answers at once. 0, GP_ENOTFOUND, or GP_EIO. */
int gp__plugin_ask(struct gp__spool_plugin *plugin, struct gp__runtime *rt, gp__plugin_fn *fn,
                   void *arg);

/* One that waits, on a fiber of its own. done(arg, error) is called from the loop's stack, never from
 * within this call: 0, GP_ENOSPC, or GP_EIO. */
void gp__plugin_run(struct gp__spool_plugin *plugin, struct gp__runtime *rt, gp__plugin_fn *fn,
                    void (*done)(void *arg, int error), void *arg);

/* ---- functions of the engine ---- */

struct gp__spool_writer *gp__plugin_writer_open(struct gp__runtime *rt,
                                                const struct gp__spool_settings *settings,
                                                struct gp_slice name, struct gp__buf *error_r);
void gp__plugin_commit(struct gp__spool_writer *base, const struct gp__entry *const *entries,
                       size_t n, void (*done)(void *arg, int error, const struct gp__place *places),
                       void *arg);
void gp__plugin_rewrite(struct gp__spool_writer *base, struct gp__spool *spool,
                        struct gp__place from,
                        void (*done)(void *arg, int error, const struct gp__place *places),
                        void *arg);
void gp__plugin_writer_close(struct gp__spool_writer *base);

struct gp__spool *gp__plugin_open(struct gp__runtime *rt, const struct gp__spool_settings *settings,
                                  enum gp__spool_mode mode, struct gp__buf *error_r);
void gp__plugin_close(struct gp__spool *base);
int gp__plugin_read(struct gp__spool *base, struct gp__place place, struct gp__arena *arena,
                    struct gp__entry *entry_r);
int gp__plugin_read_head(struct gp__spool *base, struct gp__place place, struct gp__arena *arena,
                         struct gp__entry *entry_r);
int gp__plugin_tail(struct gp__spool *base, size_t max,
                    void (*found)(void *arg, struct gp__place place, const struct gp__entry *entry),
                    void *arg);
void gp__plugin_segments(struct gp__spool *base,
                         void (*each)(void *arg, const struct gp__spool_segment *segment),
                         void *arg);
int gp__plugin_verify(struct gp__spool *base,
                      void (*problem)(void *arg, const char *path, uint64_t offset,
                                      const char *what),
                      void *arg, struct gp__spool_sums *sums_r);
int gp__plugin_remove(struct gp__spool *base, uint64_t segment);
int gp__plugin_wake_open(struct gp__spool *base, struct gp__buf *error_r);

struct gp__spool_journal *gp__plugin_journal_open(struct gp__runtime *rt,
                                                  const struct gp__spool_settings *settings,
                                                  void (*record)(void *arg, struct gp_slice bytes),
                                                  void *arg, struct gp__buf *error_r);
void gp__plugin_journal_append(struct gp__spool_journal *base, struct gp_slice bytes,
                               void (*done)(void *arg, int error), void *arg);
int gp__plugin_compact_begin(struct gp__spool_journal *base);
void gp__plugin_compact_put(struct gp__spool_journal *base, struct gp_slice bytes);
void gp__plugin_compact_end(struct gp__spool_journal *base, void (*done)(void *arg, int error),
                            void *arg);
uint64_t gp__plugin_journal_size(const struct gp__spool_journal *base);
void gp__plugin_journal_close(struct gp__spool_journal *base);

#endif
