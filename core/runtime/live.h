// SPDX-License-Identifier: Apache-2.0
/*
 * The runtime of a real process, on libuv: clocks, fibers, files and blocking work in threads, DNS,
 * sockets. One a thread. Everything but gp__live_stop() from a signal handler's or another thread's
 * point of view belongs to the thread that runs it.
 */
#ifndef GP_RUNTIME_LIVE_H
#define GP_RUNTIME_LIVE_H

#include "core/hook/runtime.h"
#include "core/runtime/dns.h"
#include "core/runtime/fiber.h"

/* Zeroed: the defaults. */
struct gp__live_options {
    unsigned work_threads; /* 4 */
    unsigned work_queue;   /* jobs that wait for a thread: 1024; beyond it GP_ETEMP */
    unsigned file_threads; /* 16 */
    unsigned file_queue;   /* 4096 */
    const struct gp__fiber_options *fibers;
    unsigned trim_ms;           /* 1000: free stacks that were idle so long give pages back */
    struct gp__dns_options dns; /* its slices are copied */
};

/* The table, for those that ask which runtime this is. */
extern const struct gp__runtime_ops gp__live_ops;

/* NULL with errno when the system gives no descriptors or memory. Ignores SIGPIPE from now on.
 * Borrows the log, which may be NULL. */
struct gp__runtime *gp__live_create(const struct gp__live_options *options, struct gp__log *log);

/* Runs the loop until gp__live_stop(). */
void gp__live_run(struct gp__runtime *rt);

/* One turn: does what is due, or else waits for the next event and handles it. For tests. */
void gp__live_turn(struct gp__runtime *rt);

/* Ends gp__live_run() after the current turn. From the loop's thread; gp__live_wakeup() is for
 * others. */
void gp__live_stop(struct gp__runtime *rt);

/* Makes a waiting loop turn once; from any thread, also from a signal handler. */
void gp__live_wakeup(struct gp__runtime *rt);

/* Calls fn(arg) in each turn before the loop waits: for buffers that are flushed once a turn. At
 * most 8. */
void gp__live_before_wait(struct gp__runtime *rt, void (*fn)(void *arg), void *arg);

/* The fibers, for metrics and the crash handler. */
struct gp__fiber_pool *gp__live_fibers(struct gp__runtime *rt);

/*
 * Ends it: waits for threads that are at work, drops what waits for one, closes what is its own.
 * Listeners, connections, streams and operations must have been closed or cancelled before (their
 * last events come from here); a fiber that is alive is a bug and aborts.
 */
void gp__live_free(struct gp__runtime **rt_);

#endif
