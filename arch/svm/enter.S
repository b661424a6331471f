/* SPDX-License-Identifier: GPL-2.0-only */
/* Into the guest and out of it. */
#include <linux/linkage.h>
#include <linux/version.h>
#include <asm/asm.h>
#include <asm/msr-index.h>
#include <asm/nospec-branch.h>
#include <asm/unwind_hints.h>

#include "../clear_buffers.h"
#include "dune-asm-offsets.h"

/*
 * The guest is not to have trained where our returns go. 6.12 tells exits from
 * other entries to the kernel; 7.0 has its barrier for KVM alone.
 */
.macro FORGET_RETURNS
#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 0, 0)
	VALIDATE_UNRET_END
	CALL_UNTRAIN_RET
	ALTERNATIVE "jmp .Lno_barrier_\@", "", X86_FEATURE_IBPB_ON_VMEXIT
	mov	$MSR_IA32_PRED_CMD, %ecx
	mov	$PRED_CMD_IBPB, %eax
	xor	%edx, %edx
	wrmsr
.Lno_barrier_\@:
#elif defined(UNTRAIN_RET_VM)
	UNTRAIN_RET_VM
#else
	UNTRAIN_RET
#endif
.endm

.section .noinstr.text, "ax"

/**
 * svm_enter - run the guest until it exits
 * @regs: (rdi) struct dune_regs, of which all but rax, rsp, rip and rflags
 *	are loaded and stored here; the VMCB has the others
 * @vmcb_pa: (rsi) physical address of the VMCB
 * @host_state_pa: (rdx) physical address of what VMSAVE saved of the host
 *
 * Called with interrupts off. Nothing reaches the host while GIF is clear;
 * with interrupts on meanwhile, one that arrives ends the guest (AMD APM
 * vol. 2, "Global Interrupt, STGI and CLGI Instructions" and "Virtualizing
 * INTR").
 */
SYM_FUNC_START(svm_enter)
	push	%rbp
	mov	%rsp, %rbp
	push	%r15
	push	%r14
	push	%r13
	push	%r12
	push	%rbx
	push	%rdx
	push	%rdi

	clgi
	sti

	mov	%rsi, %rax
	vmload	%rax

	mov	REGS_rcx(%rdi), %rcx
	mov	REGS_rdx(%rdi), %rdx
	mov	REGS_rbx(%rdi), %rbx
	mov	REGS_rbp(%rdi), %rbp
	mov	REGS_rsi(%rdi), %rsi
	mov	REGS_r8(%rdi), %r8
	mov	REGS_r9(%rdi), %r9
	mov	REGS_r10(%rdi), %r10
	mov	REGS_r11(%rdi), %r11
	mov	REGS_r12(%rdi), %r12
	mov	REGS_r13(%rdi), %r13
	mov	REGS_r14(%rdi), %r14
	mov	REGS_r15(%rdi), %r15
	mov	REGS_rdi(%rdi), %rdi

	/* The guest is not to find the host's data in CPU buffers. */
	CLEAR_BUFFERS X86_FEATURE_CLEAR_CPU_BUF_VM

	vmrun	%rax

	/* rax and rsp are the host's again, all others the guest's. */
	push	%rdi
	mov	8(%rsp), %rdi
	mov	%rcx, REGS_rcx(%rdi)
	mov	%rdx, REGS_rdx(%rdi)
	mov	%rbx, REGS_rbx(%rdi)
	mov	%rbp, REGS_rbp(%rdi)
	mov	%rsi, REGS_rsi(%rdi)
	mov	%r8, REGS_r8(%rdi)
	mov	%r9, REGS_r9(%rdi)
	mov	%r10, REGS_r10(%rdi)
	mov	%r11, REGS_r11(%rdi)
	mov	%r12, REGS_r12(%rdi)
	mov	%r13, REGS_r13(%rdi)
	mov	%r14, REGS_r14(%rdi)
	mov	%r15, REGS_r15(%rdi)
	pop	REGS_rdi(%rdi)

	vmsave	%rax
	mov	8(%rsp), %rax
	vmload	%rax

	/* No return before this: the guest trained the predictor. */
	FILL_RETURN_BUFFER %rax, RSB_CLEAR_LOOPS, X86_FEATURE_RETPOLINE

	/* The guest's values are not to be speculated with. */
	xor	%ecx, %ecx
	xor	%edx, %edx
	xor	%esi, %esi
	xor	%r8d, %r8d
	xor	%r9d, %r9d
	xor	%r10d, %r10d
	xor	%r11d, %r11d

	FORGET_RETURNS

	/* Not before this either: an NMI that waited comes now, and returns. */
	cli
	stgi

	pop	%rdi
	pop	%rdx
	pop	%rbx
	pop	%r12
	pop	%r13
	pop	%r14
	pop	%r15
	pop	%rbp
	RET
SYM_FUNC_END(svm_enter)
