// SPDX-License-Identifier: Apache-2.0
#include "core/process/master.h"

#include "core/base/alloc.h"
#include "core/process/manager.h"
#include "core/process/reception.h"
#include "core/runtime/live.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PULSE_MS 1000u
#define LATE_MS 2000u        /* a pulse that came so late says nothing about others */
#define STOP_GRACE_MS 10000u /* beyond what sessions have, before processes are killed */

/* ---- starting ---- */

static void write_pid_file(struct gp__master *master)
{
    struct gp_slice path = master->conf->manifest.pid_file;
    FILE *file;

    if (!path.len)
        return;
    file = fopen(path.data, "we");
    if (file && fprintf(file, "%ld\n", (long)getpid()) > 0 && fclose(file) == 0)
        return;
    gp__log(&master->log, GP_LOG_ERROR, "process.pid_file", GP__F_S("path", path),
            GP__F_C("error", strerror(errno)));
}

static void tell_listeners(struct gp__master *master)
{
    char text[80];

    for (const struct gp__socket *socket = master->sockets.first; socket; socket = socket->next) {
        struct gp_slice listener = gp_slice_of(socket->listener);
        struct gp_slice shown = gp__reception_endpoint(socket->fd, gp_slice_of(socket->address),
                                                       text);

        if (socket->slot != 0 && socket->slot != GP__SLOT_ALL)
            continue;
        gp__log(&master->log, GP_LOG_NOTICE, "listener.open", GP__F_S("listener", listener),
                GP__F_S("address", shown));
        if (master->options->ready)
            master->options->ready(master->options->arg, listener, shown);
    }
}

void gp__master_started(struct gp__master *master)
{
    const struct gp__conf *conf = master->conf;
    struct gp_slice warnings = gp__buf_slice(&conf->loaded.text);
    unsigned unused;

    if (warnings.len)
        fwrite(warnings.data, 1, warnings.len, stderr);
    gp__log(&master->log, GP_LOG_NOTICE, "process.start",
            GP__F_I("workers", conf->manifest.workers),
            GP__F_C("user", conf->identity.change ? conf->identity.name : NULL),
            GP__F_C("text", conf->identity.change
                                ? NULL
                                : "not started by root: all processes run as who started them"));
    write_pid_file(master);
    tell_listeners(master);
    unused = gp__manager_close_rest();
    if (unused)
        gp__log(&master->log, GP_LOG_WARNING, "process.unused_sockets", GP__F_I("sockets", unused));
}

void gp__master_cannot_start(struct gp__master *master, struct gp_slice why)
{
    gp__complain(why);
    master->failed = true;
    gp__master_stop(master, GP__DRAIN_NOW);
}

/* ---- stopping ---- */

static void look_around(void *arg)
{
    struct gp__master *master = arg;

    master->looking = false;
    if (gp__children_sweep(master) == 0 && master->stopping)
        gp__live_stop(master->runtime);
}

/* Later: whoever calls may be going through the children. */
void gp__master_look_around(struct gp__master *master)
{
    if (master->looking)
        return;
    master->looking = true;
    master->runtime->ops->defer(master->runtime, look_around, master);
}

void gp__master_stop(struct gp__master *master, enum gp__drain how)
{
    bool first = !master->stopping;

    master->stopping = true;
    master->stop_at_ms = master->runtime->ops->now_ms(master->runtime) + STOP_GRACE_MS +
                         (how == GP__DRAIN_SOON && master->conf ? master->conf->manifest.stop_within
                                                                : 0);
    if (first) {
        gp__manager_tell("STOPPING=1");
        gp__reload_stop(master);
    }
    gp__sockets_close(&master->sockets);
    gp__children_drain(master, how);
    gp__master_look_around(master);
}

static void on_terminate(void *arg, int signo)
{
    struct gp__master *master = arg;
    struct gp__totals totals = {.counts = {0}};

    gp__master_totals(master, &totals);
    gp__log(&master->log, GP_LOG_NOTICE, "process.stop", GP__F_I("signal", signo),
            GP__F_I("sessions", totals.counts.sessions - totals.counts.sessions_ended));
    gp__totals_free(&totals);
    gp__master_stop(master, master->stopping ? GP__DRAIN_NOW : GP__DRAIN_SOON);
}

/* ---- signals ---- */

static void on_reload(void *arg)
{
    struct gp__master *master = arg;

    if (!master->stopping)
        gp__reload(master, NULL, NULL);
}

static void on_reopen(void *arg)
{
    struct gp__master *master = arg;

    if (master->conf && gp__conf_reopen_log(master->conf, master) < 0)
        gp__log(&master->log, GP_LOG_ERROR, "log.reopen", GP__F_C("error", strerror(errno)));
}

