// SPDX-License-Identifier: GPL-2.0-only
/* Ring 3 by libdune: how it is entered and left, its system calls and signals. */
#include "in_dune.h"

#include <asm/prctl.h>
#include <linux/futex.h>
#include <sched.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>

#define STACK_SIZE	(16 * PAGE)
#define SA_RESTORER	0x04000000

/* What ring 3 has, on pages of its own. */
static struct shared {
	char stack[STACK_SIZE], other_stack[STACK_SIZE], actions[128];
	long values[16];
	uint64_t flags;
	unsigned long count, signals;
	int futex, ready, pipe[2];
} __attribute__((aligned(4096))) shared;

/* What ring 3 must not reach. */
static long secret = 4711;

static struct {
	unsigned long calls, signals;
	uint64_t flags, rip, cs, address, error, rax;
} seen;

static inline __attribute__((always_inline)) long
user_call(long nr, long a, long b, long c, long d)
{
	register long r10 asm("r10") = d, r8 asm("r8") = 0, r9 asm("r9") = 0;
	long ret;

	asm volatile("syscall" : "=a" (ret) : "a" (nr), "D" (a), "S" (b),
		     "d" (c), "r" (r10), "r" (r8), "r" (r9)
		     : "rcx", "r11", "memory");
	return ret;
}

static inline __attribute__((always_inline)) long
user_remap(long start, long old, long new, long flags, long to)
{
	register long r10 asm("r10") = flags;
	register long r8 asm("r8") = to;
	long ret;

	asm volatile("syscall" : "=a" (ret) : "a" (SYS_mremap), "D" (start),
		     "S" (old), "d" (new), "r" (r10), "r" (r8)
		     : "rcx", "r11", "memory");
	return ret;
}

static int show(const void *start, uint64_t size)
{
	return dune_map(dune_root_current(), (void *)start,
			(size + PAGE - 1) & -PAGE, start,
			DUNE_PTE_USER | DUNE_PTE_WRITE);
}

static long call_user(long (*function)(void *), void *argument)
{
	return dune_call_user(function, argument, shared.stack, STACK_SIZE);
}

FIXTURE(user) {
};

FIXTURE_SETUP(user)
{
	const char *code = (char *)((uint64_t)__start_user_code & -PAGE);

	ENTER_DUNE();
	ASSERT_EQ(0, show(code, __stop_user_code - code));
	ASSERT_EQ(0, show(&shared, sizeof(shared)));
}

FIXTURE_TEARDOWN(user)
{
}

static USER_CODE long ring_and_argument(void *argument)
{
	unsigned short cs;

	asm volatile("mov %%cs, %0" : "=r" (cs));
	return (cs & 3) * 1000 + (long)argument;
}

TEST_F(user, a_function_in_ring_3)
{
	int i;

	for (i = 0; i < 100; i++)
		ASSERT_EQ(3000 + i, call_user(ring_and_argument,
					      (void *)(long)i));
}

TEST_F(user, what_is_refused)
{
	struct dune_user user = { .frame.rip = 1UL << 47 };

	EXPECT_EQ(-EINVAL, dune_run_user(&user));
	user.frame.rip = 0;
	user.fs_base = 1UL << 63;
	EXPECT_EQ(-EINVAL, dune_run_user(&user));
	EXPECT_EQ(-EINVAL, dune_call_user(ring_and_argument, NULL,
					  shared.stack, 255));
	EXPECT_EQ(-EFAULT, dune_call_user(ring_and_argument, NULL,
					  (void *)(1UL << 62), 4096));
	EXPECT_EQ(-EINVAL, dune_set_syscall_handler(NULL, 2));
}

TEST(outside_of_dune)
{
	struct dune_user user = { 0 };

	ASSERT_EQ(0, dune_init(NULL));
	EXPECT_EQ(-EPERM, dune_run_user(&user));
	EXPECT_EQ(-EPERM, dune_call_user(ring_and_argument, NULL, shared.stack,
					 STACK_SIZE));
	EXPECT_EQ(getpid(), dune_syscall(SYS_getpid, 0, 0, 0, 0, 0, 0));
	EXPECT_EQ(-EBADF, dune_syscall(SYS_close, -1, 0, 0, 0, 0, 0));
}

TEST_F(user, a_system_call_of_ring_0)
{
	EXPECT_EQ(getpid(), dune_syscall(SYS_getpid, 0, 0, 0, 0, 0, 0));
	EXPECT_EQ(-EBADF, dune_syscall(SYS_close, -1, 0, 0, 0, 0, 0));
}

static USER_CODE long get_pid(void *argument)
{
	return user_call(SYS_getpid, 0, 0, 0, 0);
}

TEST_F(user, system_calls_are_made_as_they_are)
{
	EXPECT_EQ(getpid(), call_user(get_pid, NULL));
}

