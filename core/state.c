// SPDX-License-Identifier: GPL-2.0-only
/* What user space may put into a virtual CPU. */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/string.h>
#include <asm/cpufeature.h>
#include <asm/fpu/types.h>
#include <asm/fpu/xcr.h>
#include <asm/msr-index.h>
#include <asm/processor-flags.h>
#include <asm/special_insns.h>

#include "compat.h"
#include "vcpu.h"

/* Paging and protection stay on; caching is not the guest's to turn off. */
#define CR0_FIXED	(X86_CR0_PG | X86_CR0_PE | X86_CR0_NE | X86_CR0_ET)
#define CR0_FREE	(X86_CR0_WP | X86_CR0_AM | X86_CR0_MP | X86_CR0_TS)

#define CR4_FREE	(X86_CR4_TSD | X86_CR4_DE | X86_CR4_PGE | X86_CR4_VME | \
			 X86_CR4_PVI | X86_CR4_SMEP | X86_CR4_SMAP |		\
			 X86_CR4_FSGSBASE | X86_CR4_PCIDE | X86_CR4_UMIP |	\
			 X86_CR4_OSXSAVE | X86_CR4_PKE)

#define EFER_FIXED	(EFER_LME | EFER_LMA | EFER_NX)
#define EFER_FREE	(EFER_SCE)

/**
 * dune_state_cr4_allowed() - the bits of CR4 that a guest may set
 *
 * Those that are known to be harmless and that the host has set itself, so
 * that the CPU has them.
 */
u64 dune_state_cr4_allowed(void)
{
	u64 optional = X86_CR4_SMEP | X86_CR4_SMAP | X86_CR4_FSGSBASE |
		       X86_CR4_PCIDE | X86_CR4_UMIP | X86_CR4_OSXSAVE |
		       X86_CR4_PKE;

	return DUNE_CR4_FIXED | (CR4_FREE & ~(optional & ~__read_cr4()));
}
EXPORT_SYMBOL_IF_DUNE_KUNIT(dune_state_cr4_allowed);

/* Attributes of segments (DUNE_SEGMENT_*): present, accessed, ring 0 */
#define CODE_64BIT	0xa09b
#define DATA_FLAT	0xc093
#define TSS_BUSY	0x008b

/**
 * dune_state_default() - what a new virtual CPU has
 * @state: to be filled
 *
 * Ring 0 of 64-bit mode with flat segments, paging on, no descriptor tables;
 * and of the CPU's features those that a program takes for granted.
 */
void dune_state_default(struct dune_state *state)
{
	const struct dune_segment data = {
		.selector = 0x10, .limit = 0xffffffff, .attributes = DATA_FLAT,
	};

	*state = (struct dune_state) {
		.cs = { .selector = 0x08, .limit = 0xffffffff,
			.attributes = CODE_64BIT },
		.ss = data, .ds = data, .es = data, .fs = data, .gs = data,
		.tr = { .selector = 0x18, .limit = 0x67,
			.attributes = TSS_BUSY },
		.ldt = { .attributes = DUNE_SEGMENT_UNUSABLE },
		.cr0 = CR0_FIXED | X86_CR0_WP | X86_CR0_AM | X86_CR0_MP,
		.cr4 = DUNE_CR4_FIXED | (dune_state_cr4_allowed() &
				    (X86_CR4_OSXSAVE | X86_CR4_FSGSBASE |
				     X86_CR4_PKE)),
		.efer = EFER_FIXED | EFER_FREE,
		.dr6 = DUNE_DR6_FIXED,
		.dr7 = DUNE_DR7_FIXED,
		.xcr0 = dune_host_xcr0(),
	};
}
EXPORT_SYMBOL_IF_DUNE_KUNIT(dune_state_default);

static bool within(u64 value, u64 fixed, u64 free)
{
	return (value & fixed) == fixed && !(value & ~(fixed | free));
}

/**
 * dune_cr0_good() - may a guest have this in CR0
 * @cr0: the value
 */
bool dune_cr0_good(u64 cr0)
{
	return within(cr0, CR0_FIXED, CR0_FREE);
}

/**
 * dune_cr4_good() - may a guest have this in CR4
 * @cr4: the value
 */
bool dune_cr4_good(u64 cr4)
{
	return within(cr4, DUNE_CR4_FIXED, dune_state_cr4_allowed());
}

