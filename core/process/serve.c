// SPDX-License-Identifier: Apache-2.0
#include "core/process/serve.h"

#include "core/base/alloc.h"
#include "core/base/hash.h"
#include "core/message/charset.h"
#include "core/process/config_host.h"
#include "core/runtime/crash.h"
#include "core/runtime/listener.h"
#include "core/runtime/live.h"
#include "core/runtime/signal.h"
#include "core/runtime/sink.h"
#include "core/server/generation.h"
#include "core/server/server.h"
#include "core/server/stats_log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#define DRAIN_MS 30000u /* sessions that do not end by themselves are closed after this */

/* A listening socket and the entrance its connections go to. */
struct door {
    struct process *process;
    const struct gp__entrance *entrance;
    const struct gp__listener_settings *settings;
    struct gp__listener *listener;
};

struct process {
    const struct gp__serve_options *options;
    struct gp__config_source source;
    struct gp__settings *settings; /* until the generation takes it */
    struct gp__sink *sink;
    struct gp__log log;
    struct gp__runtime *runtime;
    struct gp__generation *generation;
    struct gp__signals *signals;
    struct gp__server server;
    struct door *doors;
    size_t n_doors;
    struct gp__timer drain;
};

/* ---- configuration and log ---- */

static int read_config(struct process *process)
{
    struct gp__diag *diag = gp__diag_create();
    bool failed;

    process->settings = gp__config_load(&process->source, process->options->config, diag);
    if (process->settings)
        gp__config_places(process->settings, diag);
    failed = gp__diag_count(diag, GP__ERROR) > 0;
    if (failed || gp__diag_count(diag, GP__WARNING))
        gp__config_complain(diag);
    gp__diag_free(&diag);
    return failed ? -1 : 0;
}

