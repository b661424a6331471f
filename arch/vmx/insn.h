/* SPDX-License-Identifier: GPL-2.0-only */
/* The VMX instructions, one typed function each. */
#ifndef DUNE_VMX_INSN_H
#define DUNE_VMX_INSN_H

#include <linux/types.h>
#include <asm/asm.h>

/**
 * vmx_vmxon() - enter VMX operation
 * @region: physical address of this CPU's VMXON region
 *
 * Return: 0, or -EIO when the CPU refuses or faults.
 */
static inline int vmx_vmxon(u64 region)
{
	asm goto("1: vmxon %0\n\t"
		 "jbe %l[fault]\n\t"
		 _ASM_EXTABLE(1b, %l[fault])
		 : : "m" (region) : "cc", "memory" : fault);
	return 0;
fault:
	return -EIO;
}

/**
 * vmx_vmxoff() - leave VMX operation
 *
 * Faults, harmlessly, when somebody else left it already (the kernel does
 * when it crashes).
 */
static inline void vmx_vmxoff(void)
{
	asm goto("1: vmxoff\n\t"
		 _ASM_EXTABLE(1b, %l[fault])
		 : : : "cc", "memory" : fault);
fault:
	return;
}

#endif /* DUNE_VMX_INSN_H */
