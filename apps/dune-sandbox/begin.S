/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where the process begins; see entry.c. */

	.globl	begin
	.type	begin, @function
begin:
	.cfi_startproc
	.cfi_undefined rip
	mov	%rsp, %rdi
	/* the C library's own beginning is to find all as the kernel left it */
	mov	%rsp, %rbx
	mov	%rdx, %r12
	and	$-16, %rsp
	call	hide_variables
	mov	%rbx, %rsp
	mov	%r12, %rdx
	jmp	_start
	.cfi_endproc
	.size	begin, . - begin

	.section .note.GNU-stack, "", @progbits
