// SPDX-License-Identifier: GPL-2.0-only
/*
 * C++ in ring 0: exceptions and unwinding, also through what libdune's handlers
 * interrupt. Each test has a process of its own.
 */
#include <errno.h>
#include <execinfo.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>
#include <unwind.h>

#include <stdexcept>
#include <string>

#include <dune/dune.h>

#include "kselftest.h"
#include "need_dune.h"

#define CHECK(what) do {						\
	if (!(what)) {							\
		ksft_print_msg("line %d: %s\n", __LINE__, #what);	\
		fflush(stdout);						\
		_exit(1);						\
	}								\
} while (0)

/* By DWARF's numbers; what an instruction cannot lose. */
#define RSP		7
#define PRESERVED	(1U << 3 | 1U << 6 | 0xfU << 12)
#define SYSCALL_LOSES	(1U << 2 | 1U << 11)

#define INNER		0x1000
#define OUTER		0x2000

/*
 * NAME() calls NAME_inner(), and each has numbers of its own in all registers;
 * NAME_at is where the latter is when it is interrupted.
 */
asm(R"(
	.macro save register
	push %\register
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset \register, 0
	.endm

	.macro restore register
	pop %\register
	.cfi_adjust_cfa_offset -8
	.cfi_restore \register
	.endm

	.macro begin name, numbers
	.globl \name
	.type \name, @function
\name:
	.cfi_startproc
	.irp register, rbx, rbp, r12, r13, r14, r15
	save \register
	.endr
	number = \numbers
	.irp register, rax, rdx, rcx, rbx, rsi, rdi, rbp
	mov $number, %\register
	number = number + 1
	.endr
	.irp register, r8, r9, r10, r11, r12, r13, r14, r15
	number = number + 1
	mov $number, %\register
	.endr
	.endm

	.macro finish name
	.irp register, r15, r14, r13, r12, rbp, rbx
	restore \register
	.endr
	ret
	.cfi_endproc
	.size \name, . - \name
	.endm

	.macro interrupted name, before, behind
	begin \name\()_inner, 0x1000
	\before
	.globl \name\()_at
\name\()_at:
	\behind
	finish \name\()_inner
	begin \name, 0x2000
	call \name\()_inner
	finish \name
	.endm

	interrupted undefined, , ud2
	interrupted absent, , "mov (%rax), %al"
	.pushsection user_code, "ax", @progbits
	interrupted ask, syscall,
	.popsection
)");

extern "C" {
void undefined(void), undefined_inner(void);
void absent(void), absent_inner(void);
long ask(void *argument);
void ask_inner(void);
extern const char undefined_at[], absent_at[], ask_at[];
extern const char __start_user_code[], __stop_user_code[];
}

/* What a handler is to find. */
static struct {
	uintptr_t at;
	void *inner, *outer, *caller;
	unsigned int lost;
} expected;

static struct {
	unsigned int calls, frames;
	bool inner, outer, caller, sp;
	uintptr_t cfa;
	_Unwind_Reason_Code end;
} seen;

static char user_stack[16 * DUNE_PAGE_SIZE] __attribute__((aligned(4096)));

static bool registers_are(struct _Unwind_Context *context, uintptr_t numbers,
			  unsigned int which)
{
	for (int i = 0; i < 16; i++)
		if (which >> i & 1 &&
		    _Unwind_GetGR(context, i) != numbers + i)
			return false;
	return true;
}

static _Unwind_Reason_Code look(struct _Unwind_Context *context, void *unused)
{
	int before;
	uintptr_t ip = _Unwind_GetIPInfo(context, &before);
	void *function = _Unwind_FindEnclosingFunction((void *)(ip - !before));

	seen.frames++;
	if (ip == expected.at) {
		CHECK(before);
		CHECK(registers_are(context, INNER, 0xffff & ~(1U << RSP) &
				    ~expected.lost));
		seen.cfa = (expected.lost >> RSP & 1 ?
			    _Unwind_GetCFA(context) :
			    _Unwind_GetGR(context, RSP)) + 7 * sizeof(long);
		seen.inner = true;
	} else if (function == expected.outer && seen.inner) {
		CHECK(!before);
		CHECK(registers_are(context, OUTER, PRESERVED));
		CHECK(_Unwind_GetCFA(context) == seen.cfa);
		seen.outer = true;
	} else if (function == expected.caller && seen.outer) {
		seen.caller = true;
	}
	return _URC_NO_REASON;
}

static bool has(void *const *places, int count, const void *place)
{
	for (int i = 0; i < count; i++)
		if (places[i] == place)
			return true;
	return false;
}

static void look_around(void)
{
	void *places[64];
	int count = backtrace(places, 64);

	seen.calls++;
	seen.end = _Unwind_Backtrace(look, NULL);
	CHECK(has(places, count, (void *)expected.at));
}

