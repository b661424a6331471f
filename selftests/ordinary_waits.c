// SPDX-License-Identifier: GPL-2.0-only
/*
 * Waiting, and what ends it. It knows nothing of Dune: process_test.sh runs it
 * there.
 */
#include "kselftest_harness.h"

#include <linux/futex.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>

#include "ordinary_processes.h"

FIXTURE(waits) {
	int ends[2];
};

FIXTURE_SETUP(waits)
{
	ASSERT_EQ(0, pipe(self->ends));
}

FIXTURE_TEARDOWN(waits)
{
	close(self->ends[0]);
	close(self->ends[1]);
}

/* Again and again: one could come before what it is to interrupt. */
static void alarms_every(long usec)
{
	struct itimerval timer = {
		.it_value.tv_usec = usec, .it_interval.tv_usec = usec,
	};

	setitimer(ITIMER_REAL, &timer, NULL);
}

static long futex_wait(int *word, const struct timespec *timeout)
{
	return syscall(SYS_futex, word, FUTEX_WAIT, 0, timeout, NULL, 0);
}

/* Every one in turn, while an alarm is on its way. */
static int wait_somehow(int way, int fd, const struct timespec *timeout)
{
	struct timeval soon = { .tv_sec = timeout->tv_sec,
				.tv_usec = timeout->tv_nsec / 1000 };
	int milliseconds = timeout->tv_sec * 1000 + timeout->tv_nsec / 1000000;
	struct pollfd polled = { .fd = fd, .events = POLLIN };
	struct epoll_event event = { .events = EPOLLIN };
	int word = 0, epoll, ret;
	fd_set set;

	FD_ZERO(&set);
	FD_SET(fd, &set);
	switch (way) {
	case 0:
		return poll(&polled, 1, milliseconds);
	case 1:
		return ppoll(&polled, 1, timeout, NULL);
	case 2:
		return select(fd + 1, &set, NULL, NULL, &soon);
	case 3:
		epoll = epoll_create1(EPOLL_CLOEXEC);
		epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
		ret = epoll_wait(epoll, &event, 1, milliseconds);
		close(epoll);
		return ret;
	case 4:
		ret = futex_wait(&word, timeout);
		return ret && errno == ETIMEDOUT ? 0 : ret;
	case 5:
		ret = clock_nanosleep(CLOCK_MONOTONIC, 0, timeout, NULL);
		errno = ret;
		return ret ? -1 : 0;
	default:
		return -2;
	}
}

#define WAYS	6

TEST_F(waits, timeouts_end_as_they_should)
{
	const struct timespec soon = { .tv_nsec = 3000000 };
	int way;

	for (way = 0; way < WAYS; way++) {
		EXPECT_EQ(0, wait_somehow(way, self->ends[0], &soon))
			TH_LOG("way %d: %d", way, errno);
	}
}

TEST_F(waits, signals_interrupt_them)
{
	const struct timespec late = { .tv_sec = 100 };
	int way;

	handle(SIGALRM, note, 0);
	alarms_every(20000);
	for (way = 0; way < WAYS; way++) {
		calls = 0;
		EXPECT_EQ(-1, wait_somehow(way, self->ends[0], &late));
		EXPECT_EQ(EINTR, errno) TH_LOG("way %d", way);
		EXPECT_LT(0, calls);
	}
}

/* None of these goes on by itself, whatever the handler was set to. */
TEST_F(waits, some_end_in_spite_of_sa_restart)
{
	const struct timespec late = { .tv_sec = 100 };
	int way;

	handle(SIGALRM, note, SA_RESTART);
	alarms_every(20000);
	for (way = 0; way < WAYS; way++) {
		EXPECT_EQ(-1, wait_somehow(way, self->ends[0], &late));
		EXPECT_EQ(EINTR, errno) TH_LOG("way %d", way);
	}
}

