// SPDX-License-Identifier: GPL-2.0-only
/* Finds out whether this CPU's VT-x has all that Dune needs. */
#include <linux/module.h>
#include <asm/cpufeature.h>
#include <asm/msr.h>
#include <asm/processor.h>
#include <asm/vmx.h>
#include <uapi/linux/dune.h>

#include "../../core/compat.h"
#include "capability.h"

struct vmx_capability vmx_capability;

#define CPUID_1_ECX_VMX	BIT(5)

/* EPT walks have four levels: no more than 48 bits reach a page. */
#define EPT_MAX_BITS	48

/* The VPID field is 16 bits wide and zero is the host's. */
#define VPID_COUNT	65535

struct requirement {
	bool met;
	const char *why;
};

/* Everything that the entry code relies on without asking again. */
static int check_requirements(const struct vmx_capability *cap,
			      const char **why)
{
	const u32 pin = PIN_BASED_EXT_INTR_MASK | PIN_BASED_NMI_EXITING |
			PIN_BASED_VIRTUAL_NMIS;
	const u32 cpu = CPU_BASED_HLT_EXITING | CPU_BASED_MWAIT_EXITING |
			CPU_BASED_RDPMC_EXITING | CPU_BASED_MOV_DR_EXITING |
			CPU_BASED_CR8_LOAD_EXITING |
			CPU_BASED_CR8_STORE_EXITING |
			CPU_BASED_UNCOND_IO_EXITING |
			CPU_BASED_USE_MSR_BITMAPS | CPU_BASED_MONITOR_EXITING |
			CPU_BASED_INTR_WINDOW_EXITING |
			CPU_BASED_ACTIVATE_SECONDARY_CONTROLS;
	const u32 exit = VM_EXIT_HOST_ADDR_SPACE_SIZE |
			 VM_EXIT_SAVE_IA32_PAT | VM_EXIT_LOAD_IA32_PAT |
			 VM_EXIT_SAVE_IA32_EFER | VM_EXIT_LOAD_IA32_EFER;
	const u32 entry = VM_ENTRY_LOAD_DEBUG_CONTROLS | VM_ENTRY_IA32E_MODE |
			  VM_ENTRY_LOAD_IA32_PAT | VM_ENTRY_LOAD_IA32_EFER;
	const u64 ept = VMX_EPT_PAGE_WALK_4_BIT | VMX_EPTP_WB_BIT |
			VMX_EPT_INVEPT_BIT | VMX_EPT_EXTENT_GLOBAL_BIT;
	const struct requirement requirements[] = {
		{ cap->basic & VMX_BASIC_TRUE_CONTROLS,
		  "VT-x of this CPU is too old (no TRUE control MSRs)" },
		{ vmx_may_set(cap->pin, pin),
		  "VT-x of this CPU lacks virtual NMIs" },
		{ vmx_may_set(cap->cpu, cpu),
		  "VT-x of this CPU lacks a needed processor control" },
		{ vmx_may_set(cap->cpu2, SECONDARY_EXEC_ENABLE_EPT),
		  "VT-x of this CPU has no extended page tables (EPT)" },
		{ (cap->ept_vpid & ept) == ept,
		  "EPT of this CPU lacks 4-level walks, write-back tables or INVEPT" },
		{ vmx_may_set(cap->exit, exit) && vmx_may_set(cap->entry, entry),
		  "VT-x of this CPU cannot switch PAT, EFER and DR7" },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(requirements); i++) {
		if (requirements[i].met)
			continue;
		*why = requirements[i].why;
		return -EOPNOTSUPP;
	}
	return 0;
}

/**
 * vmx_has_vpid() - can translations be tagged by virtual CPU
 * @cap: what the CPU said
 */
bool vmx_has_vpid(const struct vmx_capability *cap)
{
	const u64 needed = VMX_VPID_INVVPID_BIT |
			   VMX_VPID_EXTENT_SINGLE_CONTEXT_BIT |
			   VMX_VPID_EXTENT_GLOBAL_CONTEXT_BIT;

	return vmx_may_set(cap->cpu2, SECONDARY_EXEC_ENABLE_VPID) &&
	       ((cap->ept_vpid >> 32) & needed) == needed;
}

