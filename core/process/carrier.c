// SPDX-License-Identifier: Apache-2.0
/*
 * The process of a carrier: targets, delivery hooks and ticks, with the rights of a worker. Is asked
 * by the scheduler over a line that the master made, and answers there. When it is to end it takes
 * nothing new, and ends once all that it has is answered.
 */
#include "core/delivery/carrier.h"

#include "core/base/arena.h"
#include "core/base/log.h"
#include "core/base/pack.h"
#include "core/process/roles.h"
#include "core/process/scheduling.h"
#include "core/process/servant.h"

struct line {
    struct gp__servant *servant;
    struct gp__carrier *carrier;
    struct gp__channel *scheduler; /* NULL: there is none now */
    struct gp__timer patience;     /* of the drain */
    enum gp__drain how;
    bool draining, over;
};

/* ---- the scheduler ---- */

static void send(struct line *line, enum gp__message_type type, struct gp__buf *body)
{
    struct gp__message message = {.type = type, .body = gp__buf_slice(body)};

    if (line->scheduler)
        (void)gp__channel_send(line->scheduler, &message); /* closed() tells if it is gone */
    gp__buf_free(body);
}

static void send_room(struct line *line)
{
    struct gp__buf body = {.limit = 0};

    gp__pack_number(&body, line->draining ? 0 : GP__ATTEMPTS_MAX);
    send(line, GP__MSG_ROOM, &body);
}

static void on_attempt(void *arg, struct gp__message *message)
{
    struct line *line = arg;
    struct gp__arena *arena;
    struct gp__attempt attempt;

    /* It was sent before the scheduler read that there is no room: another carrier gets it. */
    if (line->over)
        return;
    arena = gp__arena_create();
    if (message->type == GP__MSG_ATTEMPT && gp__attempt_unpack(&attempt, arena, message->body) == 0)
        gp__carrier_take(line->carrier, &attempt);
    else
        gp__log(&line->servant->reception.log, GP_LOG_ERROR, "carrier.nonsense",
                GP__F_I("type", message->type), GP__F_I("bytes", message->body.len));
    gp__arena_free(&arena);
}

/* What is under way is finished; another scheduler will ask for it again. */
static void on_scheduler_gone(void *arg)
{
    struct line *line = arg;

    gp__channel_close(&line->scheduler);
}

static void on_scheduler(struct line *line, struct gp__message *message)
{
    struct gp__channel_user user = {
        .message = on_attempt, .closed = on_scheduler_gone, .arg = line};

    if (message->n_fds != 1)
        return;
    message->n_fds = 0; /* taken */
    gp__channel_close(&line->scheduler);
    line->scheduler = gp__channel_open(line->servant->reception.runtime, message->fds[0], &user);
    send_room(line);
}

/* ---- ending ---- */

static void end_if_idle(struct line *line)
{
    if (!line->draining || line->over || gp__carrier_busy(line->carrier))
        return;
    line->over = true;
    gp__reception_drain(&line->servant->reception, GP__DRAIN_NOW);
}

static void on_answer(void *arg, const struct gp__attempt_answer *answer)
{
    struct line *line = arg;
    struct gp__buf body = {.limit = 0};

    gp__answer_pack(&body, answer);
    send(line, GP__MSG_ATTEMPTED, &body);
    end_if_idle(line);
}

static void arm(struct line *line, uint64_t ms)
{
    struct gp__runtime *rt = line->servant->reception.runtime;

    rt->ops->timer_start(rt, &line->patience, rt->ops->now_ms(rt) + ms);
}

static void on_patience(struct gp__timer *timer);

static void drain(struct gp__servant *servant, enum gp__drain how)
{
    struct line *line = servant->arg;
    const struct gp__process_settings *settings = &servant->reception.generation->settings->process;

    if (line->draining && how <= line->how)
        return;
    line->how = how;
    line->draining = true;
    send_room(line);
    if (how == GP__DRAIN_NOW)
        gp__carrier_cancel(line->carrier);
    line->patience.fn = on_patience;
    arm(line, how == GP__DRAIN_GENTLY ? settings->reload_within
              : how == GP__DRAIN_SOON ? settings->stop_within
                                      : 0);
    end_if_idle(line);
}

/* Looks whether it is over, and once the time is up hurries. */
static void on_patience(struct gp__timer *timer)
{
    struct line *line = (struct line *)(void *)((char *)timer - offsetof(struct line, patience));

    if (line->how != GP__DRAIN_NOW)
        drain(line->servant, line->how == GP__DRAIN_GENTLY ? GP__DRAIN_SOON : GP__DRAIN_NOW);
}

/* ---- as a servant ---- */

static int open_carrier(struct gp__servant *servant, struct gp__buf *error_r)
{
    struct line *line = servant->arg;
    struct gp__spool_settings spool = gp__spool_settings_of(
        servant->reception.generation->settings);
    struct gp__carrier_options options = {
        .runtime = servant->reception.runtime,
        .spool = &spool,
        .carriage = &servant->reception.generation->carriage,
        .answer = on_answer,
        .arg = line,
    };

    line->servant = servant;
    spool.log = &servant->reception.log;
    /* The first process to come makes the folder. */
    if (gp__spool_prepare(&spool, error_r) < 0)
        return -1;
    line->carrier = gp__carrier_open(&options, error_r);
    if (!line->carrier)
        return -1;
    gp__generation_start(servant->reception.generation);
    return 0;
}

static void on_message(struct gp__servant *servant, struct gp__message *message)
{
    if (message->type == GP__MSG_SCHEDULER)
        on_scheduler(servant->arg, message);
}

static size_t busy(const struct gp__servant *servant)
{
    const struct line *line = servant->arg;

    return gp__carrier_busy(line->carrier);
}

static void close_carrier(struct gp__servant *servant)
{
    struct line *line = servant->arg;
    struct gp__runtime *rt = servant->reception.runtime;

    gp__channel_close(&line->scheduler);
    if (rt)
        rt->ops->timer_stop(rt, &line->patience);
    gp__carrier_close(&line->carrier);
}

int gp__carrier_main(int channel)
{
    static const struct gp__servant_kind kind = {
        .name = "carrier",
        .open = open_carrier,
        .message = on_message,
        .drain = drain,
        .busy = busy,
        .close = close_carrier,
    };
    struct line line = {.servant = NULL};
    struct gp__servant servant = {.kind = &kind, .arg = &line};

    return gp__servant_main(&servant, channel);
}
