// SPDX-License-Identifier: GPL-2.0-only
/*
 * Outside of Dune, before, after or while threads are in it: what the process
 * has there is as if there were no Dune.
 */
#include "in_dune.h"

#include <sys/resource.h>

#define SA_RESTORER	0x04000000	/* the C library's, which it shows */

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
	EXPECT_EQ(3, handled.ring);
	ASSERT_EQ(0, dune_enter());
	EXPECT_TRUE(tells_handler(SIGUSR2, SA_RESTART));
	raise(SIGUSR2);
	EXPECT_EQ(0, handled.ring);
	EXPECT_EQ(2, handled.calls);
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

static char own_stacks[2][64 << 10];

static void use_stack(int number)
{
	const stack_t stack = {
		.ss_sp = own_stacks[number], .ss_size = sizeof(own_stacks[0]),
	};

	sigaltstack(&stack, NULL);
}

static bool was_on(int number)
{
	return handled.stack >= own_stacks[number] &&
	       handled.stack < own_stacks[number] + sizeof(own_stacks[0]);
}

static pthread_barrier_t barrier;

static void *stay_outside(void *unused)
{
	use_stack(1);
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	return NULL;
}

/* A handler that is to have a stack of its own has it, wherever it runs. */
TEST(handlers_on_a_stack_of_their_own)
{
	pthread_t thread;
	stack_t now;

	pthread_barrier_init(&barrier, NULL, 2);
	ASSERT_EQ(0, pthread_create(&thread, NULL, stay_outside, NULL));
	pthread_barrier_wait(&barrier);
	use_stack(0);
	handle(SIGUSR1, SA_ONSTACK);
	ENTER_DUNE();
	handle(SIGUSR2, SA_ONSTACK);
	raise(SIGUSR1);
	EXPECT_EQ(0, handled.ring);
	EXPECT_TRUE(was_on(0));
	pthread_kill(thread, SIGUSR2);
	pthread_barrier_wait(&barrier);
	ASSERT_EQ(0, pthread_join(thread, NULL));
	EXPECT_EQ(2, handled.calls);
	EXPECT_EQ(3, handled.ring);
	EXPECT_TRUE(was_on(1));
	ASSERT_EQ(0, dune_leave());
	ASSERT_EQ(0, sigaltstack(NULL, &now));
	EXPECT_EQ(&own_stacks[0], now.ss_sp);
	EXPECT_EQ(0, now.ss_flags);
	raise(SIGUSR2);
	EXPECT_EQ(3, handled.ring);
	EXPECT_TRUE(was_on(0));
}

static void leave_there(int signal)
{
	dune_leave();
}

/* Once a handler has left Dune on such a stack, that is outside as well. */
TEST(leaving_on_a_stack_of_its_own)
{
	stack_t now;

	use_stack(0);
	ENTER_DUNE();
	sigaction(SIGUSR1, &(struct sigaction){
		.sa_handler = leave_there, .sa_flags = SA_ONSTACK }, NULL);
	handle(SIGUSR2, SA_ONSTACK);
	raise(SIGUSR1);
	ASSERT_EQ(0, sigaltstack(NULL, &now));
	EXPECT_EQ(&own_stacks[0], now.ss_sp);
	raise(SIGUSR2);
	EXPECT_EQ(3, handled.ring);
	EXPECT_TRUE(was_on(0));
}

static void mask(int how, int signal)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, signal);
	pthread_sigmask(how, &set, NULL);
}

static int queue(int signal, int number)
{
	const union sigval value = { .sival_int = number };

	return sigqueue(getpid(), signal, value);
}

/* Interrupts are off when it comes, and then there is no room for it outside. */
TEST(no_signal_is_lost_by_leaving)
{
	const struct rlimit limit = { 16, 16 };

	handle(SIGRTMIN, 0);
	handle(SIGRTMIN + 1, 0);
	ASSERT_EQ(0, setrlimit(RLIMIT_SIGPENDING, &limit));
	mask(SIG_BLOCK, SIGRTMIN + 1);
	ENTER_DUNE();
	dune_set_interrupts(0);
	ASSERT_EQ(0, queue(SIGRTMIN, 5));
	while (!queue(SIGRTMIN + 1, 6))
		;
	EXPECT_EQ(-EAGAIN, dune_leave());
	EXPECT_EQ(0, handled.calls);
	dune_set_interrupts(1);
	EXPECT_EQ(1, handled.calls);
	EXPECT_EQ(5, handled.value);
	EXPECT_EQ(0, dune_leave());
	mask(SIG_UNBLOCK, SIGRTMIN + 1);
	EXPECT_LT(1, handled.calls);
	EXPECT_EQ(6, handled.value);
}

/* A mask of signals that /proc tells of a program, which says it of itself. */
static unsigned long told(const char *status, const char *name)
{
	const char *line = strstr(status, name);

	return line ? strtoul(line + strlen(name), NULL, 16) : 0;
}

/* With interrupts off and one signal blocked, when another one comes. */
static void execute(int output)
{
	static char *const argv[] = { "cat", "/proc/self/status", NULL };
	static char *const envp[] = { NULL };

	dup2(output, 1);
	handle(SIGUSR1, SA_RESETHAND);
	mask(SIG_BLOCK, SIGUSR2);
	dune_set_interrupts(0);
	queue(SIGUSR1, 5);
	execve("/nonexistent", argv, envp);
	if (errno != ENOENT || handled.calls)
		_exit(1);
	execve("/bin/cat", argv, envp);
	_exit(2);
}

