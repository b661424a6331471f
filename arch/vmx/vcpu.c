// SPDX-License-Identifier: GPL-2.0-only
/* The VMCS: made, loaded, filled, read; and what a guest may touch. */
#include <linux/gfp.h>
#include <linux/idr.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/string.h>
#include <asm/io.h>
#include <asm/msr.h>
#include <asm/processor-flags.h>
#include <asm/traps.h>
#include <asm/vmx.h>

#include "../../core/compat.h"
#include "../../core/vcpu.h"
#include "capability.h"
#include "insn.h"
#include "vcpu.h"

const struct dune_npt_format vmx_ept_format = {
	.table = VMX_EPT_RWX_MASK,
	.read = VMX_EPT_READABLE_MASK,
	.write = VMX_EPT_WRITABLE_MASK,
	.exec = VMX_EPT_EXECUTABLE_MASK,
	.large = BIT_ULL(7),
	/* The guest's PAT does not change the type: it could make a machine check. */
	.writeback = VMX_EPTP_MT_WB << VMX_EPT_MT_EPTE_SHIFT | VMX_EPT_IPAT_BIT,
	.uncached = VMX_EPTP_MT_UC << VMX_EPT_MT_EPTE_SHIFT | VMX_EPT_IPAT_BIT,
	.accessed = VMX_EPT_ACCESS_BIT,
	.dirty = VMX_EPT_DIRTY_BIT,
};
EXPORT_SYMBOL_IF_DUNE_KUNIT(vmx_ept_format);

/* PAT as after reset: memory types that programs expect. */
#define DEFAULT_PAT	0x0007040600070406ULL

static const u32 guest_msrs[VMX_GUEST_MSRS] = {
	[VMX_GUEST_STAR] = MSR_STAR,
	[VMX_GUEST_LSTAR] = MSR_LSTAR,
	[VMX_GUEST_CSTAR] = MSR_CSTAR,
	[VMX_GUEST_SFMASK] = MSR_SYSCALL_MASK,
	[VMX_GUEST_KERNEL_GS_BASE] = MSR_KERNEL_GS_BASE,
};

/* MSRs that the VMCS holds. */
static const u32 vmcs_msrs[] = {
	MSR_FS_BASE, MSR_GS_BASE,
	MSR_IA32_SYSENTER_CS, MSR_IA32_SYSENTER_ESP, MSR_IA32_SYSENTER_EIP,
};

static u8 *msr_bitmap;
static DEFINE_IDA(vpids);

/* Intel SDM, "MSR-Bitmap Address": read and write, low and high MSRs. */
static void allow_msr(u32 msr)
{
	u32 base = msr < 0x2000 ? 0 : 0x400;
	u32 bit = msr & 0x1fff;

	msr_bitmap[base + bit / 8] &= ~BIT(bit % 8);
	msr_bitmap[0x800 + base + bit / 8] &= ~BIT(bit % 8);
}

/**
 * vmx_permissions_alloc() - make the map of MSRs, for all guests
 *
 * Return: 0 or -ENOMEM.
 */
int vmx_permissions_alloc(void)
{
	unsigned int i;

	msr_bitmap = (u8 *)__get_free_page(GFP_KERNEL);
	if (!msr_bitmap)
		return -ENOMEM;
	/* Everything is intercepted but what is known to be harmless. */
	memset(msr_bitmap, 0xff, PAGE_SIZE);
	for (i = 0; i < ARRAY_SIZE(guest_msrs); i++)
		allow_msr(guest_msrs[i]);
	for (i = 0; i < ARRAY_SIZE(vmcs_msrs); i++)
		allow_msr(vmcs_msrs[i]);
	return 0;
}

/** vmx_permissions_free() - free the map */
void vmx_permissions_free(void)
{
	free_page((unsigned long)msr_bitmap);
	msr_bitmap = NULL;
	ida_destroy(&vpids);
}