static void answer(struct dune_frame *frame)
{
	seen.calls++;
	seen.cs = frame->cs;
	switch (frame->rax) {
	case 5000:
		frame->rax = frame->rdi + frame->rsi + frame->rdx + frame->r10;
		break;
	case 5001:
		dune_leave_user(frame, 77);
	case 5002:
		frame->rax = -EACCES;
		break;
	case 5003:
		frame->rax = dune_leave();
		break;
	default:
		dune_forward(frame);
	}
}

static USER_CODE long make_calls(void *argument)
{
	long ret = user_call(5000, 1, 20, 300, 4000);

	shared.values[0] = user_call(5002, 0, 0, 0, 0);
	shared.values[1] = user_call(SYS_getpid, 0, 0, 0, 0);
	return ret;
}

TEST_F(user, a_handler_answers_refuses_and_forwards)
{
	ASSERT_EQ(0, dune_set_syscall_handler(answer, 0));
	EXPECT_EQ(4321, call_user(make_calls, NULL));
	EXPECT_EQ(3, seen.calls);
	EXPECT_EQ(3, seen.cs & 3);
	EXPECT_EQ(-EACCES, shared.values[0]);
	EXPECT_EQ(getpid(), shared.values[1]);
	ASSERT_EQ(0, dune_set_syscall_handler(answer, DUNE_HANDLER_INTEGER));
	EXPECT_EQ(4321, call_user(make_calls, NULL));
	ASSERT_EQ(0, dune_set_syscall_handler(NULL, 0));
	EXPECT_EQ(-ENOSYS, call_user(make_calls, NULL));
}

static USER_CODE long leave_dune(void *argument)
{
	return user_call(5003, 0, 0, 0, 0);
}

TEST_F(user, its_handler_does_not_leave_dune)
{
	ASSERT_EQ(0, dune_set_syscall_handler(answer, 0));
	EXPECT_EQ(-EPERM, call_user(leave_dune, NULL));
	EXPECT_EQ(0, dune_leave());
}

static USER_CODE long leave_in_the_middle(void *argument)
{
	register long r12 asm("r12") = 1234;

	asm volatile("syscall" : : "a" (5001L), "r" (r12) : "rcx", "r11");
	return user_call(5000, r12, 0, 0, 0);
}

TEST_F(user, is_left_and_entered_again)
{
	struct dune_user user = { .frame = {
		.rip = (uint64_t)leave_in_the_middle,
		.rsp = (uint64_t)shared.stack + STACK_SIZE - 64,
	} };

	ASSERT_EQ(0, dune_set_syscall_handler(answer, 0));
	EXPECT_EQ(77, dune_run_user(&user));
	EXPECT_EQ(77, user.result);
	EXPECT_EQ(1234, user.frame.r12);
	EXPECT_EQ(5001, user.frame.rax);
	EXPECT_EQ(1, seen.calls);
	/* behind the call; this time it is left there for good */
	user.frame.rip = (uint64_t)leave_in_the_middle;
	EXPECT_EQ(77, dune_run_user(&user));
	EXPECT_EQ(2, seen.calls);
}

static USER_CODE long read_secret(void *argument)
{
	return __atomic_load_n((long *)argument, __ATOMIC_RELAXED);
}

static USER_CODE long write_secret(void *argument)
{
	__atomic_store_n((long *)argument, 1, __ATOMIC_RELAXED);
	return 0;
}

static USER_CODE long jump_to(void *argument)
{
	((void (*)(void))argument)();
	return 0;
}

static enum dune_verdict end_at_fault(uint64_t address, unsigned int error,
				      struct dune_frame *frame)
{
	seen.address = address;
	seen.error = error;
	seen.cs = frame->cs;
	dune_leave_user(frame, -1);
}

TEST_F(user, does_not_reach_ring_0)
{
	char *own = dune_page_alloc();

	ASSERT_EQ(0, dune_set_fault_handler(end_at_fault, 0));
	EXPECT_EQ(-1, call_user(read_secret, &secret));
	EXPECT_EQ((uint64_t)&secret, seen.address);
	EXPECT_EQ(DUNE_FAULT_PRESENT | DUNE_FAULT_USER, seen.error);
	EXPECT_EQ(3, seen.cs & 3);
	EXPECT_EQ(-1, call_user(write_secret, &secret));
	EXPECT_EQ(DUNE_FAULT_PRESENT | DUNE_FAULT_USER | DUNE_FAULT_WRITE,
		  seen.error);
	EXPECT_EQ(-1, call_user(read_secret, own));
	EXPECT_EQ(-1, call_user(jump_to, dune_map));
	EXPECT_EQ(DUNE_FAULT_PRESENT | DUNE_FAULT_USER | DUNE_FAULT_FETCH,
		  seen.error);
	EXPECT_EQ(4711, secret);
}

