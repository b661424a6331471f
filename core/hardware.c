// SPDX-License-Identifier: GPL-2.0-only
/*
 * Turns virtualization on for the first user and off after the last, and
 * follows the machine through CPU hotplug, suspend, reboot and kexec.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cpu.h>
#include <linux/cpuhotplug.h>
#include <linux/module.h>
#include <linux/printk.h>
#include <linux/reboot.h>
#include <linux/smp.h>
#include <linux/syscore_ops.h>
#include <asm/cpufeature.h>
#include <asm/msr.h>

#include "compat.h"
#include "hardware.h"
#include "vcpu.h"

struct dune_hardware dune_hardware;
EXPORT_SYMBOL_IF_DUNE_KUNIT(dune_hardware);

/**
 * dune_hardware_init() - choose the backend for this CPU
 * @hw: to be set up
 * @backends: tried in turn, ended by NULL
 *
 * Logs one line when the answer is no.
 *
 * Return: 0, or what the backend that knows this CPU said: -ENODEV, -EPERM,
 * -EOPNOTSUPP or -ENOMEM.
 */
int dune_hardware_init(struct dune_hardware *hw,
		       const struct dune_hal * const *backends)
{
	const char *why = "this CPU has neither VT-x nor SVM";
	int err = dune_kernel_has_fred() ? -EOPNOTSUPP : -ENODEV;

	mutex_init(&hw->lock);
	cpumask_clear(&hw->enabled);
	hw->xss = 0;
	if (boot_cpu_has(X86_FEATURE_XSAVES))
		rdmsrq(MSR_IA32_XSS, hw->xss);
	hw->xcr0 = dune_host_xcr0();
	hw->users = 0;
	hw->down = false;

	/* An NMI in the guest is passed on by INT, which FRED does not take. */
	if (err == -EOPNOTSUPP)
		why = "the kernel uses FRED, boot with fred=off";
	for (; *backends && err == -ENODEV; backends++) {
		hw->hal = *backends;
		err = hw->hal->probe(&hw->caps, &why);
	}
	if (err) {
		pr_err("not loaded: %s (%pe)\n", why, ERR_PTR(err));
		return err;
	}
	return hw->hal->setup();
}
EXPORT_SYMBOL_IF_DUNE_KUNIT(dune_hardware_init);

/**
 * dune_hardware_exit() - give back what dune_hardware_init() took
 * @hw: without users
 */
void dune_hardware_exit(struct dune_hardware *hw)
{
	WARN_ON(hw->users || !cpumask_empty(&hw->enabled));
	hw->hal->teardown();
}
EXPORT_SYMBOL_IF_DUNE_KUNIT(dune_hardware_exit);

static int cpu_enable(struct dune_hardware *hw)
{
	int err;

	lockdep_assert_irqs_disabled();
	err = hw->hal->cpu_enable();
	if (!err)
		cpumask_set_cpu(smp_processor_id(), &hw->enabled);
	return err;
}

static void cpu_disable(void *data)
{
	struct dune_hardware *hw = data;

	lockdep_assert_irqs_disabled();
	/* Never turn off what was not turned on here. */
	if (cpumask_test_and_clear_cpu(smp_processor_id(), &hw->enabled))
		hw->hal->cpu_disable();
}

struct enable_call {
	struct dune_hardware *hw;
	atomic_t err;
};

static void cpu_enable_call(void *data)
{
	struct enable_call *call = data;
	int err = cpu_enable(call->hw);

	if (err)
		atomic_set(&call->err, err);
}

static int enable_all_cpus(struct dune_hardware *hw)
{
	struct enable_call call = { .hw = hw, .err = ATOMIC_INIT(0) };
	int err;

	on_each_cpu(cpu_enable_call, &call, 1);
	err = atomic_read(&call.err);
	if (!err)
		return 0;

	on_each_cpu(cpu_disable, hw, 1);
	/* Any user can bring this about as often as he likes. */
	if (err == -EBUSY)
		pr_err_ratelimited("virtualization is in use by another hypervisor: stop its machines; KVM of 6.12 and later also has to be unloaded or to have enable_virt_at_load=0\n");
	else
		pr_err_ratelimited("a CPU refused to turn virtualization on (%pe)\n",
				   ERR_PTR(err));
	return err;
}

/**
 * dune_hardware_get() - become a user of virtualization
 * @hw: the machine
 *
 * The first user turns it on, on every CPU. May sleep.
 *
 * Return: 0; -EBUSY when another hypervisor has it; -EIO when a CPU refuses;
 * -ESHUTDOWN when the machine is going down.
 */
int dune_hardware_get(struct dune_hardware *hw)
{
	int err = 0;

	cpus_read_lock();
	mutex_lock(&hw->lock);
	if (hw->down)
		err = -ESHUTDOWN;
	else if (!hw->users)
		err = enable_all_cpus(hw);
	if (!err)
		hw->users++;
	mutex_unlock(&hw->lock);
	cpus_read_unlock();
	return err;
}
EXPORT_SYMBOL_IF_DUNE_KUNIT(dune_hardware_get);

/**
 * dune_hardware_put() - end a use begun by dune_hardware_get()
 * @hw: the machine
 *
 * The last user turns virtualization off. May sleep.
 */
