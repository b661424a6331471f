// SPDX-License-Identifier: GPL-2.0-only
/* Signals that come at the wrong time, and frames and stacks that are wrong. */
#include "attack.h"

#include <ucontext.h>

/*
 * The kernel would write its frames for the supervisor there, and from then on
 * let nobody change that: a thread is on it that is about to be the supervisor.
 */
static int keeps(const stack_t *stack)
{
	stack_t now;

	if (sigaltstack(stack, NULL) || sigaltstack(NULL, &now))
		return -errno;
	return now.ss_sp == stack->ss_sp ? SUCCEEDED : HELD;
}

ATTACK(stack_of_supervisor, WITHIN, "SIGSEGV")
{
	const stack_t stack = {
		.ss_sp = (void *)0x4b8000000000, .ss_size = 1UL << 39,
	};

	return keeps(&stack);
}

/* Wherever the supervisor's stack is. */
static const stack_t all_memory = {
	.ss_sp = (void *)PAGE, .ss_size = (1UL << 47) - 2 * PAGE,
};

ATTACK(stack_of_all, WITHIN, "SIGSEGV")
{
	return keeps(&all_memory);
}

static void *keep_in_thread(void *result)
{
	*(int *)result = keeps(&all_memory);
	return NULL;
}

ATTACK(stack_of_all_in_thread, WITHIN, "SIGSEGV")
{
	int result = HELD;
	pthread_t thread;

	if (pthread_create(&thread, NULL, keep_in_thread, &result))
		return -EAGAIN;
	pthread_join(thread, NULL);
	return result;
}

/*
 * Signals that are ignored as long as there is no handler, as the stage has it:
 * each comes all the time while its first handler is installed.
 */
static int coming, next_signal;
static unsigned int came;
static pid_t main_thread;
static bool was_in_ring0;

static void send_what_is_coming(void)
{
	int i, signal;

	for (i = 0; i < 100; i++) {
		signal = __atomic_load_n(&coming, __ATOMIC_RELAXED);
		syscall(SYS_tgkill, main_thread, main_thread, signal);
		__atomic_add_fetch(&came, 1, __ATOMIC_RELAXED);
	}
}

static void look_at_ring(int signal)
{
	unsigned int cs;

	asm volatile("mov %%cs, %0" : "=r" (cs));
	if (!(cs & 3))
		was_in_ring0 = true;
	/* else there would be nothing but handlers */
	__atomic_store_n(&coming, 0, __ATOMIC_RELAXED);
}

static unsigned int have_come(void)
{
	return __atomic_load_n(&came, __ATOMIC_RELAXED);
}

static int install_next(void)
{
	const struct sigaction action = { .sa_handler = look_at_ring };
	unsigned int before = have_come();
	int i;

	if (next_signal > SIGRTMAX)
		return HELD;
	__atomic_store_n(&coming, next_signal, __ATOMIC_RELAXED);
	for (i = 0; i < 1000000 && have_come() - before < 2; i++)
		;
	sigaction(next_signal++, &action, NULL);
	__atomic_store_n(&coming, 0, __ATOMIC_RELAXED);
	return was_in_ring0 ? SUCCEEDED : HELD;
}

static int install_all(void)
{
	main_thread = getpid();
	next_signal = SIGRTMIN;
	return flip_while(send_what_is_coming, install_next,
			  SIGRTMAX - SIGRTMIN + 1);
}

/* A process has one first handler of each. */
ATTACK(first_handler, RING0, "HELD")
{
	int i, result = HELD;

	for (i = 0; i < 10 && result == HELD; i++)
		result = in_child(install_all);
	return result;
}

/*
 * Where the extended state of a frame is, is another place when it is looked at
 * than when it is loaded. Registers have something else then.
 */
static char good_state[16 << 10] __attribute__((aligned(64)));
static char *bad_state;
static void **place;
static bool writing;

static void pass_time(int loops)
{
	for (; loops; loops--)
		asm volatile("pushf; popf" ::: "memory", "cc");
}

static void flip_state(void)
{
	void **now;
	int i;

	__atomic_store_n(&writing, true, __ATOMIC_SEQ_CST);
	now = __atomic_load_n(&place, __ATOMIC_SEQ_CST);
	for (i = 0; i < 200 && now; i++) {
		__atomic_store_n(now, i % 2 ? bad_state : good_state,
				 __ATOMIC_RELAXED);
		pass_time(i);
	}
	__atomic_store_n(&writing, false, __ATOMIC_SEQ_CST);
}

static void flip_own_state(int signal, siginfo_t *info, void *context)
{
	mcontext_t *registers = &((ucontext_t *)context)->uc_mcontext;
	const uint32_t *software = (void *)registers->fpregs + 464;

	/* its size, if there is more than what FXSAVE writes */
	memcpy(good_state, registers->fpregs,
	       *software == FP_XSTATE_MAGIC1 ? software[1] : 512);
	registers->fpregs = (void *)good_state;
	__atomic_store_n(&place, (void **)&registers->fpregs, __ATOMIC_SEQ_CST);
	pass_time(1000);
}

static int return_with_state(void)
{
	static const uint64_t good[2] = { 1, 2 };
	uint64_t seen[2];
	long result = SYS_tgkill;

	asm volatile("movdqu %2, %%xmm0; syscall; movdqu %%xmm0, %1"
		     : "+a" (result), "=m" (seen)
		     : "m" (good), "D" (getpid()), "S" (gettid()),
		       "d" (SIGUSR1)
		     : "rcx", "r11", "xmm0", "memory");
	/* the next frame is at the same place */
	__atomic_store_n(&place, NULL, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&writing, __ATOMIC_SEQ_CST))
		sched_yield();
	return memcmp(seen, good, sizeof(seen)) ? SUCCEEDED : HELD;
}

static int flip_state_at_target(void)
{
	const struct sigaction action = {
		.sa_sigaction = flip_own_state,
		.sa_flags = SA_SIGINFO | SA_ONSTACK,
	};

	sigaction(SIGUSR1, &action, NULL);
	return flip_while(flip_state, return_with_state, 100);
}

/*
 * Mostly it is the end: the wrong one has been looked at, or cannot be loaded.
 * Zeroes can.
 */
static int flip_state_often(void)
{
	int i, result = HELD;

	for (i = 0; i < 8 && result != SUCCEEDED; i++) {
		bad_state = (char *)target + 7 * 64 * i;
		result = in_child(flip_state_at_target);
	}
	return result;
}

ON_MEMORY(race_state, "HELD SIGSEGV", flip_state_often)
