// SPDX-License-Identifier: Apache-2.0
/*
 * The scheduler's process: one for the spool, over all configurations. It reads no configuration,
 * loads no plugin but the engine that keeps the spool, if one does, and talks to nobody but the master
 * and the carriers; it writes below the spool alone.
 */
#include "core/delivery/scheduler.h"

#include "core/base/alloc.h"
#include "core/base/counts.h"
#include "core/process/board.h"
#include "core/process/carriers.h"
#include "core/process/control.h"
#include "core/process/engine.h"
#include "core/process/messages.h"
#include "core/base/arena.h"
#include "core/base/pack.h"
#include "core/process/queue_control.h"
#include "core/process/reception.h"
#include "core/process/roles.h"
#include "core/process/sandbox.h"
#include "core/process/scheduling.h"
#include "core/runtime/crash.h"
#include "core/runtime/live.h"
#include "core/runtime/watch.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define BEAT_MS 500

struct process {
    int fd; /* the channel, until it is on the loop */
    struct gp__channel *channel;
    struct gp__runtime *runtime;
    struct gp__log log;
    struct gp__sink *sink;
    struct gp__board *board;
    size_t board_room;
    struct gp__timer beat;
    struct gp__buf bytes; /* of the scheduling */
    struct gp__arena *arena;
    struct gp__scheduling scheduling;
    struct gp__arena *engine_arena; /* of the recipe */
    struct gp__engine_recipe recipe;
    struct gp__engine engine;
    struct gp__scheduler *scheduler;
    struct gp__carriers carriers;
    int wake;
    struct gp__watch *watch;
    bool sandbox, draining;
};

/* ---- signs of life ---- */

static void on_beat(struct gp__timer *timer)
{
    struct process *p = (struct process *)(void *)((char *)timer - offsetof(struct process, beat));
    struct gp__runtime *rt = p->runtime;

    p->board->heartbeat = rt->ops->now_ns(rt) / 1000000;
    if (p->scheduler)
        gp__queue_figures(p->scheduler, &p->board->queue);
    rt->ops->timer_start(rt, &p->beat, rt->ops->now_ms(rt) + BEAT_MS);
}

static void on_wake(void *arg, unsigned events)
{
    struct process *p = arg;

    (void)events;
    gp__spool_wake_drain(p->wake);
    gp__scheduler_look(p->scheduler);
}

/* ---- what the master says ---- */

static void on_carrier(struct process *p, struct gp__message *message)
{
    if (message->n_fds != 1)
        return;
    message->n_fds = 0; /* taken */
    gp__carriers_add(&p->carriers, message->fds[0]);
}

/* The log's level and place; fds[1] is its file. */
static void take_log(struct process *p, struct gp__message *message)
{
    p->log.level = (enum gp_log_level)p->scheduling.log_level;
    p->log.format = (enum gp__log_format)p->scheduling.log_format;
    if (message->n_fds < 2)
        return;
    gp__sink_adopt(p->sink, message->fds[1]);
    message->n_fds = 1; /* taken */
}

static int read_scheduling(struct process *p, int fd)
{
    struct gp__buf bytes = {.limit = GP__SCHEDULING_MAX};
    struct gp__arena *arena = gp__arena_create();
    struct gp__scheduling scheduling;

    if (gp__scheduling_take(fd, &bytes) < 0 ||
        gp__scheduling_read(&scheduling, arena, gp__buf_slice(&bytes)) < 0) {
        gp__buf_free(&bytes);
        gp__arena_free(&arena);
        return -1;
    }
    gp__buf_free(&p->bytes);
    if (p->arena)
        gp__arena_free(&p->arena);
    p->bytes = bytes;
    p->arena = arena;
    p->scheduling = scheduling;
    return 0;
}

static void on_plan(struct process *p, struct gp__message *message)
{
    if (message->n_fds < 1 || read_scheduling(p, message->fds[0]) < 0 ||
        gp__scheduler_plan(p->scheduler, p->scheduling.plan) < 0) {
        gp__log(&p->log, GP_LOG_ERROR, "queue.plan", GP__F_C("error", "damaged"));
        return;
    }
    take_log(p, message);
}

static void on_log(struct process *p, struct gp__message *message)
{
    if (message->n_fds != 1)
        return;
    message->n_fds = 0;
    gp__sink_adopt(p->sink, message->fds[0]);
}

static void on_drained(void *arg)
{
    gp__live_stop(((struct process *)arg)->runtime);
}

static void on_drain(struct process *p, struct gp__message *message)
{
    struct gp__unpack in = {.rest = message->body};

    if (gp__unpack_upto(&in, GP__DRAIN_NOW) == GP__DRAIN_NOW) {
        gp__live_stop(p->runtime);
        return;
    }
    if (p->draining)
        return;
    p->draining = true;
    gp__scheduler_drain(p->scheduler, on_drained, p);
}

