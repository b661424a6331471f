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
static inline long make_call(struct dune_thread *thread,
			     const struct dune_frame *frame)
{
	long ret = DUNE_RESTART;

	__atomic_store_n(&thread->user_call, true, __ATOMIC_SEQ_CST);
	if (!__atomic_load_n(&thread->pending, __ATOMIC_SEQ_CST))
		ret = dune_call_kernel(frame);
	__atomic_store_n(&thread->user_call, false, __ATOMIC_SEQ_CST);
	return ret;
}

/* Those of x32, by which the same calls could be made; or none at all. */
#define OTHER_NUMBERS	(3U << 30)

/* Of the numbers that are not simply passed on. */
enum { PASS_ON, HOST, MEMORY, CONTROL, NONE };
static const uint8_t kinds[] = {
	[SYS_rt_sigaction] = HOST,
	[SYS_rt_sigreturn] = HOST,
	[SYS_sigaltstack] = HOST,
	[SYS_arch_prctl] = HOST,
	[SYS_clone] = HOST,
	[SYS_fork] = HOST,
	[SYS_vfork] = HOST,
	[SYS_clone3] = HOST,
	[SYS_mmap] = MEMORY,
	[SYS_munmap] = MEMORY,
	[SYS_mremap] = MEMORY,
	[SYS_mprotect] = MEMORY,
	[SYS_pkey_mprotect] = MEMORY,
	[SYS_madvise] = MEMORY,
	[SYS_mlock] = MEMORY,
	[SYS_mlock2] = MEMORY,
	[SYS_munlock] = MEMORY,
	[SYS_brk] = MEMORY,
	[SYS_shmat] = MEMORY,
	[SYS_shmdt] = MEMORY,
	[SYS_remap_file_pages] = MEMORY,
	[SYS_prctl] = CONTROL,
	/* the thread has one area, and ring 0 may be using it */
	[SYS_rseq] = NONE,
};

static long make_other(struct dune_thread *thread, struct dune_frame *frame,
		       int kind)
{
	uint64_t number = frame->rax;
	long ret;

	switch (kind) {
	case HOST:
		ret = CALL1(DUNE_CALL_FORWARD, frame);
		/* which gives back all registers */
		return number == SYS_rt_sigreturn ? DUNE_KEEP : ret;
	case MEMORY:
		return dune_user_memory(thread, frame);
	case CONTROL:
		/* it would be for what ring 0 calls, too */
		if ((int)frame->rdi == PR_SET_SYSCALL_USER_DISPATCH)
			return -EINVAL;
		return make_call(thread, frame);
	default:
		return -ENOSYS;
	}
}

long dune_forward(struct dune_frame *frame)
{
	struct dune_thread *thread = dune_guest_thread();
	uint32_t number = frame->rax;
	int kind = number & OTHER_NUMBERS ? NONE : PASS_ON;
	long ret;

	/* the kernel looks at no more of it */
	frame->rax = number;
	if (number < sizeof(kinds))
		kind = kinds[number];
	ret = kind == PASS_ON ? make_call(thread, frame) :
				make_other(thread, frame, kind);
	if (ret == DUNE_RESTART) {
		/* SYSCALL has two bytes; the signal comes before it */
		frame->rip -= 2;
		return -EINTR;
	}
	if (ret == DUNE_KEEP)
		return frame->rax;
	frame->rax = ret;
	return ret;
}
