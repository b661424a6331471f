/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * For tests of ring 3 by libdune: code and data that it has on pages of their
 * own. What is marked USER_CODE runs there, and may use nothing else.
 */
#ifndef DUNE_SELFTESTS_USER_CODE_H
#define DUNE_SELFTESTS_USER_CODE_H

#include "in_dune.h"

#include <sys/syscall.h>

#define STACK_SIZE	(16 * PAGE)

/* For a vector register. */
#define VECTOR	0x4711

/* What ring 3 has, on pages of its own. */
static struct shared {
	char stack[STACK_SIZE], other_stack[STACK_SIZE], actions[128];
	long values[16];
	uint64_t flags;
	unsigned long count, signals;
	int futex, ready, pipe[2];
} __attribute__((aligned(4096))) shared;

static struct {
	unsigned long calls, signals;
	uint64_t flags, rip, cs, address, error, rax;
} seen;

static inline __attribute__((always_inline)) long
user_call(long nr, long a, long b, long c, long d)
{
	register long r10 asm("r10") = d, r8 asm("r8") = 0, r9 asm("r9") = 0;
	long ret;

	asm volatile("syscall" : "=a" (ret) : "a" (nr), "D" (a), "S" (b),
		     "d" (c), "r" (r10), "r" (r8), "r" (r9)
		     : "rcx", "r11", "memory");
	return ret;
}

static inline int show(const void *start, uint64_t size)
{
	return dune_map(dune_root_current(), (void *)start,
			(size + PAGE - 1) & -PAGE, start,
			DUNE_PTE_USER | DUNE_PTE_WRITE);
}

static inline long call_user(long (*function)(void *), void *argument)
{
	return dune_call_user(function, argument, shared.stack, STACK_SIZE);
}

FIXTURE(user) {
};

FIXTURE_SETUP(user)
{
	const char *code = (char *)((uint64_t)__start_user_code & -PAGE);

	ENTER_DUNE();
	ASSERT_EQ(0, show(code, __stop_user_code - code));
	ASSERT_EQ(0, show(&shared, sizeof(shared)));
}

FIXTURE_TEARDOWN(user)
{
}

static USER_CODE __attribute__((unused)) long get_pid(void *argument)
{
	return user_call(SYS_getpid, 0, 0, 0, 0);
}

/* A handler of system calls: some that Linux does not have, and the rest. */
static inline void answer(struct dune_frame *frame)
{
	seen.calls++;
	seen.cs = frame->cs;
	switch (frame->rax) {
	case 5000:
		frame->rax = frame->rdi + frame->rsi + frame->rdx + frame->r10;
		break;
	case 5001:
		dune_leave_user(frame, 77);
	case 5002:
		frame->rax = -EACCES;
		break;
	case 5003:
		frame->rax = dune_leave();
		break;
	default:
		dune_forward(frame);
	}
}

static inline enum dune_verdict end_at_trap(struct dune_frame *frame)
{
	seen.rip = frame->rip;
	dune_leave_user(frame, -(long)frame->vector);
}

/* What is not for ring 3. */
static USER_CODE __attribute__((unused)) long do_cli(void *argument)
{
	asm volatile("cli");
	return 0;
}

#endif /* DUNE_SELFTESTS_USER_CODE_H */
