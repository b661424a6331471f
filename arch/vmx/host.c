// SPDX-License-Identifier: GPL-2.0-only
/*
 * The host's state as the VMCS has it, for the CPU to load at an exit.
 *
 * Nothing in it lasts: it is this CPU's and this thread's, and is written
 * whenever the virtual CPU is loaded.
 */
#include <asm/desc.h>
#include <asm/mmu_context.h>
#include <asm/msr.h>
#include <asm/segment.h>
#include <asm/special_insns.h>
#include <asm/tlbflush.h>

#include "../../core/compat.h"
#include "insn.h"
#include "vcpu.h"

/* Not by way of paravirtualization: on Xen, which has it, there is no VT-x. */
static u64 read_msr(u32 msr)
{
	return native_read_msr(msr);
}

/* The TSS that the task register points to, by its descriptor. */
static unsigned long tss_base(const struct desc_ptr *gdt)
{
	const struct ldttss_desc *desc =
		(const void *)(gdt->address + GDT_ENTRY_TSS * 8);

	return desc->base0 | (unsigned long)desc->base1 << 16 |
	       (unsigned long)desc->base2 << 24 |
	       (unsigned long)desc->base3 << 32;
}

static void write_segments(struct vmx_vcpu *vmx)
{
	struct desc_ptr gdt, idt;

	native_store_gdt(&gdt);
	store_idt(&idt);
	vmx_writel(HOST_GDTR_BASE, gdt.address);
	vmx_writel(HOST_IDTR_BASE, idt.address);
	vmx_writel(HOST_TR_BASE, tss_base(&gdt));

	vmx_write16(HOST_CS_SELECTOR, __KERNEL_CS);
	vmx_write16(HOST_SS_SELECTOR, __KERNEL_DS);
	vmx_write16(HOST_TR_SELECTOR, GDT_ENTRY_TSS * 8);
	/* Selectors of user space cannot be loaded by an exit. */
	vmx_write16(HOST_DS_SELECTOR, 0);
	vmx_write16(HOST_ES_SELECTOR, 0);
	vmx_write16(HOST_FS_SELECTOR, 0);
	vmx_write16(HOST_GS_SELECTOR, 0);
	savesegment(ds, vmx->host_ds);
	savesegment(es, vmx->host_es);
	savesegment(fs, vmx->host_fs);
	savesegment(gs, vmx->host_gs);
}

/**
 * vmx_write_host_state() - all of it, for this CPU and thread
 * @vmx: just loaded
 */
void vmx_write_host_state(struct vmx_vcpu *vmx)
{
	write_segments(vmx);
	vmx_writel(HOST_FS_BASE, read_msr(MSR_FS_BASE));
	vmx_writel(HOST_GS_BASE, read_msr(MSR_GS_BASE));
	vmx_writel(HOST_CR0, read_cr0());
	vmx->host_cr3 = __read_cr3();
	vmx_writel(HOST_CR3, vmx->host_cr3);
	vmx->host_cr4 = __read_cr4();
	vmx_writel(HOST_CR4, vmx->host_cr4);
	vmx_write64(HOST_IA32_EFER, read_msr(MSR_EFER));
	vmx_write64(HOST_IA32_PAT, read_msr(MSR_IA32_CR_PAT));
	vmx_write32(HOST_IA32_SYSENTER_CS, read_msr(MSR_IA32_SYSENTER_CS));
	vmx_writel(HOST_IA32_SYSENTER_ESP, read_msr(MSR_IA32_SYSENTER_ESP));
	vmx_writel(HOST_IA32_SYSENTER_EIP, read_msr(MSR_IA32_SYSENTER_EIP));
	vmx_writel(HOST_RIP, (unsigned long)vmx_exited);
}

/**
 * vmx_refresh_host_state() - what can change while it is loaded
 * @vmx: about to be entered, with interrupts off
 *
 * An interrupt that borrowed this thread's mm may have changed the PCID, one
 * from another CPU what perf records.
 */
void vmx_refresh_host_state(struct vmx_vcpu *vmx)
{
	unsigned long cr3 = __read_cr3(), cr4 = __read_cr4();

	vmx->host_debugctl = read_msr(MSR_IA32_DEBUGCTLMSR);

	if (unlikely(cr3 != vmx->host_cr3)) {
		vmx_writel(HOST_CR3, cr3);
		vmx->host_cr3 = cr3;
	}
	if (unlikely(cr4 != vmx->host_cr4)) {
		vmx_writel(HOST_CR4, cr4);
		vmx->host_cr4 = cr4;
	}
}

/**
 * vmx_restore_host_tables() - limits that an exit widened
 *
 * An exit sets those of GDTR and IDTR to 64 KiB and that of the TSS to its
 * minimum (Intel SDM, "Loading Host Segment and Descriptor-Table Registers").
 */
void vmx_restore_host_tables(void)
{
	struct desc_ptr table;

	native_store_gdt(&table);
	table.size = GDT_SIZE - 1;
	native_load_gdt(&table);
	store_idt(&table);
	table.size = IDT_ENTRIES * sizeof(gate_desc) - 1;
	native_load_idt(&table);
	invalidate_tss_limit();
}

/**
 * vmx_restore_host_segments() - selectors that an exit cleared
 * @vmx: about to be put; MSR_KERNEL_GS_BASE is still the guest's
 *
 * With its selector a segment gets the base of its descriptor, but the thread
 * may have given it another since.
 */
void vmx_restore_host_segments(struct vmx_vcpu *vmx)
{
	u64 fs_base;

	if (likely(!(vmx->host_ds | vmx->host_es | vmx->host_fs | vmx->host_gs)))
		return;
	loadsegment(ds, vmx->host_ds);
	loadsegment(es, vmx->host_es);
	fs_base = read_msr(MSR_FS_BASE);
	loadsegment(fs, vmx->host_fs);
	wrmsrq(MSR_FS_BASE, fs_base);
	/* in the place of the other GS, which user space has now */
	load_gs_index(vmx->host_gs);
}
