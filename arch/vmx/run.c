// SPDX-License-Identifier: GPL-2.0-only
/* One entry, one exit: prepare, run, decode. */
#include <asm/msr.h>
#include <asm/traps.h>
#include <asm/vmx.h>

#include "../../core/compat.h"
#include "../../core/vcpu.h"
#include "capability.h"
#include "insn.h"
#include "vcpu.h"

/**
 * vmx_vcpu_flush() - as struct dune_hal's vcpu_flush
 * @vcpu: the virtual CPU
 */
void vmx_vcpu_flush(struct dune_vcpu *vcpu)
{
	struct vmx_vcpu *vmx = vcpu->hw;

	if (vmx_capability.ept_vpid & VMX_EPT_EXTENT_CONTEXT_BIT)
		vmx_invept(VMX_EPT_EXTENT_CONTEXT, vmx->eptp);
	else
		vmx_invept(VMX_EPT_EXTENT_GLOBAL, 0);
	if (vmx->vpid)
		vmx_invvpid(VMX_VPID_EXTENT_SINGLE_CONTEXT, vmx->vpid);
}

/**
 * vmx_inject() - as struct dune_hal's inject
 * @vcpu: the virtual CPU
 * @event: what the guest gets
 */
void vmx_inject(struct dune_vcpu *vcpu, const struct dune_event *event)
{
	vmx_write32(VM_ENTRY_EXCEPTION_ERROR_CODE, event->error_code);
	vmx_write32(VM_ENTRY_INTR_INFO_FIELD,
		    event->vector | INTR_INFO_VALID_MASK |
		    (event->type == DUNE_EVENT_INTERRUPT ?
		     INTR_TYPE_EXT_INTR : INTR_TYPE_HARD_EXCEPTION) |
		    (event->has_error_code ? INTR_INFO_DELIVER_CODE_MASK : 0));
}

static void ask_for_window(bool ask)
{
	u32 controls = vmx_read32(CPU_BASED_VM_EXEC_CONTROL);

	if (ask)
		controls |= CPU_BASED_INTR_WINDOW_EXITING;
	else
		controls &= ~CPU_BASED_INTR_WINDOW_EXITING;
	vmx_write32(CPU_BASED_VM_EXEC_CONTROL, controls);
}

/**
 * vmx_interrupt_window() - as struct dune_hal's interrupt_window
 * @vcpu: the virtual CPU
 *
 * Return: whether the guest can take an interrupt at once.
 */
bool vmx_interrupt_window(struct dune_vcpu *vcpu)
{
	const u32 shadow = GUEST_INTR_STATE_STI | GUEST_INTR_STATE_MOV_SS;
	bool open = (vcpu->regs.rflags & X86_EFLAGS_IF) &&
		    !(vmx_read32(GUEST_INTERRUPTIBILITY_INFO) & shadow);

	ask_for_window(!open);
	return open;
}

/*
 * What the guest did not get because of the exit. What an instruction raised
 * comes again by itself when that is executed again.
 */
static void decode_interrupted(struct dune_event *event)
{
	u32 info = vmx_read32(IDT_VECTORING_INFO_FIELD);

	if (!(info & VECTORING_INFO_VALID_MASK))
		return;
	switch (info & VECTORING_INFO_TYPE_MASK) {
	case INTR_TYPE_EXT_INTR:
		event->type = DUNE_EVENT_INTERRUPT;
		break;
	case INTR_TYPE_HARD_EXCEPTION:
		event->type = DUNE_EVENT_EXCEPTION;
		break;
	default:
		return;
	}
	event->vector = info & VECTORING_INFO_VECTOR_MASK;
	event->has_error_code = info & VECTORING_INFO_DELIVER_CODE_MASK;
	if (event->has_error_code)
		event->error_code = vmx_read32(IDT_VECTORING_ERROR_CODE);
}

