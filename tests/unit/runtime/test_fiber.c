// SPDX-License-Identifier: Apache-2.0
// Fibers: the life of one, thousands in random order, what a switch preserves, sizes and limits of
// stacks, what is given back. Crashes and misuse: test_fiber_crash.c. No cmocka assertion runs on a
// fiber: a failing one would longjmp off its stack.
#include <errno.h>
#include <fenv.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/runtime/fiber.h"
#include "core/runtime/fiber_sanitizer.h"

#define NOINLINE __attribute__((noinline))
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define KIB ((size_t)1024)

#if defined(GP__FIBER_TSAN)
#define CROWD 500
#else
#define CROWD 5000
#endif

static struct gp__fiber_pool *pool;

static int setup(void **state)
{
    (void)state;
    pool = gp__fiber_pool_create(NULL);
    return pool == NULL ? -1 : 0;
}

static int teardown(void **state)
{
    (void)state;
    gp__fiber_pool_free(&pool);
    return pool == NULL ? 0 : -1;
}

// Replaces the pool of setup() by one with other options.
static void use_options(struct gp__fiber_options options)
{
    gp__fiber_pool_free(&pool);
    pool = gp__fiber_pool_create(&options);
    assert_non_null(pool);
}

static struct gp__fiber_stats stats_now(void)
{
    struct gp__fiber_stats stats;

    gp__fiber_pool_stats(pool, &stats);
    return stats;
}

static struct gp__fiber *start_parked(void (*fn)(void *arg), void *arg, size_t stack_bytes)
{
    struct gp__fiber *fiber = NULL;

    assert_int_equal(gp__fiber_start(pool, fn, arg, stack_bytes, &fiber), 0);
    assert_non_null(fiber);
    return fiber;
}

