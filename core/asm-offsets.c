// SPDX-License-Identifier: GPL-2.0-only
/* Constants for the assembly, made from the C definitions. */
#include <linux/kbuild.h>
#include <linux/stddef.h>
#include <uapi/linux/dune.h>

#define REG(name) OFFSET(REGS_##name, dune_regs, name)

static void __used common(void)
{
	REG(rax);
	REG(rcx);
	REG(rdx);
	REG(rbx);
	REG(rbp);
	REG(rsi);
	REG(rdi);
	REG(r8);
	REG(r9);
	REG(r10);
	REG(r11);
	REG(r12);
	REG(r13);
	REG(r14);
	REG(r15);
}
