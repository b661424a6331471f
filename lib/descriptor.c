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
 * Where numbers begin that are out of the program's way: beyond what it may
 * have, where it does not find them by trying all. For that the limit is raised
 * where it can be, until lower_limit(). Only one thread at a time may do this.
 */
static int raise_limit(struct rlimit *limit)
{
	static rlim_t lowest;
	struct rlimit raised;
	rlim_t beyond;

	*limit = (struct rlimit){ 0 };
	change_limit(NULL, limit);
	raised = (struct rlimit){ limit->rlim_max, limit->rlim_max };
	beyond = limit->rlim_cur < FIRST_BEYOND ? FIRST_BEYOND :
						  limit->rlim_cur;
	/* who knows where they are has lowered the limit since, perhaps */
	if (beyond < lowest)
		beyond = lowest;
	if (beyond > LAST_BEYOND || beyond >= limit->rlim_max ||
	    change_limit(&raised, NULL))
		return WITHIN_LIMIT;
	lowest = beyond;
	return beyond;
}

static void lower_limit(const struct rlimit *limit, int first)
{
	if (first != WITHIN_LIMIT)
		change_limit(limit, NULL);
}

/* Returns the descriptor, which stays where it is if there is no room. */
static int move_beyond(int fd, int first)
{
	int high = CALL3(SYS_fcntl, fd, F_DUPFD_CLOEXEC, first);

	if (high < 0)
		return fd;
	CALL1(SYS_close, fd);
	return high;
}

/*
 * Gives a descriptor such a number; returns it.
 * @fd: -1 for that of a new virtual CPU, also where the program has all
 *	descriptors that it may have
 */
int dune_high_descriptor(int fd)
{
	struct rlimit limit;
	int first = raise_limit(&limit);

	if (fd < 0)
		fd = CALL3(SYS_ioctl, dune_device, DUNE_CREATE_VCPU,
			   &dune_new_vcpu);
	if (fd >= 0)
		fd = move_beyond(fd, first);
	lower_limit(&limit, first);
	return fd;
}

/* dune_keep_descriptor(), on the host's side of a thread or outside. */
long dune_move_descriptor(int fd)
{
	struct rlimit limit;
	long first, high;

	dune_lock(DUNE_LOCK_THREADS);
	first = raise_limit(&limit);
	high = first == WITHIN_LIMIT ? -EMFILE :
	       CALL3(SYS_fcntl, fd, F_DUPFD_CLOEXEC, first);
	lower_limit(&limit, first);
	dune_unlock(DUNE_LOCK_THREADS);
	CALL1(SYS_close, fd);
	return high;
}

int dune_keep_descriptor(int fd)
{
	return dune_in_ring0() ? CALL1(DUNE_CALL_KEEP, fd) :
				 dune_move_descriptor(fd);
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
