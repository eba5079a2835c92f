// SPDX-License-Identifier: Apache-2.0
// Prints what fibers cost, in nanoseconds of CPU time: a resume and park pair of one fiber, the
// same over many fibers in turn (their stacks out of the nearest caches), and a start that ends at
// once. Not a test.
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "core/runtime/fiber.h"

#define MANY 10000

static bool stop;

static void park_forever(void *arg)
{
    (void)arg;
    while (!stop)
        gp__fiber_park();
}

static void end_at_once(void *arg)
{
    (void)arg;
}

static double now_ns(void)
{
    struct timespec now;

    if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now) != 0)
        abort();
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static void report(const char *what, double ns, size_t count)
{
    printf("%-34s %8.1f ns\n", what, ns / (double)count);
}

// Resumes the fibers in turn, pairs times in all, then ends them.
static void bench_switch(struct gp__fiber_pool *pool, const char *what, size_t fibers, size_t pairs)
{
    static struct gp__fiber *parked[MANY];

    stop = false;
    for (size_t i = 0; i < fibers; i++) {
        if (gp__fiber_start(pool, park_forever, NULL, 0, &parked[i]) != 0)
            abort();
    }
    double start = now_ns();
    for (size_t i = 0, next = 0; i < pairs; i++) {
        (void)gp__fiber_resume(parked[next]);
        next = next + 1 == fibers ? 0 : next + 1;
    }
    report(what, now_ns() - start, pairs);
    stop = true;
    for (size_t i = 0; i < fibers; i++)
        (void)gp__fiber_resume(parked[i]);
}

static void bench_start(struct gp__fiber_pool *pool, size_t count)
{
    struct gp__fiber *fiber;
    double start = now_ns();

    for (size_t i = 0; i < count; i++) {
        if (gp__fiber_start(pool, end_at_once, NULL, 0, &fiber) != 1)
            abort();
    }
    report("start and end, warm stack", now_ns() - start, count);
}

int main(void)
{
    struct gp__fiber_pool *pool = gp__fiber_pool_create(NULL);

    if (pool == NULL)
        abort();
    bench_switch(pool, "switch pair, one fiber", 1, 20 * 1000 * 1000);
    bench_switch(pool, "switch pair, 100 fibers", 100, 20 * 1000 * 1000);
    bench_switch(pool, "switch pair, 10000 fibers", MANY, 5 * 1000 * 1000);
    bench_start(pool, 5 * 1000 * 1000);
    gp__fiber_pool_free(&pool);
    return 0;
}
