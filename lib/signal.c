// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Signals. The kernel delivers them to the host's side of a thread, where one
 * handler stands for all of the program's. It notes what came and asks for an
 * interrupt of the guest; when the guest takes that, the program's handler
 * begins in ring 0 on the program's stack. Until then the kernel holds back
 * all others, so that none is lost and their order is its own.
 */
#include "internal.h"

#include <errno.h>
#include <sys/syscall.h>
#include <ucontext.h>

#define ALL_SIGNALS	(~0ULL)
#define SIGNALS		64
#define SA_RESTORER	0x04000000
#define BY_FILTER	1	/* si_code of SIGSYS, SYS_SECCOMP elsewhere */

/* Of those that enter; and what others have had. */
static struct dune_sighand first, *unused;

static const struct dune_action by_default = { .handler = (uint64_t)SIG_DFL };

void dune_set_mask(uint64_t mask)
{
	CALL4(SYS_rt_sigprocmask, SIG_SETMASK, &mask, NULL, MASK_SIZE);
}

/* Returns what was blocked before. */
uint64_t dune_block_signals(void)
{
	uint64_t all = ALL_SIGNALS, before = 0;

	CALL4(SYS_rt_sigprocmask, SIG_SETMASK, &all, &before, MASK_SIZE);
	return before;
}

/* Blocks all, so that none comes meanwhile; returns the program's mask. */
uint64_t dune_hold_signals(struct dune_thread *thread)
{
	uint64_t mask = dune_block_signals();

	return thread->pending ? thread->signal.mask : mask;
}

static long raw_sigaction(int signal, const struct dune_action *action,
			  struct dune_action *before)
{
	return CALL4(SYS_rt_sigaction, signal, action, before, MASK_SIZE);
}

static bool is_function(const struct dune_action *action)
{
	return action->handler != (uint64_t)SIG_DFL &&
	       action->handler != (uint64_t)SIG_IGN;
}

/* Of sets that other threads look at: is a signal in it? */
static bool has(const uint64_t *set, int signal)
{
	return __atomic_load_n(set, __ATOMIC_RELAXED) & SIGNAL_BIT(signal);
}

static void put(uint64_t *set, int signal, bool in)
{
	if (in)
		__atomic_or_fetch(set, SIGNAL_BIT(signal), __ATOMIC_RELAXED);
	else
		__atomic_and_fetch(set, ~SIGNAL_BIT(signal), __ATOMIC_RELAXED);
}

/* The end of the process, whatever it has for the signal. */
void dune_end_by(int signal)
{
	raw_sigaction(signal, &by_default, NULL);
	CALL2(SYS_tkill, CALL0(SYS_gettid), signal);
	for (;;)
		dune_set_mask(~SIGNAL_BIT(signal));
}

/* A thread of the process that is not in Dune: as if we were not here. */
static void call_directly(const struct dune_action *action, int signal,
			  siginfo_t *info, ucontext_t *context)
{
	uint64_t mask;

	memcpy(&mask, &context->uc_sigmask, sizeof(mask));
	mask |= action->mask;
	if (!(action->flags & SA_NODEFER))
		mask |= SIGNAL_BIT(signal);
	dune_set_mask(mask);
	((void (*)(int, siginfo_t *, void *))action->handler)
		(signal, info, context);
}

/*
 * The kernel says in si_code whether it was the thread's own doing. Memory that
 * broke without anybody's doing is told by a number that others have too.
 */
static bool is_fault(const siginfo_t *info)
{
	if (info->si_signo == SIGBUS && info->si_code == BUS_MCEERR_AO)
		return false;
	return info->si_code > 0 &&
	       (info->si_signo == SIGSEGV || info->si_signo == SIGBUS ||
		info->si_signo == SIGILL || info->si_signo == SIGFPE);
}

static void handle_fault(siginfo_t *info, ucontext_t *context)
{
	greg_t *regs = context->uc_mcontext.gregs;

	if (regs[REG_RIP] == (greg_t)dune_probe_read_access ||
	    regs[REG_RIP] == (greg_t)dune_probe_write_access) {
		*(siginfo_t *)regs[REG_RSI] = *info;
		regs[REG_RIP] = (greg_t)dune_probe_failed;
		return;
	}
	/*
	 * The program's stack is full, or a frame that it returns from is not
	 * there: the same fault again is its end.
	 */
	raw_sigaction(info->si_signo, &by_default, NULL);
}

