// SPDX-License-Identifier: Apache-2.0
/* The live loop: fibers, deferred calls, sleeps, work, descriptors, signals; nothing waits longer
 * than a few milliseconds. */
#include "test_support.h"

#include "core/runtime/signal.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

static int setup(void **state)
{
    const struct gp__live_options options = {.work_threads = 2, .work_queue = 3};

    *state = gp__live_create(&options, NULL);
    return *state ? 0 : -1;
}

static int teardown(void **state)
{
    struct gp__runtime *rt = *state;

    gp__live_free(&rt);
    gp__arena_pool_free();
    return 0;
}

/* ---- order ---- */

static char trace[64];

static void note(const char *text)
{
    strcat(trace, text);
}

static void deferred(void *arg)
{
    note(arg);
}

static void test_defer_in_order(void **state)
{
    struct gp__runtime *rt = *state;

    trace[0] = '\0';
    rt->ops->defer(rt, deferred, "a");
    rt->ops->defer(rt, deferred, "b");
    assert_string_equal(trace, "");
    TURN_WHILE(rt, strlen(trace) < 2);
    assert_string_equal(trace, "ab");
}

/* Whoever turns the loop by hand looks at what a timer did before the loop waits again. */
static void test_turn_ends_after_timer(void **state)
{
    struct gp__runtime *rt = *state;
    struct gp_op op = test_op(rt, NULL);

    trace[0] = '\0';
    rt->ops->defer(rt, deferred, "a"); /* this turn does not wait, nor does it look at timers */
    rt->ops->sleep(rt, &op, 0);
    TURN_WHILE(rt, !op.done);
    assert_string_equal(trace, "a");
}

struct walk {
    struct gp__runtime *rt;
    struct gp__fiber *fiber;
    int parks, ended;
};

static void walk_main(void *arg)
{
    struct walk *walk = arg;

    for (int i = 0; i < walk->parks; i++) {
        walk->fiber = walk->rt->ops->fiber(walk->rt);
        walk->rt->ops->park(walk->rt);
        note("w");
    }
}

static void walk_done(void *arg)
{
    ((struct walk *)arg)->ended++;
}

static void test_fiber_ends_at_once(void **state)
{
    struct gp__runtime *rt = *state;
    struct walk walk = {.rt = rt};

    assert_int_equal(rt->ops->run(rt, walk_main, walk_done, &walk, 0), 1);
    assert_int_equal(walk.ended, 0);
    assert_null(rt->ops->fiber(rt));
}

static void test_fiber_is_woken_once(void **state)
{
    struct gp__runtime *rt = *state;
    struct walk walk = {.rt = rt, .parks = 2};

    trace[0] = '\0';
    assert_int_equal(rt->ops->run(rt, walk_main, walk_done, &walk, 0), 0);
    rt->ops->wake(rt, walk.fiber);
    rt->ops->wake(rt, walk.fiber);
    assert_string_equal(trace, "");
    TURN_WHILE(rt, strlen(trace) < 1);
    assert_string_equal(trace, "w");
    assert_int_equal(walk.ended, 0);
    rt->ops->wake(rt, walk.fiber);
    TURN_WHILE(rt, !walk.ended);
    assert_string_equal(trace, "ww");
    assert_int_equal(walk.ended, 1);
}

/* Stacks of fibers that were many for a moment give their pages back. */
static void test_stacks_are_trimmed(void **state)
{
    const struct gp__fiber_options fibers = {
        .stack_bytes = 16384, .max_fibers = 4, .keep_free = 4, .burst_bytes = 1u << 20};
    const struct gp__live_options options = {.fibers = &fibers, .trim_ms = 1};
    struct gp__runtime *rt = gp__live_create(&options, NULL);
    struct walk walks[4];

    (void)state;
    assert_non_null(rt);
    for (size_t i = 0; i < 4; i++) {
        walks[i] = (struct walk){.rt = rt, .parks = 1};
        assert_int_equal(rt->ops->run(rt, walk_main, walk_done, &walks[i], 0), 0);
        rt->ops->wake(rt, walks[i].fiber);
    }
    TURN_WHILE(rt, !walks[3].ended);
    assert_true(gp__fiber_pool_overfull(gp__live_fibers(rt)));
    TURN_WHILE(rt, gp__fiber_pool_overfull(gp__live_fibers(rt)));
    gp__live_free(&rt);
}

