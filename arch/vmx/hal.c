// SPDX-License-Identifier: GPL-2.0-only
/* The VT-x backend, as core sees it. */
#include <uapi/linux/dune.h>

#include "../../core/hal.h"
#include "capability.h"
#include "enable.h"

const struct dune_hal dune_vmx_hal = {
	.name = "VT-x",
	.backend = DUNE_BACKEND_VMX,
	.hypercall = { 0x0f, 0x01, 0xc1 },	/* VMCALL */
	.hypercall_len = 3,

	.probe = vmx_probe,
	.setup = vmx_setup,
	.teardown = vmx_teardown,
	.cpu_enable = vmx_cpu_enable,
	.cpu_disable = vmx_cpu_disable,
};
