// SPDX-License-Identifier: GPL-2.0-only
/* CLI and STI: a program in ring 0 says when its signals come. */
#include "kselftest_harness.h"

#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <dune/dune.h>

#include "need_dune.h"

#define FLAG_IF		0x200UL

/* Not static: a handler changes them. */
int first_calls, second_calls, faults, arrivals, fault_arrivals;
int first_value;
unsigned long fault_flags;

static int first_now(void)
{
	return __atomic_load_n(&first_calls, __ATOMIC_RELAXED);
}

static void on_first(int signal)
{
	first_calls++;
}

static void on_second(int signal)
{
	second_calls++;
}

static void mask_signals(void)
{
	asm volatile("cli" : : : "memory");
}

/* The instruction behind STI is still without interrupts. */
static void unmask_signals(void)
{
	asm volatile("sti; nop; nop" : : : "memory");
}

static unsigned long flags(void)
{
	unsigned long value;

	asm volatile("pushf; pop %0" : "=r" (value) : : "memory");
	return value;
}

FIXTURE(masking) {
};

FIXTURE_SETUP(masking)
{
	int err = dune_init(NULL);

	ASSERT_EQ(0, err);
	ASSERT_EQ(-EPERM, dune_flush_tlb(NULL, 0));
	ASSERT_EQ(0, dune_enter());
	signal(SIGUSR1, on_first);
	signal(SIGUSR2, on_second);
}

FIXTURE_TEARDOWN(masking)
{
}

TEST_F(masking, a_signal_waits_for_sti)
{
	int i;

	for (i = 1; i <= 100; i++) {
		mask_signals();
		kill(getpid(), SIGUSR1);
		getppid();
		ASSERT_EQ(i - 1, first_now());
		ASSERT_EQ(0, flags() & FLAG_IF);
		unmask_signals();
		ASSERT_EQ(i, first_now());
		ASSERT_EQ(FLAG_IF, flags() & FLAG_IF);
	}
}

/* It comes while the program computes, not at a system call. */
TEST_F(masking, a_timer_waits_for_sti)
{
	struct itimerval timer = { .it_value.tv_usec = 1000 };
	struct timespec start, now;
	int i;

	signal(SIGALRM, on_first);
	for (i = 1; i <= 10; i++) {
		mask_signals();
		setitimer(ITIMER_REAL, &timer, NULL);
		clock_gettime(CLOCK_MONOTONIC, &start);
		do {
			clock_gettime(CLOCK_MONOTONIC, &now);
		} while ((now.tv_sec - start.tv_sec) * 1000000000L +
			 now.tv_nsec - start.tv_nsec < 5000000);
		ASSERT_EQ(i - 1, first_now());
		unmask_signals();
		ASSERT_EQ(i, first_now());
	}
}

static unsigned long long exits_of_its_own(void)
{
	struct dune_stats stats = { 0 };
	unsigned long long sum = 0;
	int i;

	if (dune_get_stats(&stats))
		return 0;
	for (i = 0; i < DUNE_STATS; i++)
		if (i != DUNE_STAT_HOST && i != DUNE_STAT_NESTED_FAULT)
			sum += stats.exits[i];
	return sum;
}

TEST_F(masking, neither_leaves_the_guest)
{
	unsigned long long before, nothing, exits;
	int i;

	exits_of_its_own();
	before = exits_of_its_own();
	nothing = exits_of_its_own() - before;
	before = exits_of_its_own();
	for (i = 0; i < 1000; i++) {
		mask_signals();
		unmask_signals();
	}
	exits = exits_of_its_own() - before;
	EXPECT_EQ(nothing, exits);
}

/* There is room for one signal; the other must not take its place. */
TEST_F(masking, a_second_signal_is_not_lost)
{
	sigset_t second, none;

	sigemptyset(&none);
	sigemptyset(&second);
	sigaddset(&second, SIGUSR2);
	sigprocmask(SIG_BLOCK, &second, NULL);
	raise(SIGUSR2);
	mask_signals();
	raise(SIGUSR1);
	/* with SIGUSR2 open: what waits ends it at once */
	EXPECT_EQ(-1, sigsuspend(&none));
	EXPECT_EQ(EINTR, errno);
	EXPECT_EQ(0, first_now());
	unmask_signals();
	EXPECT_EQ(1, first_now());
	EXPECT_EQ(0, second_calls);
	sigprocmask(SIG_UNBLOCK, &second, NULL);
	EXPECT_EQ(1, first_now());
	EXPECT_EQ(1, second_calls);
}

