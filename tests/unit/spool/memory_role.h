// SPDX-License-Identifier: Apache-2.0
/* A plugin with the role spool, in memory: what it keeps outlives its instances, as a disk would. It
 * takes its time, and fails when it is told to. */
#ifndef GP_TEST_SPOOL_MEMORY_ROLE_H
#define GP_TEST_SPOOL_MEMORY_ROLE_H

#include "core/runtime/sim.h"
#include "core/spool/plugin_engine.h"

#include <gatepost/plugin.h>

#define KEPT_MAX 512

static struct {
    struct {
        struct gp__buf head, body;
        bool there;
    } records[KEPT_MAX]; /* by number */
    uint64_t next;
    struct {
        struct gp__buf bytes;
        uint64_t journal;
    } journal[KEPT_MAX];
    size_t n_journal;
    uint64_t counts;   /* the journal that does */
    uint64_t takes_ms; /* each change */
    int error;         /* of changes */
    uint64_t broken;   /* the journal that takes nothing; 0: none */
    unsigned appends, journal_appends, under_way, most;
    bool waits_in_show, gives_nothing;
} shelf = {.next = 1};

static inline int take_time(struct gp_call *call)
{
    shelf.under_way++;
    if (shelf.under_way > shelf.most)
        shelf.most = shelf.under_way;
    if (shelf.takes_ms)
        (void)gp_sleep(call, shelf.takes_ms);
    shelf.under_way--;
    return shelf.error;
}

static inline int role_append(struct gp_call *call, void *self, const struct gp_slice *heads,
                              const struct gp_slice *bodies, size_t n, uint64_t *numbers_r)
{
    int error = take_time(call);

    (void)self;
    shelf.appends++;
    for (size_t i = 0; i < n && !error; i++) {
        numbers_r[i] = shelf.gives_nothing ? 0 : shelf.next;
        gp__buf_append(&shelf.records[shelf.next].head, heads[i]);
        gp__buf_append(&shelf.records[shelf.next].body, bodies[i]);
        shelf.records[shelf.next++].there = true;
    }
    return error;
}

static inline int role_read(struct gp_call *call, void *self, uint64_t number,
                            void (*found)(void *arg, struct gp_slice head, struct gp_slice body),
                            void *arg)
{
    (void)call;
    (void)self;
    if (number >= shelf.next || !shelf.records[number].there)
        return GP_ENOTFOUND;
    found(arg, gp__buf_slice(&shelf.records[number].head),
          gp__buf_slice(&shelf.records[number].body));
    return 0;
}

static inline int role_show(struct gp_call *call, void *self, uint64_t after,
                            bool (*found)(void *arg, uint64_t number, struct gp_slice head),
                            void *arg)
{
    (void)self;
    if (shelf.waits_in_show && gp_sleep(call, 1) < 0)
        return 0;
    for (uint64_t i = after + 1; i < shelf.next; i++)
        if (shelf.records[i].there && !found(arg, i, gp__buf_slice(&shelf.records[i].head)))
            break;
    return 0;
}

static inline int role_remove(struct gp_call *call, void *self, uint64_t first, uint64_t last)
{
    int error = take_time(call);

    (void)self;
    for (uint64_t i = first; i <= last && i < shelf.next && !error; i++)
        shelf.records[i].there = false;
    return error;
}

static inline int role_journal_append(struct gp_call *call, void *self, uint64_t journal,
                                      const struct gp_slice *records, size_t n)
{
    int error = take_time(call);

    (void)self;
    shelf.journal_appends++;
    if (!error && shelf.broken && shelf.broken == journal)
        error = GP_ENOSPC;
    for (size_t i = 0; i < n && !error; i++) {
        shelf.journal[shelf.n_journal].journal = journal;
        gp__buf_append(&shelf.journal[shelf.n_journal++].bytes, records[i]);
    }
    return error;
}

static inline int role_journal_switch(struct gp_call *call, void *self, uint64_t journal)
{
    int error = take_time(call);

    (void)self;
    if (!error)
        shelf.counts = journal;
    return error;
}

static inline int role_journal_show(struct gp_call *call, void *self, uint64_t *journal_r,
                                    void (*found)(void *arg, struct gp_slice record), void *arg)
{
    (void)call;
    (void)self;
    *journal_r = shelf.counts;
    for (size_t i = 0; i < shelf.n_journal; i++)
        if (shelf.journal[i].journal == shelf.counts)
            found(arg, gp__buf_slice(&shelf.journal[i].bytes));
    return 0;
}

static const struct gp_spool_role kept_role = {
    sizeof kept_role, role_append,         role_read,           role_show,
    role_remove,      role_journal_append, role_journal_switch, role_journal_show,
};
static const struct gp_plugin kept_plugin = {.name = "kept", .spool = &kept_role};
static struct gp__instance kept_instance = {.id = {"store", 5}, .plugin = &kept_plugin};

static inline void kept_turn(struct gp__runtime *rt)
{
    gp__sim_advance(rt, 1);
}

static struct gp__spool_plugin kept_engine = {.instance = &kept_instance, .turn = kept_turn};

static inline void kept_forget(void)
{
    for (size_t i = 0; i < KEPT_MAX; i++) {
        gp__buf_free(&shelf.records[i].head);
        gp__buf_free(&shelf.records[i].body);
        gp__buf_free(&shelf.journal[i].bytes);
    }
    memset(&shelf, 0, sizeof shelf);
    shelf.next = 1;
}

#endif
