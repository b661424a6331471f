// SPDX-License-Identifier: GPL-2.0-only
/*
 * Signals as any program uses them. It knows nothing of Dune, and passes
 * outside as well as within: process_test.sh runs it there.
 */
#include "kselftest_harness.h"

#include "ordinary_signals.h"

FIXTURE(signals) {
};

FIXTURE_SETUP(signals)
{
	calls = 0;
	handle(SIGUSR1, note, 0);
}

FIXTURE_TEARDOWN(signals)
{
}

TEST_F(signals, raised_signals_arrive_at_once)
{
	int i;

	for (i = 1; i <= 1000; i++) {
		raise(SIGUSR1);
		ASSERT_EQ(i, calls);
	}
	EXPECT_EQ(SIGUSR1, last);
	EXPECT_EQ(SI_TKILL, code);
}

TEST_F(signals, timers_interrupt_a_loop)
{
	struct itimerval timer = {
		/* time for more than the handler, on a slow machine as well */
		.it_value.tv_usec = 20000, .it_interval.tv_usec = 20000,
	};

	handle(SIGALRM, note, 0);
	setitimer(ITIMER_REAL, &timer, NULL);
	while (calls_now() < 10)
		;
	EXPECT_EQ(SIGALRM, last);
}

/* What the program computes is the program's own time, not the kernel's. */
TEST_F(signals, virtual_timers_count_the_program_s_time)
{
	struct itimerval timer = { .it_value.tv_usec = 200000 };
	struct rusage usage;

	handle(SIGVTALRM, note, 0);
	ASSERT_EQ(0, setitimer(ITIMER_VIRTUAL, &timer, NULL));
	while (!__atomic_load_n(&calls, __ATOMIC_RELAXED))
		;
	EXPECT_EQ(1, calls);
	ASSERT_EQ(0, getrusage(RUSAGE_SELF, &usage));
	EXPECT_LT(usage.ru_stime.tv_sec * 1000000 + usage.ru_stime.tv_usec,
		  usage.ru_utime.tv_sec * 1000000 + usage.ru_utime.tv_usec);
}

TEST_F(signals, posix_timers_carry_a_value)
{
	struct sigevent event = {
		.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN,
		.sigev_value.sival_int = 4711,
	};
	struct itimerspec time = { .it_value.tv_nsec = 1000000 };
	sigset_t set, before;
	timer_t timer;

	handle(SIGRTMIN, note, 0);
	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN);
	sigprocmask(SIG_BLOCK, &set, &before);
	ASSERT_EQ(0, timer_create(CLOCK_MONOTONIC, &event, &timer));
	ASSERT_EQ(0, timer_settime(timer, 0, &time, NULL));
	while (!calls)
		sigsuspend(&before);
	EXPECT_EQ(4711, value);
	EXPECT_EQ(SI_TIMER, code);
	timer_delete(timer);
}

int order[64];

static void note_order(int signal, siginfo_t *info, void *context)
{
	order[calls++] = info->si_value.sival_int;
}

TEST_F(signals, queued_signals_all_arrive_in_order)
{
	union sigval number;
	sigset_t set, before;
	int i;

	handle(SIGRTMIN, note_order, 0);
	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN);
	sigprocmask(SIG_BLOCK, &set, &before);
	for (i = 0; i < 40; i++) {
		number.sival_int = i;
		ASSERT_EQ(0, sigqueue(getpid(), SIGRTMIN, number));
	}
	EXPECT_EQ(0, calls);
	sigprocmask(SIG_SETMASK, &before, NULL);
	ASSERT_EQ(40, calls);
	for (i = 0; i < 40; i++)
		EXPECT_EQ(i, order[i]);
}

static void nest(int signal, siginfo_t *info, void *context)
{
	calls++;
	if (signal == SIGUSR1) {
		raise(SIGUSR2);
		last = calls;
	}
}

TEST_F(signals, handlers_nest)
{
	handle(SIGUSR1, nest, 0);
	handle(SIGUSR2, nest, 0);
	raise(SIGUSR1);
	EXPECT_EQ(2, calls);
	EXPECT_EQ(2, last);
}