struct asked {
    struct process *process;
    uint32_t id;
};

static void say(void *arg, struct gp_slice text)
{
    struct asked *asked = arg;

    if (asked->process->channel)
        (void)gp__answer_in_parts(asked->process->channel, asked->id, text); /* or closed() tells */
    gp__free(asked);
}

static void on_ask(struct process *p, struct gp__message *message)
{
    struct gp__unpack in = {.rest = message->body};
    struct gp_slice line = gp__unpack_text(&in);
    struct asked *asked = gp__alloc(sizeof *asked);

    *asked = (struct asked){.process = p, .id = message->id};
    gp__queue_control(p->scheduler, line, say, asked);
}

static void (*const handlers[GP__MSG_COUNT])(struct process *p, struct gp__message *message) = {
    [GP__MSG_CARRIER] = on_carrier, [GP__MSG_PLAN] = on_plan, [GP__MSG_LOG] = on_log,
    [GP__MSG_DRAIN] = on_drain,     [GP__MSG_ASK] = on_ask,
};

static void on_message(void *arg, struct gp__message *message)
{
    if (message->type < GP__MSG_COUNT && handlers[message->type])
        handlers[message->type](arg, message);
}

/* Without a master there is nobody to bring a carrier or to read what is counted: the next one
 * begins anew. What is under way ends first. */
static void on_master_gone(void *arg)
{
    struct process *p = arg;

    gp__log(&p->log, GP_LOG_ERROR, "queue.no_master",
            GP__F_I("messages", gp__queue_count(p->scheduler)));
    if (!p->draining)
        gp__scheduler_drain(p->scheduler, on_drained, p);
    p->draining = true;
}

/* ---- start ---- */

static int take_start(struct process *p, struct gp__message *start, struct gp__buf *error)
{
    struct gp__unpack in = {.rest = start->body};

    if (gp__unpack_number(&in) != GP__PROTOCOL_VERSION) {
        gp__buf_append(error, GP_S("the program was replaced while it ran: restart it"));
        return -1;
    }
    (void)gp__unpack_number(&in); /* there is one slot */
    p->sandbox = gp__unpack_number(&in) != 0;
    if (start->n_fds < 2 || in.bad || read_scheduling(p, start->fds[1]) < 0) {
        gp__buf_append(error, GP_S("the master speaks nonsense"));
        return -1;
    }
    p->board = gp__board_map(start->fds[0], &p->board_room);
    if (!p->board)
        gp__buf_printf(error, "what the master passed: %s", strerror(errno));
    return p->board ? 0 : -1;
}

static int open_log(struct process *p, struct gp__message *start, struct gp__buf *error)
{
    if (start->n_fds > 2) {
        p->sink = gp__sink_fd(start->fds[2]);
        gp__sink_adopt(p->sink, start->fds[2]);
        start->n_fds = 2; /* taken */
    } else {
        p->sink = gp__reception_sink(p->scheduling.log_to);
    }
    if (!p->sink) {
        gp__buf_append(error, GP_S("the log cannot be opened"));
        return -1;
    }
    p->log.level = (enum gp_log_level)p->scheduling.log_level;
    p->log.format = (enum gp__log_format)p->scheduling.log_format;
    p->log.now = gp__reception_wall_clock;
    gp__sink_attach(p->sink, &p->log);
    return 0;
}

/* What a later configuration says of it takes a restart: the master sees to that. */
static int read_engine(struct process *p, struct gp__buf *error)
{
    p->engine_arena = gp__arena_create();
    if (gp__engine_read(&p->recipe, p->engine_arena, p->scheduling.engine, error) < 0)
        return -1;
    if (p->recipe.plugins)
        p->scheduling.spool.engine = &p->recipe.settings;
    return 0;
}

static int lock_files(struct process *p, struct gp__buf *error)
{
    struct gp__settings writes = {.spool = p->scheduling.spool};

    if (!p->sandbox || gp__sandbox_files(&writes) >= 0)
        return 0;
    gp__buf_printf(error, "sandbox: Landlock: %s; `sandbox: off` does without", strerror(errno));
    return -1;
}

static int open_runtime(struct process *p, struct gp__buf *error)
{
    p->runtime = gp__live_create(NULL, &p->log);
    if (!p->runtime) {
        gp__buf_printf(error, "event loop: %s", strerror(errno));
        return -1;
    }
    if (gp__crash_install(gp__live_fibers(p->runtime)) < 0)
        fprintf(stderr, "gatepost: crash handler: %s\n", strerror(errno));
    gp__crash_words(&p->board->words);
    gp__counts_into(&p->board->counts);
    p->beat.fn = on_beat;
    on_beat(&p->beat);
    return 0;
}

