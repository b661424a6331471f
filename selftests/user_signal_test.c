// SPDX-License-Identifier: GPL-2.0-only
/* Signals in ring 3: those of ring 0, and those that it handles itself. */
#include "user_code.h"

#include <sys/time.h>
#include <time.h>

#define SA_RESTORER	0x04000000

static void count_signal(int signal, siginfo_t *info, void *context)
{
	seen.signals++;
	asm volatile("mov %%cs, %0" : "=r" (seen.cs));
	errno = 6;
	if (seen.signals >= 20)
		__atomic_store_n(&shared.ready, 1, __ATOMIC_RELAXED);
}

static USER_CODE long wait_until_ready(void *argument)
{
	unsigned long count = 0;

	while (!__atomic_load_n(&shared.ready, __ATOMIC_RELAXED))
		count++;
	return count > 0;
}

static USER_CODE long call_until_ready(void *argument)
{
	unsigned long good = 0, bad = 0;

	while (!__atomic_load_n(&shared.ready, __ATOMIC_RELAXED)) {
		if (user_call(5000, 1, 2, 3, 4) == 10)
			good++;
		else
			bad++;
	}
	return good && !bad;
}

static void start_timer(long microseconds)
{
	struct itimerval timer = {
		.it_value.tv_usec = microseconds,
		.it_interval.tv_usec = microseconds,
	};

	setitimer(ITIMER_REAL, &timer, NULL);
}

/* Handlers that ring 0 has installed run in ring 0, on its stack. */
TEST_F(user, signals_interrupt_it)
{
	struct sigaction action = {
		.sa_sigaction = count_signal, .sa_flags = SA_SIGINFO,
	};

	sigaction(SIGALRM, &action, NULL);
	start_timer(20000);
	EXPECT_EQ(1, call_user(wait_until_ready, NULL));
	EXPECT_LE(20, seen.signals);
	EXPECT_EQ(0, seen.cs & 3);
	/* also while it makes system calls, at whatever instruction */
	seen.signals = 0;
	shared.ready = 0;
	ASSERT_EQ(0, dune_set_syscall_handler(answer, 0));
	EXPECT_EQ(1, call_user(call_until_ready, NULL));
	start_timer(0);
}

struct user_action {
	void (*handler)(int signal);
	unsigned long flags;
	void (*restorer)(void);
	uint64_t mask;
};

static USER_CODE void count_in_ring_3(int signal)
{
	unsigned short cs;

	asm volatile("mov %%cs, %0" : "=r" (cs));
	shared.count++;
	shared.values[0] = cs & 3;
	asm volatile("mov %%rsp, %0" : "=r" (shared.values[1]));
	/* vector registers are what the handler leaves alone */
	asm volatile("pxor %%xmm5, %%xmm5" : : : "xmm5");
}

static USER_CODE __attribute__((naked)) void restore(void)
{
	asm volatile("mov $15, %eax; syscall");
}

/* Without constants in memory, which would be ring 0's. */
static USER_CODE long set_handler(int signal, unsigned long flags)
{
	struct user_action *action = (struct user_action *)shared.actions;

	action->handler = count_in_ring_3;
	action->flags = SA_RESTORER | flags;
	action->restorer = restore;
	action->mask = 0;
	return user_call(SYS_rt_sigaction, signal, (long)action, 0, 8);
}

/* With SA_ONSTACK if there is an argument. */
static USER_CODE long handle_signals(void *argument)
{
	stack_t *stack = (stack_t *)(shared.actions + 64);
	long value = VECTOR, after;
	int i;

	if (set_handler(SIGUSR1, argument ? SA_ONSTACK : 0))
		return -1;
	stack->ss_sp = shared.other_stack;
	stack->ss_size = STACK_SIZE;
	stack->ss_flags = 0;
	if (argument && user_call(SYS_sigaltstack, (long)stack, 0, 0, 0))
		return -2;
	for (i = 0; i < 100; i++) {
		asm volatile("movq %0, %%xmm5" : : "r" (value) : "xmm5");
		if (user_call(SYS_kill, user_call(SYS_getpid, 0, 0, 0, 0),
			      SIGUSR1, 0, 0))
			return -3;
		asm volatile("movq %%xmm5, %0" : "=r" (after));
		if (shared.count != i + 1UL)
			return -4 - i;
		if (after != value)
			return -1000 - i;
	}
	return 0;
}

