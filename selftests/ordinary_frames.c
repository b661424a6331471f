// SPDX-License-Identifier: GPL-2.0-only
/*
 * The frames that handlers see, and change. It knows nothing of Dune, as
 * ordinary_signals.c.
 */
#include "kselftest_harness.h"

#include "ordinary_signals.h"

FIXTURE(frames) {
};

FIXTURE_SETUP(frames)
{
	calls = 0;
}

FIXTURE_TEARDOWN(frames)
{
}

static void repair(int signal, siginfo_t *info, void *ucontext)
{
	ucontext_t *context = ucontext;

	calls++;
	context->uc_mcontext.gregs[REG_RAX] = 42;
	context->uc_mcontext.gregs[REG_RIP] += 2;
	sigaddset(&context->uc_sigmask, SIGUSR2);
}

TEST_F(frames, a_handler_may_change_what_it_returns_to)
{
	sigset_t now;
	long result = 0;

	handle(SIGILL, repair, 0);
	asm volatile("ud2" : "+a" (result) : : "memory");
	EXPECT_EQ(42, result);
	sigprocmask(SIG_BLOCK, NULL, &now);
	EXPECT_EQ(1, sigismember(&now, SIGUSR2));
}

/* Counts down with everything in registers, and in the red zone. */
static bool registers_stay(unsigned long rounds)
{
	unsigned long bad = 0;

	/* the red zone too: its words are 1 to 16, from the lowest */
	asm volatile("mov $16, %%ecx;"
		"3: movq %%rcx, -136(%%rsp, %%rcx, 8); dec %%ecx; jnz 3b;"
		"mov $1, %%r8; mov $2, %%r9; mov $3, %%r10; mov $4, %%r11;"
		"mov $5, %%r12; movq %%r12, %%xmm5; movq %%r8, %%xmm15;"
		"0: cmp $1, %%r8; jne 1f; cmp $2, %%r9; jne 1f;"
		"cmp $3, %%r10; jne 1f; cmp $4, %%r11; jne 1f;"
		"cmp $5, %%r12; jne 1f; movq %%xmm5, %%rax; cmp $5, %%rax;"
		"jne 1f; movq %%xmm15, %%rax; cmp $1, %%rax; jne 1f;"
		"mov $16, %%ecx;"
		"4: cmpq %%rcx, -136(%%rsp, %%rcx, 8); jne 1f;"
		"dec %%ecx; jnz 4b;"
		"dec %1; jnz 0b; jmp 2f; 1: mov $1, %0; 2:"
		: "+r" (bad), "+r" (rounds)
		: : "rax", "rcx", "r8", "r9", "r10", "r11", "r12", "xmm5", "xmm15",
		"memory", "cc");
	return !bad;
}

/* Once more, later and later: a slow machine would do nothing else. */
static void spoil_after(long usec)
{
	struct itimerval timer = {
		.it_value = { usec / 1000000, usec % 1000000 },
	};

	setitimer(ITIMER_REAL, &timer, NULL);
}

static void spoil(int signal, siginfo_t *info, void *context)
{
	double x = calls;

	asm volatile("movq %0, %%xmm5; movq %0, %%xmm15" : : "r" (x));
	calls++;
	spoil_after(500 * calls);
}

TEST_F(frames, what_is_interrupted_keeps_its_registers)
{
	int i;

	handle(SIGALRM, spoil, 0);
	spoil_after(500);
	for (i = 0; i < 1000 && calls_now() < 50; i++)
		ASSERT_TRUE(registers_stay(5000));
	spoil_after(0);
	EXPECT_LT(0, calls);
}

static void change_vectors(int signal, siginfo_t *info, void *ucontext)
{
	ucontext_t *context = ucontext;
	fpregset_t vectors = context->uc_mcontext.fpregs;

	calls++;
	value = vectors->_xmm[5].element[0];
	vectors->_xmm[5].element[0] = 42;
	/* to nothing, what is too small */
	vectors->mxcsr |= 0x8000;
	context->uc_mcontext.gregs[REG_RIP] += 2;
}

TEST_F(frames, a_handler_may_change_vectors)
{
	unsigned int before, after;
	long result = 4711;

	handle(SIGILL, change_vectors, 0);
	asm volatile("stmxcsr %1; movq %0, %%xmm5; ud2; movq %%xmm5, %0;"
		"stmxcsr %2; ldmxcsr %1"
		: "+r" (result), "=m" (before), "=m" (after) : : "xmm5",
		"memory");
	EXPECT_EQ(1, calls);
	EXPECT_EQ(4711, value);
	EXPECT_EQ(42, result);
	EXPECT_EQ(before | 0x8000, after);
}

static void spoil_wide(int signal, siginfo_t *info, void *ucontext)
{
	ucontext_t *context = ucontext;

	asm volatile("vzeroall");
	if (signal == SIGILL)
		context->uc_mcontext.gregs[REG_RIP] += 2;
	__atomic_store_n(&calls, calls + 1, __ATOMIC_RELAXED);
}

TEST_F(frames, wide_registers_stay)
{
	struct itimerval timer = { .it_value.tv_usec = 10000 };
	uint64_t in[4] = { 1, 2, 3, 4 }, out[4];
	int i;

	if (!__builtin_cpu_supports("avx"))
		SKIP(return, "this CPU has none");
	handle(SIGILL, spoil_wide, 0);
	handle(SIGALRM, spoil_wide, 0);
	memset(out, 0, sizeof(out));
	asm volatile("vmovdqu %1, %%ymm5; ud2; vmovdqu %%ymm5, %0"
		: "=m" (out) : "m" (in) : "xmm5", "memory");
	EXPECT_EQ(1, calls);
	for (i = 0; i < 4; i++)
		EXPECT_EQ(in[i], out[i]);
	calls = 0;
	memset(out, 0, sizeof(out));
	setitimer(ITIMER_REAL, &timer, NULL);
	asm volatile("vmovdqu %1, %%ymm5; 0: pause; cmpl $0, %2; je 0b;"
		"vmovdqu %%ymm5, %0"
		: "=m" (out) : "m" (in), "m" (calls) : "xmm5", "memory", "cc");
	EXPECT_EQ(1, calls);
	for (i = 0; i < 4; i++)
		EXPECT_EQ(in[i], out[i]);
}

#define TRAP_FLAG	0x100

long begun, stepped[4];

static void begin_steps(int signal, siginfo_t *info, void *ucontext)
{
	greg_t *registers = ((ucontext_t *)ucontext)->uc_mcontext.gregs;

	registers[REG_RIP] += 2;
	registers[REG_EFL] |= TRAP_FLAG;
	begun = registers[REG_RIP];
}

static void note_step(int signal, siginfo_t *info, void *ucontext)
{
	greg_t *registers = ((ucontext_t *)ucontext)->uc_mcontext.gregs;

	note(signal, info, ucontext);
	stepped[calls - 1] = registers[REG_RIP];
	if (calls == 3)
		registers[REG_EFL] &= ~TRAP_FLAG;
}

TEST_F(frames, a_handler_may_begin_single_steps)
{
	int i;

	handle(SIGILL, begin_steps, 0);
	handle(SIGTRAP, note_step, 0);
	asm volatile("ud2; nop; nop; nop; nop" : : : "memory");
	EXPECT_EQ(3, calls);
	EXPECT_EQ(SIGTRAP, last);
	EXPECT_EQ(TRAP_TRACE, code);
	EXPECT_TRUE(address == (void *)stepped[2]);
	for (i = 0; i < 3; i++)
		EXPECT_EQ(begun + 1 + i, stepped[i]);
}

TEST_HARNESS_MAIN
