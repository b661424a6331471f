// SPDX-License-Identifier: GPL-2.0-only
/*
 * Functions of the kernel that it does not export to us. A probe can be placed
 * on them, which tells where they are; a static call makes a direct branch of
 * the call, so that there is nothing to train and no landing pad is needed.
 */
#include <linux/kprobes.h>
#include <linux/module.h>

#include "compat.h"
#include "kernel_function.h"

/**
 * dune_find_function() - where a function of the kernel is
 * @name: its name
 *
 * Return: its address, good for a static call only; or NULL.
 */
void *dune_find_function(const char *name)
{
	struct kprobe probe = {
		.symbol_name = name,
		.flags = KPROBE_FLAG_DISABLED,
	};

	/* The address is there even if no probe may be. */
	if (!register_kprobe(&probe))
		unregister_kprobe(&probe);
	return probe.addr;
}
EXPORT_SYMBOL_IF_DUNE_KUNIT(dune_find_function);

#ifdef DUNE_KERNEL_IS_FOR_KVM
DEFINE_STATIC_CALL_NULL(dune_load_fpu, switch_fpu_return);
DEFINE_STATIC_CALL_NULL(dune_update_cr4, cr4_update_irqsoff);

/**
 * dune_kernel_functions_init() - find what core and the backends call
 *
 * Return: 0; -EOPNOTSUPP, with a line in the log.
 */
int dune_kernel_functions_init(void)
{
	void *load_fpu = dune_find_function("switch_fpu_return");
	void *update_cr4 = dune_find_function("cr4_update_irqsoff");

	if (!load_fpu || !update_cr4) {
		pr_err("dune: this kernel does not tell where its %s is (no kprobes?)\n",
		       load_fpu ? "cr4_update_irqsoff" : "switch_fpu_return");
		return -EOPNOTSUPP;
	}
	static_call_update(dune_load_fpu, load_fpu);
	static_call_update(dune_update_cr4, update_cr4);
	return 0;
}
#else
int dune_kernel_functions_init(void)
{
	return 0;
}
#endif
