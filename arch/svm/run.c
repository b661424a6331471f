// SPDX-License-Identifier: GPL-2.0-only
/* One entry, one exit: prepare, run, decode. */
#include <linux/smp.h>
#include <asm/asm.h>
#include <asm/debugreg.h>
#include <asm/io.h>
#include <asm/processor-flags.h>
#include <asm/svm.h>

#include "../../core/vcpu.h"
#include "capability.h"
#include "vcpu.h"

DEFINE_PER_CPU(struct svm_cpu, svm_cpu);

/* An ASID that this CPU's TLB knows nothing of; all anew when they are used up. */
static void new_asid(struct svm_vcpu *svm, struct svm_cpu *cpu)
{
	if (cpu->next_asid >= svm_capability.asids) {
		cpu->generation++;
		cpu->next_asid = 1;
		cpu->stale = true;
	}
	svm->vmcb->control.asid = cpu->next_asid++;
	svm->asid_cpu = smp_processor_id();
	svm->asid_generation = cpu->generation;
}

/* An ASID of this CPU's, and nothing in its TLB that is of another's. */
static void prepare_asid(struct svm_vcpu *svm, struct svm_cpu *cpu)
{
	if (svm->asid_cpu != smp_processor_id() ||
	    svm->asid_generation != cpu->generation)
		new_asid(svm, cpu);
	svm->vmcb->control.tlb_ctl = cpu->stale ? TLB_CONTROL_FLUSH_ALL_ASID :
						  TLB_CONTROL_DO_NOTHING;
}

/**
 * svm_vcpu_flush() - as struct dune_hal's vcpu_flush
 * @vcpu: the virtual CPU
 */
void svm_vcpu_flush(struct dune_vcpu *vcpu)
{
	((struct svm_vcpu *)vcpu->hw)->asid_cpu = -1;
}

/**
 * svm_vcpu_load() - as struct dune_hal's vcpu_load
 * @vcpu: the virtual CPU
 *
 * What VMRUN does not switch is the thread's (FS, GS) or the CPU's (TR, the
 * system-call MSRs), and so it does not change until the thread leaves.
 */
void svm_vcpu_load(struct dune_vcpu *vcpu)
{
	u64 pa = this_cpu_read(svm_cpu.host_state);

	/* Another CPU may have run it since. */
	((struct svm_vcpu *)vcpu->hw)->vmcb->control.clean = 0;

	/* Faults where SVM was turned off: then it is not entered either. */
	asm volatile("1: vmsave %0\n\t"
		     "2:\n\t"
		     _ASM_EXTABLE(1b, 2b)
		     : : "a" (pa) : "memory");
}

/**
 * svm_vcpu_put() - as struct dune_hal's vcpu_put
 * @vcpu: the virtual CPU
 *
 * Nothing of the guest is left in the CPU after an exit.
 */
void svm_vcpu_put(struct dune_vcpu *vcpu)
{
}

#define VIRTUAL_INTERRUPT	(V_IRQ_MASK | V_INTR_PRIO_MASK | V_IGN_TPR_MASK)

/* A virtual interrupt that is pending, to get the exit when it would come. */
static void ask_for_window(struct vmcb_control_area *control, bool ask)
{
	const u32 bit = BIT(INTERCEPT_VINTR % 32);

	if (ask) {
		control->int_ctl |= VIRTUAL_INTERRUPT;
		control->intercepts[INTERCEPT_VINTR / 32] |= bit;
	} else {
		control->int_ctl &= ~VIRTUAL_INTERRUPT;
		control->intercepts[INTERCEPT_VINTR / 32] &= ~bit;
	}
}

/**
 * svm_inject() - as struct dune_hal's inject
 * @vcpu: the virtual CPU
 * @event: what the guest gets
 *
 * An interrupt, for which the window is open, is a virtual one: QEMU may
 * deliver an injected one twice.
 */
void svm_inject(struct dune_vcpu *vcpu, const struct dune_event *event)
{
	struct vmcb_control_area *control =
		&((struct svm_vcpu *)vcpu->hw)->vmcb->control;

	if (event->type == DUNE_EVENT_INTERRUPT) {
		ask_for_window(control, false);
		control->int_ctl |= VIRTUAL_INTERRUPT;
		control->int_vector = event->vector;
		return;
	}
	control->event_inj = event->vector | SVM_EVTINJ_VALID |
			     SVM_EVTINJ_TYPE_EXEPT |
			     (event->has_error_code ? SVM_EVTINJ_VALID_ERR : 0);
	control->event_inj_err = event->error_code;
}

/**
 * svm_interrupt_window() - as struct dune_hal's interrupt_window
 * @vcpu: the virtual CPU
 *
 * Return: whether the guest can take an interrupt at once.
 */
