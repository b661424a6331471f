// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Descriptors: libdune's own are among those of the process, and stay there
 * whatever the program closes. To the program they are not open.
 */
#include "internal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/resource.h>
#include <sys/syscall.h>

/* Above what programs use by number, within what is allowed by default. */
#define WITHIN_LIMIT	768

/* From here to there: the kernel has a table of all up to the highest. */
#define FIRST_BEYOND	1024
#define LAST_BEYOND	16384

static long change_limit(const struct rlimit *new, struct rlimit *old)
{
	return CALL4(SYS_prlimit64, 0, RLIMIT_NOFILE, new, old);
}

/*
 * Gives a descriptor a number out of the program's way, if there is room:
 * beyond what the program may have, where it does not find it by trying all.
 * Returns the descriptor. Only one thread at a time may do this.
 */
int dune_high_descriptor(int fd)
{
	struct rlimit limit = { 0 }, raised;
	int high, first = WITHIN_LIMIT;
	rlim_t beyond;

	change_limit(NULL, &limit);
	raised = (struct rlimit){ limit.rlim_max, limit.rlim_max };
	beyond = limit.rlim_cur < FIRST_BEYOND ? FIRST_BEYOND : limit.rlim_cur;
	if (beyond <= LAST_BEYOND && beyond < limit.rlim_max &&
	    !change_limit(&raised, NULL))
		first = beyond;
	high = CALL3(SYS_fcntl, fd, F_DUPFD_CLOEXEC, first);
	if (first != WITHIN_LIMIT)
		change_limit(&limit, NULL);
	if (high < 0)
		return fd;
	CALL1(SYS_close, fd);
	return high;
}

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
