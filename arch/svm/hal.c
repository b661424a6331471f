// SPDX-License-Identifier: GPL-2.0-only
/* The SVM backend, as core sees it. */
#include <uapi/linux/dune.h>

#include "../../core/hal.h"
#include "capability.h"
#include "enable.h"

const struct dune_hal dune_svm_hal = {
	.name = "SVM",
	.backend = DUNE_BACKEND_SVM,
	.hypercall = { 0x0f, 0x01, 0xd9 },	/* VMMCALL */
	.hypercall_len = 3,

	.probe = svm_probe,
	.setup = svm_setup,
	.teardown = svm_teardown,
	.cpu_enable = svm_cpu_enable,
	.cpu_disable = svm_cpu_disable,
};
