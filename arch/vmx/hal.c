// SPDX-License-Identifier: GPL-2.0-only
/* The VT-x backend, as core sees it. */
#include <uapi/linux/dune.h>

#include "../../core/hal.h"
#include "capability.h"
#include "enable.h"
#include "vcpu.h"

const struct dune_hal dune_vmx_hal = {
	.name = "VT-x",
	.backend = DUNE_BACKEND_VMX,
	.hypercall = { 0x0f, 0x01, 0xc1 },	/* VMCALL */
	.hypercall_len = 3,
	.npt = &vmx_ept_format,

	.probe = vmx_probe,
	.setup = vmx_setup,
	.teardown = vmx_teardown,
	.cpu_enable = vmx_cpu_enable,
	.cpu_disable = vmx_cpu_disable,
	.vcpu_create = vmx_vcpu_create,
	.vcpu_destroy = vmx_vcpu_destroy,
	.vcpu_load = vmx_vcpu_load,
	.vcpu_put = vmx_vcpu_put,
	.vcpu_run = vmx_vcpu_run,
	.vcpu_flush = vmx_vcpu_flush,
	.get_state = vmx_get_state,
	.set_state = vmx_set_state,
	.get_controls = vmx_get_controls,
	.set_controls = vmx_set_controls,
	.inject = vmx_inject,
	.interrupt_window = vmx_interrupt_window,
};
