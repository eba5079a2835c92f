// SPDX-License-Identifier: Apache-2.0
// What AddressSanitizer, ThreadSanitizer, LeakSanitizer and valgrind must be told about fibers. All
// of it is empty in other builds. The four switch hooks come in pairs around gp__fiber_switch():
//     loop: leave_loop, switch           fiber: enter_fiber ... leave_fiber, switch
//     loop: enter_loop
// They are always inlined: TSan keeps a shadow call stack for each fiber, so no instrumented
// function may be entered on one side and left on the other. Only the fiber files and their test
// include this.
#ifndef GP__CORE_RUNTIME_FIBER_SANITIZER_H
#define GP__CORE_RUNTIME_FIBER_SANITIZER_H

#include "core/runtime/fiber_stack.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define GP__FIBER_ASAN 1
#endif
#if __has_feature(thread_sanitizer)
#define GP__FIBER_TSAN 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define GP__FIBER_ASAN 1
#endif
#if defined(__SANITIZE_THREAD__)
#define GP__FIBER_TSAN 1
#endif

#if defined(GP__FIBER_ASAN)
#include <sanitizer/asan_interface.h>
#include <sanitizer/lsan_interface.h>
#endif
#if defined(GP__FIBER_TSAN)
#include <sanitizer/tsan_interface.h>
#endif

#if !defined(GP__FIBER_ASAN) && !defined(GP__FIBER_TSAN) && defined(__has_include)
#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#define GP__FIBER_VALGRIND 1
#endif
#endif

// Instrumented frames are larger.
#if defined(GP__FIBER_ASAN) || defined(GP__FIBER_TSAN)
#define GP__FIBER_STACK_SCALE ((size_t)4)
#else
#define GP__FIBER_STACK_SCALE ((size_t)1)
#endif

#define GP__FIBER_HOOK static inline __attribute__((always_inline, unused)) void

// A stack was mapped, or is about to be unmapped.
GP__FIBER_HOOK gp__fiber_sanitizer_map(struct gp__fiber *fiber)
{
#if defined(GP__FIBER_VALGRIND)
    fiber->valgrind = VALGRIND_STACK_REGISTER(fiber->low, (char *)fiber);
#else
    (void)fiber;
#endif
}

GP__FIBER_HOOK gp__fiber_sanitizer_unmap(struct gp__fiber *fiber)
{
#if defined(GP__FIBER_VALGRIND)
    VALGRIND_STACK_DEREGISTER(fiber->valgrind);
#else
    (void)fiber;
#endif
}

// A fiber begins or has ended. LeakSanitizer looks for pointers in the stacks of living fibers
// only; the frames that an ended fiber never left keep their red zones, so the shadow is cleaned.
GP__FIBER_HOOK gp__fiber_sanitizer_begin(struct gp__fiber *fiber)
{
#if defined(GP__FIBER_ASAN)
    fiber->asan_frames = NULL;
    __lsan_register_root_region(fiber->low, (size_t)((char *)(fiber + 1) - fiber->low));
#elif defined(GP__FIBER_TSAN)
    fiber->tsan_context = __tsan_create_fiber(0);
#else
    (void)fiber;
#endif
}

GP__FIBER_HOOK gp__fiber_sanitizer_end(struct gp__fiber *fiber)
{
#if defined(GP__FIBER_ASAN)
    __asan_unpoison_memory_region(fiber->low, (size_t)((char *)fiber - fiber->low));
    __lsan_unregister_root_region(fiber->low, (size_t)((char *)(fiber + 1) - fiber->low));
#elif defined(GP__FIBER_TSAN)
    __tsan_destroy_fiber(fiber->tsan_context);
#else
    (void)fiber;
#endif
}

// On the loop's stack, just before the switch to the fiber.
GP__FIBER_HOOK gp__fiber_sanitizer_leave_loop(struct gp__fiber *fiber)
{
#if defined(GP__FIBER_ASAN)
    __sanitizer_start_switch_fiber(&fiber->pool->loop_asan_frames, fiber->low,
                                   (size_t)((char *)fiber - fiber->low));
#elif defined(GP__FIBER_TSAN)
    fiber->pool->loop_tsan_context = __tsan_get_current_fiber();
    __tsan_switch_to_fiber(fiber->tsan_context, 0);
#else
    (void)fiber;
#endif
}

// On the fiber's stack, just after that switch.
GP__FIBER_HOOK gp__fiber_sanitizer_enter_fiber(struct gp__fiber *fiber)
{
#if defined(GP__FIBER_ASAN)
    __sanitizer_finish_switch_fiber(fiber->asan_frames, &fiber->pool->loop_low,
                                    &fiber->pool->loop_bytes);
#else
    (void)fiber;
#endif
}

// On the fiber's stack, just before the switch to the loop. ASan drops the fake stack of an ended
// fiber.
GP__FIBER_HOOK gp__fiber_sanitizer_leave_fiber(struct gp__fiber *fiber)
{
#if defined(GP__FIBER_ASAN)
    void **frames_r = fiber->state == GP__FIBER_DONE ? NULL : &fiber->asan_frames;
    __sanitizer_start_switch_fiber(frames_r, fiber->pool->loop_low, fiber->pool->loop_bytes);
#elif defined(GP__FIBER_TSAN)
    __tsan_switch_to_fiber(fiber->pool->loop_tsan_context, 0);
#else
    (void)fiber;
#endif
}

// On the loop's stack, just after that switch.
GP__FIBER_HOOK gp__fiber_sanitizer_enter_loop(struct gp__fiber_pool *pool)
{
#if defined(GP__FIBER_ASAN)
    __sanitizer_finish_switch_fiber(pool->loop_asan_frames, NULL, NULL);
#else
    (void)pool;
#endif
}

#endif
