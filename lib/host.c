// SPDX-License-Identifier: LGPL-2.1-or-later
/* The host's side of a thread in Dune: it makes the guest's system calls. */
#include "internal.h"

#include <asm/prctl.h>
#include <errno.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

/* From <asm/prctl.h> of newer kernels. */
#ifndef ARCH_SHSTK_ENABLE
#define ARCH_SHSTK_ENABLE	0x5001
#endif

static void (*at_exit)(const struct dune_stats *stats);

void dune_at_exit(void (*function)(const struct dune_stats *stats))
{
	at_exit = function;
}

/* The instruction behind the one that called the kernel, or libdune. */
uint64_t dune_caller(const struct dune_regs *regs)
{
	const struct dune_thread *thread =
		dune_thread_of(__builtin_frame_address(0));
	uint64_t entry = (uint64_t)thread->syscall_entry;

	return regs->rip - entry < PAGE_SIZE ? regs->rcx : regs->rip;
}

/* What the guest has, not this side of it. */
static long prctl_base(struct dune_thread *thread, struct dune_regs *regs)
{
	struct dune_state state;
	__u64 *base = regs->rdi == ARCH_SET_FS || regs->rdi == ARCH_GET_FS ?
		      &state.fs.base : &state.gs.base;
	long ret;

	switch (regs->rdi) {
	case ARCH_SET_FS:
	case ARCH_SET_GS:
	case ARCH_GET_FS:
	case ARCH_GET_GS:
		break;
	case ARCH_SET_CPUID:
		return -ENODEV;
	case ARCH_REQ_XCOMP_PERM:
	case ARCH_SHSTK_ENABLE:
		return -EOPNOTSUPP;
	default:
		return dune_forward_syscall(thread, regs);
	}
	/* the kernel looks at the address, and tells others of it */
	ret = dune_forward_syscall(thread, regs) ?:
	      CALL3(SYS_ioctl, thread->vcpu, DUNE_GET_STATE, &state);
	if (ret)
		return ret;
	if (regs->rdi == ARCH_GET_FS || regs->rdi == ARCH_GET_GS) {
		*(uint64_t *)regs->rsi = *base;
		return 0;
	}
	*base = regs->rsi;
	return CALL3(SYS_ioctl, thread->vcpu, DUNE_SET_STATE, &state);
}

static void call_at_exit(const struct dune_thread *thread)
{
	struct dune_stats stats = {};

	if (at_exit &&
	    !CALL3(SYS_ioctl, thread->vcpu, DUNE_GET_STATS, &stats))
		at_exit(&stats);
}

/* A call that only libdune makes, from the one place where it makes any. */
static bool is_own_call(const struct dune_regs *regs)
{
	return regs->rax >= DUNE_CALL_SIGNAL &&
	       dune_caller(regs) == (uint64_t)dune_syscall_return;
}

/* Goes on outside where the guest is, behind its call. */
static long leave(struct dune_thread *thread, const struct dune_regs *regs)
{
	struct dune_frame frame = {
		.r15 = regs->r15, .r14 = regs->r14, .r13 = regs->r13,
		.r12 = regs->r12, .rbp = regs->rbp, .rbx = regs->rbx,
		.rip = dune_caller(regs), .rsp = regs->rsp,
		.rflags = regs->rflags,
	};
	uint64_t mask = dune_hold_signals(thread);
	int err = dune_outside_bases(thread);

	if (!err && thread->pending && !dune_hold_back(thread))
		err = -EAGAIN;
	if (!err)
		dune_resume_outside(thread, &frame, mask);
	dune_release_signals(thread, mask);
	return err;
}