static int64_t wall_clock(void *arg)
{
    struct timespec now;

    (void)arg;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int open_log(struct process *process)
{
    const struct gp__log_settings *settings = &process->settings->log;

    if (gp_slice_eq(settings->to, GP_S("stderr")))
        process->sink = gp__sink_fd(2);
    else if (gp_slice_eq(settings->to, GP_S("syslog")))
        process->sink = gp__sink_syslog("gatepost");
    else
        process->sink = gp__sink_file(settings->to.data);
    if (!process->sink) {
        fprintf(stderr, "gatepost: log file %s: %s\n", settings->to.data, strerror(errno));
        return -1;
    }
    process->log.level = (enum gp_log_level)settings->level;
    process->log.format = (enum gp__log_format)settings->format;
    process->log.now = wall_clock;
    gp__sink_attach(process->sink, &process->log);
    return 0;
}

/* ---- runtime ---- */

static void dns_options(const struct gp__settings *settings, struct gp__dns_options *options,
                        struct gp_slice **servers_r)
{
    const struct gp__dns_settings *dns = &settings->dns;
    struct gp_slice *servers = gp__alloc_array(dns->n_list, sizeof *servers);

    for (size_t i = 0; i < dns->n_list; i++)
        servers[i] = gp__arena_printf(settings->arena, GP_FMT "@%u", GP_ARG(dns->list[i].host),
                                      dns->list[i].port);
    options->source = dns->resolvers == GP__RESOLVERS_LIST        ? GP__DNS_SERVERS
                      : dns->resolvers == GP__RESOLVERS_RECURSIVE ? GP__DNS_RECURSIVE
                                                                  : GP__DNS_SYSTEM;
    options->servers = servers;
    options->n_servers = dns->n_list;
    options->dnssec = (enum gp__dnssec)dns->dnssec;
    options->timeout_ms = dns->timeout;
    *servers_r = servers;
}

static int make_runtime(struct process *process)
{
    struct gp__live_options options = {
        .work_threads = (unsigned)process->settings->work.threads,
    };
    struct gp_slice *servers;

    dns_options(process->settings, &options.dns, &servers);
    process->runtime = gp__live_create(&options, &process->log);
    gp__free(servers);
    if (!process->runtime) {
        fprintf(stderr, "gatepost: event loop: %s\n", strerror(errno));
        return -1;
    }
    if (gp__crash_install(gp__live_fibers(process->runtime)) < 0)
        fprintf(stderr, "gatepost: crash handler: %s\n", strerror(errno));
    return 0;
}

static int make_generation(struct process *process)
{
    struct gp__diag *diag = gp__diag_create();

    process->generation = gp__generation_create(&process->settings, process->runtime, gp__live_turn,
                                                diag);
    if (!process->generation)
        gp__config_complain(diag);
    gp__diag_free(&diag);
    return process->generation ? 0 : -1;
}

/* ---- listeners ---- */

static void on_accept(void *arg, struct gp__conn *conn)
{
    struct door *door = arg;

    gp__client_start(&door->process->server, door->entrance, conn);
}

static struct gp_slice show_endpoint(const struct gp__endpoint *endpoint, char out[80],
                                     struct gp_slice configured)
{
    char ip[48];
    struct gp_slice text = gp__ip_format(&endpoint->ip, ip);
    int len;

    if (endpoint->ip.family == 0)
        return configured;
    len = snprintf(out, 80, endpoint->ip.family == 6 ? "[%.*s]:%u" : "%.*s:%u", GP_ARG(text),
                   endpoint->port);
    return gp_slice(out, (size_t)len);
}

static int open_door(struct process *process, const struct gp__listener_settings *settings,
                     struct gp_slice address)
{
    struct gp__listen_options options = {.address = address, .backlog = (int)settings->backlog};
    struct door *door = &process->doors[process->n_doors];
    struct gp__listener_user user = {.accept = on_accept, .arg = door};
    struct gp__endpoint endpoint;
    const char *step;
    char text[80];
    int fd;

    if (gp__listen_socket(&options, &fd, &step) < 0) {
        fprintf(stderr, "gatepost: listener " GP_FMT ", " GP_FMT ": %s: %s\n",
                GP_ARG(settings->name), GP_ARG(address), step, strerror(errno));
        return -1;
    }
    door->process = process;
    door->settings = settings;
    door->entrance = gp__generation_entrance(process->generation, settings->name);
    gp__listen_endpoint(fd, &endpoint);
    door->listener = gp__listener_start(process->runtime, fd, &user);
    process->n_doors++;
    gp__log(&process->log, GP_LOG_NOTICE, "listener.open", GP__F_S("listener", settings->name),
            GP__F_S("address", show_endpoint(&endpoint, text, address)));
    if (process->options->ready)
        process->options->ready(process->options->arg, settings->name,
                                show_endpoint(&endpoint, text, address));
    return 0;
}

static int open_doors(struct process *process)
{
    const struct gp__settings *settings = process->generation->settings;
    size_t n = 0;

    for (size_t i = 0; i < settings->n_listeners; i++)
        n += settings->listeners[i]->n_addresses;
    process->doors = gp__alloc_array(n, sizeof *process->doors);
    for (size_t i = 0; i < settings->n_listeners; i++)
        for (size_t a = 0; a < settings->listeners[i]->n_addresses; a++)
            if (open_door(process, settings->listeners[i],
                          settings->listeners[i]->addresses[a].text) < 0)
                return -1;
    return 0;
}

static void close_doors(struct process *process)
{
    while (process->n_doors)
        gp__listener_stop(&process->doors[--process->n_doors].listener);
}

/* ---- stopping ---- */

static void on_empty(struct gp__server *server)
{
    struct process *process = server->arg;

    gp__live_stop(process->runtime);
}

static void on_drained(struct gp__timer *timer)
{
    struct process *process = (struct process *)(void *)((char *)timer -
                                                         offsetof(struct process, drain));

    gp__log(&process->log, GP_LOG_NOTICE, "process.drain_over",
            GP__F_I("sessions", process->server.n_clients));
    gp__server_stop(&process->server, true);
}

static void on_terminate(void *arg, int signo)
{
    struct process *process = arg;
    struct gp__runtime *rt = process->runtime;
    bool again = process->server.stopping;

    gp__log(&process->log, GP_LOG_NOTICE, "process.stop", GP__F_I("signal", signo),
            GP__F_I("sessions", process->server.n_clients));
    close_doors(process);
    gp__generation_stop(process->generation);
    if (!again) {
        process->drain.fn = on_drained;
        rt->ops->timer_start(rt, &process->drain, rt->ops->now_ms(rt) + DRAIN_MS);
    }
    gp__server_stop(&process->server, again);
}

/* Not to act on it beats dying of it. */
static void on_reload(void *arg)
{
    struct process *process = arg;

    gp__log(&process->log, GP_LOG_WARNING, "process.no_reload",
            GP__F_C("text", "this version can't reload: restart it"));
}

static void on_reopen(void *arg)
{
    struct process *process = arg;

    if (gp__sink_reopen(process->sink) < 0)
        gp__log(&process->log, GP_LOG_ERROR, "log.reopen", GP__F_C("error", strerror(errno)));
}

static void on_report(void *arg)
{
    const struct process *process = arg;

    gp__stats_log(process->generation, process->runtime->log);
}

static int catch_signals(struct process *process)
{
    struct gp__signal_user user = {.terminate = on_terminate,
                                   .reload = on_reload,
                                   .reopen = on_reopen,
                                   .report = on_report,
                                   .arg = process};

    process->signals = gp__signals_start(process->runtime, &user);
    if (process->signals)
        return 0;
    fprintf(stderr, "gatepost: signals: %s\n", strerror(errno));
    return -1;
}

/* ---- the whole ---- */

static void close_all(struct process *process)
{
    close_doors(process);
    gp__free(process->doors);
    gp__signals_stop(&process->signals);
    gp__generation_unref(&process->generation);
    gp__settings_free(&process->settings);
    if (process->runtime) {
        process->runtime->ops->timer_stop(process->runtime, &process->drain);
        gp__server_done(&process->server);
        gp__crash_remove();
        gp__live_free(&process->runtime);
    }
    if (process->sink)
        gp__sink_free(&process->sink);
    gp__buf_free(&process->log.line);
    gp__config_source_done(&process->source);
    gp__arena_pool_free();
    gp__content_pool_free();
}

/* Before the first map is made: peers must not know which keys collide. */
static int seed_hashes(void)
{
    uint8_t key[16];

    if (getrandom(key, sizeof key, 0) != (ssize_t)sizeof key) {
        fprintf(stderr, "gatepost: no random numbers: %s\n", strerror(errno));
        return -1;
    }
    gp__hash_seed(key);
    return 0;
}

static int start(struct process *process)
{
    gp__charset_preload();
    process->source.may_create = true;
    if (seed_hashes() < 0 || gp__config_source_init(&process->source) < 0 ||
        read_config(process) < 0 || open_log(process) < 0 || make_runtime(process) < 0 ||
        make_generation(process) < 0)
        return -1;
    gp__server_init(&process->server, process->runtime);
    process->server.empty = on_empty;
    process->server.arg = process;
    if (catch_signals(process) < 0 || open_doors(process) < 0)
        return -1;
    gp__generation_start(process->generation);
    gp__sink_buffer(process->sink, process->runtime);
    return 0;
}

int gp__serve(const struct gp__serve_options *options)
{
    struct process process = {.options = options};
    int failed = start(&process);

    if (!failed)
        gp__live_run(process.runtime);
    /* What ran beside the sessions was cancelled and unwinds now. */
    while (process.generation && process.generation->refs > 1)
        gp__live_turn(process.runtime);
    if (!failed)
        gp__stats_log(process.generation, &process.log);
    close_all(&process);
    return failed ? 1 : 0;
}