// xorshift64: the same order in each run.
static uint64_t next_random(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

// ---- the life of a fiber ----

struct trace {
    int parks; // to do
    int steps; // done
    struct gp__fiber *self;
    void *local;
};

static void run_steps(void *arg)
{
    struct trace *trace = arg;

    trace->self = gp__fiber_current();
    trace->local = gp__fiber_local(trace->self);
    gp__fiber_local_set(trace->self, trace);
    while (trace->parks-- > 0) {
        trace->steps++;
        gp__fiber_park();
        if (gp__fiber_current() != trace->self || gp__fiber_local(trace->self) != trace)
            trace->steps = -1000;
    }
    trace->steps++;
}

static void test_ends_at_once(void **state)
{
    struct trace trace = {.local = &trace};
    struct gp__fiber *fiber = (struct gp__fiber *)&trace;

    (void)state;
    assert_int_equal(gp__fiber_start(pool, run_steps, &trace, 0, &fiber), 1);
    assert_null(fiber);
    assert_int_equal(trace.steps, 1);
    assert_non_null(trace.self);
    assert_null(trace.local);
    assert_null(gp__fiber_current());
    assert_int_equal(stats_now().live, 0);
    assert_int_equal(stats_now().live_peak, 1);
}

static void test_parks_and_resumes(void **state)
{
    struct trace trace = {.parks = 3};

    (void)state;
    struct gp__fiber *fiber = start_parked(run_steps, &trace, 0);
    assert_ptr_equal(fiber, trace.self);
    assert_ptr_equal(gp__fiber_local(fiber), &trace);
    for (int i = 1; i <= 3; i++) {
        assert_int_equal(trace.steps, i);
        assert_null(gp__fiber_current());
        assert_int_equal(gp__fiber_resume(fiber), i == 3 ? 1 : 0);
    }
    assert_int_equal(trace.steps, 4);
    assert_int_equal(stats_now().live, 0);
}

// A stack that is used again brings no local pointer along.
static void test_local_starts_null(void **state)
{
    struct trace first = {0};
    struct trace second = {.local = &first};
    struct gp__fiber *fiber;

    (void)state;
    assert_int_equal(gp__fiber_start(pool, run_steps, &first, 0, &fiber), 1);
    assert_int_equal(gp__fiber_start(pool, run_steps, &second, 0, &fiber), 1);
    assert_ptr_equal(first.self, second.self);
    assert_null(second.local);
}

// ---- many fibers, random order; registers survive ----

struct crowd_member {
    uint64_t seed;
    int rounds;
    bool parks; // false for the reference run on the loop's stack
    double result;
};

// More live values over the park than there are callee-saved registers, integer and floating.
static NOINLINE double churn(const struct crowd_member *member)
{
    uint64_t s = member->seed;
    uint64_t a = s + 1, b = s + 2, c = s + 3, d = s + 4, e = s + 5, f = s + 6, g = s + 7, h = s + 8;
    double m = (double)(s & 0xff), n = m + 1, o = m + 2, p = m + 3, q = m + 4, r = m + 5, t = m + 6;
    double u = m + 7, v = m + 8, w = m + 9;
    long double x = (long double)m / 3;

    for (int i = 0; i < member->rounds; i++) {
        a = a * 31 + h, b ^= a >> 3, c += b, d = d * 17 + c, e ^= d, f += e << 1, g -= f, h += g;
        m = m / 3 + w, n += m, o = o / 2 + n, p -= o / 7, q += p, r = r / 5 + q, t += r / 3;
        u = u / 9 + t, v -= u / 11, w = w / 13 + v, x = x / 2 + (long double)w;
        if (member->parks)
            gp__fiber_park();
    }
    uint64_t whole = a ^ b ^ c ^ d ^ e ^ f ^ g ^ h;
    return (double)(whole >> 40) + m + n + o + p + q + r + t + u + v + w + (double)x;
}

static void join_crowd(void *arg)
{
    struct crowd_member *member = arg;

    member->result = churn(member);
}

static void test_crowd_in_random_order(void **state)
{
    static struct crowd_member members[CROWD];
    static struct gp__fiber *fibers[CROWD];
    uint64_t seed = 0x9e3779b97f4a7c15U;
    size_t alive = CROWD;

    (void)state;
    for (size_t i = 0; i < CROWD; i++) {
        members[i].seed = next_random(&seed);
        members[i].rounds = 1 + (int)(next_random(&seed) % 20);
        members[i].parks = true;
        fibers[i] = start_parked(join_crowd, &members[i], i % 7 == 0 ? 100 * KIB : 0);
    }
    assert_int_equal(stats_now().live, CROWD);
    while (alive > 0) {
        size_t pick = next_random(&seed) % alive;
        if (gp__fiber_resume(fibers[pick]) == 1)
            fibers[pick] = fibers[--alive];
    }
    assert_int_equal(stats_now().live, 0);
    for (size_t i = 0; i < CROWD; i++) {
        members[i].parks = false;
        double expected = churn(&members[i]);
        assert_memory_equal(&expected, &members[i].result, sizeof(expected));
    }
}

struct rounding {
    int mode;
    bool kept;
    volatile double third_before;
    volatile double third_after;
};

static NOINLINE double third(void)
{
    volatile double one = 1, three = 3;

    return one / three;
}

static void park_with_rounding(void *arg)
{
    struct rounding *rounding = arg;

    (void)fesetround(rounding->mode);
    rounding->third_before = third();
    gp__fiber_park();
    rounding->third_after = third();
    rounding->kept = fegetround() == rounding->mode;
}

// Each side keeps its own rounding mode, in both floating-point units of x86-64.
static void test_float_control_is_kept(void **state)
{
    struct rounding up = {.mode = FE_UPWARD};
    struct rounding down = {.mode = FE_DOWNWARD};
    double nearest = third();

    (void)state;
    struct gp__fiber *fiber_up = start_parked(park_with_rounding, &up, 0);
    assert_int_equal(fegetround(), FE_TONEAREST);
    struct gp__fiber *fiber_down = start_parked(park_with_rounding, &down, 0);
    assert_int_equal(fegetround(), FE_TONEAREST);
    assert_true(third() == nearest);
    assert_int_equal(gp__fiber_resume(fiber_up), 1);
    assert_int_equal(gp__fiber_resume(fiber_down), 1);
    assert_int_equal(fegetround(), FE_TONEAREST);
    assert_true(third() == nearest);
    assert_true(up.kept && down.kept);
#if defined(GP__FIBER_VALGRIND)
    if (RUNNING_ON_VALGRIND)
        return; // it divides without regard to the rounding mode
#endif
    assert_true(up.third_before > down.third_before);
    assert_true(up.third_after == up.third_before);
    assert_true(down.third_after == down.third_before);
}

// ---- depth ----

// What the frames below and above the dive may need; a ucontext_t takes up to 4.5 KiB at either
// end.
#if defined(GP__FIBER_USE_UCONTEXT)
#define DIVE_MARGIN (14 * KIB)
#else
#define DIVE_MARGIN (5 * KIB)
#endif

struct dive {
    size_t bytes; // how deep
    const char *start;
    size_t reached;
    size_t used;
    bool park_deep;
    bool intact;
};

static NOINLINE bool dive_down(struct dive *dive)
{
    volatile char frame[1024];
    size_t depth = (size_t)(dive->start - (const char *)__builtin_frame_address(0));

    for (size_t i = 0; i < sizeof(frame); i++)
        frame[i] = (char)(depth + i);
    if (depth < dive->bytes) {
        if (!dive_down(dive))
            return false;
    } else {
        dive->reached = depth;
        if (dive->park_deep)
            gp__fiber_park();
    }
    for (size_t i = 0; i < sizeof(frame); i++) {
        if (frame[i] != (char)(depth + i))
            return false;
    }
    return true;
}

static void dive_fiber(void *arg)
{
    struct dive *dive = arg;

    dive->start = __builtin_frame_address(0);
    dive->intact = dive_down(dive);
    dive->used = gp__fiber_stack_used(gp__fiber_current());
}

// Asked size, and the power of two that must be usable but for a margin.
static void test_deep_recursion(void **state)
{
    static const struct {
        size_t asked;
        size_t usable;
    } cases[] = {{0, 64 * KIB},         {1, 16 * KIB},          {64 * KIB, 64 * KIB},
                 {65 * KIB, 128 * KIB}, {512 * KIB, 512 * KIB}, {8192 * KIB, 8192 * KIB}};

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        size_t usable = cases[i].usable * GP__FIBER_STACK_SCALE;
        size_t margin = DIVE_MARGIN * GP__FIBER_STACK_SCALE;
        struct dive dive = {.bytes = usable - margin, .park_deep = true};

        struct gp__fiber *fiber = start_parked(dive_fiber, &dive, cases[i].asked);
        assert_true(dive.reached >= usable - margin);
        assert_int_equal(gp__fiber_resume(fiber), 1);
        assert_true(dive.intact);
        assert_true(dive.used >= usable - margin && dive.used <= usable);
    }
}