/* ---- operations ---- */

struct waiter {
    struct gp_op op;
    int ended;
    uint64_t ms;
};

static void waiter_main(void *arg)
{
    struct waiter *waiter = arg;
    struct gp__runtime *rt = waiter->op.runtime;

    rt->ops->sleep(rt, &waiter->op, waiter->ms);
    waiter->op.waiter = rt->ops->fiber(rt);
    while (!waiter->op.done)
        rt->ops->park(rt);
}

static void waiter_done(void *arg)
{
    ((struct waiter *)arg)->ended++;
}

static void test_fiber_sleeps(void **state)
{
    struct gp__runtime *rt = *state;
    struct waiter waiter = {.op = test_op(rt, NULL), .ms = 3};
    uint64_t before = rt->ops->now_ms(rt);

    assert_int_equal(rt->ops->run(rt, waiter_main, waiter_done, &waiter, 0), 0);
    TURN_WHILE(rt, !waiter.ended);
    assert_int_equal(waiter.op.result, 0);
    assert_true(rt->ops->now_ms(rt) >= before + 3);
    assert_null(waiter.op.job);
}

static void test_sleep_cancelled(void **state)
{
    struct gp__runtime *rt = *state;
    struct gp_op op = test_op(rt, NULL), other = test_op(rt, NULL);

    rt->ops->sleep(rt, &op, UINT64_MAX);
    rt->ops->sleep(rt, &other, 1);
    rt->ops->cancel(rt, &op);
    assert_true(op.done);
    assert_int_equal(op.result, GP_ECANCELED);
    rt->ops->cancel(rt, &op); /* nothing left to forget */
    TURN_WHILE(rt, !other.done);
    assert_int_equal(other.result, 0);
}

struct block {
    atomic_bool *gate; /* NULL: open */
    atomic_int *running;
    int value;
};

static void work_main(void *arg)
{
    struct block *block = arg;

    if (block->running)
        atomic_fetch_add(block->running, 1);
    while (block->gate && !atomic_load(block->gate))
        usleep(100);
    block->value++;
}

static void test_work_copies_back(void **state)
{
    struct gp__runtime *rt = *state;
    struct gp_op op = test_op(rt, NULL);
    struct block block = {.value = 41};

    rt->ops->work(rt, &op, work_main, &block, sizeof block);
    assert_int_equal(block.value, 41);
    TURN_WHILE(rt, !op.done);
    assert_int_equal(op.result, 0);
    assert_int_equal(block.value, 42);
}

/* Two threads are kept busy, three jobs wait, the next is refused; one that runs and one that waits
 * are cancelled, and neither touches its block any more. */
static void test_work_bounds_and_cancel(void **state)
{
    /* Static: the thread of the cancelled job may look at them after the test. */
    static atomic_bool gate;
    static atomic_int running;
    struct gp__runtime *rt = *state;
    struct gp_op ops[6];
    struct block blocks[6];

    for (int i = 0; i < 6; i++) {
        ops[i] = test_op(rt, NULL);
        blocks[i] = (struct block){.gate = &gate, .running = &running};
        rt->ops->work(rt, &ops[i], work_main, &blocks[i], sizeof blocks[i]);
        for (int n = 0; i < 2 && atomic_load(&running) < i + 1 && n < 100000; n++)
            usleep(100);
    }
    assert_true(ops[5].done);
    assert_int_equal(ops[5].result, GP_ETEMP);
    rt->ops->cancel(rt, &ops[0]);
    rt->ops->cancel(rt, &ops[4]);
    assert_int_equal(ops[0].result, GP_ECANCELED);
    atomic_store(&gate, true);
    TURN_WHILE(rt, !ops[1].done || !ops[2].done || !ops[3].done);
    assert_int_equal(blocks[0].value, 0);
    assert_int_equal(blocks[1].value, 1);
    assert_int_equal(blocks[3].value, 1);
    assert_int_equal(blocks[4].value, 0);
    assert_int_equal(atomic_load(&running), 4);
}