static u32 secondary_controls(const struct vmx_vcpu *vmx)
{
	/* Instructions that CPUID shows: without these they are undefined. */
	const u32 wanted = SECONDARY_EXEC_ENABLE_RDTSCP |
			   SECONDARY_EXEC_ENABLE_INVPCID |
			   SECONDARY_EXEC_ENABLE_XSAVES |
			   SECONDARY_EXEC_WBINVD_EXITING |
			   SECONDARY_EXEC_ENCLS_EXITING;
	u32 controls = SECONDARY_EXEC_ENABLE_EPT;

	controls |= wanted & (vmx_capability.cpu2 >> 32);
	if (vmx->vpid)
		controls |= SECONDARY_EXEC_ENABLE_VPID;
	return controls | vmx_must_set(vmx_capability.cpu2);
}

static void write_controls(const struct vmx_vcpu *vmx)
{
	const u32 pin = PIN_BASED_EXT_INTR_MASK | PIN_BASED_NMI_EXITING |
			PIN_BASED_VIRTUAL_NMIS;
	const u32 cpu = CPU_BASED_HLT_EXITING | CPU_BASED_MWAIT_EXITING |
			CPU_BASED_RDPMC_EXITING | CPU_BASED_CR8_LOAD_EXITING |
			CPU_BASED_CR8_STORE_EXITING |
			CPU_BASED_MOV_DR_EXITING |
			CPU_BASED_UNCOND_IO_EXITING |
			CPU_BASED_USE_MSR_BITMAPS | CPU_BASED_MONITOR_EXITING |
			CPU_BASED_ACTIVATE_SECONDARY_CONTROLS;
	const u32 exit = VM_EXIT_HOST_ADDR_SPACE_SIZE |
			 VM_EXIT_SAVE_IA32_PAT | VM_EXIT_LOAD_IA32_PAT |
			 VM_EXIT_SAVE_IA32_EFER | VM_EXIT_LOAD_IA32_EFER;
	const u32 entry = VM_ENTRY_LOAD_DEBUG_CONTROLS | VM_ENTRY_IA32E_MODE |
			  VM_ENTRY_LOAD_IA32_PAT | VM_ENTRY_LOAD_IA32_EFER;

	vmx_write32(PIN_BASED_VM_EXEC_CONTROL,
		    pin | vmx_must_set(vmx_capability.pin));
	vmx_write32(CPU_BASED_VM_EXEC_CONTROL,
		    cpu | vmx_must_set(vmx_capability.cpu));
	vmx_write32(SECONDARY_VM_EXEC_CONTROL, secondary_controls(vmx));
	vmx_write32(VM_EXIT_CONTROLS, exit | vmx_must_set(vmx_capability.exit));
	vmx_write32(VM_ENTRY_CONTROLS,
		    entry | vmx_must_set(vmx_capability.entry));
	/* For the host, or endless in the guest. */
	vmx_write32(EXCEPTION_BITMAP, BIT(X86_TRAP_DB) | BIT(X86_TRAP_AC) |
				      BIT(X86_TRAP_MC));
	vmx_write32(PAGE_FAULT_ERROR_CODE_MASK, 0);
	vmx_write32(PAGE_FAULT_ERROR_CODE_MATCH, 0);
	vmx_write32(CR3_TARGET_COUNT, 0);
	vmx_write32(VM_EXIT_MSR_STORE_COUNT, 0);
	vmx_write32(VM_EXIT_MSR_LOAD_COUNT, 0);
	vmx_write32(VM_ENTRY_MSR_LOAD_COUNT, 0);
	vmx_write32(VM_ENTRY_INTR_INFO_FIELD, 0);
	vmx_write64(MSR_BITMAP, virt_to_phys(msr_bitmap));
	vmx_write64(EPT_POINTER, vmx->eptp);
	if (vmx->vpid)
		vmx_write16(VIRTUAL_PROCESSOR_ID, vmx->vpid);
	if (vmx_may_set(vmx_capability.cpu2, SECONDARY_EXEC_ENCLS_EXITING))
		vmx_write64(ENCLS_EXITING_BITMAP, ~0ULL);
	if (vmx_may_set(vmx_capability.cpu2, SECONDARY_EXEC_ENABLE_XSAVES))
		vmx_write64(XSS_EXIT_BITMAP, 0);
	/* Bits that the guest may change without asking; of others it is told
	 * what it wrote, by the shadow.
	 */
	vmx_writel(CR0_GUEST_HOST_MASK,
		   ~(X86_CR0_WP | X86_CR0_AM | X86_CR0_MP | X86_CR0_TS));
	vmx_writel(CR4_GUEST_HOST_MASK,
		   ~(dune_state_cr4_allowed() & ~(u64)DUNE_CR4_FIXED));
}

