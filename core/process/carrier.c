// SPDX-License-Identifier: Apache-2.0
/*
 * The process of a carrier: targets, delivery hooks and ticks, with the rights of a worker. Is asked
 * by the scheduler over a line that the master made, and answers there. When it is to end it takes
 * nothing new, and ends once all that it has is answered.
 */
#include "core/process/carrier_line.h"
#include "core/process/roles.h"
#include "core/process/servant.h"

struct carrying {
    struct gp__servant *servant;
    struct gp__carrier_line line;
    struct gp__timer patience; /* of the drain */
    enum gp__drain how;
};

/* ---- ending ---- */

static void on_idle(void *arg)
{
    struct carrying *carrying = arg;

    gp__reception_drain(&carrying->servant->reception, GP__DRAIN_NOW);
}

static void arm(struct carrying *carrying, uint64_t ms)
{
    struct gp__runtime *rt = carrying->servant->reception.runtime;

    rt->ops->timer_start(rt, &carrying->patience, rt->ops->now_ms(rt) + ms);
}

static void on_patience(struct gp__timer *timer);

static void drain(struct gp__servant *servant, enum gp__drain how)
{
    struct carrying *carrying = servant->arg;
    const struct gp__process_settings *settings = &servant->reception.generation->settings->process;

    if (carrying->line.draining && how <= carrying->how)
        return;
    carrying->how = how;
    if (how == GP__DRAIN_NOW)
        gp__carrier_cancel(carrying->line.carrier);
    carrying->patience.fn = on_patience;
    arm(carrying, how == GP__DRAIN_GENTLY ? settings->reload_within
                  : how == GP__DRAIN_SOON ? settings->stop_within
                                          : 0);
    gp__carrier_line_drain(&carrying->line);
}

/* Looks whether it is over, and once the time is up hurries. */
static void on_patience(struct gp__timer *timer)
{
    struct carrying *carrying = (struct carrying *)(void *)((char *)timer -
                                                            offsetof(struct carrying, patience));

    if (carrying->how != GP__DRAIN_NOW)
        drain(carrying->servant,
              carrying->how == GP__DRAIN_GENTLY ? GP__DRAIN_SOON : GP__DRAIN_NOW);
}

/* ---- as a servant ---- */

static int open_carrier(struct gp__servant *servant, struct gp__buf *error_r)
{
    struct carrying *carrying = servant->arg;
    struct gp__spool_settings spool;
    struct gp__carrier_options options = {
        .runtime = servant->reception.runtime,
        .spool = &spool,
        .carriage = &servant->reception.generation->carriage,
        .answer = gp__carrier_line_answer,
        .arg = &carrying->line,
    };

    carrying->servant = servant;
    carrying->line.runtime = servant->reception.runtime;
    carrying->line.log = &servant->reception.log;
    carrying->line.idle = on_idle;
    carrying->line.arg = carrying;
    /* The first process to come makes the folder. */
    if (gp__reception_spool(&servant->reception, &spool, error_r) < 0 ||
        gp__spool_prepare(&spool, error_r) < 0)
        return -1;
    carrying->line.carrier = gp__carrier_open(&options, error_r);
    if (!carrying->line.carrier)
        return -1;
    gp__generation_start(servant->reception.generation);
    return 0;
}

static void on_message(struct gp__servant *servant, struct gp__message *message)
{
    struct carrying *carrying = servant->arg;

    if (message->type != GP__MSG_SCHEDULER || message->n_fds != 1)
        return;
    message->n_fds = 0; /* taken */
    gp__carrier_line_open(&carrying->line, message->fds[0]);
}

static size_t busy(const struct gp__servant *servant)
{
    const struct carrying *carrying = servant->arg;

    return gp__carrier_busy(carrying->line.carrier);
}

static void close_carrier(struct gp__servant *servant)
{
    struct carrying *carrying = servant->arg;
    struct gp__runtime *rt = servant->reception.runtime;

    gp__carrier_line_close(&carrying->line);
    if (rt)
        rt->ops->timer_stop(rt, &carrying->patience);
    gp__carrier_close(&carrying->line.carrier);
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
    struct carrying carrying = {.servant = NULL};
    struct gp__servant servant = {.kind = &kind, .arg = &carrying};

    return gp__servant_main(&servant, channel);
}
