// SPDX-License-Identifier: GPL-2.0-only
/* The run loop: enter, find out why the guest came out, act, enter again. */
#include <linux/cpu.h>
#include <linux/entry-common.h>
#include <linux/module.h>
#include <linux/sched/signal.h>
#include <linux/smp.h>
#include <linux/static_call.h>
#include <asm/debugreg.h>
#include <asm/fpu/xcr.h>
#include <asm/msr.h>
#include <asm/trapnr.h>

#include "compat.h"
#include "hardware.h"
#include "syscall.h"
#include "trace.h"
#include "vcpu.h"

/* What the CPU pushes for a page fault (Intel SDM, "Page-Fault Exceptions"). */
#define PF_WRITE	BIT(1)
#define PF_USER		BIT(2)
#define PF_FETCH	BIT(4)

/* What the kernel does on the way to user mode, and cannot be done here. */
#define USER_MODE_WORK	(EXIT_TO_USER_MODE_WORK & \
			 ~(DUNE_TIF_RESCHED | _TIF_SIGPENDING | \
			   _TIF_NOTIFY_SIGNAL))

/**
 * dune_vcpu_leave() - tell user space why DUNE_RUN ends
 * @vcpu: the virtual CPU
 * @reason: enum dune_exit_reason
 *
 * Return: 0, what DUNE_RUN returns.
 */
int dune_vcpu_leave(struct dune_vcpu *vcpu, u32 reason)
{
	vcpu->shutdown = reason == DUNE_EXIT_SHUTDOWN;
	WRITE_ONCE(vcpu->run->exit_reason, reason);
	return 0;
}

/* Not in line: with the room it needs on the stack all exits would be slower. */
static noinline int nested_fault(struct dune_vcpu *vcpu, const struct dune_exit *exit)
{
	u32 error_code = 0;
	u64 address;
	int err;

	err = dune_space_fault(vcpu, exit, &address);
	trace_dune_nested_fault(exit, address, err);
	if (!err)
		return DUNE_CONTINUE;
	if (err == -EINTR || err == -ENOMEM)
		return err;

	/* The process has nothing there: the guest hears of it as #PF. */
	error_code |= exit->write ? PF_WRITE : 0;
	error_code |= exit->fetch ? PF_FETCH : 0;
	error_code |= exit->cpl == 3 ? PF_USER : 0;
	vcpu->cr2 = address;
	return dune_raise_error(vcpu, X86_TRAP_PF, error_code);
}

static int hypercall(struct dune_vcpu *vcpu, const struct dune_exit *exit)
{
	int ret;

	/* Only ring 0 may call the kernel; ring 3 is confined by ring 0. */
	if (exit->cpl)
		return dune_raise(vcpu, X86_TRAP_UD);
	ret = dune_skip(vcpu, exit->instruction_length);
	return ret == DUNE_CONTINUE ? dune_syscall(vcpu) : ret;
}

static int exception(struct dune_vcpu *vcpu, const struct dune_exit *exit)
{
	/* INT1 is behind itself when its exception is delivered. */
	vcpu->regs.rip += exit->instruction_length;
	if (exit->vector == X86_TRAP_DB)
		return dune_raise_debug(vcpu, exit->debug);
	/* #AC, whose error code is always zero. */
	return dune_raise_error(vcpu, exit->vector, 0);
}

/**
 * dune_handle_exit() - act on an exit
 * @vcpu: loaded
 * @exit: why it left the guest
 *
 * Return: DUNE_CONTINUE to enter again, or what DUNE_RUN returns.
 */
int dune_handle_exit(struct dune_vcpu *vcpu, const struct dune_exit *exit)
{
	switch (__builtin_expect(exit->reason, DUNE_HW_HYPERCALL)) {
	case DUNE_HW_HOST:
		cond_resched();
		return DUNE_CONTINUE;
	case DUNE_HW_WINDOW:
		return DUNE_CONTINUE;
	case DUNE_HW_HYPERCALL:
		return hypercall(vcpu, exit);
	case DUNE_HW_NESTED_FAULT:
		return nested_fault(vcpu, exit);
	case DUNE_HW_CPUID:
		return dune_emulate_cpuid(vcpu, exit);
	case DUNE_HW_HALT:
		return dune_emulate_hlt(vcpu, exit);
	case DUNE_HW_REGISTER:
		return dune_emulate_register(vcpu, exit);
	case DUNE_HW_MSR:
		return dune_emulate_msr(vcpu, exit);
	case DUNE_HW_XSETBV:
		return dune_emulate_xsetbv(vcpu, exit);
	case DUNE_HW_FORBIDDEN:
		return dune_raise_error(vcpu, X86_TRAP_GP, 0);
	case DUNE_HW_UNDEFINED:
		return dune_raise(vcpu, X86_TRAP_UD);
	case DUNE_HW_EXCEPTION:
		return exception(vcpu, exit);
	case DUNE_HW_SHUTDOWN:
		return dune_vcpu_leave(vcpu, DUNE_EXIT_SHUTDOWN);
	case DUNE_HW_INVALID:
		return dune_vcpu_leave(vcpu, DUNE_EXIT_INVALID_STATE);
	case DUNE_HW_UNKNOWN:
		break;
	}
	return dune_vcpu_leave(vcpu, DUNE_EXIT_UNKNOWN);
}
EXPORT_SYMBOL_IF_DUNE_KUNIT(dune_handle_exit);

