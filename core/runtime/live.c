// SPDX-License-Identifier: Apache-2.0
/*
 * The loop: its clocks, its one libuv timer for all timers, its two thread pools, and the order of
 * things in a turn. Before it waits, deferred calls run, buffers are flushed (before_wait) and the
 * timer is set to the earliest that is armed.
 */
#include "core/runtime/live.h"

#include "core/base/alloc.h"
#include "core/runtime/crypto.h"
#include "core/runtime/http_multi.h"
#include "core/runtime/job.h"
#include "core/runtime/loop.h"
#include "core/runtime/pool.h"
#include "core/runtime/resolver.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#define WORK_THREADS 4
#define WORK_QUEUE 1024
#define FILE_THREADS 16
#define FILE_QUEUE 4096

#define TRIM_MS 1000

/* Handles that were closed are gone after two. */
#define CLOSING_TURNS 16

void gp__live_settle(struct gp__live *live)
{
    if (!gp__tasks_settle(live->base.tasks))
        uv_async_send(&live->wakeup);
}

/* ---- clocks and chance ---- */

static uint64_t now_ms(struct gp__runtime *rt)
{
    return uv_now(&gp__live(rt)->loop);
}

static uint64_t now_ns(struct gp__runtime *rt)
{
    return gp__clock_ns(&gp__live(rt)->clock);
}

