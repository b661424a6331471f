// SPDX-License-Identifier: GPL-2.0-only
/* VMX operation, on and off, CPU by CPU. */
#include <linux/gfp.h>
#include <linux/percpu.h>
#include <linux/smp.h>
#include <linux/version.h>
#include <asm/io.h>
#include <asm/perf_event.h>
#include <asm/processor-flags.h>
#include <asm/tlbflush.h>

#include "../../core/compat.h"
#include "capability.h"
#include "enable.h"
#include "insn.h"
#include "vcpu.h"

/* 7.0: it is a matter of the kernel's own VMX code */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 0, 0)
#define dune_pt_handle_vmx(on)
#else
#define dune_pt_handle_vmx(on)	intel_pt_handle_vmx(on)
#endif

/* Intel SDM, "VMXON Region": a page that belongs to the CPU while it is in
 * VMX operation, begun by the revision identifier of its VMCS format.
 */
static DEFINE_PER_CPU(u32 *, vmxon_region);

static u32 vmcs_revision(void)
{
	return vmx_capability.basic & GENMASK(30, 0);
}

/** vmx_teardown() - free what vmx_setup() made, with VMX off on every CPU */
void vmx_teardown(void)
{
	int cpu;

	for_each_possible_cpu(cpu) {
		free_page((unsigned long)per_cpu(vmxon_region, cpu));
		per_cpu(vmxon_region, cpu) = NULL;
	}
	vmx_permissions_free();
}

/**
 * vmx_setup() - allocate what every possible CPU needs, and what guests share
 *
 * Return: 0 or -ENOMEM.
 */
int vmx_setup(void)
{
	int cpu;

	for_each_possible_cpu(cpu) {
		u32 *region = (u32 *)get_zeroed_page(GFP_KERNEL);

		if (!region) {
			vmx_teardown();
			return -ENOMEM;
		}
		*region = vmcs_revision();
		per_cpu(vmxon_region, cpu) = region;
	}
	if (vmx_permissions_alloc()) {
		vmx_teardown();
		return -ENOMEM;
	}
	vmx_mitigation_setup();
	return 0;
}

/**
 * vmx_cpu_enable() - enter VMX operation on this CPU
 *
 * CR4.VMXE set means that somebody else is in it: KVM sets and clears the bit
 * together with VMXON and VMXOFF, as we do.
 *
 * Return: 0, -EBUSY or -EIO.
 */
int vmx_cpu_enable(void)
{
	int err;

	if (__read_cr4() & X86_CR4_VMXE)
		return -EBUSY;

	dune_pt_handle_vmx(1);
	dune_update_cr4(X86_CR4_VMXE, 0);
	err = vmx_vmxon(virt_to_phys(this_cpu_read(vmxon_region)));
	if (err) {
		dune_update_cr4(0, X86_CR4_VMXE);
		dune_pt_handle_vmx(0);
	}
	return err;
}

/** vmx_cpu_disable() - leave VMX operation on this CPU */
void vmx_cpu_disable(void)
{
	vmx_vmxoff();
	dune_update_cr4(0, X86_CR4_VMXE);
	dune_pt_handle_vmx(0);
}