static void again(int signal, siginfo_t *info, void *context)
{
	int depth = ++calls;

	if (depth < 5)
		raise(signal);
	last = depth;
}

TEST_F(signals, a_signal_waits_for_its_own_handler)
{
	handle(SIGUSR1, again, 0);
	raise(SIGUSR1);
	EXPECT_EQ(5, calls);
	/* one after the other */
	EXPECT_EQ(5, last);
	calls = 0;
	handle(SIGUSR1, again, SA_NODEFER);
	raise(SIGUSR1);
	EXPECT_EQ(5, calls);
	/* the outermost ended last */
	EXPECT_EQ(1, last);
}

/* One that was sent takes the handler away from one of the program's own. */
static void fault_after_reset(void)
{
	handle(SIGILL, leave_by_handler, SA_RESETHAND);
	calls = 0;
	raise(SIGILL);
	asm volatile("ud2");
}

TEST_F(signals, a_handler_may_be_for_once)
{
	struct sigaction now;
	int status;

	handle(SIGUSR1, note, SA_RESETHAND);
	raise(SIGUSR1);
	EXPECT_EQ(1, calls);
	ASSERT_EQ(0, sigaction(SIGUSR1, NULL, &now));
	EXPECT_TRUE(now.sa_handler == SIG_DFL);
	status = status_of(fault_after_reset);
	EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGILL);
}

TEST_F(signals, actions_are_told_as_they_were_set)
{
	struct sigaction action = { .sa_flags = SA_SIGINFO | SA_RESTART }, now;

	action.sa_sigaction = note;
	sigaddset(&action.sa_mask, SIGUSR2);
	ASSERT_EQ(0, sigaction(SIGUSR1, &action, NULL));
	ASSERT_EQ(0, sigaction(SIGUSR1, NULL, &now));
	EXPECT_TRUE(now.sa_sigaction == note);
	EXPECT_EQ(SA_SIGINFO | SA_RESTART, now.sa_flags & ~0x04000000);
	EXPECT_EQ(1, sigismember(&now.sa_mask, SIGUSR2));
	EXPECT_EQ(0, sigismember(&now.sa_mask, SIGALRM));
	EXPECT_EQ(-1, sigaction(SIGKILL, &action, NULL));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, syscall(SYS_rt_sigaction, SIGUSR1, 8, NULL, 8));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(-1, syscall(SYS_rt_sigaction, SIGUSR1, NULL, 8, 8));
	EXPECT_EQ(EFAULT, errno);
}

sigset_t in_handler;

static void note_mask(int signal, siginfo_t *info, void *context)
{
	sigprocmask(SIG_BLOCK, NULL, &in_handler);
	note(signal, info, context);
}

TEST_F(signals, masks_are_those_of_the_program)
{
	struct sigaction action = { .sa_flags = SA_SIGINFO };
	sigset_t set, now;

	action.sa_sigaction = note_mask;
	sigaddset(&action.sa_mask, SIGALRM);
	sigaction(SIGUSR1, &action, NULL);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	sigprocmask(SIG_SETMASK, &set, NULL);
	raise(SIGUSR1);
	EXPECT_EQ(1, calls);
	EXPECT_EQ(1UL << (SIGUSR2 - 1), seen_mask);
	EXPECT_EQ(1, sigismember(&in_handler, SIGUSR1));
	EXPECT_EQ(1, sigismember(&in_handler, SIGUSR2));
	EXPECT_EQ(1, sigismember(&in_handler, SIGALRM));
	EXPECT_EQ(0, sigismember(&in_handler, SIGTERM));
	sigprocmask(SIG_BLOCK, NULL, &now);
	EXPECT_EQ(1, sigismember(&now, SIGUSR2));
	EXPECT_EQ(0, sigismember(&now, SIGUSR1));
}

