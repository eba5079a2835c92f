// SPDX-License-Identifier: Apache-2.0
/*
 * A clock for short times, read once a hook call: the processor's counter of cycles where it runs
 * at one speed (half the price of the system's clock), measured against the system's clock; else
 * that clock itself. Never goes back. For one thread.
 */
#ifndef GP_RUNTIME_CLOCK_H
#define GP_RUNTIME_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

struct gp__clock {
    uint64_t (*exact_ns)(void); /* the system's clock */
    bool counts;                /* there is a counter to trust */
    uint64_t base_cycles, base_ns;
    uint64_t ns_per_cycle; /* times 2^32; 0: not measured yet */
    uint64_t last_ns;
};

/* Looks whether the processor has such a counter. */
void gp__clock_init(struct gp__clock *clock, uint64_t (*exact_ns)(void));

uint64_t gp__clock_ns(struct gp__clock *clock);

/* The same, for a given state of the counter. */
uint64_t gp__clock_at(struct gp__clock *clock, uint64_t cycles);

#endif
