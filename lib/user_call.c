// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * System calls of ring 3 that have to do with what libdune keeps: the host's
 * side of dune_forward(). What ring 3 says it wants is for ring 3.
 */
#include "internal.h"

#include <asm/prctl.h>
#include <errno.h>
#include <sys/syscall.h>

static long base_of_segment(struct dune_thread *thread,
			    const struct dune_frame *frame)
{
	switch (frame->rdi) {
	case ARCH_SET_FS:
		if (frame->rsi >> 47)
			return -EPERM;
		thread->ring3.fs = frame->rsi;
		return 0;
	case ARCH_GET_FS:
		if (!dune_is_writable(frame->rsi))
			return -EFAULT;
		*(uint64_t *)frame->rsi = thread->ring3.fs;
		return 0;
	default:
		/* GS is one for both */
		return -EINVAL;
	}
}

static long return_from_handler(struct dune_thread *thread,
				struct dune_frame *frame)
{
	uint64_t mask = dune_hold_signals(thread);

	if (!dune_restore_user(thread, frame, &mask))
		dune_end_by(SIGSEGV);
	dune_release_signals(thread, mask);
	return 0;
}

/**
 * dune_user_call() - make such a call
 * @thread: whose guest it is
 * @frame: of ring 3
 *
 * Return: the result.
 */
long dune_user_call(struct dune_thread *thread, struct dune_frame *frame)
{
	struct dune_regs regs = dune_registers_of(frame);

	switch (frame->rax) {
	case SYS_rt_sigaction:
		return dune_sigaction(thread, &regs, true);
	case SYS_rt_sigreturn:
		return return_from_handler(thread, frame);
	case SYS_sigaltstack:
		return dune_sigaltstack(thread, &regs, &thread->user_stack);
	case SYS_arch_prctl:
		return base_of_segment(thread, frame);
	case SYS_clone:
	case SYS_clone3:
	case SYS_fork:
	case SYS_vfork:
		return dune_clone(thread, &regs, frame);
	default:
		return -ENOSYS;
	}
}