static void test_stack_used_of_a_shallow_fiber(void **state)
{
    struct trace trace = {.parks = 1};

    (void)state;
    struct gp__fiber *fiber = start_parked(run_steps, &trace, 512 * KIB);
    size_t used = gp__fiber_stack_used(fiber);
    assert_true(used > 0 && used <= 128 * KIB);
    assert_int_equal(gp__fiber_resume(fiber), 1);
}

static NOINLINE unsigned sum_alloca(size_t bytes)
{
    volatile unsigned char *block = __builtin_alloca(bytes);
    unsigned sum = 0;

    for (size_t i = 0; i < bytes; i++)
        block[i] = (unsigned char)i;
    gp__fiber_park();
    for (size_t i = 0; i < bytes; i++)
        sum += block[i];
    return sum;
}

static void alloca_fiber(void *arg)
{
    unsigned *sum = arg;

    for (size_t bytes = 256; bytes <= 32 * KIB; bytes *= 2)
        *sum += sum_alloca(bytes);
}

static void test_alloca(void **state)
{
    unsigned sums[3] = {0};
    struct gp__fiber *fibers[3];
    unsigned expected = 0;

    (void)state;
    for (size_t i = 0; i < COUNT(fibers); i++)
        fibers[i] = start_parked(alloca_fiber, &sums[i], 0);
    for (unsigned bytes = 256; bytes <= 32 * KIB; bytes *= 2) {
        expected += bytes / 256 * (255 * 256 / 2);
        for (size_t i = 0; i < COUNT(fibers); i++)
            assert_int_equal(gp__fiber_resume(fibers[i]), bytes == 32 * KIB);
    }
    for (size_t i = 0; i < COUNT(fibers); i++)
        assert_int_equal(sums[i], expected);
}

static void print_fiber(void *arg)
{
    char *text = arg;

    (void)snprintf(text, 64, "%.3Lf %s %a", 1234.5678L, "on a fiber", 1.0);
}

// The C library's deepest common call, with aligned vector spills.
static void test_printf(void **state)
{
    char text[64];
    struct gp__fiber *fiber;

    (void)state;
    assert_int_equal(gp__fiber_start(pool, print_fiber, text, 0, &fiber), 1);
    assert_string_equal(text, "1234.568 on a fiber 0x1p+0");
}

// ---- the pool ----

static void park_once(void *arg)
{
    (void)arg;
    gp__fiber_park();
}

