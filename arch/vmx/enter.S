/* SPDX-License-Identifier: GPL-2.0-only */
/* Into the guest and out of it. */
#include <linux/linkage.h>
#include <linux/version.h>
#include <asm/asm.h>
#include <asm/msr-index.h>
#include <asm/nospec-branch.h>
#include <asm/percpu.h>
#include <asm/unwind_hints.h>

#include "../clear_buffers.h"
#include "dune-asm-offsets.h"

#define HOST_RSP_FIELD	0x6c14

.section .noinstr.text, "ax"

/**
 * vmx_enter - run the guest until it exits
 * @regs: (rdi) struct dune_regs, of which all but rsp, rip and rflags are
 *	loaded and stored here; the VMCS has the others
 * @launched: (sil) VMRESUME, not VMLAUNCH
 *
 * Called with interrupts off, and returns so: one that arrives stays pending
 * (Intel SDM, "External-interrupt exiting" without "acknowledge interrupt on
 * exit").
 *
 * Returns 0 after an exit, 1 when the instruction failed.
 */
SYM_FUNC_START(vmx_enter)
	push	%rbp
	mov	%rsp, %rbp
	push	%r15
	push	%r14
	push	%r13
	push	%r12
	push	%rbx
	push	%rdi

	mov	$HOST_RSP_FIELD, %eax
	vmwrite	%rsp, %rax

	/* Nothing below changes the flags until they decide. */
	test	%sil, %sil

	mov	REGS_rax(%rdi), %rax
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

	jz	.Llaunch

	/* The CPU comes back at vmx_exited, with rsp as of now. */
	UNWIND_HINT_SAVE
	/* The guest is not to find the host's data in CPU buffers. */
	CLEAR_BUFFERS X86_FEATURE_CLEAR_CPU_BUF
.Lvmresume:
	vmresume
	jmp	.Lfailed
.Llaunch:
	CLEAR_BUFFERS X86_FEATURE_CLEAR_CPU_BUF
.Lvmlaunch:
	vmlaunch
	jmp	.Lfailed

	/* VMX operation was left under us: the machine goes down. */
	_ASM_EXTABLE(.Lvmresume, .Lfailed)
	_ASM_EXTABLE(.Lvmlaunch, .Lfailed)

SYM_INNER_LABEL(vmx_exited, SYM_L_GLOBAL)
	UNWIND_HINT_RESTORE
	ENDBR
	push	%rdi
	mov	8(%rsp), %rdi
	mov	%rax, REGS_rax(%rdi)
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
	xor	%ebx, %ebx

.Lleave:
	/* No return before this: the guest trained the predictor. */
	FILL_RETURN_BUFFER %rcx, RSB_CLEAR_LOOPS, X86_FEATURE_RSB_VMEXIT, \
			   X86_FEATURE_RSB_VMEXIT_LITE
#if LINUX_VERSION_CODE < KERNEL_VERSION(7, 0, 0)
	CLEAR_BRANCH_HISTORY_VMEXIT
#endif

	/*
	 * Where the kernel has IBRS on, writing it again is what makes older
	 * branches of the guest harmless.
	 */
	ALTERNATIVE "jmp .Lno_ibrs", "", X86_FEATURE_KERNEL_IBRS
	mov	$MSR_IA32_SPEC_CTRL, %ecx
	mov	PER_CPU_VAR(x86_spec_ctrl_current), %rax
	mov	%rax, %rdx
	shr	$32, %rdx
	wrmsr
.Lno_ibrs:
	/* The guest's values are not to be speculated with. */
	mov	%ebx, %eax
	xor	%ecx, %ecx
	xor	%edx, %edx
	xor	%esi, %esi
	xor	%r8d, %r8d
	xor	%r9d, %r9d
	xor	%r10d, %r10d
	xor	%r11d, %r11d

	pop	%rdi
	pop	%rbx
	pop	%r12
	pop	%r13
	pop	%r14
	pop	%r15
	pop	%rbp
	RET

.Lfailed:
	mov	$1, %ebx
	jmp	.Lleave
SYM_FUNC_END(vmx_enter)
