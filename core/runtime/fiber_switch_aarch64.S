// SPDX-License-Identifier: Apache-2.0
// The fiber switch for 64-bit Arm, AAPCS64. Empty on other machines and for ILP32. Callee-saved:
// x19-x28, x29 (frame), x30 (return address), the low halves of v8-v15; FPCR is kept too. x18 is
// the platform's. What is saved, from the saved stack pointer up:
//     0 x29 x30   16 x19-x28   96 d8-d15   160 FPCR   168 unused
// Both stacks look alike at the moment sp changes, so one set of CFI rules holds for both. Branch
// target identification is supported and announced (hint #34 is "bti c", a no-op on older cores).
// Return addresses on parked stacks are not signed.

#if defined(__aarch64__) && !defined(__ILP32__) && !defined(GP__FIBER_USE_UCONTEXT)

    .text

// void gp__fiber_switch(void **save_sp [x0], void *load_sp [x1])
    .globl  gp__fiber_switch
    .hidden gp__fiber_switch
    .type   gp__fiber_switch, %function
    .p2align 4
gp__fiber_switch:
    .cfi_startproc
    hint    #34
    stp     x29, x30, [sp, #-176]!
    .cfi_def_cfa_offset 176
    .cfi_offset x29, -176
    .cfi_offset x30, -168
    stp     x19, x20, [sp, #16]
    .cfi_offset x19, -160
    .cfi_offset x20, -152
    stp     x21, x22, [sp, #32]
    .cfi_offset x21, -144
    .cfi_offset x22, -136
    stp     x23, x24, [sp, #48]
    .cfi_offset x23, -128
    .cfi_offset x24, -120
    stp     x25, x26, [sp, #64]
    .cfi_offset x25, -112
    .cfi_offset x26, -104
    stp     x27, x28, [sp, #80]
    .cfi_offset x27, -96
    .cfi_offset x28, -88
    // DWARF numbers v8-v15 72-79.
    stp     d8, d9, [sp, #96]
    .cfi_offset 72, -80
    .cfi_offset 73, -72
    stp     d10, d11, [sp, #112]
    .cfi_offset 74, -64
    .cfi_offset 75, -56
    stp     d12, d13, [sp, #128]
    .cfi_offset 76, -48
    .cfi_offset 77, -40
    stp     d14, d15, [sp, #144]
    .cfi_offset 78, -32
    .cfi_offset 79, -24
    mrs     x9, fpcr
    str     x9, [sp, #160]

    mov     x10, sp
    str     x10, [x0]
    mov     sp, x1

    // Writing FPCR stalls many cores; it seldom differs.
    ldr     x10, [sp, #160]
    cmp     x9, x10
    b.eq    1f
    msr     fpcr, x10
1:
    ldp     x19, x20, [sp, #16]
    ldp     x21, x22, [sp, #32]
    ldp     x23, x24, [sp, #48]
    ldp     x25, x26, [sp, #64]
    ldp     x27, x28, [sp, #80]
    ldp     d8, d9, [sp, #96]
    ldp     d10, d11, [sp, #112]
    ldp     d12, d13, [sp, #128]
    ldp     d14, d15, [sp, #144]
    ldp     x29, x30, [sp], #176
    .cfi_def_cfa_offset 0
    .cfi_restore x29
    .cfi_restore x30
    .cfi_restore x19
    .cfi_restore x20
    .cfi_restore x21
    .cfi_restore x22
    .cfi_restore x23
    .cfi_restore x24
    .cfi_restore x25
    .cfi_restore x26
    .cfi_restore x27
    .cfi_restore x28
    .cfi_restore 72
    .cfi_restore 73
    .cfi_restore 74
    .cfi_restore 75
    .cfi_restore 76
    .cfi_restore 77
    .cfi_restore 78
    .cfi_restore 79
    ret
    .cfi_endproc
    .size   gp__fiber_switch, . - gp__fiber_switch

// The return address of a fiber's first switch: calls entry [x20] with arg [x19]. Outermost frame,
// hence no return address for unwinders. The nop belongs to the function because they look up the
// address before.
    .type   fiber_entry, %function
    .p2align 4
    .cfi_startproc
    .cfi_undefined x30
    nop
fiber_entry:
    mov     x0, x19
    blr     x20
    brk     #1
    .cfi_endproc
    .size   fiber_entry, . - fiber_entry

// void *gp__fiber_prepare(void *top [x0], void (*entry)(void *) [x1], void *arg [x2], void *low)
// The fiber inherits the floating-point control; the other registers start as anything.
    .globl  gp__fiber_prepare
    .hidden gp__fiber_prepare
    .type   gp__fiber_prepare, %function
    .p2align 4
gp__fiber_prepare:
    .cfi_startproc
    hint    #34
    and     x0, x0, #-16
    sub     x0, x0, #176
    adr     x9, fiber_entry
    stp     xzr, x9, [x0]
    stp     x2, x1, [x0, #16]
    mrs     x9, fpcr
    str     x9, [x0, #160]
    ret
    .cfi_endproc
    .size   gp__fiber_prepare, . - gp__fiber_prepare

#endif

#include "core/runtime/fiber_switch_note.inc"