static void test_stack_is_reused(void **state)
{
    (void)state;
    struct gp__fiber *first = start_parked(park_once, NULL, 0);
    struct gp__fiber *big = start_parked(park_once, NULL, 512 * KIB);
    assert_ptr_not_equal(first, big);
    assert_int_equal(gp__fiber_resume(first), 1);
    assert_int_equal(gp__fiber_resume(big), 1);
    size_t mapped = stats_now().mapped_bytes;
    assert_ptr_equal(start_parked(park_once, NULL, 300 * KIB), big);
    assert_ptr_equal(start_parked(park_once, NULL, 0), first);
    assert_int_equal(stats_now().mapped_bytes, mapped);
    assert_int_equal(gp__fiber_resume(first), 1);
    assert_int_equal(gp__fiber_resume(big), 1);
}

static void test_limit(void **state)
{
    struct gp__fiber *fibers[4];
    struct gp__fiber *extra = (struct gp__fiber *)fibers;
    struct trace trace = {0};

    (void)state;
    use_options((struct gp__fiber_options){.stack_bytes = 64 * KIB, .max_fibers = 4});
    for (size_t i = 0; i < COUNT(fibers); i++)
        fibers[i] = start_parked(park_once, NULL, i << 17);
    errno = 0;
    assert_int_equal(gp__fiber_start(pool, run_steps, &trace, 0, &extra), -1);
    assert_int_equal(errno, EAGAIN);
    assert_null(extra);
    assert_int_equal(trace.steps, 0);
    assert_int_equal(gp__fiber_resume(fibers[2]), 1);
    assert_int_equal(gp__fiber_start(pool, run_steps, &trace, 0, &extra), 1);
    for (size_t i = 0; i < COUNT(fibers); i++) {
        if (i != 2)
            assert_int_equal(gp__fiber_resume(fibers[i]), 1);
    }
    assert_int_equal(stats_now().live_peak, 4);
}

static void test_too_large_a_stack(void **state)
{
    static const size_t sizes[] = {GP__FIBER_STACK_BYTES_MAX + 1, SIZE_MAX / 2 + 1, SIZE_MAX};
    struct gp__fiber *fiber;

    (void)state;
    for (size_t i = 0; i < COUNT(sizes); i++) {
        errno = 0;
        assert_int_equal(gp__fiber_start(pool, park_once, NULL, sizes[i], &fiber), -1);
        assert_int_equal(errno, EINVAL);
        assert_null(fiber);
    }
    assert_int_equal(stats_now().mapped_bytes, 0);
}

static void test_bad_options(void **state)
{
    const struct gp__fiber_options bad[] = {
        {.stack_bytes = 0, .max_fibers = 1},
        {.stack_bytes = GP__FIBER_STACK_BYTES_MAX + 1, .max_fibers = 1},
        {.stack_bytes = 1, .max_fibers = 0},
        {.stack_bytes = 1, .max_fibers = SIZE_MAX},
        {.stack_bytes = 1, .max_fibers = 1, .keep_free = SIZE_MAX / 8},
        {.stack_bytes = 1, .max_fibers = 1, .warm_bytes = SIZE_MAX},
        {.stack_bytes = 1, .max_fibers = 1, .burst_bytes = SIZE_MAX},
    };
    struct gp__fiber_pool *none = NULL;

    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        errno = 0;
        assert_null(gp__fiber_pool_create(&bad[i]));
        assert_int_equal(errno, EINVAL);
    }
    gp__fiber_pool_free(&none);
}

// Of ten stacks that come free two stay warm, three cold, five are unmapped; the next takers get
// the warm ones first, and the pages of a cold one are gone.
static void test_memory_is_given_back(void **state)
{
    size_t bytes = 64 * KIB * GP__FIBER_STACK_SCALE;
    struct dive dives[10];
    struct gp__fiber *fibers[10];

    (void)state;
    use_options((struct gp__fiber_options){.stack_bytes = 64 * KIB,
                                           .max_fibers = 10,
                                           .keep_free = 5,
                                           .warm_bytes = 2 * bytes + bytes / 2});
    for (size_t i = 0; i < COUNT(fibers); i++) {
        dives[i] = (struct dive){.bytes = bytes / 2};
        dives[i].park_deep = true;
        fibers[i] = start_parked(dive_fiber, &dives[i], 0);
    }
    for (size_t i = 0; i < COUNT(fibers); i++) {
        assert_true(gp__fiber_stack_used(fibers[i]) >= bytes / 2);
        assert_int_equal(gp__fiber_resume(fibers[i]), 1);
    }
    struct gp__fiber_stats stats = stats_now();
    assert_int_equal(stats.free_warm, 2);
    assert_int_equal(stats.free_cold, 3);
    assert_int_equal(stats.mapped_bytes, 5 * (bytes + GP__FIBER_GUARD_BYTES));

    for (size_t i = 0; i < 6; i++) {
        fibers[i] = start_parked(park_once, NULL, 0);
        size_t used = gp__fiber_stack_used(fibers[i]);
        assert_true(i < 2 ? used >= bytes / 2 : used < bytes / 2);
    }
    assert_int_equal(stats_now().free_warm + stats_now().free_cold, 0);
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(gp__fiber_resume(fibers[i]), 1);
}

