// SPDX-License-Identifier: GPL-2.0-only
/*
 * dune-dispatch.so, for LD_PRELOAD: by syscall user dispatch each system call of
 * the program, and of those it executes, becomes a signal, whose handler makes
 * the call. Those of the dynamic loader, before this is there, do not.
 *
 * For programs of one thread: the kernel has no way to begin another one with
 * this in place, so pthread_create() fails.
 */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

/* From here calls go to the kernel. */
#define FORWARDED	__attribute__((section("forwarded"), noinline))

#define RESTORER	0x04000000

struct kernel_action {
	void (*handler)(int signal, siginfo_t *info, void *context);
	unsigned long flags;
	void (*restorer)(void);
	uint64_t mask;
};

static char selector = SYSCALL_DISPATCH_FILTER_BLOCK;

static FORWARDED long forward(long number, long first, long second, long third,
			      long fourth, const greg_t *rest)
{
	register long r10 asm("r10") = fourth;
	register long r8 asm("r8") = rest ? rest[REG_R8] : 0;
	register long r9 asm("r9") = rest ? rest[REG_R9] : 0;
	long result;

	asm volatile("syscall"
		     : "=a" (result)
		     : "0" (number), "D" (first), "S" (second), "d" (third),
		       "r" (r10), "r" (r8), "r" (r9)
		     : "rcx", "r11", "memory");
	return result;
}

static __attribute__((section("forwarded"), naked)) void end_handler(void)
{
	asm volatile("mov %0, %%eax; syscall" : : "i" (SYS_rt_sigreturn));
}

/* Where that is. */
extern const char __start_forwarded[], __stop_forwarded[];

static long begin_dispatch(void)
{
	return forward(SYS_prctl, PR_SET_SYSCALL_USER_DISPATCH,
		       PR_SYS_DISPATCH_ON, (long)__start_forwarded,
		       __stop_forwarded - __start_forwarded,
		       /* the fifth is in r8 */
		       (const greg_t[]){ [REG_R8] = (long)&selector,
					 [REG_R9] = 0 });
}

/*
 * A child has no dispatch until it asks for it. One that shares memory with its
 * parent would share this handler's stack as well: it gets a copy.
 */
static long make_child(greg_t *registers, long flags, long stack)
{
	long result;

	if (flags & CLONE_THREAD)
		return -EAGAIN;
	result = forward(SYS_clone, flags & ~CLONE_VM, 0, registers[REG_RDX],
			 registers[REG_R10], registers);
	if (result)
		return result;
	if (stack)
		registers[REG_RSP] = stack;
	if (begin_dispatch())
		forward(SYS_exit_group, 1, 0, 0, 0, NULL);
	return 0;
}

/* The mask for what was interrupted is the one that counts. */
static long set_mask(ucontext_t *context, const greg_t *registers)
{
	long result = forward(SYS_rt_sigprocmask, registers[REG_RDI],
			      registers[REG_RSI], registers[REG_RDX],
			      registers[REG_R10], NULL);

	forward(SYS_rt_sigprocmask, SIG_BLOCK, 0, (long)&context->uc_sigmask,
		sizeof(uint64_t), NULL);
	sigdelset(&context->uc_sigmask, SIGSYS);
	return result;
}

static long make_call(ucontext_t *context, greg_t *registers)
{
	switch (registers[REG_RAX]) {
	case SYS_clone3:
		return -ENOSYS;
	case SYS_clone:
		return make_child(registers, registers[REG_RDI],
				  registers[REG_RSI]);
	case SYS_fork:
		return make_child(registers, SIGCHLD, 0);
	case SYS_vfork:
		return make_child(registers, CLONE_VFORK | SIGCHLD, 0);
	case SYS_rt_sigprocmask:
		return set_mask(context, registers);
	default:
		return forward(registers[REG_RAX], registers[REG_RDI],
			       registers[REG_RSI], registers[REG_RDX],
			       registers[REG_R10], registers);
	}
}

static void handle(int signal, siginfo_t *info, void *context)
{
	greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;

	(void)signal;
	(void)info;
	/* at the end of a handler the stack has to be as it is there */
	if (registers[REG_RAX] == SYS_rt_sigreturn)
		registers[REG_RIP] = (long)end_handler;
	else
		registers[REG_RAX] = make_call(context, registers);
}

static __attribute__((constructor)) void begin(void)
{
	const struct kernel_action action = {
		.handler = handle,
		.flags = SA_SIGINFO | SA_NODEFER | RESTORER,
		.restorer = end_handler,
	};

	if (forward(SYS_rt_sigaction, SIGSYS, (long)&action, 0,
		    sizeof(action.mask), NULL) || begin_dispatch())
		_exit(1);
}
