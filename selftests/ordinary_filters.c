// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who stands between a program and the kernel: filters, a tracer, its own
 * handler. It knows nothing of Dune: process_test.sh runs it there.
 */
#include "kselftest_harness.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include "ordinary.h"

#define BY_FILTER	1	/* si_code of SIGSYS */
#define BY_DISPATCH	2
#define NO_CALL		333	/* of no kernel */

/* Not static: a handler changes them. */
int calls, code, number;
unsigned int arch;
void *call_address;

static void note(int signal, siginfo_t *info, void *context)
{
	calls++;
	code = info->si_code;
	number = info->si_syscall;
	arch = info->si_arch;
	call_address = info->si_call_addr;
}

/* The program's own answer to the call. */
static void answer(int signal, siginfo_t *info, void *context)
{
	greg_t *regs = ((ucontext_t *)context)->uc_mcontext.gregs;

	note(signal, info, context);
	if ((void *)regs[REG_RIP] != info->si_call_addr)
		code = -1;
	if (regs[REG_RAX] != info->si_syscall)
		code = -2;
	regs[REG_RAX] = 4711;
}

static void handle_sigsys(void (*handler)(int, siginfo_t *, void *))
{
	struct sigaction action = { .sa_sigaction = handler,
				    .sa_flags = SA_SIGINFO };

	sigaction(SIGSYS, &action, NULL);
}

/* A call of the test's own, whose place it knows. */
extern const char behind_call[];

static __attribute__((noinline)) long call(long nr, long a)
{
	long ret;

	asm volatile("syscall\n"
		     "	.globl behind_call\n"
		     "behind_call:"
		     : "=a" (ret)
		     : "a" (nr), "D" (a)
		     : "rcx", "r11", "memory");
	return ret;
}

/* Makes one system call something else, for this thread. */
static bool filter(unsigned int nr, unsigned int action)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, action),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { .len = 4, .filter = code };

	return !prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) &&
	       !prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

FIXTURE(filters) {
};

FIXTURE_SETUP(filters)
{
}

FIXTURE_TEARDOWN(filters)
{
}

