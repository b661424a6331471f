/* SPDX-License-Identifier: GPL-2.0-only */
/* What the tests of signals and of faults have in common. */
#ifndef DUNE_SELFTESTS_ORDINARY_SIGNALS_H
#define DUNE_SELFTESTS_ORDINARY_SIGNALS_H

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "ordinary.h"

#ifndef SS_AUTODISARM
#define SS_AUTODISARM	(1U << 31)
#endif

/*
 * What handlers saw. Not static: raise() is said to call nothing of this
 * file.
 */
int calls, last, value, code;
void *address;
uint64_t seen_mask;

static inline int calls_now(void)
{
	return __atomic_load_n(&calls, __ATOMIC_RELAXED);
}

static inline void touch(const void *place)
{
	asm volatile("movb (%0), %%al" : : "r" (place) : "rax", "memory");
}

static inline void note(int signal, siginfo_t *info, void *ucontext)
{
	ucontext_t *context = ucontext;

	calls++;
	last = signal;
	value = info->si_value.sival_int;
	code = info->si_code;
	address = info->si_addr;
	seen_mask = context->uc_sigmask.__val[0];
}

static inline void handle(int signal,
			  void (*handler)(int, siginfo_t *, void *), int flags)
{
	struct sigaction action = { .sa_flags = flags | SA_SIGINFO };

	action.sa_sigaction = handler;
	sigaction(signal, &action, NULL);
}

static inline int status_of(void (*end)(void))
{
	struct rlimit none = { 0 };
	pid_t pid = fork();
	int status;

	if (!pid) {
		setrlimit(RLIMIT_CORE, &none);
		end();
		_exit(99);
	}
	waitpid(pid, &status, 0);
	return status;
}

static char own_stack[64 << 10] __attribute__((aligned(16)));
bool was_on_it;

static inline void look_at_stack(int signal, siginfo_t *info, void *context)
{
	stack_t now;
	char here;

	was_on_it = &here > own_stack && &here < own_stack + sizeof(own_stack);
	sigaltstack(NULL, &now);
	last = now.ss_flags;
	calls++;
}

static inline void leave_by_handler(int signal, siginfo_t *info, void *context)
{
	if (calls++)
		_exit(1);
}

static inline void leave(int signal, siginfo_t *info, void *context)
{
	_exit(7);
}

static pthread_t target;
static int stop;
long sent, received, faults;

static inline void *send_many(void *arg)
{
	union sigval nothing = { 0 };
	int i;

	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		/*
		 * Some at a time. Were there always one more, their handlers
		 * would be all that runs, where there is one CPU.
		 */
		if (sent == __atomic_load_n(&received, __ATOMIC_RELAXED))
			for (i = 0; i < 5; i++)
				if (!pthread_sigqueue(target, SIGRTMIN + i % 3,
						      nothing))
					sent++;
		usleep(100);
	}
	return NULL;
}

/* Set while a handler runs that blocks all others. */
int alone;

static inline void count_received(int signal, siginfo_t *info, void *context)
{
	if (alone)
		abort();
	received++;
}

static inline void begin_sending(pthread_t *sender)
{
	sigset_t set, before;
	int i;

	for (i = 0; i < 3; i++)
		handle(SIGRTMIN + i, count_received, SA_RESTART);
	target = pthread_self();
	sigfillset(&set);
	pthread_sigmask(SIG_SETMASK, &set, &before);
	pthread_create(sender, NULL, send_many, NULL);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static inline void end_sending(pthread_t sender)
{
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	pthread_join(sender, NULL);
	/* the last ones come before this returns, or have come */
	getppid();
}

#endif /* DUNE_SELFTESTS_ORDINARY_SIGNALS_H */
