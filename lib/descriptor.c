// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Descriptors: libdune's own are among those of the process, and stay there
 * whatever the program closes. To the program they are not open.
 */
#include "internal.h"

#include <errno.h>
#include <limits.h>
#include <sys/syscall.h>

long dune_close(struct dune_thread *thread, struct dune_regs *regs)
{
	if (dune_next_descriptor(regs->rdi) == (unsigned int)regs->rdi)
		return -EBADF;
	return dune_forward_syscall(thread, regs);
}

/* All but ours: the ranges between them. */
long dune_close_range(struct dune_thread *thread, struct dune_regs *regs)
{
	unsigned int first = regs->rdi, last = regs->rsi, ours;
	long ret = 0;

	if (first > last)
		return dune_forward_syscall(thread, regs);
	while (!ret && first <= last) {
		ours = dune_next_descriptor(first);
		if (ours > last || ours == UINT_MAX)
			return CALL3(SYS_close_range, first, last, regs->rdx);
		if (ours > first)
			ret = CALL3(SYS_close_range, first, ours - 1, regs->rdx);
		first = ours + 1;
	}
	return ret;
}

/* dup2() and dup3(): onto ours there is no place, as while another opens it. */
long dune_duplicate(struct dune_thread *thread, struct dune_regs *regs)
{
	unsigned int from = regs->rdi, to = regs->rsi;

	if (dune_next_descriptor(from) == from)
		return -EBADF;
	if (dune_next_descriptor(to) == to)
		return -EBUSY;
	return dune_forward_syscall(thread, regs);
}
