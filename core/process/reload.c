// SPDX-License-Identifier: Apache-2.0
/*
 * A new configuration: loaded by a loader, then tried by as many new processes as it wants. When all
 * of them are ready it is in force, and those of the old one let their sessions end. Whatever fails
 * before that leaves the old one as it is. The first start is the same without an old one.
 */
#include "core/process/master.h"

#include "core/base/alloc.h"
#include "core/process/manager.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static void add_waiter(struct gp__reload_waiter **list,
                       void (*done)(void *arg, bool ok, struct gp_slice text), void *arg)
{
    struct gp__reload_waiter *waiter = gp__alloc(sizeof *waiter);

    waiter->done = done;
    waiter->arg = arg;
    waiter->next = *list;
    *list = waiter;
}

static void begin(struct gp__master *master);

/* Tells those that asked, then does what was asked for meanwhile. */
static void conclude(struct gp__master *master, bool ok, struct gp_slice text)
{
    struct gp__reload_waiter *waiter = master->waiters;

    if (master->conf && !master->stopping)
        gp__manager_tell("READY=1");
    master->waiters = master->next_waiters;
    master->next_waiters = NULL;
    while (waiter) {
        struct gp__reload_waiter *next = waiter->next;

        waiter->done(waiter->arg, ok, text);
        gp__free(waiter);
        waiter = next;
    }
    if (master->reload_wanted && !master->stopping && master->conf) {
        master->reload_wanted = false;
        begin(master);
    }
}

static bool is_busy(const struct gp__master *master)
{
    return master->load || master->candidate;
}

void gp__reload_failed(struct gp__master *master, struct gp_slice why)
{
    struct gp__conf *candidate = master->candidate;

    master->candidate = NULL;
    gp__sockets_abort(&master->sockets);
    if (candidate)
        gp__children_tell(master, candidate, GP__CHILD_RETIRE);
    gp__conf_unref(&candidate);
    if (!master->conf)
        gp__master_cannot_start(master, why);
    else
        gp__log(&master->log, GP_LOG_ERROR, "reload.failed",
                GP__F_I("generation", master->conf->generation),
                GP__F_S("error", gp_slice_trim(why)));
    conclude(master, false, why);
}

/* ---- it is in force ---- */

static void take_log(struct gp__master *master, struct gp__conf *conf)
{
    struct gp__sink *sink;

    master->log.level = (enum gp_log_level)conf->manifest.log_level;
    master->log.format = (enum gp__log_format)conf->manifest.log_format;
    if (conf->log_file >= 0)
        sink = gp__sink_fd(conf->log_file);
    else if (gp_slice_eq(conf->manifest.log_to, GP_S("syslog")))
        sink = gp__sink_syslog("gatepost");
    else
        sink = gp__sink_fd(2);
    if (master->sink)
        gp__sink_free(&master->sink);
    master->sink = sink;
    gp__sink_attach(sink, &master->log);
}

static void commit(struct gp__master *master)
{
    struct gp__conf *old = master->conf, *conf = master->candidate;
    const struct gp__runtime_ops *ops = master->runtime->ops;
    struct gp__buf error = {.limit = 0};

    master->candidate = NULL;
    master->conf = conf;
    take_log(master, conf);
    if (gp__master_open_control(master, old ? &old->manifest : NULL, &error) < 0)
        gp__log(&master->log, GP_LOG_ERROR, "control.failed",
                GP__F_S("error", gp__buf_slice(&error)));
    gp__buf_free(&error);
    if (gp__sockets_commit(&master->sockets, &conf->manifest) < 0)
        gp__log(&master->log, GP_LOG_ERROR, "listener.failed", GP__F_C("error", strerror(errno)));
    gp__children_tell(master, conf, GP__CHILD_COMMIT);
    gp__scheduler_adopt(master, conf);
    if (old)
        gp__children_tell(master, old, GP__CHILD_RETIRE);
    gp__children_share(master);
    if (old)
        gp__log(&master->log, GP_LOG_NOTICE, "reload.done", GP__F_I("generation", conf->generation),
                GP__F_I("ms", ops->now_ms(master->runtime) - master->reload_began_ms));
    else
        gp__master_started(master);
    gp__conf_unref(&old);
    conclude(master, true, gp__buf_slice(&conf->loaded.text));
}

void gp__reload_ready(struct gp__master *master)
{
    for (const struct gp__child *child = master->children; child; child = child->next)
        if (child->conf == master->candidate && child->state != GP__CHILD_TRIED)
            return;
    commit(master);
}

/* ---- it is tried ---- */

static void try_conf(struct gp__master *master)
{
    struct gp__conf *conf = master->candidate;

    for (int role = 0; role < GP__ROLE_COUNT; role++) {
        uint64_t n = gp__roles[role].count(&conf->manifest);

        if (gp__roles[role].wants_scheduling && gp__scheduler_child(master))
            continue; /* it stays */

        /* One that cannot be started ends the attempt. */
        for (uint32_t slot = 0; slot < n && master->candidate == conf; slot++)
            gp__child_create(master, conf, (enum gp__role_id)role, slot);
    }
}

static void on_loaded(void *arg, struct gp__loaded *loaded)
{
    struct gp__master *master = arg;
    struct gp__buf why = {.limit = 0};

    master->load = NULL;
    if (loaded->usable)
        master->candidate = gp__conf_create(master, loaded, &why);
    else
        gp__buf_append(&why, gp__buf_slice(&loaded->text));
    gp__loaded_free(loaded);
    if (!master->candidate || gp__scheduler_fits(master, master->candidate, &why) < 0 ||
        gp__sockets_prepare(&master->sockets, &master->candidate->manifest,
                            &master->candidate->identity, &why) < 0)
        gp__reload_failed(master, gp__buf_slice(&why));
    else
        try_conf(master);
    gp__buf_free(&why);
}

/* The loader runs as the service does, once it is known who that is. */
static void begin(struct gp__master *master)
{
    struct gp__identity identity = {.change = false};

    if (master->conf)
        identity = master->conf->identity;
    else if (geteuid() == 0)
        gp__identity_for_loading(&identity);
    if (master->conf)
        gp__manager_tell_reloading();
    master->reload_began_ms = master->runtime->ops->now_ms(master->runtime);
    master->load = gp__load_start(master->runtime, master->options->config, &identity, on_loaded,
                                  master);
    if (!master->load)
        gp__reload_failed(master, gp_slice_of(strerror(errno)));
}

void gp__reload(struct gp__master *master, void (*done)(void *arg, bool ok, struct gp_slice text),
                void *arg)
{
    /* One that began before this was asked may have read old files: it does not count. */
    if (is_busy(master)) {
        master->reload_wanted = true;
        if (done)
            add_waiter(&master->next_waiters, done, arg);
        return;
    }
    if (done)
        add_waiter(&master->waiters, done, arg);
    begin(master);
}

void gp__reload_stop(struct gp__master *master)
{
    gp__load_stop(&master->load);
    master->reload_wanted = false;
    if (master->candidate)
        gp__reload_failed(master, GP_S("it was stopped"));
    else
        conclude(master, false, GP_S("it was stopped"));
    conclude(master, false, GP_S("it was stopped")); /* those that waited for the next */
}
