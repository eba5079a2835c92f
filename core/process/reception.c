// SPDX-License-Identifier: Apache-2.0
#include "core/process/reception.h"

#include "core/base/alloc.h"
#include "core/base/hash.h"
#include "core/message/charset.h"
#include "core/runtime/crash.h"
#include "core/runtime/listener.h"
#include "core/runtime/live.h"
#include "core/server/stats_log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

/* A listening socket and the entrance its connections go to. */
struct gp__door {
    struct gp__door *next;
    struct gp__reception *reception;
    uint64_t id;
    const struct gp__entrance *entrance;
    struct gp__listener *listener;
};

int gp__reception_seed(void)
{
    uint8_t key[16];

    if (getrandom(key, sizeof key, 0) != (ssize_t)sizeof key) {
        fprintf(stderr, "gatepost: no random numbers: %s\n", strerror(errno));
        return -1;
    }
    gp__hash_seed(key);
    return 0;
}

int64_t gp__reception_wall_clock(void *arg)
{
    struct timespec now;

    (void)arg;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- log ---- */

struct gp__sink *gp__reception_sink(struct gp_slice to)
{
    struct gp__sink *sink;

    if (gp_slice_eq(to, GP_S("stderr")))
        sink = gp__sink_fd(2);
    else if (gp_slice_eq(to, GP_S("syslog")))
        sink = gp__sink_syslog("gatepost");
    else
        sink = gp__sink_file(to.data);
    if (!sink)
        fprintf(stderr, "gatepost: log file " GP_FMT ": %s\n", GP_ARG(to), strerror(errno));
    return sink;
}

int gp__reception_open_log(struct gp__reception *reception, int file)
{
    const struct gp__log_settings *settings = &reception->settings->log;

    if (file >= 0) {
        reception->sink = gp__sink_fd(file);
        gp__sink_adopt(reception->sink, file);
    } else {
        reception->sink = gp__reception_sink(settings->to);
    }
    if (!reception->sink)
        return -1;
    reception->log.level = (enum gp_log_level)settings->level;
    reception->log.format = (enum gp__log_format)settings->format;
    reception->log.now = gp__reception_wall_clock;
    gp__sink_attach(reception->sink, &reception->log);
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
    options->root_key = dns->root_key;
    *servers_r = servers;
}

static void on_empty(struct gp__server *server)
{
    struct gp__reception *reception = server->arg;

    gp__generation_stop(reception->generation);
    gp__live_stop(reception->runtime);
}

int gp__reception_open_runtime(struct gp__reception *reception, struct gp__buf *error_r)
{
    struct gp__live_options options = {
        .work_threads = (unsigned)reception->settings->work.threads,
    };
    struct gp_slice *servers;

    gp__charset_preload();
    dns_options(reception->settings, &options.dns, &servers);
    reception->runtime = gp__live_create(&options, &reception->log);
    gp__free(servers);
    if (!reception->runtime) {
        gp__buf_printf(error_r, "event loop: %s", strerror(errno));
        return -1;
    }
    if (gp__crash_install(gp__live_fibers(reception->runtime)) < 0)
        fprintf(stderr, "gatepost: crash handler: %s\n", strerror(errno));
    gp__server_init(&reception->server, reception->runtime);
    reception->server.empty = on_empty;
    reception->server.arg = reception;
    return 0;
}

int gp__reception_open_generation(struct gp__reception *reception, struct gp__buf *error_r)
{
    struct gp__diag *diag = gp__diag_create();

    reception->generation = gp__generation_create(&reception->settings, reception->runtime,
                                                  gp__live_turn, diag);
    if (!reception->generation)
        gp__diag_print(diag, GP__DIAG_TEXT, error_r);
    gp__diag_free(&diag);
    if (!reception->generation)
        return -1;
    gp__sink_buffer(reception->sink, reception->runtime);
    return 0;
}

/* ---- spool ---- */

int gp__reception_spool(struct gp__reception *reception, struct gp__spool_settings *settings_r,
                        struct gp__buf *error_r)
{
    const struct gp__spool_section *section = &reception->generation->settings->spool;

    if (!reception->engine.plugin.instance &&
        gp__engine_open(&reception->engine, section, reception->runtime, error_r) < 0)
        return -1;
    *settings_r = gp__engine_spool(&reception->engine, section);
    settings_r->log = &reception->log;
    return 0;
}

static int submit(struct gp_call *call, void *arg, const struct gp__entry *entry)
{
    return gp__spool_commit(call, arg, &entry, 1, NULL);
}

int gp__reception_open_spool(struct gp__reception *reception, struct gp_slice name,
                             struct gp__buf *error_r)
{
    struct gp__spool_settings settings;

    if (gp__reception_spool(reception, &settings, error_r) < 0)
        return -1;
    if (gp_slice_present(settings.path)) {
        reception->server.spool = gp__spool_writer_open(reception->runtime, &settings, name,
                                                        error_r);
        if (!reception->server.spool)
            return -1;
        reception->generation->outbound.submit = submit;
        reception->generation->outbound.submit_arg = reception->server.spool;
    }
    reception->server.doubts = gp__doubts_open(settings.path);
    return 0;
}

/* ---- listeners ---- */

struct gp_slice gp__reception_endpoint(int fd, struct gp_slice configured, char out[80])
{
    struct gp__endpoint endpoint;
    char ip[48];
    struct gp_slice text;
    int len;

    if (gp__listen_endpoint(fd, &endpoint) < 0 || endpoint.ip.family == 0)
        return configured;
    text = gp__ip_format(&endpoint.ip, ip);
    len = snprintf(out, 80, endpoint.ip.family == 6 ? "[%.*s]:%u" : "%.*s:%u", GP_ARG(text),
                   endpoint.port);
    return gp_slice(out, (size_t)len);
}

static void on_accept(void *arg, struct gp__conn *conn)
{
    struct gp__door *door = arg;

    gp__client_start(&door->reception->server, door->entrance, conn);
}

int gp__reception_listen(struct gp__reception *reception, uint64_t id, struct gp_slice listener,
                         int fd)
{
    struct gp__door *door = gp__alloc(sizeof *door);
    struct gp__listener_user user = {.accept = on_accept, .arg = door};

    door->reception = reception;
    door->id = id;
    door->entrance = gp__generation_entrance(reception->generation, listener);
    if (door->entrance && !reception->ending)
        door->listener = gp__listener_start(reception->runtime, fd, &user);
    if (!door->listener) {
        (void)close(fd); /* the master has it, too */
        gp__free(door);
        return -1;
    }
    door->next = reception->doors;
    reception->doors = door;
    return 0;
}

static void close_door(struct gp__door **link)
{
    struct gp__door *door = *link;

    *link = door->next;
    gp__listener_stop(&door->listener);
    gp__free(door);
}

void gp__reception_unlisten(struct gp__reception *reception, uint64_t id)
{
    for (struct gp__door **link = &reception->doors; *link; link = &(*link)->next) {
        if ((*link)->id == id) {
            close_door(link);
            return;
        }
    }
}

/* ---- ending ---- */

static void on_clock(struct gp__timer *timer)
{
    struct gp__reception *reception =
        (struct gp__reception *)(void *)((char *)timer - offsetof(struct gp__reception, clock));

    gp__log(&reception->log, GP_LOG_NOTICE, "process.drain_over",
            GP__F_I("sessions", reception->server.n_clients));
    gp__reception_drain(reception,
                        reception->draining == GP__DRAIN_GENTLY ? GP__DRAIN_SOON : GP__DRAIN_NOW);
}

static void arm(struct gp__reception *reception, uint64_t ms)
{
    const struct gp__runtime_ops *ops = reception->runtime->ops;

    reception->clock.fn = on_clock;
    ops->timer_start(reception->runtime, &reception->clock, ops->now_ms(reception->runtime) + ms);
}

void gp__reception_drain(struct gp__reception *reception, enum gp__drain how)
{
    const struct gp__process_settings *settings = &reception->generation->settings->process;

    if (reception->ending && how <= reception->draining)
        return;
    reception->ending = true;
    reception->draining = how;
    while (reception->doors)
        close_door(&reception->doors);
    if (how == GP__DRAIN_GENTLY) {
        arm(reception, settings->reload_within);
        gp__server_expect_end(&reception->server);
        return;
    }
    gp__generation_stop(reception->generation);
    if (how == GP__DRAIN_SOON)
        arm(reception, settings->stop_within);
    gp__server_stop(&reception->server, how == GP__DRAIN_NOW);
}

/* What runs beside the sessions is cancelled and unwinds now. */
static void end_generation(struct gp__reception *reception)
{
    gp__generation_stop(reception->generation);
    while (reception->generation->refs > 1)
        gp__live_turn(reception->runtime);
}

void gp__reception_run(struct gp__reception *reception)
{
    gp__live_run(reception->runtime);
    end_generation(reception);
    gp__stats_log(reception->generation, &reception->log);
}

void gp__reception_close(struct gp__reception *reception)
{
    while (reception->doors)
        close_door(&reception->doors);
    if (reception->generation) /* it may have been started, and nothing else */
        end_generation(reception);
    if (reception->server.spool)
        gp__spool_writer_close(&reception->server.spool);
    gp__doubts_close(&reception->server.doubts);
    gp__engine_close(&reception->engine);
    gp__generation_unref(&reception->generation);
    gp__settings_free(&reception->settings);
    if (reception->runtime) {
        reception->runtime->ops->timer_stop(reception->runtime, &reception->clock);
        gp__server_done(&reception->server);
        gp__crash_remove();
        gp__live_free(&reception->runtime);
    }
    if (reception->sink)
        gp__sink_free(&reception->sink);
    gp__buf_free(&reception->log.line);
    gp__arena_pool_free();
    gp__content_pool_free();
}