static void test_wait_fd(void **state)
{
    struct gp__runtime *rt = *state;
    struct gp_op read_op = test_op(rt, NULL), write_op = test_op(rt, NULL);
    struct gp_op twice = test_op(rt, NULL), bad = test_op(rt, NULL), file = test_op(rt, NULL);
    int fds[2], regular = open("/proc/self/exe", O_RDONLY);

    assert_int_equal(pipe(fds), 0);
    rt->ops->wait_fd(rt, &read_op, fds[0], GP_FD_READ);
    rt->ops->wait_fd(rt, &twice, fds[0], GP_FD_READ);
    rt->ops->wait_fd(rt, &write_op, fds[1], GP_FD_WRITE);
    TURN_WHILE(rt, !write_op.done);
    assert_false(read_op.done);
    assert_int_equal(write(fds[1], "x", 1), 1);
    TURN_WHILE(rt, !read_op.done || !twice.done);
    assert_int_equal(read_op.result, 0);
    rt->ops->wait_fd(rt, &bad, -1, GP_FD_READ);
    assert_int_equal(bad.result, GP_EINVAL);
    rt->ops->wait_fd(rt, &file, regular, GP_FD_READ);
    assert_true(file.done);
    assert_int_equal(file.result, 0);
    close(regular);
    close(fds[0]);
    close(fds[1]);
}

static void test_wait_fd_cancelled_after_close(void **state)
{
    struct gp__runtime *rt = *state;
    struct gp_op op = test_op(rt, NULL);
    int fds[2];

    assert_int_equal(pipe(fds), 0);
    rt->ops->wait_fd(rt, &op, fds[0], GP_FD_READ);
    close(fds[0]); /* as a library may */
    gp__live_wakeup(rt);
    gp__live_turn(rt);
    assert_false(op.done);
    rt->ops->cancel(rt, &op);
    assert_int_equal(op.result, GP_ECANCELED);
    close(fds[1]);
}

/* ---- what there is ---- */

static void test_resources(void **state)
{
    struct gp__runtime *rt = *state;

    assert_true(rt->ops->memory(rt) > 1 << 20);
    assert_true(rt->ops->space(rt, GP_S("/")) < UINT64_MAX);
    assert_true(rt->ops->space(rt, GP_S("/no/where")) == UINT64_MAX);
}

/* ---- wakers ---- */

static void *fire(void *arg)
{
    gp_waker_fire(arg);
    return NULL;
}

