// SPDX-License-Identifier: Apache-2.0
#include "core/process/report.h"

#include "core/base/log.h"
#include "core/hook/policy.h"
#include "core/hook/stats.h"
#include "core/server/server.h"

#include <stdio.h>
#include <string.h>

static bool needs_comma(const struct gp__buf *out)
{
    char last = out->len ? gp__buf_slice(out).data[out->len - 1] : '{';

    return last != '{' && last != '[' && last != ':';
}

static void key(struct gp__buf *out, const char *name)
{
    if (needs_comma(out))
        gp__buf_append(out, GP_S(","));
    gp__json_string(out, gp_slice_of(name));
    gp__buf_append(out, GP_S(":"));
}

void gp__report_begin(struct gp__buf *out)
{
    if (needs_comma(out))
        gp__buf_append(out, GP_S(","));
    gp__buf_append(out, GP_S("{"));
}

void gp__report_end(struct gp__buf *out)
{
    gp__buf_append(out, GP_S("}"));
}

void gp__report_text(struct gp__buf *out, const char *name, struct gp_slice value)
{
    if (!gp_slice_present(value))
        return;
    key(out, name);
    gp__json_string(out, value);
}

void gp__report_number(struct gp__buf *out, const char *name, uint64_t value)
{
    key(out, name);
    gp__buf_printf(out, "%llu", (unsigned long long)value);
}

void gp__report_raw(struct gp__buf *out, const char *name, struct gp_slice json)
{
    key(out, name);
    gp__buf_append(out, json);
}

/* ---- status ---- */

void gp__report_processes(struct gp__buf *out, const struct gp__report_process *list, size_t n)
{
    gp__report_raw(out, "processes", GP_S("["));
    for (size_t i = 0; i < n; i++) {
        gp__report_begin(out);
        gp__report_text(out, "role", gp_slice_of(list[i].role));
        gp__report_number(out, "slot", list[i].slot);
        if (list[i].pid > 0)
            gp__report_number(out, "pid", (uint64_t)list[i].pid);
        gp__report_text(out, "state", gp_slice_of(list[i].state));
        gp__report_number(out, "generation", list[i].generation);
        gp__report_number(out, "seconds", list[i].seconds);
        gp__report_number(out, "sessions", list[i].sessions);
        gp__report_number(out, "crashes", list[i].crashes);
        gp__report_end(out);
    }
    gp__buf_append(out, GP_S("]"));
}

void gp__report_queue(struct gp__buf *out, const struct gp__queue_figures *figures)
{
    gp__report_raw(out, "queue", GP_S("{"));
    gp__report_raw(out, "complete", figures->ready ? GP_S("true") : GP_S("false"));
    gp__report_number(out, "messages", figures->messages);
    for (int i = 0; i < GP__GROUP_STATES; i++)
        gp__report_number(out, gp__group_state_name((enum gp__group_state)i), figures->by_state[i]);
    gp__report_number(out, "destinations", figures->destinations);
    if (figures->oldest_ms)
        gp__report_number(out, "oldest", figures->oldest_ms);
    gp__report_number(out, "now", figures->now_ms);
    gp__report_number(out, "bytes", figures->bytes);
    gp__buf_append(out, GP_S("}"));
}

/* messages{result="accepted"} is messages_accepted here. */
static void name_of(const struct gp__count_row *row, char *name, size_t size)
{
    size_t len = (size_t)snprintf(name, size, "%s", row->name);

    for (const char *label = strchr(row->labels, '"'); label && len < size;) {
        const char *end = strchr(label + 1, '"');

        len += (size_t)snprintf(name + len, size - len, "_%.*s", (int)(end - label - 1), label + 1);
        label = strchr(end + 1, '"');
    }
}

void gp__report_totals(struct gp__buf *out, const struct gp__counts *counts)
{
    gp__report_raw(out, "totals", GP_S("{"));
    for (size_t i = 0; i < GP__COUNT_ROWS; i++) {
        const struct gp__count_row *row = &gp__count_rows[i];
        char name[96];

        name_of(row, name, sizeof name);
        gp__report_number(out, name, gp__count_get(counts, row));
    }
    gp__buf_append(out, GP_S("}"));
}

/* ---- hooks ---- */

