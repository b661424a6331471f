/* SPDX-License-Identifier: GPL-2.0-only */
/* Virtual CPUs and the descriptors that hold them. */
#ifndef DUNE_VCPU_H
#define DUNE_VCPU_H

#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/preempt.h>

#include "hal.h"
#include "space.h"

/* Virtual CPUs of one process; bounds the kernel memory it can tie up. */
#define DUNE_MAX_VCPUS	16384

/**
 * struct dune_vcpu - a virtual CPU
 * @space: the process it belongs to; constant
 * @link: in space->vcpus, under space->lock
 * @lock: held by the thread that runs it or reads or writes its state; a
 *	second one gets -EBUSY
 * @run: the page shared with user space; contents are never trusted twice
 * @regs: general registers while it runs
 * @cr2: the guest's CR2
 * @hw: the backend's part
 * @notifier: tells when the thread that runs it leaves a CPU or comes to one
 * @in_guest: the CPU that it is in guest mode on, or -1
 * @tlb_generation: the space's, when it flushed last
 */
struct dune_vcpu {
	struct dune_space *space;
	struct list_head link;
	/* Outermost of ours: mmap_lock and space->lock are taken inside. */
	struct mutex lock;
	struct dune_run *run;
	struct dune_regs regs;
	u64 cr2;
	void *hw;
	struct preempt_notifier notifier;
	int in_guest;
	s64 tlb_generation;
};

int dune_vcpu_create_fd(void);

/* Between these two the virtual CPU is on the thread's CPU whenever it runs. */
void dune_vcpu_load(struct dune_vcpu *vcpu);
void dune_vcpu_put(struct dune_vcpu *vcpu);

/* run.c */
int dune_vcpu_run(struct dune_vcpu *vcpu);

/* state.c */
void dune_state_default(struct dune_state *state);
int dune_state_check(const struct dune_state *state);
u64 dune_state_cr4_allowed(void);

/* cpuid.c */
void dune_cpuid_filter(u32 leaf, u32 *ebx, u32 *ecx, u32 *edx);

#endif /* DUNE_VCPU_H */