/* A system call that has begun, or is about to, is not to sleep now. */
static void stop_system_call(struct dune_thread *thread, ucontext_t *context)
{
	greg_t *regs = context->uc_mcontext.gregs;
	struct dune_run *run = thread->run;

	thread->signalled = true;
	if (regs[REG_RIP] >= (greg_t)dune_forward_begin &&
	    regs[REG_RIP] < (greg_t)dune_forward_end) {
		regs[REG_RIP] = (greg_t)dune_forward_restart;
	} else if (regs[REG_RIP] == (greg_t)dune_run_syscall &&
		   run->exit_reason == DUNE_EXIT_RESTART) {
		/* the guest makes it again, after the handler */
		if (thread->user_call)
			run->regs.rax = DUNE_RESTART;
		else
			run->regs.rip -= dune_module.hypercall_len;
		run->exit_reason = DUNE_EXIT_NONE;
	}
}

/*
 * What the call that the signal has ended had blocked while it waited: its
 * handler begins with that. The kernel has put the thread's own mask back where
 * we see it.
 */
static uint64_t mask_of_wait(const struct dune_thread *thread,
			     const ucontext_t *context)
{
	const greg_t *host = context->uc_mcontext.gregs;
	const struct dune_run *run = thread->run;
	const struct dune_regs *regs = &run->regs;
	uint64_t place = 0, mask = 0;
	bool direct = host[REG_RIP] == (greg_t)dune_run_return &&
		      run->exit_reason == DUNE_EXIT_RESTART;

	if (host[REG_RAX] != -EINTR ||
	    !(direct || host[REG_RIP] == (greg_t)dune_forward_end))
		return 0;
	switch (regs->rax) {
	case SYS_rt_sigsuspend:
		place = regs->rdi;
		break;
	case SYS_ppoll:
		place = regs->r10;
		break;
	case SYS_epoll_pwait:
	case SYS_epoll_pwait2:
		place = regs->r8;
		break;
	case SYS_pselect6:
	case SYS_io_pgetevents:
		/* there it is said where that is, and how long */
		place = regs->r9 ? *(const uint64_t *)regs->r9 : 0;
		break;
	}
	if (place)
		memcpy(&mask, (const void *)place, MASK_SIZE);
	return mask;
}

/*
 * There is room for one only. A second comes if the program, with its
 * interrupts off, waits with another mask: it has to queue again. False: there
 * are as many in the queue as may be (RLIMIT_SIGPENDING).
 */
static bool put_back(siginfo_t *info)
{
	return CALL4(SYS_rt_tgsigqueueinfo, CALL0(SYS_getpid),
		     CALL0(SYS_gettid), info->si_signo, info) != -EAGAIN;
}

static void handle_signal(int signal, siginfo_t *info, void *ucontext)
{
	struct dune_thread *thread =
		dune_thread_of(__builtin_frame_address(0));
	struct dune_sighand *sighand = thread ? thread->sighand : &first;
	struct dune_action *action = &sighand->actions[signal];
	bool of_user = has(&sighand->of_user, signal);
	ucontext_t *context = ucontext;
	uint64_t mask;

	if (!of_user && (!thread || dune_outside & SIGNAL_BIT(signal))) {
		call_directly(action, signal, info, context);
		return;
	}
	if (is_fault(info)) {
		handle_fault(info, context);
		return;
	}
	/* ring 3 would have there what the process has */
	if (!thread)
		return;
	memcpy(&mask, &context->uc_sigmask, MASK_SIZE);
	memset(&context->uc_sigmask, 0xff, MASK_SIZE);
	if (thread->pending) {
		put_back(info);
		return;
	}
	thread->signal.info = *info;
	/* a filter of the program's: it knows our side of the call only */
	if (signal == SIGSYS && info->si_code == BY_FILTER)
		thread->signal.info.si_call_addr =
			(void *)dune_caller(&thread->run->regs);
	thread->signal.action = *action;
	thread->signal.of_user = of_user;
	thread->signal.mask = mask;
	thread->signal.mask_of_wait = mask_of_wait(thread, context);
	if (action->flags & SA_RESETHAND)
		put(&sighand->installed, signal, false);
	thread->pending = true;
	thread->held = false;
	thread->run->interrupt = DUNE_VECTOR_SIGNAL;
	/* calls that ask for the mask are ours to answer meanwhile */
	thread->run->flags = 0;
	if (thread->run->regs.rflags & EFLAGS_IF || thread->user_call)
		stop_system_call(thread, context);
}

/* What the kernel is to have for what the program wants. */
static struct dune_action for_kernel(const struct dune_action *action)
{
	struct dune_action ours = *action;

