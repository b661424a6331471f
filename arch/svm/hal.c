// SPDX-License-Identifier: GPL-2.0-only
/* The SVM backend, as core sees it. */
#include <uapi/linux/dune.h>

#include "../../core/hal.h"
#include "capability.h"
#include "enable.h"
#include "vcpu.h"

const struct dune_hal dune_svm_hal = {
	.name = "SVM",
	.backend = DUNE_BACKEND_SVM,
	.hypercall = { 0x0f, 0x01, 0xd9 },	/* VMMCALL */
	.hypercall_len = 3,
	.npt = &svm_npt_format,

	.probe = svm_probe,
	.setup = svm_setup,
	.teardown = svm_teardown,
	.cpu_enable = svm_cpu_enable,
	.cpu_disable = svm_cpu_disable,
	.vcpu_create = svm_vcpu_create,
	.vcpu_destroy = svm_vcpu_destroy,
	.vcpu_load = svm_vcpu_load,
	.vcpu_put = svm_vcpu_put,
	.vcpu_run = svm_vcpu_run,
	.vcpu_flush = svm_vcpu_flush,
	.get_state = svm_get_state,
	.set_state = svm_set_state,
	.get_controls = svm_get_controls,
	.set_controls = svm_set_controls,
	.inject = svm_inject,
	.interrupt_window = svm_interrupt_window,
};
