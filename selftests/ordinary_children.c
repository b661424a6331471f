// SPDX-License-Identifier: GPL-2.0-only
/*
 * Children, how they begin and what is told of their end. It knows nothing of
 * Dune: process_test.sh runs it there.
 */
#include "kselftest_harness.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>

#include "ordinary_processes.h"

FIXTURE(children) {
};

FIXTURE_SETUP(children)
{
}

FIXTURE_TEARDOWN(children)
{
}

TEST_F_TIMEOUT(children, children_go_on_in_the_same_ring, 1800)
{
	int i, shared = 1;
	pid_t pid;

	for (i = 0; i < 1000; i++) {
		pid = fork();
		ASSERT_LE(0, pid);
		if (!pid) {
			shared = 2;
			_exit(ring() == first_ring ? i % 99 : 99);
		}
		EXPECT_EQ(i % 99 << 8, status_of(pid));
		EXPECT_EQ(1, shared);
	}
}

/* Stopped, they wait; nothing of what a child needs may fail for that. */
TEST_F_TIMEOUT(children, children_may_be_stopped_at_birth, 300)
{
	pid_t pid;
	int i;

	for (i = 0; i < 300; i++) {
		pid = fork();
		ASSERT_LE(0, pid);
		if (!pid)
			_exit(7);
		kill(pid, SIGSTOP);
		kill(pid, SIGCONT);
		EXPECT_EQ(7 << 8, status_of(pid));
	}
}

/* Each makes one of its own, and passes its status on. */
static int descend(int depth)
{
	pid_t pid;

	if (!depth)
		return 33;
	pid = fork();
	if (pid < 0)
		return 98;
	if (!pid)
		_exit(descend(depth - 1));
	return WEXITSTATUS(status_of(pid));
}

TEST_F(children, children_have_children)
{
	EXPECT_EQ(33, descend(20));
}

static void *keep_busy(void *arg)
{
	while (!__atomic_load_n((int *)arg, __ATOMIC_RELAXED))
		free(malloc(1000));
	return NULL;
}

TEST_F(children, a_process_with_threads_may_fork)
{
	pthread_t threads[3];
	int i, end = 0;
	pid_t pid;

	for (i = 0; i < 3; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, keep_busy, &end));
	for (i = 0; i < 20; i++) {
		pid = fork();
		if (!pid) {
			pthread_t thread;
			void *result = NULL;

			errno = 0;
			free(malloc(5000));
			of_the_thread = 7;
			pthread_create(&thread, NULL, in_same_ring, self);
			pthread_join(thread, &result);
			_exit(result == self ? 5 : 6);
		}
		EXPECT_EQ(5 << 8, status_of(pid));
	}
	__atomic_store_n(&end, 1, __ATOMIC_RELAXED);
	for (i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
}

int shared;

TEST_F(children, vfork_shares_the_memory)
{
	pid_t pid;

	pid = vfork();
	if (!pid) {
		shared = 5;
		_exit(3);
	}
	EXPECT_EQ(5, shared);
	EXPECT_EQ(3 << 8, status_of(pid));
}

/* Not static: raise() is said to call nothing of this file. */
int handled;

static void fork_in_handler(int signal)
{
	pid_t pid = fork();

	if (!pid)
		_exit(4);
	handled = status_of(pid);
}

TEST_F(children, a_handler_may_fork)
{
	signal(SIGUSR1, fork_in_handler);
	raise(SIGUSR1);
	EXPECT_EQ(4 << 8, handled);
}

TEST_F(children, clone3_gives_a_descriptor)
{
	int pidfd = -1;
	pid_t told = 0;
	struct clone_args args = {
		.flags = CLONE_PIDFD | CLONE_PARENT_SETTID,
		.pidfd = (uintptr_t)&pidfd,
		.parent_tid = (uintptr_t)&told,
		.exit_signal = SIGCHLD,
	};
	struct pollfd polled = { .events = POLLIN };
	pid_t pid;

	signal(SIGCHLD, note);
	pid = syscall(SYS_clone3, &args, sizeof(args));
	if (!pid)
		_exit(ring() == first_ring ? 25 : 99);
	ASSERT_LT(0, pid);
	EXPECT_EQ(pid, told);
	ASSERT_LE(0, pidfd);
	EXPECT_EQ(FD_CLOEXEC, fcntl(pidfd, F_GETFD));
	polled.fd = pidfd;
	while (poll(&polled, 1, -1) < 0)
		EXPECT_EQ(EINTR, errno);
	EXPECT_EQ(POLLIN, polled.revents);
	EXPECT_EQ(25 << 8, status_of(pid));
	EXPECT_EQ(1, calls);
	close(pidfd);
}

