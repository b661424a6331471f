// SPDX-License-Identifier: GPL-2.0-only
/*
 * getpid() that the program itself looks at: in a handler of SIGSYS, or in ring
 * 0 when ring 3 makes it.
 */
#include <dune/dune.h>

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "bench.h"
#include "interposition.h"

#define CALLS	1000

/* What each call gives, if all is well. */
static long expected;

int filter_calls(long number, uint32_t action, unsigned int flags)
{
	bool all = number == ALL_CALLS;
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | (all ? BPF_JGE : BPF_JEQ) | BPF_K,
			 all ? 0 : number, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, args[5])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, LET_BE, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, action),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {
		.len = ARRAY_SIZE(filter),
		.filter = filter,
	};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -1;
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
}

static void make_calls(unsigned int operations)
{
	while (operations--)
		must(syscall(SYS_getpid, 0, 0, 0, 0, 0, 0) == expected,
		     "getpid()");
}

/* The registers of the interrupted call; the result is for rax. */
static greg_t *registers_of(void *context)
{
	return ((ucontext_t *)context)->uc_mcontext.gregs;
}

static long forward_with(const greg_t *registers, long sixth)
{
	return syscall(registers[REG_RAX], registers[REG_RDI],
		       registers[REG_RSI], registers[REG_RDX],
		       registers[REG_R10], registers[REG_R8], sixth);
}

static void answer_signal(int signal, siginfo_t *info, void *context)
{
	(void)signal;
	(void)info;
	registers_of(context)[REG_RAX] = ANSWER;
}

static void forward_filtered(int signal, siginfo_t *info, void *context)
{
	greg_t *registers = registers_of(context);

	(void)signal;
	(void)info;
	registers[REG_RAX] = forward_with(registers, LET_BE);
}

static int begin_filter(void (*handler)(int signal, siginfo_t *info,
					void *context))
{
	handle_signal(SIGSYS, handler);
	if (!filter_calls(SYS_getpid, SECCOMP_RET_TRAP, 0))
		return 0;
	must(errno == ENOSYS || errno == EINVAL, "seccomp()");
	return cannot_run("the kernel has no seccomp");
}

static int forward_by_filter(void)
{
	expected = getpid();
	return begin_filter(forward_filtered);
}

static int answer_by_filter(void)
{
	expected = ANSWER;
	return begin_filter(answer_signal);
}

/* Syscall user dispatch: calls are signals while this says so. */
static char selector;

static void select_calls(char choice)
{
	__atomic_store_n(&selector, choice, __ATOMIC_RELAXED);
}

static void forward_dispatched(int signal, siginfo_t *info, void *context)
{
	greg_t *registers = registers_of(context);

	(void)signal;
	(void)info;
	select_calls(SYSCALL_DISPATCH_FILTER_ALLOW);
	registers[REG_RAX] = forward_with(registers, registers[REG_R9]);
	select_calls(SYSCALL_DISPATCH_FILTER_BLOCK);
}

/* What the kernel has for a signal; of it, the code that makes sigreturn(). */
struct kernel_action {
	void *handler;
	unsigned long flags;
	void *restorer;
	uint64_t mask;
};

/* The end of a handler is never a signal, whatever the selector says. */
static int begin_dispatch(void (*handler)(int signal, siginfo_t *info,
					  void *context))
{
	struct kernel_action action;

	handle_signal(SIGSYS, handler);
	must(!syscall(SYS_rt_sigaction, SIGSYS, NULL, &action,
		      sizeof(action.mask)), "rt_sigaction()");
	if (!prctl(PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_ON,
		   action.restorer, 16, &selector))
		return 0;
	must(errno == EINVAL, "prctl()");
	return cannot_run("the kernel has no syscall user dispatch");
}

static int forward_by_dispatch(void)
{
	expected = getpid();
	return begin_dispatch(forward_dispatched);
}

static int answer_by_dispatch(void)
{
	expected = ANSWER;
	return begin_dispatch(answer_signal);
}