TEST_F(user, without_a_handler_it_ends_the_process)
{
	int status = STATUS_OF(call_user(write_secret, &secret));

	EXPECT_TRUE(WIFSIGNALED(status));
	EXPECT_EQ(SIGSEGV, WTERMSIG(status));
}

static USER_CODE long do_cli(void *argument)
{
	asm volatile("cli");
	return 0;
}

static USER_CODE long do_mov_cr3(void *argument)
{
	asm volatile("mov %0, %%cr3" : : "r" (argument));
	return 0;
}

static USER_CODE long do_wrmsr(void *argument)
{
	asm volatile("wrmsr" : : "a" (0), "d" (0), "c" (0xc0000082));
	return 0;
}

static USER_CODE long do_vmcall(void *argument)
{
	asm volatile("vmcall");
	return 0;
}

static USER_CODE long do_vmmcall(void *argument)
{
	asm volatile("vmmcall");
	return 0;
}

static USER_CODE long do_int80(void *argument)
{
	asm volatile("int $0x80" : : "a" (20));
	return 0;
}

static USER_CODE long do_far_jump(void *argument)
{
	asm volatile("pushq $0x08; lea 1f(%%rip), %%rax; push %%rax; lretq; 1:"
		     : : : "rax", "memory");
	return 0;
}

static enum dune_verdict end_at_trap(struct dune_frame *frame)
{
	seen.rip = frame->rip;
	dune_leave_user(frame, -(long)frame->vector);
}

TEST_F(user, has_no_privileges)
{
	static long (*const functions[])(void *) = {
		do_cli, do_mov_cr3, do_wrmsr, do_int80, do_far_jump,
	};
	unsigned int i;

	ASSERT_EQ(0, dune_set_trap_handler(DUNE_VECTOR_GP, end_at_trap, 0));
	ASSERT_EQ(0, dune_set_trap_handler(DUNE_VECTOR_UD, end_at_trap, 0));
	for (i = 0; i < ARRAY_SIZE(functions); i++)
		EXPECT_EQ(-DUNE_VECTOR_GP, call_user(functions[i], NULL))
			TH_LOG("%u", i);
	/* the other vendor's is undefined as well */
	EXPECT_EQ(-DUNE_VECTOR_UD, call_user(do_vmcall, NULL));
	EXPECT_EQ(-DUNE_VECTOR_UD, call_user(do_vmmcall, NULL));
}

/* What dune_call_user() has a function return to is for that only. */
TEST_F(user, does_not_end_dune_run_user_by_itself)
{
	struct dune_user user = { .frame = {
		.rip = (uint64_t)jump_to,
		.rsp = (uint64_t)shared.stack + STACK_SIZE - 64,
	} };
	uint64_t *top;

	ASSERT_EQ(0, dune_set_fault_handler(end_at_fault, 0));
	call_user(ring_and_argument, NULL);
	top = (uint64_t *)(((uint64_t)shared.stack + STACK_SIZE) & -16UL) - 1;
	user.frame.rdi = *top;
	EXPECT_EQ(-1, dune_run_user(&user));
	EXPECT_EQ(*top, seen.address);
}

#define VECTOR	0x4711

static USER_CODE long keep_vectors(void *argument)
{
	long value = VECTOR;

	asm volatile("movq %%xmm1, %0" : "=r" (shared.values[2]));
	asm volatile("movq %1, %%xmm1; syscall; movq %%xmm1, %0"
		     : "=&r" (shared.values[3]) : "r" (value), "a" (5000L)
		     : "xmm1", "rcx", "r11");
	return 0;
}

static void destroy_vectors(struct dune_frame *frame)
{
	uint64_t ones = -1UL;

	asm volatile("movq %0, %%xmm1; fninit; fld1" : : "m" (ones) : "xmm1");
	frame->rax = 0;
}

TEST_F(user, vector_registers_are_its_own)
{
	long value = 2 * VECTOR, after;

	ASSERT_EQ(0, dune_set_syscall_handler(destroy_vectors, 0));
	asm volatile("movq %0, %%xmm1" : : "r" (value) : "xmm1");
	call_user(keep_vectors, NULL);
	asm volatile("movq %%xmm1, %0" : "=r" (after));
	/* what ring 0 had is neither seen nor lost */
	EXPECT_EQ(0, shared.values[2]);
	EXPECT_EQ(VECTOR, shared.values[3]);
	EXPECT_EQ(value, after);
}

/* Direction, alignment check, nested task, and one of arithmetic. */
#define ODD_FLAGS	(1UL << 10 | 1UL << 18 | 1UL << 14 | 1)

