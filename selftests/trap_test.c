// SPDX-License-Identifier: GPL-2.0-only
/* Exceptions that a program handles by libdune. */
#include "in_dune.h"

#include <setjmp.h>

/* What the handlers saw, and what they are to do. */
static struct {
	unsigned int calls;
	uint64_t vector, error, address, rip, flags;
	uint64_t skip;		/* bytes to go on behind */
} seen;

static sigjmp_buf place;

static void note(const struct dune_frame *frame)
{
	seen.calls++;
	seen.vector = frame->vector;
	seen.error = frame->error_code;
	seen.rip = frame->rip;
	seen.flags = frame->rflags;
}

static enum dune_verdict skip(struct dune_frame *frame)
{
	note(frame);
	frame->rip += seen.skip;
	return DUNE_DONE;
}

static enum dune_verdict pass(struct dune_frame *frame)
{
	note(frame);
	return DUNE_PASS;
}

static enum dune_verdict skip_fault(uint64_t address, unsigned int error,
				    struct dune_frame *frame)
{
	seen.address = address;
	return skip(frame);
}

static enum dune_verdict pass_fault(uint64_t address, unsigned int error,
				    struct dune_frame *frame)
{
	seen.address = address;
	return pass(frame);
}

static void jump_away(int signal)
{
	siglongjmp(place, signal);
}

FIXTURE(trap) {
};

FIXTURE_SETUP(trap)
{
	ENTER_DUNE();
}

FIXTURE_TEARDOWN(trap)
{
}

TEST_F(trap, only_what_can_be_taken)
{
	EXPECT_EQ(-EINVAL, dune_set_trap_handler(2, skip, 0));
	EXPECT_EQ(-EINVAL, dune_set_trap_handler(8, skip, 0));
	EXPECT_EQ(-EINVAL, dune_set_trap_handler(14, skip, 0));
	EXPECT_EQ(-EINVAL, dune_set_trap_handler(18, skip, 0));
	EXPECT_EQ(-EINVAL, dune_set_trap_handler(32, skip, 0));
	EXPECT_EQ(-EINVAL, dune_set_trap_handler(6, skip, 2));
	EXPECT_EQ(-EINVAL, dune_set_fault_handler(skip_fault, 2));
}

TEST_F(trap, undefined_instruction)
{
	seen.skip = 2;
	ASSERT_EQ(0, dune_set_trap_handler(DUNE_VECTOR_UD, skip, 0));
	asm volatile("ud2");
	EXPECT_EQ(1, seen.calls);
	EXPECT_EQ(DUNE_VECTOR_UD, seen.vector);
	EXPECT_EQ(0, seen.error);
	EXPECT_EQ(DUNE_RFLAGS_IF, seen.flags & DUNE_RFLAGS_IF);
}

TEST_F(trap, division_gets_a_result)
{
	unsigned int result = 7;

	/* div %ecx */
	seen.skip = 2;
	ASSERT_EQ(0, dune_set_trap_handler(DUNE_VECTOR_DE, skip, 0));
	asm volatile("div %%ecx" : "+a" (result) : "c" (0), "d" (0));
	EXPECT_EQ(DUNE_VECTOR_DE, seen.vector);
	EXPECT_EQ(7, result);
}

TEST_F(trap, breakpoint_is_behind_it)
{
	uint64_t here;

	ASSERT_EQ(0, dune_set_trap_handler(DUNE_VECTOR_BP, skip, 0));
	asm volatile("int3; 1: lea 1b(%%rip), %0" : "=r" (here));
	EXPECT_EQ(DUNE_VECTOR_BP, seen.vector);
	EXPECT_EQ(here, seen.rip);
}

TEST_F(trap, general_protection_has_its_code)
{
	/* mov %eax, %fs */
	seen.skip = 2;
	ASSERT_EQ(0, dune_set_trap_handler(DUNE_VECTOR_GP, skip, 0));
	asm volatile("mov %0, %%fs" : : "a" (0x1238));
	EXPECT_EQ(DUNE_VECTOR_GP, seen.vector);
	EXPECT_EQ(0x1238, seen.error);
}

static enum dune_verdict count_steps(struct dune_frame *frame)
{
	note(frame);
	if (seen.calls == 5)
		dune_step(frame, 0);
	return DUNE_DONE;
}

static enum dune_verdict begin_steps(struct dune_frame *frame)
{
	dune_step(frame, 1);
	return DUNE_DONE;
}