/* Who waits with another mask. */
static int wait_with_mask(int way, int fd, const sigset_t *mask)
{
	const struct timespec late = { .tv_sec = 100 };
	struct pollfd polled = { .fd = fd, .events = POLLIN };
	struct epoll_event event = { .events = EPOLLIN };
	int epoll, ret;
	fd_set set;

	FD_ZERO(&set);
	FD_SET(fd, &set);
	switch (way) {
	case 0:
		return pselect(fd + 1, &set, NULL, NULL, &late, mask);
	case 1:
		return ppoll(&polled, 1, &late, mask);
	case 2:
		epoll = epoll_create1(EPOLL_CLOEXEC);
		epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
		ret = epoll_pwait(epoll, &event, 1, 100000, mask);
		close(epoll);
		return ret;
	default:
		return -2;
	}
}

#define WAYS_WITH_MASK	3

static void mask_of(sigset_t *set, int signal)
{
	sigemptyset(set);
	sigaddset(set, signal);
}

TEST_F(waits, a_mask_for_the_wait_lets_in_what_is_pending)
{
	sigset_t set, mask, now;
	int way;

	handle(SIGUSR1, note, SA_RESTART);
	mask_of(&set, SIGUSR1);
	mask_of(&mask, SIGUSR2);
	sigprocmask(SIG_SETMASK, &set, NULL);
	for (way = 0; way < WAYS_WITH_MASK; way++) {
		calls = 0;
		raise(SIGUSR1);
		EXPECT_EQ(0, calls);
		EXPECT_EQ(-1, wait_with_mask(way, self->ends[0], &mask));
		EXPECT_EQ(EINTR, errno) TH_LOG("way %d", way);
		EXPECT_EQ(1, calls);
		sigprocmask(SIG_BLOCK, NULL, &now);
		EXPECT_EQ(1, sigismember(&now, SIGUSR1));
		EXPECT_EQ(0, sigismember(&now, SIGUSR2));
		sigpending(&now);
		EXPECT_EQ(0, sigismember(&now, SIGUSR1));
	}
}

static sigset_t in_handler;

static void note_mask(int signal)
{
	sigprocmask(SIG_BLOCK, NULL, &in_handler);
	calls++;
}

TEST_F(waits, a_handler_runs_with_the_mask_of_the_wait)
{
	sigset_t set, mask;
	int way;

	handle(SIGUSR1, note_mask, 0);
	mask_of(&set, SIGUSR1);
	mask_of(&mask, SIGUSR2);
	sigprocmask(SIG_SETMASK, &set, NULL);
	for (way = 0; way < WAYS_WITH_MASK; way++) {
		calls = 0;
		raise(SIGUSR1);
		EXPECT_EQ(-1, wait_with_mask(way, self->ends[0], &mask));
		EXPECT_EQ(1, calls);
		EXPECT_EQ(1, sigismember(&in_handler, SIGUSR1));
		EXPECT_EQ(1, sigismember(&in_handler, SIGUSR2));
	}
}

TEST_F(waits, what_is_ready_comes_before_signals)
{
	sigset_t set, none, now;
	int way;

	handle(SIGUSR1, note, 0);
	mask_of(&set, SIGUSR1);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &set, NULL);
	raise(SIGUSR1);
	ASSERT_EQ(1, write(self->ends[1], "x", 1));
	for (way = 0; way < WAYS_WITH_MASK; way++) {
		EXPECT_EQ(1, wait_with_mask(way, self->ends[0], &none))
			TH_LOG("way %d", way);
		EXPECT_EQ(0, calls);
		sigpending(&now);
		EXPECT_EQ(1, sigismember(&now, SIGUSR1));
	}
	sigprocmask(SIG_SETMASK, &none, NULL);
	EXPECT_EQ(1, calls);
}

