// SPDX-License-Identifier: GPL-2.0-only
/* The VMCB: made, filled, read; and what a guest may touch. */
#include <linux/gfp.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/string.h>
#include <linux/version.h>
#include <asm/io.h>
#include <asm/msr.h>
#include <asm/processor-flags.h>
#include <asm/tlbflush.h>

#include "../../core/compat.h"
#include "../../core/vcpu.h"
#include "capability.h"
#include "vcpu.h"

/* 7.0: a field of the VMCB, and its bit, have the manual's newer name */
#if LINUX_VERSION_CODE < KERNEL_VERSION(7, 0, 0)
#define misc_ctl		nested_ctl
#define SVM_MISC_ENABLE_NP	SVM_NESTED_CTL_NP_ENABLE
#endif

/* Nested entries are ordinary ones, and every access is a user's (APM vol. 2,
 * "Nested versus Guest Page Faults").
 */
const struct dune_npt_format svm_npt_format = {
	.table = _PAGE_PRESENT | _PAGE_RW | _PAGE_USER | _PAGE_ACCESSED,
	.read = _PAGE_PRESENT | _PAGE_USER,
	.write = _PAGE_RW,
	.no_exec = _PAGE_NX,
	.large = _PAGE_PSE,
	.uncached = _PAGE_PCD | _PAGE_PWT,
	.accessed = _PAGE_ACCESSED,
	.dirty = _PAGE_DIRTY,
};
EXPORT_SYMBOL_IF_DUNE_KUNIT(svm_npt_format);

/* PAT as after reset: memory types that programs expect. */
#define DEFAULT_PAT	0x0007040600070406ULL

/* APM vol. 2, "MSR Intercepts" and "I/O Permissions Map" */
#define MSRPM_ORDER	1
#define MSRPM_SIZE	8192
#define IOPM_ORDER	2
#define IOPM_SIZE	(12 << 10)

static u8 *msrpm;
static u8 *iopm;

/* MSRs that VMLOAD and VMSAVE switch: the guest's own, at no cost. */
static const u32 guest_msrs[] = {
	MSR_FS_BASE, MSR_GS_BASE, MSR_KERNEL_GS_BASE,
	MSR_STAR, MSR_LSTAR, MSR_CSTAR, MSR_SYSCALL_MASK,
	MSR_IA32_SYSENTER_CS, MSR_IA32_SYSENTER_ESP, MSR_IA32_SYSENTER_EIP,
};

/* Two bits for each MSR; the map has three ranges of 2 KiB. */
static void allow_msr(u32 msr)
{
	u32 bit = (msr & 0x1fff) * 2;
	u32 base = msr < 0x2000 ? 0 : 0x800;

	msrpm[base + bit / 8] &= ~(3 << bit % 8);
}

/**
 * svm_permissions_alloc() - make the maps of MSRs and ports, for all guests
 *
 * Return: 0 or -ENOMEM.
 */
int svm_permissions_alloc(void)
{
	unsigned int i;

	msrpm = (u8 *)__get_free_pages(GFP_KERNEL, MSRPM_ORDER);
	iopm = (u8 *)__get_free_pages(GFP_KERNEL, IOPM_ORDER);
	if (!msrpm || !iopm) {
		svm_permissions_free();
		return -ENOMEM;
	}
	/* Everything is intercepted but what is known to be harmless. */
	memset(msrpm, 0xff, MSRPM_SIZE);
	memset(iopm, 0xff, IOPM_SIZE);
	for (i = 0; i < ARRAY_SIZE(guest_msrs); i++)
		allow_msr(guest_msrs[i]);
	return 0;
}

/** svm_permissions_free() - free the maps */
void svm_permissions_free(void)
{
	free_pages((unsigned long)msrpm, MSRPM_ORDER);
	free_pages((unsigned long)iopm, IOPM_ORDER);
	msrpm = NULL;
	iopm = NULL;
}

static void intercept(struct vmcb_control_area *control, unsigned int bit)
{
	control->intercepts[bit / 32] |= BIT(bit % 32);
}