static long own_call(struct dune_thread *thread, struct dune_regs *regs)
{
	struct dune_frame *frame = (struct dune_frame *)regs->rdi;

	switch (regs->rax) {
	case DUNE_CALL_SIGNAL:
		dune_deliver(thread, frame);
		return 0;
	case DUNE_CALL_EXCEPTION:
		dune_exception(thread, frame, regs->rsi);
		return 0;
	case DUNE_CALL_VCPU:
		return CALL3(SYS_ioctl, thread->vcpu, regs->rdi, regs->rsi);
	case DUNE_CALL_ABSENT:
		return dune_is_gone(thread, frame, regs->rsi);
	case DUNE_CALL_LEAVE:
		return leave(thread, regs);
	case DUNE_CALL_KEEP:
		return dune_move_descriptor(regs->rdi);
	case DUNE_CALL_FORWARD:
		return dune_user_call(thread, frame);
	default:
		return -ENOSYS;
	}
}

/*
 * What the kernel would do for this side of a thread only, or for the ring 3
 * in which the guest is not, is answered as where there is none of it.
 */
static long control(struct dune_thread *thread, struct dune_regs *regs)
{
	if ((int)regs->rdi == PR_SET_SYSCALL_USER_DISPATCH)
		return dune_set_dispatch(thread, regs);
	if ((int)regs->rdi == PR_SET_TSC)
		return -EINVAL;
	return dune_forward_syscall(thread, regs);
}

/* Of the thread, or of all; but a signal that has come is handled before. */
static long end(struct dune_thread *thread, struct dune_regs *regs)
{
	struct dune_state state;

	dune_block_signals();
	if (thread->signalled)
		return DUNE_RESTART;
	if (regs->rax == SYS_exit)
		dune_exit(thread, regs->rdi);
	call_at_exit(thread);
	dune_thread_part(thread, &state);
	return dune_forward_syscall(thread, regs);
}

/*
 * execve(): what waits for interrupts is the new program's. It goes back to the
 * queue, blocked there as it is by them, and so does what comes until the call
 * is made.
 */
static long execute(struct dune_thread *thread, struct dune_regs *regs)
{
	uint64_t mask = dune_hold_signals(thread), blocked = mask;
	bool was_call = thread->user_call;
	struct dune_state state;
	long ret = DUNE_RESTART;
	bool parted = dune_thread_part(thread, &state);

	while (ret == DUNE_RESTART && !thread->signalled) {
		if (thread->pending)
			blocked |= SIGNAL_BIT(thread->signal.info.si_signo);
		ret = -EAGAIN;
		if (thread->pending && !dune_hold_back(thread))
			break;
		/* whatever comes is to keep it from being made */
		thread->user_call = true;
		dune_set_mask(blocked);
		ret = dune_forward_syscall(thread, regs);
		dune_block_signals();
		thread->user_call = was_call;
		/* else its handler runs before, and the call is made again */
		if (!was_call && !(regs->rflags & EFLAGS_IF))
			thread->signalled = false;
	}
	if (parted)
		dune_thread_join(thread, thread->run, &state);
	dune_release_signals(thread, mask);
	return ret;
}

/* Makes a call of the guest; some are about what libdune keeps for it. */
static long forward(struct dune_thread *thread, struct dune_regs *regs)
{
	/* the kernel looks at no more of it */
	regs->rax = (int)regs->rax;
	/* a signal that waits comes first */
	if (thread->signalled)
		return DUNE_RESTART;
	if (dune_dispatched(thread, regs))
		return DUNE_KEEP;
	switch (regs->rax) {
	case SYS_rt_sigreturn:
		/* changes all of them */
		dune_sigreturn(thread, regs);
		return DUNE_KEEP;
	case SYS_clone:
	case SYS_clone3:
	case SYS_fork:
	case SYS_vfork:
		return dune_clone(thread, regs, NULL);
	case SYS_exit:
	case SYS_exit_group:
		return end(thread, regs);
	case SYS_execve:
	case SYS_execveat:
		return execute(thread, regs);
	case SYS_rt_sigaction:
		return dune_sigaction(thread, regs, false);
	case SYS_rt_sigprocmask:
		return dune_sigprocmask(thread, regs);
	case SYS_sigaltstack:
		return dune_sigaltstack(thread, regs, &thread->stack);
	case SYS_rseq:
		return dune_rseq(thread, regs);
	case SYS_prctl:
		return control(thread, regs);
	case SYS_arch_prctl:
		return prctl_base(thread, regs);
	case SYS_pkey_alloc:
		/* keys are those of the guest's own page table */
		return -ENOSPC;
	case SYS_iopl:
	case SYS_ioperm:
		return -EPERM;
	case SYS_modify_ldt:
		return -ENOSYS;
	case SYS_close:
		return dune_close(thread, regs);
	case SYS_close_range:
		return dune_close_range(thread, regs);
	case SYS_dup2:
	case SYS_dup3:
		return dune_duplicate(thread, regs);
	case SYS_setrlimit:
	case SYS_prlimit64:
		return dune_limit(thread, regs);
	default:
		return dune_forward_syscall(thread, regs);
	}
}

