/* SPDX-License-Identifier: GPL-2.0-only */
/* System calls of a guest that has no more code than that. */
#ifndef DUNE_SELFTESTS_GUEST_CALL_H
#define DUNE_SELFTESTS_GUEST_CALL_H

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "direct_calls.h"
#include "guest.h"

/* What the kernel gives, without the C library's errno. */
static inline long native(long nr, long a, long b, long c)
{
	long ret = syscall(nr, a, b, c);

	return ret < 0 ? -errno : ret;
}

/* A number that no kernel knows: it always comes out, and is the end. */
#define STOP	0x7fffffff

/* The call, mov %rax, %rbx, mov $STOP, %eax, and that. */
static inline void guest_emit_call(struct guest *guest)
{
	guest_emit_hypercall(guest);
	guest_emit(guest, "\x48\x89\xc3\xb8\xff\xff\xff\x7f", 8);
	guest_emit_hypercall(guest);
}

/* One call of the guest, with what libdune does around it. */
static inline long from_guest(struct guest *guest, long nr, long a, long b, long c)
{
	struct dune_run *run = guest->run;
	long ret;

	run->regs.rip = (uint64_t)guest->code;
	run->regs.rax = nr;
	run->regs.rdi = a;
	run->regs.rsi = b;
	run->regs.rdx = c;
	for (;;) {
		ret = native(SYS_ioctl, guest->vcpu, DUNE_RUN, 0);
		if (run->exit_reason == DUNE_EXIT_RESTART) {
			run->exit_reason = DUNE_EXIT_NONE;
			run->regs.rax = ret;
			continue;
		}
		if (ret == -EINTR ||
		    (!ret && run->exit_reason == DUNE_EXIT_RESUME))
			continue;
		if (ret || run->exit_reason != DUNE_EXIT_SYSCALL)
			return -ENOTRECOVERABLE;
		if (run->regs.rax == STOP)
			return run->regs.rbx;
		run->regs.rax = native(run->regs.rax, run->regs.rdi,
				       run->regs.rsi, run->regs.rdx);
	}
}

static inline struct dune_stats stats_of(struct guest *guest)
{
	struct dune_stats stats = { 0 };

	ioctl(guest->vcpu, DUNE_GET_STATS, &stats);
	return stats;
}

/* How many of a call and the end, which is one more, were made in place. */
static inline int direct_calls(struct guest *guest)
{
	struct dune_stats before = stats_of(guest), after;
	uint64_t direct;

	if (from_guest(guest, SYS_getpid, 0, 0, 0) != getpid())
		return -1;
	after = stats_of(guest);
	direct = after.direct_syscalls - before.direct_syscalls;
	if (direct + after.plain_syscalls - before.plain_syscalls != 2)
		return -2;
	return direct;
}

#endif /* DUNE_SELFTESTS_GUEST_CALL_H */
