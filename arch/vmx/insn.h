/* SPDX-License-Identifier: GPL-2.0-only */
/* The VMX instructions, one typed function each. */
#ifndef DUNE_VMX_INSN_H
#define DUNE_VMX_INSN_H

#include <linux/bug.h>
#include <linux/types.h>
#include <asm/asm.h>
#include <asm/vmx.h>

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

/*
 * The functions below fault when VMX operation was left under them, which
 * happens only while the machine goes down. Then nothing matters any more but
 * that the fault is survived.
 */

/**
 * vmx_vmclear() - write a VMCS back to memory, it is no longer this CPU's
 * @vmcs: its physical address
 */
static inline void vmx_vmclear(u64 vmcs)
{
	asm goto("1: vmclear %0\n\t"
		 _ASM_EXTABLE(1b, %l[fault])
		 : : "m" (vmcs) : "cc", "memory" : fault);
fault:
	return;
}

/**
 * vmx_vmptrld() - make a VMCS the one that this CPU works with
 * @vmcs: its physical address
 */
static inline void vmx_vmptrld(u64 vmcs)
{
	asm goto("1: vmptrld %0\n\t"
		 _ASM_EXTABLE(1b, %l[fault])
		 : : "m" (vmcs) : "cc", "memory" : fault);
fault:
	return;
}

/* Bits 13 and 14 of a field's encoding are its width. */
#define VMX_FIELD_WIDTH(field)	((field) >> 13 & 3)
#define VMX_WIDTH_16		0
#define VMX_WIDTH_64		1
#define VMX_WIDTH_32		2
#define VMX_WIDTH_NATURAL	3

static __always_inline unsigned long vmx_read_any(unsigned long field)
{
	unsigned long value = 0;

	asm volatile("1: vmread %1, %0\n\t"
		     "2:\n\t"
		     _ASM_EXTABLE(1b, 2b)
		     : "+r" (value) : "r" (field) : "cc");
	return value;
}

static __always_inline void vmx_write_any(unsigned long field,
					  unsigned long value)
{
	asm volatile("1: vmwrite %1, %0\n\t"
		     "2:\n\t"
		     _ASM_EXTABLE(1b, 2b)
		     : : "r" (field), "rm" (value) : "cc");
}

#define VMX_FIELD_MUST_BE(field, width)					\
	BUILD_BUG_ON_MSG(VMX_FIELD_WIDTH(field) != (width),		\
			 "VMCS field of another width")

static __always_inline u16 vmx_read16(unsigned long field)
{
	VMX_FIELD_MUST_BE(field, VMX_WIDTH_16);
	return vmx_read_any(field);
}

static __always_inline void vmx_write16(unsigned long field, u16 value)
{
	VMX_FIELD_MUST_BE(field, VMX_WIDTH_16);
	vmx_write_any(field, value);
}

static __always_inline u32 vmx_read32(unsigned long field)
{
	VMX_FIELD_MUST_BE(field, VMX_WIDTH_32);
	return vmx_read_any(field);
}

static __always_inline void vmx_write32(unsigned long field, u32 value)
{
	VMX_FIELD_MUST_BE(field, VMX_WIDTH_32);
	vmx_write_any(field, value);
}

static __always_inline u64 vmx_read64(unsigned long field)
{
	VMX_FIELD_MUST_BE(field, VMX_WIDTH_64);
	return vmx_read_any(field);
}

static __always_inline void vmx_write64(unsigned long field, u64 value)
{
	VMX_FIELD_MUST_BE(field, VMX_WIDTH_64);
	vmx_write_any(field, value);
}

static __always_inline unsigned long vmx_readl(unsigned long field)
{
	VMX_FIELD_MUST_BE(field, VMX_WIDTH_NATURAL);
	return vmx_read_any(field);
}

static __always_inline void vmx_writel(unsigned long field, unsigned long value)
{
	VMX_FIELD_MUST_BE(field, VMX_WIDTH_NATURAL);
	vmx_write_any(field, value);
}

/**
 * vmx_invept() - forget translations that came from an EPT
 * @type: VMX_EPT_EXTENT_CONTEXT or VMX_EPT_EXTENT_GLOBAL
 * @eptp: which EPT, for the former
 */
static inline void vmx_invept(unsigned long type, u64 eptp)
{
	const struct {
		u64 eptp, reserved;
	} operand = { eptp, 0 };

	asm volatile("1: invept %0, %1\n\t"
		     "2:\n\t"
		     _ASM_EXTABLE(1b, 2b)
		     : : "m" (operand), "r" (type) : "cc", "memory");
}

/**
 * vmx_invvpid() - forget translations of a virtual CPU
 * @type: VMX_VPID_EXTENT_*
 * @vpid: which virtual CPU
 */
static inline void vmx_invvpid(unsigned long type, u16 vpid)
{
	const struct {
		u64 vpid, address;
	} operand = { vpid, 0 };

	asm volatile("1: invvpid %0, %1\n\t"
		     "2:\n\t"
		     _ASM_EXTABLE(1b, 2b)
		     : : "m" (operand), "r" (type) : "cc", "memory");
}

#endif /* DUNE_VMX_INSN_H */
