// SPDX-License-Identifier: GPL-2.0-only
/*
 * Waiting, and what ends it; contexts; a terminal with jobs. It knows nothing
 * of Dune: process_test.sh runs it there.
 */
#include "kselftest_harness.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "ordinary.h"

/* Not static: a handler changes it. */
int calls;

static void note(int signal)
{
	calls++;
}

static void handle(int signal, void (*handler)(int), int flags)
{
	struct sigaction action = { .sa_handler = handler, .sa_flags = flags };

	sigaction(signal, &action, NULL);
}

/* Again and again: one could come before what it is to interrupt. */
static void alarms_every(long usec)
{
	struct itimerval timer = {
		.it_value.tv_usec = usec, .it_interval.tv_usec = usec,
	};

	setitimer(ITIMER_REAL, &timer, NULL);
}

static void alarm_after(long usec)
{
	struct itimerval timer = { .it_value.tv_usec = usec };

	setitimer(ITIMER_REAL, &timer, NULL);
}

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

TEST_F(waits, children_nobody_waits_for)
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

TEST_F(waits, a_stop_of_a_child_is_told_or_not)
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

static pthread_t told;
static sem_t notified;

static void on_expiry(union sigval value)
{
	told = pthread_self();
	if (value.sival_int == 5)
		sem_post(&notified);
}

static pid_t thread_of_signal;

static void note_thread(int signal)
{
	thread_of_signal = gettid();
	calls++;
}

TEST_F(waits, timers_call_a_thread)
{
	struct itimerspec time = { .it_value.tv_nsec = 5000000 };
	struct sigevent event = {
		.sigev_notify = SIGEV_THREAD,
		.sigev_notify_function = on_expiry,
		.sigev_value.sival_int = 5,
	};
	timer_t timer;

	sem_init(&notified, 0, 0);
	ASSERT_EQ(0, timer_create(CLOCK_MONOTONIC, &event, &timer));
	ASSERT_EQ(0, timer_settime(timer, 0, &time, NULL));
	while (sem_wait(&notified))
		;
	EXPECT_EQ(0, pthread_equal(told, pthread_self()));
	timer_delete(timer);
}

/* Its own timer, by the thread's number. */
static void *wait_for_own_timer(void *arg)
{
	struct itimerspec time = { .it_value.tv_nsec = 5000000 };
	struct sigevent event = {
		.sigev_notify = SIGEV_THREAD_ID,
		.sigev_signo = SIGUSR2,
	};
	timer_t timer;

	event._sigev_un._tid = gettid();
	if (timer_create(CLOCK_MONOTONIC, &event, &timer) ||
	    timer_settime(timer, 0, &time, NULL))
		return NULL;
	while (!__atomic_load_n(&calls, __ATOMIC_RELAXED))
		;
	timer_delete(timer);
	return thread_of_signal == gettid() ? arg : NULL;
}

TEST_F(waits, timers_signal_one_thread)
{
	void *result = NULL;
	pthread_t thread;

	handle(SIGUSR2, note_thread, 0);
	ASSERT_EQ(0, pthread_create(&thread, NULL, wait_for_own_timer, self));
	pthread_join(thread, &result);
	EXPECT_TRUE(result == self);
	EXPECT_EQ(1, calls);
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

TEST_F(waits, contexts_take_turns)
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

TEST_F(waits, contexts_switch_in_handlers)
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

/* A session with a terminal of its own; what happened is its status. */
static int on_terminal(const char *name, int (*job)(int))
{
	int status = -1, terminal;
	pid_t pid = fork();

	if (!pid) {
		setsid();
		terminal = open(name, O_RDWR);
		if (terminal < 0 || ioctl(terminal, TIOCSCTTY, 0) < 0)
			_exit(100);
		_exit(job(terminal));
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 200;
}

/* Makes a job of its own; in the foreground if it is to be. */
static pid_t start_job(int terminal, bool foreground, void (*function)(int))
{
	pid_t pid = fork();

	if (!pid) {
		setpgid(0, 0);
		signal(SIGTTOU, SIG_IGN);
		if (foreground)
			tcsetpgrp(terminal, getpid());
		signal(SIGTTOU, SIG_DFL);
		function(terminal);
		_exit(0);
	}
	setpgid(pid, pid);
	return pid;
}

static void read_line(int terminal)
{
	char line[16];

	if (read(terminal, line, sizeof(line)) != 3 || line[0] != 'h')
		_exit(1);
}

/* In the background it may not read; in the foreground it goes on. */
static int read_in_background(int terminal)
{
	int status;
	pid_t pid = start_job(terminal, false, read_line);

	if (waitpid(pid, &status, WUNTRACED) != pid || !WIFSTOPPED(status) ||
	    WSTOPSIG(status) != SIGTTIN)
		return 1;
	tcsetpgrp(terminal, pid);
	kill(-pid, SIGCONT);
	if (waitpid(pid, &status, 0) != pid || status)
		return 2;
	return 42;
}

static int master;

static void be_idle(int terminal)
{
	for (;;)
		pause();
}

/* What is typed stops what is in the foreground, or ends it. */
static int interrupt_from_keyboard(int terminal)
{
	int status;
	pid_t pid = start_job(terminal, true, be_idle);

	while (tcgetpgrp(terminal) != pid)
		usleep(1000);
	if (write(master, "\x1a", 1) != 1 ||
	    waitpid(pid, &status, WUNTRACED) != pid || !WIFSTOPPED(status) ||
	    WSTOPSIG(status) != SIGTSTP)
		return 1;
	kill(-pid, SIGCONT);
	if (waitpid(pid, &status, WCONTINUED) != pid || !WIFCONTINUED(status))
		return 2;
	if (write(master, "\x03", 1) != 1 ||
	    waitpid(pid, &status, 0) != pid || !WIFSIGNALED(status) ||
	    WTERMSIG(status) != SIGINT)
		return 3;
	return 43;
}

static void on_hangup(int signal)
{
	_exit(44);
}

static int lose_terminal(int terminal)
{
	signal(SIGHUP, on_hangup);
	close(master);
	be_idle(terminal);
	return 1;
}

static void *hang_up(void *arg)
{
	usleep(100000);
	close(master);
	return NULL;
}

TEST_F(waits, a_terminal_has_jobs)
{
	pthread_t thread;

	master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (master < 0)
		SKIP(return, "this machine has no terminals");
	ASSERT_EQ(0, grantpt(master));
	ASSERT_EQ(0, unlockpt(master));
	ASSERT_EQ(3, write(master, "hi\n", 3));
	EXPECT_EQ(42, on_terminal(ptsname(master), read_in_background));
	EXPECT_EQ(43, on_terminal(ptsname(master), interrupt_from_keyboard));
	ASSERT_EQ(0, pthread_create(&thread, NULL, hang_up, NULL));
	EXPECT_EQ(44, on_terminal(ptsname(master), lose_terminal));
	pthread_join(thread, NULL);
}

TEST_HARNESS_MAIN
