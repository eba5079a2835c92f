// SPDX-License-Identifier: Apache-2.0
/* One process that does everything, for development: reads the configuration itself, binds, serves.
 * There is no reload: that takes new processes. */
#include "core/process/alone.h"

#include "core/process/identity.h"
#include "core/process/manager.h"
#include "core/runtime/live.h"
#include "core/runtime/signal.h"
#include "core/server/stats_log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int read_config(struct gp__alone *alone)
{
    struct gp__diag *diag = gp__diag_create();
    bool failed;

    alone->reception.settings = gp__config_load(&alone->source, alone->options->config, diag);
    if (alone->reception.settings)
        gp__config_places(alone->reception.settings, diag);
    failed = gp__diag_count(diag, GP__ERROR) > 0;
    if (failed || gp__diag_count(diag, GP__WARNING))
        gp__config_complain(diag);
    gp__diag_free(&diag);
    return failed ? -1 : 0;
}

static int open_service(struct gp__alone *alone)
{
    struct gp__buf error = {.limit = 0};
    int result = gp__reception_open_runtime(&alone->reception, &error) < 0 ||
                         gp__reception_open_generation(&alone->reception, &error) < 0
                     ? -1
                     : 0;

    if (result < 0)
        gp__complain(gp__buf_slice(&error));
    gp__buf_free(&error);
    return result;
}

/* ---- signals ---- */

static void on_terminate(void *arg, int signo)
{
    struct gp__alone *alone = arg;

    gp__manager_tell("STOPPING=1");
    gp__log(&alone->reception.log, GP_LOG_NOTICE, "process.stop", GP__F_I("signal", signo),
            GP__F_I("sessions", alone->reception.server.n_clients));
    gp__reception_drain(&alone->reception,
                        alone->reception.ending ? GP__DRAIN_NOW : GP__DRAIN_SOON);
}

/* Not to act on it beats dying of it. */
static void on_reload(void *arg)
{
    struct gp__alone *alone = arg;

    gp__log(&alone->reception.log, GP_LOG_WARNING, "process.no_reload",
            GP__F_C("text", "one process cannot reload: set `workers`, or restart it"));
}

static void on_reopen(void *arg)
{
    struct gp__alone *alone = arg;

    if (gp__sink_reopen(alone->reception.sink) < 0)
        gp__log(&alone->reception.log, GP_LOG_ERROR, "log.reopen",
                GP__F_C("error", strerror(errno)));
}

static void on_report(void *arg)
{
    struct gp__alone *alone = arg;

    gp__stats_log(alone->reception.generation, &alone->reception.log);
}

static void on_child(void *arg)
{
    gp__commands_reap(((struct gp__alone *)arg)->commands.running);
}

static int catch_signals(struct gp__alone *alone)
{
    struct gp__signal_user user = {.terminate = on_terminate,
                                   .reload = on_reload,
                                   .reopen = on_reopen,
                                   .report = on_report,
                                   .child = on_child,
                                   .arg = alone};

    alone->signals = gp__signals_start(alone->reception.runtime, &user);
    if (alone->signals)
        return 0;
    fprintf(stderr, "gatepost: signals: %s\n", strerror(errno));
    return -1;
}

/* ---- the service manager ---- */

static void close_unused_sockets(struct gp__alone *alone)
{
    unsigned unused = gp__manager_close_rest();

    if (unused)
        gp__log(&alone->reception.log, GP_LOG_WARNING, "process.unused_sockets",
                GP__F_I("sockets", unused));
}

static void start_watchdog(struct gp__alone *alone)
{
    struct gp__runtime *rt = alone->reception.runtime;

    if (!gp__manager_watchdog_ms())
        return;
    gp__manager_tell("WATCHDOG=1");
    rt->ops->timer_start(rt, &alone->watchdog, rt->ops->now_ms(rt) + gp__manager_watchdog_ms());
}

static void on_watchdog(struct gp__timer *timer)
{
    start_watchdog(
        (struct gp__alone *)(void *)((char *)timer - offsetof(struct gp__alone, watchdog)));
}

/* ---- rights ---- */

/* What only root may open is open. */
static int give_up_rights(struct gp__alone *alone)
{
    const struct gp__process_settings *settings = &alone->reception.generation->settings->process;
    struct gp__identity identity;
    char error[256];

    if (!settings->user.len || geteuid() != 0)
        return 0;
    if (gp__identity_find(&identity, settings->user, settings->group, error, sizeof error) < 0) {
        fprintf(stderr, "gatepost: %s\n", error);
        return -1;
    }
    if (gp__identity_take(&identity) == 0)
        return 0;
    fprintf(stderr, "gatepost: give up rights: %s\n", strerror(errno));
    return -1;
}

/* Its files are of the user that we are now. */
static int open_spool(struct gp__alone *alone)
{
    struct gp__buf error = {.limit = 0};
    int result = gp__reception_open_spool(&alone->reception, GP_S("w0"), &error);

    if (result < 0)
        gp__complain(gp__buf_slice(&error));
    else
        gp__generation_start(alone->reception.generation);
    gp__buf_free(&error);
    return result;
}

/* ---- the whole ---- */

static int start(struct gp__alone *alone)
{
    alone->source.may_create = true;
    if (gp__reception_seed() < 0 || gp__config_source_init(&alone->source) < 0 ||
        read_config(alone) < 0 || gp__reception_open_log(&alone->reception, -1) < 0 ||
        open_service(alone) < 0 || gp__alone_open_commands(alone) < 0 || catch_signals(alone) < 0 ||
        gp__alone_open_control(alone) < 0 || gp__alone_open_metrics(alone) < 0)
        return -1;
    /* The spool is the user's: whoever comes back with `workers` must be able to open it. Nobody
     * can connect before all that can fail has not. */
    if (gp__alone_bind_doors(alone) < 0 || give_up_rights(alone) < 0 || open_spool(alone) < 0 ||
        gp__alone_open_queue(alone) < 0 || gp__alone_open_doors(alone) < 0)
        return -1;
    close_unused_sockets(alone);
    gp__manager_tell("READY=1");
    start_watchdog(alone);
    return 0;
}

int gp__serve_alone(const struct gp__serve_options *options)
{
    struct gp__alone alone = {.options = options, .watchdog.fn = on_watchdog};
    int failed = start(&alone);

    if (!failed)
        gp__reception_run(&alone.reception);
    if (alone.reception.runtime)
        alone.reception.runtime->ops->timer_stop(alone.reception.runtime, &alone.watchdog);
    if (alone.signals)
        gp__signals_stop(&alone.signals);
    gp__http_close(&alone.metrics);
    gp__control_close(&alone.control);
    gp__alone_close_doors(&alone);
    gp__alone_close_queue(&alone);
    gp__alone_close_commands(&alone);
    gp__reception_close(&alone.reception);
    gp__config_source_done(&alone.source);
    return failed ? 1 : 0;
}
