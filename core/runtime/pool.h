// SPDX-License-Identifier: Apache-2.0
/*
 * A bounded pool of threads for what blocks. Threads are started when there is more to do than
 * idle threads, and stay. Jobs are embedded in their owner's memory; they run on a thread and end
 * on the loop's thread, in gp__pool_collect(). All but run() belongs to the loop's thread.
 */
#ifndef GP_RUNTIME_POOL_H
#define GP_RUNTIME_POOL_H

#include <stdbool.h>
#include <stddef.h>

struct gp__pool;

enum gp__pool_state {
    GP__POOL_IDLE = 0,
    GP__POOL_WAITING,
    GP__POOL_RUNNING,
    GP__POOL_ENDED,
};

struct gp__pool_item {
    void (*run)(struct gp__pool_item *item); /* on a thread */
    /* On the loop's thread; last touch. `ran`: false when the pool ended before its turn came. */
    void (*done)(struct gp__pool_item *item, bool ran);
    struct gp__pool_item *next, *prev; /* the pool's */
    enum gp__pool_state state;
};

/* notify(arg) is called from threads when there is something to collect. Starts no thread yet. */
struct gp__pool *gp__pool_create(unsigned max_threads, size_t max_queue, void (*notify)(void *arg),
                                 void *arg);

/* 0, or -1: too much is waiting already, or there is no thread to be had. */
int gp__pool_submit(struct gp__pool *pool, struct gp__pool_item *item);

/* Takes a job back that no thread has begun: true: done() will not be called. */
bool gp__pool_withdraw(struct gp__pool *pool, struct gp__pool_item *item);

/* Calls done() of the jobs that ended. */
void gp__pool_collect(struct gp__pool *pool);

/* Waits for the threads' current jobs, ends all others, frees. */
void gp__pool_free(struct gp__pool **pool_);

#endif