static bool is_on(long sp, const char *stack)
{
	return (unsigned long)sp - (unsigned long)stack < STACK_SIZE;
}

TEST_F(user, has_handlers_of_its_own)
{
	EXPECT_EQ(0, call_user(handle_signals, NULL));
	EXPECT_EQ(100, shared.count);
	EXPECT_EQ(3, shared.values[0]);
	EXPECT_TRUE(is_on(shared.values[1], shared.stack));
	/* as well with a handler of its system calls, on another stack */
	shared.count = 0;
	ASSERT_EQ(0, dune_set_syscall_handler(answer, 0));
	EXPECT_EQ(0, call_user(handle_signals, (void *)1));
	EXPECT_TRUE(is_on(shared.values[1], shared.other_stack));
}

static USER_CODE long handle_one(void *signal)
{
	return set_handler((long)signal, 0);
}

static void fault_outside(void)
{
	char *nothing = mmap(NULL, PAGE, PROT_NONE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	alarm(10);
	if (!dune_leave())
		put(nothing, 1);
}

static void *wait_outside(void *unused)
{
	long err = dune_leave();

	__atomic_store_n(&shared.ready, 1, __ATOMIC_RELEASE);
	pause();
	return (void *)err;
}

/* A thread outside gets the signal, but not ring 3's code. */
TEST_F(user, has_handlers_nowhere_else)
{
	pthread_t thread;
	void *err;

	EXPECT_EQ(0, call_user(handle_one, (void *)SIGUSR1));
	ASSERT_EQ(0, pthread_create(&thread, NULL, wait_outside, NULL));
	while (!__atomic_load_n(&shared.ready, __ATOMIC_ACQUIRE))
		usleep(1000);
	usleep(100000);
	pthread_kill(thread, SIGUSR1);
	ASSERT_EQ(0, pthread_join(thread, &err));
	EXPECT_EQ(NULL, err);
	/* what ends the process does, whoever handles it elsewhere */
	EXPECT_EQ(0, call_user(handle_one, (void *)SIGSEGV));
	EXPECT_EQ(SIGSEGV, STATUS_OF(fault_outside()) & ~WCOREFLAG);
	EXPECT_EQ(0, shared.count);
}

static USER_CODE long alternative_stacks(void *argument)
{
	stack_t *stack = (stack_t *)shared.actions, *old = stack + 1;

	stack->ss_sp = shared.other_stack;
	stack->ss_size = 2047;
	stack->ss_flags = 0;
	shared.values[0] = user_call(SYS_sigaltstack, (long)stack, 0, 0, 0);
	stack->ss_size = STACK_SIZE;
	stack->ss_flags = 4;
	shared.values[1] = user_call(SYS_sigaltstack, (long)stack, 0, 0, 0);
	stack->ss_flags = 0;
	shared.values[2] = user_call(SYS_sigaltstack, 64, 0, 0, 0);
	shared.values[3] = user_call(SYS_sigaltstack, 0, 64, 0, 0);
	shared.values[4] = user_call(SYS_sigaltstack, (long)stack, (long)old,
				     0, 0);
	if (!(old->ss_flags & SS_DISABLE))
		return -1;
	/* the one that it is on itself */
	stack->ss_sp = shared.stack;
	shared.values[5] = user_call(SYS_sigaltstack, (long)stack, (long)old,
				     0, 0);
	if (old->ss_sp != shared.other_stack || old->ss_flags)
		return -2;
	shared.values[6] = user_call(SYS_sigaltstack, (long)stack, 0, 0, 0);
	shared.values[7] = user_call(SYS_sigaltstack, 0, (long)old, 0, 0);
	return old->ss_flags;
}

TEST_F(user, has_an_alternative_stack)
{
	stack_t before, after;

	sigaltstack(NULL, &before);
	EXPECT_EQ(SS_ONSTACK, call_user(alternative_stacks, NULL));
	EXPECT_EQ(-ENOMEM, shared.values[0]);
	EXPECT_EQ(-EINVAL, shared.values[1]);
	EXPECT_EQ(-EFAULT, shared.values[2]);
	EXPECT_EQ(-EFAULT, shared.values[3]);
	EXPECT_EQ(0, shared.values[4]);
	EXPECT_EQ(0, shared.values[5]);
	EXPECT_EQ(-EPERM, shared.values[6]);
	EXPECT_EQ(0, shared.values[7]);
	/* that of ring 0 is another */
	sigaltstack(NULL, &after);
	EXPECT_EQ(before.ss_sp, after.ss_sp);
	EXPECT_EQ(before.ss_flags, after.ss_flags);
}

/* Its stack pointer is its own whenever a signal comes. */
static USER_CODE long call_often(void *argument)
{
	unsigned long before, after, flags;
	long i, pid = user_call(SYS_getpid, 0, 0, 0, 0);

	for (i = 0; !__atomic_load_n(&shared.ready, __ATOMIC_RELAXED); i++) {
		asm volatile("mov %%rsp, %0" : "=r" (before));
		if (user_call(SYS_getpid, 0, 0, 0, 0) != pid)
			return -1;
		asm volatile("mov %%rsp, %0; pushf; pop %1"
			     : "=r" (after), "=r" (flags));
		if (before != after || !(flags & DUNE_RFLAGS_IF))
			return -2;
	}
	return i > 0;
}

static void end_calls(int signal)
{
	if (++seen.signals == 2000)
		__atomic_store_n(&shared.ready, 1, __ATOMIC_RELAXED);
}

static void answer_pid(struct dune_frame *frame)
{
	frame->rax = 4711;
}

TEST_F(user, signals_come_while_it_calls)
{
	const struct itimerval often = { { 0, 500 }, { 0, 500 } };
	const struct itimerval never = { 0 };

	ASSERT_EQ(0, dune_set_syscall_handler(answer_pid,
					      DUNE_HANDLER_INTEGER));
	signal(SIGALRM, end_calls);
	setitimer(ITIMER_REAL, &often, NULL);
	EXPECT_EQ(1, call_user(call_often, NULL));
	setitimer(ITIMER_REAL, &never, NULL);
}

static USER_CODE long wait_for_input(void *argument)
{
	char byte;

	if (set_handler(SIGALRM, argument ? SA_RESTART : 0))
		return -1;
	return user_call(SYS_read, shared.pipe[0], (long)&byte, 1, 0);
}

static void *write_later(void *argument)
{
	usleep(200000);
	if (write(shared.pipe[1], "x", 1) != 1)
		return "";
	return NULL;
}

TEST_F(user, signals_end_its_system_calls)
{
	struct itimerval timer = { .it_value.tv_usec = 50000 };
	pthread_t thread;

	ASSERT_EQ(0, pipe(shared.pipe));
	setitimer(ITIMER_REAL, &timer, NULL);
	EXPECT_EQ(-EINTR, call_user(wait_for_input, NULL));
	EXPECT_EQ(1, shared.count);
	/* or it is made again */
	pthread_create(&thread, NULL, write_later, NULL);
	setitimer(ITIMER_REAL, &timer, NULL);
	EXPECT_EQ(1, call_user(wait_for_input, (void *)1));
	EXPECT_EQ(2, shared.count);
	pthread_join(thread, NULL);
}

static void open_and_forward(struct dune_frame *frame)
{
	unsigned long before = shared.count;

	/* in the handler signals are let in: ring 3's wait nevertheless */
	if (frame->rax == SYS_getpid && !seen.signals) {
		seen.signals = 1;
		dune_set_interrupts(1);
		raise(SIGUSR1);
		getppid();
		dune_set_interrupts(0);
	} else if (frame->rax == SYS_getpid) {
		/* when the call is made again, behind ring 3's handler */
		seen.signals = 0;
	}
	seen.calls += shared.count != before;
	dune_forward(frame);
}

static USER_CODE long signals_in_the_handler(void *argument)
{
	long pid;
	int i;

	if (set_handler(SIGUSR1, 0))
		return -1;
	pid = user_call(SYS_getpid, 0, 0, 0, 0);
	for (i = 0; i < 20; i++)
		if (user_call(SYS_getpid, 0, 0, 0, 0) != pid)
			return -2;
	return shared.count;
}

TEST_F(user, its_handlers_do_not_run_in_ring_0)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN };

	sigaction(SIGUSR1, &ignore, NULL);
	ASSERT_EQ(0, dune_set_syscall_handler(open_and_forward, 0));
	EXPECT_EQ(21, call_user(signals_in_the_handler, NULL));
	EXPECT_EQ(0, seen.calls);
}

