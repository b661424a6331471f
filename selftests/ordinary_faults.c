// SPDX-License-Identifier: GPL-2.0-only
/*
 * Signals for what a program does itself. It knows nothing of Dune, as
 * ordinary_signals.c.
 */
#include "kselftest_harness.h"

#include "ordinary_signals.h"

FIXTURE(faults) {
};

FIXTURE_SETUP(faults)
{
	calls = 0;
}

FIXTURE_TEARDOWN(faults)
{
}

static sigjmp_buf place;

static void jump(int signal, siginfo_t *info, void *context)
{
	note(signal, info, context);
	siglongjmp(place, signal);
}

TEST_F(faults, a_bad_address_is_a_signal)
{
	char *page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS,
			  -1, 0);

	handle(SIGSEGV, jump, 0);
	if (!sigsetjmp(place, 1))
		touch((void *)0x123000);
	EXPECT_EQ(SIGSEGV, last);
	EXPECT_EQ(SEGV_MAPERR, code);
	EXPECT_TRUE(address == (void *)0x123000);
	if (!sigsetjmp(place, 1))
		page[5] = 1;
	EXPECT_EQ(2, calls);
	EXPECT_EQ(SEGV_ACCERR, code);
	EXPECT_TRUE(address == page + 5);
	if (!sigsetjmp(place, 1))
		((void (*)(void))page)();
	EXPECT_EQ(3, calls);
	EXPECT_EQ(SEGV_ACCERR, code);
	EXPECT_TRUE(address == page);
}

TEST_F(faults, a_truncated_file_is_a_bus_error)
{
	FILE *file = tmpfile();
	char *page;

	ASSERT_EQ(0, ftruncate(fileno(file), 4096));
	page = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fileno(file), 0);
	handle(SIGBUS, jump, 0);
	ASSERT_EQ(0, ftruncate(fileno(file), 0));
	if (!sigsetjmp(place, 1))
		touch(page + 7);
	EXPECT_EQ(SIGBUS, last);
	EXPECT_EQ(BUS_ADRERR, code);
	EXPECT_TRUE(address == page + 7);
}

static void go_astray(int signal, siginfo_t *info, void *ucontext)
{
	((ucontext_t *)ucontext)->uc_mcontext.gregs[REG_RIP] = 1L << 62;
}

TEST_F(faults, a_handler_that_returns_to_no_address)
{
	handle(SIGSEGV, jump, 0);
	handle(SIGUSR1, go_astray, 0);
	if (!sigsetjmp(place, 1))
		raise(SIGUSR1);
	EXPECT_EQ(SIGSEGV, last);
	EXPECT_EQ(SI_KERNEL, code);
	EXPECT_TRUE(!address);
}

static void block_only(int signal)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, signal);
	sigprocmask(SIG_SETMASK, &set, NULL);
}

/* Which of the two it is, and why, is no question of what is blocked. */
TEST_F(faults, a_fault_is_its_own_signal_whatever_is_blocked)
{
	FILE *file = tmpfile();
	char *page, *beyond;

	page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	/* it is all behind the end of the file */
	beyond = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fileno(file), 0);
	ASSERT_NE(MAP_FAILED, beyond);
	handle(SIGSEGV, jump, 0);
	handle(SIGBUS, jump, 0);
	block_only(SIGBUS);
	if (!sigsetjmp(place, 1))
		touch((void *)0x123000);
	EXPECT_EQ(SIGSEGV, last);
	EXPECT_EQ(SEGV_MAPERR, code);
	EXPECT_TRUE(address == (void *)0x123000);
	if (!sigsetjmp(place, 1))
		page[5] = 1;
	EXPECT_EQ(2, calls);
	EXPECT_EQ(SIGSEGV, last);
	EXPECT_EQ(SEGV_ACCERR, code);
	EXPECT_TRUE(address == page + 5);
	block_only(SIGSEGV);
	if (!sigsetjmp(place, 1))
		touch(beyond + 7);
	EXPECT_EQ(3, calls);
	EXPECT_EQ(SIGBUS, last);
	EXPECT_EQ(BUS_ADRERR, code);
	EXPECT_TRUE(address == beyond + 7);
	EXPECT_EQ(1UL << (SIGSEGV - 1), seen_mask);
}

/* The exception, as the CPU told it. */
long trap, error_code;
void *fault_address;

static void jump_from_trap(int signal, siginfo_t *info, void *ucontext)
{
	greg_t *registers = ((ucontext_t *)ucontext)->uc_mcontext.gregs;

	trap = registers[REG_TRAPNO];
	error_code = registers[REG_ERR];
	fault_address = (void *)registers[REG_CR2];
	jump(signal, info, ucontext);
}

