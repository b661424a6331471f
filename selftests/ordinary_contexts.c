// SPDX-License-Identifier: GPL-2.0-only
/*
 * Contexts that take turns. It knows nothing of Dune: process_test.sh runs it
 * there.
 */
#include "kselftest_harness.h"

#include <stdlib.h>
#include <ucontext.h>

#include "ordinary_processes.h"

FIXTURE(contexts) {
};

FIXTURE_SETUP(contexts)
{
}

FIXTURE_TEARDOWN(contexts)
{
}

#define STACK	(64 << 10)

static ucontext_t home, first, second;
static char stacks[2][STACK];
static int order[16], steps;

static void go_to_and_fro(int base, int last)
{
	int i;

	for (i = base; i < last; i += 2) {
		order[steps++] = i;
		swapcontext(base ? &second : &first, base ? &first : &second);
	}
}

static void make(ucontext_t *context, char *stack, int base)
{
	getcontext(context);
	context->uc_stack.ss_sp = stack;
	context->uc_stack.ss_size = STACK;
	context->uc_link = &home;
	makecontext(context, (void (*)(void))go_to_and_fro, 2, base, 8);
}

TEST_F(contexts, contexts_take_turns)
{
	int i;

	make(&first, stacks[0], 0);
	make(&second, stacks[1], 1);
	ASSERT_EQ(0, swapcontext(&home, &first));
	EXPECT_EQ(8, steps);
	for (i = 0; i < steps; i++)
		EXPECT_EQ(i, order[i]);
}

/* The scheduler of a runtime: the alarm takes the CPU from who has it. */
static int turn, switches;
unsigned long work[2];

static void next_turn(int signal)
{
	ucontext_t *from = turn ? &second : &first;
	ucontext_t *to = turn ? &first : &second;

	if (++switches > 20 && work[0] && work[1]) {
		setcontext(&home);
		abort();
	}
	turn = !turn;
	/* longer and longer: on a slow machine a short turn sees no work */
	alarm_after(2000 * switches);
	swapcontext(from, to);
}

static void work_on(int which, int unused)
{
	double sum = which + 1;
	sigset_t alarm;

	/* not before it is here: the alarm would take who makes it begin for it */
	sigemptyset(&alarm);
	sigaddset(&alarm, SIGALRM);
	sigprocmask(SIG_UNBLOCK, &alarm, NULL);
	/* a wrong register shows */
	for (;;) {
		__atomic_store_n(&work[which], work[which] + 1,
				 __ATOMIC_RELAXED);
		sum += 1.0;
		if (sum != which + 1 + (double)work[which])
			abort();
	}
}

static void make_worker(ucontext_t *context, char *stack, int which)
{
	getcontext(context);
	context->uc_stack.ss_sp = stack;
	context->uc_stack.ss_size = STACK;
	context->uc_link = NULL;
	makecontext(context, (void (*)(void))work_on, 2, which, 0);
}

TEST_F(contexts, contexts_switch_in_handlers)
{
	sigset_t alarm;

	/* the workers begin with it blocked too */
	sigemptyset(&alarm);
	sigaddset(&alarm, SIGALRM);
	sigprocmask(SIG_BLOCK, &alarm, NULL);
	handle(SIGALRM, next_turn, 0);
	make_worker(&first, stacks[0], 0);
	make_worker(&second, stacks[1], 1);
	turn = 0;
	alarm_after(2000);
	swapcontext(&home, &first);
	alarm_after(0);
	EXPECT_LT(20, switches);
	EXPECT_LT(0, work[0]);
	EXPECT_LT(0, work[1]);
}

TEST_HARNESS_MAIN
