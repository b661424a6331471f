// SPDX-License-Identifier: GPL-2.0-only
/* The run loop: enter, find out why the guest came out, act, enter again. */
#include <linux/cpu.h>
#include <linux/module.h>
#include <linux/sched/signal.h>
#include <linux/smp.h>
#include <asm/trapnr.h>

#include "compat.h"
#include "hardware.h"
#include "vcpu.h"

/* Go on in the guest; anything else goes to user space. */
#define CONTINUE	1

/* What the CPU pushes for a page fault (Intel SDM, "Page-Fault Exceptions"). */
#define PF_PRESENT	BIT(0)
#define PF_WRITE	BIT(1)
#define PF_USER		BIT(2)
#define PF_FETCH	BIT(4)

static int leave(struct dune_vcpu *vcpu, u32 reason)
{
	WRITE_ONCE(vcpu->run->exit_reason, reason);
	return 0;
}

static int inject(struct dune_vcpu *vcpu, const struct dune_exit *exit,
		  u8 vector, bool has_error_code, u32 error_code)
{
	const struct dune_event event = {
		.vector = vector,
		.has_error_code = has_error_code,
		.error_code = error_code,
	};

	/* It could not even take the event before: nothing else will help. */
	if (exit->vectoring)
		return leave(vcpu, DUNE_EXIT_SHUTDOWN);
	preempt_disable();
	dune_hardware.hal->inject(vcpu, &event);
	preempt_enable();
	return CONTINUE;
}

static int nested_fault(struct dune_vcpu *vcpu, const struct dune_exit *exit)
{
	u32 error_code = 0;
	u64 address;
	int err;

	err = dune_space_fault(vcpu->space, exit->gpa, exit, &address);
	if (!err)
		return CONTINUE;
	if (err == -EINTR || err == -ENOMEM)
		return err;

	/* The process has nothing there: the guest hears of it as #PF. */
	error_code |= exit->write ? PF_WRITE : 0;
	error_code |= exit->fetch ? PF_FETCH : 0;
	error_code |= exit->cpl == 3 ? PF_USER : 0;
	vcpu->cr2 = address;
	return inject(vcpu, exit, X86_TRAP_PF, true, error_code);
}

static int hypercall(struct dune_vcpu *vcpu, const struct dune_exit *exit)
{
	/* Only ring 0 may call the kernel; ring 3 is confined by ring 0. */
	if (exit->cpl)
		return inject(vcpu, exit, X86_TRAP_UD, false, 0);
	vcpu->regs.rip += exit->instruction_length;
	return leave(vcpu, DUNE_EXIT_SYSCALL);
}

static int emulate_cpuid(struct dune_vcpu *vcpu, const struct dune_exit *exit)
{
	struct dune_regs *regs = &vcpu->regs;
	u32 leaf = regs->rax, subleaf = regs->rcx;
	u32 eax, ebx, ecx, edx;

	cpuid_count(leaf, subleaf, &eax, &ebx, &ecx, &edx);
	dune_cpuid_filter(leaf, &ebx, &ecx, &edx);
	regs->rax = eax;
	regs->rbx = ebx;
	regs->rcx = ecx;
	regs->rdx = edx;
	regs->rip += exit->instruction_length;
	return CONTINUE;
}

static int emulate_hlt(struct dune_vcpu *vcpu, const struct dune_exit *exit)
{
	if (exit->cpl)
		return inject(vcpu, exit, X86_TRAP_GP, true, 0);
	vcpu->regs.rip += exit->instruction_length;
	/* Nothing but a signal can wake it. */
	set_current_state(TASK_INTERRUPTIBLE);
	while (!signal_pending(current)) {
		schedule();
		set_current_state(TASK_INTERRUPTIBLE);
	}
	__set_current_state(TASK_RUNNING);
	return -EINTR;
}

