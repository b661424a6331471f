// SPDX-License-Identifier: GPL-2.0-only
/* EFER.SVME, on and off, CPU by CPU. */
#include <linux/gfp.h>
#include <linux/percpu.h>
#include <linux/smp.h>
#include <asm/io.h>
#include <asm/msr.h>
#include <asm/svm.h>

#include "../../core/compat.h"
#include "enable.h"
#include "vcpu.h"

/* AMD APM vol. 2, "VM_HSAVE_PA MSR": a page in which VMRUN keeps host state. */
static DEFINE_PER_CPU(void *, host_save_area);

static void free_areas(void)
{
	int cpu;

	for_each_possible_cpu(cpu) {
		free_page((unsigned long)per_cpu(host_save_area, cpu));
		per_cpu(host_save_area, cpu) = NULL;
		if (per_cpu(svm_cpu, cpu).host_state)
			free_page((unsigned long)
				  phys_to_virt(per_cpu(svm_cpu, cpu).host_state));
		per_cpu(svm_cpu, cpu).host_state = 0;
	}
}

static int alloc_areas(void)
{
	int cpu;

	for_each_possible_cpu(cpu) {
		void *area = (void *)get_zeroed_page(GFP_KERNEL);
		void *state = (void *)get_zeroed_page(GFP_KERNEL);

		per_cpu(host_save_area, cpu) = area;
		if (state)
			per_cpu(svm_cpu, cpu).host_state = virt_to_phys(state);
		if (!area || !state)
			return -ENOMEM;
	}
	return 0;
}

/** svm_teardown() - free what svm_setup() made, with SVM off on every CPU */
void svm_teardown(void)
{
	free_areas();
	svm_permissions_free();
}

/**
 * svm_setup() - allocate what every possible CPU needs, and what guests share
 *
 * Return: 0 or -ENOMEM.
 */
int svm_setup(void)
{
	int err = alloc_areas();

	if (!err)
		err = svm_permissions_alloc();
	if (err)
		svm_teardown();
	return err;
}

/**
 * svm_cpu_enable() - turn SVM on, on this CPU
 *
 * EFER.SVME set means that somebody else did already.
 *
 * Return: 0, -EBUSY or -EIO.
 */
int svm_cpu_enable(void)
{
	u64 efer;

	rdmsrq(MSR_EFER, efer);
	if (efer & EFER_SVME)
		return -EBUSY;

	/* Faults where the firmware disabled SVM on this CPU alone. */
	if (wrmsrq_safe(MSR_EFER, efer | EFER_SVME))
		return -EIO;
	wrmsrq(MSR_VM_HSAVE_PA, virt_to_phys(this_cpu_read(host_save_area)));
	/* Others may have used them meanwhile. */
	svm_forget_asids();
	return 0;
}

/** svm_cpu_disable() - turn SVM off, on this CPU */
void svm_cpu_disable(void)
{
	u64 efer;

	wrmsrq(MSR_VM_HSAVE_PA, 0);
	rdmsrq(MSR_EFER, efer);
	wrmsrq(MSR_EFER, efer & ~EFER_SVME);
}
