// SPDX-License-Identifier: Apache-2.0
/* Lanes without a thread: run() and collect() take turns on the loop's stack, always in the same
 * order. */
#include "core/base/alloc.h"
#include "core/runtime/sim_world.h"

struct lane {
    struct gp__lane base;
    unsigned refs; /* its owner's, and of what is deferred */
    bool wanted, reported, closed;
};

static void unref(struct lane *lane)
{
    if (--lane->refs == 0)
        gp__free(lane);
}

static void defer(struct lane *lane, void (*fn)(void *arg))
{
    lane->refs++;
    gp__tasks_op_defer(lane->base.runtime, fn, lane);
}

static void run(struct lane *lane)
{
    if (lane->wanted) {
        lane->wanted = false;
        lane->base.run(lane->base.arg);
    }
}

static void on_kick(void *arg)
{
    struct lane *lane = arg;

    run(lane);
    unref(lane);
}

static void on_report(void *arg)
{
    struct lane *lane = arg;

    lane->reported = false;
    if (!lane->closed)
        lane->base.collect(lane->base.arg);
    unref(lane);
}

struct gp__lane *gp__sim_lane_open(struct gp__runtime *rt, void (*run_fn)(void *arg),
                                   void (*collect)(void *arg), void *arg)
{
    struct lane *lane = gp__alloc(sizeof *lane);

    lane->base = (struct gp__lane){.runtime = rt, .run = run_fn, .collect = collect, .arg = arg};
    lane->refs = 1;
    return &lane->base;
}

void gp__sim_lane_kick(struct gp__lane *base)
{
    struct lane *lane = (struct lane *)base;

    if (lane->wanted)
        return;
    lane->wanted = true;
    defer(lane, on_kick);
}

void gp__sim_lane_report(struct gp__lane *base)
{
    struct lane *lane = (struct lane *)base;

    if (lane->reported || lane->closed)
        return;
    lane->reported = true;
    defer(lane, on_report);
}

void gp__sim_lane_close(struct gp__lane **lane_)
{
    struct lane *lane = (struct lane *)*lane_;

    if (!lane)
        return;
    lane->closed = true;
    run(lane); /* it still has it */
    *lane_ = NULL;
    unref(lane);
}
