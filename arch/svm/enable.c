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

/* AMD APM vol. 2, "VM_HSAVE_PA MSR": a page in which VMRUN keeps host state. */
static DEFINE_PER_CPU(void *, host_save_area);

/** svm_teardown() - free the host save areas, with SVM off on every CPU */
void svm_teardown(void)
{
	int cpu;

	for_each_possible_cpu(cpu) {
		free_page((unsigned long)per_cpu(host_save_area, cpu));
		per_cpu(host_save_area, cpu) = NULL;
	}
}

/**
 * svm_setup() - allocate a host save area for every possible CPU
 *
 * Return: 0 or -ENOMEM.
 */
int svm_setup(void)
{
	int cpu;

	for_each_possible_cpu(cpu) {
		void *area = (void *)get_zeroed_page(GFP_KERNEL);

		if (!area) {
			svm_teardown();
			return -ENOMEM;
		}
		per_cpu(host_save_area, cpu) = area;
	}
	return 0;
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