TEST_F(trap, steps)
{
	uint64_t fifth;

	ASSERT_EQ(0, dune_set_trap_handler(DUNE_VECTOR_DB, count_steps, 0));
	ASSERT_EQ(0, dune_set_trap_handler(DUNE_VECTOR_BP, begin_steps, 0));
	asm volatile("int3; nop; nop; nop; nop; nop; 1: lea 1b(%%rip), %0;"
		     "nop; nop" : "=r" (fifth));
	EXPECT_EQ(5, seen.calls);
	EXPECT_EQ(fifth, seen.rip);
}

static enum dune_verdict steps_to_the_end(struct dune_frame *frame)
{
	note(frame);
	if (seen.calls == 1000)
		dune_step(frame, 0);
	return DUNE_DONE;
}

/* Outside, a system call is one step. */
TEST_F(trap, steps_over_system_calls)
{
	long result;

	ASSERT_EQ(0, dune_set_trap_handler(DUNE_VECTOR_DB, steps_to_the_end,
					   0));
	ASSERT_EQ(0, dune_set_trap_handler(DUNE_VECTOR_BP, begin_steps, 0));
	asm volatile("int3; mov $39, %%eax; syscall; nop; nop;"
		     "pushf; andq $~0x100, (%%rsp); popf"
		     : "=a" (result) : : "rcx", "r11", "memory");
	EXPECT_EQ(getpid(), result);
	EXPECT_GT(20, seen.calls);
}

TEST_F(trap, page_fault_tells_where_and_why)
{
	char *memory = get_memory(PAGE);

	/* movb $1, (%rax) */
	seen.skip = 3;
	munmap(memory, PAGE);
	ASSERT_EQ(0, dune_set_fault_handler(skip_fault, 0));
	asm volatile("movb $1, (%0)" : : "a" (memory + 5) : "memory");
	EXPECT_EQ((uint64_t)memory + 5, seen.address);
	EXPECT_EQ(DUNE_FAULT_WRITE, seen.error);
	asm volatile("cmpb $1, (%0)" : : "a" (memory + 6) : "memory", "cc");
	EXPECT_EQ((uint64_t)memory + 6, seen.address);
	EXPECT_EQ(0, seen.error);
	EXPECT_EQ(2, seen.calls);
}