	if (!is_function(action))
		return ours;
	ours.handler = (uint64_t)handle_signal;
	ours.flags = action->flags | SA_SIGINFO | SA_RESTORER;
	ours.restorer = (uint64_t)dune_signal_restorer;
	ours.mask = ALL_SIGNALS;
	return ours;
}

/* What was taken from the queue and goes there again finds its handler again. */
static void forget(struct dune_thread *thread)
{
	const struct dune_action *action = &thread->signal.action;
	int signal = thread->signal.info.si_signo;
	struct dune_action ours = for_kernel(action);

	thread->pending = false;
	if (action->flags & SA_RESETHAND) {
		thread->sighand->actions[signal] = *action;
		raw_sigaction(signal, &ours, NULL);
		put(&thread->sighand->installed, signal, true);
	}
}

/*
 * The signal that waits is blocked from now on: it has to queue again. Where it
 * cannot, it waits here until it is not blocked any more, and all others with
 * it. Returns whether it could.
 */
bool dune_hold_back(struct dune_thread *thread)
{
	thread->signalled = false;
	thread->run->interrupt = 0;
	thread->held = !put_back(&thread->signal.info);
	if (!thread->held)
		forget(thread);
	return !thread->held;
}

/*
 * The thread ends. What waits for it may have been for any thread: then another
 * one takes it, without its value if there is no room for that.
 */
void dune_pass_on(struct dune_thread *thread)
{
	siginfo_t *info = &thread->signal.info;
	long pid = CALL0(SYS_getpid);

	if (!thread->pending || info->si_code == SI_TKILL)
		return;
	forget(thread);
	/* nor may all threads have it look like what another process has sent */
	if (CALL3(SYS_rt_sigqueueinfo, pid, info->si_signo, info))
		CALL2(SYS_kill, pid, info->si_signo);
}

/* It may be that there is room now, or that the program does not block it. */
static void try_held(struct dune_thread *thread, uint64_t mask)
{
	if (dune_hold_back(thread) ||
	    mask & SIGNAL_BIT(thread->signal.info.si_signo))
		return;
	thread->held = false;
	thread->run->interrupt = DUNE_VECTOR_SIGNAL;
	thread->signalled = thread->run->regs.rflags & EFLAGS_IF;
}

/*
 * The program's mask from now on. All are blocked, lest one comes between the
 * look and the change; they stay so while one waits.
 */
void dune_release_signals(struct dune_thread *thread, uint64_t mask)
{
	if (thread->pending && thread->held)
		try_held(thread, mask);
	if (thread->pending)
		thread->signal.mask = mask;
	else
		dune_set_mask(mask);
}

/* The program's handler begins when the frame is returned to. */
static void call_handler(struct dune_thread *thread, struct dune_frame *frame,
			 const siginfo_t *info,
			 const struct dune_action *action, bool of_user,
			 uint64_t mask, uint64_t cr2)
{
	uint64_t blocked = mask | action->mask;

	if (!(action->flags & SA_NODEFER))
		blocked |= SIGNAL_BIT(info->si_signo);
	dune_rseq_abort(thread, (__u64 *)&frame->rip);
	if (!dune_build_frame(thread, frame, info, action, of_user, mask,
			      cr2))
		dune_end_by(SIGSEGV);
	if (thread->pending &&
	    blocked & SIGNAL_BIT(thread->signal.info.si_signo))
		dune_hold_back(thread);
	dune_release_signals(thread, blocked);
}

/*
 * The handler is ring 3's: not before the thread is there again. Where it has
 * left that for good there is nobody to handle it.
 */
static void defer(struct dune_thread *thread)
{
	thread->deferred = thread->ring3.rsp;
	if (thread->deferred)
		return;
	thread->pending = false;
	dune_release_signals(thread, thread->signal.mask);
}

/* The guest took the interrupt. */
void dune_deliver(struct dune_thread *thread, struct dune_frame *frame)
{
	siginfo_t info = thread->signal.info;
	struct dune_action action = thread->signal.action;

	if (!thread->pending)
		return;
	thread->signalled = false;
	if (thread->signal.of_user && !dune_is_user(thread, frame)) {
		defer(thread);
		return;
	}
	thread->deferred = false;
	action.mask |= thread->signal.mask_of_wait;
	frame->vector = 0;
	thread->pending = false;
	call_handler(thread, frame, &info, &action, thread->signal.of_user,
		     thread->signal.mask, 0);
}