static void set_intercepts(struct vmcb_control_area *control)
{
	static const u8 bits[] = {
		/* TS and MP of CR0 are the guest's */
		INTERCEPT_SELECTIVE_CR0, INTERCEPT_CR4_WRITE,
		INTERCEPT_CR8_READ, INTERCEPT_CR8_WRITE,
		/* the hardware switches DR6 and DR7 only */
		INTERCEPT_DR0_READ, INTERCEPT_DR1_READ, INTERCEPT_DR2_READ,
		INTERCEPT_DR3_READ, INTERCEPT_DR4_READ, INTERCEPT_DR5_READ,
		INTERCEPT_DR6_READ, INTERCEPT_DR7_READ,
		INTERCEPT_DR0_WRITE, INTERCEPT_DR1_WRITE, INTERCEPT_DR2_WRITE,
		INTERCEPT_DR3_WRITE, INTERCEPT_DR4_WRITE, INTERCEPT_DR5_WRITE,
		INTERCEPT_DR6_WRITE, INTERCEPT_DR7_WRITE,
		/* for the host, or endless in the guest */
		INTERCEPT_EXCEPTION_OFFSET + DB_VECTOR,
		INTERCEPT_EXCEPTION_OFFSET + AC_VECTOR,
		INTERCEPT_EXCEPTION_OFFSET + MC_VECTOR,
		INTERCEPT_INTR, INTERCEPT_NMI, INTERCEPT_INIT,
		INTERCEPT_RDPMC, INTERCEPT_CPUID, INTERCEPT_RSM,
		INTERCEPT_INVD, INTERCEPT_HLT, INTERCEPT_INVLPGA,
		INTERCEPT_IOIO_PROT, INTERCEPT_MSR_PROT,
		INTERCEPT_TASK_SWITCH, INTERCEPT_FERR_FREEZE,
		INTERCEPT_SHUTDOWN,
		/* VMLOAD and VMSAVE would reach the host's physical memory */
		INTERCEPT_VMRUN, INTERCEPT_VMMCALL, INTERCEPT_VMLOAD,
		INTERCEPT_VMSAVE, INTERCEPT_STGI, INTERCEPT_CLGI,
		INTERCEPT_SKINIT, INTERCEPT_ICEBP, INTERCEPT_WBINVD,
		INTERCEPT_MONITOR, INTERCEPT_MWAIT, INTERCEPT_MWAIT_COND,
		INTERCEPT_XSETBV, INTERCEPT_RDPRU,
		INTERCEPT_INVLPGB, INTERCEPT_INVLPGB_ILLEGAL,
		INTERCEPT_MCOMMIT, INTERCEPT_TLBSYNC,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bits); i++)
		intercept(control, bits[i]);
}

/*
 * The nested walk has as many levels as the host's own (APM vol. 2, "Nested
 * Paging Registers"): where these are five, one entry leads to the usual four.
 */
