// SPDX-License-Identifier: GPL-2.0-only
/*
 * For the selftests: /proc/dune_cpu_state tells for every CPU that is online
 * whether its virtualization is really on, by its own registers.
 */
#include <linux/cpu.h>
#include <linux/module.h>
#include <linux/proc_fs.h>
#include <linux/seq_file.h>
#include <linux/smp.h>
#include <asm/msr.h>
#include <asm/processor-flags.h>
#include <asm/special_insns.h>

static void read_state(void *data)
{
	u32 efer, high;
	bool *on = data;

	asm volatile("rdmsr" : "=a" (efer), "=d" (high) : "c" (MSR_EFER));
	*on = (__read_cr4() & X86_CR4_VMXE) || (efer & EFER_SVME);
}

static int cpu_state_show(struct seq_file *seq, void *unused)
{
	unsigned int cpu;
	bool on = false;

	cpus_read_lock();
	for_each_online_cpu(cpu) {
		smp_call_function_single(cpu, read_state, &on, 1);
		seq_printf(seq, "%u %d\n", cpu, on);
	}
	cpus_read_unlock();
	return 0;
}

static int __init cpu_state_init(void)
{
	return proc_create_single("dune_cpu_state", 0444, NULL,
				  cpu_state_show) ? 0 : -ENOMEM;
}
module_init(cpu_state_init);

static void __exit cpu_state_exit(void)
{
	remove_proc_entry("dune_cpu_state", NULL);
}
module_exit(cpu_state_exit);

MODULE_DESCRIPTION("Tells which CPUs have virtualization turned on");
MODULE_AUTHOR("The Dune authors");
MODULE_LICENSE("GPL");