static USER_CODE long odd_flags(void *argument)
{
	uint64_t before, after;

	asm volatile("pushf; pop %0; or %2, %0; push %0; popf;"
		     "mov $5000, %%eax; syscall;"
		     "pushf; pop %1; push $2; popf"
		     : "=&r" (before), "=&r" (after) : "r" (ODD_FLAGS)
		     : "rax", "rcx", "r11", "memory", "cc");
	shared.flags = after;
	return 0;
}

static void note_flags(struct dune_frame *frame)
{
	asm volatile("pushf; pop %0" : "=r" (seen.flags));
	frame->rax = 0;
}

TEST_F(user, its_flags_are_its_own)
{
	ASSERT_EQ(0, dune_set_syscall_handler(note_flags, 0));
	call_user(odd_flags, NULL);
	EXPECT_EQ(0, seen.flags & (ODD_FLAGS & ~1UL));
	EXPECT_EQ(0, seen.flags & DUNE_RFLAGS_IF);
	/* NT is not for ring 3: IRET would not go back */
	EXPECT_EQ(ODD_FLAGS & ~(1UL << 14), shared.flags & ODD_FLAGS);
}

static USER_CODE long tell_flags(void *argument)
{
	uint64_t flags;

	asm volatile("pushf; pop %0" : "=r" (flags));
	shared.flags = flags;
	return 0;
}

/* Nor has it others because it begins with them: I/O, NT, VIF. */
TEST_F(user, begins_with_flags_for_ring_3)
{
	const uint64_t not_for_it = 3UL << 12 | 1UL << 14 | 1UL << 19;
	struct dune_user user = { .frame = {
		.rip = (uint64_t)tell_flags,
		.rsp = (uint64_t)shared.stack + STACK_SIZE - 64,
		.rflags = not_for_it | 1,
	} };

	ASSERT_EQ(0, dune_set_fault_handler(end_at_fault, 0));
	*(uint64_t *)user.frame.rsp = 0;
	EXPECT_EQ(-1, dune_run_user(&user));
	EXPECT_EQ(DUNE_RFLAGS_IF | 1,
		  shared.flags & (not_for_it | DUNE_RFLAGS_IF | 1));
}

static USER_CODE long read_tls(void *argument)
{
	long value;

	asm volatile("mov %%fs:8, %0" : "=r" (value));
	user_call(5000, 0, 0, 0, 0);
	return value;
}

static USER_CODE long change_tls(void *argument)
{
	unsigned long base = 0;

	if (user_call(SYS_arch_prctl, ARCH_SET_FS, (long)&shared.values[4], 0,
		      0) ||
	    user_call(SYS_arch_prctl, ARCH_GET_FS, (long)&base, 0, 0))
		return -1;
	shared.values[0] = base;
	shared.values[1] = user_call(SYS_arch_prctl, ARCH_SET_GS, 0, 0, 0);
	shared.values[2] = user_call(SYS_arch_prctl, ARCH_SET_FS, 1L << 62, 0,
				     0);
	asm volatile("mov %%fs:8, %0" : "=r" (base));
	return base;
}

TEST_F(user, thread_local_storage_is_its_own)
{
	struct dune_user user = { .frame = {
		.rip = (uint64_t)read_tls,
		.rsp = (uint64_t)shared.stack + STACK_SIZE - 64,
	}, .fs_base = (uint64_t)&shared.values[3] };

	/* errno is ring 0's */
	errno = 5;
	shared.values[4] = 333;
	shared.values[5] = 555;
	ASSERT_EQ(0, dune_set_fault_handler(end_at_fault, 0));
	ASSERT_EQ(0, dune_set_syscall_handler(answer, 0));
	/* it has nowhere to return to */
	*(uint64_t *)user.frame.rsp = 0;
	EXPECT_EQ(-1, dune_run_user(&user));
	EXPECT_EQ(333, user.frame.rax);
	EXPECT_EQ(5, errno);
	EXPECT_EQ(555, call_user(change_tls, NULL));
	EXPECT_EQ((long)&shared.values[4], shared.values[0]);
	EXPECT_EQ(-EINVAL, shared.values[1]);
	EXPECT_EQ(-EPERM, shared.values[2]);
	EXPECT_EQ(5, errno);
}

static USER_CODE long set_tls(void *argument)
{
	return user_call(SYS_arch_prctl, ARCH_SET_FS,
			 (long)&shared.values[4], 0, 0);
}

TEST_F(user, tells_where_its_storage_is)
{
	struct dune_user user = { .frame = {
		.rip = (uint64_t)set_tls,
		.rsp = (uint64_t)shared.stack + STACK_SIZE - 64,
	} };

	ASSERT_EQ(0, dune_set_fault_handler(end_at_fault, 0));
	*(uint64_t *)user.frame.rsp = 0;
	EXPECT_EQ(-1, dune_run_user(&user));
	EXPECT_EQ(0, user.frame.rax);
	EXPECT_EQ((uint64_t)&shared.values[4], user.fs_base);
}

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
	shared.values[3] = user_call(SYS_sigaltstack, (long)stack, 64, 0, 0);
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

