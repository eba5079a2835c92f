// SPDX-License-Identifier: Apache-2.0
// The fiber switch for machines without assembly of ours: swapcontext, some twenty times slower
// because it saves the signal mask with a system call. Same contract as the .S files; the saved
// "stack pointer" points to a ucontext_t that lies on the stack being left.
// -DGP__FIBER_USE_UCONTEXT selects it anywhere, for tests.
#include "core/runtime/fiber_stack.h"

#if defined(GP__FIBER_USE_UCONTEXT) || defined(__ILP32__) ||                                       \
    !(defined(__x86_64__) || defined(__aarch64__))

#include <ucontext.h>

// Where a fresh stack keeps what its first switch needs.
struct fiber_start {
    ucontext_t context;
    void (*entry)(void *arg);
    void *arg;
};

void gp__fiber_switch(void **save_sp, void *load_sp)
{
    // Zeroed: ASan's interceptor reads uc_stack of a context it resumes.
    ucontext_t here = {0};

    *save_sp = &here;
    gp__fiber_require(swapcontext(&here, load_sp) == 0, "swapcontext failed");
}

// makecontext passes ints only, so the pointer comes in two halves.
static void fiber_entry(unsigned high, unsigned low)
{
    struct fiber_start *start = (struct fiber_start *)(uintptr_t)((uint64_t)high << 32 | low);

    start->entry(start->arg);
}

void *gp__fiber_prepare(void *top, void (*entry)(void *arg), void *arg, void *low)
{
    uintptr_t address = ((uintptr_t)top - sizeof(struct fiber_start)) & ~(uintptr_t)63;
    struct fiber_start *start = (struct fiber_start *)address;
    uint64_t bits = address;

    gp__fiber_require(getcontext(&start->context) == 0, "getcontext failed");
    start->entry = entry;
    start->arg = arg;
    start->context.uc_link = NULL;
    start->context.uc_stack.ss_sp = low;
    start->context.uc_stack.ss_size = address - (uintptr_t)low;
    makecontext(&start->context, (void (*)(void))fiber_entry, 2, (unsigned)(bits >> 32),
                (unsigned)bits);
    return &start->context;
}

#endif
