// SPDX-License-Identifier: LGPL-2.1-or-later
/* System calls of ring 3: the guest's side of how they are made. */
#include "internal.h"

#include <errno.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

/*
 * One that a signal may end. The signal comes when the thread is in ring 3
 * again, so one that waits already has to keep the call from sleeping.
 */
static long make_call(struct dune_thread *thread,
		      const struct dune_frame *frame)
{
	long ret = DUNE_RESTART;

	__atomic_store_n(&thread->user_call, true, __ATOMIC_SEQ_CST);
	if (!__atomic_load_n(&thread->pending, __ATOMIC_SEQ_CST))
		ret = dune_syscall(frame->rax, frame->rdi, frame->rsi,
				   frame->rdx, frame->r10, frame->r8,
				   frame->r9);
	__atomic_store_n(&thread->user_call, false, __ATOMIC_SEQ_CST);
	return ret;
}

static long choose_call(struct dune_thread *thread, struct dune_frame *frame)
{
	switch (frame->rax) {
	case SYS_rt_sigaction:
	case SYS_rt_sigreturn:
	case SYS_sigaltstack:
	case SYS_arch_prctl:
	case SYS_clone:
	case SYS_clone3:
	case SYS_fork:
	case SYS_vfork:
		return CALL1(DUNE_CALL_FORWARD, frame);
	case SYS_mmap:
	case SYS_munmap:
	case SYS_mremap:
	case SYS_mprotect:
	case SYS_pkey_mprotect:
	case SYS_madvise:
	case SYS_mlock:
	case SYS_mlock2:
	case SYS_munlock:
	case SYS_brk:
	case SYS_shmat:
	case SYS_shmdt:
	case SYS_remap_file_pages:
		return dune_user_memory(thread, frame);
	case SYS_rseq:
		/* the thread has one area, and ring 0 may be using it */
		return -ENOSYS;
	case SYS_prctl:
		/* it would be for what ring 0 calls, too */
		if ((int)frame->rdi == PR_SET_SYSCALL_USER_DISPATCH)
			return -EINVAL;
		return make_call(thread, frame);
	default:
		return make_call(thread, frame);
	}
}

long dune_forward(struct dune_frame *frame)
{
	struct dune_thread *thread = dune_self();
	uint64_t number = frame->rax;
	long ret = choose_call(thread, frame);

	if (ret == DUNE_RESTART) {
		/* SYSCALL has two bytes; the signal comes before it */
		frame->rip -= 2;
		return -EINTR;
	}
	if (number != SYS_rt_sigreturn)
		frame->rax = ret;
	return ret;
}
