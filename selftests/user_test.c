// SPDX-License-Identifier: GPL-2.0-only
/* Ring 3 by libdune: how it is entered and left, its calls and its threads. */
#include "user_code.h"

#include <asm/prctl.h>
#include <linux/futex.h>
#include <sched.h>

/* What ring 3 must not reach. */
static long secret = 4711;

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

TEST_F(user, system_calls_are_made_as_they_are)
{
	EXPECT_EQ(getpid(), call_user(get_pid, NULL));
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

static USER_CODE long do_int3(void *argument)
{
	asm volatile("int3");
	return 0;
}

/* As outside: it is no general protection fault. */
TEST_F(user, has_breakpoints)
{
	ASSERT_EQ(0, dune_set_trap_handler(DUNE_VECTOR_GP, end_at_trap, 0));
	ASSERT_EQ(0, dune_set_trap_handler(DUNE_VECTOR_BP, end_at_trap, 0));
	EXPECT_EQ(-DUNE_VECTOR_BP, call_user(do_int3, NULL));
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

/* Its pointers are to what the process has. */
static USER_CODE long execute(void *arguments)
{
	long ret = user_call(SYS_execve, shared.values[0], (long)arguments, 0,
			     0);

	if (ret != -ENOENT)
		return ret;
	return user_call(SYS_execve, shared.values[1], (long)arguments, 0, 0);
}

TEST_F(user, executes_another_program)
{
	static char *const arguments[] = { "true", NULL };

	shared.values[0] = (long)"/nonexistent";
	shared.values[1] = (long)"/bin/true";
	EXPECT_EQ(0, STATUS_OF((call_user(execute, (void *)arguments),
				_exit(1))));
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