static void load_breakpoints(const unsigned long *dr)
{
	set_debugreg(dr[0], 0);
	set_debugreg(dr[1], 1);
	set_debugreg(dr[2], 2);
	set_debugreg(dr[3], 3);
}

/* Interrupts are off until the host's are back. */
static void load_guest_registers(struct dune_vcpu *vcpu)
{
	/* An exit turns breakpoints off; the thread or a tracer may have some. */
	if (unlikely(hw_breakpoint_active())) {
		get_debugreg(vcpu->host_dr[0], 0);
		get_debugreg(vcpu->host_dr[1], 1);
		get_debugreg(vcpu->host_dr[2], 2);
		get_debugreg(vcpu->host_dr[3], 3);
		get_debugreg(vcpu->host_dr7, 7);
		/* The guest's addresses are not for the host to stop at. */
		set_debugreg(0, 7);
	}
	if (vcpu->dr7 & DUNE_DR7_ENABLE)
		load_breakpoints(vcpu->dr);
	if (unlikely(vcpu->xcr0 != dune_hardware.xcr0))
		xsetbv(XCR_XFEATURE_ENABLED_MASK, vcpu->xcr0);
	/* The ring 0 that this is for is the host's. */
	if (dune_hardware.xss)
		wrmsrq(MSR_IA32_XSS, 0);
}

static void load_host_registers(struct dune_vcpu *vcpu)
{
	if (dune_hardware.xss)
		wrmsrq(MSR_IA32_XSS, dune_hardware.xss);
	if (unlikely(vcpu->xcr0 != dune_hardware.xcr0))
		xsetbv(XCR_XFEATURE_ENABLED_MASK, dune_hardware.xcr0);
	if (unlikely(vcpu->host_dr7)) {
		load_breakpoints(vcpu->host_dr);
		set_debugreg(vcpu->host_dr7, 7);
		vcpu->host_dr7 = 0;
	}
}

static void no_backend(struct dune_vcpu *vcpu, struct dune_exit *exit)
{
}

/* The backend's vcpu_run. */
DEFINE_STATIC_CALL(dune_hal_run, no_backend);

/**
 * dune_run_init() - the backend has been chosen
 *
 * May sleep. Nothing runs.
 */
void dune_run_init(void)
{
	static_call_update(dune_hal_run, dune_hardware.hal->vcpu_run);
}
EXPORT_SYMBOL_IF_DUNE_KUNIT(dune_run_init);

/* What a backend fills in for some exits only, and core looks at in others. */
static void forget_exit(struct dune_exit *exit)
{
	exit->reason = DUNE_HW_HOST;
	exit->instruction_length = 0;
	exit->interrupted.type = DUNE_EVENT_NONE;
	exit->debug = 0;
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
	if (unlikely(vcpu->interrupt || vcpu->event.type != DUNE_EVENT_NONE))
		dune_give_events(vcpu);
	trace_dune_entry(vcpu->regs.rip);

	/* The guest has the thread's own floating-point registers. */
	if (test_thread_flag(TIF_NEED_FPU_LOAD))
		dune_load_fpu();
	load_guest_registers(vcpu);
	static_call(dune_hal_run)(vcpu, exit);
	load_host_registers(vcpu);

	WRITE_ONCE(vcpu->in_guest, -1);
	vcpu->did_work = false;
	vcpu->event = exit->interrupted;
	vcpu->stats.exits[exit->reason]++;
	trace_dune_exit(exit, vcpu->regs.rip);
}

/*
 * Is there something to do on the way to user mode? Once before each entry is
 * enough: a tracer's stop at the system call makes new work every time.
 */