static USER_CODE long only_set_handler(void *argument)
{
	return set_handler(SIGUSR1, 0);
}

static void leave_with_a_signal(struct dune_frame *frame)
{
	dune_set_interrupts(1);
	raise(SIGUSR1);
	getppid();
	dune_set_interrupts(0);
	dune_leave_user(frame, 5);
}

static void count_in_ring_0(int signal)
{
	seen.signals++;
}

/* Its handler is gone with it; what ring 0 handles comes as before. */
TEST_F(user, leaves_no_signal_behind)
{
	signal(SIGUSR2, count_in_ring_0);
	EXPECT_EQ(0, call_user(only_set_handler, NULL));
	raise(SIGUSR1);
	raise(SIGUSR2);
	getppid();
	EXPECT_EQ(0, shared.count);
	EXPECT_EQ(1, seen.signals);
	/* again, when one waits as ring 3 is left */
	ASSERT_EQ(0, dune_set_syscall_handler(leave_with_a_signal, 0));
	EXPECT_EQ(5, call_user(get_pid, NULL));
	raise(SIGUSR2);
	EXPECT_EQ(2, seen.signals);
	EXPECT_EQ(0, shared.count);
}

static USER_CODE long handle_with_bad_stack(void *argument)
{
	set_handler(SIGUSR1, 0);
	asm volatile("mov %0, %%rsp; mov $39, %%eax; syscall; mov %%eax, %%edi;"
		     "mov $10, %%esi; mov $62, %%eax; syscall; ud2"
		     : : "r" (argument) : "memory");
	return 0;
}