/**
 * dune_efer_good() - may a guest have this in EFER
 * @efer: the value
 */
bool dune_efer_good(u64 efer)
{
	return within(efer, EFER_FIXED, EFER_FREE);
}

/** dune_host_xcr0() - what the kernel has in XCR0, and so every process */
u64 dune_host_xcr0(void)
{
	return boot_cpu_has(X86_FEATURE_OSXSAVE) ?
	       xgetbv(XCR_XFEATURE_ENABLED_MASK) : 0;
}
EXPORT_SYMBOL_IF_DUNE_KUNIT(dune_host_xcr0);

/* All of these bits or none. */
static bool together(u64 value, u64 bits)
{
	return !(value & bits) || (value & bits) == bits;
}

/**
 * dune_xcr0_good() - may a guest have this in XCR0
 * @xcr0: the value
 *
 * Other combinations make XSETBV fault, in the kernel (Intel SDM, "Extended
 * Control Registers").
 */
bool dune_xcr0_good(u64 xcr0)
{
	const u64 avx512 = XFEATURE_MASK_OPMASK | XFEATURE_MASK_ZMM_Hi256 |
			   XFEATURE_MASK_Hi16_ZMM;
	const u64 mpx = XFEATURE_MASK_BNDREGS | XFEATURE_MASK_BNDCSR;
	const u64 amx = BIT_ULL(17) | BIT_ULL(18);

	if (!dune_host_xcr0())
		return !xcr0;
	return (xcr0 & XFEATURE_MASK_FP) && !(xcr0 & ~dune_host_xcr0()) &&
	       (xcr0 & XFEATURE_MASK_SSE || !(xcr0 & XFEATURE_MASK_YMM)) &&
	       (xcr0 & XFEATURE_MASK_YMM || !(xcr0 & avx512)) &&
	       together(xcr0, avx512) && together(xcr0, mpx) &&
	       together(xcr0, amx);
}

/* Loading an MSR with another address would fault, in the kernel. */
static bool canonical(u64 address)
{
	return (s64)(address << 16) >> 16 == (s64)address;
}

static bool segment_good(const struct dune_segment *segment)
{
	return !segment->reserved[0] && !segment->reserved[1] &&
	       !segment->reserved[2] && canonical(segment->base);
}

static bool segments_good(const struct dune_state *state)
{
	return segment_good(&state->cs) && segment_good(&state->ss) &&
	       segment_good(&state->ds) && segment_good(&state->es) &&
	       segment_good(&state->fs) && segment_good(&state->gs) &&
	       segment_good(&state->tr) && segment_good(&state->ldt) &&
	       canonical(state->gdt.base) && canonical(state->idt.base) &&
	       !memchr_inv(state->gdt.reserved, 0, sizeof(state->gdt.reserved)) &&
	       !memchr_inv(state->idt.reserved, 0, sizeof(state->idt.reserved));
}

static bool debug_good(const struct dune_state *state)
{
	return within(state->dr6, DUNE_DR6_FIXED, DUNE_DR6_FREE) &&
	       within(state->dr7, DUNE_DR7_FIXED, DUNE_DR7_FREE);
}

static bool msrs_good(const struct dune_state *state)
{
	return canonical(state->lstar) && canonical(state->cstar) &&
	       canonical(state->kernel_gs_base) &&
	       canonical(state->sysenter_esp) &&
	       canonical(state->sysenter_eip) &&
	       !(state->sfmask >> 32) && !(state->sysenter_cs >> 32);
}

/**
 * dune_state_check() - may a guest have this state
 * @state: from user space
 *
 * What is only inconsistent the CPU itself refuses at the next entry.
 *
 * Return: 0 or -EINVAL.
 */
int dune_state_check(const struct dune_state *state)
{
	bool good = dune_cr0_good(state->cr0) && dune_cr4_good(state->cr4) &&
		    dune_efer_good(state->efer) && state->cr8 <= 15 &&
		    dune_xcr0_good(state->xcr0) && !(state->cr3 >> 52) &&
		    segments_good(state) && msrs_good(state) &&
		    debug_good(state) &&
		    !memchr_inv(state->reserved, 0, sizeof(state->reserved));

	return good ? 0 : -EINVAL;
}
EXPORT_SYMBOL_IF_DUNE_KUNIT(dune_state_check);
