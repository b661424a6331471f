// SPDX-License-Identifier: GPL-2.0-only
/*
 * Signals as any program uses them. It knows nothing of Dune, and passes
 * outside as well as within: process_test.sh runs it there.
 */
#include "kselftest_harness.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "ordinary.h"

#ifndef SS_AUTODISARM
#define SS_AUTODISARM	(1U << 31)
#endif

/*
 * What handlers saw. Not static: raise() is said to call nothing of this
 * file.
 */
int calls, last, value, code;
void *address;
uint64_t seen_mask;

static int calls_now(void)
{
	return __atomic_load_n(&calls, __ATOMIC_RELAXED);
}

static void touch(const void *place)
{
	asm volatile("movb (%0), %%al" : : "r" (place) : "rax", "memory");
}

static void note(int signal, siginfo_t *info, void *ucontext)
{
	ucontext_t *context = ucontext;

	calls++;
	last = signal;
	value = info->si_value.sival_int;
	code = info->si_code;
	address = info->si_addr;
	seen_mask = context->uc_sigmask.__val[0];
}

static void handle(int signal, void (*handler)(int, siginfo_t *, void *),
		   int flags)
{
	struct sigaction action = { .sa_flags = flags | SA_SIGINFO };

	action.sa_sigaction = handler;
	sigaction(signal, &action, NULL);
}

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
		.it_value.tv_usec = 1000, .it_interval.tv_usec = 1000,
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

static int status_of(void (*end)(void))
{
	struct rlimit none = { 0 };
	pid_t pid = fork();
	int status;

	if (!pid) {
		setrlimit(RLIMIT_CORE, &none);
		end();
		_exit(99);
	}
	waitpid(pid, &status, 0);
	return status;
}

static void leave_by_handler(int signal, siginfo_t *info, void *context)
{
	if (calls++)
		_exit(1);
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

static char own_stack[64 << 10] __attribute__((aligned(16)));
bool was_on_it;

static void look_at_stack(int signal, siginfo_t *info, void *context)
{
	stack_t now;
	char here;

	was_on_it = &here > own_stack && &here < own_stack + sizeof(own_stack);
	sigaltstack(NULL, &now);
	last = now.ss_flags;
	calls++;
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

static void leave(int signal, siginfo_t *info, void *context)
{
	_exit(7);
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

static sigjmp_buf place;

static void jump(int signal, siginfo_t *info, void *context)
{
	note(signal, info, context);
	siglongjmp(place, signal);
}

TEST_F(signals, a_bad_address_is_a_signal)
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

TEST_F(signals, a_truncated_file_is_a_bus_error)
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

static void block_only(int signal)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, signal);
	sigprocmask(SIG_SETMASK, &set, NULL);
}

/* Which of the two it is, and why, is no question of what is blocked. */
TEST_F(signals, a_fault_is_its_own_signal_whatever_is_blocked)
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

TEST_F(signals, handlers_see_the_error_code_of_a_fault)
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

TEST_F(signals, instructions_can_fault)
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

static void repair(int signal, siginfo_t *info, void *ucontext)
{
	ucontext_t *context = ucontext;

	calls++;
	context->uc_mcontext.gregs[REG_RAX] = 42;
	context->uc_mcontext.gregs[REG_RIP] += 2;
	sigaddset(&context->uc_sigmask, SIGUSR2);
}

TEST_F(signals, a_handler_may_change_what_it_returns_to)
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

TEST_F(signals, what_is_interrupted_keeps_its_registers)
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

TEST_F(signals, a_handler_may_change_vectors)
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

TEST_F(signals, wide_registers_stay)
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

TEST_F(signals, a_handler_may_begin_single_steps)
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

TEST_F(signals, an_address_can_be_none)
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
TEST_F(signals, an_address_can_be_the_kernel_s)
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
TEST_F_TIMEOUT(signals, ends_are_told_as_they_are, 300)
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

TEST_F_TIMEOUT(signals, a_full_stack_is_handled_on_another, 300)
{
	stack_t stack = { .ss_sp = own_stack, .ss_size = sizeof(own_stack) };

	ASSERT_EQ(0, sigaltstack(&stack, NULL));
	handle(SIGSEGV, jump, SA_ONSTACK);
	if (!sigsetjmp(place, 1))
		overflow();
	EXPECT_EQ(SIGSEGV, last);
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

TEST_F(signals, a_handler_may_leave_a_fault_to_the_default)
{
	int i;

	for (i = 0; i < FAULTS; i++)
		EXPECT_EQ(all_faults[i].signal,
			  status_after(&all_faults[i], 0, set_default));
}

TEST_F(signals, a_fault_cannot_be_ignored)
{
	int i;

	for (i = 0; i < FAULTS; i++)
		EXPECT_EQ(all_faults[i].signal,
			  status_after(&all_faults[i], 0, set_ignored));
}

TEST_F(signals, a_handler_for_once_sees_one_fault)
{
	int i;

	for (i = 0; i < FAULTS; i++)
		EXPECT_EQ(all_faults[i].signal,
			  status_after(&all_faults[i], SA_RESETHAND,
				       leave_by_handler));
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

static pthread_t target;
static int stop;
long sent, received, faults;

static void *send_many(void *arg)
{
	union sigval nothing = { 0 };

	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		/* faster than they are handled would be all that is done */
		if (sent - __atomic_load_n(&received, __ATOMIC_RELAXED) < 10 &&
		    !pthread_sigqueue(target, SIGRTMIN + sent % 3, nothing))
			sent++;
		usleep(100);
	}
	return NULL;
}

/* Set while a handler runs that blocks all others. */
int alone;

static void count_received(int signal, siginfo_t *info, void *context)
{
	if (alone)
		abort();
	received++;
}

static void begin_sending(pthread_t *sender)
{
	sigset_t set, before;
	int i;

	for (i = 0; i < 3; i++)
		handle(SIGRTMIN + i, count_received, SA_RESTART);
	target = pthread_self();
	sigfillset(&set);
	pthread_sigmask(SIG_SETMASK, &set, &before);
	pthread_create(sender, NULL, send_many, NULL);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void end_sending(pthread_t sender)
{
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	pthread_join(sender, NULL);
	/* the last ones come before this returns, or have come */
	getppid();
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

TEST_F(signals, faults_and_others_come_together)
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

TEST_F(signals, others_wait_for_the_handler_of_a_fault)
{
	struct sigaction action = { .sa_flags = SA_SIGINFO };

	action.sa_sigaction = skip_fault_alone;
	sigfillset(&action.sa_mask);
	sigaction(SIGSEGV, &action, NULL);
	sigaction(SIGILL, &action, NULL);
	fault_and_be_sent_to(_metadata);
}

TEST_HARNESS_MAIN