static USER_CODE long refused_calls(void *argument)
{
	shared.values[0] = user_call(SYS_rseq, 0, 32, 0, 0);
	shared.values[1] = user_call(SYS_prctl, 59, 1, 0, 0);
	shared.values[2] = user_call(SYS_arch_prctl, ARCH_SET_GS, 0, 0, 0);
	shared.values[3] = user_call(SYS_arch_prctl, ARCH_GET_FS, 64, 0, 0);
	shared.values[4] = user_call(SYS_arch_prctl, ARCH_SET_FS, 1L << 47, 0,
				     0);
	/* one that is the kernel's */
	return user_call(SYS_prctl, 3, 0, 0, 0);
}

TEST_F(user, calls_that_are_not_for_it)
{
	EXPECT_EQ(1, call_user(refused_calls, NULL));
	EXPECT_EQ(-ENOSYS, shared.values[0]);
	EXPECT_EQ(-EINVAL, shared.values[1]);
	EXPECT_EQ(-EINVAL, shared.values[2]);
	EXPECT_EQ(-EFAULT, shared.values[3]);
	EXPECT_EQ(-EPERM, shared.values[4]);
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

static USER_CODE long fork_and_wait(void *argument)
{
	long child = user_call(SYS_fork, 0, 0, 0, 0);
	int status = 0;
	unsigned short cs;

	asm volatile("mov %%cs, %0" : "=r" (cs));
	if (child < 0)
		return child;
	if (!child)
		user_call(SYS_exit_group, (cs & 3) * 10 + 2, 0, 0, 0);
	if (user_call(SYS_wait4, child, (long)&status, 0, 0) != child)
		return -1;
	return status;
}

TEST_F(user, forks)
{
	EXPECT_EQ(32 << 8, call_user(fork_and_wait, NULL));
	ASSERT_EQ(0, dune_set_syscall_handler(answer, 0));
	EXPECT_EQ(32 << 8, call_user(fork_and_wait, NULL));
}

static USER_CODE long vfork_and_wait(void *argument)
{
	long child = user_call(SYS_clone, CLONE_VM | CLONE_VFORK | SIGCHLD,
			       (long)(shared.other_stack + STACK_SIZE), 0, 0);
	int status = 0;

	if (!child) {
		shared.values[0] = user_call(SYS_getpid, 0, 0, 0, 0);
		user_call(SYS_exit_group, 7, 0, 0, 0);
	}
	if (user_call(SYS_wait4, child, (long)&status, 0, 0) != child)
		return -1;
	return shared.values[0] == child ? status : -2;
}

TEST_F(user, vforks)
{
	EXPECT_EQ(7 << 8, call_user(vfork_and_wait, NULL));
}

#define THREAD	(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND |	\
		 CLONE_THREAD | CLONE_CHILD_CLEARTID | CLONE_SETTLS)

static USER_CODE long thread_and_wait(void *argument)
{
	register long r8 asm("r8") = (long)&shared.values[8];
	register long r10 asm("r10") = (long)&shared.futex;
	register long r12 asm("r12") = (long)shared.values;
	long child;
	int i;

	shared.values[9] = 99;
	shared.futex = 1;
	/* what follows has no stack of its own in either thread */
	asm volatile("syscall;"
		     "test %%rax, %%rax; jnz 1f;"
		     "mov %%fs:8, %%rax; mov %%rax, (%%r12);"
		     "mov $5000, %%eax; mov $1, %%edi; mov $2, %%esi;"
		     "mov $3, %%edx; mov $4, %%r10d; syscall;"
		     "mov %%rax, 8(%%r12);"
		     "mov $60, %%eax; syscall; ud2; 1:"
		     : "=a" (child)
		     : "a" (SYS_clone), "D" (THREAD),
		       "S" (shared.other_stack + STACK_SIZE), "d" (0),
		       "r" (r10), "r" (r8), "r" (r12)
		     : "rcx", "r11", "memory");
	for (i = 0; child > 0 && __atomic_load_n(&shared.futex,
						 __ATOMIC_ACQUIRE); i++)
		user_call(SYS_futex, (long)&shared.futex, FUTEX_WAIT, 1, 0);
	return child > 0 ? 0 : child;
}

TEST_F(user, makes_threads)
{
	ASSERT_EQ(0, dune_set_syscall_handler(answer, DUNE_HANDLER_INTEGER));
	EXPECT_EQ(0, call_user(thread_and_wait, NULL));
	EXPECT_EQ(99, shared.values[0]);
	EXPECT_EQ(10, shared.values[1]);
}

