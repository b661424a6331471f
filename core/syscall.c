// SPDX-License-Identifier: GPL-2.0-only
/*
 * System calls of the guest, by one of two paths.
 *
 * The plain path leaves DUNE_RUN, and user space makes the call. The direct
 * path makes it here, through the kernel's own dispatcher, where nothing on the
 * kernel's entry path would have a say: no ptrace, audit or tracing of this
 * thread, no seccomp but a filter that is known to allow the call, nothing to do
 * before it returns to user mode.
 */
#include <linux/entry-common.h>
#include <linux/module.h>
#include <linux/nospec.h>
#include <linux/sched/signal.h>
#include <linux/static_call.h>
#include <linux/thread_info.h>
#include <asm/ptrace.h>
#include <asm/syscall.h>
#include <asm/unistd.h>

#include "compat.h"
#include "filter.h"
#include "kernel_function.h"
#include "syscall.h"
#include "trace.h"
#include "vcpu.h"

static bool direct_syscalls = true;
module_param(direct_syscalls, bool, 0444);
MODULE_PARM_DESC(direct_syscalls,
		 "make system calls of the guest without leaving to user space (default: yes)");

static long no_dispatcher(const struct pt_regs *regs, unsigned int number)
{
	return -EINVAL;
}

DEFINE_STATIC_CALL(dune_dispatcher, no_dispatcher);

static bool have_dispatcher __ro_after_init;

/**
 * dune_syscall_init() - find the kernel's dispatcher
 *
 * Without it every call takes the plain path.
 */
void dune_syscall_init(void)
{
	void *dispatcher;

	if (!direct_syscalls)
		return;
	dispatcher = dune_find_function("x64_sys_call");
	if (!dispatcher) {
		pr_info("dune: this kernel shows no system-call dispatcher, no direct system calls\n");
		return;
	}
	static_call_update(dune_dispatcher, dispatcher);
	have_dispatcher = true;
}
EXPORT_SYMBOL_IF_DUNE_KUNIT(dune_syscall_init);

/**
 * dune_syscall_may_be_direct() - can this call be made outside of its place
 * @number: the system call
 * @request: its second argument
 *
 * Not those that look at or change the registers with which the thread came
 * into the kernel, that end it or make another one, or that change what is
 * switched with the guest; nor our own, whose virtual CPU is in use; nor those
 * that user space has to know of to keep the process what it was: handlers of
 * signals, keys of pages, and descriptors that could be those of its virtual
 * CPUs.
 *
 * Return: whether it can.
 */
bool dune_syscall_may_be_direct(u64 number, u64 request)
{
	switch (number) {
	case __NR_clone:
	case __NR_clone3:
	case __NR_fork:
	case __NR_vfork:
	case __NR_execve:
	case __NR_execveat:
	case __NR_exit:
	case __NR_exit_group:
	case __NR_rt_sigaction:
	case __NR_rt_sigreturn:
	case __NR_sigaltstack:
	case __NR_close:
	case __NR_close_range:
	case __NR_dup2:
	case __NR_dup3:
	case __NR_setrlimit:
	case __NR_prlimit64:
	case __NR_prctl:
	case __NR_pkey_alloc:
	case __NR_restart_syscall:
	case __NR_arch_prctl:
	case __NR_modify_ldt:
	case __NR_set_thread_area:
	case __NR_get_thread_area:
	case __NR_iopl:
	case __NR_ioperm:
	case __NR_ptrace:
	case __NR_rseq:
	case __NR_uselib:
#ifdef __NR_uretprobe
	case __NR_uretprobe:
#endif
#ifdef __NR_uprobe
	case __NR_uprobe:
#endif
		return false;
	case __NR_ioctl:
		return _IOC_TYPE(request) != DUNE_IOC_MAGIC;
	default:
		return number < NR_syscalls;
	}
}
EXPORT_SYMBOL_IF_DUNE_KUNIT(dune_syscall_may_be_direct);