TEST_F(signals, sigsuspend_waits_with_another_mask)
{
	struct itimerval timer = { .it_value.tv_usec = 10000 };
	sigset_t set, none;

	handle(SIGALRM, note, 0);
	sigemptyset(&none);
	sigemptyset(&set);
	sigaddset(&set, SIGALRM);
	sigprocmask(SIG_SETMASK, &set, NULL);
	setitimer(ITIMER_REAL, &timer, NULL);
	EXPECT_EQ(-1, sigsuspend(&none));
	EXPECT_EQ(EINTR, errno);
	EXPECT_EQ(1, calls);
	/* what it goes back to is the mask before */
	EXPECT_EQ(1UL << (SIGALRM - 1), seen_mask);
}

TEST_F(signals, sigwait_and_signalfd_take_them)
{
	struct signalfd_siginfo info;
	sigset_t set;
	int taken, fd;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	sigprocmask(SIG_BLOCK, &set, NULL);
	raise(SIGUSR2);
	ASSERT_EQ(0, sigwait(&set, &taken));
	EXPECT_EQ(SIGUSR2, taken);
	fd = signalfd(-1, &set, 0);
	raise(SIGUSR2);
	ASSERT_EQ(sizeof(info), (size_t)read(fd, &info, sizeof(info)));
	EXPECT_EQ(SIGUSR2, (int)info.ssi_signo);
	close(fd);
}

TEST_F(signals, interrupt_what_sleeps)
{
	const struct itimerval timer = {
		.it_value.tv_usec = 20000, .it_interval.tv_usec = 20000,
	};
	struct timespec time = { .tv_sec = 100 };
	int ends[2];
	struct pollfd fd;
	char byte;

	handle(SIGALRM, note, 0);
	ASSERT_EQ(0, pipe(ends));
	fd.fd = ends[0];
	fd.events = POLLIN;
	/* one could come before what it is to interrupt */
	setitimer(ITIMER_REAL, &timer, NULL);
	EXPECT_EQ(-1, read(ends[0], &byte, 1));
	EXPECT_EQ(EINTR, errno);
	EXPECT_EQ(-1, poll(&fd, 1, -1));
	EXPECT_EQ(EINTR, errno);
	EXPECT_EQ(-1, nanosleep(&time, &time));
	EXPECT_EQ(EINTR, errno);
	EXPECT_TRUE(time.tv_sec == 99);
	EXPECT_LE(3, calls);
}

static int written_by_handler;

static void write_byte(int signal, siginfo_t *info, void *context)
{
	calls++;
	if (calls == 3 && write(written_by_handler, "x", 1) != 1)
		abort();
}

TEST_F(signals, restart_what_may_be_restarted)
{
	struct itimerval timer = {
		.it_value.tv_usec = 5000, .it_interval.tv_usec = 5000,
	};
	int ends[2];
	char byte = 0;

	ASSERT_EQ(0, pipe(ends));
	written_by_handler = ends[1];
	handle(SIGALRM, write_byte, SA_RESTART);
	setitimer(ITIMER_REAL, &timer, NULL);
	/* the handler runs before the call goes on, or it never would */
	EXPECT_EQ(1, read(ends[0], &byte, 1));
	EXPECT_EQ('x', byte);
	EXPECT_LE(3, calls);
}

TEST_F(signals, handlers_may_have_a_stack_of_their_own)
{
	stack_t stack = { .ss_sp = own_stack, .ss_size = sizeof(own_stack) };
	stack_t now;

	ASSERT_EQ(0, sigaltstack(&stack, NULL));
	handle(SIGUSR1, look_at_stack, SA_ONSTACK);
	raise(SIGUSR1);
	EXPECT_EQ(1, calls);
	EXPECT_TRUE(was_on_it);
	EXPECT_EQ(SS_ONSTACK, last);
	handle(SIGUSR1, look_at_stack, 0);
	raise(SIGUSR1);
	EXPECT_FALSE(was_on_it);
	ASSERT_EQ(0, sigaltstack(NULL, &now));
	EXPECT_TRUE(now.ss_sp == own_stack);
	EXPECT_EQ(0, now.ss_flags);
}

