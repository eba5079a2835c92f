// SPDX-License-Identifier: Apache-2.0
/*
 * Inside the live runtime: what its files share. Each libuv callback ends with gp__live_settle(),
 * which resumes the fibers that were woken and runs deferred calls.
 */
#ifndef GP_RUNTIME_LOOP_H
#define GP_RUNTIME_LOOP_H

#include "core/runtime/clock.h"
#include "core/runtime/live.h"
#include "core/runtime/tasks.h"
#include "core/runtime/timer.h"
#include "core/runtime/tls_dial.h"

#include <stdatomic.h>
#include <uv.h>

#define GP__READ_BUFFER ((size_t)64 << 10)
#define GP__BEFORE_WAIT_MAX 8

struct gp__dns;
struct gp__http_multi;
struct gp__command_run;
struct gp__fired;
struct gp__pool;
struct gp__runner;

struct gp__live {
    struct gp__runtime base;
    uv_loop_t loop;
    struct gp__clock clock;
    struct gp__timers timers;
    struct gp__timer trim; /* of the pool of fibers, armed while it is overfull */
    unsigned trim_ms;
    uint64_t timer_armed; /* what the uv_timer stands at; UINT64_MAX: not armed */
    uv_timer_t timer;
    uv_prepare_t prepare;
    uv_async_t wakeup, pools;
    struct gp__pool *work, *files;
    _Atomic(struct gp__fired *) fired; /* wakers, the last one first */
    struct gp__dns *dns;
    struct gp__http_multi *http;      /* NULL until the first request */
    struct gp__tls_stores tls_stores; /* of outgoing streams */
    char *read_buffer;                /* GP__READ_BUFFER bytes, of whoever reads right now */
    struct {
        void (*fn)(void *arg);
        void *arg;
    } before_wait[GP__BEFORE_WAIT_MAX];
    size_t n_before_wait;
    const struct gp__runner *runner; /* who starts programs; NULL: nobody */
    struct gp__command_run *runs;
    uint32_t n_runs; /* ever: names them */
    bool stopping;
    bool turning; /* in gp__live_turn(): what a timer did must not be followed by a wait */
};

static inline struct gp__live *gp__live(struct gp__runtime *rt)
{
    return (struct gp__live *)rt;
}

void gp__live_settle(struct gp__live *live);

/* A stream handle of either kind. */
union gp__uv_stream {
    uv_handle_t handle;
    uv_stream_t stream;
    uv_tcp_t tcp;
    uv_pipe_t pipe;
};

/* Wraps a connected or listening socket; on an error the descriptor is still the caller's. */
int gp__uv_stream_open(struct gp__live *live, union gp__uv_stream *handle, int fd, bool is_unix);

/* The alloc callback of all reads: hands out the loop's buffer. */
void gp__uv_read_buffer(uv_handle_t *handle, size_t size, uv_buf_t *buf);

/* Operations of the table that have files of their own. */
void gp__live_file(struct gp__runtime *rt, struct gp_op *op, const struct gp__file_job *job);
void gp__live_dns(struct gp__runtime *rt, struct gp_op *op, struct gp_slice name,
                  enum gp_dns_type type);
void gp__live_connect(struct gp__runtime *rt, struct gp_op *op, struct gp_slice address);
void gp__live_dial(struct gp__runtime *rt, struct gp_op *op, const struct gp__dialling *dialling);
void gp__live_stream_secure(struct gp__runtime *rt, struct gp_op *op, struct gp_stream *stream,
                            const struct gp__tls_wish *wish);
void gp__live_stream_read(struct gp__runtime *rt, struct gp_op *op, struct gp_stream *stream,
                          void *bytes, size_t size);
void gp__live_stream_write(struct gp__runtime *rt, struct gp_op *op, struct gp_stream *stream,
                           struct gp_slice bytes);
int64_t gp__live_stream_write_now(struct gp__runtime *rt, struct gp_stream *stream,
                                  struct gp_slice bytes);
void gp__live_stream_close(struct gp__runtime *rt, struct gp_stream *stream);
void gp__live_wait_fd(struct gp__runtime *rt, struct gp_op *op, int fd, unsigned events);
void gp__live_http(struct gp__runtime *rt, struct gp_op *op, struct gp_http *http);
void gp__live_command(struct gp__runtime *rt, struct gp_op *op, const struct gp__command_job *job);
void gp__live_sleep(struct gp__runtime *rt, struct gp_op *op, uint64_t ms);
void gp__live_work(struct gp__runtime *rt, struct gp_op *op, void (*fn)(void *block), void *block,
                   size_t size);
struct gp_waker *gp__live_waker(struct gp__runtime *rt, struct gp_op *op);

/* A lane's thread. */
struct gp__lane *gp__live_lane_open(struct gp__runtime *rt, void (*run)(void *arg),
                                    void (*collect)(void *arg), void *arg);
void gp__live_lane_kick(struct gp__lane *lane);
void gp__live_lane_report(struct gp__lane *lane);
void gp__live_lane_close(struct gp__lane **lane_);

/* Ends the operations whose wakers were fired. */
void gp__live_collect(struct gp__live *live);

#endif
