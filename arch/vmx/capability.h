/* SPDX-License-Identifier: GPL-2.0-only */
/* What VT-x offers on this CPU, read once from its capability MSRs. */
#ifndef DUNE_VMX_CAPABILITY_H
#define DUNE_VMX_CAPABILITY_H

#include <linux/types.h>

#include "../../core/hal.h"

/**
 * struct vmx_capability - the capability MSRs, as the CPU gives them
 * @present: CPUID says VMX
 * @feature_control: IA32_FEATURE_CONTROL
 * @basic: IA32_VMX_BASIC
 * @pin: IA32_VMX_TRUE_PINBASED_CTLS
 * @cpu: IA32_VMX_TRUE_PROCBASED_CTLS
 * @cpu2: IA32_VMX_PROCBASED_CTLS2, zero if there is none
 * @exit: IA32_VMX_TRUE_EXIT_CTLS
 * @entry: IA32_VMX_TRUE_ENTRY_CTLS
 * @ept_vpid: IA32_VMX_EPT_VPID_CAP, zero if there is none
 * @phys_bits: MAXPHYADDR
 *
 * In the five control MSRs the low half holds the bits that must be one, the
 * high half those that may be (Intel SDM, "VM-Execution Controls" in the
 * appendix on capability reporting).
 */
struct vmx_capability {
	bool present;
	u64 feature_control;
	u64 basic;
	u64 pin;
	u64 cpu;
	u64 cpu2;
	u64 exit;
	u64 entry;
	u64 ept_vpid;
	u32 phys_bits;
};

/* IA32_VMX_BASIC[55]: the TRUE control MSRs exist */
#define VMX_BASIC_TRUE_CONTROLS	BIT_ULL(55)

int vmx_check_capability(const struct vmx_capability *cap,
			 struct dune_caps *caps, const char **why);
bool vmx_has_vpid(const struct vmx_capability *cap);
int vmx_probe(struct dune_caps *caps, const char **why);

extern struct vmx_capability vmx_capability;

static inline bool vmx_may_set(u64 control_msr, u32 bits)
{
	return ((control_msr >> 32) & bits) == bits;
}

static inline u32 vmx_must_set(u64 control_msr)
{
	return (u32)control_msr;
}

#endif /* DUNE_VMX_CAPABILITY_H */
