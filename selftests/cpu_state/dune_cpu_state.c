// SPDX-License-Identifier: GPL-2.0-only
/*
 * For the selftests: /proc/dune_cpu_state tells for every CPU that is online
 * whether its virtualization is really on, by its own registers; reading
 * /proc/dune_nmi sends each other CPU an NMI and tells how many arrived.
 */
#include <linux/cpu.h>
#include <linux/delay.h>
#include <linux/module.h>
#include <linux/nmi.h>
#include <linux/proc_fs.h>
#include <linux/seq_file.h>
#include <linux/smp.h>
#include <asm/apic.h>
#include <asm/irq_vectors.h>
#include <asm/msr.h>
#include <asm/nmi.h>
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

static int awaited = -1;

static int take_nmi(unsigned int type, struct pt_regs *regs)
{
	if (READ_ONCE(awaited) != raw_smp_processor_id())
		return NMI_DONE;
	WRITE_ONCE(awaited, -1);
	return NMI_HANDLED;
}

static bool send_nmi(int cpu)
{
	unsigned int tries;

	WRITE_ONCE(awaited, cpu);
	apic->send_IPI(cpu, NMI_VECTOR);
	for (tries = 0; tries < 1000 && READ_ONCE(awaited) == cpu; tries++)
		usleep_range(100, 200);
	return xchg(&awaited, -1) == -1;
}

static int nmi_show(struct seq_file *seq, void *unused)
{
	unsigned int cpu, sent = 0, arrived = 0;

	cpus_read_lock();
	migrate_disable();
	for_each_online_cpu(cpu) {
		if (cpu == raw_smp_processor_id())
			continue;
		sent++;
		arrived += send_nmi(cpu);
	}
	migrate_enable();
	cpus_read_unlock();
	seq_printf(seq, "%u %u\n", sent, arrived);
	return 0;
}

static int __init cpu_state_init(void)
{
	int err = register_nmi_handler(NMI_LOCAL, take_nmi, 0, "dune_cpu_state");

	if (err)
		return err;
	if (!proc_create_single("dune_nmi", 0444, NULL, nmi_show))
		goto unregister;
	if (!proc_create_single("dune_cpu_state", 0444, NULL, cpu_state_show))
		goto remove;
	return 0;

remove:
	remove_proc_entry("dune_nmi", NULL);
unregister:
	unregister_nmi_handler(NMI_LOCAL, "dune_cpu_state");
	return -ENOMEM;
}
module_init(cpu_state_init);

static void __exit cpu_state_exit(void)
{
	remove_proc_entry("dune_cpu_state", NULL);
	remove_proc_entry("dune_nmi", NULL);
	unregister_nmi_handler(NMI_LOCAL, "dune_cpu_state");
}
module_exit(cpu_state_exit);

MODULE_DESCRIPTION("Looks at CPUs and disturbs them, for the selftests of Dune");
MODULE_AUTHOR("The Dune authors");
MODULE_LICENSE("GPL");