#define SIGNAL(signal)	(1UL << ((signal) - 1))

TEST(no_signal_is_lost_by_execve)
{
	char status[4096] = "";
	size_t size = 0;
	ssize_t got;
	int pipes[2];

	ASSERT_EQ(0, pipe(pipes));
	ENTER_DUNE();
	EXPECT_EQ(0, STATUS_OF(execute(pipes[1])));
	close(pipes[1]);
	while ((got = read(pipes[0], status + size,
			   sizeof(status) - 1 - size)) > 0)
		size += got;
	EXPECT_EQ(SIGNAL(SIGUSR1), told(status, "SigPnd:") |
				   told(status, "ShdPnd:"));
	EXPECT_EQ(SIGNAL(SIGUSR1) | SIGNAL(SIGUSR2), told(status, "SigBlk:"));
}

static void fail_to_execute(void)
{
	char *const none[] = { NULL };

	handle(SIGUSR1, 0);
	mask(SIG_BLOCK, SIGUSR2);
	dune_set_interrupts(0);
	queue(SIGUSR1, 5);
	queue(SIGUSR2, 6);
	execve("/nonexistent", none, none);
	if (handled.calls)
		_exit(1);
	dune_set_interrupts(1);
	if (handled.calls != 1 || handled.value != 5 || handled.ring)
		_exit(2);
	handle(SIGUSR2, 0);
	mask(SIG_UNBLOCK, SIGUSR2);
	if (handled.calls != 2 || handled.value != 6)
		_exit(3);
}

TEST(a_signal_comes_after_execve_has_failed)
{
	ENTER_DUNE();
	EXPECT_EQ(0, STATUS_OF(fail_to_execute()));
}

/* It takes what is for any thread, or for itself, and ends before it can. */
enum way { BY_SIGQUEUE, BY_KILL, FOR_ITSELF };

static void *end_with_a_signal(void *how)
{
	mask(SIG_UNBLOCK, SIGUSR1);
	dune_set_interrupts(0);
	if ((enum way)(long)how == BY_SIGQUEUE)
		queue(SIGUSR1, 7);
	else if ((enum way)(long)how == BY_KILL)
		kill(getpid(), SIGUSR1);
	else
		pthread_kill(pthread_self(), SIGUSR1);
	return NULL;
}

static void end_thread(enum way how)
{
	pthread_t thread;

	mask(SIG_BLOCK, SIGUSR1);
	if (!pthread_create(&thread, NULL, end_with_a_signal, (void *)how))
		pthread_join(thread, NULL);
	mask(SIG_UNBLOCK, SIGUSR1);
}

TEST(no_signal_ends_with_a_thread)
{
	ENTER_DUNE();
	handle(SIGUSR1, SA_RESETHAND);
	end_thread(BY_SIGQUEUE);
	EXPECT_EQ(1, handled.calls);
	EXPECT_EQ(7, handled.value);
	EXPECT_EQ(0, handled.ring);
	handle(SIGUSR1, SA_RESETHAND);
	end_thread(BY_KILL);
	EXPECT_EQ(2, handled.calls);
	/* what is for that thread only does */
	handle(SIGUSR1, 0);
	end_thread(FOR_ITSELF);
	EXPECT_EQ(2, handled.calls);
}

static int looking;

/* It has the lock of all roots while the other one forks. */
static long look_slowly(struct dune_mapping *mapping, void *unused)
{
	__atomic_store_n(&looking, 1, __ATOMIC_RELEASE);
	usleep(300000);
	return 5;
}

static void *look_in_dune(void *memory)
{
	long err = dune_enter();

	if (!err) {
		put(memory, 1);
		err = dune_walk(dune_root_current(), memory, PAGE, look_slowly,
				NULL);
	}
	__atomic_store_n(&looking, 1, __ATOMIC_RELEASE);
	pthread_barrier_wait(&barrier);
	return (void *)err;
}

static int enter_as_child(unsigned int files)
{
	alarm(10);
	if (!tells_handler(SIGUSR1, 0))
		return 1;
	if (descriptors() != files)
		return 2;
	if (dune_enter() || raise(SIGUSR1) || handled.ring || !handled.calls)
		return 3;
	return dune_leave() || !tells_handler(SIGUSR1, 0);
}

TEST(children_made_outside_while_others_are_in)
{
	unsigned int files;
	pthread_t thread;
	void *result;

	handle(SIGUSR1, 0);
	pthread_barrier_init(&barrier, NULL, 2);
	ASSERT_EQ(0, dune_init(NULL));
	files = descriptors();
	ASSERT_EQ(0, pthread_create(&thread, NULL, look_in_dune,
				    get_memory(LARGE)));
	while (!__atomic_load_n(&looking, __ATOMIC_ACQUIRE))
		usleep(1000);
	EXPECT_EQ(0, STATUS_OF(_exit(enter_as_child(files))));
	pthread_barrier_wait(&barrier);
	ASSERT_EQ(0, pthread_join(thread, &result));
	EXPECT_EQ((void *)5, result);
	EXPECT_EQ(0, STATUS_OF(_exit(enter_as_child(files))));
}

TEST_HARNESS_MAIN
