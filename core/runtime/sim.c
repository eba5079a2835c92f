// SPDX-License-Identifier: Apache-2.0
/*
 * The simulated world's clock and the operations that need nothing else. Whatever takes time is a
 * timer; timers of the same millisecond fire in the order in which they were armed, after all that
 * is ready has run.
 */
#include "core/runtime/sim.h"

#include "core/base/alloc.h"
#include "core/runtime/crypto.h"
#include "core/runtime/job.h"
#include "core/runtime/sim_world.h"

#include <stdalign.h>
#include <stddef.h>
#include <stdlib.h>

/* ---- time ---- */

static void advance_to(struct gp__sim *sim, uint64_t at_ms)
{
    if (at_ms > sim->now_ms)
        sim->now_ms = at_ms;
    gp__sim_settle(&sim->base);
}

void gp__sim_settle(struct gp__runtime *rt)
{
    struct gp__sim *sim = gp__sim(rt);
    struct gp__timer *timer;

    for (;;) {
        if (!gp__tasks_settle(sim->base.tasks))
            return; /* called from within, or calls that defer themselves for ever */
        if (gp__sim_wakers_collect(sim))
            continue;
        timer = gp__timers_due(&sim->timers, sim->now_ms);
        if (!timer)
            return;
        timer->fn(timer);
    }
}

void gp__sim_run_until(struct gp__runtime *rt, uint64_t at_ms)
{
    struct gp__sim *sim = gp__sim(rt);

    gp__sim_settle(rt);
    for (uint64_t next; (next = gp__timers_first(&sim->timers)) <= at_ms;)
        advance_to(sim, next);
    advance_to(sim, at_ms);
}

void gp__sim_advance(struct gp__runtime *rt, uint64_t ms)
{
    gp__sim_run_until(rt, gp__sim(rt)->now_ms + ms);
}

bool gp__sim_run(struct gp__runtime *rt, uint64_t max_ms)
{
    struct gp__sim *sim = gp__sim(rt);
    uint64_t end = sim->now_ms + max_ms;

    gp__sim_settle(rt);
    for (;;) {
        uint64_t next = gp__timers_first(&sim->timers);

        if (next == UINT64_MAX)
            return true;
        if (next > end) {
            advance_to(sim, end);
            return false;
        }
        advance_to(sim, next);
    }
}

void gp__sim_after(struct gp__sim *sim, struct gp__timer *timer, uint64_t ms)
{
    uint64_t left = UINT64_MAX - 1 - sim->now_ms;

    gp__timers_start(&sim->timers, timer, sim->now_ms + (ms < left ? ms : left));
}

static uint64_t now_ms(struct gp__runtime *rt)
{
    return gp__sim(rt)->now_ms;
}

static uint64_t now_ns(struct gp__runtime *rt)
{
    return gp__sim(rt)->now_ms * 1000000;
}

static int64_t wall_ms(struct gp__runtime *rt)
{
    return GP__SIM_WALL_START + (int64_t)gp__sim(rt)->now_ms;
}

static void timer_start(struct gp__runtime *rt, struct gp__timer *timer, uint64_t at_ms)
{
    gp__timers_start(&gp__sim(rt)->timers, timer, at_ms);
}

static void timer_stop(struct gp__runtime *rt, struct gp__timer *timer)
{
    gp__timers_stop(&gp__sim(rt)->timers, timer);
}

/* ---- chance ---- */