static enum dune_verdict look_and_skip(struct dune_frame *frame)
{
	look_around();
	frame->rip += 2;
	return DUNE_DONE;
}

static enum dune_verdict look_and_skip_fault(uint64_t address,
					     unsigned int error,
					     struct dune_frame *frame)
{
	CHECK(address == INNER);
	return look_and_skip(frame);
}

static void look_and_answer(struct dune_frame *frame)
{
	look_around();
	frame->rax = 0;
}

static void expect(const char *at, void (*inner)(void), void *outer,
		   void *caller, unsigned int lost)
{
	void *place;

	/* loads the unwinder */
	backtrace(&place, 1);
	expected = { (uintptr_t)at, (void *)inner, outer, caller, lost };
	seen = {};
}

static void check_frames(void)
{
	CHECK(seen.calls == 1);
	CHECK(seen.inner);
	CHECK(seen.outer);
	CHECK(seen.end == _URC_END_OF_STACK);
}

static void a_trap_handler_sees_who_was_interrupted(void)
{
	expect(undefined_at, undefined_inner, (void *)undefined,
	       (void *)a_trap_handler_sees_who_was_interrupted, 0);
	CHECK(!dune_set_trap_handler(DUNE_VECTOR_UD, look_and_skip, 0));
	undefined();
	check_frames();
	CHECK(seen.caller);
}

static void a_fault_handler_sees_who_was_interrupted(void)
{
	expect(absent_at, absent_inner, (void *)absent,
	       (void *)a_fault_handler_sees_who_was_interrupted, 0);
	CHECK(!dune_set_fault_handler(look_and_skip_fault, 0));
	absent();
	check_frames();
	CHECK(seen.caller);
}

static void look_in_handler(int, siginfo_t *, void *context)
{
	look_around();
	static_cast<ucontext_t *>(context)->uc_mcontext.gregs[REG_RIP] += 2;
}

static void look_at_signal(void *caller)
{
	struct sigaction action = {};

	action.sa_sigaction = look_in_handler;
	action.sa_flags = SA_SIGINFO;
	/* the stack pointer is what the frame begins with */
	expect(undefined_at, undefined_inner, (void *)undefined, caller,
	       1U << RSP);
	CHECK(!sigaction(SIGILL, &action, NULL));
}

static void a_signal_handler_sees_who_was_interrupted(void)
{
	look_at_signal((void *)a_signal_handler_sees_who_was_interrupted);
	undefined();
	check_frames();
	CHECK(seen.caller);
}

/* Outside it is libdune that the kernel calls. */
static void so_does_one_after_leaving(void)
{
	look_at_signal((void *)so_does_one_after_leaving);
	CHECK(!dune_leave());
	undefined();
	check_frames();
	CHECK(seen.caller);
}

static void show(const char *start, const char *end)
{
	char *page = (char *)((uintptr_t)start & -DUNE_PAGE_SIZE);

	CHECK(!dune_map(dune_root_current(), page,
			(end - page + DUNE_PAGE_SIZE - 1) & -DUNE_PAGE_SIZE,
			page, DUNE_PTE_USER | DUNE_PTE_WRITE));
}

/* The unwinder ends where ring 3 began. */
static void a_syscall_handler_sees_ring_3(void)
{
	show(__start_user_code, __stop_user_code);
	show(user_stack, user_stack + sizeof(user_stack));
	expect(ask_at, ask_inner, (void *)ask, NULL, SYSCALL_LOSES);
	CHECK(!dune_set_syscall_handler(look_and_answer, 0));
	dune_call_user(ask, NULL, user_stack, sizeof(user_stack));
	check_frames();
}

static int left;

struct leaver {
	~leaver() { left++; }
};

__attribute__((noinline)) static int descend(int depth, void (*last)(void))
{
	leaver here;

	if (depth)
		return descend(depth - 1, last) + 1;
	last();
	return 0;
}

static void fail(void)
{
	throw std::runtime_error("it has failed");
}

static bool catches(int depth, void (*last)(void))
{
	left = 0;
	try {
		descend(depth, last);
	} catch (const std::exception &exception) {
		return left == depth + 1 &&
		       exception.what() == std::string("it has failed");
	}
	return false;
}

static void exceptions_are_caught(void)
{
	for (int i = 0; i < 100; i++)
		CHECK(catches(i, fail));
}

static void catch_in_handler(int)
{
	seen.calls += catches(10, fail);
}

static void exceptions_are_caught_in_a_signal_handler(void)
{
	signal(SIGUSR1, catch_in_handler);
	raise(SIGUSR1);
	CHECK(seen.calls == 1);
}

static void throw_in_handler(int)
{
	fail();
}