static u64 ept_page_sizes(const struct vmx_capability *cap)
{
	u64 sizes = BIT_ULL(12);

	if (cap->ept_vpid & VMX_EPT_2MB_PAGE_BIT)
		sizes |= BIT_ULL(21);
	if (cap->ept_vpid & VMX_EPT_1GB_PAGE_BIT)
		sizes |= BIT_ULL(30);
	return sizes;
}

/**
 * vmx_check_capability() - judge a CPU by its capability MSRs
 * @cap: what the CPU said
 * @caps: filled for core when the answer is yes
 * @why: set when it is no
 *
 * Return: 0; -ENODEV, -EPERM or -EOPNOTSUPP as struct dune_hal's probe.
 */
int vmx_check_capability(const struct vmx_capability *cap,
			 struct dune_caps *caps, const char **why)
{
	const u64 enabled = FEAT_CTL_LOCKED | FEAT_CTL_VMX_ENABLED_OUTSIDE_SMX;
	int err;

	if (!cap->present)
		return -ENODEV;
	if ((cap->feature_control & enabled) != enabled) {
		*why = "VT-x is disabled by the firmware (IA32_FEATURE_CONTROL)";
		return -EPERM;
	}
	err = check_requirements(cap, why);
	if (err)
		return err;

	*caps = (struct dune_caps) {
		.nested_page_sizes = ept_page_sizes(cap),
		.guest_phys_bits = min_t(u32, cap->phys_bits, EPT_MAX_BITS),
		.tlb_tags = 1,
	};
	caps->no_large_exec = boot_cpu_has_bug(X86_BUG_ITLB_MULTIHIT);
	if (cap->ept_vpid & VMX_EPT_AD_BIT)
		caps->features |= DUNE_FEATURE_NESTED_AD;
	if (vmx_has_vpid(cap)) {
		caps->features |= DUNE_FEATURE_TAGGED_TLB;
		caps->tlb_tags = VPID_COUNT;
	}
	return 0;
}
EXPORT_SYMBOL_IF_DUNE_KUNIT(vmx_check_capability);

static u64 read_msr(u32 msr)
{
	u64 value;

	/* A capability MSR that is absent grants nothing. */
	return rdmsrq_safe(msr, &value) ? 0 : value;
}

static void read_capability(struct vmx_capability *cap)
{
	*cap = (struct vmx_capability) {
		/* The kernel's own flag is cleared where firmware disabled it. */
		.present = cpuid_ecx(1) & CPUID_1_ECX_VMX,
		.phys_bits = boot_cpu_data.x86_phys_bits,
	};
	if (!cap->present)
		return;

	cap->feature_control = read_msr(MSR_IA32_FEAT_CTL);
	cap->basic = read_msr(MSR_IA32_VMX_BASIC);
	cap->pin = read_msr(MSR_IA32_VMX_TRUE_PINBASED_CTLS);
	cap->cpu = read_msr(MSR_IA32_VMX_TRUE_PROCBASED_CTLS);
	cap->cpu2 = read_msr(MSR_IA32_VMX_PROCBASED_CTLS2);
	cap->exit = read_msr(MSR_IA32_VMX_TRUE_EXIT_CTLS);
	cap->entry = read_msr(MSR_IA32_VMX_TRUE_ENTRY_CTLS);
	cap->ept_vpid = read_msr(MSR_IA32_VMX_EPT_VPID_CAP);
}

/**
 * vmx_probe() - look for VT-x on this CPU
 * @caps: as struct dune_hal's probe
 * @why: likewise
 *
 * Return: likewise.
 */
int vmx_probe(struct dune_caps *caps, const char **why)
{
	read_capability(&vmx_capability);
	return vmx_check_capability(&vmx_capability, caps, why);
}