/* A frame is not written where ring 3 itself could not write. */
TEST_F(user, its_frames_are_its_own_memory)
{
	char *memory = get_memory(LARGE);
	int status;

	status = STATUS_OF(({
		call_user(handle_with_bad_stack, memory + LARGE);
	}));
	EXPECT_TRUE(WIFSIGNALED(status));
	EXPECT_EQ(SIGSEGV, WTERMSIG(status));
}

static USER_CODE long return_from_nothing(void *argument)
{
	asm volatile("mov %0, %%rsp; mov $15, %%eax; syscall"
		     : : "r" (argument) : "memory");
	return 0;
}

TEST_F(user, returns_from_its_own_frames_only)
{
	char *memory = get_memory(LARGE);
	int status;

	status = STATUS_OF(call_user(return_from_nothing, memory));
	EXPECT_TRUE(WIFSIGNALED(status));
	EXPECT_EQ(SIGSEGV, WTERMSIG(status));
}

static USER_CODE long forge_a_frame(void *argument)
{
	struct {
		unsigned long flags, link;
		stack_t stack;
		struct sigcontext context;
		uint64_t mask;
	} *frame = argument;
	unsigned int i;

	for (i = 0; i < sizeof(*frame); i++)
		put((char *)frame + i, 0);
	frame->stack.ss_flags = SS_DISABLE;
	frame->context.rip = (uint64_t)do_cli;
	frame->context.rsp = (uint64_t)shared.stack + STACK_SIZE / 2;
	/* ring 0, interrupts off, I/O allowed, and libdune's own mark */
	frame->context.cs = 0x08;
	frame->context.eflags = 0x3002;
	frame->context.__reserved1[0] = 3;
	return return_from_nothing(argument);
}

TEST_F(user, does_not_forge_its_way_to_ring_0)
{
	ASSERT_EQ(0, dune_set_trap_handler(DUNE_VECTOR_GP, end_at_trap, 0));
	EXPECT_EQ(-DUNE_VECTOR_GP, call_user(forge_a_frame,
					     shared.other_stack));
}

TEST_HARNESS_MAIN