#define PAGE_FAULT	14
#define PRESENT		1
#define WRITE		2
#define USER		4
#define FETCH		16

TEST_F(faults, handlers_see_the_error_code_of_a_fault)
{
	char *page, *nothing = (char *)0x123000;

	page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	touch(page);
	handle(SIGSEGV, jump_from_trap, 0);
	if (!sigsetjmp(place, 1))
		touch(nothing + 1);
	EXPECT_EQ(PAGE_FAULT, trap);
	EXPECT_EQ(USER, error_code);
	EXPECT_TRUE(fault_address == nothing + 1);
	if (!sigsetjmp(place, 1))
		asm volatile("movb $1, (%0)" : : "r" (nothing + 2) : "memory");
	EXPECT_EQ(2, calls);
	EXPECT_EQ(PAGE_FAULT, trap);
	EXPECT_EQ(USER | WRITE, error_code);
	EXPECT_TRUE(fault_address == nothing + 2);
	if (!sigsetjmp(place, 1))
		asm volatile("movb $1, (%0)" : : "r" (page + 3) : "memory");
	EXPECT_EQ(3, calls);
	EXPECT_EQ(PAGE_FAULT, trap);
	EXPECT_EQ(USER | WRITE | PRESENT, error_code);
	EXPECT_TRUE(fault_address == page + 3);
	if (!sigsetjmp(place, 1))
		((void (*)(void))(page + 4))();
	EXPECT_EQ(4, calls);
	EXPECT_EQ(PAGE_FAULT, trap);
	EXPECT_EQ(USER | FETCH | PRESENT, error_code);
	EXPECT_TRUE(fault_address == page + 4);
}

TEST_F(faults, instructions_can_fault)
{
	int zero = 0;

	handle(SIGFPE, jump, 0);
	handle(SIGILL, jump, 0);
	handle(SIGTRAP, jump, 0);
	if (!sigsetjmp(place, 1))
		asm volatile("cltd; idivl %0" : : "r" (zero)
			     : "eax", "edx", "memory");
	EXPECT_EQ(SIGFPE, last);
	EXPECT_EQ(FPE_INTDIV, code);
	if (!sigsetjmp(place, 1))
		asm volatile("ud2" : : : "memory");
	EXPECT_EQ(SIGILL, last);
	if (!sigsetjmp(place, 1))
		asm volatile("int3" : : : "memory");
	EXPECT_EQ(SIGTRAP, last);
	EXPECT_EQ(SI_KERNEL, code);
	EXPECT_EQ(3, calls);
}

TEST_F(faults, an_address_can_be_none)
{
	handle(SIGSEGV, jump_from_trap, 0);
	if (!sigsetjmp(place, 1))
		touch((void *)(1UL << 63 | 0x123000));
	EXPECT_EQ(SIGSEGV, last);
	EXPECT_EQ(SI_KERNEL, code);
	EXPECT_TRUE(!address);
	EXPECT_EQ(13, trap);
	EXPECT_EQ(0, error_code);
}

/* The kernel's half: whether there is something is not told. */
TEST_F(faults, an_address_can_be_the_kernel_s)
{
	char *kernel_s = (char *)(~0UL << 47) + 0x123456;

	handle(SIGSEGV, jump_from_trap, 0);
	if (!sigsetjmp(place, 1))
		touch(kernel_s);
	EXPECT_EQ(SIGSEGV, last);
	EXPECT_EQ(SEGV_MAPERR, code);
	EXPECT_TRUE(address == kernel_s);
	EXPECT_EQ(PAGE_FAULT, trap);
	EXPECT_EQ(USER | PRESENT, error_code);
}

static void write_nowhere(void)
{
	asm volatile("movl $1, 8");
}

static void kill_itself(void)
{
	kill(getpid(), SIGTERM);
}

static void fault_blocked(void)
{
	sigset_t all;

	handle(SIGSEGV, note, 0);
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	write_nowhere();
}

static void overflow(void)
{
	asm volatile("0: push %rax; jmp 0b");
}

static void fault_with_full_stack(void)
{
	handle(SIGSEGV, note, 0);
	overflow();
}

/* all of a stack is filled, and written to a core */
TEST_F_TIMEOUT(faults, ends_are_told_as_they_are, 300)
{
	int status = status_of(write_nowhere);

	EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
	status = status_of(kill_itself);
	EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
	status = status_of(abort);
	EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	status = status_of(fault_blocked);
	EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
	status = status_of(fault_with_full_stack);
	EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
}