static void write_fixed_guest_state(void)
{
	vmx_write64(VMCS_LINK_POINTER, ~0ULL);
	vmx_write64(GUEST_IA32_DEBUGCTL, 0);
	vmx_write64(GUEST_IA32_PAT, DEFAULT_PAT);
	vmx_write32(GUEST_INTERRUPTIBILITY_INFO, 0);
	vmx_write32(GUEST_ACTIVITY_STATE, 0);
	vmx_writel(GUEST_PENDING_DBG_EXCEPTIONS, 0);
}

static u64 ept_pointer(struct dune_vcpu *vcpu)
{
	u64 eptp = virt_to_phys(vcpu->space->npt.root) | VMX_EPTP_MT_WB |
		   VMX_EPTP_PWL_4;

	if (vmx_capability.ept_vpid & VMX_EPT_AD_BIT)
		eptp |= VMX_EPTP_AD_ENABLE_BIT;
	return eptp;
}

static void init_vmcs(struct vmx_vcpu *vmx)
{
	preempt_disable();
	vmx_vmclear(vmx->vmcs_pa);
	vmx_vmptrld(vmx->vmcs_pa);
	write_controls(vmx);
	write_fixed_guest_state();
	vmx_vmclear(vmx->vmcs_pa);
	preempt_enable();
}

/**
 * vmx_vcpu_create() - as struct dune_hal's vcpu_create
 * @vcpu: the virtual CPU
 *
 * Return: 0 or -ENOMEM.
 */
int vmx_vcpu_create(struct dune_vcpu *vcpu)
{
	struct vmx_vcpu *vmx = kzalloc(sizeof(*vmx), GFP_KERNEL_ACCOUNT);
	int vpid = 0;

	if (!vmx)
		return -ENOMEM;
	vmx->vmcs = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	if (!vmx->vmcs)
		goto free_vmx;
	*(u32 *)vmx->vmcs = vmx_capability.basic & GENMASK(30, 0);
	vmx->vmcs_pa = virt_to_phys(vmx->vmcs);
	vmx->eptp = ept_pointer(vcpu);
	vmx->cpu = -1;
	if (vmx_has_vpid(&vmx_capability))
		vpid = ida_alloc_range(&vpids, 1, 0xffff, GFP_KERNEL);
	/* Without a tag it is slower, not wrong. */
	vmx->vpid = max(vpid, 0);
	vcpu->hw = vmx;
	init_vmcs(vmx);
	return 0;

free_vmx:
	kfree(vmx);
	return -ENOMEM;
}

/**
 * vmx_vcpu_destroy() - as struct dune_hal's vcpu_destroy
 * @vcpu: the virtual CPU
 */
void vmx_vcpu_destroy(struct dune_vcpu *vcpu)
{
	struct vmx_vcpu *vmx = vcpu->hw;

	if (vmx->vpid)
		ida_free(&vpids, vmx->vpid);
	free_page((unsigned long)vmx->vmcs);
	kfree(vmx);
}

