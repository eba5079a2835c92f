// SPDX-License-Identifier: Apache-2.0
/*
 * What is to run on the loop's stack: deferred calls, and fibers that were woken. Shared by the
 * live and the simulated runtime, which call gp__tasks_settle() at the end of each event they
 * handle: never from a fiber, and never from within the call that started an operation.
 */
#ifndef GP_RUNTIME_TASKS_H
#define GP_RUNTIME_TASKS_H

#include "core/runtime/fiber.h"

#include <stdbool.h>
#include <stddef.h>

struct gp__tasks;

/* NULL when there is no memory for a fiber pool; options as gp__fiber_pool_create(). */
struct gp__tasks *gp__tasks_create(const struct gp__fiber_options *options);

/* No fiber may be alive. Deferred calls that did not run are dropped. */
void gp__tasks_free(struct gp__tasks **tasks_);

/* As the runtime's operations of these names. */
void gp__tasks_defer(struct gp__tasks *tasks, void (*fn)(void *arg), void *arg);
int gp__tasks_run(struct gp__tasks *tasks, void (*fn)(void *arg), void (*done)(void *arg),
                  void *arg, size_t stack);
void gp__tasks_wake(struct gp__tasks *tasks, struct gp__fiber *fiber);

/* Those operations of a runtime's table, the same in all: on rt->tasks. */
struct gp__runtime;
void gp__tasks_op_defer(struct gp__runtime *rt, void (*fn)(void *arg), void *arg);
int gp__tasks_op_run(struct gp__runtime *rt, void (*fn)(void *arg), void (*done)(void *arg),
                     void *arg, size_t stack);
struct gp__fiber *gp__tasks_op_fiber(struct gp__runtime *rt);
void gp__tasks_op_park(struct gp__runtime *rt);
void gp__tasks_op_wake(struct gp__runtime *rt, struct gp__fiber *fiber);

/* Runs what is there and what it leads to, in order, up to a bound: true: all done, false: some is
 * left for the next turn. Does nothing when it is already at it further up the stack. */
bool gp__tasks_settle(struct gp__tasks *tasks);

/* Whether anything waits for gp__tasks_settle(). */
bool gp__tasks_pending(const struct gp__tasks *tasks);

/* For crash reports, metrics and tests. */
struct gp__fiber_pool *gp__tasks_fibers(struct gp__tasks *tasks);

#endif