static int open_scheduler(struct process *p, struct gp__buf *error)
{
    struct gp__spool_settings spool;
    struct gp__scheduler_options options = {
        .runtime = p->runtime, .log = &p->log, .spool = &spool, .plan = p->scheduling.plan};

    if (gp__engine_open(&p->engine, &p->scheduling.spool, p->runtime, error) < 0)
        return -1;
    spool = gp__engine_spool(&p->engine, &p->scheduling.spool);
    spool.log = &p->log;
    p->scheduler = gp__scheduler_open(&options, error);
    if (!p->scheduler)
        return -1;
    p->carriers.runtime = p->runtime;
    p->carriers.scheduler = p->scheduler;
    p->wake = gp__scheduler_wake_open(p->scheduler, error);
    if (p->wake < 0)
        return -1;
    p->watch = gp__watch_start(p->runtime, p->wake, GP__WATCH_READ, on_wake, p);
    if (!p->watch)
        gp__buf_printf(error, "wake-up socket: %s", strerror(errno));
    return p->watch ? 0 : -1;
}

static int open_channel(struct process *p, struct gp__buf *error)
{
    struct gp__channel_user user = {.message = on_message, .closed = on_master_gone, .arg = p};

    p->channel = gp__channel_open(p->runtime, p->fd, &user);
    if (!p->channel)
        gp__buf_printf(error, "channel: %s", strerror(errno));
    return p->channel ? 0 : -1;
}

static int lock_calls(struct process *p, struct gp__buf *error)
{
    if (!p->sandbox || gp__sandbox_calls() == 0)
        return 0;
    gp__buf_printf(error, "sandbox: seccomp: %s; `sandbox: off` does without", strerror(errno));
    return -1;
}

static int start(struct process *p, struct gp__message *message, struct gp__buf *error)
{
    if (gp__reception_seed() < 0 || take_start(p, message, error) < 0 ||
        open_log(p, message, error) < 0 || read_engine(p, error) < 0 || lock_files(p, error) < 0 ||
        open_runtime(p, error) < 0)
        return -1;
    return open_scheduler(p, error) < 0 || open_channel(p, error) < 0 || lock_calls(p, error) < 0
               ? -1
               : 0;
}

static void close_all(struct process *p)
{
    gp__channel_close(&p->channel);
    if (p->scheduler)
        gp__carriers_close(&p->carriers);
    gp__watch_stop(&p->watch);
    if (p->wake >= 0)
        (void)close(p->wake); /* nothing was written to it */
    gp__scheduler_close(&p->scheduler);
    gp__engine_close(&p->engine);
    gp__engine_recipe_done(&p->recipe);
    if (p->engine_arena)
        gp__arena_free(&p->engine_arena);
    if (p->runtime) {
        p->runtime->ops->timer_stop(p->runtime, &p->beat);
        gp__live_free(&p->runtime);
    }
    if (p->sink)
        gp__sink_free(&p->sink);
    gp__buf_free(&p->log.line);
    gp__buf_free(&p->bytes);
    if (p->arena)
        gp__arena_free(&p->arena);
    /* The board stays: it is counted on to the last. */
}

static void tell(struct process *p, enum gp__message_type type, struct gp_slice text)
{
    struct gp__message message = {.type = type};
    struct gp__buf body = {.limit = 0};

    if (type == GP__MSG_FAILED)
        gp__pack_text(&body, gp_slice_sub(text, 0, GP__MESSAGE_BODY_MAX / 2));
    message.body = gp__buf_slice(&body);
    if (p->channel)
        (void)gp__channel_send(p->channel, &message); /* closed() tells if it is gone */
    else if (gp__message_put(p->fd, &message) < 0)
        fprintf(stderr, "gatepost: " GP_FMT "\n", GP_ARG(text));
    gp__buf_free(&body);
}

int gp__scheduler_main(int channel)
{
    struct process p = {.fd = channel, .wake = -1};
    struct gp__buf place = {.limit = 0}, error = {.limit = 0};
    struct gp__message message;
    int failed;

    /* The master was told to stop by the same Ctrl-C, and tells. */
    (void)signal(SIGINT, SIG_IGN);
    (void)signal(SIGHUP, SIG_IGN);
    (void)signal(SIGTERM, SIG_IGN);
    if (gp__message_get(channel, &place, &message) != 1 || message.type != GP__MSG_START)
        return 1;
    failed = start(&p, &message, &error);
    gp__message_close_fds(&message);
    gp__buf_free(&place);
    tell(&p, failed ? GP__MSG_FAILED : GP__MSG_READY, gp__buf_slice(&error));
    gp__buf_free(&error);
    if (!failed)
        gp__live_run(p.runtime);
    close_all(&p);
    return failed ? 1 : 0;
}
