// SPDX-License-Identifier: GPL-2.0-only
/* What CPUID tells the guest: what the host has, less what it must not use. */
#include <linux/bits.h>
#include <linux/module.h>
#include <asm/cpufeature.h>
#include <asm/processor-flags.h>
#include <asm/special_insns.h>

#include "compat.h"
#include "vcpu.h"

/* Leaf 1, ECX */
#define LEAF1_MONITOR	BIT(3)
#define LEAF1_VMX	BIT(5)
#define LEAF1_SMX	BIT(6)
#define LEAF1_X2APIC	BIT(21)
#define LEAF1_DEADLINE	BIT(24)
/* Leaf 7, ECX */
#define LEAF7_LA57	BIT(16)
#define LEAF7_WAITPKG	BIT(5)
/* Leaf 8000_0001, ECX */
#define EXT1_SVM	BIT(2)

/**
 * dune_cpuid_filter() - hide what a guest cannot use
 * @leaf: the leaf asked for
 * @ebx: the host's answer, changed
 * @ecx: likewise
 * @edx: likewise
 */
void dune_cpuid_filter(u32 leaf, u32 *ebx, u32 *ecx, u32 *edx)
{
	switch (leaf) {
	case 1:
		*ecx &= ~(LEAF1_MONITOR | LEAF1_VMX | LEAF1_SMX |
			  LEAF1_X2APIC | LEAF1_DEADLINE);
		break;
	case 7:
		*ecx &= ~(LEAF7_LA57 | LEAF7_WAITPKG);
		break;
	case 0xa:
		/* no performance counters */
		*ebx = *ecx = *edx = 0;
		break;
	case 0x80000001:
		*ecx &= ~EXT1_SVM;
		break;
	case 0x8000000a:
		*ebx = *ecx = *edx = 0;
		break;
	}
}
EXPORT_SYMBOL_IF_DUNE_KUNIT(dune_cpuid_filter);
