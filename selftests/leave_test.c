// SPDX-License-Identifier: GPL-2.0-only
/* Out of Dune and into it again: what is kept, and what is left. */
#include "in_dune.h"

#include <asm/prctl.h>
#include <sched.h>
#include <sys/rseq.h>

#define ROUNDS	200

struct context {
	uint64_t rbx, rbp, r12, r13, r14, r15;
	uint32_t mxcsr;
	uint16_t control;
};

static const struct context wanted = {
	.rbx = 0x1111, .rbp = 0x2222, .r12 = 0x3333, .r13 = 0x4444,
	.r14 = 0x5555, .r15 = 0x6666,
	/* to be rounded up, and toward zero */
	.mxcsr = 0x5f80, .control = 0x0f7f,
};

/* Calls with all that a function has to keep; what is there afterwards. */
static int call_with(int (*function)(void), struct context *context)
{
	int ret;

	asm volatile("mov %%rsp, %%rdx; sub $128, %%rsp; and $-16, %%rsp\n\t"
		     "push %%rdx; push %%rbx; push %%rbp; push %1\n\t"
		     "sub $16, %%rsp; stmxcsr (%%rsp); fnstcw 4(%%rsp)\n\t"
		     "ldmxcsr 48(%1); fldcw 52(%1)\n\t"
		     "mov 16(%1), %%r12; mov 24(%1), %%r13\n\t"
		     "mov 32(%1), %%r14; mov 40(%1), %%r15\n\t"
		     "mov 0(%1), %%rbx; mov 8(%1), %%rbp\n\t"
		     "call *%%rax; mov 16(%%rsp), %%rcx\n\t"
		     "mov %%r12, 16(%%rcx); mov %%r13, 24(%%rcx)\n\t"
		     "mov %%r14, 32(%%rcx); mov %%r15, 40(%%rcx)\n\t"
		     "mov %%rbx, 0(%%rcx); mov %%rbp, 8(%%rcx)\n\t"
		     "stmxcsr 48(%%rcx); fnstcw 52(%%rcx)\n\t"
		     "ldmxcsr (%%rsp); fldcw 4(%%rsp)\n\t"
		     "add $24, %%rsp; pop %%rbp; pop %%rbx; pop %%rsp"
		     : "=a" (ret), "+c" (context)
		     : "a" (function)
		     : "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12",
		       "r13", "r14", "r15", "memory", "cc");
	return ret;
}

TEST(registers_are_kept_both_ways)
{
	struct context context = wanted;

	ASSERT_EQ(0, dune_init(NULL));
	EXPECT_EQ(0, call_with(dune_enter, &context));
	EXPECT_EQ(0, ring());
	EXPECT_EQ(0, memcmp(&wanted, &context, sizeof(context)));
	context = wanted;
	EXPECT_EQ(0, call_with(dune_leave, &context));
	EXPECT_EQ(3, ring());
	EXPECT_EQ(0, memcmp(&wanted, &context, sizeof(context)));
}

static bool is_blocked(int signal)
{
	sigset_t now;

	sigprocmask(SIG_BLOCK, NULL, &now);
	return sigismember(&now, signal);
}

TEST(leaving_keeps_the_thread_as_it_is)
{
	uint64_t gs = 0;
	sigset_t set;

	ENTER_DUNE();
	of_thread = 8;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	sigprocmask(SIG_BLOCK, &set, NULL);
	ASSERT_EQ(0, syscall(SYS_arch_prctl, ARCH_SET_GS, 0x123456));
	ASSERT_EQ(0, dune_leave());
	EXPECT_EQ(8, of_thread);
	EXPECT_TRUE(is_blocked(SIGUSR2));
	EXPECT_FALSE(is_blocked(SIGUSR1));
	ASSERT_EQ(0, syscall(SYS_arch_prctl, ARCH_GET_GS, &gs));
	EXPECT_EQ(0x123456, gs);
	ASSERT_EQ(0, dune_enter());
	EXPECT_EQ(8, of_thread);
	EXPECT_TRUE(is_blocked(SIGUSR2));
	ASSERT_EQ(0, syscall(SYS_arch_prctl, ARCH_GET_GS, &gs));
	EXPECT_EQ(0x123456, gs);
}

static const struct rseq *rseq_area(void)
{
	return (struct rseq *)((char *)__builtin_thread_pointer() +
			       __rseq_offset);
}

/* The kernel has the thread's area, and says there where it runs. */
static bool has_rseq(void)
{
	unsigned int cpu = 0, told;
	int i;

	if (syscall(SYS_rseq, rseq_area(), 32, 0, RSEQ_SIG) != -1 ||
	    errno != EBUSY)
		return false;
	/* it may be moved between the two */
	for (i = 0; i < 100; i++) {
		told = __atomic_load_n(&rseq_area()->cpu_id, __ATOMIC_RELAXED);
		syscall(SYS_getcpu, &cpu, NULL, NULL);
		if (cpu == told && (int)cpu == sched_getcpu())
			return true;
	}
	return false;
}