static void decode_exception(struct dune_exit *exit)
{
	u32 info = vmx_read32(VM_EXIT_INTR_INFO);
	u32 type = info & INTR_INFO_INTR_TYPE_MASK;

	exit->vector = info & INTR_INFO_VECTOR_MASK;
	exit->reason = DUNE_HW_EXCEPTION;
	/* These were meant for the host: let its handlers have them. */
	if (type == INTR_TYPE_NMI_INTR) {
		asm volatile("int $2");
		exit->reason = DUNE_HW_HOST;
	} else if (exit->vector == X86_TRAP_MC) {
		asm volatile("int $18");
		exit->reason = DUNE_HW_HOST;
	} else if (type == INTR_TYPE_PRIV_SW_EXCEPTION) {
		exit->instruction_length = vmx_read32(VM_EXIT_INSTRUCTION_LEN);
	} else if (exit->vector == X86_TRAP_DB) {
		exit->debug = vmx_readl(EXIT_QUALIFICATION) & DUNE_DR6_FREE;
	}
}

static void decode_nested_fault(struct dune_exit *exit)
{
	unsigned long access = vmx_readl(EXIT_QUALIFICATION);

	exit->reason = DUNE_HW_NESTED_FAULT;
	exit->gpa = vmx_read64(GUEST_PHYSICAL_ADDRESS);
	exit->write = access & EPT_VIOLATION_ACC_WRITE;
	exit->fetch = access & EPT_VIOLATION_ACC_INSTR;
}

static void decode_instruction(struct dune_exit *exit, enum dune_hw_exit reason)
{
	exit->reason = reason;
	exit->instruction_length = vmx_read32(VM_EXIT_INSTRUCTION_LEN);
	/*
	 * It will have been executed, and so ends the shadow of an STI, and the
	 * step that waited for that.
	 */
	if (vmx_read32(GUEST_INTERRUPTIBILITY_INFO)) {
		vmx_write32(GUEST_INTERRUPTIBILITY_INFO, 0);
		vmx_writel(GUEST_PENDING_DBG_EXCEPTIONS, 0);
	}
}

static void decode(u32 reason, struct dune_exit *exit)
{
	switch (__builtin_expect(reason, EXIT_REASON_VMCALL)) {
	case EXIT_REASON_EXCEPTION_NMI:
		decode_exception(exit);
		break;
	case EXIT_REASON_EXTERNAL_INTERRUPT:
		/* It is pending and comes when interrupts are on. */
		exit->reason = DUNE_HW_HOST;
		break;
	case EXIT_REASON_EPT_VIOLATION:
		decode_nested_fault(exit);
		break;
	case EXIT_REASON_VMCALL:
		decode_instruction(exit, DUNE_HW_HYPERCALL);
		break;
	case EXIT_REASON_CPUID:
		decode_instruction(exit, DUNE_HW_CPUID);
		break;
	case EXIT_REASON_HLT:
		decode_instruction(exit, DUNE_HW_HALT);
		break;
	case EXIT_REASON_XSETBV:
		decode_instruction(exit, DUNE_HW_XSETBV);
		break;
	case EXIT_REASON_MSR_READ:
	case EXIT_REASON_MSR_WRITE:
		decode_instruction(exit, DUNE_HW_MSR);
		exit->write = reason == EXIT_REASON_MSR_WRITE;
		break;
	case EXIT_REASON_CR_ACCESS:
	case EXIT_REASON_DR_ACCESS:
		decode_instruction(exit, DUNE_HW_REGISTER);
		exit->instruction_length = 0;
		break;
	case EXIT_REASON_INTERRUPT_WINDOW:
		ask_for_window(false);
		exit->reason = DUNE_HW_WINDOW;
		break;
	case EXIT_REASON_IO_INSTRUCTION:
	case EXIT_REASON_RDPMC:
	case EXIT_REASON_INVD:
	case EXIT_REASON_WBINVD:
	case EXIT_REASON_TASK_SWITCH:
		exit->reason = DUNE_HW_FORBIDDEN;
		break;
	case EXIT_REASON_VMCLEAR ... EXIT_REASON_VMON:
	case EXIT_REASON_INVEPT:
	case EXIT_REASON_INVVPID:
	case EXIT_REASON_VMFUNC:
	case EXIT_REASON_MWAIT_INSTRUCTION:
	case EXIT_REASON_MONITOR_INSTRUCTION:
	case EXIT_REASON_ENCLS:
	case EXIT_REASON_RDTSCP:
	case EXIT_REASON_INVPCID:
		exit->reason = DUNE_HW_UNDEFINED;
		break;
	case EXIT_REASON_TRIPLE_FAULT:
		exit->reason = DUNE_HW_SHUTDOWN;
		break;
	default:
		exit->reason = DUNE_HW_UNKNOWN;
	}
}