static void load_guest_msrs(struct vmx_vcpu *vmx)
{
	unsigned int i;

	for (i = 0; i < VMX_GUEST_MSRS; i++) {
		rdmsrq(guest_msrs[i], vmx->host_msrs[i]);
		wrmsrq(guest_msrs[i], vmx->guest_msrs[i]);
	}
}

static void save_guest_msrs(struct vmx_vcpu *vmx)
{
	unsigned int i;

	for (i = 0; i < VMX_GUEST_MSRS; i++)
		rdmsrq(guest_msrs[i], vmx->guest_msrs[i]);
}

static void restore_host_msrs(struct vmx_vcpu *vmx)
{
	unsigned int i;

	for (i = 0; i < VMX_GUEST_MSRS; i++)
		wrmsrq(guest_msrs[i], vmx->host_msrs[i]);
}

/**
 * vmx_vcpu_load() - as struct dune_hal's vcpu_load
 * @vcpu: the virtual CPU
 */
void vmx_vcpu_load(struct dune_vcpu *vcpu)
{
	struct vmx_vcpu *vmx = vcpu->hw;

	vmx_vmptrld(vmx->vmcs_pa);
	vmx->launched = false;
	vmx_write_host_state(vmx);
	vmx_write_registers(vcpu);
	load_guest_msrs(vmx);
	/* This CPU may hold translations from when it was here last. */
	if (vmx->cpu != smp_processor_id()) {
		vmx->cpu = smp_processor_id();
		vmx_vcpu_flush(vcpu);
	}
}

/**
 * vmx_vcpu_put() - as struct dune_hal's vcpu_put
 * @vcpu: the virtual CPU
 *
 * The VMCS goes back to memory, so that any CPU can load it and none keeps it
 * when it goes offline.
 */
void vmx_vcpu_put(struct dune_vcpu *vcpu)
{
	struct vmx_vcpu *vmx = vcpu->hw;

	vmx_vmclear(vmx->vmcs_pa);
	vmx_restore_host_tables();
	save_guest_msrs(vmx);
	vmx_restore_host_segments(vmx);
	restore_host_msrs(vmx);
}

/* The fields of the segments have encodings two apart, in this order. */
enum segment { ES, CS, SS, DS, FS, GS, LDTR, TR };

static void put_segment(enum segment segment, const struct dune_segment *from)
{
	vmx_write_any(GUEST_ES_SELECTOR + 2 * segment, from->selector);
	vmx_write_any(GUEST_ES_BASE + 2 * segment, from->base);
	vmx_write_any(GUEST_ES_LIMIT + 2 * segment, from->limit);
	vmx_write_any(GUEST_ES_AR_BYTES + 2 * segment, from->attributes);
}

static void get_segment(enum segment segment, struct dune_segment *to)
{
	to->selector = vmx_read_any(GUEST_ES_SELECTOR + 2 * segment);
	to->base = vmx_read_any(GUEST_ES_BASE + 2 * segment);
	to->limit = vmx_read_any(GUEST_ES_LIMIT + 2 * segment);
	to->attributes = vmx_read_any(GUEST_ES_AR_BYTES + 2 * segment);
}

/**
 * vmx_set_state() - as struct dune_hal's set_state
 * @vcpu: the virtual CPU
 * @state: checked by core
 */