static void park_and_end(size_t count)
{
    struct gp__fiber *fibers[10];

    assert_true(count <= COUNT(fibers));
    for (size_t i = 0; i < count; i++)
        fibers[i] = start_parked(park_once, NULL, 0);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(gp__fiber_resume(fibers[i]), 1);
}

// What comes and goes keeps its pages; what nobody needed from one trim to the next does not, but
// for what may always.
static void test_bursts_stay_warm(void **state)
{
    size_t bytes = 64 * KIB * GP__FIBER_STACK_SCALE;

    (void)state;
    use_options((struct gp__fiber_options){.stack_bytes = 64 * KIB,
                                           .max_fibers = 10,
                                           .keep_free = 10,
                                           .warm_bytes = 2 * bytes,
                                           .burst_bytes = 8 * bytes});
    park_and_end(2);
    assert_false(gp__fiber_pool_overfull(pool));
    park_and_end(10);
    assert_true(gp__fiber_pool_overfull(pool));
    assert_int_equal(stats_now().free_warm, 8); // of ten
    assert_int_equal(stats_now().free_cold, 2);
    gp__fiber_pool_trim(pool); // they were all needed since the last one: there was none
    assert_int_equal(stats_now().free_warm, 8);
    park_and_end(5);
    gp__fiber_pool_trim(pool); // three were not
    assert_int_equal(stats_now().free_warm, 5);
    assert_int_equal(stats_now().free_cold, 5);
    assert_true(gp__fiber_pool_overfull(pool));
    park_and_end(5);
    gp__fiber_pool_trim(pool);
    assert_int_equal(stats_now().free_warm, 5);
    gp__fiber_pool_trim(pool); // nor was any
    assert_int_equal(stats_now().free_warm, 2);
    assert_int_equal(stats_now().free_cold, 8);
    assert_false(gp__fiber_pool_overfull(pool));
    gp__fiber_pool_trim(pool);
    assert_int_equal(stats_now().free_warm, 2);
    park_and_end(10);
}

// A large stack is not given back for a small one's sake.
static void test_trim_of_sizes(void **state)
{
    size_t bytes = 64 * KIB * GP__FIBER_STACK_SCALE;
    struct gp__fiber *large, *small[3];

    (void)state;
    use_options((struct gp__fiber_options){.stack_bytes = 64 * KIB,
                                           .max_fibers = 10,
                                           .keep_free = 10,
                                           .warm_bytes = 4 * bytes,
                                           .burst_bytes = 8 * bytes});
    large = start_parked(park_once, NULL, 256 * KIB);
    for (size_t i = 0; i < COUNT(small); i++)
        small[i] = start_parked(park_once, NULL, 0);
    for (size_t i = 0; i < COUNT(small); i++)
        assert_int_equal(gp__fiber_resume(small[i]), 1);
    assert_int_equal(gp__fiber_resume(large), 1);
    gp__fiber_pool_trim(pool);
    assert_int_equal(stats_now().free_warm, 4); // seven, three more than may stay
    gp__fiber_pool_trim(pool);
    assert_int_equal(stats_now().free_warm, 1);
    assert_int_equal(stats_now().free_cold, 3);
}