/**
 * vmx_write_registers() - write those that are written when they change
 * @vcpu: loaded, with a VMCS that may have others
 */
void vmx_write_registers(struct dune_vcpu *vcpu)
{
	struct vmx_vcpu *vmx = vcpu->hw;

	vmx->guest_rsp = vcpu->regs.rsp;
	vmx->guest_rflags = vcpu->regs.rflags;
	vmx_writel(GUEST_RSP, vmx->guest_rsp);
	vmx_writel(GUEST_RFLAGS, vmx->guest_rflags);
}

static void read_exit(struct dune_vcpu *vcpu, struct dune_exit *exit)
{
	u32 reason = vmx_read32(VM_EXIT_REASON);
	struct vmx_vcpu *vmx = vcpu->hw;

	exit->hardware_reason = reason;
	if (reason & VMX_EXIT_REASONS_FAILED_VMENTRY) {
		vmx_write32(VM_ENTRY_INTR_INFO_FIELD, 0);
		vmx_write_registers(vcpu);
		exit->reason = DUNE_HW_INVALID;
		if ((reason & 0xffff) == EXIT_REASON_MCE_DURING_VMENTRY)
			asm volatile("int $18");
		return;
	}
	vmx->guest_rsp = vmx_readl(GUEST_RSP);
	vmx->guest_rflags = vmx_readl(GUEST_RFLAGS);
	vcpu->regs.rsp = vmx->guest_rsp;
	vcpu->regs.rip = vmx_readl(GUEST_RIP);
	vcpu->regs.rflags = vmx->guest_rflags;
	exit->cpl = vmx_read32(GUEST_SS_AR_BYTES) >> 5 & 3;
	/* An instruction is not executed while something is delivered. */
	if (reason != EXIT_REASON_VMCALL)
		decode_interrupted(&exit->interrupted);
	decode(reason & 0xffff, exit);
}

/**
 * vmx_vcpu_run() - as struct dune_hal's vcpu_run
 * @vcpu: the virtual CPU
 * @exit: to be filled
 */
void vmx_vcpu_run(struct dune_vcpu *vcpu, struct dune_exit *exit)
{
	struct vmx_vcpu *vmx = vcpu->hw;
	bool refused;

	vmx_refresh_host_state(vmx);
	vmx_writel(GUEST_RIP, vcpu->regs.rip);
	if (unlikely(vcpu->regs.rsp != vmx->guest_rsp))
		vmx_writel(GUEST_RSP, vcpu->regs.rsp);
	if (unlikely(vcpu->regs.rflags != vmx->guest_rflags))
		vmx_writel(GUEST_RFLAGS, vcpu->regs.rflags);
	if (native_read_cr2() != vcpu->cr2)
		native_write_cr2(vcpu->cr2);
	vmx_mitigate_entry();

	refused = vmx_enter(&vcpu->regs, vmx->launched);

	vmx_mitigate_exit();
	vcpu->cr2 = native_read_cr2();
	/* An exit clears it; the host may have a tracer. */
	if (unlikely(vmx->host_debugctl))
		wrmsrq(MSR_IA32_DEBUGCTLMSR, vmx->host_debugctl);
	if (unlikely(refused)) {
		vmx_write32(VM_ENTRY_INTR_INFO_FIELD, 0);
		vmx_write_registers(vcpu);
		exit->reason = DUNE_HW_INVALID;
		exit->hardware_reason = vmx_read32(VM_INSTRUCTION_ERROR);
		return;
	}
	vmx->launched = true;
	read_exit(vcpu, exit);
}