static void on_report(void *arg)
{
    gp__children_signal(arg, SIGUSR2);
}

static void on_child(void *arg)
{
    gp__children_reap(arg);
}

static int catch_signals(struct gp__master *master)
{
    struct gp__signal_user user = {.terminate = on_terminate,
                                   .reload = on_reload,
                                   .reopen = on_reopen,
                                   .report = on_report,
                                   .child = on_child,
                                   .arg = master};

    master->signals = gp__signals_start(master->runtime, &user);
    if (master->signals)
        return 0;
    fprintf(stderr, "gatepost: signals: %s\n", strerror(errno));
    return -1;
}

/* ---- the pulse ---- */

static void feed_watchdog(struct gp__master *master, uint64_t now)
{
    if (!gp__manager_watchdog_ms() || now < master->watchdog_at_ms)
        return;
    gp__manager_tell("WATCHDOG=1");
    master->watchdog_at_ms = now + gp__manager_watchdog_ms() - PULSE_MS;
}

static void look_at_files(struct gp__master *master, uint64_t now)
{
    if (!master->conf || now < master->looked_ms + master->conf->manifest.recheck)
        return;
    master->looked_ms = now;
    if (!gp__loaded_changed(&master->conf->loaded))
        return;
    gp__log(&master->log, GP_LOG_NOTICE, "reload.file_changed",
            GP__F_I("generation", master->conf->generation));
    gp__reload(master, NULL, NULL);
}

static void on_pulse(struct gp__timer *timer)
{
    struct gp__master *master = (struct gp__master *)(void *)((char *)timer -
                                                              offsetof(struct gp__master, pulse));
    struct gp__runtime *rt = master->runtime;
    uint64_t now = rt->ops->now_ms(rt);

    feed_watchdog(master, now);
    if (now < timer->at_ms + LATE_MS)
        gp__children_look(master);
    if (!master->stopping)
        look_at_files(master, now);
    if (master->stopping && now > master->stop_at_ms)
        gp__children_signal(master, SIGKILL);
    gp__master_look_around(master);
    rt->ops->timer_start(rt, &master->pulse, now + PULSE_MS);
}

/* ---- the whole ---- */

void gp__master_totals(const struct gp__master *master, struct gp__totals *totals)
{
    /* First those in force: their order is that of the chains now. */
    for (const struct gp__child *child = master->children; child; child = child->next)
        if (child->board && child->conf == master->conf)
            gp__totals_add(totals, child->board, child->board_room);
    for (const struct gp__child *child = master->children; child; child = child->next)
        if (child->board && child->conf != master->conf)
            gp__totals_add(totals, child->board, child->board_room);
    gp__totals_add_totals(totals, &master->totals);
}

static int start(struct gp__master *master)
{
    struct gp__runtime *rt;

    if (gp__reception_seed() < 0)
        return -1;
    master->sink = gp__sink_fd(2);
    master->log.level = GP_LOG_INFO;
    master->log.now = gp__reception_wall_clock;
    gp__sink_attach(master->sink, &master->log);
    master->runtime = rt = gp__live_create(NULL, &master->log);
    if (!rt) {
        fprintf(stderr, "gatepost: event loop: %s\n", strerror(errno));
        return -1;
    }
    gp__master_open_commands(master);
    if (catch_signals(master) < 0)
        return -1;
    master->began_ms = rt->ops->now_ns(rt) / 1000000;
    master->pulse.fn = on_pulse;
    rt->ops->timer_start(rt, &master->pulse, rt->ops->now_ms(rt) + PULSE_MS);
    gp__reload(master, NULL, NULL);
    return 0;
}

static void close_all(struct gp__master *master)
{
    if (master->conf && master->conf->manifest.pid_file.len)
        (void)unlink(master->conf->manifest.pid_file.data); /* a stale one is found out */
    gp__master_close_control(master);
    gp__children_free(master);
    gp__conf_unref(&master->conf);
    gp__sockets_close(&master->sockets);
    gp__totals_free(&master->totals);
    if (master->signals)
        gp__signals_stop(&master->signals);
    gp__commands_free(&master->commands);
    if (master->runtime) {
        master->runtime->ops->timer_stop(master->runtime, &master->pulse);
        gp__live_free(&master->runtime);
    }
    if (master->sink)
        gp__sink_free(&master->sink);
    gp__buf_free(&master->log.line);
    gp__arena_pool_free();
}

int gp__serve_as_master(const struct gp__serve_options *options)
{
    struct gp__master master = {.options = options};
    int failed = start(&master);

    if (!failed && !master.failed)
        gp__live_run(master.runtime);
    failed = failed || master.failed;
    close_all(&master);
    return failed ? 1 : 0;
}