TEST_F(signals, a_stack_of_their_own_may_be_for_one)
{
	stack_t stack = {
		.ss_sp = own_stack, .ss_size = sizeof(own_stack),
		.ss_flags = SS_AUTODISARM,
	};
	stack_t now;

	ASSERT_EQ(0, sigaltstack(&stack, NULL));
	handle(SIGUSR1, look_at_stack, SA_ONSTACK);
	raise(SIGUSR1);
	EXPECT_EQ(1, calls);
	EXPECT_TRUE(was_on_it);
	/* while it is in use there is none */
	EXPECT_EQ(SS_DISABLE, last);
	ASSERT_EQ(0, sigaltstack(NULL, &now));
	EXPECT_TRUE(now.ss_sp == own_stack);
	EXPECT_EQ(sizeof(own_stack), now.ss_size);
	EXPECT_EQ(SS_AUTODISARM, (unsigned int)now.ss_flags);
	raise(SIGUSR1);
	EXPECT_EQ(2, calls);
	EXPECT_TRUE(was_on_it);
}

/* The smallest there may be: the registers of some CPUs are larger. */
#define SMALL_STACK	2048

static void signal_on_small_stack(void)
{
	stack_t stack = { .ss_sp = own_stack, .ss_size = SMALL_STACK };

	if (sigaltstack(&stack, NULL))
		_exit(98);
	handle(SIGUSR1, leave, SA_ONSTACK);
	raise(SIGUSR1);
}

static void signal_on_no_memory(void)
{
	stack_t stack = { .ss_size = sizeof(own_stack) };

	stack.ss_sp = mmap(NULL, stack.ss_size, PROT_NONE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (sigaltstack(&stack, NULL))
		_exit(98);
	handle(SIGUSR1, leave, SA_ONSTACK);
	raise(SIGUSR1);
}

static void descend(int signal, siginfo_t *info, void *context)
{
	/* there is room below, but it is not of the stack */
	if (calls++ > 1000)
		_exit(97);
	raise(signal);
}

static void signals_on_full_stack(void)
{
	stack_t stack = { .ss_size = sizeof(own_stack) };

	stack.ss_sp = mmap(NULL, 2 * stack.ss_size, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	stack.ss_sp = (char *)stack.ss_sp + stack.ss_size;
	if (sigaltstack(&stack, NULL))
		_exit(98);
	handle(SIGSEGV, leave, 0);
	handle(SIGUSR1, descend, SA_ONSTACK | SA_NODEFER);
	raise(SIGUSR1);
}

TEST_F(signals, a_stack_of_their_own_must_be_memory)
{
	stack_t stack = { .ss_sp = own_stack, .ss_size = SMALL_STACK - 1 };

	EXPECT_EQ(-1, sigaltstack(&stack, NULL));
	EXPECT_EQ(ENOMEM, errno);
	EXPECT_EQ(SIGSEGV, status_of(signal_on_no_memory) & ~WCOREFLAG);
}

TEST_F(signals, a_stack_of_their_own_must_be_large_enough)
{
	EXPECT_EQ(SIGSEGV, status_of(signals_on_full_stack) & ~WCOREFLAG);
	EXPECT_EQ(getauxval(AT_MINSIGSTKSZ) > SMALL_STACK ? SIGSEGV : 7 << 8,
		  status_of(signal_on_small_stack) & ~WCOREFLAG);
}

TEST_F(signals, children_stop_and_continue)
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		for (;;)
			pause();
	}
	kill(pid, SIGSTOP);
	ASSERT_EQ(pid, waitpid(pid, &status, WUNTRACED));
	EXPECT_TRUE(WIFSTOPPED(status));
	kill(pid, SIGCONT);
	ASSERT_EQ(pid, waitpid(pid, &status, WCONTINUED));
	EXPECT_TRUE(WIFCONTINUED(status));
	kill(pid, SIGKILL);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_TRUE(WIFSIGNALED(status));
}

static void *wait_for_signal(void *arg)
{
	while (!__atomic_load_n(&calls, __ATOMIC_RELAXED))
		usleep(1000);
	return NULL;
}

