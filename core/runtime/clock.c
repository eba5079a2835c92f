// SPDX-License-Identifier: Apache-2.0
#include "core/runtime/clock.h"

#ifdef __x86_64__
#include <cpuid.h>
#endif

#define MEASURE_NS 10000000u /* long enough that reading two clocks is no part of it */
/* A cycle is at most two nanoseconds, and a product with its length has 64 bits. */
#define TRUSTED_CYCLES (UINT64_C(1) << 30)

/* ---- the counter ---- */

#ifdef __x86_64__
static uint64_t cycles_now(void)
{
    return __builtin_ia32_rdtsc();
}

/* "Invariant TSC": the same speed whatever the processor does, also while it sleeps. */
static bool cycles_are_steady(void)
{
    unsigned eax, ebx, ecx, edx;

    return __get_cpuid(0x80000007, &eax, &ebx, &ecx, &edx) && edx & 1u << 8;
}
#else
static uint64_t cycles_now(void)
{
    return 0;
}

static bool cycles_are_steady(void)
{
    return false;
}
#endif

/* ---- the clock ---- */

void gp__clock_init(struct gp__clock *clock, uint64_t (*exact_ns)(void))
{
    *clock = (struct gp__clock){.exact_ns = exact_ns, .counts = cycles_are_steady()};
    clock->base_cycles = cycles_now();
    clock->base_ns = clock->last_ns = exact_ns();
}

static uint64_t onward(struct gp__clock *clock, uint64_t ns)
{
    if (ns > clock->last_ns)
        clock->last_ns = ns;
    return clock->last_ns;
}

/* Both clocks, side by side: what a cycle took since the last time, and where to count from. */
static uint64_t measure(struct gp__clock *clock, uint64_t cycles)
{
    uint64_t ns = clock->exact_ns(), passed = cycles - clock->base_cycles;

    if (ns - clock->base_ns < MEASURE_NS)
        return onward(clock, ns);
    clock->ns_per_cycle = 0;
    /* A counter that stood still, or jumped, measures nothing. */
    if (cycles > clock->base_cycles && (ns - clock->base_ns) / 2 < passed)
        clock->ns_per_cycle = (uint64_t)((double)(ns - clock->base_ns) / (double)passed *
                                         4294967296.0);
    clock->base_cycles = cycles;
    clock->base_ns = ns;
    return onward(clock, ns);
}

uint64_t gp__clock_at(struct gp__clock *clock, uint64_t cycles)
{
    uint64_t passed = cycles - clock->base_cycles;

    if (!clock->ns_per_cycle || passed > TRUSTED_CYCLES)
        return measure(clock, cycles);
    return onward(clock, clock->base_ns + (passed * clock->ns_per_cycle >> 32));
}

uint64_t gp__clock_ns(struct gp__clock *clock)
{
    return clock->counts ? gp__clock_at(clock, cycles_now()) : clock->exact_ns();
}