static void fire_elsewhere(struct gp_waker *waker)
{
    pthread_t thread;

    assert_int_equal(pthread_create(&thread, NULL, fire, waker), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
}

static void test_wakers(void **state)
{
    static struct gp_op late; /* outlives this function */
    struct gp__runtime *rt = *state;
    struct gp_op one = test_op(rt, NULL), two = test_op(rt, NULL), left = test_op(rt, NULL);
    struct gp_waker *wakers[4];

    late = test_op(rt, NULL);
    wakers[0] = rt->ops->waker(rt, &one);
    wakers[1] = rt->ops->waker(rt, &two);
    wakers[2] = rt->ops->waker(rt, &left);
    wakers[3] = rt->ops->waker(rt, &late);
    rt->ops->cancel(rt, &left); /* nobody waits any more; its thread does not know */
    assert_int_equal(left.result, GP_ECANCELED);
    fire_elsewhere(wakers[1]);
    fire_elsewhere(wakers[2]);
    TURN_WHILE(rt, !two.done);
    assert_int_equal(two.result, 0);
    assert_false(one.done);
    gp_waker_fire(wakers[0]); /* the loop's thread may, too */
    TURN_WHILE(rt, !one.done);
    fire_elsewhere(wakers[3]); /* found when the runtime ends */
}

/* ---- clocks, chance, other threads ---- */

static void test_clocks(void **state)
{
    struct gp__runtime *rt = *state;
    uint64_t ns = rt->ops->now_ns(rt);
    unsigned char a[300] = {0}, b[300] = {0};

    assert_true(rt->ops->wall_ms(rt) > INT64_C(1600000000000));
    assert_true(rt->ops->now_ns(rt) >= ns);
    rt->ops->random(rt, a, sizeof a);
    rt->ops->random(rt, b, sizeof b);
    assert_memory_not_equal(a, b, sizeof a);
    assert_string_equal(rt->ops->name, "live");
}

static void *stop_from_thread(void *arg)
{
    gp__live_wakeup(arg);
    return NULL;
}

static void count_turn(void *arg)
{
    ++*(int *)arg;
}

static void test_wakeup_and_before_wait(void **state)
{
    struct gp__runtime *rt = *state;
    pthread_t thread;
    int turns = 0;

    gp__live_before_wait(rt, count_turn, &turns);
    assert_int_equal(pthread_create(&thread, NULL, stop_from_thread, rt), 0);
    gp__live_turn(rt);
    pthread_join(thread, NULL);
    assert_true(turns > 0);
}

static void stop(struct gp__timer *timer);

struct stopper {
    struct gp__timer timer;
    struct gp__runtime *rt;
};

static void stop(struct gp__timer *timer)
{
    gp__live_stop(((struct stopper *)timer)->rt);
}

static void test_run_until_stop(void **state)
{
    struct gp__runtime *rt = *state;
    struct stopper stopper = {.timer = {.fn = stop}, .rt = rt};

    rt->ops->timer_start(rt, &stopper.timer, rt->ops->now_ms(rt) + 1);
    gp__live_run(rt);
    assert_int_equal(stopper.timer.slot, 0);
}

/* ---- signals ---- */

static void on_terminate(void *arg, int signo)
{
    *(int *)arg = signo;
}

static void on_reload(void *arg)
{
    *(int *)arg = SIGHUP;
}

static void test_signals(void **state)
{
    struct gp__runtime *rt = *state;
    int got = 0;
    const struct gp__signal_user user = {
        .terminate = on_terminate, .reload = on_reload, .arg = &got};
    struct gp__signals *signals = gp__signals_start(rt, &user);

    assert_non_null(signals);
    raise(SIGTERM);
    TURN_WHILE(rt, got != SIGTERM);
    raise(SIGHUP);
    TURN_WHILE(rt, got != SIGHUP);
    raise(SIGINT);
    TURN_WHILE(rt, got != SIGINT);
    gp__signals_stop(&signals);
    assert_null(signals);
    raise(SIGPIPE); /* ignored */
}

/* ---- lanes ---- */

struct work {
    struct gp__lane *lane;
    atomic_int ran;
    int collected, seen;
    pthread_t loop;
    bool close;
};

static void lane_run(void *arg)
{
    struct work *work = arg;

    assert_false(pthread_equal(pthread_self(), work->loop));
    atomic_fetch_add(&work->ran, 1);
    work->lane->runtime->ops->lane_report(work->lane);
}

static void lane_collect(void *arg)
{
    struct work *work = arg;

    assert_true(pthread_equal(pthread_self(), work->loop));
    work->seen = atomic_load(&work->ran);
    work->collected++;
    if (work->close)
        work->lane->runtime->ops->lane_close(&work->lane);
}

static void test_lane(void **state)
{
    struct gp__runtime *rt = *state;
    struct work work = {.loop = pthread_self()};

    work.lane = rt->ops->lane_open(rt, lane_run, lane_collect, &work);
    assert_non_null(work.lane);
    rt->ops->lane_kick(work.lane);
    TURN_WHILE(rt, work.collected == 0);
    assert_int_equal(work.seen, 1);
    work.close = true;
    rt->ops->lane_kick(work.lane);
    TURN_WHILE(rt, work.lane);
    assert_int_equal(work.seen, 2);
}

/* What it was kicked for is done before it ends; nobody is told any more. */
static void test_lane_close(void **state)
{
    struct gp__runtime *rt = *state;
    struct work work = {.loop = pthread_self()};

    work.lane = rt->ops->lane_open(rt, lane_run, lane_collect, &work);
    rt->ops->lane_kick(work.lane);
    rt->ops->lane_close(&work.lane);
    assert_null(work.lane);
    assert_int_equal(work.ran, 1);
    assert_int_equal(work.collected, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_defer_in_order),
        TEST(test_turn_ends_after_timer),
        TEST(test_fiber_ends_at_once),
        TEST(test_fiber_is_woken_once),
        TEST(test_stacks_are_trimmed),
        TEST(test_fiber_sleeps),
        TEST(test_sleep_cancelled),
        TEST(test_work_copies_back),
        TEST(test_work_bounds_and_cancel),
        TEST(test_wait_fd),
        TEST(test_wait_fd_cancelled_after_close),
        TEST(test_resources),
        TEST(test_wakers),
        TEST(test_lane),
        TEST(test_lane_close),
        TEST(test_clocks),
        TEST(test_wakeup_and_before_wait),
        TEST(test_run_until_stop),
        TEST(test_signals),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
