// SPDX-License-Identifier: Apache-2.0
/* The control socket of the master: what it knows itself, and what it must ask the workers. */
#include "core/process/master.h"

#include "core/base/alloc.h"
#include "core/process/metrics.h"
#include "core/base/pack.h"
#include "core/process/report.h"
#include "core/process/reception.h"

#include <string.h>
#include <unistd.h>

#define ASK_MS 5000u

/* A question to all workers. Those that die or say nothing are left out. */
struct gp__ask {
    struct gp__ask *next;
    struct gp__master *master;
    struct gp__control_call *call;
    uint32_t id;
    unsigned open; /* answers that are not complete */
    struct gp__buf list;
    struct gp__timer timer;
};

/* ---- sessions: asks the workers ---- */

static uint64_t live_sessions(const struct gp__master *master)
{
    uint64_t n = 0;

    for (const struct gp__child *child = master->children; child; child = child->next)
        if (child->board)
            n += child->board->counts.sessions - child->board->counts.sessions_ended;
    return n;
}

static void conclude(struct gp__ask *ask)
{
    struct gp__ask **link = &ask->master->asks;
    struct gp__buf out = {.limit = GP__CONTROL_ANSWER_MAX};

    while (*link != ask)
        link = &(*link)->next;
    *link = ask->next;
    gp__report_begin(&out);
    gp__report_number(&out, "sessions", live_sessions(ask->master));
    gp__report_raw(&out, "list", GP_S("["));
    gp__buf_append(&out, gp__buf_slice(&ask->list));
    gp__buf_append(&out, GP_S("]"));
    gp__report_end(&out);
    gp__control_answer(&ask->call, gp__buf_slice(&out));
    ask->master->runtime->ops->timer_stop(ask->master->runtime, &ask->timer);
    gp__buf_free(&out);
    gp__buf_free(&ask->list);
    gp__free(ask);
}

static void on_ask_timer(struct gp__timer *timer)
{
    conclude((struct gp__ask *)(void *)((char *)timer - offsetof(struct gp__ask, timer)));
}

static void one_less(struct gp__ask *ask)
{
    if (--ask->open == 0)
        conclude(ask);
}

static struct gp__ask *find(struct gp__master *master, uint32_t id)
{
    struct gp__ask *ask = master->asks;

    while (ask && ask->id != id)
        ask = ask->next;
    return ask;
}

void gp__child_answered(struct gp__child *child, struct gp__message *message)
{
    struct gp__ask *ask = find(child->master, message->id);
    struct gp__unpack in = {.rest = message->body};
    bool more = gp__unpack_number(&in) == 1;
    struct gp_slice part = gp__unpack_text(&in);

    if (!ask || in.bad || child->asked != message->id)
        return;
    if (!child->answering && ask->list.len && part.len)
        gp__buf_append(&ask->list, GP_S(","));
    child->answering = true;
    gp__buf_append(&ask->list, part);
    if (more)
        return;
    child->asked = 0;
    one_less(ask);
}

void gp__child_answers_no_more(struct gp__child *child)
{
    struct gp__ask *ask = child->asked ? find(child->master, child->asked) : NULL;

    child->asked = 0;
    if (ask)
        one_less(ask);
}

static void send_ask(struct gp__child *child, uint32_t id, uint64_t limit)
{
    struct gp__message message = {.type = GP__MSG_ASK, .id = id};
    struct gp__buf body = {.limit = 0};

    gp__pack_number(&body, limit);
    message.body = gp__buf_slice(&body);
    if (gp__channel_send(child->channel, &message) == 0)
        child->asked = id;
    child->answering = false;
    gp__buf_free(&body);
}

static bool can_be_asked(const struct gp__child *child)
{
    return child->channel && !child->asked && child->role == GP__ROLE_WORKER &&
           (child->state == GP__CHILD_SERVING || child->state == GP__CHILD_ENDING);
}

static void sessions(struct gp__master *master, struct gp__control_call *call,
                     const struct gp__control_request *request)
{
    struct gp__ask *ask = gp__alloc(sizeof *ask);
    uint64_t workers = master->conf->manifest.workers;

    ask->master = master;
    ask->call = call;
    ask->id = ++master->n_asks;
    ask->list.limit = GP__CONTROL_ANSWER_MAX / 2;
    ask->next = master->asks;
    master->asks = ask;
    ask->timer.fn = on_ask_timer;
    for (struct gp__child *child = master->children; child; child = child->next) {
        if (!can_be_asked(child))
            continue;
        send_ask(child, ask->id, (request->limit + workers - 1) / workers);
        ask->open += child->asked == ask->id;
    }
    if (ask->open == 0)
        conclude(ask);
    else
        master->runtime->ops->timer_start(master->runtime, &ask->timer,
                                          master->runtime->ops->now_ms(master->runtime) + ASK_MS);
}

