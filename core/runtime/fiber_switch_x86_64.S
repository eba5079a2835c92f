// SPDX-License-Identifier: Apache-2.0
// The fiber switch for x86-64, System V ABI. Empty on other machines and for x32. A switch is a
// call, so only callee-saved state matters: rbx, rbp, r12-r15, the control bits of MXCSR and the
// x87 control word (psABI 3.2.3). What is saved, from the saved stack pointer up:
//     0 MXCSR   4 x87 control word   8 r15   16 r14   24 r13   32 r12   40 rbx   48 rbp   56 return
// Both stacks look alike at the moment rsp changes, so one set of CFI rules holds for both.
// Indirect branch tracking is supported and announced. User shadow stacks are not (Debian 12 has
// them off): the object claims no SHSTK, so a libc that could enable them will not.

#if defined(__x86_64__) && !defined(__ILP32__) && !defined(GP__FIBER_USE_UCONTEXT)

    .text

// void gp__fiber_switch(void **save_sp [rdi], void *load_sp [rsi])
    .globl  gp__fiber_switch
    .hidden gp__fiber_switch
    .type   gp__fiber_switch, @function
    .p2align 4
gp__fiber_switch:
    .cfi_startproc
    endbr64
    pushq   %rbp
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset rbp, 0
    pushq   %rbx
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset rbx, 0
    pushq   %r12
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset r12, 0
    pushq   %r13
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset r13, 0
    pushq   %r14
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset r14, 0
    pushq   %r15
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset r15, 0
    subq    $8, %rsp
    .cfi_adjust_cfa_offset 8
    stmxcsr (%rsp)
    fnstcw  4(%rsp)
    movl    (%rsp), %eax
    movzwl  4(%rsp), %edx

    movq    %rsp, (%rdi)
    movq    %rsi, %rsp

    // Loading a control register stalls, and they seldom differ.
    cmpl    (%rsp), %eax
    jne     3f
1:  cmpw    4(%rsp), %dx
    jne     4f
2:  .cfi_remember_state
    addq    $8, %rsp
    .cfi_adjust_cfa_offset -8
    popq    %r15
    .cfi_adjust_cfa_offset -8
    .cfi_restore r15
    popq    %r14
    .cfi_adjust_cfa_offset -8
    .cfi_restore r14
    popq    %r13
    .cfi_adjust_cfa_offset -8
    .cfi_restore r13
    popq    %r12
    .cfi_adjust_cfa_offset -8
    .cfi_restore r12
    popq    %rbx
    .cfi_adjust_cfa_offset -8
    .cfi_restore rbx
    popq    %rbp
    .cfi_adjust_cfa_offset -8
    .cfi_restore rbp
    // Not ret: the return predictor expects the caller on the stack just left and would miss each
    // time.
    popq    %rcx
    .cfi_adjust_cfa_offset -8
    .cfi_register rip, rcx
    notrack jmp *%rcx

3:  .cfi_restore_state
    ldmxcsr (%rsp)
    jmp     1b
4:  fldcw   4(%rsp)
    jmp     2b
    .cfi_endproc
    .size   gp__fiber_switch, . - gp__fiber_switch

// The return address of a fiber's first switch: calls entry [r13] with arg [r12]. Outermost frame,
// hence no return address for unwinders. The nop belongs to the function because they look up the
// address before.
    .type   fiber_entry, @function
    .p2align 4
    .cfi_startproc
    .cfi_undefined rip
    nop
fiber_entry:
    endbr64
    movq    %r12, %rdi
    call    *%r13
    ud2
    .cfi_endproc
    .size   fiber_entry, . - fiber_entry

// void *gp__fiber_prepare(void *top [rdi], void (*entry)(void *) [rsi], void *arg [rdx], void *low)
// rsp is a multiple of 16 at the call in fiber_entry. The fiber inherits the floating-point
// control. Two zero words above the frame stop unwinders that take no notice of an undefined return
// address (valgrind).
    .globl  gp__fiber_prepare
    .hidden gp__fiber_prepare
    .type   gp__fiber_prepare, @function
    .p2align 4
gp__fiber_prepare:
    .cfi_startproc
    endbr64
    andq    $-16, %rdi
    leaq    -80(%rdi), %rax
    leaq    fiber_entry(%rip), %rcx
    stmxcsr (%rax)
    fnstcw  4(%rax)
    movq    $0, 8(%rax)
    movq    $0, 16(%rax)
    movq    %rsi, 24(%rax)
    movq    %rdx, 32(%rax)
    movq    $0, 40(%rax)
    movq    $0, 48(%rax)
    movq    %rcx, 56(%rax)
    movq    $0, 64(%rax)
    movq    $0, 72(%rax)
    ret
    .cfi_endproc
    .size   gp__fiber_prepare, . - gp__fiber_prepare

#endif

#include "core/runtime/fiber_switch_note.inc"