static void exceptions_leave_a_signal_handler(void)
{
	struct sigaction action = {};

	action.sa_handler = throw_in_handler;
	action.sa_flags = SA_NODEFER;
	CHECK(!sigaction(SIGILL, &action, NULL));
	CHECK(!sigaction(SIGSEGV, &action, NULL));
	for (int i = 0; i < 10; i++) {
		CHECK(catches(i, undefined));
		CHECK(catches(i, absent));
	}
}

static enum dune_verdict throw_in_trap(struct dune_frame *)
{
	dune_set_interrupts(1);
	fail();
	return DUNE_PASS;
}

static enum dune_verdict throw_in_fault(uint64_t, unsigned int,
					struct dune_frame *frame)
{
	return throw_in_trap(frame);
}

static void exceptions_leave_a_trap_handler(void)
{
	CHECK(!dune_set_trap_handler(DUNE_VECTOR_UD, throw_in_trap, 0));
	CHECK(!dune_set_fault_handler(throw_in_fault, 0));
	for (int i = 0; i < 100; i++) {
		CHECK(catches(i, undefined));
		CHECK(catches(i, absent));
	}
}

static void *throw_often(void *)
{
	long caught = 0;

	for (int i = 0; i < 200; i++) {
		try {
			descend(i % 20, i & 1 ? fail : undefined);
		} catch (const std::exception &) {
			caught++;
		}
	}
	return (void *)caught;
}

static void exceptions_are_caught_in_threads(void)
{
	pthread_t threads[4];
	void *caught;

	CHECK(!dune_set_trap_handler(DUNE_VECTOR_UD, throw_in_trap, 0));
	for (pthread_t &thread : threads)
		CHECK(!pthread_create(&thread, NULL, throw_often, NULL));
	for (pthread_t thread : threads) {
		CHECK(!pthread_join(thread, &caught));
		CHECK(caught == (void *)200);
	}
}

static int ready[2];

static void wait_for_ever(void)
{
	CHECK(write(ready[1], "", 1) == 1);
	for (;;)
		pause();
}

static void end_thread(void)
{
	pthread_exit((void *)7);
}

static enum dune_verdict end_in_trap(struct dune_frame *)
{
	dune_set_interrupts(1);
	descend(3, end_thread);
	return DUNE_PASS;
}

static void *call_in_thread(void *last)
{
	descend(10, (void (*)(void))last);
	return NULL;
}

static void *end_of_thread(void (*last)(void), bool cancel)
{
	pthread_t thread;
	void *result;
	char byte;

	left = 0;
	CHECK(!pipe(ready));
	CHECK(!pthread_create(&thread, NULL, call_in_thread, (void *)last));
	if (cancel) {
		CHECK(read(ready[0], &byte, 1) == 1);
		CHECK(!pthread_cancel(thread));
	}
	CHECK(!pthread_join(thread, &result));
	return result;
}

static void threads_that_end_early_are_unwound(void)
{
	CHECK(end_of_thread(wait_for_ever, true) == PTHREAD_CANCELED);
	CHECK(left == 11);
	CHECK(end_of_thread(end_thread, false) == (void *)7);
	CHECK(left == 11);
	CHECK(!dune_set_trap_handler(DUNE_VECTOR_UD, end_in_trap, 0));
	CHECK(end_of_thread(undefined, false) == (void *)7);
	CHECK(left == 11 + 4);
}

#define TEST(name) { #name, name }

static const struct {
	const char *name;
	void (*function)(void);
} tests[] = {
	TEST(a_trap_handler_sees_who_was_interrupted),
	TEST(a_fault_handler_sees_who_was_interrupted),
	TEST(a_signal_handler_sees_who_was_interrupted),
	TEST(so_does_one_after_leaving),
	TEST(a_syscall_handler_sees_ring_3),
	TEST(exceptions_are_caught),
	TEST(exceptions_are_caught_in_a_signal_handler),
	TEST(exceptions_leave_a_signal_handler),
	TEST(exceptions_leave_a_trap_handler),
	TEST(exceptions_are_caught_in_threads),
	TEST(threads_that_end_early_are_unwound),
};

static bool passes(void (*function)(void))
{
	int status = -1;
	pid_t child;

	fflush(stdout);
	child = fork();
	if (!child) {
		CHECK(!dune_init(NULL));
		CHECK(!dune_enter());
		function();
		_exit(0);
	}
	waitpid(child, &status, 0);
	if (WIFSIGNALED(status))
		ksft_print_msg("signal %d\n", WTERMSIG(status));
	return !status;
}

int main()
{
	ksft_print_header();
	ksft_set_plan(ARRAY_SIZE(tests));
	for (const auto &test : tests)
		ksft_test_result(passes(test.function), "%s\n", test.name);
	ksft_finished();
}
