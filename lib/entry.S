/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Into Dune, and what the CPU calls there. */
#include "internal.h"

	.text

/* @kind: "simple" where it is no C that called it, but what it interrupted. */
	.macro	begin name, kind
	.type	\name, @function
\name:
	.cfi_startproc \kind
	.ifnb	\kind
	.cfi_signal_frame
	.endif
	.endm

	.macro	end name
	.cfi_endproc
	.size	\name, . - \name
	.endm

/* A place that the C part of libdune knows, and nobody else. */
	.macro	place name
	.globl	\name
	.hidden	\name
\name:
	.endm

	.macro	function name, kind
	.globl	\name
	.hidden	\name
	begin	\name, \kind
	.endm

/* What a function leaves as it was. */
	.macro	push_saved
	.irp	reg, rbx, rbp, r12, r13, r14, r15
	push	%\reg
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset \reg, 0
	.endr
	.endm

	.macro	pop_saved
	.irp	reg, r15, r14, r13, r12, rbp, rbx
	pop	%\reg
	.cfi_adjust_cfa_offset -8
	.cfi_restore \reg
	.endr
	.endm

/* A function's arguments: the number of a system call and those of that. */
	.macro	pass_on_arguments
	mov	%rdi, %rax
	mov	%rsi, %rdi
	mov	%rdx, %rsi
	mov	%rcx, %rdx
	mov	%r8, %r10
	mov	%r9, %r8
	.endm

/*
 * int dune_enter_guest(struct dune_thread *thread)
 *
 * Returns 0 in ring 0 of the guest, on the same stack; or, if that fails, a
 * negative errno where it was called.
 */
	function dune_enter_guest
	push_saved
	/* the guest begins at 1 */
	mov	THREAD_RUN(%rdi), %rax
	lea	1f(%rip), %rcx
	mov	%rcx, REGS_RIP(%rax)
	mov	%rsp, REGS_RSP(%rax)
	pushfq
	.cfi_adjust_cfa_offset 8
	pop	REGS_RFLAGS(%rax)
	.cfi_adjust_cfa_offset -8

	mov	%rsp, %r12
	.cfi_def_cfa_register r12
	mov	THREAD_HOST_STACK(%rdi), %rsp
	mov	%rdi, %rbx
	lea	dune_host_loop(%rip), %rax
	call	dune_host_side
	/* It came back: the guest was never entered. */
	mov	%r12, %rsp
	.cfi_def_cfa_register rsp
	jmp	2f
1:	xor	%eax, %eax
2:	pop_saved
	ret
	end	dune_enter_guest

/* DWARF's numbers: of registers, and of what computes where they are. */
#define DWARF_RIP	16
#define DW_CFA_def_cfa_expression	0x0f
#define DW_CFA_expression		0x10
#define DW_OP_breg3	0x73	/* rbx and an offset */
#define DW_OP_deref	0x06
#define DW_OP_const1u	0x08
#define DW_OP_const2s	0x0b
#define DW_OP_dup	0x12
#define DW_OP_and	0x1a
#define DW_OP_minus	0x1c
#define DW_OP_mul	0x1e
#define DW_OP_plus_uconst 0x23
#define DW_OP_eq	0x29
#define DW_OP_lit0	0x30

/* A register of the guest, in the run page. */
	.macro	in_run_page number, offset
	.cfi_escape DW_CFA_expression, \number, 6, \
		DW_OP_breg3, THREAD_RUN, DW_OP_deref, \
		DW_OP_plus_uconst, (\offset & 0x7f) | 0x80, \offset >> 7
	.endm

/*
 * The host's side of a thread: calls the function in rax with the thread, which
 * is in rdi and rbx. To a debugger what called this is the guest, where it is
 * now; or behind its system call, if it is in what SYSCALL calls.
 */
	begin	dune_host_side, simple
	.cfi_escape DW_CFA_def_cfa_expression, 6, \
		DW_OP_breg3, THREAD_RUN, DW_OP_deref, \
		DW_OP_plus_uconst, REGS_RSP, DW_OP_deref
	/* DWARF's numbers, in the order in which they are there */
	offset = REGS_RAX
	.irp	number, 0, 2, 1, 3, 7, 6, 4, 5, 8, 9, 10, 11, 12, 13, 14, 15
	in_run_page \number, offset
	offset = offset + 8
	.endr
	/* run + RIP - (RIP - RCX) * (((rip - entry) & -PAGE_SIZE) == 0) */
	.cfi_escape DW_CFA_expression, DWARF_RIP, 22, \
		DW_OP_breg3, THREAD_RUN, DW_OP_deref, \
		DW_OP_plus_uconst, (REGS_RIP & 0x7f) | 0x80, REGS_RIP >> 7, \
		DW_OP_dup, DW_OP_deref, \
		DW_OP_breg3, THREAD_SYSCALL_ENTRY, DW_OP_deref, DW_OP_minus, \
		DW_OP_const2s, 0x00, 0xf0, DW_OP_and, DW_OP_lit0, DW_OP_eq, \
		DW_OP_const1u, REGS_RIP - REGS_RCX, DW_OP_mul, DW_OP_minus
	/* the program's own functions may be called there */
	sub	$8, %rsp
	call	*%rax
	add	$8, %rsp
	ret
	end	dune_host_side