static int handle_exit(struct dune_vcpu *vcpu, const struct dune_exit *exit)
{
	switch (exit->reason) {
	case DUNE_HW_HOST:
		return CONTINUE;
	case DUNE_HW_HYPERCALL:
		return hypercall(vcpu, exit);
	case DUNE_HW_NESTED_FAULT:
		return nested_fault(vcpu, exit);
	case DUNE_HW_CPUID:
		return emulate_cpuid(vcpu, exit);
	case DUNE_HW_HALT:
		return emulate_hlt(vcpu, exit);
	case DUNE_HW_XSETBV:
	case DUNE_HW_FORBIDDEN:
		return inject(vcpu, exit, X86_TRAP_GP, true, 0);
	case DUNE_HW_UNDEFINED:
		return inject(vcpu, exit, X86_TRAP_UD, false, 0);
	case DUNE_HW_EXCEPTION:
		return inject(vcpu, exit, exit->vector,
			      exit->vector == X86_TRAP_AC, exit->error_code);
	case DUNE_HW_SHUTDOWN:
		return leave(vcpu, DUNE_EXIT_SHUTDOWN);
	case DUNE_HW_INVALID:
		return leave(vcpu, DUNE_EXIT_INVALID_STATE);
	case DUNE_HW_UNKNOWN:
		break;
	}
	return leave(vcpu, DUNE_EXIT_UNKNOWN);
}

/*
 * The guest has the thread's own floating-point registers. If the kernel put
 * them away meanwhile, the way back to user mode brings them.
 */
static bool must_go_to_user(void)
{
	return test_thread_flag(TIF_NEED_FPU_LOAD);
}

/* One entry, with interrupts off. */
static void enter(struct dune_vcpu *vcpu, struct dune_exit *exit)
{
	s64 generation;

	WRITE_ONCE(vcpu->in_guest, smp_processor_id());
	/*
	 * Pairs with dune_space_flush(), which increments the generation before
	 * it looks who is in the guest: one of the two sees the other.
	 */
	smp_mb();
	generation = atomic64_read(&vcpu->space->tlb_generation);
	if (vcpu->tlb_generation != generation) {
		dune_hardware.hal->vcpu_flush(vcpu);
		vcpu->tlb_generation = generation;
	}
	dune_hardware.hal->vcpu_run(vcpu, exit);
	WRITE_ONCE(vcpu->in_guest, -1);
}

/* Enters once if nothing speaks against it. */
static int enter_if_possible(struct dune_vcpu *vcpu, struct dune_exit *exit)
{
	int ret = CONTINUE;

	exit->reason = DUNE_HW_HOST;
	local_irq_disable();
	if (signal_pending(current))
		ret = -EINTR;
	else if (must_go_to_user())
		ret = leave(vcpu, DUNE_EXIT_RESUME);
	else if (!cpumask_test_cpu(smp_processor_id(), &dune_hardware.enabled))
		ret = -ESHUTDOWN;
	else if (!need_resched())
		enter(vcpu, exit);
	/* The host's interrupt, if that was why, comes now. */
	local_irq_enable();
	return ret;
}

/**
 * dune_vcpu_run() - DUNE_RUN
 * @vcpu: locked, of the current process
 *
 * Return: 0 with run->exit_reason set, or a negative errno.
 */
int dune_vcpu_run(struct dune_vcpu *vcpu)
{
	struct dune_run *run = vcpu->run;
	struct dune_exit exit;
	int ret;

	if (READ_ONCE(run->flags))
		return -EINVAL;
	vcpu->regs = run->regs;
	/* From here on the copy is used: another thread may write the page. */
	barrier();

	dune_vcpu_load(vcpu);
	do {
		cond_resched();
		exit = (struct dune_exit) { 0 };
		ret = enter_if_possible(vcpu, &exit);
		if (ret == CONTINUE)
			ret = handle_exit(vcpu, &exit);
	} while (ret == CONTINUE);
	dune_vcpu_put(vcpu);

	run->regs = vcpu->regs;
	run->hardware_reason = exit.hardware_reason;
	return ret;
}