bool svm_interrupt_window(struct dune_vcpu *vcpu)
{
	struct vmcb_control_area *control =
		&((struct svm_vcpu *)vcpu->hw)->vmcb->control;
	bool open = (vcpu->regs.rflags & X86_EFLAGS_IF) &&
		    !(control->int_state & SVM_INTERRUPT_SHADOW_MASK);

	ask_for_window(control, !open);
	return open;
}

/*
 * What the guest did not get because of the exit. What an instruction raised
 * comes again by itself when that is executed again.
 */
static void decode_interrupted(const struct vmcb_control_area *control,
			       struct dune_event *event)
{
	u32 info = control->exit_int_info;
	u8 vector = info & SVM_EXITINTINFO_VEC_MASK;

	if (!(info & SVM_EXITINTINFO_VALID))
		return;
	switch (info & SVM_EXITINTINFO_TYPE_MASK) {
	case SVM_EXITINTINFO_TYPE_INTR:
		event->type = DUNE_EVENT_INTERRUPT;
		break;
	case SVM_EXITINTINFO_TYPE_EXEPT:
		/* QEMU says so of virtual interrupts too */
		if (vector == BP_VECTOR || vector == OF_VECTOR || vector > 31)
			return;
		event->type = DUNE_EVENT_EXCEPTION;
		break;
	default:
		return;
	}
	event->vector = vector;
	event->has_error_code = info & SVM_EXITINTINFO_VALID_ERR;
	event->error_code = control->exit_int_info_err;
}

/* A virtual interrupt that was for the guest, not for its exit, still waits. */
static void decode_virtual_interrupt(struct vmcb_control_area *control,
				     struct dune_event *event)
{
	const u32 intercepts = control->intercepts[INTERCEPT_VINTR / 32];

	if (event->type != DUNE_EVENT_NONE ||
	    intercepts & BIT(INTERCEPT_VINTR % 32) ||
	    !(control->int_ctl & V_IRQ_MASK))
		return;
	control->int_ctl &= ~VIRTUAL_INTERRUPT;
	event->type = DUNE_EVENT_INTERRUPT;
	event->vector = control->int_vector;
}

static void decode_nested_fault(const struct vmcb_control_area *control,
				struct dune_exit *exit)
{
	exit->reason = DUNE_HW_NESTED_FAULT;
	exit->gpa = control->exit_info_2;
	exit->write = control->exit_info_1 & BIT(1);
	exit->fetch = control->exit_info_1 & BIT(4);
}

static void decode_exception(const struct vmcb *vmcb, struct dune_exit *exit)
{
	exit->vector = vmcb->control.exit_code - SVM_EXIT_EXCP_BASE;
	exit->reason = DUNE_HW_EXCEPTION;
	if (exit->vector == DB_VECTOR) {
		exit->debug = vmcb->save.dr6 ^ DUNE_DR6_FIXED;
	} else if (exit->vector == MC_VECTOR) {
		/* It was meant for the host: let its handler have it. */
		asm volatile("int $18");
		exit->reason = DUNE_HW_HOST;
	}
}

/* Where the CPU does not tell, it is the length without prefixes. */
static void decode_instruction(struct vmcb *vmcb, struct dune_exit *exit,
			       enum dune_hw_exit reason, u8 length)
{
	struct vmcb_control_area *control = &vmcb->control;

	exit->reason = reason;
	exit->instruction_length = length;
	if (svm_capability.features & SVM_FEATURE_NRIP_SAVE)
		exit->instruction_length = control->next_rip - vmcb->save.rip;
	/* It will have been executed, and so ends the shadow of an STI. */
	control->int_state = 0;
}

/* Newer exits (APM vol. 2, "SVM Intercept Codes"): not all kernels name them. */
#define EXIT_INVLPGB		0xa0
#define EXIT_INVLPGB_ILLEGAL	0xa1
#define EXIT_MCOMMIT		0xa3
#define EXIT_TLBSYNC		0xa4

static void decode(struct dune_vcpu *vcpu, struct vmcb *vmcb,
		   struct dune_exit *exit)
{
	struct vmcb_control_area *control = &vmcb->control;

