// SPDX-License-Identifier: Apache-2.0
/* The control socket of a process that does everything. */
#include "core/process/alone.h"
#include "core/process/identity.h"
#include "core/process/metrics.h"
#include "core/process/report.h"
#include "core/runtime/listener.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void listeners(struct gp__buf *out, const struct gp__settings *settings)
{
    gp__report_raw(out, "listeners", GP_S("["));
    for (size_t i = 0; i < settings->n_listeners; i++) {
        for (size_t a = 0; a < settings->listeners[i]->n_addresses; a++) {
            gp__report_begin(out);
            gp__report_text(out, "listener", settings->listeners[i]->name);
            gp__report_text(out, "address", settings->listeners[i]->addresses[a].text);
            gp__report_end(out);
        }
    }
    gp__buf_append(out, GP_S("]"));
}

static struct gp__report_process describe(const struct gp__alone *alone)
{
    struct gp__runtime *rt = alone->reception.runtime;

    return (struct gp__report_process){
        .role = "server",
        .state = alone->reception.ending ? "ending" : "serving",
        .pid = getpid(),
        .generation = 1,
        .seconds = (rt->ops->now_ms(rt) - alone->began_ms) / 1000,
        .sessions = alone->reception.server.n_clients,
    };
}

static void status(struct gp__alone *alone, struct gp__control_call *call, struct gp__buf *out)
{
    struct gp__report_process process = describe(alone);
    struct gp__queue_figures figures;

    gp__report_begin(out);
    gp__report_text(out, "version", GP_S(GP_VERSION));
    gp__report_number(out, "pid", (uint64_t)process.pid);
    gp__report_number(out, "generation", 1);
    gp__report_number(out, "seconds", process.seconds);
    gp__report_number(out, "sessions", process.sessions);
    gp__report_text(out, "config", gp_slice_of(alone->options->config));
    listeners(out, alone->reception.generation->settings);
    gp__report_processes(out, &process, 1);
    if (alone->scheduler) {
        gp__queue_figures(alone->scheduler, &figures);
        gp__report_queue(out, &figures);
    }
    gp__report_totals(out, gp__counts);
    gp__report_end(out);
    gp__control_answer(&call, gp__buf_slice(out));
}

static void add_instance(struct gp__totals *totals, struct gp_slice chain,
                         const struct gp__instance *instance)
{
    for (int point = 0; point < GP_HOOK_COUNT; point++) {
        struct gp__board_stats row = {.shadow_agreed = instance->shadow_agreed,
                                      .shadow_differed = instance->shadow_differed};

        if (!instance->stats[point])
            continue;
        snprintf(row.chain, sizeof row.chain, GP_FMT, GP_ARG(chain));
        snprintf(row.instance, sizeof row.instance, GP_FMT, GP_ARG(instance->id));
        snprintf(row.hook, sizeof row.hook, "%s", gp__points[point].name);
        row.stats = *instance->stats[point];
        gp__totals_add_row(totals, &row);
    }
}

static void add_totals(const struct gp__alone *alone, struct gp__totals *totals)
{
    const struct gp__generation *generation = alone->reception.generation;

    gp__counts_add(&totals->counts, gp__counts);
    for (size_t i = 0; i < generation->settings->n_chains; i++)
        for (size_t k = 0; k < generation->chains[i].count; k++)
            add_instance(totals, generation->chains[i].name, generation->chains[i].items[k]);
}

static void hooks(struct gp__alone *alone, struct gp__control_call *call, struct gp__buf *out)
{
    struct gp__totals totals = {.counts = {0}};

    add_totals(alone, &totals);
    gp__report_hooks(out, &totals);
    gp__totals_free(&totals);
    gp__control_answer(&call, gp__buf_slice(out));
}

static void sessions(struct gp__alone *alone, struct gp__control_call *call, struct gp__buf *out,
                     uint64_t limit)
{
    gp__report_begin(out);
    gp__report_number(out, "sessions", alone->reception.server.n_clients);
    gp__report_raw(out, "list", GP_S("["));
    (void)gp__report_sessions(out, &alone->reception.server, limit);
    gp__buf_append(out, GP_S("]"));
    gp__report_end(out);
    gp__control_answer(&call, gp__buf_slice(out));
}

