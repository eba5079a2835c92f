// SPDX-License-Identifier: Apache-2.0
// What fiber.c, fiber_stack.c and the switch files share; nobody else includes it.
// A stack's mapping, from low to high addresses:
//     guard (no access) | stack, grows down | struct gp__fiber
// The record sits at the top because that page is always in use. The pool keeps a table of all
// mappings outside the stacks, which a SIGSEGV handler can walk even if a stack is ruined.
#ifndef GP__CORE_RUNTIME_FIBER_STACK_H
#define GP__CORE_RUNTIME_FIBER_STACK_H

#include <stdalign.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/runtime/fiber.h"

#define GP__FIBER_MAGIC 0x66696272U

// Smallest stack: room for a signal frame with AVX-512 state and a few calls.
#define GP__FIBER_CLASS_MIN_BYTES ((size_t)16 << 10)
// Sizes are powers of two, from the smallest to GP__FIBER_STACK_BYTES_MAX * GP__FIBER_STACK_SCALE.
#define GP__FIBER_CLASS_COUNT 12
// More than a page, for it costs no memory: a frame this large without stack probes must not step
// over.
#define GP__FIBER_GUARD_BYTES ((size_t)64 << 10)

enum gp__fiber_state {
    GP__FIBER_FREE = 0,
    GP__FIBER_PARKED,
    GP__FIBER_RUNNING,
    GP__FIBER_DONE,
};

struct gp__fiber {
    alignas(64) uint32_t magic;
    enum gp__fiber_state state;
    void *sp; // where gp__fiber_switch() left off; meaningless while running
    struct gp__fiber_pool *pool;
    void *local;
    void (*fn)(void *arg);
    void *arg;
    char *low; // lowest usable byte, just above the guard
    struct gp__fiber *next_free;
    size_t slot;         // index in the pool's table
    uint32_t size_class; // index in the pool's classes
    unsigned valgrind;   // stack id
    void *asan_frames;   // ASan's fake stack while parked
    void *tsan_context;  // TSan's view of the fiber
};

// One mapping. Entries are dense; removal moves the last one.
struct gp__fiber_slot {
    char *mapping;
    size_t bytes; // guard included
    struct gp__fiber *fiber;
    bool live;
};

// Free stacks of one size, last in first out, so that caches and pages stay warm.
struct gp__fiber_class {
    struct gp__fiber *warm;
    struct gp__fiber *cold;
    size_t free_count;
};

struct gp__fiber_pool {
    void *loop_sp; // the loop's side of the switch while a fiber runs
    void *loop_asan_frames;
    const void *loop_low; // bounds of the loop's stack, as ASan knows it
    size_t loop_bytes;
    void *loop_tsan_context;
    size_t guard_bytes;
    size_t page_bytes;
    size_t own_bytes;  // size of the pool's own mapping
    size_t warm_now;   // bytes of stacks on warm lists
    size_t warm_least; // fewest of them since the last trim
    struct gp__fiber_options options;
    struct gp__fiber_stats stats;
    struct gp__fiber_class classes[GP__FIBER_CLASS_COUNT];
    size_t slot_count;
    struct gp__fiber_slot slots[]; // room for max_fibers and every kept free stack
};

// Writes the text to standard error and aborts.
_Noreturn void gp__fiber_misused(const char *text);

// Kept in release builds: a wrong switch would corrupt silently.
static inline void gp__fiber_require(bool ok, const char *text)
{
    if (__builtin_expect(!ok, 0))
        gp__fiber_misused(text);
}

// Takes a free stack or maps one. The fiber has magic, pool, low, slot and class set and counts as
// live. NULL with errno as of gp__fiber_start().
struct gp__fiber *gp__fiber_stack_take(struct gp__fiber_pool *pool, size_t stack_bytes);

// Gives the stack of a fiber back; the fiber is invalid then. Not to be called on that stack.
void gp__fiber_stack_give(struct gp__fiber *fiber);

// Saves the caller's registers on its stack and the stack pointer in *save_sp, then continues what
// was saved as load_sp. Returns when something switches to *save_sp.
void gp__fiber_switch(void **save_sp, void *load_sp);

// Prepares an unused stack from low to top so that the first switch to the result calls entry(arg),
// which must not return.
void *gp__fiber_prepare(void *top, void (*entry)(void *arg), void *arg, void *low);

#endif
