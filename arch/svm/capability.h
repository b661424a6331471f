/* SPDX-License-Identifier: GPL-2.0-only */
/* What SVM offers on this CPU, read once from CPUID and VM_CR. */
#ifndef DUNE_SVM_CAPABILITY_H
#define DUNE_SVM_CAPABILITY_H

#include <linux/types.h>

#include "../../core/hal.h"

/**
 * struct svm_capability - CPUID and VM_CR, as the CPU gives them
 * @present: CPUID says SVM
 * @vm_cr: the VM_CR MSR, zero if there is none
 * @asids: address-space identifiers, the host's included
 * @features: CPUID Fn8000_000A_EDX
 * @gigabyte_pages: long mode has 1 GiB pages, and so has nested paging
 * @phys_bits: width of a physical address
 * @encrypted: the host's memory is encrypted (SME)
 */
struct svm_capability {
	bool present;
	u64 vm_cr;
	u32 asids;
	u32 features;
	bool gigabyte_pages;
	u32 phys_bits;
	bool encrypted;
};

/* AMD APM vol. 3, CPUID Fn8000_000A_EDX, "SVM Feature Identification" */
#define SVM_FEATURE_NESTED_PAGING	BIT(0)
#define SVM_FEATURE_NRIP_SAVE		BIT(3)
#define SVM_FEATURE_FLUSH_BY_ASID	BIT(6)

int svm_check_capability(const struct svm_capability *cap,
			 struct dune_caps *caps, const char **why);
int svm_probe(struct dune_caps *caps, const char **why);

extern struct svm_capability svm_capability;

#endif /* DUNE_SVM_CAPABILITY_H */