/* The mask can be changed while one waits; it comes nevertheless. */
TEST_F(masking, masks_change_while_one_waits)
{
	sigset_t both, before, now;

	sigemptyset(&both);
	sigaddset(&both, SIGUSR1);
	sigaddset(&both, SIGUSR2);
	mask_signals();
	raise(SIGUSR1);
	EXPECT_EQ(0, sigprocmask(SIG_BLOCK, &both, &before));
	EXPECT_EQ(0, sigismember(&before, SIGUSR1));
	EXPECT_EQ(0, sigprocmask(SIG_SETMASK, NULL, &now));
	EXPECT_EQ(1, sigismember(&now, SIGUSR2));
	unmask_signals();
	EXPECT_EQ(1, first_now());
	raise(SIGUSR2);
	EXPECT_EQ(0, second_calls);
	EXPECT_EQ(0, sigprocmask(SIG_SETMASK, &before, NULL));
	EXPECT_EQ(1, second_calls);
}

static void on_fault(int signal, siginfo_t *info, void *ucontext)
{
	ucontext_t *context = ucontext;

	faults++;
	fault_flags = flags();
	context->uc_mcontext.gregs[REG_RIP] += 2;
}

/* A fault comes at once, and what it returns to is as it was. */
TEST_F(masking, faults_do_not_wait)
{
	struct sigaction action = { .sa_flags = SA_SIGINFO };

	action.sa_sigaction = on_fault;
	sigaction(SIGILL, &action, NULL);
	mask_signals();
	asm volatile("ud2" : : : "memory");
	EXPECT_EQ(1, faults);
	EXPECT_EQ(0, flags() & FLAG_IF);
	raise(SIGUSR1);
	EXPECT_EQ(0, first_now());
	/* with one that waits as well */
	asm volatile("ud2" : : : "memory");
	EXPECT_EQ(2, faults);
	EXPECT_EQ(0, first_now());
	unmask_signals();
	EXPECT_EQ(1, first_now());
}

static void note(int signal, siginfo_t *info, void *context)
{
	if (!arrivals++)
		first_value = info->si_value.sival_int;
}

static void skip_masked(int signal, siginfo_t *info, void *ucontext)
{
	on_fault(signal, info, ucontext);
	unmask_signals();
	/* it makes calls, of which none lets in what is blocked */
	getppid();
	fault_arrivals = arrivals;
}

static int queue(int signal, int number)
{
	const union sigval value = { .sival_int = number };

	return sigqueue(getpid(), signal, value);
}

/* A handler blocks what waits, and the kernel has no room for it any more. */
TEST_F(masking, a_signal_that_waits_needs_no_room)
{
	struct sigaction action = { .sa_flags = SA_SIGINFO };
	struct rlimit limit = { 16, 16 };
	sigset_t filler;
	int queued = 0;

	action.sa_sigaction = note;
	sigaction(SIGRTMIN, &action, NULL);
	sigaction(SIGRTMIN + 1, &action, NULL);
	sigfillset(&action.sa_mask);
	action.sa_sigaction = skip_masked;
	sigaction(SIGILL, &action, NULL);
	sigemptyset(&filler);
	sigaddset(&filler, SIGRTMIN + 1);
	sigprocmask(SIG_BLOCK, &filler, NULL);
	ASSERT_EQ(0, setrlimit(RLIMIT_SIGPENDING, &limit));

	mask_signals();
	ASSERT_EQ(0, queue(SIGRTMIN, 1));
	while (!queue(SIGRTMIN + 1, 2))
		queued++;
	ASSERT_EQ(EAGAIN, errno);
	asm volatile("ud2" : : : "memory");
	EXPECT_EQ(1, faults);
	EXPECT_EQ(0, fault_arrivals);
	EXPECT_EQ(0, arrivals);
	unmask_signals();
	ASSERT_EQ(1, arrivals);
	EXPECT_EQ(1, first_value);
	sigprocmask(SIG_UNBLOCK, &filler, NULL);
	EXPECT_EQ(1 + queued, arrivals);
}

TEST_HARNESS_MAIN