/* How many signals are blocked in the caller that should not, or not. */
static int wrong_in_mask(void)
{
	sigset_t now;
	int wrong = 0;

	/* not the C library's: it would set the mask first */
	syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, &now, 8);
	wrong += !sigismember(&now, SIGUSR1);
	wrong += sigismember(&now, SIGUSR2);
	wrong += !sigismember(&now, SIGRTMAX);
	return wrong;
}

TEST_F(children, children_begin_with_the_mask)
{
	sigset_t set;
	pid_t pid;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGRTMAX);
	ASSERT_EQ(0, sigprocmask(SIG_SETMASK, &set, NULL));
	pid = fork();
	if (!pid)
		_exit(wrong_in_mask());
	EXPECT_EQ(0, status_of(pid));
	pid = vfork();
	if (!pid)
		_exit(wrong_in_mask());
	EXPECT_EQ(0, status_of(pid));
	EXPECT_EQ(0, wrong_in_mask());
}

TEST_F(children, children_nobody_waits_for)
{
	int i;

	handle(SIGCHLD, note, SA_NOCLDWAIT);
	for (i = 0; i < 5; i++)
		if (!fork())
			_exit(0);
	/* it ends when none is left, and there is nobody to be told of */
	do {
		EXPECT_EQ(-1, wait(NULL));
	} while (errno == EINTR);
	EXPECT_EQ(ECHILD, errno);
	EXPECT_LT(0, calls);
}

TEST_F(children, a_stop_of_a_child_is_told_or_not)
{
	int flags, status;
	pid_t pid;

	for (flags = 0; flags <= 1; flags++) {
		calls = 0;
		handle(SIGCHLD, note, flags ? SA_NOCLDSTOP : 0);
		pid = fork();
		if (!pid)
			for (;;)
				pause();
		kill(pid, SIGSTOP);
		while (waitpid(pid, &status, WUNTRACED) < 0)
			;
		EXPECT_TRUE(WIFSTOPPED(status));
		/* who waits may know it a moment earlier than who is told */
		while (!flags && !calls)
			usleep(1000);
		EXPECT_EQ(flags ? 0 : 1, calls);
		kill(pid, SIGKILL);
		while (waitpid(pid, &status, 0) < 0)
			;
	}
}

static int heard;

static void hear(int signal)
{
	__atomic_store_n(&heard, signal, __ATOMIC_RELAXED);
}

/* A process as any other from there on, with its registers and its signals. */
static int after_a_breakpoint(void)
{
	uint64_t before = 0x123456789, after = 0;
	sigset_t mask, blocked;

	signal(SIGUSR1, hear);
	sigemptyset(&mask);
	sigaddset(&mask, SIGUSR2);
	sigprocmask(SIG_SETMASK, &mask, NULL);
	asm volatile("movq %1, %%xmm7\n\tint3\n\tmovq %%xmm7, %0"
		     : "=r" (after) : "r" (before) : "xmm7");
	raise(SIGUSR1);
	sigprocmask(SIG_BLOCK, NULL, &blocked);
	if (after != before)
		return 1;
	if (__atomic_load_n(&heard, __ATOMIC_RELAXED) != SIGUSR1)
		return 2;
	return memcmp(&mask, &blocked, 8) ? 3 : 0;
}

TEST_F(children, goes_on_at_a_breakpoint)
{
	int status;
	pid_t pid = fork();

	ASSERT_LE(0, pid);
	if (!pid) {
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		_exit(after_a_breakpoint());
	}
	status = status_of(pid);
	ASSERT_TRUE(WIFSTOPPED(status));
	EXPECT_EQ(SIGTRAP, WSTOPSIG(status));
	ASSERT_EQ(0, ptrace(PTRACE_CONT, pid, 0, 0));
	status = status_of(pid);
	ASSERT_TRUE(WIFSTOPPED(status));
	EXPECT_EQ(SIGUSR1, WSTOPSIG(status));
	ASSERT_EQ(0, ptrace(PTRACE_CONT, pid, 0, SIGUSR1));
	EXPECT_EQ(0, status_of(pid));
}

TEST_HARNESS_MAIN