/* ---- status ---- */

static uint64_t seconds_since(const struct gp__master *master, uint64_t steady_ms)
{
    return (master->runtime->ops->now_ns(master->runtime) / 1000000 - steady_ms) / 1000;
}

static struct gp__report_process describe(const struct gp__child *child)
{
    struct gp__report_process process = {
        .role = gp__roles[child->role].name,
        .state = gp__child_state_name(child->state),
        .slot = child->slot,
        .pid = child->pid,
        .generation = child->conf->generation,
        .crashes = child->backoff.crashes,
    };

    if (child->pid)
        process.seconds = seconds_since(child->master, child->started_ms);
    if (child->board)
        process.sessions = child->board->counts.sessions - child->board->counts.sessions_ended;
    return process;
}

/* All of them, in memory of the caller's. */
static struct gp__report_process *list_processes(const struct gp__master *master, size_t *n_r)
{
    size_t n = 1, at = 1;
    struct gp__report_process *list;

    for (const struct gp__child *child = master->children; child; child = child->next)
        n++;
    list = gp__alloc_array(n, sizeof *list);
    list[0] = (struct gp__report_process){.role = "master",
                                          .state = master->stopping ? "ending" : "serving",
                                          .pid = getpid(),
                                          .generation = master->conf->generation,
                                          .seconds = seconds_since(master, master->began_ms)};
    for (const struct gp__child *child = master->children; child; child = child->next)
        list[at++] = describe(child);
    *n_r = n;
    return list;
}

static void processes(const struct gp__master *master, struct gp__buf *out)
{
    size_t n;
    struct gp__report_process *list = list_processes(master, &n);

    gp__report_processes(out, list, n);
    gp__free(list);
}

/* Of a scheduler that is there; else NULL. */
static const struct gp__queue_figures *queue_figures(const struct gp__master *master)
{
    const struct gp__child *child = gp__scheduler_child(master);

    return child && child->board ? &child->board->queue : NULL;
}

/* ---- metrics ---- */

static void write_metrics(const struct gp__master *master, struct gp__buf *out)
{
    struct gp__totals totals = {.counts = {0}};
    struct gp__metrics metrics = {.totals = &totals,
                                  .queue = queue_figures(master),
                                  .generation = master->conf->generation,
                                  .seconds = seconds_since(master, master->began_ms)};
    struct gp__report_process *list = list_processes(master, &metrics.n_processes);

    gp__master_totals(master, &totals);
    metrics.processes = list;
    gp__metrics_write(&metrics, out);
    gp__free(list);
    gp__totals_free(&totals);
}

void gp__child_wants_metrics(struct gp__child *child, uint32_t id)
{
    struct gp__buf text = {.limit = GP__CONTROL_ANSWER_MAX};

    if (child->master->conf)
        write_metrics(child->master, &text);
    (void)gp__answer_in_parts(child->channel, id, gp__buf_slice(&text)); /* else closed() tells */
    gp__buf_free(&text);
}

/* ---- status ---- */

static void listeners(const struct gp__master *master, struct gp__buf *out)
{
    char text[80];

    gp__report_raw(out, "listeners", GP_S("["));
    for (const struct gp__socket *socket = master->sockets.first; socket; socket = socket->next) {
        if (socket->slot != 0 && socket->slot != GP__SLOT_ALL)
            continue;
        gp__report_begin(out);
        gp__report_text(out, "listener", gp_slice_of(socket->listener));
        gp__report_text(out, "address",
                        gp__reception_endpoint(socket->fd, gp_slice_of(socket->address), text));
        gp__report_end(out);
    }
    gp__buf_append(out, GP_S("]"));
}