void vmx_set_state(struct dune_vcpu *vcpu, const struct dune_state *state)
{
	vmx_write32(GUEST_INTERRUPTIBILITY_INFO, 0);
	vmx_writel(GUEST_PENDING_DBG_EXCEPTIONS, 0);
	put_segment(CS, &state->cs);
	put_segment(SS, &state->ss);
	put_segment(DS, &state->ds);
	put_segment(ES, &state->es);
	put_segment(FS, &state->fs);
	put_segment(GS, &state->gs);
	put_segment(TR, &state->tr);
	put_segment(LDTR, &state->ldt);
	vmx_writel(GUEST_GDTR_BASE, state->gdt.base);
	vmx_write32(GUEST_GDTR_LIMIT, state->gdt.limit);
	vmx_writel(GUEST_IDTR_BASE, state->idt.base);
	vmx_write32(GUEST_IDTR_LIMIT, state->idt.limit);
	vmx_write32(GUEST_SYSENTER_CS, state->sysenter_cs);
	vmx_writel(GUEST_SYSENTER_ESP, state->sysenter_esp);
	vmx_writel(GUEST_SYSENTER_EIP, state->sysenter_eip);
	wrmsrq(MSR_STAR, state->star);
	wrmsrq(MSR_LSTAR, state->lstar);
	wrmsrq(MSR_CSTAR, state->cstar);
	wrmsrq(MSR_SYSCALL_MASK, state->sfmask);
	wrmsrq(MSR_KERNEL_GS_BASE, state->kernel_gs_base);
}

/**
 * vmx_get_state() - as struct dune_hal's get_state
 * @vcpu: the virtual CPU
 * @state: to be filled
 */
void vmx_get_state(struct dune_vcpu *vcpu, struct dune_state *state)
{
	get_segment(CS, &state->cs);
	get_segment(SS, &state->ss);
	get_segment(DS, &state->ds);
	get_segment(ES, &state->es);
	get_segment(FS, &state->fs);
	get_segment(GS, &state->gs);
	get_segment(TR, &state->tr);
	get_segment(LDTR, &state->ldt);
	state->gdt.base = vmx_readl(GUEST_GDTR_BASE);
	state->gdt.limit = vmx_read32(GUEST_GDTR_LIMIT);
	state->idt.base = vmx_readl(GUEST_IDTR_BASE);
	state->idt.limit = vmx_read32(GUEST_IDTR_LIMIT);
	state->sysenter_cs = vmx_read32(GUEST_SYSENTER_CS);
	state->sysenter_esp = vmx_readl(GUEST_SYSENTER_ESP);
	state->sysenter_eip = vmx_readl(GUEST_SYSENTER_EIP);
	rdmsrq(MSR_STAR, state->star);
	rdmsrq(MSR_LSTAR, state->lstar);
	rdmsrq(MSR_CSTAR, state->cstar);
	rdmsrq(MSR_SYSCALL_MASK, state->sfmask);
	rdmsrq(MSR_KERNEL_GS_BASE, state->kernel_gs_base);
}

/**
 * vmx_get_controls() - as struct dune_hal's get_controls
 * @vcpu: the virtual CPU
 * @controls: to be filled
 */
void vmx_get_controls(struct dune_vcpu *vcpu, struct dune_controls *controls)
{
	*controls = (struct dune_controls) {
		.cr0 = vmx_readl(GUEST_CR0),
		.cr3 = vmx_readl(GUEST_CR3),
		.cr4 = vmx_readl(GUEST_CR4) & ~X86_CR4_VMXE,
		.efer = vmx_read64(GUEST_IA32_EFER),
		.dr7 = vmx_readl(GUEST_DR7),
	};
}

/**
 * vmx_set_controls() - as struct dune_hal's set_controls
 * @vcpu: the virtual CPU
 * @controls: checked by core
 */
void vmx_set_controls(struct dune_vcpu *vcpu,
		      const struct dune_controls *controls)
{
	vmx_writel(GUEST_CR0, controls->cr0);
	vmx_writel(CR0_READ_SHADOW, controls->cr0);
	vmx_writel(GUEST_CR3, controls->cr3);
	/* A guest cannot run without it (Intel SDM, "VMX Operation"). */
	vmx_writel(GUEST_CR4, controls->cr4 | X86_CR4_VMXE);
	vmx_writel(CR4_READ_SHADOW, controls->cr4);
	vmx_write64(GUEST_IA32_EFER, controls->efer);
	vmx_writel(GUEST_DR7, controls->dr7);
}
