/* SPDX-License-Identifier: GPL-2.0-only */
/* SVM's part of a virtual CPU: the VMCB and what goes with it. */
#ifndef DUNE_SVM_VCPU_H
#define DUNE_SVM_VCPU_H

#include <linux/bits.h>
#include <linux/percpu.h>
#include <asm/svm.h>

#include "../../core/hal.h"

/**
 * struct svm_cpu - what a CPU needs to run guests
 * @host_state: physical address of a page into which VMSAVE puts the host's
 *	part of the state that VMRUN does not switch
 * @generation: grows when all ASIDs were used and begin again
 * @next_asid: the first one not used in this generation
 * @stale: the TLB may know ASIDs of this generation from before; the next
 *	VMRUN flushes all
 */
struct svm_cpu {
	phys_addr_t host_state;
	u64 generation;
	u32 next_asid;
	bool stale;
};

DECLARE_PER_CPU(struct svm_cpu, svm_cpu);

/**
 * struct svm_vcpu - SVM's part of a virtual CPU
 * @vmcb: the control block
 * @vmcb_pa: its physical address
 * @npt_top: the top of the nested page table, where the host has five levels
 * @asid_cpu: the CPU that the VMCB's ASID belongs to, or -1
 * @asid_generation: of that CPU when it was given
 */
struct svm_vcpu {
	struct vmcb *vmcb;
	u64 vmcb_pa;
	u64 *npt_top;
	int asid_cpu;
	u64 asid_generation;
};

/*
 * Parts of the VMCB that only core's set_state and set_controls change between
 * two runs: the CPU may keep what it has of them (AMD APM vol. 2, "VMCB State
 * Caching"): permission maps, nested paging, control registers, descriptor
 * tables, segments and debug control.
 */
#define SVM_KEPT	(BIT(1) | BIT(4) | BIT(5) | BIT(7) | BIT(8) | BIT(10))

/* Begins a new generation at the next entry on this CPU. */
static inline void svm_forget_asids(void)
{
	this_cpu_write(svm_cpu.next_asid, U32_MAX);
}

int svm_vcpu_create(struct dune_vcpu *vcpu);
void svm_vcpu_destroy(struct dune_vcpu *vcpu);
void svm_vcpu_load(struct dune_vcpu *vcpu);
void svm_vcpu_put(struct dune_vcpu *vcpu);
void svm_vcpu_run(struct dune_vcpu *vcpu, struct dune_exit *exit);
void svm_vcpu_flush(struct dune_vcpu *vcpu);
void svm_get_state(struct dune_vcpu *vcpu, struct dune_state *state);
void svm_set_state(struct dune_vcpu *vcpu, const struct dune_state *state);
void svm_get_controls(struct dune_vcpu *vcpu, struct dune_controls *controls);
void svm_set_controls(struct dune_vcpu *vcpu,
		      const struct dune_controls *controls);
bool svm_interrupt_window(struct dune_vcpu *vcpu);
void svm_inject(struct dune_vcpu *vcpu, const struct dune_event *event);

void svm_init_vmcb(struct dune_vcpu *vcpu);
int svm_permissions_alloc(void);
void svm_permissions_free(void);

/* enter.S */
void svm_enter(struct dune_regs *regs, u64 vmcb_pa, u64 host_state_pa);

extern const struct dune_npt_format svm_npt_format;

#endif /* DUNE_SVM_VCPU_H */