static void make_dispatched_calls(unsigned int operations)
{
	select_calls(SYSCALL_DISPATCH_FILTER_BLOCK);
	make_calls(operations);
	select_calls(SYSCALL_DISPATCH_FILTER_ALLOW);
}

/* Ring 3 has this, on pages of its own, and its stack. */
static long __attribute__((section("ring3"), aligned(DUNE_PAGE_SIZE)))
calls_of_ring3(void *argument)
{
	long operations = (long)argument, sum = 0, result;

	while (operations--) {
		result = SYS_getpid;
		__asm__ volatile("syscall" : "+a" (result)
				 : : "rcx", "r11", "memory");
		sum += result;
	}
	return sum;
}

extern const char __start_ring3[], __stop_ring3[];

static char stack[DUNE_PAGE_SIZE] __attribute__((aligned(DUNE_PAGE_SIZE)));

INTEGER_ONLY
static void answer_ring3(struct dune_frame *frame)
{
	frame->rax = ANSWER;
}

INTEGER_ONLY
static void forward_ring3(struct dune_frame *frame)
{
	dune_forward(frame);
}

static int show_ring3(const void *start, uint64_t size)
{
	uint64_t end = (uint64_t)start + size + DUNE_PAGE_SIZE - 1;

	end &= -DUNE_PAGE_SIZE;
	return dune_protect(dune_root_current(), (void *)start,
			    end - (uint64_t)start, DUNE_PTE_USER, 0);
}

static int begin_ring3(dune_syscall_handler handler, unsigned int flags)
{
	return show_ring3(__start_ring3, __stop_ring3 - __start_ring3) ?:
	       show_ring3(stack, sizeof(stack)) ?:
	       dune_set_syscall_handler(handler, flags);
}

static int forward_without_handler(void)
{
	expected = getpid();
	return begin_ring3(NULL, 0);
}

static int forward_by_handler(void)
{
	expected = getpid();
	return begin_ring3(forward_ring3, 0);
}

static int forward_by_integer_handler(void)
{
	expected = getpid();
	return begin_ring3(forward_ring3, DUNE_HANDLER_INTEGER);
}

static int answer_by_handler(void)
{
	expected = ANSWER;
	return begin_ring3(answer_ring3, 0);
}

static int answer_by_integer_handler(void)
{
	expected = ANSWER;
	return begin_ring3(answer_ring3, DUNE_HANDLER_INTEGER);
}

static void run_ring3(unsigned int operations)
{
	must(dune_call_user(calls_of_ring3, (void *)(long)operations, stack,
			    sizeof(stack)) == operations * expected,
	     "getpid()");
}

#define SIGSYS_OF(title, by, ...)					\
	{ .row = title, .how = by, .per = "call", .operations = CALLS,	\
	  __VA_ARGS__ }

#define RING3(title, by, start)						\
	{ .row = title, .how = by, .per = "call", .operations = CALLS,	\
	  .dune = true, .begin = start, .run = run_ring3 }

const struct bench interposition_benches[] = {
	SIGSYS_OF(FORWARDED, "seccomp signal", .begin = forward_by_filter,
		  .run = make_calls),
	SIGSYS_OF(FORWARDED, "syscall user dispatch",
		  .begin = forward_by_dispatch, .run = make_dispatched_calls),
	RING3(FORWARDED, "Dune", forward_by_handler),
	RING3(FORWARDED, INTEGER, forward_by_integer_handler),
	RING3(FORWARDED, "Dune, no handler", forward_without_handler),
	SIGSYS_OF(ANSWERED, "seccomp signal", .begin = answer_by_filter,
		  .run = make_calls),
	SIGSYS_OF(ANSWERED, "syscall user dispatch",
		  .begin = answer_by_dispatch, .run = make_dispatched_calls),
	RING3(ANSWERED, "Dune", answer_by_handler),
	RING3(ANSWERED, INTEGER, answer_by_integer_handler),
	{ 0 }
};
