// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Syscall user dispatch: a thread may have its system calls made into SIGSYS,
 * but for those from one part of its memory. The kernel would see libdune's
 * code make all of them, so this is done here as the kernel would do it.
 */
#include "internal.h"

#include <errno.h>
#include <linux/audit.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#define USER_DISPATCH	2	/* si_code; the C library has no name for it */

/* prctl(PR_SET_SYSCALL_USER_DISPATCH, mode, offset, length, selector) */
long dune_set_dispatch(struct dune_thread *thread, const struct dune_regs *regs)
{
	uint64_t offset = regs->rdx, length = regs->r10, selector = regs->r8;

	switch (regs->rsi) {
	case PR_SYS_DISPATCH_OFF:
		if (offset || length || selector)
			return -EINVAL;
		thread->dispatch.on = false;
		return 0;
	case PR_SYS_DISPATCH_ON:
		if (offset && offset + length <= offset)
			return -EINVAL;
		if (selector >= DUNE_ADDRESS_LIMIT)
			return -EFAULT;
		thread->dispatch.on = true;
		thread->dispatch.offset = offset;
		thread->dispatch.length = length;
		thread->dispatch.selector = (const uint8_t *)selector;
		return 0;
	default:
		return -EINVAL;
	}
}

static void send_sigsys(struct dune_thread *thread, const struct dune_regs *regs)
{
	uint64_t mask = dune_hold_signals(thread);
	struct dune_action now = { 0 };
	siginfo_t info = { .si_signo = SIGSYS, .si_code = USER_DISPATCH };

	CALL4(SYS_rt_sigaction, SIGSYS, NULL, &now, MASK_SIZE);
	if (mask & SIGNAL_BIT(SIGSYS) || now.handler == (uint64_t)SIG_IGN)
		dune_end_by(SIGSYS);
	info.si_call_addr = (void *)dune_caller(regs);
	info.si_syscall = regs->rax;
	info.si_arch = AUDIT_ARCH_X86_64;
	CALL4(SYS_rt_tgsigqueueinfo, CALL0(SYS_getpid), CALL0(SYS_gettid),
	      SIGSYS, &info);
	dune_release_signals(thread, mask);
}

/* Returns whether the call became a signal; the guest goes on behind it. */
bool dune_dispatched(struct dune_thread *thread, const struct dune_regs *regs)
{
	uint8_t choice;

	if (!thread->dispatch.on ||
	    dune_caller(regs) - thread->dispatch.offset <
	    thread->dispatch.length)
		return false;
	/* not readable: ends the process as it would outside */
	if (thread->dispatch.selector) {
		choice = *thread->dispatch.selector;
		if (choice == SYSCALL_DISPATCH_FILTER_ALLOW)
			return false;
		if (choice != SYSCALL_DISPATCH_FILTER_BLOCK)
			dune_end_by(SIGSYS);
	}
	send_sigsys(thread, regs);
	return true;
}
