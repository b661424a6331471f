/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Into Dune, and what the CPU calls there. */
#include "internal.h"

	.text

/*
 * int dune_enter_guest(struct dune_thread *thread)
 *
 * Returns 0 in ring 0 of the guest, on the same stack; or, if that fails, a
 * negative errno where it was called.
 */
	.globl	dune_enter_guest
	.hidden	dune_enter_guest
	.type	dune_enter_guest, @function
dune_enter_guest:
	.cfi_startproc
	mov	THREAD_RUN(%rdi), %rax
	/* The guest begins as if this function had returned 0. */
	movq	$0, REGS_RAX(%rax)
	mov	%rbx, REGS_RBX(%rax)
	mov	%rbp, REGS_RBP(%rax)
	mov	%r12, REGS_R12(%rax)
	mov	%r13, REGS_R13(%rax)
	mov	%r14, REGS_R14(%rax)
	mov	%r15, REGS_R15(%rax)
	mov	(%rsp), %rcx
	mov	%rcx, REGS_RIP(%rax)
	lea	8(%rsp), %rcx
	mov	%rcx, REGS_RSP(%rax)
	pushfq
	.cfi_adjust_cfa_offset 8
	pop	REGS_RFLAGS(%rax)
	.cfi_adjust_cfa_offset -8

	push	%rbx
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset rbx, 0
	mov	%rsp, %rbx
	.cfi_def_cfa_register rbx
	mov	THREAD_HOST_STACK(%rdi), %rsp
	call	dune_host_loop
	/* It came back: the guest was never entered. */
	mov	%rbx, %rsp
	.cfi_def_cfa_register rsp
	pop	%rbx
	.cfi_adjust_cfa_offset -8
	.cfi_restore rbx
	ret
	.cfi_endproc
	.size	dune_enter_guest, . - dune_enter_guest

/*
 * long dune_raw_syscall(nr, a, b, c, d, e, f)
 *
 * In ring 0 of the guest the same instruction goes to libdune's entry, and
 * from there to the kernel.
 */
	.globl	dune_raw_syscall
	.hidden	dune_raw_syscall
	.type	dune_raw_syscall, @function
dune_raw_syscall:
	.cfi_startproc
	mov	%rdi, %rax
	mov	%rsi, %rdi
	mov	%rdx, %rsi
	mov	%rcx, %rdx
	mov	%r8, %r10
	mov	%r9, %r8
	mov	8(%rsp), %r9
	syscall
	ret
	.cfi_endproc
	.size	dune_raw_syscall, . - dune_raw_syscall

/* One stub for each vector, DUNE_TRAP_STUB_SIZE apart. */
	.globl	dune_trap_stubs
	.hidden	dune_trap_stubs
	.balign	DUNE_TRAP_STUB_SIZE
dune_trap_stubs:
	vector = 0
	.rept	DUNE_VECTORS
	.balign	DUNE_TRAP_STUB_SIZE
	/* 8, 10 to 14, 17, 21, 29 and 30 push an error code themselves */
	.if	((0x60227d00 >> vector) & 1) == 0
	push	$0
	.endif
	push	$vector
	jmp	trap
	vector = vector + 1
	.endr

	.type	trap, @function
trap:
	.cfi_startproc simple
	.cfi_signal_frame
	.cfi_def_cfa rsp, 56
	.cfi_offset rip, -40
	.cfi_offset rsp, -16
	push	%rax
	push	%rbx
	push	%rcx
	push	%rdx
	push	%rbp
	push	%rsi
	push	%rdi
	push	%r8
	push	%r9
	push	%r10
	push	%r11
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	.cfi_adjust_cfa_offset 120
	cld
	mov	%rsp, %rdi
	mov	%rsp, %rbp
	and	$-16, %rsp
	call	dune_trap
	mov	%rbp, %rsp
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%r11
	pop	%r10
	pop	%r9
	pop	%r8
	pop	%rdi
	pop	%rsi
	pop	%rbp
	pop	%rdx
	pop	%rcx
	pop	%rbx
	pop	%rax
	.cfi_adjust_cfa_offset -120
	add	$16, %rsp
	iretq
	.cfi_endproc
	.size	trap, . - trap

	.section .note.GNU-stack, "", @progbits
