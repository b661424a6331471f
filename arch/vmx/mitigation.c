// SPDX-License-Identifier: GPL-2.0-only
/* Faults of the CPU that an entry has to make up for. */
#include <linux/cpu.h>
#include <linux/jump_label.h>
#include <linux/percpu.h>
#include <linux/printk.h>
#include <asm/cpufeature.h>
#include <asm/msr.h>

#include "../../core/compat.h"
#include "vcpu.h"

/*
 * L1 terminal fault: a guest that writes its own page table can read what is in
 * the data cache, whatever the nested page table says.
 */
static DEFINE_STATIC_KEY_FALSE(flush_l1d);

/*
 * 7.0: the sequence that clears the branch history is KVM's alone. Without the
 * targets that go with it the history does no harm.
 */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 0, 0)
#define NEEDS_BARRIER	boot_cpu_has(X86_FEATURE_CLEAR_BHB_VMEXIT)
#else
#define NEEDS_BARRIER	false
#endif
static DEFINE_STATIC_KEY_FALSE(barrier_at_exit);

/*
 * The CPU writes what it samples for perf to virtual addresses: in a guest these
 * would be the guest's.
 */
static DEFINE_STATIC_KEY_FALSE(has_pebs);
static DEFINE_PER_CPU(u64, host_pebs);

static void stop_sampling(void)
{
	u64 enabled;

	rdmsrq(MSR_IA32_PEBS_ENABLE, enabled);
	this_cpu_write(host_pebs, enabled);
	if (unlikely(enabled))
		wrmsrq(MSR_IA32_PEBS_ENABLE, 0);
}

static void go_on_sampling(void)
{
	u64 enabled = this_cpu_read(host_pebs);

	if (unlikely(enabled))
		wrmsrq(MSR_IA32_PEBS_ENABLE, enabled);
}

static bool has_l1tf(void)
{
	u64 capabilities = 0;

	if (!boot_cpu_has_bug(X86_BUG_L1TF) || cpu_mitigations_off())
		return false;
	if (boot_cpu_has(X86_FEATURE_ARCH_CAPABILITIES))
		rdmsrq_safe(MSR_IA32_ARCH_CAPABILITIES, &capabilities);
	/* A hypervisor below us does it. */
	return !(capabilities & ARCH_CAP_SKIP_VMENTRY_L1DFLUSH);
}

/** vmx_mitigation_setup() - find out what this CPU needs */
void vmx_mitigation_setup(void)
{
	u64 nothing;

	if (NEEDS_BARRIER)
		static_branch_enable(&barrier_at_exit);
	if (boot_cpu_has(X86_FEATURE_DS) &&
	    !rdmsrq_safe(MSR_IA32_PEBS_ENABLE, &nothing))
		static_branch_enable(&has_pebs);
	if (!has_l1tf())
		return;
	if (!boot_cpu_has(X86_FEATURE_FLUSH_L1D)) {
		pr_warn("dune: L1TF: the microcode cannot flush the data cache, guests may read host memory\n");
		return;
	}
	if (cpu_smt_possible())
		pr_warn("dune: L1TF: sibling threads share the data cache, boot with nosmt against untrusted programs\n");
	static_branch_enable(&flush_l1d);
}

/** vmx_mitigate_entry() - nothing of the host's is left for the guest to read */
void vmx_mitigate_entry(void)
{
	if (static_branch_unlikely(&has_pebs))
		stop_sampling();
	if (static_branch_unlikely(&flush_l1d))
		wrmsrq(MSR_IA32_FLUSH_CMD, L1D_FLUSH);
}

/** vmx_mitigate_exit() - nothing the guest trained misleads the host */
void vmx_mitigate_exit(void)
{
	if (static_branch_unlikely(&barrier_at_exit))
		wrmsrq(MSR_IA32_PRED_CMD, PRED_CMD_IBPB);
	if (static_branch_unlikely(&has_pebs))
		go_on_sampling();
}