static int make_npt_top(struct svm_vcpu *svm, const struct dune_npt *npt)
{
	if (!(__read_cr4() & X86_CR4_LA57))
		return 0;
	svm->npt_top = (u64 *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	if (!svm->npt_top)
		return -ENOMEM;
	*svm->npt_top = virt_to_phys(npt->root) | svm_npt_format.table;
	return 0;
}

/**
 * svm_init_vmcb() - make the VMCB what it is before core has set any state
 * @vcpu: the virtual CPU
 */
void svm_init_vmcb(struct dune_vcpu *vcpu)
{
	struct svm_vcpu *svm = vcpu->hw;
	struct vmcb *vmcb = svm->vmcb;
	struct vmcb_control_area *control = &vmcb->control;
	void *root = svm->npt_top ?: vcpu->space->npt.root;

	clear_page(vmcb);
	svm->asid_cpu = -1;
	set_intercepts(control);
	control->msrpm_base_pa = virt_to_phys(msrpm);
	control->iopm_base_pa = virt_to_phys(iopm);
	control->int_ctl = V_INTR_MASKING_MASK;
	control->misc_ctl = SVM_MISC_ENABLE_NP;
	control->nested_cr3 = virt_to_phys(root);
	vmcb->save.g_pat = DEFAULT_PAT;
}

static void free_svm(struct svm_vcpu *svm)
{
	free_page((unsigned long)svm->npt_top);
	free_page((unsigned long)svm->vmcb);
	kfree(svm);
}

/**
 * svm_vcpu_create() - as struct dune_hal's vcpu_create
 * @vcpu: the virtual CPU
 *
 * Return: 0 or -ENOMEM.
 */
int svm_vcpu_create(struct dune_vcpu *vcpu)
{
	struct svm_vcpu *svm = kzalloc(sizeof(*svm), GFP_KERNEL_ACCOUNT);

	BUILD_BUG_ON(sizeof(struct vmcb) != PAGE_SIZE &&
		     offsetof(struct vmcb, save) != 0x400);
	if (!svm)
		return -ENOMEM;
	svm->vmcb = (struct vmcb *)__get_free_page(GFP_KERNEL_ACCOUNT);
	if (!svm->vmcb || make_npt_top(svm, &vcpu->space->npt)) {
		free_svm(svm);
		return -ENOMEM;
	}
	svm->vmcb_pa = virt_to_phys(svm->vmcb);
	vcpu->hw = svm;
	svm_init_vmcb(vcpu);
	return 0;
}

/**
 * svm_vcpu_destroy() - as struct dune_hal's vcpu_destroy
 * @vcpu: the virtual CPU
 */
void svm_vcpu_destroy(struct dune_vcpu *vcpu)
{
	free_svm(vcpu->hw);
}

/* The VMCB packs the attributes: bits 12 to 15 follow bits 0 to 7. */
static void put_segment(struct vmcb_seg *seg, const struct dune_segment *from)
{
	seg->selector = from->selector;
	seg->base = from->base;
	seg->limit = from->limit;
	seg->attrib = from->attributes & DUNE_SEGMENT_UNUSABLE ? 0 :
		      (from->attributes & 0xff) |
		      (from->attributes >> 4 & 0xf00);
}

static void get_segment(const struct vmcb_seg *seg, struct dune_segment *to)
{
	to->selector = seg->selector;
	to->base = seg->base;
	to->limit = seg->limit;
	to->attributes = (seg->attrib & 0xff) | (seg->attrib & 0xf00) << 4;
	if (!(seg->attrib & SVM_SELECTOR_P_MASK))
		to->attributes |= DUNE_SEGMENT_UNUSABLE;
}

/**
 * svm_set_state() - as struct dune_hal's set_state
 * @vcpu: the virtual CPU
 * @state: checked by core
 */
void svm_set_state(struct dune_vcpu *vcpu, const struct dune_state *state)
{
	struct vmcb *vmcb = ((struct svm_vcpu *)vcpu->hw)->vmcb;
	struct vmcb_save_area *save = &vmcb->save;

	vmcb->control.clean = 0;
	vmcb->control.int_state = 0;
	put_segment(&save->cs, &state->cs);
	put_segment(&save->ss, &state->ss);
	put_segment(&save->ds, &state->ds);
	put_segment(&save->es, &state->es);
	put_segment(&save->fs, &state->fs);
	put_segment(&save->gs, &state->gs);
	put_segment(&save->tr, &state->tr);
	put_segment(&save->ldtr, &state->ldt);
	save->gdtr.base = state->gdt.base;
	save->gdtr.limit = state->gdt.limit;
	save->idtr.base = state->idt.base;
	save->idtr.limit = state->idt.limit;
	save->cpl = state->ss.attributes >> 5 & 3;
	save->kernel_gs_base = state->kernel_gs_base;
	save->star = state->star;
	save->lstar = state->lstar;
	save->cstar = state->cstar;
	save->sfmask = state->sfmask;
	save->sysenter_cs = state->sysenter_cs;
	save->sysenter_esp = state->sysenter_esp;
	save->sysenter_eip = state->sysenter_eip;
}

/**
 * svm_get_state() - as struct dune_hal's get_state
 * @vcpu: the virtual CPU
 * @state: to be filled
 */
void svm_get_state(struct dune_vcpu *vcpu, struct dune_state *state)
{
	const struct vmcb_save_area *save =
		&((struct svm_vcpu *)vcpu->hw)->vmcb->save;

	get_segment(&save->cs, &state->cs);
	get_segment(&save->ss, &state->ss);
	get_segment(&save->ds, &state->ds);
	get_segment(&save->es, &state->es);
	get_segment(&save->fs, &state->fs);
	get_segment(&save->gs, &state->gs);
	get_segment(&save->tr, &state->tr);
	get_segment(&save->ldtr, &state->ldt);
	state->gdt.base = save->gdtr.base;
	state->gdt.limit = save->gdtr.limit;
	state->idt.base = save->idtr.base;
	state->idt.limit = save->idtr.limit;
	state->kernel_gs_base = save->kernel_gs_base;
	state->star = save->star;
	state->lstar = save->lstar;
	state->cstar = save->cstar;
	state->sfmask = save->sfmask;
	state->sysenter_cs = save->sysenter_cs;
	state->sysenter_esp = save->sysenter_esp;
	state->sysenter_eip = save->sysenter_eip;
}

/**
 * svm_get_controls() - as struct dune_hal's get_controls
 * @vcpu: the virtual CPU
 * @controls: to be filled
 */
void svm_get_controls(struct dune_vcpu *vcpu, struct dune_controls *controls)
{
	const struct vmcb_save_area *save =
		&((struct svm_vcpu *)vcpu->hw)->vmcb->save;

	*controls = (struct dune_controls) {
		.cr0 = save->cr0,
		.cr3 = save->cr3,
		.cr4 = save->cr4,
		.efer = save->efer & ~EFER_SVME,
		.dr7 = save->dr7,
	};
}

/**
 * svm_set_controls() - as struct dune_hal's set_controls
 * @vcpu: the virtual CPU
 * @controls: checked by core
 */
void svm_set_controls(struct dune_vcpu *vcpu,
		      const struct dune_controls *controls)
{
	struct vmcb *vmcb = ((struct svm_vcpu *)vcpu->hw)->vmcb;
	struct vmcb_save_area *save = &vmcb->save;

	vmcb->control.clean = 0;
	save->cr0 = controls->cr0;
	save->cr3 = controls->cr3;
	save->cr4 = controls->cr4;
	/* A guest cannot run without it (APM vol. 2, "VMRUN"). */
	save->efer = controls->efer | EFER_SVME;
	save->dr7 = controls->dr7;
}