static USER_CODE long use_memory(void *argument)
{
	char *memory = (char *)user_call(SYS_mmap, 0, 8 * PAGE, 3, 0x22);
	long old;

	if ((long)memory < 0)
		return -1;
	memory[7 * PAGE] = 1;
	if (user_call(SYS_mprotect, (long)memory, PAGE, 1, 0))
		return -2;
	if (user_call(SYS_madvise, (long)memory + PAGE, PAGE, 4, 0))
		return -3;
	if (user_call(SYS_munmap, (long)memory + 4 * PAGE, 2 * PAGE, 0, 0))
		return -4;
	/* over its own, and at a place where nothing is */
	if (user_call(SYS_mmap, (long)memory, 6 * PAGE, 3, 0x32) !=
	    (long)memory)
		return -5;
	memory[5 * PAGE] = 2;
	memory = (char *)user_call(SYS_mremap, (long)memory, 8 * PAGE,
				   64 * PAGE, MREMAP_MAYMOVE);
	if ((long)memory < 0)
		return -6;
	memory[63 * PAGE] = memory[7 * PAGE];
	if (memory[63 * PAGE] != 1 || memory[5 * PAGE] != 2)
		return -7;
	if (user_call(SYS_munmap, (long)memory, 64 * PAGE, 0, 0))
		return -8;
	old = user_call(SYS_brk, 0, 0, 0, 0);
	if (user_call(SYS_brk, old + 4 * PAGE, 0, 0, 0) != old + 4 * (long)PAGE)
		return -9;
	((char *)old)[4 * PAGE - 1] = 1;
	if (user_call(SYS_brk, old, 0, 0, 0) != old)
		return -10;
	return 0;
}

TEST_F(user, has_memory_of_its_own)
{
	EXPECT_EQ(0, call_user(use_memory, NULL));
}

/* Does the root show it to ring 3? */
static bool is_shown(const char *place)
{
	struct dune_mapping mapping;

	return !dune_lookup(dune_root_current(), place, &mapping) &&
	       mapping.bits & DUNE_PTE_USER;
}

static USER_CODE long use_edges(void *argument)
{
	long memory = user_call(SYS_mmap, 0, 8 * PAGE, 3, 0x22), other;

	if (user_call(SYS_mmap, 0, 0, 3, 0x22) != -EINVAL ||
	    user_call(SYS_mmap, 0, 1L << 47, 3, 0x22) != -ENOMEM)
		return -1;
	if (user_call(SYS_mmap, memory + 1, PAGE, 3, 0x32) != -EINVAL ||
	    user_call(SYS_mmap, memory, (1L << 47) - 4096, 3, 0x32) != -EINVAL)
		return -2;
	/* what is not there any more is no error */
	if (user_call(SYS_munmap, memory + 2 * PAGE, 2 * PAGE, 0, 0) ||
	    user_call(SYS_munmap, memory, 6 * PAGE, 0, 0))
		return -3;
	shared.values[0] = memory;
	/* smaller, where it is; then elsewhere, where something is and not */
	memory = user_call(SYS_mmap, 0, 8 * PAGE, 3, 0x22);
	other = user_call(SYS_mmap, 0, 8 * PAGE, 3, 0x22);
	((char *)memory)[PAGE] = 9;
	if (user_remap(memory, 8 * PAGE, 4 * PAGE, 0, 0) != memory)
		return -4;
	shared.values[1] = memory;
	if (user_remap(memory, 4 * PAGE, 2 * PAGE, 3, other) != other ||
	    ((char *)other)[PAGE] != 9)
		return -5;
	if (user_remap(other, 2 * PAGE, 2 * PAGE, 3, memory) != memory ||
	    ((char *)memory)[PAGE] != 9)
		return -6;
	shared.values[2] = other;
	other = user_call(SYS_mmap, 0, 2 * PAGE, 3, 0x22);
	if (user_call(SYS_munmap, other, 2 * PAGE, 0, 0))
		return -7;
	shared.values[3] = other;
	/* more of a heap, and not all of it again */
	other = (user_call(SYS_brk, 0, 0, 0, 0) + PAGE - 1) & -(long)PAGE;
	if (user_call(SYS_brk, other + 4 * PAGE, 0, 0, 0) !=
	    other + 4 * (long)PAGE ||
	    user_call(SYS_brk, other + PAGE, 0, 0, 0) != other + (long)PAGE)
		return -8;
	shared.values[4] = other;
	return 0;
}