static void say(void *arg, struct gp_slice text)
{
    struct gp__control_call *call = arg;

    gp__queue_answer_control(&call, text);
}

static void queue(struct gp__alone *alone, struct gp__control_call *call,
                  const struct gp__control_request *request)
{
    if (alone->scheduler)
        gp__queue_control(alone->scheduler, request->line, say, call);
    else
        say(call, GP_S("!there is no queue without `spool:`"));
}

static void on_request(void *arg, struct gp__control_call *call,
                       const struct gp__control_request *request)
{
    struct gp__alone *alone = arg;
    struct gp__buf out = {.limit = GP__CONTROL_ANSWER_MAX};

    if (strcmp(request->what, "status") == 0)
        status(alone, call, &out);
    else if (strcmp(request->what, "hooks") == 0)
        hooks(alone, call, &out);
    else if (strcmp(request->what, "sessions") == 0)
        sessions(alone, call, &out, request->limit);
    else if (strcmp(request->what, "queue") == 0)
        queue(alone, call, request);
    else if (strcmp(request->what, "reload") == 0)
        gp__control_refuse(&call, GP_S("one process cannot reload: set `workers`, or restart it"));
    else if (strcmp(request->what, "stop") == 0) {
        gp__control_answer(&call, GP_S("{}"));
        gp__reception_drain(&alone->reception, GP__DRAIN_SOON);
    } else {
        gp__control_refuse(&call, GP_S("this server does not know that command"));
    }
    gp__buf_free(&out);
}

int gp__alone_open_control(struct gp__alone *alone)
{
    const struct gp__control_settings *settings =
        &alone->reception.generation->settings->process.control;
    struct gp__control_options options = {.path = settings->path.data,
                                          .mode = settings->mode,
                                          .group = settings->group,
                                          .release_group = settings->release_group,
                                          .idle_ms = settings->idle,
                                          .request = on_request,
                                          .arg = alone};
    struct gp__buf error = {.limit = 0};

    alone->began_ms = alone->reception.runtime->ops->now_ms(alone->reception.runtime);
    if (!settings->path.len)
        return 0;
    alone->control = gp__control_open(alone->reception.runtime, &options, &error);
    if (!alone->control)
        fprintf(stderr, "gatepost: " GP_FMT "\n", GP_ARG(gp__buf_slice(&error)));
    gp__buf_free(&error);
    return alone->control ? 0 : -1;
}

/* ---- metrics ---- */

static void on_metrics(void *arg, struct gp__http_page *page)
{
    struct gp__alone *alone = arg;
    struct gp__totals totals = {.counts = {0}};
    struct gp__report_process process = describe(alone);
    struct gp__metrics metrics = {.totals = &totals,
                                  .processes = &process,
                                  .n_processes = 1,
                                  .generation = 1,
                                  .seconds = process.seconds};
    struct gp__buf out = {.limit = GP__CONTROL_ANSWER_MAX};
    struct gp__queue_figures figures;

    add_totals(alone, &totals);
    if (alone->scheduler) {
        gp__queue_figures(alone->scheduler, &figures);
        metrics.queue = &figures;
    }
    gp__metrics_write(&metrics, &out);
    gp__http_give(&page, gp__buf_slice(&out));
    gp__buf_free(&out);
    gp__totals_free(&totals);
}

int gp__alone_open_metrics(struct gp__alone *alone)
{
    struct gp_slice address = alone->reception.generation->settings->process.metrics;
    struct gp__http_options options = {
        .path = GP__METRICS_PATH, .type = GP__METRICS_TYPE, .wanted = on_metrics, .arg = alone};
    struct gp__listen_options listen = {.address = address, .backlog = 16};
    const char *step;
    char text[80];
    int fd;

    if (!address.len)
        return 0;
    if (gp__listen_socket(&listen, &fd, &step) < 0) {
        fprintf(stderr, "gatepost: metrics, " GP_FMT ": %s: %s%s\n", GP_ARG(address), step,
                strerror(errno), gp__listen_advice(address, errno));
        return -1;
    }
    address = gp__reception_endpoint(fd, address, text);
    alone->metrics = gp__http_open(alone->reception.runtime, fd, &options);
    if (alone->metrics && alone->options->ready)
        alone->options->ready(alone->options->arg, GP_S("metrics"), address);
    return alone->metrics ? 0 : -1;
}