TEST_F(filters, give_errors)
{
	long i;

	EXPECT_EQ(0, getpriority(PRIO_PROCESS, 0));
	ASSERT_TRUE(filter(SYS_getpriority, SECCOMP_RET_ERRNO | EXDEV));
	for (i = 0; i < 10; i++) {
		EXPECT_EQ(-1, getpriority(PRIO_PROCESS, 0));
		EXPECT_EQ(EXDEV, errno);
		EXPECT_EQ(getpid(), getpgid(0));
	}
	EXPECT_EQ(1, prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
	EXPECT_EQ(SECCOMP_MODE_FILTER, prctl(PR_GET_SECCOMP));
}

static void *see_filter(void *arg)
{
	return getpriority(PRIO_PROCESS, 0) == -1 && errno == EXDEV ? arg :
								      NULL;
}

TEST_F(filters, hold_for_threads_and_children)
{
	void *result = NULL;
	pthread_t thread;
	int status;
	pid_t pid;

	ASSERT_TRUE(filter(SYS_getpriority, SECCOMP_RET_ERRNO | EXDEV));
	ASSERT_EQ(0, pthread_create(&thread, NULL, see_filter, self));
	pthread_join(thread, &result);
	EXPECT_TRUE(result == self);
	pid = fork();
	if (!pid)
		_exit(see_filter(self) ? 7 : 8);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(7 << 8, status);
}

/* What the next test executes instead of this program's tests. */
__attribute__((constructor(101)))
static void tell_filter(void)
{
	if (getenv("TELL_FILTER"))
		_exit(ring() == 0 && see_filter("") ? 9 : 10);
}

TEST_F(filters, hold_for_who_enters_later)
{
	char name[4096] = "";
	int status;
	pid_t pid;

	ASSERT_LT(0, readlink("/proc/self/exe", name, sizeof(name) - 1));
	pid = fork();
	if (!pid) {
		setenv("TELL_FILTER", "1", 1);
		filter(SYS_getpriority, SECCOMP_RET_ERRNO | EXDEV);
		execlp("dune-run", "dune-run", name, NULL);
		_exit(11);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(9 << 8, status);
}

TEST_F(filters, make_signals)
{
	handle_sigsys(answer);
	ASSERT_TRUE(filter(NO_CALL, SECCOMP_RET_TRAP | 5));
	EXPECT_EQ(4711, call(NO_CALL, 0));
	EXPECT_EQ(1, calls);
	EXPECT_EQ(BY_FILTER, code);
	EXPECT_EQ(NO_CALL, number);
	EXPECT_EQ(AUDIT_ARCH_X86_64, arch);
	EXPECT_TRUE(call_address == behind_call);
}

TEST_F(filters, end_the_process)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		filter(NO_CALL, SECCOMP_RET_KILL_PROCESS);
		call(NO_CALL, 0);
		_exit(1);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_TRUE(WIFSIGNALED(status));
	EXPECT_EQ(SIGSYS, WTERMSIG(status));
}

/* Not static: the kernel reads it, and a handler changes it. */
uint8_t choice;

static long dispatch_all(void)
{
	return prctl(PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_ON, 0, 0,
		     &choice);
}

/* As a translator of another system's programs has it. */
static void answer_and_allow(int signal, siginfo_t *info, void *context)
{
	choice = SYSCALL_DISPATCH_FILTER_ALLOW;
	answer(signal, info, context);
}

TEST_F(filters, dispatch_what_the_selector_blocks)
{
	int i;

	handle_sigsys(answer_and_allow);
	ASSERT_EQ(0, dispatch_all());
	for (i = 1; i <= 10; i++) {
		choice = SYSCALL_DISPATCH_FILTER_BLOCK;
		EXPECT_EQ(4711, call(SYS_getppid, 0));
		EXPECT_EQ(i, calls);
		EXPECT_EQ(BY_DISPATCH, code);
		EXPECT_EQ(SYS_getppid, number);
		EXPECT_EQ(AUDIT_ARCH_X86_64, arch);
		EXPECT_TRUE(call_address == behind_call);
		EXPECT_EQ(getppid(), call(SYS_getppid, 0));
	}
	EXPECT_EQ(0, prctl(PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_OFF, 0,
			   0, 0));
	choice = SYSCALL_DISPATCH_FILTER_BLOCK;
	EXPECT_EQ(getppid(), call(SYS_getppid, 0));
}

TEST_F(filters, dispatch_but_for_one_place)
{
	const char *begin = (const char *)call;
	pid_t parent = getppid();

	handle_sigsys(answer_and_allow);
	choice = SYSCALL_DISPATCH_FILTER_BLOCK;
	ASSERT_EQ(0, prctl(PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_ON,
			   begin, behind_call - begin + 1, &choice));
	EXPECT_EQ(parent, call(SYS_getppid, 0));
	EXPECT_EQ(0, calls);
	EXPECT_EQ(4711, getppid());
	EXPECT_EQ(1, calls);
	EXPECT_EQ(SYS_getppid, number);
}

TEST_F(filters, dispatch_refuses_what_makes_no_sense)
{
	static const unsigned long arguments[][4] = {
		{ 77, 0, 0, 0 },
		{ PR_SYS_DISPATCH_OFF, 1, 0, 0 },
		{ PR_SYS_DISPATCH_OFF, 0, 1, 0 },
		{ PR_SYS_DISPATCH_OFF, 0, 0, 1 },
		{ PR_SYS_DISPATCH_ON, 1, -1UL, 0 },
		{ PR_SYS_DISPATCH_ON, 1, 0, 0 },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(arguments); i++) {
		EXPECT_EQ(-1, prctl(PR_SET_SYSCALL_USER_DISPATCH,
				    arguments[i][0], arguments[i][1],
				    arguments[i][2], arguments[i][3]));
		EXPECT_EQ(EINVAL, errno);
	}
	EXPECT_EQ(-1, prctl(PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_ON,
			    0, 0, -1UL));
	EXPECT_EQ(EFAULT, errno);
}

/* In a child, which it ends: how? */
static int dispatched_end(const uint8_t *selector, bool blocked)
{
	int status = -1;
	pid_t pid = fork();

	if (!pid) {
		sigset_t set;

		handle_sigsys(answer_and_allow);
		sigemptyset(&set);
		sigaddset(&set, SIGSYS);
		if (blocked)
			sigprocmask(SIG_BLOCK, &set, NULL);
		prctl(PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_ON, 0, 0,
		      selector);
		call(SYS_getppid, 0);
		_exit(1);
	}
	waitpid(pid, &status, 0);
	return WIFSIGNALED(status) ? WTERMSIG(status) : -status;
}

TEST_F(filters, dispatch_ends_what_cannot_be_told)
{
	static const uint8_t nonsense = 9;

	EXPECT_EQ(SIGSYS, dispatched_end(&nonsense, false));
	EXPECT_EQ(SIGSEGV, dispatched_end((void *)0x1000, false));
	choice = SYSCALL_DISPATCH_FILTER_BLOCK;
	EXPECT_EQ(SIGSYS, dispatched_end((uint8_t *)&choice, true));
}

static void *call_in_thread(void *arg)
{
	return (void *)call(SYS_getppid, 0);
}

TEST_F(filters, dispatch_is_not_inherited)
{
	pthread_t thread;
	void *result;
	int status;
	pid_t pid;

	handle_sigsys(answer_and_allow);
	ASSERT_EQ(0, dispatch_all());
	ASSERT_EQ(0, pthread_create(&thread, NULL, call_in_thread, NULL));
	pid = fork();
	if (!pid) {
		choice = SYSCALL_DISPATCH_FILTER_BLOCK;
		_exit(call(SYS_getppid, 0) == 4711 ? 3 : 4);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(4 << 8, status);
	pthread_join(thread, &result);
	EXPECT_EQ(getppid(), (long)result);
}

#define VALUE	0x123456789abcdefUL

static unsigned long traced_value = VALUE;

/* Runs until it is told to end; each round is one call of each. */
static void be_traced(void)
{
	for (;;) {
		call(SYS_getppid, 0);
		call(NO_CALL, 0);
		if (__atomic_load_n(&traced_value, __ATOMIC_RELAXED) != VALUE)
			_exit(12);
	}
}

/* Lets it go on to the next call; returns its number, or -1 at another stop. */
static long next_call(pid_t pid)
{
	struct user_regs_struct regs;
	int status;

	if (ptrace(PTRACE_SYSCALL, pid, 0, 0) ||
	    waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status) ||
	    WSTOPSIG(status) != (SIGTRAP | 0x80))
		return -1;
	ptrace(PTRACE_GETREGS, pid, 0, &regs);
	return regs.orig_rax;
}

TEST_F(filters, a_tracer_sees_the_calls)
{
	unsigned int i, seen = 0;
	int status;
	pid_t pid = fork();

	if (!pid)
		be_traced();
	ASSERT_EQ(0, ptrace(PTRACE_ATTACH, pid, 0, 0));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_TRUE(WIFSTOPPED(status));
	EXPECT_EQ(SIGSTOP, WSTOPSIG(status));
	ASSERT_EQ(0, ptrace(PTRACE_SETOPTIONS, pid, 0,
			    PTRACE_O_TRACESYSGOOD));
	/* in Dune those by which it is entered come between */
	for (i = 0; i < 1000 && seen < 40; i++) {
		long nr = next_call(pid);

		ASSERT_NE(-1, nr);
		if (nr == SYS_getppid || nr == NO_CALL)
			seen++;
	}
	EXPECT_EQ(40, seen);
	errno = 0;
	EXPECT_EQ(VALUE, (unsigned long)ptrace(PTRACE_PEEKDATA, pid,
					       &traced_value, 0));
	EXPECT_EQ(0, errno);
	/* it goes on, stops again, is changed, and left alone */
	ASSERT_EQ(0, ptrace(PTRACE_CONT, pid, 0, 0));
	kill(pid, SIGSTOP);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_TRUE(WIFSTOPPED(status));
	EXPECT_EQ(0, ptrace(PTRACE_POKEDATA, pid, &traced_value, 1));
	EXPECT_EQ(0, ptrace(PTRACE_DETACH, pid, 0, 0));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(12 << 8, status);
}

TEST_HARNESS_MAIN
