// SPDX-License-Identifier: Apache-2.0
/*
 * A live instance of a plugin, and the chain it stands in. Made once a generation by the plugin
 * host from the configuration; the settings never change, the counters are written by the one
 * thread that calls it.
 */
#ifndef GP_HOOK_INSTANCE_H
#define GP_HOOK_INSTANCE_H

#include "core/hook/point.h"
#include "core/hook/when.h"

#include <gatepost/plugin.h>
#include <stdint.h>

enum gp__refuse_at {
    GP__REFUSE_AT_RCPT = 0,
    GP__REFUSE_AT_NOW,
};

#define GP__LATENCY_BUCKETS 40 /* bucket n: calls of 2^n to 2^(n+1) nanoseconds */

/* What one instance did at one hook point. */
struct gp__hook_stats {
    uint64_t calls, faults, timeouts, canceled;
    uint64_t verdicts[GP_VERDICT_COUNT];
    uint64_t total_ns;
    uint32_t latency[GP__LATENCY_BUCKETS];
};

/* A named number that the plugin counts with gp_count(). */
struct gp__counter {
    char name[32];
    uint64_t value;
};

#define GP__COUNTERS_MAX 32

struct gp__shadow_job;
struct gp__state;
struct gp__outbound;

struct gp__call_queue {
    struct gp_call *first, *last;
};

struct gp__instance {
    struct gp_slice id;
    size_t index; /* in the generation: of slots and records */
    const struct gp_plugin *plugin;
    void *self;
    enum gp_verdict (*fns[GP_HOOK_COUNT])(struct gp_call *call, void *self);

    size_t
        stack; /* of fibers that it is called on: also what it asks, such as tables, runs there */
    uint64_t deadline_ms;
    enum gp_on_error on_error;
    bool shadow;
    bool has_refuse_at; /* else the listener's */
    enum gp__refuse_at refuse_at;
    bool even_authenticated;
    const struct gp__when *when;

    struct gp__state *state;       /* NULL: the configuration has none */
    struct gp__outbound *outbound; /* of core/delivery; NULL: defaults */
    struct gp_slice state_name;    /* namespace of its keys */
    unsigned state_later;          /* changes under way that nobody waits for */

    bool busy;                     /* SERIAL: a call is under way */
    struct gp__call_queue waiting; /* SERIAL: those that wait for it */
    struct gp__shadow_job *shadow_jobs;
    unsigned shadows; /* shadow calls under way */
    uint64_t shadows_skipped;
    uint64_t shadow_agreed, shadow_differed;

    struct gp__hook_stats *stats[GP_HOOK_COUNT]; /* NULL where it has no hook */
    bool stats_shared;                           /* they stand in memory of somebody else */
    struct gp__counter counters[GP__COUNTERS_MAX];
    size_t n_counters;
};

/* At each point, those that have a hook there, in the order of the configuration. */
struct gp__chain {
    struct gp_slice name;
    struct {
        struct gp__instance **items;
        size_t count;
    } at[GP_HOOK_COUNT];
    struct gp__instance **items; /* all */
    size_t count;
};

#endif
