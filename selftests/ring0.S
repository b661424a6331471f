/* SPDX-License-Identifier: GPL-2.0-only */
/* What the CPU calls in the tests of ring0.h, and how they try things. */
#include "ring0.h"

	.text

/* int ring0_run(const void *code, const void *arg) */
	.globl	ring0_run
	.hidden	ring0_run
ring0_run:
	push	%rbx
	push	%rbp
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	pushfq
	mov	%rsp, ring0_saved_rsp(%rip)
	mov	%rdi, %rax
	mov	%rsi, %rdi
	call	*%rax
	xor	%eax, %eax
ring0_return:
	movq	$0, ring0_saved_rsp(%rip)
	popfq
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbp
	pop	%rbx
	ret

/* What a try that goes to ring 3 begins with: struct ring0_frame */
	.globl	ring0_iret
	.hidden	ring0_iret
ring0_iret:
	mov	%rdi, %rax
	mov	40(%rax), %rdi
	mov	48(%rax), %rsi
	pushq	32(%rax)
	pushq	24(%rax)
	pushq	16(%rax)
	pushq	8(%rax)
	pushq	(%rax)
	iretq

/* One for each vector, 16 bytes apart. */
	.globl	ring0_stubs
	.hidden	ring0_stubs
	.balign	16
ring0_stubs:
	vector = 0
	.rept	256
	.balign	16
	/* 8, 10 to 14, 17, 21, 29 and 30 push an error code themselves */
	.if	vector > 31 || ((0x60227d00 >> (vector & 31)) & 1) == 0
	push	$0
	.endif
	push	$vector
	jmp	ring0_record
	vector = vector + 1
	.endr

/* SYSCALL and SYSENTER push nothing; make it look as if they did. */
	.globl	ring0_syscall
	.hidden	ring0_syscall
ring0_syscall:
	mov	%rsp, ring0_trap+TRAP_RSP(%rip)	/* for a moment */
	lea	ring0_stack+STACK_SIZE(%rip), %rsp
	pushq	$0
	pushq	ring0_trap+TRAP_RSP(%rip)
	pushfq
	pushq	$0
	pushq	%rcx
	movw	%cs, 8(%rsp)
	movw	%ss, 32(%rsp)
	pushq	$0
	pushq	$VECTOR_SYSCALL
	jmp	ring0_record

	.globl	ring0_sysenter
	.hidden	ring0_sysenter
ring0_sysenter:
	pushq	$0
	pushq	%rsp
	pushfq
	pushq	$0
	pushq	%rdx
	movw	%cs, 8(%rsp)
	movw	%ss, 32(%rsp)
	pushq	$0
	pushq	$VECTOR_SYSENTER

ring0_record:
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
	cld
	cmpq	$0, ring0_saved_rsp(%rip)
	je	ring0_not_tried
	mov	$(TRAP_CR2 / 8), %ecx
	mov	%rsp, %rsi
	lea	ring0_trap(%rip), %rdi
	rep movsq
	mov	%cr2, %rax
	mov	%rax, ring0_trap+TRAP_CR2(%rip)
	lea	TRAP_RIP(%rsp), %rax
	mov	%rax, ring0_trap+TRAP_HANDLER_RSP(%rip)
	mov	$KERNEL_DATA, %eax
	mov	%eax, %ss
	/* ring 3 may have lost it */
	mov	$MSR_FS_BASE, %ecx
	mov	ring0_fs_base(%rip), %eax
	mov	ring0_fs_base+4(%rip), %edx
	wrmsr
	mov	ring0_saved_rsp(%rip), %rsp
	mov	$1, %eax
	jmp	ring0_return

ring0_not_tried:
	cmpq	$14, TRAP_VECTOR(%rsp)
	je	ring0_to_libdune
	mov	%rsp, %rdi
	and	$-16, %rsp
	call	ring0_unexpected

/* As the CPU would have called it. */
ring0_to_libdune:
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
	add	$8, %rsp
	jmp	*ring0_page_fault(%rip)

	.section .note.GNU-stack, "", @progbits
