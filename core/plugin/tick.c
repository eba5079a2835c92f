// SPDX-License-Identifier: Apache-2.0
#include "core/plugin/tick.h"

#include "core/base/alloc.h"
#include "core/base/log.h"
#include "core/hook/apply.h"
#include "core/hook/stats.h"

#include <stddef.h>

struct tick {
    struct gp__timer timer;
    struct gp__ticks *ticks;
    struct gp__instance *instance;
    struct gp_call call;
    bool running;
};

struct gp__ticks {
    struct gp__runtime *runtime;
    size_t running;
    bool stopped;
    void (*done)(void *arg);
    void *arg;
    size_t count;
    struct tick items[];
};

static void arm(struct tick *tick)
{
    struct gp__runtime *rt = tick->ticks->runtime;
    uint64_t period = tick->instance->plugin->tick_ms;

    rt->ops->timer_start(rt, &tick->timer, rt->ops->now_ms(rt) + (period ? period : GP__TICK_MS));
}

static void log_fault(const struct gp_call *call)
{
    gp__log(call->runtime->log, GP_LOG_WARNING, "hook.fault",
            GP__F_S("instance", call->instance->id), GP__F_C("hook", "tick"),
            GP__F_S("error", call->fault));
}

/* Nothing depends on the answer; a fault is counted and logged. */
static void count(struct gp_call *call, enum gp_verdict verdict, uint64_t ns)
{
    struct gp__hook_stats *stats = call->instance->stats[GP_HOOK_TICK];
    struct gp__ruling ruling = {.verdict = GP_FAIL};
    enum gp__fault_kind fault = gp__ruling_check(call, verdict, &ruling);

    gp__stats_add(stats, fault == GP__FAULT_NONE ? ruling.verdict : GP_FAIL, ns);
    stats->canceled += fault == GP__FAULT_CANCELED;
    stats->timeouts += fault == GP__FAULT_TIMEOUT;
    if (fault == GP__FAULT_NONE || fault == GP__FAULT_CANCELED)
        return;
    stats->faults++;
    log_fault(call);
}

static void run(void *arg)
{
    struct tick *tick = arg;
    struct gp__runtime *rt = tick->ticks->runtime;
    uint64_t before = rt->ops->now_ns(rt);
    enum gp_verdict verdict = gp__run_invoke(&tick->call);

    count(&tick->call, verdict, rt->ops->now_ns(rt) - before);
    gp__call_end(&tick->call);
}

static void finish(struct gp__ticks *ticks)
{
    if (!ticks->stopped || ticks->running)
        return;
    if (ticks->done)
        ticks->done(ticks->arg);
    gp__free(ticks);
}

static void ended(void *arg)
{
    struct tick *tick = arg;
    struct gp__ticks *ticks = tick->ticks;

    tick->running = false;
    ticks->running--;
    if (!ticks->stopped)
        arm(tick);
    finish(ticks);
}

static void on_timer(struct gp__timer *timer)
{
    struct tick *tick = (struct tick *)(void *)((char *)timer - offsetof(struct tick, timer));
    struct gp__ticks *ticks = tick->ticks;
    struct gp__runtime *rt = ticks->runtime;
    int began;

    tick->running = true;
    ticks->running++;
    gp__call_init(&tick->call, rt, tick->instance, GP_HOOK_TICK,
                  rt->ops->now_ms(rt) + tick->instance->deadline_ms);
    began = rt->ops->run(rt, run, ended, tick, tick->instance->stack);
    if (began < 0) {
        gp__call_fault(&tick->call, "no fiber could be had");
        log_fault(&tick->call);
        gp__call_end(&tick->call);
    }
    if (began != 0)
        ended(tick);
}

struct gp__ticks *gp__ticks_start(struct gp__runtime *runtime,
                                  struct gp__instance *const *instances, size_t n)
{
    struct gp__ticks *ticks = gp__alloc(sizeof *ticks + n * sizeof ticks->items[0]);

    ticks->runtime = runtime;
    for (size_t i = 0; i < n; i++) {
        struct tick *tick = &ticks->items[ticks->count];

        if (!instances[i]->fns[GP_HOOK_TICK])
            continue;
        tick->ticks = ticks;
        tick->instance = instances[i];
        tick->timer.fn = on_timer;
        arm(tick);
        ticks->count++;
    }
    return ticks;
}

void gp__ticks_stop_then(struct gp__ticks **ticks_, void (*done)(void *arg), void *arg)
{
    struct gp__ticks *ticks = *ticks_;

    *ticks_ = NULL;
    if (!ticks) {
        if (done)
            done(arg);
        return;
    }
    ticks->stopped = true;
    ticks->done = done;
    ticks->arg = arg;
    for (size_t i = 0; i < ticks->count; i++) {
        struct tick *tick = &ticks->items[i];

        if (tick->timer.slot)
            ticks->runtime->ops->timer_stop(ticks->runtime, &tick->timer);
        if (tick->running)
            gp__call_cancel(&tick->call, GP_ECANCELED);
    }
    finish(ticks);
}
