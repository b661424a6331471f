// SPDX-License-Identifier: GPL-2.0-only
/* Finds out whether this CPU's SVM has all that Dune needs. */
#include <linux/cc_platform.h>
#include <linux/module.h>
#include <asm/cpufeature.h>
#include <asm/msr.h>
#include <asm/processor.h>
#include <asm/svm.h>
#include <uapi/linux/dune.h>

#include "../../core/compat.h"
#include "capability.h"

struct svm_capability svm_capability;

#define CPUID_80000001_ECX_SVM	BIT(2)
#define CPUID_SVM		0x8000000a

/* What four levels reach; a fifth, where the host has it, reaches no more. */
#define NPT_MAX_BITS	48

/**
 * svm_check_capability() - judge a CPU by what it says of itself
 * @cap: what it said
 * @caps: filled for core when the answer is yes
 * @why: set when it is no
 *
 * Return: 0; -ENODEV, -EPERM or -EOPNOTSUPP as struct dune_hal's probe.
 */
int svm_check_capability(const struct svm_capability *cap,
			 struct dune_caps *caps, const char **why)
{
	if (!cap->present)
		return -ENODEV;
	if (cap->vm_cr & SVM_VM_CR_SVM_DIS_MASK) {
		*why = "SVM is disabled by the firmware (VM_CR.SVMDIS)";
		return -EPERM;
	}
	if (!(cap->features & SVM_FEATURE_NESTED_PAGING)) {
		*why = "SVM of this CPU has no nested paging (NPT)";
		return -EOPNOTSUPP;
	}
	/* VMCBs and nested entries would have to say so in each address. */
	if (cap->encrypted) {
		*why = "memory encryption (SME) is on, boot with mem_encrypt=off";
		return -EOPNOTSUPP;
	}
	/* ASID 0 is the host's: a guest needs another one. */
	if (cap->asids < 2) {
		*why = "SVM of this CPU has no address-space identifier for a guest";
		return -EOPNOTSUPP;
	}

	*caps = (struct dune_caps) {
		/* Nested entries are ordinary ones: they always have A/D. */
		.features = DUNE_FEATURE_NESTED_AD | DUNE_FEATURE_TAGGED_TLB,
		.nested_page_sizes = BIT_ULL(12) | BIT_ULL(21),
		.guest_phys_bits = min_t(u32, cap->phys_bits, NPT_MAX_BITS),
		.tlb_tags = cap->asids - 1,
	};
	if (cap->gigabyte_pages)
		caps->nested_page_sizes |= BIT_ULL(30);
	return 0;
}
EXPORT_SYMBOL_IF_DUNE_KUNIT(svm_check_capability);

static void read_capability(struct svm_capability *cap)
{
	u32 eax, ecx;

	*cap = (struct svm_capability) {
		/* The kernel's own flag is cleared where firmware disabled it. */
		.present = boot_cpu_data.extended_cpuid_level >= CPUID_SVM &&
			   cpuid_ecx(0x80000001) & CPUID_80000001_ECX_SVM,
		.gigabyte_pages = boot_cpu_has(X86_FEATURE_GBPAGES),
		.phys_bits = boot_cpu_data.x86_phys_bits,
		.encrypted = cc_platform_has(CC_ATTR_MEM_ENCRYPT),
	};
	if (!cap->present)
		return;

	cpuid(CPUID_SVM, &eax, &cap->asids, &ecx, &cap->features);
	/* Absent on some hypervisors; then nothing is disabled. */
	if (rdmsrq_safe(MSR_VM_CR, &cap->vm_cr))
		cap->vm_cr = 0;
}

/**
 * svm_probe() - look for SVM on this CPU
 * @caps: as struct dune_hal's probe
 * @why: likewise
 *
 * Return: likewise.
 */
int svm_probe(struct dune_caps *caps, const char **why)
{
	read_capability(&svm_capability);
	return svm_check_capability(&svm_capability, caps, why);
}