static void verdicts(struct gp__buf *out, const struct gp__hook_stats *stats)
{
    gp__report_raw(out, "verdicts", GP_S("{"));
    for (int i = 0; i < GP_VERDICT_COUNT; i++)
        if (stats->verdicts[i])
            gp__report_number(out, gp__verdict_name((enum gp_verdict)i), stats->verdicts[i]);
    gp__buf_append(out, GP_S("}"));
}

static void hook(struct gp__buf *out, const struct gp__board_stats *row)
{
    const struct gp__hook_stats *stats = &row->stats;

    gp__report_begin(out);
    gp__report_text(out, "chain", gp_slice_of(row->chain));
    gp__report_text(out, "instance", gp_slice_of(row->instance));
    gp__report_text(out, "hook", gp_slice_of(row->hook));
    gp__report_number(out, "calls", stats->calls);
    verdicts(out, stats);
    gp__report_number(out, "mean_ns", stats->calls ? stats->total_ns / stats->calls : 0);
    gp__report_number(out, "p50_ns", gp__stats_quantile(stats, 500));
    gp__report_number(out, "p99_ns", gp__stats_quantile(stats, 990));
    gp__report_number(out, "faults", stats->faults);
    gp__report_number(out, "timeouts", stats->timeouts);
    gp__report_number(out, "canceled", stats->canceled);
    gp__report_number(out, "shadow_agreed", row->shadow_agreed);
    gp__report_number(out, "shadow_differed", row->shadow_differed);
    gp__report_end(out);
}

void gp__report_hooks(struct gp__buf *out, const struct gp__totals *totals)
{
    gp__report_begin(out);
    gp__report_raw(out, "hooks", GP_S("["));
    for (size_t i = 0; i < totals->stats.count; i++)
        hook(out, totals->stats.entries[i].value);
    gp__buf_append(out, GP_S("]"));
    gp__report_end(out);
}

/* ---- sessions ---- */

static void transaction(struct gp__buf *out, const struct gp_session *session)
{
    const struct gp_transaction *transaction = session->transaction;

    if (!transaction)
        return;
    gp__report_text(out, "transaction", gp__transaction_id(transaction));
    gp__report_number(out, "received", transaction->received_bytes);
    if (transaction->policy) {
        gp__report_text(out, "sender", transaction->policy->sender.text);
        gp__report_number(out, "recipients", transaction->policy->n_recipients);
    }
}

static void waits_for(struct gp__buf *out, const struct gp__client *client)
{
    const struct gp__waited *waited = &client->session->policy->waits_for;
    struct gp__runtime *rt = client->runtime;

    if (!waited->instance)
        return;
    gp__report_raw(out, "waits_for", GP_S("{"));
    gp__report_text(out, "instance", waited->instance->id);
    gp__report_text(out, "hook", gp_slice_of(waited->hook));
    gp__report_text(out, "role", gp_slice_of(waited->role));
    gp__report_number(out, "ms", rt->ops->now_ms(rt) - waited->since_ms);
    gp__report_end(out);
}

static void session(struct gp__buf *out, const struct gp__client *client)
{
    const struct gp_session *session = client->session;
    struct gp__runtime *rt = client->runtime;

    gp__report_begin(out);
    gp__report_text(out, "session", gp__session_id(session));
    gp__report_text(out, "listener", session->listener);
    gp__report_text(out, "client", gp_slice_of(session->client_ip_text));
    gp__report_number(out, "port", session->client_port);
    gp__report_text(out, "helo", gp__session_helo(session));
    gp__report_text(out, "user", session->auth_user);
    gp__report_text(out, "tls", session->tls_version);
    gp__report_text(out, "state",
                    gp_slice_of(client->busy ? "waiting" : gp__smtp_state_name(client->smtp)));
    gp__report_number(out, "ms", rt->ops->now_ms(rt) - client->began_ms);
    transaction(out, session);
    waits_for(out, client);
    gp__report_end(out);
}

size_t gp__report_sessions(struct gp__buf *out, const struct gp__server *server, uint64_t limit)
{
    size_t n = 0;

    for (const struct gp__client *client = server->clients; client && n < limit;
         client = client->next) {
        session(out, client);
        n++;
    }
    return n;
}