/*
 * long dune_syscall(nr, a, b, c, d, e, f)
 *
 * In ring 0 of the guest the same instruction goes to libdune's entry, and
 * from there to the kernel.
 */
	.globl	dune_syscall
	begin	dune_syscall
	pass_on_arguments
	mov	8(%rsp), %r9
	syscall
	place	dune_syscall_return
	ret
	end	dune_syscall

/*
 * long dune_run_vcpu(int vcpu)
 *
 * dune_run_syscall tells a signal handler that the kernel is about to make the
 * call again.
 */
	function dune_run_vcpu
	mov	$16, %eax
	mov	$0xd710, %esi
	xor	%edx, %edx
	place	dune_run_syscall
	syscall
	place	dune_run_return
	ret
	end	dune_run_vcpu

/*
 * long dune_forward_syscall(struct dune_thread *thread, struct dune_regs *regs)
 *
 * Makes the guest's system call; or returns DUNE_RESTART, when there is a
 * signal for the guest before it was made, or that interrupted it such that it
 * is to be made again. A handler on the host's side that finds itself between
 * begin and end goes on at restart: so no signal comes too late to keep the
 * call from sleeping.
 */
	function dune_forward_syscall
	place	dune_forward_begin
	cmpb	$0, THREAD_SIGNALLED(%rdi)
	jne	dune_forward_restart
	mov	%rsi, %r11
	mov	REGS_RAX(%r11), %rax
	mov	REGS_RDI(%r11), %rdi
	mov	REGS_RSI(%r11), %rsi
	mov	REGS_RDX(%r11), %rdx
	mov	REGS_R10(%r11), %r10
	mov	REGS_R8(%r11), %r8
	mov	REGS_R9(%r11), %r9
	syscall
	place	dune_forward_end
	ret
	place	dune_forward_restart
	mov	$DUNE_RESTART, %rax
	ret
	end	dune_forward_syscall

/*
 * long dune_raw_clone(nr, a, b, c, d, e, struct dune_thread *child)
 *
 * With a child it begins on its own stack, and does not return here.
 */
	function dune_raw_clone
	push	%r12
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset r12, 0
	mov	16(%rsp), %r12
	pass_on_arguments
	syscall
	test	%rax, %rax
	jnz	1f
	test	%r12, %r12
	jz	1f
	mov	%r12, %rdi
	mov	%r12, %rbx
	lea	dune_child_loop(%rip), %rax
	call	dune_host_side
	ud2
1:	pop	%r12
	.cfi_adjust_cfa_offset -8
	.cfi_restore r12
	ret
	end	dune_raw_clone

/*
 * void dune_leave_block(uint8_t *used, long status)
 *
 * Ends the thread. From the first instruction on its stack may be another's.
 */
	function dune_leave_block
	.cfi_undefined rip
	movb	$0, (%rdi)
	mov	%rsi, %rdi
	mov	$60, %eax
	syscall
	ud2
	end	dune_leave_block

/*
 * void dune_return_outside(const void *context)
 *
 * Has the kernel load what a signal's frame says.
 */
	function dune_return_outside
	.cfi_undefined rip
	mov	%rdi, %rsp
	jmp	dune_signal_restorer
	end	dune_return_outside

/*
 * Where a handler ends up that returns to what can be no address: there a
 * guest cannot be entered (Intel SDM, "Checks on Guest RIP, RFLAGS, and SSP"),
 * so that the exception has to be raised within.
 */
	place	dune_bad_return
	movabs	0x8000000000000000, %al
	ud2

/*
 * void dune_jump(uint64_t start, uint64_t stack)
 *
 * Begins a program, with the stack that was made for it.
 */
	function dune_jump
	.cfi_undefined rip
	mov	%rsi, %rsp
	/* rdx would be called at the end of the program */
	xor	%edx, %edx
	xor	%ebp, %ebp
	cld
	jmp	*%rdi
	end	dune_jump

/*
 * bool dune_probe_read(uint64_t address, siginfo_t *info)
 * bool dune_probe_write(uint64_t address, siginfo_t *info)
 *
 * Is there something to read, or to write? Where not, the signal handler
 * fills info and goes on at failed.
 */
	function dune_probe_read
	place	dune_probe_read_access
	movb	(%rdi), %al
	mov	$1, %eax
	ret
	end	dune_probe_read

	function dune_probe_write
	place	dune_probe_write_access
	lock orb $0, (%rdi)
	mov	$1, %eax
	ret
	place	dune_probe_failed
	xor	%eax, %eax
	ret
	end	dune_probe_write