TEST(restartable_sequences_go_on)
{
	cpu_set_t set;
	int i;

	if (!__rseq_size)
		SKIP(return, "the C library has none");
	ASSERT_EQ(0, dune_init(NULL));
	for (i = 0; i < 4; i++) {
		CPU_ZERO(&set);
		CPU_SET(i % sysconf(_SC_NPROCESSORS_ONLN), &set);
		ASSERT_EQ(0, sched_setaffinity(0, sizeof(set), &set));
		ASSERT_EQ(0, dune_enter());
		EXPECT_TRUE(has_rseq());
		ASSERT_EQ(0, dune_leave());
		EXPECT_TRUE(has_rseq());
	}
}

TEST(signals_after_leaving)
{
	int i;

	handle(SIGUSR1, 0);
	ENTER_DUNE();
	handle(SIGUSR2, 0);
	for (i = 0; i < 3; i++) {
		raise(SIGUSR1);
		EXPECT_EQ(0, handled.ring);
		ASSERT_EQ(0, dune_leave());
		raise(SIGUSR1);
		EXPECT_EQ(3, handled.ring);
		EXPECT_EQ(SIGUSR1, handled.signal);
		raise(SIGUSR2);
		EXPECT_EQ(SIGUSR2, handled.signal);
		EXPECT_EQ(3, handled.ring);
		EXPECT_EQ(1, sigismember(&handled.blocked, SIGTERM));
		EXPECT_EQ(1, sigismember(&handled.blocked, SIGUSR2));
		EXPECT_EQ(0, sigismember(&handled.blocked, SIGUSR1));
		EXPECT_FALSE(is_blocked(SIGTERM));
		ASSERT_EQ(0, dune_enter());
		raise(SIGUSR2);
		EXPECT_EQ(0, handled.ring);
	}
	EXPECT_EQ(12, calls());
}

/* What is installed outside holds when it is back in Dune. */
TEST(handlers_installed_between)
{
	ENTER_DUNE();
	ASSERT_EQ(0, dune_leave());
	handle(SIGUSR1, 0);
	raise(SIGUSR1);
	EXPECT_EQ(3, handled.ring);
	ASSERT_EQ(0, dune_enter());
	raise(SIGUSR1);
	EXPECT_EQ(0, handled.ring);
	EXPECT_EQ(2, calls());
}

TEST(leave_with_a_signal_that_waits)
{
	sigset_t set;

	handle(SIGUSR1, 0);
	ENTER_DUNE();
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	raise(SIGUSR1);
	ASSERT_EQ(0, dune_leave());
	EXPECT_EQ(0, calls());
	sigpending(&set);
	EXPECT_EQ(1, sigismember(&set, SIGUSR1));
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	EXPECT_EQ(1, calls());
	EXPECT_EQ(3, handled.ring);
}

/* One that came while interrupts were off is the kernel's again. */
TEST(leave_with_interrupts_off)
{
	handle(SIGUSR1, 0);
	ENTER_DUNE();
	dune_set_interrupts(0);
	raise(SIGUSR1);
	EXPECT_EQ(0, calls());
	ASSERT_EQ(0, dune_leave());
	EXPECT_EQ(1, calls());
	EXPECT_EQ(3, handled.ring);
	raise(SIGUSR1);
	EXPECT_EQ(2, calls());
}

/* Among it no huge page, which a large area gets for its first byte. */
TEST(entering_takes_little_memory)
{
	unsigned long used = memory_of(true);

	ENTER_DUNE();
	/* some is code that it runs */
	EXPECT_GE(used + 256, memory_of(true));
}

TEST(many_rounds_leave_nothing_behind)
{
	unsigned int files, round;
	unsigned long size = 0, used = 0;

	ASSERT_EQ(0, dune_init(NULL));
	files = descriptors();
	for (round = 0; round < ROUNDS; round++) {
		ASSERT_EQ(0, dune_enter());
		ASSERT_EQ(0, ring());
		ASSERT_EQ(0, dune_leave());
		ASSERT_EQ(3, ring());
		if (round == ROUNDS / 2) {
			size = memory_of(false);
			used = memory_of(true);
		}
	}
	EXPECT_EQ(files, descriptors());
	EXPECT_EQ(size, memory_of(false));
	/* the kernel maps more than is asked for */
	EXPECT_GE(used + ROUNDS / 4, memory_of(true));
}

static void *leave_and_return(void *unused)
{
	if (ring() || dune_leave())
		return (void *)1;
	return (void *)(long)(ring() != 3);
}

/* A thread that began in Dune ends outside. */
TEST(a_thread_leaves_and_ends)
{
	unsigned int files;
	pthread_t thread;
	void *result;
	int i;

	ENTER_DUNE();
	files = descriptors();
	for (i = 0; i < 20; i++) {
		ASSERT_EQ(0, pthread_create(&thread, NULL, leave_and_return,
					    NULL));
		ASSERT_EQ(0, pthread_join(thread, &result));
		EXPECT_EQ(NULL, result);
	}
	EXPECT_EQ(files, descriptors());
}

TEST(children_after_leaving)
{
	ENTER_DUNE();
	ASSERT_EQ(0, dune_leave());
	EXPECT_EQ(0x300, STATUS_OF(_exit(ring())));
	EXPECT_EQ(0x700, STATUS_OF(execl("/bin/sh", "sh", "-c", "exit 7",
					 NULL)));
	ASSERT_EQ(0, dune_enter());
	EXPECT_EQ(0, STATUS_OF(_exit(ring())));
}

TEST_HARNESS_MAIN
