// SPDX-License-Identifier: GPL-2.0-only
/*
 * getpid() that another process looks at. It is made by a child; the measured
 * process is the one that looks. They share a CPU, so all that both execute is
 * counted.
 */
#include <fcntl.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"
#include "interposition.h"

#define CALLS	1000

static pid_t child;

/* Ends with whoever made it. */
static void __attribute__((noreturn)) call_for_ever(long expected)
{
	while (syscall(SYS_getpid) == expected)
		;
	_exit(1);
}

pid_t fork_to_watch(void)
{
	pid_t pid = syscall(SYS_clone, CLONE_FILES | SIGCHLD, 0, 0, 0, 0);

	if (!pid)
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	return pid;
}

static bool make_child(void)
{
	child = fork_to_watch();
	must(child >= 0, "clone()");
	return !child;
}

static void wait_for_stop(void)
{
	int status;

	must(waitpid(child, &status, 0) == child && WIFSTOPPED(status),
	     "waitpid()");
}

static void run_to_stop(int request)
{
	must(!ptrace(request, child, 0, 0), "ptrace()");
	wait_for_stop();
}

static int trace(bool answer)
{
	if (make_child()) {
		long self = getpid();

		ptrace(PTRACE_TRACEME, 0, 0, 0);
		kill(self, SIGSTOP);
		call_for_ever(answer ? ANSWER : self);
	}
	wait_for_stop();
	must(!ptrace(PTRACE_SETOPTIONS, child, 0, PTRACE_O_EXITKILL),
	     "ptrace()");
	return 0;
}

static int begin_syscall(void)
{
	return trace(false);
}

static int begin_sysemu(void)
{
	return trace(true);
}

/* Before the call, and behind it. */
static void run_syscall(unsigned int operations)
{
	while (operations--) {
		run_to_stop(PTRACE_SYSCALL);
		run_to_stop(PTRACE_SYSCALL);
	}
}

/* With the call's number and arguments. */
static void run_registers(unsigned int operations)
{
	struct user_regs_struct registers;

	while (operations--) {
		run_to_stop(PTRACE_SYSCALL);
		must(!ptrace(PTRACE_GETREGS, child, 0, &registers), "ptrace()");
		run_to_stop(PTRACE_SYSCALL);
	}
}

static void run_sysemu(unsigned int operations)
{
	while (operations--) {
		run_to_stop(PTRACE_SYSEMU);
		must(!ptrace(PTRACE_POKEUSER, child,
			     offsetof(struct user, regs.rax), ANSWER),
		     "ptrace()");
	}
}

static int listener;

/* In the child: tells the parent the listener, or why there is none. */
static void listen_and_call(int pipe, bool answer)
{
	long self = getpid();
	int number = filter_calls(SYS_getpid, SECCOMP_RET_USER_NOTIF,
				  SECCOMP_FILTER_FLAG_NEW_LISTENER);

	if (write(pipe, &number, sizeof(number)) != sizeof(number))
		_exit(1);
	call_for_ever(answer ? ANSWER : self);
}

static int notify(bool answer)
{
	int ends[2];

	must(!pipe(ends), "pipe()");
	if (make_child())
		listen_and_call(ends[1], answer);
	must(read(ends[0], &listener, sizeof(listener)) == sizeof(listener),
	     "read()");
	if (listener < 0)
		return cannot_run("the kernel has no seccomp notification");
	return 0;
}

static int begin_notify(void)
{
	return notify(false);
}

static int begin_notify_answer(void)
{
	return notify(true);
}

static void answer_calls(unsigned int operations, unsigned int flags)
{
	struct seccomp_notif_resp answer = {
		.val = flags ? 0 : ANSWER,
		.flags = flags,
	};
	struct seccomp_notif call;

	while (operations--) {
		memset(&call, 0, sizeof(call));
		must(!ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &call),
		     "SECCOMP_IOCTL_NOTIF_RECV");
		answer.id = call.id;
		must(!ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer),
		     "SECCOMP_IOCTL_NOTIF_SEND");
	}
}

static void run_notify(unsigned int operations)
{
	answer_calls(operations, SECCOMP_USER_NOTIF_FLAG_CONTINUE);
}

static void run_notify_answer(unsigned int operations)
{
	answer_calls(operations, 0);
}

#define SUPERVISED(title, by, ...)					\
	{ .row = title, .how = by, .per = "call", .operations = CALLS,	\
	  __VA_ARGS__ }

const struct bench supervised_benches[] = {
	SUPERVISED(FORWARDED, "ptrace", .begin = begin_syscall,
		   .run = run_syscall),
	SUPERVISED(FORWARDED, "ptrace, reading the call",
		   .begin = begin_syscall, .run = run_registers),
	SUPERVISED(FORWARDED, "seccomp notification", .begin = begin_notify,
		   .run = run_notify),
	SUPERVISED(ANSWERED, "ptrace", .begin = begin_sysemu,
		   .run = run_sysemu),
	SUPERVISED(ANSWERED, "seccomp notification",
		   .begin = begin_notify_answer, .run = run_notify_answer),
	{ 0 }
};