/* Memory that is there but was never used is not the handler's. */
TEST_F(trap, memory_that_is_filled_in_is_not_asked_about)
{
	char *memory;
	int i;

	ASSERT_EQ(0, dune_set_fault_handler(pass_fault, 0));
	for (i = 0; i < 20; i++) {
		memory = mmap((char *)0x200000000000 + i * HUGE * 3, PAGE,
			      PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		put(&memory[i], 1);
	}
	EXPECT_EQ(0, seen.calls);
}

TEST_F(trap, what_is_passed_on_is_a_signal)
{
	ASSERT_EQ(0, dune_set_trap_handler(DUNE_VECTOR_UD, pass, 0));
	signal(SIGILL, jump_away);
	if (!sigsetjmp(place, 1))
		asm volatile("ud2");
	else
		seen.calls += 100;
	EXPECT_EQ(101, seen.calls);
}

TEST_F(trap, or_the_end)
{
	int status;

	ASSERT_EQ(0, dune_set_trap_handler(DUNE_VECTOR_UD, pass, 0));
	status = STATUS_OF(asm volatile("ud2"));
	EXPECT_TRUE(WIFSIGNALED(status));
	EXPECT_EQ(SIGILL, WTERMSIG(status));
}

TEST_F(trap, without_a_handler_again)
{
	seen.skip = 2;
	dune_set_trap_handler(DUNE_VECTOR_UD, skip, 0);
	asm volatile("ud2");
	dune_set_trap_handler(DUNE_VECTOR_UD, NULL, DUNE_HANDLER_INTEGER);
	EXPECT_EQ(SIGILL, WTERMSIG(STATUS_OF(asm volatile("ud2"))));
	EXPECT_EQ(1, seen.calls);
}

static enum dune_verdict destroy_vectors(struct dune_frame *frame)
{
	asm volatile("pxor %%xmm0, %%xmm0; fninit; fldz" : : : "xmm0");
	return skip(frame);
}

TEST_F(trap, vector_registers_stay)
{
	double one = 1, vector, x87;

	seen.skip = 2;
	ASSERT_EQ(0, dune_set_trap_handler(DUNE_VECTOR_UD, destroy_vectors, 0));
	asm volatile("fldl %2; movq %2, %%xmm0; ud2; movq %%xmm0, %0; fstpl %1"
		     : "=m" (vector), "=m" (x87) : "m" (one) : "xmm0");
	EXPECT_EQ(1, vector);
	EXPECT_EQ(1, x87);
	/* unless the handler says that it uses none */
	ASSERT_EQ(0, dune_set_trap_handler(DUNE_VECTOR_UD, destroy_vectors,
					   DUNE_HANDLER_INTEGER));
	asm volatile("movq %1, %%xmm0; ud2; movq %%xmm0, %0; fninit"
		     : "=m" (vector) : "m" (one) : "xmm0");
	EXPECT_NE(1, vector);
}

TEST_F(trap, red_zone_stays)
{
	uint64_t value;

	seen.skip = 2;
	ASSERT_EQ(0, dune_set_trap_handler(DUNE_VECTOR_UD, skip, 0));
	asm volatile("movq $4711, -128(%%rsp); movq $4712, -8(%%rsp); ud2;"
		     "mov -128(%%rsp), %0; add -8(%%rsp), %0"
		     : "=r" (value) : : "memory", "cc");
	EXPECT_EQ(4711 + 4712, value);
}

static int depth;

static enum dune_verdict fault_deeper(uint64_t address, unsigned int error,
				      struct dune_frame *frame)
{
	/* what is on the stack is to be intact after those within */
	uint64_t before = address ^ depth;

	if (++depth < 8)
		asm volatile("movb $1, (%0)" : : "a" (address + PAGE)
			     : "memory");
	depth--;
	seen.calls += before == (address ^ depth);
	frame->rip += 3;
	return DUNE_DONE;
}

TEST_F(trap, handlers_fault_themselves)
{
	char *memory = get_memory(10 * PAGE);

	munmap(memory, 10 * PAGE);
	ASSERT_EQ(0, dune_set_fault_handler(fault_deeper, 0));
	asm volatile("movb $1, (%0)" : : "a" (memory) : "memory");
	EXPECT_EQ(8, seen.calls);
	EXPECT_EQ(0, depth);
}

static enum dune_verdict fault_forever(uint64_t address, unsigned int error,
				       struct dune_frame *frame)
{
	put((char *)address, 1);
	return DUNE_DONE;
}

/* One that always faults itself comes to an end: the signal. */
TEST_F(trap, without_room_for_one_more)
{
	char *memory = get_memory(PAGE);
	int status;

	munmap(memory, PAGE);
	ASSERT_EQ(0, dune_set_fault_handler(fault_forever, 0));
	status = STATUS_OF(put(memory, 1));
	EXPECT_TRUE(WIFSIGNALED(status));
	EXPECT_EQ(SIGSEGV, WTERMSIG(status));
}

static enum dune_verdict leave(struct dune_frame *frame)
{
	note(frame);
	dune_set_interrupts(1);
	siglongjmp(place, 1);
}

TEST_F(trap, handlers_leave_by_longjmp)
{
	int i;

	ASSERT_EQ(0, dune_set_trap_handler(DUNE_VECTOR_UD, leave, 0));
	signal(SIGUSR1, jump_away);
	for (i = 0; i < 100; i++)
		if (!sigsetjmp(place, 1))
			asm volatile("ud2");
	EXPECT_EQ(100, seen.calls);
	/* signals come */
	if (!sigsetjmp(place, 1)) {
		raise(SIGUSR1);
		seen.calls = 0;
	}
	EXPECT_EQ(100, seen.calls);
}

static enum dune_verdict call_the_kernel(struct dune_frame *frame)
{
	char text[32];

	frame->rip += 2;
	frame->rax = snprintf(text, sizeof(text), "%d", getpid()) > 0 ?
		     atoi(text) : 0;
	return DUNE_DONE;
}

TEST_F(trap, handlers_make_system_calls)
{
	long result;

	ASSERT_EQ(0, dune_set_trap_handler(DUNE_VECTOR_UD, call_the_kernel, 0));
	asm volatile("ud2" : "=a" (result));
	EXPECT_EQ(getpid(), result);
}

static enum dune_verdict raise_one(struct dune_frame *frame)
{
	raise(SIGUSR1);
	seen.calls += 10;
	return skip(frame);
}

static void count_signal(int signal)
{
	seen.error = seen.calls;
}

/* Interrupts are off in a handler; the signal comes behind it. */
TEST_F(trap, signals_wait_for_handlers)
{
	seen.skip = 2;
	ASSERT_EQ(0, dune_set_trap_handler(DUNE_VECTOR_UD, raise_one, 0));
	signal(SIGUSR1, count_signal);
	asm volatile("ud2");
	EXPECT_EQ(11, seen.error);
}

TEST_F(trap, copies_what_is_there)
{
	char *memory = get_memory(2 * PAGE), to[16];

	strcpy(memory + PAGE - 8, "1234567");
	munmap(memory + PAGE, PAGE);
	/* no handler and no signal sees it */
	ASSERT_EQ(0, dune_set_fault_handler(skip_fault, 0));
	EXPECT_EQ(0, dune_copy(to, memory + PAGE - 8, 8));
	EXPECT_EQ(0, strcmp(to, "1234567"));
	memset(to, 0, sizeof(to));
	EXPECT_EQ(-EFAULT, dune_copy(to, memory + PAGE - 4, 8));
	EXPECT_EQ(0, memcmp(to, "567\0\0\0\0", 8));
	EXPECT_EQ(-EFAULT, dune_copy(memory + PAGE - 4, "abcdefg", 8));
	EXPECT_EQ(0, memcmp(memory + PAGE - 4, "abcd", 4));
	EXPECT_EQ(-EFAULT, dune_copy(to, (void *)(1UL << 63), 1));
	EXPECT_EQ(0, dune_copy(to, NULL, 0));
	EXPECT_EQ(0, seen.calls);
}

static void *trap_often(void *arg)
{
	long sum = 0;
	int i;

	for (i = 0; i < 3000; i++) {
		long value = i;

		asm volatile("ud2" : "+a" (value));
		sum += value;
	}
	return (void *)sum;
}

static enum dune_verdict add_one(struct dune_frame *frame)
{
	frame->rax += 1;
	frame->rip += 2;
	return DUNE_DONE;
}

static enum dune_verdict also_add_one(struct dune_frame *frame)
{
	return add_one(frame);
}

/* Four threads trap while the handler is changed. */
TEST_F(trap, handlers_are_for_all_threads)
{
	pthread_t threads[4];
	void *sum;
	int i;

	ASSERT_EQ(0, dune_set_trap_handler(DUNE_VECTOR_UD, add_one, 0));
	for (i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, trap_often, NULL);
	for (i = 0; i < 1000; i++) {
		dune_set_trap_handler(DUNE_VECTOR_UD, also_add_one,
				      DUNE_HANDLER_INTEGER);
		dune_set_trap_handler(DUNE_VECTOR_UD, add_one, 0);
	}
	for (i = 0; i < 4; i++) {
		pthread_join(threads[i], &sum);
		EXPECT_EQ(3000L * 2999 / 2 + 3000, (long)sum);
	}
}

static int left;

static enum dune_verdict try_to_leave(struct dune_frame *frame)
{
	left = dune_leave();
	return skip(frame);
}

/* The stack of the handler would be gone. */
TEST_F(trap, a_handler_does_not_leave)
{
	seen.skip = 2;
	ASSERT_EQ(0, dune_set_trap_handler(DUNE_VECTOR_UD, try_to_leave, 0));
	asm volatile("ud2");
	EXPECT_EQ(-EPERM, left);
	EXPECT_EQ(-EALREADY, dune_enter());
}

static void leave_at_signal(int signal)
{
	left = dune_leave();
}

TEST_F(trap, a_signal_handler_leaves_for_good)
{
	register long kept asm("r12") = 4711;

	signal(SIGUSR1, leave_at_signal);
	left = -1;
	asm volatile("" : "+r" (kept));
	raise(SIGUSR1);
	asm volatile("" : "+r" (kept));
	EXPECT_EQ(4711, kept);
	EXPECT_EQ(0, left);
	EXPECT_EQ(-EPERM, dune_leave());
	EXPECT_EQ(0, dune_enter());
}

TEST(outside_of_dune)
{
	char to[8] = "";

	ASSERT_EQ(0, dune_init(NULL));
	EXPECT_EQ(-EPERM, dune_copy(to, "a", 2));
	EXPECT_EQ(0, dune_set_trap_handler(DUNE_VECTOR_UD, skip, 0));
	EXPECT_EQ(SIGILL, WTERMSIG(STATUS_OF(asm volatile("ud2"))));
	/* and it is there when the program enters */
	seen.skip = 2;
	ASSERT_EQ(0, dune_enter());
	asm volatile("ud2");
	EXPECT_EQ(1, seen.calls);
}

TEST_HARNESS_MAIN