void dune_sigreturn(struct dune_thread *thread, struct dune_regs *regs)
{
	uint64_t mask;

	dune_hold_signals(thread);
	mask = dune_restore_frame(thread, regs);
	/* where it goes back to, interrupts may be off */
	thread->signalled = thread->pending && !thread->held &&
			    (regs->rflags & EFLAGS_IF);
	dune_release_signals(thread, mask);
}

/* Is there a handler that may run now for what the thread did itself there? */
bool dune_would_handle(const struct dune_thread *thread,
		       const struct dune_frame *frame, int signal,
		       uint64_t mask)
{
	/* what ring 0 does wrong is nothing for a handler of ring 3 */
	return has(&thread->sighand->installed, signal) &&
	       !(mask & SIGNAL_BIT(signal)) &&
	       (!has(&thread->sighand->of_user, signal) ||
		dune_is_user(thread, frame));
}

/* Has it called. */
void dune_deliver_fault(struct dune_thread *thread, struct dune_frame *frame,
			siginfo_t *info, uint64_t mask, uint64_t cr2)
{
	struct dune_action action = thread->sighand->actions[info->si_signo];
	bool of_user = has(&thread->sighand->of_user, info->si_signo);

	if (action.flags & SA_RESETHAND) {
		put(&thread->sighand->installed, info->si_signo, false);
		raw_sigaction(info->si_signo, &by_default, NULL);
	}
	call_handler(thread, frame, info, &action, of_user, mask, cr2);
}

/* Where the kernel has our handler, the program's is what it asked for. */
static void show(struct dune_action *action, const struct dune_action *own)
{
	if (action->handler == (uint64_t)handle_signal)
		*action = *own;
}

static long set_action(struct dune_sighand *sighand, int signal,
		       const struct dune_action *action, bool of_user,
		       struct dune_action *before)
{
	struct dune_action own = sighand->actions[signal];
	struct dune_action ours = for_kernel(action);
	bool was_of_user = has(&sighand->of_user, signal);
	long ret;

	/* before the kernel can call for it; first of all whose it is */
	if (is_function(action)) {
		put(&sighand->of_user, signal, of_user);
		sighand->actions[signal] = *action;
	}
	ret = raw_sigaction(signal, &ours, before);
	if (ret) {
		sighand->actions[signal] = own;
		put(&sighand->of_user, signal, was_of_user);
		return ret;
	}
	put(&sighand->installed, signal, is_function(action));
	show(before, &own);
	return 0;
}

static struct dune_action read_action(const struct dune_action *from)
{
	return (struct dune_action) {
		.handler = __atomic_load_n(&from->handler, __ATOMIC_RELAXED),
		.flags = __atomic_load_n(&from->flags, __ATOMIC_RELAXED),
		.restorer = __atomic_load_n(&from->restorer, __ATOMIC_RELAXED),
		.mask = __atomic_load_n(&from->mask, __ATOMIC_RELAXED),
	};
}

/* rt_sigaction() */
long dune_sigaction(struct dune_thread *thread, const struct dune_regs *regs,
		    bool of_user)
{
	struct dune_sighand *sighand = thread->sighand;
	const struct dune_action *action = (void *)regs->rsi;
	struct dune_action *place = (void *)regs->rdx;
	struct dune_action before, copy;
	long signal = (int)regs->rdi;
	long ret;

	/* the kernel looks whether these are addresses, and at the rest */
	if (regs->r10 != MASK_SIZE || signal < 1 || signal > SIGNALS)
		return -EINVAL;
	if (action && raw_sigaction(0, action, NULL) == -EFAULT)
		return -EFAULT;
	if (place) {
		ret = raw_sigaction(signal, NULL, place);
		if (ret)
			return ret;
	}
	/* once: another thread may be writing to it */
	if (action)
		copy = read_action(action);
	dune_lock(DUNE_LOCK_HANDLERS);
	if (action) {
		ret = set_action(sighand, signal, &copy, of_user, &before);
	} else {
		ret = raw_sigaction(signal, NULL, &before);
		show(&before, &sighand->actions[signal]);
	}
	dune_unlock(DUNE_LOCK_HANDLERS);
	if (!ret && place)
		*place = before;
	return ret;
}

/*
 * sigaltstack(): the kernel has none while the thread is in Dune, whose host's
 * side it would take for the program. It is asked what is right.
 */