static void system_call(struct dune_thread *thread)
{
	struct dune_regs *regs = &thread->run->regs;
	long ret = is_own_call(regs) ? own_call(thread, regs) :
				       forward(thread, regs);

	/* after a fork the page is another */
	regs = &thread->run->regs;
	if (ret == DUNE_RESTART && !thread->user_call)
		regs->rip -= dune_module.hypercall_len;
	else if (ret != DUNE_KEEP)
		regs->rax = ret;
}

#define STOPPED(why)	"dune: the virtual CPU stopped: " why "\n"

/*
 * The guest cannot go on. There is no way back into the program.
 * @error: of DUNE_RUN, or 0
 */
void dune_give_up(const struct dune_run *run, long error)
{
	const char *text = STOPPED("the module does not know why");

	if (error == -ENOMEM)
		text = STOPPED("kernel memory ran out");
	else if (error == -ESHUTDOWN)
		text = STOPPED("the machine goes down");
	else if (error)
		text = STOPPED("the module refuses to run it");
	else if (run->exit_reason == DUNE_EXIT_SHUTDOWN)
		text = STOPPED("an exception could not be delivered");
	else if (run->exit_reason == DUNE_EXIT_INVALID_STATE)
		text = STOPPED("the CPU refuses its state");
	CALL3(SYS_write, 2, text, strlen(text));
	for (;;)
		CALL1(SYS_exit_group, 127);
}

/*
 * Runs outside, on a stack of its own, and makes the guest's system calls: so
 * they are, to the kernel, those of this thread and nothing else.
 *
 * Returns only if the guest could not be entered at all.
 */
int dune_host_loop(struct dune_thread *thread)
{
	struct dune_run *run = thread->run;
	bool entered = false;
	long ret;

	for (;;) {
		dune_rseq_update(thread);
		dune_trap_tell_cpu(thread);
		/* in this order: a signal may come, and want none to be direct */
		run->flags = DUNE_RUN_DIRECT_SYSCALLS;
		if (thread->pending || thread->dispatch.on)
			run->flags = 0;
		ret = dune_run_vcpu(thread->vcpu);
		if (run->exit_reason == DUNE_EXIT_RESTART) {
			/* it is the result of the guest's system call */
			run->exit_reason = DUNE_EXIT_NONE;
			run->regs.rax = ret;
			ret = -EINTR;
		}
		if (ret && ret != -EINTR && !entered)
			return ret;
		entered = true;
		if (ret == -EINTR || (!ret && run->exit_reason == DUNE_EXIT_RESUME)) {
			/* with interrupts off, in a trap: it sees to that */
			if (run->regs.rflags & EFLAGS_IF)
				dune_rseq_abort(thread, &run->regs.rip);
			continue;
		}
		if (ret || run->exit_reason != DUNE_EXIT_SYSCALL)
			dune_give_up(run, ret);
		system_call(thread);
	}
}
