// SPDX-License-Identifier: GPL-2.0-only
/*
 * Outside of Dune, before, after or while threads are in it: what the process
 * has there is as if there were no Dune.
 */
#include "in_dune.h"

#define SA_RESTORER	0x04000000	/* the C library's, which it shows */

/* What the last handler saw. */
static struct {
	int calls, ring, value;
	const char *stack;
} seen;

static void on_signal(int signal, siginfo_t *info, void *context)
{
	char here;
	uint16_t cs;

	asm volatile("mov %%cs, %0" : "=r" (cs));
	seen.ring = cs & 3;
	seen.value = info->si_value.sival_int;
	seen.stack = &here;
	if (signal == SIGILL)
		_exit(1);
	__atomic_add_fetch(&seen.calls, 1, __ATOMIC_RELEASE);
}

static void handle(int signal, int flags)
{
	struct sigaction action = {
		.sa_sigaction = on_signal, .sa_flags = flags | SA_SIGINFO,
	};

	sigaddset(&action.sa_mask, SIGTERM);
	sigaction(signal, &action, NULL);
}

/* What sigaction() tells is what handle() said. */
static bool tells_handler(int signal, int flags)
{
	struct sigaction now;

	return !sigaction(signal, NULL, &now) &&
	       now.sa_sigaction == on_signal &&
	       (now.sa_flags & ~SA_RESTORER) == (flags | SA_SIGINFO) &&
	       sigismember(&now.sa_mask, SIGTERM) &&
	       !sigismember(&now.sa_mask, SIGINT);
}

TEST(handlers_are_told_after_leaving)
{
	handle(SIGUSR1, SA_NODEFER);
	ENTER_DUNE();
	handle(SIGUSR2, SA_RESTART);
	EXPECT_TRUE(tells_handler(SIGUSR1, SA_NODEFER));
	ASSERT_EQ(0, dune_leave());
	EXPECT_TRUE(tells_handler(SIGUSR1, SA_NODEFER));
	EXPECT_TRUE(tells_handler(SIGUSR2, SA_RESTART));
	raise(SIGUSR2);
	EXPECT_EQ(3, seen.ring);
	ASSERT_EQ(0, dune_enter());
	EXPECT_TRUE(tells_handler(SIGUSR2, SA_RESTART));
	raise(SIGUSR2);
	EXPECT_EQ(0, seen.ring);
	EXPECT_EQ(2, seen.calls);
}

static void *enter_and_end(void *unused)
{
	handle(SIGUSR1, 0);
	return (void *)(long)dune_enter();
}

TEST(handlers_are_told_after_the_last_thread)
{
	pthread_t thread;
	void *result;

	ASSERT_EQ(0, dune_init(NULL));
	ASSERT_EQ(0, pthread_create(&thread, NULL, enter_and_end, NULL));
	ASSERT_EQ(0, pthread_join(thread, &result));
	EXPECT_EQ(NULL, result);
	EXPECT_TRUE(tells_handler(SIGUSR1, 0));
}

/* One that is no more is none when the thread is back. */
TEST(handlers_taken_back_between)
{
	handle(SIGILL, 0);
	ENTER_DUNE();
	ASSERT_EQ(0, dune_leave());
	signal(SIGILL, SIG_DFL);
	ASSERT_EQ(0, dune_enter());
	EXPECT_EQ(SIGILL, STATUS_OF(asm volatile("ud2")) & ~WCOREFLAG);
}

TEST_HARNESS_MAIN