static int64_t wall_ms(struct gp__runtime *rt)
{
    struct timespec ts;

    (void)rt;
    (void)clock_gettime(CLOCK_REALTIME, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Without chance there are no ids and no keys: better no process. */
static void random_bytes(struct gp__runtime *rt, void *bytes, size_t len)
{
    char *at = bytes;

    (void)rt;
    while (len > 0) {
        ssize_t n = getrandom(at, len, 0);

        if (n < 0 && errno != EINTR)
            abort();
        if (n > 0) {
            at += n;
            len -= (size_t)n;
        }
    }
}

/* ---- what there is ---- */

/* What it shares, files that are mapped included, another process has as well. */
static uint64_t memory_in_use(struct gp__runtime *rt)
{
    unsigned long long size, resident, shared;
    FILE *file = fopen("/proc/self/statm", "re");
    bool read = file && fscanf(file, "%llu %llu %llu", &size, &resident, &shared) == 3;

    (void)rt;
    if (file)
        (void)fclose(file);
    return read && shared < resident ? (resident - shared) * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
}

static uint64_t free_space(struct gp__runtime *rt, struct gp_slice path)
{
    struct statvfs fs;

    (void)rt;
    return statvfs(path.data, &fs) == 0 ? (uint64_t)fs.f_bavail * fs.f_frsize : UINT64_MAX;
}

/* ---- timers ---- */

static void timer_start(struct gp__runtime *rt, struct gp__timer *timer, uint64_t at_ms)
{
    gp__timers_start(&gp__live(rt)->timers, timer, at_ms);
}

static void timer_stop(struct gp__runtime *rt, struct gp__timer *timer)
{
    gp__timers_stop(&gp__live(rt)->timers, timer);
}

static void on_timer(uv_timer_t *handle)
{
    struct gp__live *live = handle->data;
    struct gp__timer *timer;

    live->timer_armed = UINT64_MAX;
    while ((timer = gp__timers_due(&live->timers, uv_now(&live->loop)))) {
        timer->fn(timer);
        gp__live_settle(live);
        if (live->turning)
            uv_async_send(&live->wakeup);
    }
}

static void arm(struct gp__live *live)
{
    uint64_t at = gp__timers_look(&live->timers);
    uint64_t now = uv_now(&live->loop);

    if (at == live->timer_armed)
        return;
    live->timer_armed = at;
    if (at == UINT64_MAX)
        uv_timer_stop(&live->timer);
    else
        uv_timer_start(&live->timer, on_timer, at > now ? at - now : 0, 0);
}

static void on_trim(struct gp__timer *timer)
{
    struct gp__live *live = (struct gp__live *)(void *)((char *)timer -
                                                        offsetof(struct gp__live, trim));

    gp__fiber_pool_trim(gp__live_fibers(&live->base));
}

static void arm_trim(struct gp__live *live)
{
    if (live->trim.slot || !gp__fiber_pool_overfull(gp__live_fibers(&live->base)))
        return;
    live->trim.fn = on_trim;
    gp__timers_start(&live->timers, &live->trim, uv_now(&live->loop) + live->trim_ms);
}

static void on_prepare(uv_prepare_t *handle)
{
    struct gp__live *live = handle->data;

    gp__live_settle(live);
    arm_trim(live);
    for (size_t i = 0; i < live->n_before_wait; i++)
        live->before_wait[i].fn(live->before_wait[i].arg);
    arm(live);
}

const struct gp__runtime_ops gp__live_ops = {
    .name = "live",
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
    .sleep = gp__live_sleep,
    .dns = gp__live_dns,
    .work = gp__live_work,
    .file = gp__live_file,
    .connect = gp__live_connect,
    .dial = gp__live_dial,
    .stream_secure = gp__live_stream_secure,
    .stream_read = gp__live_stream_read,
    .stream_write = gp__live_stream_write,
    .stream_write_now = gp__live_stream_write_now,
    .stream_close = gp__live_stream_close,
    .wait_fd = gp__live_wait_fd,
    .http = gp__live_http,
    .command = gp__live_command,
    .waker = gp__live_waker,
    .lane_open = gp__live_lane_open,
    .lane_kick = gp__live_lane_kick,
    .lane_report = gp__live_lane_report,
    .lane_close = gp__live_lane_close,
    .cancel = gp__job_cancel,
};

/* ---- life ---- */

static void on_wakeup(uv_async_t *handle)
{
    gp__live_settle(handle->data);
}

static void on_pools(uv_async_t *handle)
{
    struct gp__live *live = handle->data;

    gp__pool_collect(live->work);
    gp__pool_collect(live->files);
    gp__live_collect(live);
    gp__live_settle(live);
}

static void notify(void *arg)
{
    struct gp__live *live = arg;

    uv_async_send(&live->pools);
}

static void must(int result, const char *what)
{
    if (result < 0) {
        (void)fprintf(stderr, "gatepost: %s: %s\n", what, uv_strerror(result));
        abort();
    }
}

static void init_handles(struct gp__live *live)
{
    must(uv_timer_init(&live->loop, &live->timer), "timer");
    must(uv_prepare_init(&live->loop, &live->prepare), "prepare");
    must(uv_async_init(&live->loop, &live->pools, on_pools), "async");
    must(uv_async_init(&live->loop, &live->wakeup, on_wakeup), "async");
    live->timer.data = live->prepare.data = live->pools.data = live->wakeup.data = live;
    live->loop.data = live;
    must(uv_prepare_start(&live->prepare, on_prepare), "prepare");
    live->timer_armed = UINT64_MAX;
}

static unsigned either(unsigned value, unsigned otherwise)
{
    return value ? value : otherwise;
}

static void init_parts(struct gp__live *live, const struct gp__live_options *options)
{
    live->trim_ms = either(options->trim_ms, TRIM_MS);
    live->work = gp__pool_create(either(options->work_threads, WORK_THREADS),
                                 either(options->work_queue, WORK_QUEUE), notify, live);
    live->files = gp__pool_create(either(options->file_threads, FILE_THREADS),
                                  either(options->file_queue, FILE_QUEUE), notify, live);
    live->read_buffer = gp__alloc(GP__READ_BUFFER);
    live->dns = gp__dns_create(live, &options->dns);
}

struct gp__runtime *gp__live_create(const struct gp__live_options *options, struct gp__log *log)
{
    static const struct gp__live_options defaults;
    struct gp__live *live = gp__alloc(sizeof *live);
    int result;

    options = options ? options : &defaults;
    (void)signal(SIGPIPE, SIG_IGN);
    live->base = (struct gp__runtime){.ops = &gp__live_ops, .log = log};
    live->base.tasks = gp__tasks_create(options->fibers);
    if (!live->base.tasks) {
        gp__free(live);
        return NULL;
    }
    gp__clock_init(&live->clock, uv_hrtime);
    result = uv_loop_init(&live->loop);
    if (result < 0) {
        gp__tasks_free(&live->base.tasks);
        gp__free(live);
        errno = -result;
        return NULL;
    }
    init_handles(live);
    init_parts(live, options);
    live->base.crypto = gp__crypto_create(&live->base);
    return &live->base;
}

void gp__live_run(struct gp__runtime *rt)
{
    struct gp__live *live = gp__live(rt);

    live->stopping = false;
    while (!live->stopping)
        uv_run(&live->loop, UV_RUN_ONCE);
}

void gp__live_turn(struct gp__runtime *rt)
{
    struct gp__live *live = gp__live(rt);

    live->turning = true;
    uv_run(&live->loop, gp__tasks_pending(live->base.tasks) ? UV_RUN_NOWAIT : UV_RUN_ONCE);
    live->turning = false;
}

void gp__live_stop(struct gp__runtime *rt)
{
    gp__live(rt)->stopping = true;
    gp__live_wakeup(rt);
}

void gp__live_wakeup(struct gp__runtime *rt)
{
    uv_async_send(&gp__live(rt)->wakeup);
}

void gp__live_before_wait(struct gp__runtime *rt, void (*fn)(void *arg), void *arg)
{
    struct gp__live *live = gp__live(rt);

    if (live->n_before_wait == GP__BEFORE_WAIT_MAX)
        abort();
    live->before_wait[live->n_before_wait].fn = fn;
    live->before_wait[live->n_before_wait++].arg = arg;
}

struct gp__fiber_pool *gp__live_fibers(struct gp__runtime *rt)
{
    return gp__tasks_fibers(rt->tasks);
}

void gp__live_free(struct gp__runtime **rt_)
{
    struct gp__live *live;

    if (!*rt_)
        return;
    live = gp__live(*rt_);
    *rt_ = NULL;
    live->n_before_wait = 0;
    gp__pool_free(&live->work);
    gp__pool_free(&live->files);
    gp__live_collect(live);
    gp__live_settle(live);
    gp__http_multi_free(&live->http);
    gp__dns_free(&live->dns);
    uv_close((uv_handle_t *)&live->timer, NULL);
    uv_close((uv_handle_t *)&live->prepare, NULL);
    uv_close((uv_handle_t *)&live->pools, NULL);
    uv_close((uv_handle_t *)&live->wakeup, NULL);
    for (int turns = 0; uv_loop_alive(&live->loop) && turns < CLOSING_TURNS; turns++)
        uv_run(&live->loop, UV_RUN_NOWAIT);
    must(uv_loop_close(&live->loop), "a handle is still open at the end");
    gp__tasks_free(&live->base.tasks);
    gp__timers_free(&live->timers);
    gp__free(live->read_buffer);
    gp__tls_stores_free(&live->tls_stores);
    gp__crypto_free(&live->base.crypto);
    gp__free(live);
}