static bool must_go_to_user(struct dune_vcpu *vcpu)
{
	if (!(read_thread_flags() & USER_MODE_WORK) || vcpu->did_work)
		return false;
	vcpu->did_work = true;
	return true;
}

/*
 * Is virtualization on here? Where it is not, the CPU is about to go offline
 * and the thread with it to another, unless the machine goes down.
 */
static bool is_enabled_here(void)
{
	return cpumask_test_cpu(smp_processor_id(), &dune_hardware.enabled);
}

/*
 * The clock's interrupt, which comes when interrupts are on again, finds the
 * thread in the kernel. It takes the time for the process's own by this flag,
 * as KVM has it.
 */
static void enter_on_own_time(struct dune_vcpu *vcpu, struct dune_exit *exit)
{
	current->flags |= PF_VCPU;
	enter(vcpu, exit);
	local_irq_enable();
	/* STI protects the next instruction, which is not to be CLI. */
	asm volatile("nop");
	local_irq_disable();
	current->flags &= ~PF_VCPU;
}

static bool is_elsewhere(const struct dune_vcpu *vcpu)
{
	return vcpu->cpu != smp_processor_id() && vcpu->cpu >= 0;
}

/*
 * The kernel has something for the thread: a signal, work before user mode, or
 * another thread that is to run, for which nothing is entered.
 */
static int look_at_work(struct dune_vcpu *vcpu, bool *enter)
{
	if (signal_pending(current))
		return -EINTR;
	if (must_go_to_user(vcpu))
		return dune_vcpu_leave(vcpu, DUNE_EXIT_RESUME);
	*enter = !need_resched();
	return DUNE_CONTINUE;
}

static int enter_here(struct dune_vcpu *vcpu, struct dune_exit *exit)
{
	if (unlikely(is_elsewhere(vcpu)))
		return dune_vcpu_leave(vcpu, DUNE_EXIT_RESUME);
	if (likely(is_enabled_here()))
		enter_on_own_time(vcpu, exit);
	else if (READ_ONCE(dune_hardware.down))
		return -ESHUTDOWN;
	return DUNE_CONTINUE;
}

/* Enters once if nothing speaks against it. */
static int enter_if_possible(struct dune_vcpu *vcpu, struct dune_exit *exit)
{
	int ret = DUNE_CONTINUE;
	bool enter = true;

	forget_exit(exit);
	local_irq_disable();
	if (unlikely(read_thread_flags() & EXIT_TO_USER_MODE_WORK))
		ret = look_at_work(vcpu, &enter);
	if (likely(ret == DUNE_CONTINUE && enter))
		ret = enter_here(vcpu, exit);
	local_irq_enable();
	return ret;
}

/* Takes what user space put into the run page, once: it may change. */
static int take_request(struct dune_vcpu *vcpu, bool *restart)
{
	struct dune_run *run = vcpu->run;
	u32 flags = READ_ONCE(run->flags);
	u32 interrupt = READ_ONCE(run->interrupt);
	u32 cpu = READ_ONCE(run->cpu);

	if (flags & ~DUNE_RUN_DIRECT_SYSCALLS)
		return -EINVAL;
	if (interrupt && (interrupt < 32 || interrupt > 255))
		return -EINVAL;
	if (cpu > nr_cpu_ids)
		return -EINVAL;
	*restart = READ_ONCE(run->exit_reason) == DUNE_EXIT_RESTART;
	vcpu->direct = flags & DUNE_RUN_DIRECT_SYSCALLS;
	vcpu->interrupt = interrupt;
	vcpu->cpu = (int)cpu - 1;
	vcpu->shutdown = false;
	vcpu->regs = run->regs;
	/* From here on the copies are used. */
	barrier();
	return 0;
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
	struct dune_exit exit = { 0 };
	bool restart;
	int ret;

	ret = take_request(vcpu, &restart);
	if (ret)
		return ret;
	WRITE_ONCE(run->exit_reason, DUNE_EXIT_NONE);

	dune_vcpu_load(vcpu);
	ret = restart ? dune_syscall(vcpu) : DUNE_CONTINUE;
	while (ret == DUNE_CONTINUE) {
		ret = enter_if_possible(vcpu, &exit);
		if (ret == DUNE_CONTINUE)
			ret = dune_handle_exit(vcpu, &exit);
	}
	dune_vcpu_put(vcpu);
	/* Not every CPU defines what it has after that, so all start over. */
	if (vcpu->shutdown)
		dune_vcpu_reset(vcpu);

	run->regs = vcpu->regs;
	run->interrupt = vcpu->interrupt;
	run->hardware_reason = exit.hardware_reason;
	return ret;
}
