// SPDX-License-Identifier: Apache-2.0
// Fibers: small pooled stacks on which hooks run as straight-line code. This is only the mechanism:
// no loop, no timers, no scheduler. One pool per worker, one thread: a fiber never migrates to
// another thread (compilers keep addresses of thread-local variables over a call, so also over a
// park). A fiber switches to the stack that resumed it and back, never to another fiber. A switch
// keeps callee-saved registers and floating-point control (on x86-64 also MXCSR's status flags). It
// keeps no signal mask and no errno: copy errno before a park. Misuse aborts, in release builds
// too.
#ifndef GP__CORE_RUNTIME_FIBER_H
#define GP__CORE_RUNTIME_FIBER_H

#include <stdbool.h>
#include <stddef.h>

// A fiber that is parked or running. Lives in the top bytes of its own stack; the pool owns it.
struct gp__fiber;

// Stacks and fibers of one worker.
struct gp__fiber_pool;

// Limits of a pool. Stack sizes are rounded up to a power of two and multiplied by
// GP__FIBER_STACK_SCALE (4 in sanitizer builds). The fiber's own record takes the top 128 bytes.
struct gp__fiber_options {
    size_t stack_bytes; // usable bytes of a stack whose starter asks for 0
    size_t max_fibers;  // fibers alive at once; each costs two of the kernel's vm.max_map_count
    size_t keep_free;   // free stacks kept mapped, for each size; the others are unmapped
    size_t warm_bytes;  // free stacks of all sizes that may keep their pages for good
    size_t burst_bytes; // and until gp__fiber_pool_trim(), if that is more; a kept stack beyond
                        // both gives all but its top page back to the kernel at once
};

#define GP__FIBER_OPTIONS_DEFAULT                                                                  \
    {                                                                                              \
        .stack_bytes = (size_t)64 << 10, .max_fibers = 16384, .keep_free = 1024,                   \
        .warm_bytes = (size_t)8 << 20, .burst_bytes = (size_t)64 << 20                             \
    }

// The largest stack_bytes that gp__fiber_start() accepts.
#define GP__FIBER_STACK_BYTES_MAX ((size_t)8 << 20)

// Counts of a pool, for metrics and tests.
struct gp__fiber_stats {
    size_t live;         // fibers parked or running
    size_t live_peak;    // most of them at once since the pool was made
    size_t free_warm;    // free stacks with their pages
    size_t free_cold;    // free stacks without
    size_t mapped_bytes; // address space of all stacks, guards included
};

// Makes a pool; a NULL options means the defaults. The caller frees it with gp__fiber_pool_free().
// Returns NULL with errno set if the options make no sense (EINVAL) or memory is short (ENOMEM).
struct gp__fiber_pool *gp__fiber_pool_create(const struct gp__fiber_options *options);

// Unmaps all stacks and the pool, and nulls the caller's variable. No fiber may be alive (aborts).
void gp__fiber_pool_free(struct gp__fiber_pool **pool_);

// Whether free stacks have more pages than they may keep for good.
bool gp__fiber_pool_overfull(const struct gp__fiber_pool *pool);

// Gives back the pages of free stacks beyond warm_bytes that nobody needed since the last trim. To
// be called now and then while the pool is overfull: what comes and goes within that time, however
// much it is, costs no page. On the loop's stack only.
void gp__fiber_pool_trim(struct gp__fiber_pool *pool);

// Fills *stats_r. May be called anywhere on the pool's thread.
void gp__fiber_pool_stats(const struct gp__fiber_pool *pool, struct gp__fiber_stats *stats_r);

// Takes a stack of at least stack_bytes (0: the pool's default) and runs fn(arg) on it at once,
// until it parks or returns. Call it on the loop's stack only. Returns
//   1  fn returned: nothing is left, *fiber_r is NULL;
//   0  fn parked: *fiber_r is the fiber, valid until gp__fiber_resume() returns 1 for it;
//  -1  no fiber to be had, fn was not called, *fiber_r is NULL. errno: EAGAIN (max_fibers reached),
//      ENOMEM (the kernel gave no stack), EINVAL (stack_bytes over GP__FIBER_STACK_BYTES_MAX).
int gp__fiber_start(struct gp__fiber_pool *pool, void (*fn)(void *arg), void *arg,
                    size_t stack_bytes, struct gp__fiber **fiber_r);

// Switches back to whoever started or resumed the current fiber. Call it on a fiber only. Returns
// when the fiber is resumed.
void gp__fiber_park(void);

// Runs a parked fiber until it parks again (returns 0) or its function returns (returns 1: the
// fiber is freed to its pool). Call it on the loop's stack only, on the thread that started the
// fiber.
int gp__fiber_resume(struct gp__fiber *fiber);

// The fiber that runs now on this thread, NULL on the loop's stack. Any place, signal handlers too.
struct gp__fiber *gp__fiber_current(void);

// One pointer for the user of a fiber, NULL at first; the fiber does not own what it points to.
void *gp__fiber_local(const struct gp__fiber *fiber);
void gp__fiber_local_set(struct gp__fiber *fiber, void *local);

// Tells whether addr lies in the guard or the stack of a living fiber, and which one (*fiber_r may
// be read then; NULL otherwise). The stack itself is mapped, so a SIGSEGV at such an address means
// that the fiber overran its stack. Safe in a signal handler on the pool's thread.
bool gp__fiber_owns_address(const struct gp__fiber_pool *pool, const void *addr,
                            struct gp__fiber **fiber_r);

// High-water mark of the fiber's stack in bytes, in whole pages, record included. Counts resident
// pages, so it includes earlier fibers of a stack that stayed warm. Diagnostics only: system calls.
size_t gp__fiber_stack_used(const struct gp__fiber *fiber);

#endif