void dune_hardware_put(struct dune_hardware *hw)
{
	cpus_read_lock();
	mutex_lock(&hw->lock);
	if (!WARN_ON(!hw->users) && !--hw->users)
		on_each_cpu(cpu_disable, hw, 1);
	mutex_unlock(&hw->lock);
	cpus_read_unlock();
}
EXPORT_SYMBOL_IF_DUNE_KUNIT(dune_hardware_put);

/**
 * dune_hardware_cpu_online() - this CPU has come up
 * @hw: the machine
 *
 * Called on that CPU. An error keeps the CPU offline: a process in guest mode
 * must be able to go to any CPU.
 *
 * Return: as dune_hardware_get().
 */
int dune_hardware_cpu_online(struct dune_hardware *hw)
{
	int err = 0;

	mutex_lock(&hw->lock);
	if (hw->users && !hw->down) {
		local_irq_disable();
		err = cpu_enable(hw);
		local_irq_enable();
	}
	mutex_unlock(&hw->lock);
	if (err)
		pr_err("CPU %u stays offline: virtualization does not turn on (%pe)\n",
		       raw_smp_processor_id(), ERR_PTR(err));
	return err;
}
EXPORT_SYMBOL_IF_DUNE_KUNIT(dune_hardware_cpu_online);

/**
 * dune_hardware_cpu_offline() - this CPU goes away
 * @hw: the machine
 *
 * Called on that CPU.
 */
void dune_hardware_cpu_offline(struct dune_hardware *hw)
{
	mutex_lock(&hw->lock);
	local_irq_disable();
	cpu_disable(hw);
	local_irq_enable();
	mutex_unlock(&hw->lock);
}
EXPORT_SYMBOL_IF_DUNE_KUNIT(dune_hardware_cpu_offline);

/**
 * dune_hardware_cpu_suspend() - the last CPU goes to sleep
 * @hw: the machine
 *
 * Called on the only CPU still online, with interrupts off and user space
 * frozen: nobody else can be in here, so the lock is not needed.
 *
 * Return: 0.
 */
int dune_hardware_cpu_suspend(struct dune_hardware *hw)
{
	cpu_disable(hw);
	return 0;
}
EXPORT_SYMBOL_IF_DUNE_KUNIT(dune_hardware_cpu_suspend);

/**
 * dune_hardware_cpu_resume() - the first CPU wakes up
 * @hw: the machine
 *
 * Called as dune_hardware_cpu_suspend().
 */
void dune_hardware_cpu_resume(struct dune_hardware *hw)
{
	int err = 0;

	if (hw->users && !hw->down)
		err = cpu_enable(hw);
	if (!err)
		return;
	/* What runs on this CPU would wait for it for ever. */
	hw->down = true;
	pr_err("virtualization does not turn on again after sleep (%pe): nothing runs until the module is loaded anew\n",
	       ERR_PTR(err));
}
EXPORT_SYMBOL_IF_DUNE_KUNIT(dune_hardware_cpu_resume);

/**
 * dune_hardware_shutdown() - the machine restarts, halts or goes to kexec
 * @hw: the machine
 *
 * The next kernel cannot start CPUs that are in VMX operation, where INIT
 * stays pending (Intel SDM, "Other Causes of VM Exits", INIT signals).
 */
void dune_hardware_shutdown(struct dune_hardware *hw)
{
	cpus_read_lock();
	mutex_lock(&hw->lock);
	hw->down = true;
	on_each_cpu(cpu_disable, hw, 1);
	mutex_unlock(&hw->lock);
	cpus_read_unlock();
}
EXPORT_SYMBOL_IF_DUNE_KUNIT(dune_hardware_shutdown);

static int cpu_online_event(unsigned int cpu)
{
	return dune_hardware_cpu_online(&dune_hardware);
}

static int cpu_offline_event(unsigned int cpu)
{
	dune_hardware_cpu_offline(&dune_hardware);
	return 0;
}

static int suspend_event(void)
{
	return dune_hardware_cpu_suspend(&dune_hardware);
}

static void resume_event(void)
{
	dune_hardware_cpu_resume(&dune_hardware);
}

DUNE_DEFINE_SYSCORE(sleep_events, suspend_event, resume_event);

static int reboot_event(struct notifier_block *block, unsigned long action,
			void *data)
{
	dune_hardware_shutdown(&dune_hardware);
	return NOTIFY_OK;
}

static struct notifier_block reboot_events = {
	.notifier_call = reboot_event,
};

static int hotplug_state;

/**
 * dune_hardware_register_events() - follow hotplug, sleep and reboot
 *
 * Return: 0 or a negative errno.
 */
int dune_hardware_register_events(void)
{
	int state;

	state = cpuhp_setup_state_nocalls(CPUHP_AP_ONLINE_DYN, "dune:online",
					  cpu_online_event, cpu_offline_event);
	if (state < 0)
		return state;
	hotplug_state = state;
	register_reboot_notifier(&reboot_events);
	dune_register_syscore(&sleep_events);
	return 0;
}

/** dune_hardware_unregister_events() - undo dune_hardware_register_events() */
void dune_hardware_unregister_events(void)
{
	dune_unregister_syscore(&sleep_events);
	unregister_reboot_notifier(&reboot_events);
	cpuhp_remove_state_nocalls(hotplug_state);
}