/* splitmix64 */
uint64_t gp__sim_random(struct gp__sim *sim)
{
    uint64_t z = sim->random += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static void random_bytes(struct gp__runtime *rt, void *bytes, size_t len)
{
    unsigned char *at = bytes;

    for (size_t i = 0; i < len; i++)
        at[i] = (unsigned char)(gp__sim_random(gp__sim(rt)) >> 56);
}

/* ---- what there is ---- */

void gp__sim_resources(struct gp__runtime *rt, uint64_t memory, uint64_t space)
{
    gp__sim(rt)->memory = memory;
    gp__sim(rt)->space = space;
}

static uint64_t memory_in_use(struct gp__runtime *rt)
{
    return gp__sim(rt)->memory;
}

static uint64_t free_space(struct gp__runtime *rt, struct gp_slice path)
{
    (void)path;
    return gp__sim(rt)->space;
}

/* ---- what was asked ---- */

static void add_line(struct gp__buf *buf, const char *format, va_list args)
{
    if (gp__buf_vprintf(buf, format, args) < 0 || gp__buf_append(buf, GP_S("\n")) < 0)
        abort();
}

void gp__sim_call(struct gp__sim *sim, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    add_line(&sim->calls, format, args);
    va_end(args);
}

void gp__sim_failure(struct gp__sim *sim, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    add_line(&sim->failures, format, args);
    va_end(args);
}

void gp__sim_called_as(struct gp__runtime *rt, struct gp_slice line)
{
    gp__sim_call(gp__sim(rt), GP_FMT, GP_ARG(line));
}

struct gp_slice gp__sim_calls(const struct gp__runtime *rt)
{
    return gp__buf_slice(&gp__sim(rt)->calls);
}

void gp__sim_calls_clear(struct gp__runtime *rt)
{
    gp__buf_clear(&gp__sim(rt)->calls);
}

bool gp__sim_called(const struct gp__runtime *rt, struct gp_slice line)
{
    struct gp_slice rest = gp__sim_calls(rt);

    while (rest.len > 0) {
        if (gp_slice_eq(gp_slice_split(&rest, '\n'), line))
            return true;
    }
    return false;
}

struct gp_slice gp__sim_failures(const struct gp__runtime *rt)
{
    return gp__buf_slice(&gp__sim(rt)->failures);
}

/* ---- sleep, work, descriptors ---- */

struct pause {
    struct gp__job job;
    struct gp__timer timer;
    struct gp__sim *sim;
    void *block; /* work: where the result goes */
    size_t size;
    alignas(max_align_t) char copy[];
};

static void pause_cancel(struct gp__job *job)
{
    struct pause *pause = (struct pause *)job;

    gp__sim_call(pause->sim, "cancel");
    gp__timers_stop(&pause->sim->timers, &pause->timer);
    gp__free(pause);
}

static void pause_over(struct gp__timer *timer)
{
    struct pause *pause = (struct pause *)((char *)timer - offsetof(struct pause, timer));

    if (pause->size > 0)
        memcpy(pause->block, pause->copy, pause->size);
    gp__job_finish(&pause->job, 0);
    gp__free(pause);
}

static struct pause *pause_start(struct gp__sim *sim, struct gp_op *op, size_t size, uint64_t ms)
{
    struct pause *pause = gp__alloc(sizeof *pause + size);

    pause->sim = sim;
    pause->size = size;
    pause->timer.fn = pause_over;
    gp__job_start(&pause->job, op, pause_cancel);
    gp__sim_after(sim, &pause->timer, ms);
    return pause;
}

static void op_sleep(struct gp__runtime *rt, struct gp_op *op, uint64_t ms)
{
    gp__sim_call(gp__sim(rt), "sleep %llu", (unsigned long long)ms);
    pause_start(gp__sim(rt), op, 0, ms);
}

static void op_work(struct gp__runtime *rt, struct gp_op *op, void (*fn)(void *block), void *block,
                    size_t size)
{
    struct pause *pause = pause_start(gp__sim(rt), op, size, 0);

    gp__sim_call(gp__sim(rt), "work %zu", size);
    pause->block = block;
    if (size > 0)
        memcpy(pause->copy, block, size);
    fn(pause->copy);
}

static void op_wait_fd(struct gp__runtime *rt, struct gp_op *op, int fd, unsigned events)
{
    (void)fd; /* its number would differ from run to run */
    gp__sim_call(gp__sim(rt), "wait_fd %u", events);
    pause_start(gp__sim(rt), op, 0, 0);
}

const struct gp__runtime_ops gp__sim_ops = {
    .name = "simulated",
    .now_ms = now_ms,
    .now_ns = now_ns,
    .wall_ms = wall_ms,
    .random = random_bytes,
    .memory = memory_in_use,
    .space = free_space,
    .timer_start = timer_start,
    .timer_stop = timer_stop,
    .defer = gp__tasks_op_defer,
    .run = gp__tasks_op_run,
    .fiber = gp__tasks_op_fiber,
    .park = gp__tasks_op_park,
    .wake = gp__tasks_op_wake,
    .sleep = op_sleep,
    .dns = gp__sim_op_dns,
    .work = op_work,
    .file = gp__sim_op_file,
    .connect = gp__sim_op_connect,
    .dial = gp__sim_op_dial,
    .stream_secure = gp__sim_op_secure,
    .stream_read = gp__sim_op_read,
    .stream_write = gp__sim_op_write,
    .stream_write_now = gp__sim_write_now,
    .stream_close = gp__sim_op_close,
    .wait_fd = op_wait_fd,
    .http = gp__sim_op_http,
    .command = gp__sim_op_command,
    .waker = gp__sim_op_waker,
    .lane_open = gp__sim_lane_open,
    .lane_kick = gp__sim_lane_kick,
    .lane_report = gp__sim_lane_report,
    .lane_close = gp__sim_lane_close,
    .cancel = gp__job_cancel,
};

/* ---- life ---- */

struct gp__runtime *gp__sim_create(uint64_t seed, struct gp__log *log)
{
    struct gp__sim *sim = gp__alloc(sizeof *sim);

    sim->base = (struct gp__runtime){.ops = &gp__sim_ops, .log = log};
    sim->base.tasks = gp__tasks_create(NULL);
    if (!sim->base.tasks)
        abort();
    sim->random = seed;
    sim->space = UINT64_MAX;
    sim->arena = gp__arena_create();
    sim->names.nocase = true;
    sim->disk = gp__sim_disk_create();
    sim->base.crypto = gp__crypto_create(&sim->base);
    sim->random = seed; /* what a test draws does not depend on our keys */
    gp__sim_wakers_init(sim);
    return &sim->base;
}

void gp__sim_free(struct gp__runtime **rt_)
{
    struct gp__sim *sim;

    if (!*rt_)
        return;
    sim = gp__sim(*rt_);
    *rt_ = NULL;
    gp__sim_clients_free(sim);
    gp__sim_wakers_done(sim);
    gp__tasks_free(&sim->base.tasks);
    gp__timers_free(&sim->timers);
    gp__sim_disk_free(&sim->disk);
    gp__map_free(&sim->names);
    gp__map_free(&sim->peers);
    gp__map_free(&sim->sites);
    gp__map_free(&sim->programs);
    gp__buf_free(&sim->calls);
    gp__buf_free(&sim->failures);
    gp__arena_free(&sim->arena);
    gp__crypto_free(&sim->base.crypto);
    gp__free(sim);
}