/* Of those who would look at the call, is it the filter alone, and says yes? */
static noinline bool is_allowed(const struct dune_vcpu *vcpu, unsigned long work)
{
	return work == SYSCALL_WORK_SECCOMP &&
	       dune_filter_allows(vcpu->filter, vcpu->regs.rax);
}

/* Would the kernel's entry path, or its exit path, do anything for this call? */
static bool has_entry_work(const struct dune_vcpu *vcpu)
{
	unsigned long work = READ_ONCE(current_thread_info()->syscall_work);

	if (unlikely(work) && !is_allowed(vcpu, work))
		return true;
	return read_thread_flags() &
	       (EXIT_TO_USER_MODE_WORK & ~DUNE_TIF_RESCHED);
}

/**
 * dune_syscall_is_possible() - can the module make a system call of its own
 *
 * Return: whether it can, and nobody is to see it.
 */
bool dune_syscall_is_possible(void)
{
	return have_dispatcher && !READ_ONCE(current_thread_info()->syscall_work);
}

/**
 * dune_syscall_here() - make a system call in the thread's name
 * @number: one that dune_syscall_may_be_direct() lets pass
 * @first: its first argument
 * @second: its second one
 * @third: its third one
 *
 * Return: its result.
 */
long dune_syscall_here(unsigned int number, u64 first, u64 second, u64 third)
{
	const struct pt_regs regs = { .di = first, .si = second, .dx = third };

	return static_call(dune_dispatcher)(&regs, number);
}

/*
 * The dispatcher's functions take these six and look at nothing else: those that
 * do, at the registers of the thread, are not called by it.
 */
static void take_arguments(struct pt_regs *call, const struct dune_regs *regs)
{
	call->di = regs->rdi;
	call->si = regs->rsi;
	call->dx = regs->rdx;
	call->r10 = regs->r10;
	call->r8 = regs->r8;
	call->r9 = regs->r9;
}

static bool is_interrupted(long result)
{
	return result == -ERESTARTSYS || result == -ERESTARTNOINTR ||
	       result == -ERESTARTNOHAND || result == -ERESTART_RESTARTBLOCK ||
	       (result == -EINTR && signal_pending(current));
}

/*
 * A call that a signal interrupted makes DUNE_RUN end the same way: then the
 * kernel decides by the signal's handler, as it would have for the call itself,
 * whether it fails or is made again; and user space knows which call it was.
 */
static int make_call(struct dune_vcpu *vcpu, unsigned int number)
{
	long result;

	take_arguments(&vcpu->call, &vcpu->regs);
	number = array_index_nospec(number, NR_syscalls);
	result = static_call(dune_dispatcher)(&vcpu->call, number);
	vcpu->stats.direct_syscalls++;
	trace_dune_syscall(number, result, true);
	if (unlikely(result < 0) && is_interrupted(result)) {
		dune_vcpu_leave(vcpu, DUNE_EXIT_RESTART);
		return result;
	}
	vcpu->regs.rax = result;
	return DUNE_CONTINUE;
}

/**
 * dune_syscall() - the guest made a system call
 * @vcpu: loaded, its registers are those of the call
 *
 * Return: DUNE_CONTINUE when it has been made, or what DUNE_RUN returns.
 */
int dune_syscall(struct dune_vcpu *vcpu)
{
	const struct dune_regs *regs = &vcpu->regs;

	if (vcpu->direct && have_dispatcher && !has_entry_work(vcpu) &&
	    dune_syscall_may_be_direct(regs->rax, regs->rsi))
		return make_call(vcpu, regs->rax);
	vcpu->stats.plain_syscalls++;
	trace_dune_syscall(regs->rax, 0, false);
	WRITE_ONCE(vcpu->run->watched,
		   !!READ_ONCE(current_thread_info()->syscall_work));
	return dune_vcpu_leave(vcpu, DUNE_EXIT_SYSCALL);
}
