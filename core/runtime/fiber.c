// SPDX-License-Identifier: Apache-2.0
// Starting, parking and resuming fibers. The stacks come from fiber_stack.c, the switch itself is
// assembly (fiber_switch_*.S) or swapcontext (fiber_switch_ucontext.c). One fiber runs at a time on
// a thread; which one is a thread-local variable, set and cleared on the loop's side. A fiber whose
// function has returned switches to the loop once more, and the loop gives its stack back: nobody
// can free the stack it is on.
#include "core/runtime/fiber.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/runtime/fiber_sanitizer.h"
#include "core/runtime/fiber_stack.h"

static _Thread_local struct gp__fiber *current;

void gp__fiber_misused(const char *text)
{
    (void)fprintf(stderr, "fiber: %s\n", text);
    abort();
}

static void check_fiber(const struct gp__fiber *fiber)
{
    gp__fiber_require(fiber != NULL && fiber->magic == GP__FIBER_MAGIC, "not a fiber");
}

// The first frame on each fiber's stack. It never returns: there is nothing below.
static _Noreturn void fiber_main(void *arg)
{
    struct gp__fiber *fiber = arg;

    gp__fiber_sanitizer_enter_fiber(fiber);
    fiber->fn(fiber->arg);
    fiber->state = GP__FIBER_DONE;
    gp__fiber_sanitizer_leave_fiber(fiber);
    gp__fiber_switch(&fiber->sp, fiber->pool->loop_sp);
    gp__fiber_misused("an ended fiber was resumed");
}

// Runs the fiber until it parks (0) or ends (1).
static int run(struct gp__fiber *fiber)
{
    struct gp__fiber_pool *pool = fiber->pool;

    fiber->state = GP__FIBER_RUNNING;
    current = fiber;
    gp__fiber_sanitizer_leave_loop(fiber);
    gp__fiber_switch(&pool->loop_sp, fiber->sp);
    gp__fiber_sanitizer_enter_loop(pool);
    current = NULL;
    if (fiber->state == GP__FIBER_PARKED)
        return 0;
    gp__fiber_sanitizer_end(fiber);
    gp__fiber_stack_give(fiber);
    return 1;
}

int gp__fiber_start(struct gp__fiber_pool *pool, void (*fn)(void *arg), void *arg,
                    size_t stack_bytes, struct gp__fiber **fiber_r)
{
    gp__fiber_require(current == NULL, "a fiber cannot start a fiber");
    *fiber_r = NULL;

    struct gp__fiber *fiber = gp__fiber_stack_take(pool, stack_bytes);
    if (fiber == NULL)
        return -1;
    fiber->fn = fn;
    fiber->arg = arg;
    fiber->local = NULL;
    fiber->sp = gp__fiber_prepare(fiber, fiber_main, fiber, fiber->low);
    gp__fiber_sanitizer_begin(fiber);
    if (run(fiber) == 1)
        return 1;
    *fiber_r = fiber;
    return 0;
}

void gp__fiber_park(void)
{
    struct gp__fiber *fiber = current;

    gp__fiber_require(fiber != NULL, "only a fiber can park");
    fiber->state = GP__FIBER_PARKED;
    gp__fiber_sanitizer_leave_fiber(fiber);
    gp__fiber_switch(&fiber->sp, fiber->pool->loop_sp);
    gp__fiber_sanitizer_enter_fiber(fiber);
}

int gp__fiber_resume(struct gp__fiber *fiber)
{
    check_fiber(fiber);
    gp__fiber_require(current == NULL, "a fiber cannot resume a fiber");
    gp__fiber_require(fiber->state == GP__FIBER_PARKED, "resumed a fiber that is not parked");
    return run(fiber);
}

struct gp__fiber *gp__fiber_current(void)
{
    return current;
}

void *gp__fiber_local(const struct gp__fiber *fiber)
{
    check_fiber(fiber);
    return fiber->local;
}

void gp__fiber_local_set(struct gp__fiber *fiber, void *local)
{
    check_fiber(fiber);
    fiber->local = local;
}
