// SPDX-License-Identifier: Apache-2.0
/*
 * One queue, first come, first served, of deferred calls and woken fibers. A fiber has a task
 * record, found through the fiber's local pointer, as long as it lives and as long as the record is
 * queued: a fiber that is woken twice, or ends while a wake-up is under way, is resumed once or not
 * at all.
 */
#include "core/runtime/tasks.h"

#include "core/hook/runtime.h"

#include "core/base/alloc.h"

/* More than any burst of work of one turn; a bound against calls that defer themselves for ever. */
#define TURN_MAX 10000

struct call {
    void (*fn)(void *arg);
    void *arg;
};

struct task {
    struct gp__tasks *tasks;
    struct gp__fiber *fiber; /* NULL: ended */
    struct task *next;       /* of the free ones */
    void (*fn)(void *arg);
    void (*done)(void *arg);
    void *arg;
    bool queued;
};

struct gp__tasks {
    struct gp__fiber_pool *fibers;
    struct task *free;
    struct call *queue; /* a ring; cap is 0 or a power of two */
    size_t head, count, cap;
    bool settling;
};

struct gp__tasks *gp__tasks_create(const struct gp__fiber_options *options)
{
    struct gp__fiber_pool *fibers = gp__fiber_pool_create(options);
    struct gp__tasks *tasks;

    if (!fibers)
        return NULL;
    tasks = gp__alloc(sizeof *tasks);
    tasks->fibers = fibers;
    return tasks;
}

static void resume(void *arg);

static void free_queued(struct gp__tasks *tasks)
{
    for (size_t i = 0; i < tasks->count; i++) {
        struct call *call = &tasks->queue[(tasks->head + i) & (tasks->cap - 1)];

        if (call->fn == resume)
            gp__free(call->arg);
    }
}

void gp__tasks_free(struct gp__tasks **tasks_)
{
    struct gp__tasks *tasks = *tasks_;

    if (!tasks)
        return;
    *tasks_ = NULL;
    free_queued(tasks);
    while (tasks->free) {
        struct task *task = tasks->free;

        tasks->free = task->next;
        gp__free(task);
    }
    gp__fiber_pool_free(&tasks->fibers);
    gp__free(tasks->queue);
    gp__free(tasks);
}

static void grow(struct gp__tasks *tasks)
{
    size_t cap = tasks->cap ? tasks->cap * 2 : 64;
    struct call *queue = gp__alloc_array(cap, sizeof *queue);

    for (size_t i = 0; i < tasks->count; i++)
        queue[i] = tasks->queue[(tasks->head + i) & (tasks->cap - 1)];
    gp__free(tasks->queue);
    tasks->queue = queue;
    tasks->cap = cap;
    tasks->head = 0;
}

void gp__tasks_defer(struct gp__tasks *tasks, void (*fn)(void *arg), void *arg)
{
    if (tasks->count == tasks->cap)
        grow(tasks);
    tasks->queue[(tasks->head + tasks->count++) & (tasks->cap - 1)] = (struct call){fn, arg};
}

static struct task *task_take(struct gp__tasks *tasks)
{
    struct task *task = tasks->free;

    if (!task)
        task = gp__alloc(sizeof *task);
    else
        tasks->free = task->next;
    *task = (struct task){.tasks = tasks};
    return task;
}

static void task_give(struct task *task)
{
    task->next = task->tasks->free;
    task->tasks->free = task;
}

static void task_main(void *arg)
{
    struct task *task = arg;

    task->fiber = gp__fiber_current();
    gp__fiber_local_set(task->fiber, task);
    task->fn(task->arg);
}

/* The fiber ended: the record stays while a wake-up for it is queued. */
static void task_ended(struct task *task)
{
    task->fiber = NULL;
    if (!task->queued)
        task_give(task);
}

int gp__tasks_run(struct gp__tasks *tasks, void (*fn)(void *arg), void (*done)(void *arg),
                  void *arg, size_t stack)
{
    struct task *task = task_take(tasks);
    struct gp__fiber *fiber;
    int result;

    task->fn = fn;
    task->done = done;
    task->arg = arg;
    result = gp__fiber_start(tasks->fibers, task_main, task, stack, &fiber);
    if (result != 0)
        task_ended(task);
    return result;
}

static void resume(void *arg)
{
    struct task *task = arg;
    void (*done)(void *) = task->done;
    void *done_arg = task->arg;

    task->queued = false;
    if (!task->fiber) {
        task_give(task);
        return;
    }
    if (gp__fiber_resume(task->fiber) == 0)
        return;
    task_ended(task);
    done(done_arg);
}

void gp__tasks_wake(struct gp__tasks *tasks, struct gp__fiber *fiber)
{
    struct task *task = gp__fiber_local(fiber);

    if (task->queued)
        return;
    task->queued = true;
    gp__tasks_defer(tasks, resume, task);
}

bool gp__tasks_settle(struct gp__tasks *tasks)
{
    if (tasks->settling || gp__fiber_current())
        return tasks->count == 0;
    tasks->settling = true;
    for (size_t n = 0; tasks->count > 0 && n < TURN_MAX; n++) {
        struct call call = tasks->queue[tasks->head];

        tasks->head = (tasks->head + 1) & (tasks->cap - 1);
        tasks->count--;
        call.fn(call.arg);
    }
    tasks->settling = false;
    return tasks->count == 0;
}

bool gp__tasks_pending(const struct gp__tasks *tasks)
{
    return tasks->count > 0;
}

struct gp__fiber_pool *gp__tasks_fibers(struct gp__tasks *tasks)
{
    return tasks->fibers;
}

/* ---- the table's operations ---- */

void gp__tasks_op_defer(struct gp__runtime *rt, void (*fn)(void *arg), void *arg)
{
    gp__tasks_defer(rt->tasks, fn, arg);
}

int gp__tasks_op_run(struct gp__runtime *rt, void (*fn)(void *arg), void (*done)(void *arg),
                     void *arg, size_t stack)
{
    return gp__tasks_run(rt->tasks, fn, done, arg, stack);
}

struct gp__fiber *gp__tasks_op_fiber(struct gp__runtime *rt)
{
    (void)rt;
    return gp__fiber_current();
}

void gp__tasks_op_park(struct gp__runtime *rt)
{
    (void)rt;
    gp__fiber_park();
}

void gp__tasks_op_wake(struct gp__runtime *rt, struct gp__fiber *fiber)
{
    gp__tasks_wake(rt->tasks, fiber);
}
