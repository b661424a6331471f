/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The hardware-abstraction layer: all that core/ knows of a vendor.
 *
 * A backend supplies mechanism only. What to do with it is core's decision,
 * and core names no vendor: everything it needs comes through these types.
 */
#ifndef DUNE_HAL_H
#define DUNE_HAL_H

#include <linux/types.h>

/**
 * struct dune_caps - what a backend found in the CPU
 * @features: DUNE_FEATURE_* bits of the user interface
 * @nested_page_sizes: page sizes in bytes, or-ed together
 * @tlb_tags: address spaces that the TLB can tell apart, at least 1
 * @guest_phys_bits: width of a guest-physical address
 */
struct dune_caps {
	u64 features;
	u64 nested_page_sizes;
	u32 tlb_tags;
	u32 guest_phys_bits;
};

/**
 * struct dune_hal - one backend
 * @name: for the log
 * @backend: enum dune_backend, to tell user space
 * @hypercall: the bytes of the instruction that calls core from the guest
 * @hypercall_len: how many of them
 *
 * @probe: Look at the CPU, touching nothing.
 *	Return 0 with @caps filled; -ENODEV when this is another vendor's CPU
 *	or it has no virtualization, -EPERM when the firmware disabled it,
 *	-EOPNOTSUPP when something that Dune cannot do without is missing; in
 *	the last three cases @why is one sentence for the log.
 * @setup: Allocate what the CPUs need, once, after @probe. Return 0 or
 *	-ENOMEM. May sleep.
 * @teardown: Free it, with virtualization off everywhere.
 *
 * @cpu_enable: Turn virtualization on, on this CPU. Return 0; -EBUSY when
 *	somebody else has it on (then nothing was changed); -EIO when the CPU
 *	refuses. Interrupts are off.
 * @cpu_disable: Turn it off again, on this CPU, after a successful
 *	@cpu_enable. Interrupts are off.
 */
struct dune_hal {
	const char *name;
	u32 backend;
	u8 hypercall[4];
	u32 hypercall_len;

	int (*probe)(struct dune_caps *caps, const char **why);
	int (*setup)(void);
	void (*teardown)(void);

	int (*cpu_enable)(void);
	void (*cpu_disable)(void);
};

extern const struct dune_hal dune_vmx_hal;
extern const struct dune_hal dune_svm_hal;

#endif /* DUNE_HAL_H */
