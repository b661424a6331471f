// SPDX-License-Identifier: GPL-2.0-only
/* Module entry and exit. */
#include <linux/module.h>

#include "device.h"
#include "hardware.h"
#include "kernel_function.h"
#include "space.h"
#include "stats.h"
#include "syscall.h"

#define CREATE_TRACE_POINTS
#include "trace.h"
#include "vcpu.h"

static const struct dune_hal * const dune_backends[] = {
#if IS_ENABLED(CONFIG_DUNE_VMX)
	&dune_vmx_hal,
#endif
#if IS_ENABLED(CONFIG_DUNE_SVM)
	&dune_svm_hal,
#endif
	NULL,
};

static int __init dune_init(void)
{
	int err;

	err = dune_kernel_functions_init();
	if (err)
		return err;
	err = dune_hardware_init(&dune_hardware, dune_backends);
	if (err)
		return err;
	err = dune_hardware_register_events();
	if (err)
		goto exit_hardware;
	dune_run_init();
	dune_syscall_init();
	dune_stats_publish();
	err = dune_device_register();
	if (err)
		goto withdraw_stats;
	return 0;

withdraw_stats:
	dune_stats_withdraw();
	dune_hardware_unregister_events();
exit_hardware:
	dune_hardware_exit(&dune_hardware);
	return err;
}
module_init(dune_init);

static void __exit dune_exit(void)
{
	dune_device_unregister();
	dune_stats_withdraw();
	dune_space_synchronize();
	dune_hardware_unregister_events();
	dune_hardware_exit(&dune_hardware);
}
module_exit(dune_exit);

MODULE_DESCRIPTION("Safe user-level access to privileged CPU features");
MODULE_AUTHOR("The Dune authors");
MODULE_LICENSE("GPL");