	switch (__builtin_expect(control->exit_code, SVM_EXIT_VMMCALL)) {
	case SVM_EXIT_INTR:
	case SVM_EXIT_NMI:
	case SVM_EXIT_SMI:
		/* It came, or comes, when GIF and interrupts were, or are, on. */
		exit->reason = DUNE_HW_HOST;
		break;
	case SVM_EXIT_NPF:
		decode_nested_fault(control, exit);
		break;
	case SVM_EXIT_EXCP_BASE ... SVM_EXIT_LAST_EXCP:
		decode_exception(vmcb, exit);
		break;
	case SVM_EXIT_VMMCALL:
		decode_instruction(vmcb, exit, DUNE_HW_HYPERCALL, 3);
		break;
	case SVM_EXIT_CPUID:
		decode_instruction(vmcb, exit, DUNE_HW_CPUID, 2);
		break;
	case SVM_EXIT_HLT:
		decode_instruction(vmcb, exit, DUNE_HW_HALT, 1);
		break;
	case SVM_EXIT_XSETBV:
		decode_instruction(vmcb, exit, DUNE_HW_XSETBV, 3);
		break;
	case SVM_EXIT_READ_CR0 ... SVM_EXIT_WRITE_CR8:
	case SVM_EXIT_CR0_SEL_WRITE:
	case SVM_EXIT_READ_DR0 ... SVM_EXIT_WRITE_DR7:
		decode_instruction(vmcb, exit, DUNE_HW_REGISTER, 0);
		exit->instruction_length = 0;
		break;
	case SVM_EXIT_MSR:
		decode_instruction(vmcb, exit, DUNE_HW_MSR, 2);
		exit->write = control->exit_info_1;
		break;
	case SVM_EXIT_ICEBP:
		decode_instruction(vmcb, exit, DUNE_HW_EXCEPTION, 1);
		exit->vector = DB_VECTOR;
		break;
	case SVM_EXIT_VINTR:
		ask_for_window(control, false);
		exit->reason = DUNE_HW_WINDOW;
		break;
	case SVM_EXIT_RDPMC:
	case SVM_EXIT_INVD:
	case SVM_EXIT_WBINVD:
	case SVM_EXIT_IOIO:
	case SVM_EXIT_TASK_SWITCH:
	case SVM_EXIT_FERR_FREEZE:
		exit->reason = DUNE_HW_FORBIDDEN;
		break;
	case SVM_EXIT_RSM:
	case SVM_EXIT_INVLPGA:
	case SVM_EXIT_VMRUN:
	case SVM_EXIT_VMLOAD:
	case SVM_EXIT_VMSAVE:
	case SVM_EXIT_STGI:
	case SVM_EXIT_CLGI:
	case SVM_EXIT_SKINIT:
	case SVM_EXIT_MONITOR:
	case SVM_EXIT_MWAIT:
	case SVM_EXIT_MWAIT_COND:
	case SVM_EXIT_RDPRU:
	case EXIT_INVLPGB:
	case EXIT_INVLPGB_ILLEGAL:
	case EXIT_MCOMMIT:
	case EXIT_TLBSYNC:
		exit->reason = DUNE_HW_UNDEFINED;
		break;
	case SVM_EXIT_SHUTDOWN:
		exit->reason = DUNE_HW_SHUTDOWN;
		/* What is in there is undefined (APM vol. 2, "Shutdown Intercept"). */
		svm_init_vmcb(vcpu);
		break;
	default:
		exit->reason = DUNE_HW_UNKNOWN;
	}
}

/*
 * VMRUN refused the guest's state. What it left in the VMCB is not told: no
 * register is taken from there, physical interrupts end the next guest as they
 * have to, and the CPU keeps nothing of it.
 */
static void decode_refusal(struct vmcb_control_area *control,
			   struct dune_exit *exit)
{
	control->int_ctl = V_INTR_MASKING_MASK;
	control->clean = 0;
	exit->reason = DUNE_HW_INVALID;
}

/**
 * svm_vcpu_run() - as struct dune_hal's vcpu_run
 * @vcpu: the virtual CPU
 * @exit: to be filled
 */
void svm_vcpu_run(struct dune_vcpu *vcpu, struct dune_exit *exit)
{
	struct svm_vcpu *svm = vcpu->hw;
	struct vmcb_save_area *save = &svm->vmcb->save;
	struct vmcb_control_area *control = &svm->vmcb->control;
	struct svm_cpu *cpu = this_cpu_ptr(&svm_cpu);

	prepare_asid(svm, cpu);
	save->rax = vcpu->regs.rax;
	save->rsp = vcpu->regs.rsp;
	save->rip = vcpu->regs.rip;
	save->rflags = vcpu->regs.rflags;
	save->cr2 = vcpu->cr2;
	/* So that a debug exception shows what is its own. */
	save->dr6 = DUNE_DR6_FIXED;

	svm_enter(&vcpu->regs, svm->vmcb_pa, cpu->host_state);

	/* VMRUN leaves the guest's; of a debug exception the VMCB tells. */
	if (unlikely(save->dr6 != DUNE_DR6_FIXED))
		set_debugreg(DR6_RESERVED, 6);
	control->event_inj = 0;
	exit->hardware_reason = control->exit_code;
	if (control->exit_code == (u32)SVM_EXIT_ERR) {
		decode_refusal(control, exit);
		return;
	}
	cpu->stale = false;
	control->clean = SVM_KEPT;
	vcpu->regs.rax = save->rax;
	vcpu->regs.rsp = save->rsp;
	vcpu->regs.rip = save->rip;
	vcpu->regs.rflags = save->rflags;
	vcpu->cr2 = save->cr2;
	exit->cpl = save->cpl;
	decode_interrupted(control, &exit->interrupted);
	decode_virtual_interrupt(control, &exit->interrupted);
	decode(vcpu, svm->vmcb, exit);
}