// Mapping and unmapping in random order keeps the table of mappings right.
static void test_owner_of_an_address(void **state)
{
    struct gp__fiber *fibers[64];
    struct gp__fiber *owner;
    uint64_t seed = 42;
    int on_the_loop = 0;

    (void)state;
    use_options((struct gp__fiber_options){.stack_bytes = 64 * KIB, .max_fibers = 64});
    for (size_t i = 0; i < COUNT(fibers); i++)
        fibers[i] = start_parked(park_once, NULL, 0);
    for (size_t alive = COUNT(fibers); alive > 0; alive--) {
        for (size_t i = 0; i < alive; i++) {
            const char *top = (const char *)(fibers[i] + 1);
            const char *low = top - 64 * KIB * GP__FIBER_STACK_SCALE;
            const char *inside[] = {top - 1, low, low - 1, low - GP__FIBER_GUARD_BYTES};
            for (size_t k = 0; k < COUNT(inside); k++) {
                assert_true(gp__fiber_owns_address(pool, inside[k], &owner));
                assert_ptr_equal(owner, fibers[i]);
            }
            bool below = gp__fiber_owns_address(pool, low - GP__FIBER_GUARD_BYTES - 1, &owner);
            assert_true(!below || owner != fibers[i]);
        }
        size_t pick = next_random(&seed) % alive;
        struct gp__fiber *gone = fibers[pick];
        assert_int_equal(gp__fiber_resume(gone), 1);
        fibers[pick] = fibers[alive - 1];
        assert_false(gp__fiber_owns_address(pool, gone, &owner));
        assert_null(owner);
    }
    assert_false(gp__fiber_owns_address(pool, &on_the_loop, &owner));
    assert_false(gp__fiber_owns_address(pool, NULL, &owner));
}

// A free stack that stays mapped belongs to no fiber.
static void test_free_stack_has_no_owner(void **state)
{
    struct gp__fiber *owner;

    (void)state;
    struct gp__fiber *fiber = start_parked(park_once, NULL, 0);
    assert_true(gp__fiber_owns_address(pool, fiber, &owner));
    assert_int_equal(gp__fiber_resume(fiber), 1);
    assert_int_equal(stats_now().free_warm, 1);
    assert_false(gp__fiber_owns_address(pool, fiber, &owner));
}

static void *run_thread(void *arg)
{
    struct trace *trace = arg;
    struct gp__fiber_pool *own = gp__fiber_pool_create(NULL);
    struct gp__fiber *fiber = NULL;

    if (own == NULL || gp__fiber_start(own, run_steps, trace, 0, &fiber) != 0)
        return NULL;
    while (gp__fiber_resume(fiber) == 0)
        ;
    gp__fiber_pool_free(&own);
    return arg;
}

// Each thread has its own pool and its own current fiber.
static void test_one_pool_a_thread(void **state)
{
    struct trace traces[2] = {{.parks = 1000}, {.parks = 1000}};
    pthread_t threads[2];

    (void)state;
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, run_thread, &traces[i]), 0);
    for (size_t i = 0; i < 2; i++) {
        void *result;
        assert_int_equal(pthread_join(threads[i], &result), 0);
        assert_ptr_equal(result, &traces[i]);
        assert_int_equal(traces[i].steps, 1001);
    }
}

static NOINLINE void leave_frames(int depth)
{
    volatile char frame[64];

    frame[0] = (char)depth;
    if (depth > 0)
        leave_frames(depth - 1);
    else
        gp__fiber_park();
    frame[1] = frame[0];
}

static void leave_frames_fiber(void *arg)
{
    leave_frames(*(int *)arg);
}

// Frames with red zones at varying depths on the same stacks: no false alarm from what an earlier
// fiber left in the shadow.
static void test_reused_stacks_are_clean(void **state)
{
    struct gp__fiber *fibers[8];

    (void)state;
    for (int round = 0; round < 50; round++) {
        int depths[8];
        for (int i = 0; i < 8; i++) {
            depths[i] = (round * 7 + i * 3) % 40;
            fibers[i] = start_parked(leave_frames_fiber, &depths[i], 0);
        }
        for (int i = 7; i >= 0; i--)
            assert_int_equal(gp__fiber_resume(fibers[i]), 1);
    }
    assert_int_equal(stats_now().free_warm, 8);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_ends_at_once),
        TEST(test_parks_and_resumes),
        TEST(test_local_starts_null),
        TEST(test_crowd_in_random_order),
        TEST(test_float_control_is_kept),
        TEST(test_deep_recursion),
        TEST(test_stack_used_of_a_shallow_fiber),
        TEST(test_alloca),
        TEST(test_printf),
        TEST(test_stack_is_reused),
        TEST(test_limit),
        TEST(test_too_large_a_stack),
        TEST(test_bad_options),
        TEST(test_memory_is_given_back),
        TEST(test_bursts_stay_warm),
        TEST(test_trim_of_sizes),
        TEST(test_owner_of_an_address),
        TEST(test_free_stack_has_no_owner),
        TEST(test_one_pool_a_thread),
        TEST(test_reused_stacks_are_clean),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