/*
 * int dune_copy_bytes(void *to, const void *from, size_t size)
 *
 * Returns 0, or 1 when one could not be read or written: the exception goes on
 * at failed.
 */
	function dune_copy_bytes
	mov	%rdx, %rcx
	xor	%eax, %eax
	place	dune_copy_access
	rep movsb
	ret
	place	dune_copy_failed
	mov	$1, %eax
	ret
	end	dune_copy_bytes

	/* unwinders know it by its bytes, where nobody describes the one before */
	nop
	place	dune_signal_restorer
	mov	$15, %rax
	syscall

/* One stub for each vector, DUNE_TRAP_STUB_SIZE apart. */
	.balign	DUNE_TRAP_STUB_SIZE
	place	dune_trap_stubs
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

/* A struct dune_frame, above which is what the CPU, or its like, has pushed. */
	.macro	push_registers
	.irp	reg, rax, rbx, rcx, rdx, rbp, rsi, rdi, r8, r9, r10, r11, r12, \
		r13, r14, r15
	push	%\reg
	.endr
	.endm

	.macro	pop_registers
	.irp	reg, r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rdx, \
		rcx, rbx, rax
	pop	%\reg
	.endr
	.endm

/* Where it has them, from its end. */
	.macro	cfi_frame
	.cfi_offset rip, -40
	.cfi_offset rsp, -16
	offset = -FRAME_SIZE
	.irp	reg, r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rdx, \
		rcx, rbx, rax
	.cfi_offset \reg, offset
	offset = offset + 8
	.endr
	.endm

	begin	trap, simple
	.cfi_def_cfa rsp, 56
	.cfi_offset rip, -40
	.cfi_offset rsp, -16
	push_registers
	.cfi_adjust_cfa_offset 120
	cfi_frame
	/* ring 3 may have set the direction, and AC */
	push	$2
	.cfi_adjust_cfa_offset 8
	popfq
	.cfi_adjust_cfa_offset -8
	mov	%rsp, %rdi
	call	dune_trap
	test	%rax, %rax
	jz	resume
	/* the frame is where the handler's stack begins now */
	mov	%rsp, %rsi
	mov	%rax, %rdi
	mov	%rax, %rsp
	call	dune_handle
	end	trap

/* Goes on with the frame that is at rsp; trap does so, too. */
	begin	resume, simple
	.cfi_def_cfa rsp, 176
	cfi_frame
	pop_registers
	.cfi_adjust_cfa_offset -120
	add	$16, %rsp
	.cfi_adjust_cfa_offset -16
	iretq
	end	resume

/*
 * SYSCALL of ring 3, behind what thread.c makes: on the stack where
 * dune_enter_user() left it, which has the thread. Up to end nothing is lost yet:
 * who interrupts it makes ring 3 do it again.
 */
	.cfi_startproc simple
	.cfi_signal_frame
	.cfi_def_cfa rsp, 0
	.cfi_undefined rip
	/* where dune_call_user() returns to: unwinders look before that */
	nop
	place	dune_user_entry
	/* no signal, no step, the direction that C expects */
	push	$2
	popfq
	place	dune_user_entry_end
	push	$RING3_DATA
	push	$0
	push	%r11
	push	$RING3_CODE
	push	%rcx
	push	$0
	push	$DUNE_SYSCALL
	push_registers
	.cfi_adjust_cfa_offset 176
	cfi_frame
	mov	FRAME_SIZE(%rsp), %rdi
	mov	THREAD_USER_RSP(%rdi), %rax
	mov	%rax, FRAME_RSP(%rsp)
	mov	%rsp, %rsi
	call	dune_user_syscall
	test	%eax, %eax
	jz	resume
	pop_registers
	.cfi_adjust_cfa_offset -120
	/* rcx and r11 are its RIP and RFLAGS */
	mov	40(%rsp), %rsp
	.cfi_def_cfa rsp, 0
	sysretq
	.cfi_endproc

/*
 * void dune_enter_user(struct dune_thread *thread, struct dune_frame *frame)
 *
 * Loads the frame, which is of ring 3; interrupts are off. Returns when
 * dune_exit_user() is called, on whatever stack, with what rsp was here.
 */
	function dune_enter_user
	push_saved
	/* and now it is aligned, for what SYSCALL calls */
	push	%rdi
	.cfi_adjust_cfa_offset 8
	mov	%rsp, THREAD_RING0_RSP(%rdi)
	mov	%rsi, %rsp
	jmp	resume
	end	dune_enter_user

/* void dune_exit_user(uint64_t rsp) */
	function dune_exit_user
	lea	8(%rdi), %rsp
	.cfi_def_cfa rsp, 56
	pop_saved
	ret
	end	dune_exit_user

/*
 * Goes on with a frame that is at rsp, wherever that is: what the host's side
 * has a thread begin or continue with.
 */
	function dune_resume_frame, simple
	.cfi_def_cfa rsp, 176
	cfi_frame
	mov	%rsp, %rdi
	call	dune_user_resume
	jmp	resume
	end	dune_resume_frame

	.section .note.GNU-stack, "", @progbits
