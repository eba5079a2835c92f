// SPDX-License-Identifier: Apache-2.0
#include "core/process/totals.h"

#include "core/base/alloc.h"

#include <string.h>

struct row {
    struct gp__board_stats sum; /* first: the map's values are these */
    char key[sizeof((struct gp__board_stats *)0)->chain +
             sizeof((struct gp__board_stats *)0)->instance +
             sizeof((struct gp__board_stats *)0)->hook];
};

static void add_stats(struct gp__hook_stats *sum, const struct gp__hook_stats *stats)
{
    sum->calls += stats->calls;
    sum->faults += stats->faults;
    sum->timeouts += stats->timeouts;
    sum->canceled += stats->canceled;
    sum->total_ns += stats->total_ns;
    for (size_t i = 0; i < GP_VERDICT_COUNT; i++)
        sum->verdicts[i] += stats->verdicts[i];
    for (size_t i = 0; i < GP__LATENCY_BUCKETS; i++)
        sum->latency[i] += stats->latency[i];
}

/* The three names as they stand in their fields, which are cut and filled up with zeros here. */
static void make_key(const struct gp__board_stats *stats, char *key)
{
    const struct {
        const char *text;
        size_t size;
    } parts[] = {{stats->chain, sizeof stats->chain},
                 {stats->instance, sizeof stats->instance},
                 {stats->hook, sizeof stats->hook}};

    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        size_t len = strnlen(parts[i].text, parts[i].size - 1);

        memset(key, 0, parts[i].size);
        memcpy(key, parts[i].text, len);
        key += parts[i].size;
    }
}

void gp__totals_add_row(struct gp__totals *totals, const struct gp__board_stats *stats)
{
    char key[sizeof((struct row *)0)->key];
    struct row *row;

    make_key(stats, key);
    row = gp__map_get(&totals->stats, gp_slice(key, sizeof key));
    if (!row && totals->stats.count < GP__TOTALS_MAX) {
        row = gp__alloc(sizeof *row);
        memcpy(row->key, key, sizeof key);
        memcpy(row->sum.chain, key, sizeof row->sum.chain);
        memcpy(row->sum.instance, key + sizeof row->sum.chain, sizeof row->sum.instance);
        memcpy(row->sum.hook, key + sizeof row->sum.chain + sizeof row->sum.instance,
               sizeof row->sum.hook);
        gp__map_set(&totals->stats, gp_slice(row->key, sizeof row->key), row);
    }
    if (!row)
        return;
    add_stats(&row->sum.stats, &stats->stats);
    row->sum.shadow_agreed += stats->shadow_agreed;
    row->sum.shadow_differed += stats->shadow_differed;
}

void gp__totals_add(struct gp__totals *totals, const struct gp__board *board, size_t room)
{
    uint64_t n = board->n_stats;

    gp__counts_add(&totals->counts, &board->counts);
    for (size_t i = 0; i < room && i < n; i++)
        gp__totals_add_row(totals, &board->stats[i]);
}

void gp__totals_add_totals(struct gp__totals *totals, const struct gp__totals *other)
{
    gp__counts_add(&totals->counts, &other->counts);
    for (size_t i = 0; i < other->stats.count; i++)
        gp__totals_add_row(totals, other->stats.entries[i].value);
}

void gp__totals_free(struct gp__totals *totals)
{
    for (size_t i = 0; i < totals->stats.count; i++)
        gp__free(totals->stats.entries[i].value);
    gp__map_free(&totals->stats);
}
