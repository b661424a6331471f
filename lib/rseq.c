// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Restartable sequences. The kernel sees the host's side of a thread, never
 * where the guest is: it gets an area of libdune's, and the program's is kept
 * as the kernel would keep it. What makes the kernel abort a sequence
 * (preemption, migration, a signal) makes DUNE_RUN end, so each end other than
 * by a system call aborts what the guest is in.
 */
#include "internal.h"

#include <errno.h>
#include <sys/rseq.h>
#include <sys/syscall.h>

#define UNREGISTER	1
#define NO_CPU		(~0U)
#define SIZE		sizeof(struct dune_rseq)

/* What the program points to in its area while it is in a sequence. */
struct sequence {
	uint32_t version, flags;
	uint64_t start, length, abort;
};

/* Before the guest goes on: it may be on another CPU. */
void dune_rseq_update(struct dune_thread *thread)
{
	struct dune_rseq *program = thread->program_rseq;
	const struct dune_rseq *kernel = &thread->rseq;

	if (!program)
		return;
	program->cpu_start = kernel->cpu_start;
	program->cpu = kernel->cpu;
	program->node = kernel->node;
	program->mm_cid = kernel->mm_cid;
}

static long register_ours(struct dune_thread *thread, uint32_t signature,
			  struct dune_rseq *program)
{
	long ret;

	memset(&thread->rseq, 0, sizeof(thread->rseq));
	ret = CALL4(SYS_rseq, &thread->rseq, SIZE, 0, signature);
	if (ret)
		return ret;
	thread->program_rseq = program;
	thread->rseq_signature = signature;
	dune_rseq_update(thread);
	return 0;
}

void dune_rseq_end(struct dune_thread *thread)
{
	if (!thread->program_rseq)
		return;
	thread->program_rseq = NULL;
	CALL4(SYS_rseq, &thread->rseq, SIZE, UNREGISTER,
	      thread->rseq_signature);
}

/* rseq(), with the kernel's rules. */
long dune_rseq(struct dune_thread *thread, struct dune_regs *regs)
{
	struct dune_rseq *area = (struct dune_rseq *)regs->rdi;

	/* longer ones than this has are for kernels to come */
	if ((uint32_t)regs->rsi != SIZE || regs->rdx & ~UNREGISTER)
		return -EINVAL;
	if (regs->rdx == UNREGISTER || thread->program_rseq) {
		if (!thread->program_rseq || thread->program_rseq != area)
			return -EINVAL;
		if ((uint32_t)regs->r10 != thread->rseq_signature)
			return -EPERM;
		if (regs->rdx != UNREGISTER)
			return -EBUSY;
		dune_rseq_end(thread);
		area->cpu_start = 0;
		area->cpu = NO_CPU;
		return 0;
	}
	if (regs->rdi % SIZE)
		return -EINVAL;
	if (!dune_is_readable(regs->rdi, SIZE))
		return -EFAULT;
	return register_ours(thread, regs->r10, area);
}

/**
 * dune_rseq_abort() - abort the sequence that the guest is in
 * @thread: the thread
 * @rip: where the guest is; changed if that is in one
 */
void dune_rseq_abort(struct dune_thread *thread, __u64 *rip)
{
	const struct sequence *sequence;

	if (!dune_in_sequence(thread))
		return;
	sequence = (const struct sequence *)thread->program_rseq->sequence;
	thread->program_rseq->sequence = 0;
	if (*rip - sequence->start >= sequence->length)
		return;
	/* As the kernel: what is not marked is not jumped to. */
	if (*(const uint32_t *)(sequence->abort - 4) == thread->rseq_signature)
		*rip = sequence->abort;
	else
		CALL2(SYS_kill, CALL0(SYS_getpid), SIGSEGV);
}

#pragma weak __rseq_offset
#pragma weak __rseq_size

/*
 * Takes this thread's area away from the kernel, if the C library gave it one.
 * Returns it, or NULL.
 */
struct dune_rseq *dune_rseq_release(void)
{
	struct dune_rseq *area;

	if (!&__rseq_size || !__rseq_size)
		return NULL;
	area = (struct dune_rseq *)((char *)__builtin_thread_pointer() +
				    __rseq_offset);
	return CALL4(SYS_rseq, area, SIZE, UNREGISTER, RSEQ_SIG) ? NULL : area;
}

void dune_rseq_init(struct dune_thread *thread)
{
	struct dune_rseq *area = dune_rseq_release();

	if (area && register_ours(thread, RSEQ_SIG, area))
		CALL4(SYS_rseq, area, SIZE, 0, RSEQ_SIG);
}

/* The guest was not entered. */
void dune_rseq_undo(struct dune_thread *thread)
{
	struct dune_rseq *area = thread->program_rseq;

	dune_rseq_end(thread);
	if (area)
		CALL4(SYS_rseq, area, SIZE, 0, RSEQ_SIG);
}
