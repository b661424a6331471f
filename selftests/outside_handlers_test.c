// SPDX-License-Identifier: GPL-2.0-only
/* Handlers that a program has asked to have outside of Dune. */
#include "in_dune.h"

#include <sys/time.h>

#define SIGNAL(signal)	(1UL << ((signal) - 1))

FIXTURE(outside) {
};

FIXTURE_SETUP(outside)
{
	handle(SIGUSR1, 0);
	handle(SIGUSR2, 0);
	ASSERT_EQ(0, dune_init(&(struct dune_options){
		.size = sizeof(struct dune_options),
		.outside = SIGNAL(SIGUSR1) | SIGNAL(SIGALRM) }));
	ASSERT_EQ(0, dune_enter());
}

FIXTURE_TEARDOWN(outside)
{
}

TEST_F(outside, each_handler_where_it_is_to_be)
{
	raise(SIGUSR1);
	EXPECT_EQ(1, calls());
	EXPECT_EQ(SIGUSR1, handled.signal);
	EXPECT_EQ(3, handled.ring);
	EXPECT_EQ(7, handled.tls);
	EXPECT_EQ(1, sigismember(&handled.blocked, SIGUSR1));
	EXPECT_EQ(1, sigismember(&handled.blocked, SIGTERM));
	EXPECT_EQ(0, sigismember(&handled.blocked, SIGUSR2));
	EXPECT_EQ(0, ring());
	raise(SIGUSR2);
	EXPECT_EQ(2, calls());
	EXPECT_EQ(SIGUSR2, handled.signal);
	EXPECT_EQ(0, handled.ring);
}

TEST_F(outside, with_what_came_along)
{
	union sigval value = { .sival_int = 1234 };
	struct sigaction action;

	ASSERT_EQ(0, sigqueue(getpid(), SIGUSR1, value));
	EXPECT_EQ(1234, handled.value);
	ASSERT_EQ(0, sigaction(SIGUSR1, NULL, &action));
	EXPECT_TRUE(action.sa_sigaction == on_signal);
}

TEST_F(outside, installed_in_dune)
{
	handle(SIGALRM, 0);
	raise(SIGALRM);
	EXPECT_EQ(1, calls());
	EXPECT_EQ(3, handled.ring);
}

static void alarm_soon(void)
{
	const struct itimerval soon = { .it_value.tv_usec = 20000 };

	setitimer(ITIMER_REAL, &soon, NULL);
}

TEST_F(outside, while_the_guest_computes)
{
	handle(SIGALRM, 0);
	alarm_soon();
	while (!calls())
		asm volatile("pause");
	EXPECT_EQ(3, handled.ring);
	EXPECT_EQ(0, ring());
}

/* It does not wait for the guest's interrupts. */
TEST_F(outside, with_interrupts_off)
{
	handle(SIGALRM, 0);
	alarm_soon();
	dune_set_interrupts(0);
	while (!calls())
		asm volatile("pause");
	dune_set_interrupts(1);
	EXPECT_EQ(3, handled.ring);
}

TEST_F(outside, ends_a_system_call)
{
	int ends[2];
	char byte;

	handle(SIGALRM, 0);
	ASSERT_EQ(0, pipe(ends));
	alarm_soon();
	EXPECT_EQ(-1, read(ends[0], &byte, 1));
	EXPECT_EQ(EINTR, errno);
	EXPECT_EQ(1, calls());
	alarm_soon();
	EXPECT_EQ(-1, pause());
	EXPECT_EQ(EINTR, errno);
	EXPECT_EQ(2, calls());
}

static int full[2];

static void write_pipe(int signal)
{
	handled.ring = ring();
	handled.calls += write(full[1], "x", 1);
}

TEST_F(outside, restarts_a_system_call)
{
	struct sigaction action = {
		.sa_handler = write_pipe, .sa_flags = SA_RESTART,
	};
	char byte = 0;

	ASSERT_EQ(0, pipe(full));
	ASSERT_EQ(0, sigaction(SIGALRM, &action, NULL));
	alarm_soon();
	EXPECT_EQ(1, read(full[0], &byte, 1));
	EXPECT_EQ('x', byte);
	EXPECT_EQ(1, calls());
	EXPECT_EQ(3, handled.ring);
}

TEST_F(outside, waits_while_it_is_blocked)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	raise(SIGUSR1);
	EXPECT_EQ(0, calls());
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	EXPECT_EQ(1, calls());
	EXPECT_EQ(3, handled.ring);
}

TEST_HARNESS_MAIN
