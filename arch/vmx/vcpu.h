/* SPDX-License-Identifier: GPL-2.0-only */
/* VT-x's part of a virtual CPU: the VMCS and what goes with it. */
#ifndef DUNE_VMX_VCPU_H
#define DUNE_VMX_VCPU_H

#include <linux/types.h>

#include "../../core/hal.h"

/* MSRs of the guest that the VMCS does not hold: loaded and put with it. */
enum vmx_guest_msr {
	VMX_GUEST_STAR,
	VMX_GUEST_LSTAR,
	VMX_GUEST_CSTAR,
	VMX_GUEST_SFMASK,
	VMX_GUEST_KERNEL_GS_BASE,
	VMX_GUEST_MSRS,
};

/**
 * struct vmx_vcpu - VT-x's part of a virtual CPU
 * @vmcs: the control structure
 * @vmcs_pa: its physical address
 * @eptp: the EPT pointer
 * @vpid: tag of its translations, 0 if the CPU has no tags
 * @launched: VMRESUME, not VMLAUNCH, since it was loaded
 * @cpu: that it was loaded on last, or -1
 * @host_cr3: as the VMCS has it
 * @host_cr4: likewise
 * @guest_rsp: as the VMCS has it
 * @guest_rflags: likewise
 * @host_debugctl: to be put back after each exit, which clears it
 * @host_ds: the thread's selectors, which an exit clears
 * @host_es: likewise
 * @host_fs: likewise
 * @host_gs: likewise
 * @guest_msrs: the guest's, while it is not loaded
 * @host_msrs: the host's, while it is
 */
struct vmx_vcpu {
	void *vmcs;
	u64 vmcs_pa;
	u64 eptp;
	u16 vpid;
	bool launched;
	int cpu;
	unsigned long host_cr3;
	unsigned long host_cr4;
	unsigned long guest_rsp;
	unsigned long guest_rflags;
	unsigned long host_debugctl;
	u16 host_ds;
	u16 host_es;
	u16 host_fs;
	u16 host_gs;
	u64 guest_msrs[VMX_GUEST_MSRS];
	u64 host_msrs[VMX_GUEST_MSRS];
};

int vmx_vcpu_create(struct dune_vcpu *vcpu);
void vmx_vcpu_destroy(struct dune_vcpu *vcpu);
void vmx_vcpu_load(struct dune_vcpu *vcpu);
void vmx_vcpu_put(struct dune_vcpu *vcpu);
void vmx_vcpu_run(struct dune_vcpu *vcpu, struct dune_exit *exit);
void vmx_vcpu_flush(struct dune_vcpu *vcpu);
void vmx_write_registers(struct dune_vcpu *vcpu);
void vmx_get_state(struct dune_vcpu *vcpu, struct dune_state *state);
void vmx_set_state(struct dune_vcpu *vcpu, const struct dune_state *state);
void vmx_get_controls(struct dune_vcpu *vcpu, struct dune_controls *controls);
void vmx_set_controls(struct dune_vcpu *vcpu,
		      const struct dune_controls *controls);
bool vmx_interrupt_window(struct dune_vcpu *vcpu);
void vmx_inject(struct dune_vcpu *vcpu, const struct dune_event *event);

/* host.c */
void vmx_write_host_state(struct vmx_vcpu *vmx);
void vmx_refresh_host_state(struct vmx_vcpu *vmx);
void vmx_restore_host_tables(void);
void vmx_restore_host_segments(struct vmx_vcpu *vmx);

/* mitigation.c */
void vmx_mitigation_setup(void);
void vmx_mitigate_entry(void);
void vmx_mitigate_exit(void);

int vmx_permissions_alloc(void);
void vmx_permissions_free(void);

/* enter.S: returns whether the CPU refused. */
bool vmx_enter(struct dune_regs *regs, bool launched);
extern const char vmx_exited[];

extern const struct dune_npt_format vmx_ept_format;

#endif /* DUNE_VMX_VCPU_H */
