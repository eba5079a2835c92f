// SPDX-License-Identifier: Apache-2.0
#include "core/process/metrics.h"

#include <stdio.h>
#include <string.h>

/* Of the 40 buckets that are counted every second one from 1 µs to 69 s: enough for any graph. */
#define FIRST_BUCKET 9
#define LAST_BUCKET 35

/* ---- the format ---- */

static void label(struct gp__buf *out, const char *key, const char *value)
{
    gp__buf_printf(out, "%s=\"", key);
    for (; *value; value++) {
        if (*value == '\\' || *value == '"')
            gp__buf_append(out, GP_S("\\"));
        if (*value == '\n')
            gp__buf_append(out, GP_S("\\n"));
        else
            gp__buf_append(out, gp_slice(value, 1));
    }
    gp__buf_append(out, GP_S("\""));
}

static void head(struct gp__buf *out, const char *name, const char *type, const char *help)
{
    gp__buf_printf(out, "# HELP gatepost_%s %s\n# TYPE gatepost_%s %s\n", name, help, name, type);
}

static void gauge(struct gp__buf *out, const char *name, const char *help, uint64_t value)
{
    head(out, name, "gauge", help);
    gp__buf_printf(out, "gatepost_%s %llu\n", name, (unsigned long long)value);
}

/* ---- counters ---- */

static void counters(const struct gp__counts *counts, struct gp__buf *out)
{
    const char *before = "";
    char name[96];

    for (size_t i = 0; i < GP__COUNT_ROWS; i++) {
        const struct gp__count_row *row = &gp__count_rows[i];

        snprintf(name, sizeof name, "%s_total", row->name);
        if (strcmp(before, row->name) != 0)
            head(out, name, "counter", row->help);
        before = row->name;
        gp__buf_printf(out, row->labels[0] ? "gatepost_%s{%s} %llu\n" : "gatepost_%s%s %llu\n",
                       name, row->labels, (unsigned long long)gp__count_get(counts, row));
    }
}

/* ---- hooks ---- */

static void labels_of(struct gp__buf *out, const struct gp__board_stats *row)
{
    label(out, "chain", row->chain);
    gp__buf_append(out, GP_S(","));
    label(out, "instance", row->instance);
    gp__buf_append(out, GP_S(","));
    label(out, "hook", row->hook);
}

static void sample(struct gp__buf *out, const char *name, const struct gp__board_stats *row,
                   const char *key, const char *value, uint64_t number)
{
    gp__buf_printf(out, "gatepost_%s{", name);
    labels_of(out, row);
    if (key) {
        gp__buf_append(out, GP_S(","));
        label(out, key, value);
    }
    gp__buf_printf(out, "} %llu\n", (unsigned long long)number);
}

static void verdicts(struct gp__buf *out, const struct gp__board_stats *row)
{
    for (int i = 0; i < GP_VERDICT_COUNT; i++)
        if (row->stats.verdicts[i])
            sample(out, "hook_verdicts_total", row, "verdict", gp__verdict_name((enum gp_verdict)i),
                   row->stats.verdicts[i]);
}

static void failures(struct gp__buf *out, const struct gp__board_stats *row)
{
    const struct gp__hook_stats *stats = &row->stats;
    uint64_t others = stats->faults > stats->timeouts ? stats->faults - stats->timeouts : 0;

    sample(out, "hook_faults_total", row, "kind", "timeout", stats->timeouts);
    sample(out, "hook_faults_total", row, "kind", "other", others);
}

static void shadow(struct gp__buf *out, const struct gp__board_stats *row)
{
    if (row->shadow_agreed + row->shadow_differed == 0)
        return;
    sample(out, "hook_shadow_total", row, "opinion", "agreed", row->shadow_agreed);
    sample(out, "hook_shadow_total", row, "opinion", "differed", row->shadow_differed);
}