TEST_F(waits, signals_are_taken_without_a_handler)
{
	const struct timespec late = { .tv_sec = 100 };
	const struct timespec soon = { .tv_nsec = 3000000 };
	const struct timespec never = { 0 };
	const union sigval number = { .sival_int = 4711 };
	siginfo_t info;
	sigset_t set;

	handle(SIGRTMIN, note, 0);
	handle(SIGALRM, note, 0);
	mask_of(&set, SIGRTMIN);
	sigprocmask(SIG_SETMASK, &set, NULL);
	EXPECT_EQ(-1, sigtimedwait(&set, &info, &never));
	EXPECT_EQ(EAGAIN, errno);
	EXPECT_EQ(-1, sigtimedwait(&set, &info, &soon));
	EXPECT_EQ(EAGAIN, errno);
	ASSERT_EQ(0, sigqueue(getpid(), SIGRTMIN, number));
	EXPECT_EQ(SIGRTMIN, sigtimedwait(&set, &info, &late));
	EXPECT_EQ(SIGRTMIN, info.si_signo);
	EXPECT_EQ(SI_QUEUE, info.si_code);
	EXPECT_EQ(4711, info.si_value.sival_int);
	EXPECT_EQ(getpid(), info.si_pid);
	EXPECT_EQ(0, calls);
	/* another one has its handler, and ends it */
	alarms_every(20000);
	EXPECT_EQ(-1, sigtimedwait(&set, &info, &late));
	EXPECT_EQ(EINTR, errno);
	EXPECT_LT(0, calls);
	alarms_every(0);
	/* what it sleeps for */
	mask_of(&set, SIGALRM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	calls = 0;
	alarm_after(20000);
	EXPECT_EQ(SIGALRM, sigwaitinfo(&set, &info));
	EXPECT_EQ(SIGALRM, info.si_signo);
	EXPECT_EQ(SI_KERNEL, info.si_code);
	EXPECT_EQ(0, calls);
}

static int *woken;

static void wake(int signal)
{
	*woken = 1;
	calls++;
}

TEST_F(waits, a_futex_without_timeout_goes_on)
{
	int word = 0;

	/* it looks again at what it waits for */
	woken = &word;
	handle(SIGALRM, wake, SA_RESTART);
	alarm_after(5000);
	EXPECT_EQ(-1, futex_wait(&word, NULL));
	EXPECT_EQ(EAGAIN, errno);
	EXPECT_EQ(1, calls);
}

/* A stop is no signal to the program: what slept sleeps on. */
TEST_F(waits, sleep_through_a_stop)
{
	struct timespec time = { .tv_sec = 1 };
	int status;
	pid_t pid = fork();

	if (!pid)
		_exit(nanosleep(&time, NULL) ? 1 : 21);
	usleep(50000);
	kill(pid, SIGSTOP);
	ASSERT_EQ(pid, waitpid(pid, &status, WUNTRACED));
	EXPECT_TRUE(WIFSTOPPED(status));
	kill(pid, SIGCONT);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(21 << 8, status);
}

TEST_F(waits, sockets_have_timeouts)
{
	struct timeval soon = { .tv_usec = 5000 };
	int pair[2];
	char byte;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	ASSERT_EQ(0, setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &soon,
				sizeof(soon)));
	EXPECT_EQ(-1, recv(pair[0], &byte, 1, 0));
	EXPECT_EQ(EAGAIN, errno);
	close(pair[0]);
	close(pair[1]);
}

TEST_F(waits, a_pipe_without_a_reader_is_a_signal)
{
	handle(SIGPIPE, note, 0);
	close(self->ends[0]);
	EXPECT_EQ(-1, write(self->ends[1], "x", 1));
	EXPECT_EQ(EPIPE, errno);
	EXPECT_EQ(1, calls);
	handle(SIGPIPE, SIG_IGN, 0);
	EXPECT_EQ(-1, write(self->ends[1], "x", 1));
	EXPECT_EQ(1, calls);
	self->ends[0] = -1;
}

TEST_HARNESS_MAIN