long dune_sigaltstack(struct dune_thread *thread, const struct dune_regs *regs,
		      stack_t *own)
{
	const stack_t none = { .ss_flags = SS_DISABLE };
	stack_t *before = (stack_t *)regs->rsi;
	bool on = dune_is_on(own, regs->rsp) &&
		  !(own->ss_flags & (int)SS_AUTODISARM);
	uint64_t mask = dune_hold_signals(thread);
	long ret = -EPERM;

	CALL2(SYS_sigaltstack, own, NULL);
	if (!regs->rdi || !on)
		ret = CALL2(SYS_sigaltstack, regs->rdi, before);
	/* one around this side's own stack the kernel would keep, and use */
	if (CALL2(SYS_sigaltstack, &none, own))
		dune_end_by(SIGSEGV);
	dune_release_signals(thread, mask);
	if (!ret && before && on)
		before->ss_flags |= SS_ONSTACK;
	return ret;
}

/* rt_sigprocmask() */
long dune_sigprocmask(struct dune_thread *thread, const struct dune_regs *regs)
{
	uint64_t before = dune_hold_signals(thread), mask = before, set;
	/* nothing changes: all are blocked, and stay so */
	long ret = CALL4(SYS_rt_sigprocmask, SIG_BLOCK, regs->rsi, regs->rdx,
			 regs->r10);

	if (!ret && regs->rsi) {
		set = *(uint64_t *)regs->rsi & ~(SIGNAL_BIT(SIGKILL) |
						 SIGNAL_BIT(SIGSTOP));
		if (regs->rdi == SIG_BLOCK)
			mask |= set;
		else if (regs->rdi == SIG_UNBLOCK)
			mask &= ~set;
		else if (regs->rdi == SIG_SETMASK)
			mask = set;
		else
			ret = -EINVAL;
	}
	if (!ret && regs->rdx)
		*(uint64_t *)regs->rdx = before;
	dune_release_signals(thread, mask);
	return ret;
}

/* Handlers for a new thread: the same, or as they are now. */
struct dune_sighand *dune_sighand_get(struct dune_sighand *sighand, bool share)
{
	struct dune_sighand *copy;

	if (share) {
		__atomic_add_fetch(&sighand->users, 1, __ATOMIC_RELAXED);
		return sighand;
	}
	dune_lock(DUNE_LOCK_HANDLERS);
	copy = unused;
	if (copy)
		unused = copy->next;
	else
		copy = dune_own_map(dune_page_up(sizeof(*copy)), PAGE_SIZE);
	if (copy) {
		memcpy(copy->actions, sighand->actions, sizeof(copy->actions));
		copy->installed = sighand->installed;
		copy->of_user = sighand->of_user;
		copy->users = 1;
	}
	dune_unlock(DUNE_LOCK_HANDLERS);
	return copy;
}

/* Outside the kernel calls for the program's handlers, and tells of them. */
static void give_back(void)
{
	struct dune_action now;
	int signal;

	for (signal = 1; signal <= SIGNALS; signal++)
		if (has(&first.installed, signal) && !has(&first.of_user, signal) &&
		    !raw_sigaction(signal, NULL, &now) &&
		    now.handler == (uint64_t)handle_signal)
			raw_sigaction(signal, &first.actions[signal], NULL);
}

/* A child of vfork() is put by its parent: that has others, the first ones. */
void dune_sighand_put(struct dune_sighand *sighand)
{
	bool last;

	dune_lock(DUNE_LOCK_HANDLERS);
	last = !__atomic_sub_fetch(&sighand->users, 1, __ATOMIC_RELAXED);
	if (last && sighand == &first) {
		give_back();
	} else if (last) {
		sighand->next = unused;
		unused = sighand;
	}
	dune_unlock(DUNE_LOCK_HANDLERS);
}

/* In a child of fork(), which has no thread in Dune but this one, or NULL. */
void dune_signal_child(struct dune_thread *thread)
{
	first.users = 0;
	if (thread)
		thread->sighand->users = 1;
	else
		give_back();
}

/* What the program has set up before it enters Dune goes on. */
void dune_signal_init(struct dune_thread *thread)
{
	struct dune_action action, before;
	int signal;

	thread->sighand = dune_sighand_get(&first, true);
	dune_lock(DUNE_LOCK_HANDLERS);
	for (signal = 1; signal <= SIGNALS; signal++) {
		if (raw_sigaction(signal, NULL, &action) ||
		    action.handler == (uint64_t)handle_signal)
			continue;
		if (is_function(&action))
			set_action(&first, signal, &action, false, &before);
		else
			put(&first.installed, signal, false);
	}
	dune_unlock(DUNE_LOCK_HANDLERS);
}