static void latency(struct gp__buf *out, const struct gp__board_stats *row)
{
    const struct gp__hook_stats *stats = &row->stats;
    uint64_t sum = 0;
    char bound[32];

    for (unsigned i = 0; i < GP__LATENCY_BUCKETS; i++) {
        sum += stats->latency[i];
        if (i < FIRST_BUCKET || i > LAST_BUCKET || (i - FIRST_BUCKET) % 2)
            continue;
        snprintf(bound, sizeof bound, "%.9g", (double)(1ull << (i + 1)) / 1e9);
        sample(out, "hook_seconds_bucket", row, "le", bound, sum);
    }
    /* Their sum, not the count of calls: both must agree although the process writes on. */
    sample(out, "hook_seconds_bucket", row, "le", "+Inf", sum);
    gp__buf_append(out, GP_S("gatepost_hook_seconds_sum{"));
    labels_of(out, row);
    gp__buf_printf(out, "} %.9f\n", (double)stats->total_ns / 1e9);
    sample(out, "hook_seconds_count", row, NULL, NULL, sum);
}

static const struct {
    const char *name, *type, *help;
    void (*write)(struct gp__buf *out, const struct gp__board_stats *row);
} hook_families[] = {
    {"hook_verdicts_total", "counter", "Calls by what the instance said", verdicts},
    {"hook_faults_total", "counter", "Calls that failed", failures},
    {"hook_shadow_total", "counter", "Recipients by whether shadow mode agreed", shadow},
    {"hook_seconds", "histogram", "How long calls took, waits included", latency},
};

static void hooks(const struct gp__totals *totals, struct gp__buf *out)
{
    for (size_t k = 0; k < sizeof hook_families / sizeof *hook_families; k++) {
        head(out, hook_families[k].name, hook_families[k].type, hook_families[k].help);
        for (size_t i = 0; i < totals->stats.count; i++)
            hook_families[k].write(out, totals->stats.entries[i].value);
    }
}

/* ---- processes ---- */

static void processes(const struct gp__metrics *metrics, struct gp__buf *out)
{
    head(out, "process_up", "gauge", "Processes by what they are and how they are");
    for (size_t i = 0; i < metrics->n_processes; i++) {
        const struct gp__report_process *process = &metrics->processes[i];

        gp__buf_append(out, GP_S("gatepost_process_up{"));
        label(out, "role", process->role);
        gp__buf_printf(out, ",slot=\"%u\",generation=\"%llu\",", process->slot,
                       (unsigned long long)process->generation);
        label(out, "state", process->state);
        gp__buf_printf(out, "} %d\n", process->pid > 0);
    }
}

/* ---- the queue ---- */

static void queue(const struct gp__queue_figures *figures, struct gp__buf *out)
{
    uint64_t age = figures->oldest_ms && figures->now_ms > figures->oldest_ms
                       ? (figures->now_ms - figures->oldest_ms) / 1000
                       : 0;

    gauge(out, "queue_messages", "Messages in the queue", figures->messages);
    head(out, "queue_groups", "gauge", "Groups of recipients in the queue by how they are");
    for (int i = 0; i < GP__GROUP_STATES; i++) {
        gp__buf_append(out, GP_S("gatepost_queue_groups{"));
        label(out, "state", gp__group_state_name((enum gp__group_state)i));
        gp__buf_printf(out, "} %llu\n", (unsigned long long)figures->by_state[i]);
    }
    gauge(out, "queue_destinations", "Destinations that mail waits for", figures->destinations);
    gauge(out, "queue_destinations_waiting", "Destinations that are not to be tried just now",
          figures->down);
    gauge(out, "queue_oldest_seconds", "Age of the oldest message in the queue", age);
    gauge(out, "queue_segments", "Segments of the spool with mail in them", figures->segments);
    gauge(out, "queue_memory_bytes", "Memory that the schedule takes", figures->bytes);
}

void gp__metrics_write(const struct gp__metrics *metrics, struct gp__buf *out)
{
    const struct gp__counts *counts = &metrics->totals->counts;

    gauge(out, "generation", "Configurations that were in force so far", metrics->generation);
    gauge(out, "uptime_seconds", "Since the start", metrics->seconds);
    gauge(out, "sessions_open", "Connections now", counts->sessions - counts->sessions_ended);
    processes(metrics, out);
    if (metrics->queue)
        queue(metrics->queue, out);
    counters(counts, out);
    hooks(metrics->totals, out);
}