TEST_F_TIMEOUT(faults, a_full_stack_is_handled_on_another, 300)
{
	stack_t stack = { .ss_sp = own_stack, .ss_size = sizeof(own_stack) };

	ASSERT_EQ(0, sigaltstack(&stack, NULL));
	handle(SIGSEGV, jump, SA_ONSTACK);
	if (!sigsetjmp(place, 1))
		overflow();
	EXPECT_EQ(SIGSEGV, last);
}

static void undefined(void)
{
	asm volatile("ud2" : : : "memory");
}

static void divide_by_zero(void)
{
	int zero = 0;

	asm volatile("cltd; idivl %0" : : "r" (zero) : "eax", "edx", "memory");
}

/* What is behind a trap is where it goes on: the second one is it. */
static void trap_twice(void)
{
	asm volatile("int3; int3" : : : "memory");
}

static const struct fault {
	int signal;
	void (*meet)(void);
} all_faults[] = {
	{ SIGSEGV, write_nowhere },
	{ SIGILL, undefined },
	{ SIGFPE, divide_by_zero },
	{ SIGTRAP, trap_twice },
};

#define FAULTS	((int)(sizeof(all_faults) / sizeof(*all_faults)))

static const struct fault *met;
static void (*met_by)(int, siginfo_t *, void *);
static int met_flags;

static void meet_fault(void)
{
	/* if it goes round and round */
	alarm(20);
	handle(met->signal, met_by, met_flags);
	met->meet();
}

/*
 * How a process ends that returns from a handler to what has faulted; whether
 * there was a dump is not of interest.
 */
static int status_after(const struct fault *fault, int flags,
			void (*handler)(int, siginfo_t *, void *))
{
	met = fault;
	met_by = handler;
	met_flags = flags;
	return status_of(meet_fault) & ~WCOREFLAG;
}

static void set_default(int number, siginfo_t *info, void *context)
{
	if (calls++)
		_exit(98);
	signal(number, SIG_DFL);
}

static void set_ignored(int number, siginfo_t *info, void *context)
{
	if (calls++)
		_exit(98);
	signal(number, SIG_IGN);
}

TEST_F(faults, a_handler_may_leave_a_fault_to_the_default)
{
	int i;

	for (i = 0; i < FAULTS; i++)
		EXPECT_EQ(all_faults[i].signal,
			  status_after(&all_faults[i], 0, set_default));
}

TEST_F(faults, a_fault_cannot_be_ignored)
{
	int i;

	for (i = 0; i < FAULTS; i++)
		EXPECT_EQ(all_faults[i].signal,
			  status_after(&all_faults[i], 0, set_ignored));
}

TEST_F(faults, a_handler_for_once_sees_one_fault)
{
	int i;

	for (i = 0; i < FAULTS; i++)
		EXPECT_EQ(all_faults[i].signal,
			  status_after(&all_faults[i], SA_RESETHAND,
				       leave_by_handler));
}

static void skip_fault(int signal, siginfo_t *info, void *ucontext)
{
	ucontext_t *context = ucontext;

	faults++;
	/* REX.W mov (%rax), %rax; or ud2 and a nop */
	context->uc_mcontext.gregs[REG_RIP] += 3;
}

static void fault_and_be_sent_to(struct __test_metadata *_metadata)
{
	pthread_t sender;
	long i;

	begin_sending(&sender);
	for (i = 1; i <= 300 || __atomic_load_n(&sent, __ATOMIC_RELAXED) < 10;
	     i++) {
		asm volatile("mov $0x123000, %%eax; mov (%%rax), %%rax"
			     : : : "rax", "memory");
		asm volatile("ud2; nop" : : : "memory");
		ASSERT_EQ(2 * i, faults);
	}
	end_sending(sender);
	EXPECT_LT(0, sent);
	EXPECT_EQ(sent, received);
}

TEST_F(faults, faults_and_others_come_together)
{
	handle(SIGSEGV, skip_fault, 0);
	handle(SIGILL, skip_fault, 0);
	fault_and_be_sent_to(_metadata);
}

static void skip_fault_alone(int signal, siginfo_t *info, void *context)
{
	alone = 1;
	skip_fault(signal, info, context);
	getppid();
	alone = 0;
}

TEST_F(faults, others_wait_for_the_handler_of_a_fault)
{
	struct sigaction action = { .sa_flags = SA_SIGINFO };

	action.sa_sigaction = skip_fault_alone;
	sigfillset(&action.sa_mask);
	sigaction(SIGSEGV, &action, NULL);
	sigaction(SIGILL, &action, NULL);
	fault_and_be_sent_to(_metadata);
}

TEST_HARNESS_MAIN