TEST_F(user, edges_of_its_memory)
{
	char *memory;
	int i;

	ASSERT_EQ(0, call_user(use_edges, NULL));
	memory = (char *)shared.values[0];
	for (i = 0; i < 8; i++)
		EXPECT_EQ(i > 5, is_shown(memory + i * PAGE));
	memory = (char *)shared.values[1];
	for (i = 0; i < 8; i++)
		EXPECT_EQ(i < 2, is_shown(memory + i * PAGE));
	memory = (char *)shared.values[2];
	for (i = 0; i < 8; i++)
		EXPECT_EQ(i > 1, is_shown(memory + i * PAGE));
	EXPECT_FALSE(is_shown((char *)shared.values[3]));
	memory = (char *)shared.values[4];
	for (i = 0; i < 4; i++)
		EXPECT_EQ(i < 1, is_shown(memory + i * PAGE));
	/* ring 0 sees what it gets in its place */
	memory = mmap((char *)shared.values[3], 2 * PAGE,
		      PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	put(memory, 1);
	EXPECT_EQ(1, get(memory));
}

/* Copies of memory that it does not have, and what is in its way. */
static USER_CODE long take_memory(void *argument)
{
	long memory = user_call(SYS_mmap, 0, PAGE, 3, 0x22);
	long end = user_call(SYS_brk, 0, 0, 0, 0);

	shared.values[0] = user_remap((long)argument, 0, PAGE, 1, 0);
	shared.values[1] = user_remap(memory, PAGE, PAGE, 3, (long)argument);
	shared.values[2] = user_call(SYS_brk, end - 8 * (long)PAGE, 0, 0, 0) -
			   end;
	shared.values[3] = user_call(SYS_shmat, shared.values[4],
				     (long)argument, SHM_REMAP, 0);
	shared.values[5] = user_call(SYS_shmat, shared.values[4], memory,
				     SHM_REMAP, 0) - memory;
	((char *)memory)[0] = 7;
	/* so large that it is nothing again when it is made whole pages */
	shared.values[6] = user_remap((long)argument, -1, PAGE, 1, 0);
	return 0;
}

TEST_F(user, takes_no_memory_of_ring_0)
{
	char *memory = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int id = shmget(IPC_PRIVATE, PAGE, 0600);
	char *segment = shmat(id, NULL, 0);

	shmctl(id, IPC_RMID, NULL);
	put(memory, 42);
	ASSERT_NE((void *)-1, sbrk(16 * PAGE));
	shared.values[4] = id;
	EXPECT_EQ(0, call_user(take_memory, memory));
	EXPECT_EQ(-EPERM, shared.values[0]);
	EXPECT_EQ(-EPERM, shared.values[1]);
	EXPECT_EQ(0, shared.values[2]);
	EXPECT_EQ(-EPERM, shared.values[3]);
	EXPECT_EQ(0, shared.values[5]);
	EXPECT_EQ(-EPERM, shared.values[6]);
	EXPECT_EQ(42, get(memory));
	EXPECT_EQ(7, get(segment));
}

static USER_CODE long share_memory(void *argument)
{
	char *memory = (char *)user_call(SYS_shmat, (long)argument, 0, 0, 0);

	if ((long)memory < 0 && (long)memory > -4096)
		return (long)memory;
	memory[PAGE] = 5;
	if (user_call(SYS_shmdt, (long)memory, 0, 0, 0))
		return -1;
	return user_call(SYS_shmdt, (long)memory, 0, 0, 0);
}

TEST_F(user, has_shared_memory)
{
	int id = shmget(IPC_PRIVATE, 2 * PAGE, 0600);
	char *memory = shmat(id, NULL, 0);

	shmctl(id, IPC_RMID, NULL);
	EXPECT_EQ(-EPERM, call_user(share_memory, (void *)(long)id));
	EXPECT_EQ(5, get(memory + PAGE));
}

/* Where ring 0 has something, ring 3 changes nothing. */
static USER_CODE long attack_memory(void *argument)
{
	char *place = argument;
	long page = (long)place & -(long)PAGE;

	shared.values[0] = user_call(SYS_mmap, page, PAGE, 3, 0x32);
	shared.values[1] = user_call(SYS_munmap, page, PAGE, 0, 0);
	shared.values[2] = user_call(SYS_mprotect, page, PAGE, 7, 0);
	shared.values[3] = user_call(SYS_madvise, page, PAGE, 4, 0);
	shared.values[4] = user_call(SYS_mremap, page, PAGE, PAGE * 2, 1);
	shared.values[5] = user_call(SYS_munmap, page - (long)PAGE, 1L << 20, 0,
				     0);
	shared.values[6] = user_call(SYS_mlock, page, PAGE, 0, 0);
	shared.values[7] = user_call(SYS_munmap, 0, 1L << 47, 0, 0);
	return 0;
}

TEST_F(user, leaves_the_memory_of_ring_0)
{
	char *memory = get_memory(LARGE), *own = dune_page_alloc();

	put(memory, 42);
	*own = 43;
	EXPECT_EQ(0, call_user(attack_memory, memory));
	EXPECT_EQ(-EPERM, shared.values[0]);
	EXPECT_EQ(0, shared.values[1]);
	EXPECT_EQ(-EPERM, shared.values[2]);
	EXPECT_EQ(-EPERM, shared.values[3]);
	EXPECT_EQ(-EPERM, shared.values[4]);
	EXPECT_EQ(0, shared.values[5]);
	EXPECT_EQ(-EPERM, shared.values[6]);
	EXPECT_EQ(-EINVAL, shared.values[7]);
	EXPECT_EQ(42, get(memory));
	EXPECT_EQ(0, call_user(attack_memory, own));
	EXPECT_EQ(-EPERM, shared.values[0]);
	EXPECT_EQ(43, get(own));
	EXPECT_EQ(4711, secret);
}

static long nested;

static void call_deeper(struct dune_frame *frame)
{
	if (frame->rdi == 1)
		nested = dune_call_user(ring_and_argument, (void *)5,
					shared.other_stack, STACK_SIZE);
	frame->rax = nested;
}

static USER_CODE long ask_for_more(void *argument)
{
	return user_call(5000, 1, 0, 0, 0) + user_call(5000, 2, 0, 0, 0);
}

static USER_CODE long storage_after_call(void *argument)
{
	long value;

	user_call(5000, 1, 0, 0, 0);
	asm volatile("mov %%fs:8, %0" : "=r" (value));
	return value;
}

TEST_F(user, is_entered_in_its_handler)
{
	struct dune_user user = { .frame = {
		.rip = (uint64_t)storage_after_call,
		.rsp = (uint64_t)shared.stack + STACK_SIZE - 64,
	}, .fs_base = (uint64_t)&shared.values[3] };

	ASSERT_EQ(0, dune_set_syscall_handler(call_deeper, 0));
	EXPECT_EQ(2 * 3005, call_user(ask_for_more, NULL));
	/* and has its own storage again */
	shared.values[4] = 333;
	ASSERT_EQ(0, dune_set_fault_handler(end_at_fault, 0));
	*(uint64_t *)user.frame.rsp = 0;
	EXPECT_EQ(-1, dune_run_user(&user));
	EXPECT_EQ(333, user.frame.rax);
}

static enum dune_verdict count_steps(struct dune_frame *frame)
{
	seen.calls++;
	seen.cs |= ~frame->cs & 3;
	return DUNE_DONE;
}

static USER_CODE long steps(void *argument)
{
	long ret;

	asm volatile("pushf; orq $0x100, (%%rsp); popf; nop; mov $39, %%eax;"
		     "syscall; nop; pushf; andq $~0x100, (%%rsp); popf"
		     : "=a" (ret) : : "rcx", "r11", "memory", "cc");
	return ret;
}

TEST_F(user, is_stepped_through_its_calls)
{
	ASSERT_EQ(0, dune_set_trap_handler(DUNE_VECTOR_DB, count_steps, 0));
	EXPECT_EQ(getpid(), call_user(steps, NULL));
	/* nop, mov, syscall, nop, pushf, and, popf: one may be missing */
	EXPECT_LE(6, seen.calls);
	EXPECT_GE(8, seen.calls);
	/* all of them in ring 3 */
	EXPECT_EQ(0, seen.cs);
}

#define CALLS	2000

static USER_CODE long many_calls(void *argument)
{
	long i, sum = 0;

	for (i = 0; i < CALLS; i++)
		sum += user_call(5000, i, 1, 2, 3);
	return sum;
}

static void *thread_in_ring_3(void *stack)
{
	return (void *)dune_call_user(many_calls, NULL, stack, STACK_SIZE);
}

static void also_answer(struct dune_frame *frame)
{
	answer(frame);
}

TEST_F(user, threads_are_there_at_the_same_time)
{
	pthread_t threads[4];
	char *stacks = get_memory(4 * STACK_SIZE);
	void *sum;
	int i;

	ASSERT_EQ(0, show(stacks, 4 * STACK_SIZE));
	ASSERT_EQ(0, dune_set_syscall_handler(answer, 0));
	for (i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, thread_in_ring_3,
			       stacks + i * STACK_SIZE);
	for (i = 0; i < 500; i++) {
		dune_set_syscall_handler(also_answer, DUNE_HANDLER_INTEGER);
		dune_set_syscall_handler(answer, 0);
	}
	for (i = 0; i < 4; i++) {
		pthread_join(threads[i], &sum);
		EXPECT_EQ(CALLS * (CALLS - 1) / 2 + 6 * CALLS, (long)sum);
	}
}

TEST_HARNESS_MAIN