static void status(struct gp__master *master, struct gp__control_call *call,
                   const struct gp__control_request *request)
{
    struct gp__totals totals = {.counts = {0}};
    struct gp__buf out = {.limit = GP__CONTROL_ANSWER_MAX};

    (void)request;
    gp__master_totals(master, &totals);
    gp__report_begin(&out);
    gp__report_text(&out, "version", GP_S(GP_VERSION));
    gp__report_number(&out, "pid", (uint64_t)getpid());
    gp__report_number(&out, "generation", master->conf->generation);
    gp__report_number(&out, "seconds", seconds_since(master, master->began_ms));
    gp__report_number(&out, "sessions", live_sessions(master));
    gp__report_text(&out, "config", gp_slice_of(master->options->config));
    listeners(master, &out);
    processes(master, &out);
    if (queue_figures(master))
        gp__report_queue(&out, queue_figures(master));
    gp__report_totals(&out, &totals.counts);
    gp__report_end(&out);
    gp__control_answer(&call, gp__buf_slice(&out));
    gp__totals_free(&totals);
    gp__buf_free(&out);
}

static void hooks(struct gp__master *master, struct gp__control_call *call,
                  const struct gp__control_request *request)
{
    struct gp__totals totals = {.counts = {0}};
    struct gp__buf out = {.limit = GP__CONTROL_ANSWER_MAX};

    (void)request;
    gp__master_totals(master, &totals);
    gp__report_hooks(&out, &totals);
    gp__control_answer(&call, gp__buf_slice(&out));
    gp__totals_free(&totals);
    gp__buf_free(&out);
}

/* ---- reload and stop ---- */

struct reloading {
    struct gp__master *master;
    struct gp__control_call *call;
};

static void reloaded(void *arg, bool ok, struct gp_slice text)
{
    struct reloading *reloading = arg;
    struct gp__buf out = {.limit = 0};

    if (ok) {
        gp__report_begin(&out);
        gp__report_number(&out, "generation", reloading->master->conf->generation);
        gp__report_text(&out, "text", text);
        gp__report_end(&out);
        gp__control_answer(&reloading->call, gp__buf_slice(&out));
    } else {
        gp__control_refuse(&reloading->call, text);
    }
    gp__buf_free(&out);
    gp__free(reloading);
}

static void reload(struct gp__master *master, struct gp__control_call *call,
                   const struct gp__control_request *request)
{
    struct reloading *reloading = gp__alloc(sizeof *reloading);

    (void)request;
    reloading->master = master;
    reloading->call = call;
    gp__reload(master, reloaded, reloading);
}

/* The connection stays open until the end, which tells that it is. */
static void stop(struct gp__master *master, struct gp__control_call *call,
                 const struct gp__control_request *request)
{
    (void)request;
    gp__control_answer(&call, GP_S("{}"));
    gp__master_stop(master, GP__DRAIN_SOON);
}

static const struct {
    const char *name;
    void (*run)(struct gp__master *master, struct gp__control_call *call,
                const struct gp__control_request *request);
} commands[] = {
    {"status", status}, {"hooks", hooks}, {"sessions", sessions},
    {"reload", reload}, {"stop", stop},   {"queue", gp__master_ask_queue},
};

static void on_request(void *arg, struct gp__control_call *call,
                       const struct gp__control_request *request)
{
    struct gp__master *master = arg;

    if (master->stopping) {
        gp__control_refuse(&call, GP_S("it is being stopped"));
        return;
    }
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        if (strcmp(commands[i].name, request->what) == 0) {
            commands[i].run(master, call, request);
            return;
        }
    }
    gp__control_refuse(&call, GP_S("this server does not know that command"));
}

/* ---- life ---- */

static bool same(const struct gp__manifest *a, const struct gp__manifest *b)
{
    return gp_slice_eq(a->control_path, b->control_path) &&
           gp_slice_eq(a->control_group, b->control_group) &&
           gp_slice_eq(a->control_release_group, b->control_release_group) &&
           a->control_mode == b->control_mode && a->control_idle == b->control_idle;
}

int gp__master_open_control(struct gp__master *master, const struct gp__manifest *old,
                            struct gp__buf *error_r)
{
    const struct gp__manifest *manifest = &master->conf->manifest;
    struct gp__control_options options = {.path = manifest->control_path.data,
                                          .mode = (unsigned)manifest->control_mode,
                                          .group = manifest->control_group,
                                          .release_group = manifest->control_release_group,
                                          .idle_ms = manifest->control_idle,
                                          .request = on_request,
                                          .arg = master};

    if (old && same(old, manifest) && (master->control || !manifest->control_path.len))
        return 0;
    gp__control_close(&master->control);
    if (!manifest->control_path.len)
        return 0;
    master->control = gp__control_open(master->runtime, &options, error_r);
    return master->control ? 0 : -1;
}

void gp__master_close_control(struct gp__master *master)
{
    while (master->asks)
        conclude(master->asks);
    gp__queue_answers_no_more(master);
    gp__control_close(&master->control);
}
