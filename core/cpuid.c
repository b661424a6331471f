// SPDX-License-Identifier: GPL-2.0-only
/* What CPUID tells the guest: what the host has, less what it must not use. */
#include <linux/bits.h>
#include <linux/kernel.h>
#include <linux/module.h>

#include "compat.h"
#include "vcpu.h"

#define ALL	(~0U)

/*
 * What is taken away, by leaf: things that need MSRs which the guest has not,
 * or instructions which it gets an exception for.
 */
static const struct hidden {
	u32 leaf;
	u32 subleaf;
	struct dune_cpuid bits;
} hidden[] = {
	/* DTES64, MONITOR, DS-CPL, VMX, SMX, EIST, TM2, PDCM, x2APIC, deadline */
	{ 0x1, 0, { .ecx = BIT(2) | BIT(3) | BIT(4) | BIT(5) | BIT(6) | BIT(7) |
			   BIT(8) | BIT(15) | BIT(21) | BIT(24),
	/* MTRR, MCA, ACPI, DS, TM */
		    .edx = BIT(12) | BIT(14) | BIT(22) | BIT(21) | BIT(29) } },
	/* monitor, power, performance counters */
	{ 0x5, 0, { ALL, ALL, ALL, ALL } },
	{ 0x6, 0, { ALL, ALL, ALL, ALL } },
	{ 0xa, 0, { ALL, ALL, ALL, ALL } },
	/* SGX, processor trace */
	{ 0x7, 0, { .ebx = BIT(2) | BIT(25),
	/* WAITPKG, shadow stacks, LA57, key locker, ENQCMD, SGX_LC, PKS */
		    .ecx = BIT(5) | BIT(7) | BIT(16) | BIT(23) | BIT(29) |
			   BIT(30) | BIT(31),
	/*
	 * user interrupts, PCONFIG, LBR, IBT, AMX (which faults at its first
	 * use), speculation controls
	 */
		    .edx = BIT(5) | BIT(18) | BIT(19) | BIT(20) | BIT(22) |
			   BIT(24) | BIT(25) | BIT(26) | BIT(27) | BIT(28) |
			   BIT(29) | BIT(30) | BIT(31) } },
	/* counters, FRED, LKGS, history reset, linear-address masking, MSR lists */
	{ 0x7, 1, { .eax = BIT(8) | BIT(17) | BIT(18) | BIT(22) | BIT(26) |
			   BIT(27) } },
	/* supervisor states: XSAVES stays, with none */
	{ 0xd, 1, { .ecx = ALL, .edx = ALL } },
	{ 0x12, 0, { ALL, ALL, ALL, ALL } },
	{ 0x14, 0, { ALL, ALL, ALL, ALL } },
	{ 0x1c, 0, { ALL, ALL, ALL, ALL } },
	/* SVM, IBS, SKINIT, counters */
	{ 0x23, 0, { ALL, ALL, ALL, ALL } },
	{ 0x80000001, 0, { .ecx = BIT(2) | BIT(10) | BIT(12) | BIT(23) |
				  BIT(24) | BIT(28) } },
	/* power, but for the constant clock */
	{ 0x80000007, 0, { .ebx = ALL, .edx = (u32)~BIT(8) } },
	/* INVLPGB, RDPRU, MCOMMIT, speculation controls */
	{ 0x80000008, 0, { .ebx = BIT(3) | BIT(4) | BIT(8) | BIT(12) | BIT(14) |
				  BIT(15) | BIT(16) | BIT(17) | BIT(24) |
				  BIT(25) } },
	{ 0x8000000a, 0, { ALL, ALL, ALL, ALL } },
	{ 0x8000001b, 0, { ALL, ALL, ALL, ALL } },
	{ 0x8000001f, 0, { ALL, ALL, ALL, ALL } },
	{ 0x80000021, 0, { .eax = BIT(7) | BIT(8) } },
	{ 0x80000022, 0, { ALL, ALL, ALL, ALL } },
};

/* Leaves whose other subleaves are hidden by their first entry as well. */
static bool is_for(const struct hidden *entry, u32 leaf, u32 subleaf)
{
	return entry->leaf == leaf &&
	       (entry->subleaf == subleaf || entry->bits.eax == ALL ||
		leaf == 1 || leaf >> 31);
}

/**
 * dune_cpuid_filter() - hide what a guest cannot use
 * @leaf: the leaf asked for
 * @subleaf: the subleaf
 * @cpuid: the host's answer, changed
 */
void dune_cpuid_filter(u32 leaf, u32 subleaf, struct dune_cpuid *cpuid)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(hidden); i++) {
		if (!is_for(&hidden[i], leaf, subleaf))
			continue;
		cpuid->eax &= ~hidden[i].bits.eax;
		cpuid->ebx &= ~hidden[i].bits.ebx;
		cpuid->ecx &= ~hidden[i].bits.ecx;
		cpuid->edx &= ~hidden[i].bits.edx;
	}
}
EXPORT_SYMBOL_IF_DUNE_KUNIT(dune_cpuid_filter);