TEST_F(signals, one_thread_can_be_meant)
{
	pthread_t thread;
	sigset_t set;

	ASSERT_EQ(0, pthread_create(&thread, NULL, wait_for_signal, NULL));
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	pthread_kill(thread, SIGUSR1);
	ASSERT_EQ(0, pthread_join(thread, NULL));
	EXPECT_EQ(1, calls);
}

static pid_t taken_by;

static void note_thread(int signal, siginfo_t *info, void *context)
{
	taken_by = gettid();
	note(signal, info, context);
}

static void *take_signal(void *arg)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	kill(getpid(), SIGUSR1);
	wait_for_signal(NULL);
	return taken_by == gettid() ? arg : NULL;
}

/* It has the signal blocked, and is there to take it in spite of that. */
static void *wait_blocked(void *arg)
{
	wait_for_signal(NULL);
	return taken_by == gettid() ? NULL : arg;
}

TEST_F(signals, the_only_thread_that_can_takes_it)
{
	void *result = NULL;
	pthread_t threads[4];
	sigset_t set;
	int i;

	handle(SIGUSR1, note_thread, 0);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	for (i = 0; i < 4; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, i == 2 ?
					    take_signal : wait_blocked, self));
	for (i = 0; i < 4; i++) {
		ASSERT_EQ(0, pthread_join(threads[i], &result));
		EXPECT_TRUE(result == self)
			TH_LOG("thread %d", i);
	}
	EXPECT_EQ(1, calls);
	EXPECT_EQ(SI_USER, code);
	EXPECT_NE(gettid(), taken_by);
}

static siginfo_t told;

static void note_info(int signal, siginfo_t *info, void *context)
{
	told = *info;
	calls++;
}

/* What its parent is told next of a child. */
static void expect_of_child(struct __test_metadata *_metadata, pid_t pid,
			    int code, int status)
{
	sigset_t none;

	sigemptyset(&none);
	calls = 0;
	while (!calls)
		sigsuspend(&none);
	EXPECT_EQ(1, calls);
	EXPECT_EQ(SIGCHLD, told.si_signo);
	EXPECT_EQ(code, told.si_code);
	EXPECT_EQ(pid, told.si_pid);
	EXPECT_EQ(getuid(), told.si_uid);
	EXPECT_EQ(status, told.si_status);
}

TEST_F(signals, parents_are_told_of_children)
{
	sigset_t set;
	pid_t pid;

	handle(SIGCHLD, note_info, 0);
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	pid = fork();
	if (!pid)
		_exit(7);
	expect_of_child(_metadata, pid, CLD_EXITED, 7);
	EXPECT_EQ(pid, waitpid(pid, NULL, 0));
	pid = fork();
	if (!pid)
		for (;;)
			pause();
	kill(pid, SIGSTOP);
	expect_of_child(_metadata, pid, CLD_STOPPED, SIGSTOP);
	kill(pid, SIGCONT);
	expect_of_child(_metadata, pid, CLD_CONTINUED, SIGCONT);
	kill(pid, SIGTERM);
	expect_of_child(_metadata, pid, CLD_KILLED, SIGTERM);
	EXPECT_EQ(pid, waitpid(pid, NULL, 0));
}

TEST_F(signals, none_comes_while_it_is_blocked)
{
	pthread_t sender;
	sigset_t set, before;
	long now;
	int i;

	sigfillset(&set);
	begin_sending(&sender);
	/* until some were sent: there may be one CPU, and many a turn */
	for (i = 0; i < 1000 || __atomic_load_n(&sent, __ATOMIC_RELAXED) < 10;
	     i++) {
		pthread_sigmask(SIG_SETMASK, &set, &before);
		now = __atomic_load_n(&received, __ATOMIC_RELAXED);
		getppid();
		ASSERT_EQ(now, __atomic_load_n(&received, __ATOMIC_RELAXED));
		pthread_sigmask(SIG_SETMASK, &before, NULL);
	}
	end_sending(sender);
	EXPECT_LT(0, sent);
	EXPECT_EQ(sent, received);
}

TEST_HARNESS_MAIN
