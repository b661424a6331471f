// SPDX-License-Identifier: GPL-2.0-only
/* Whole programs whose system calls somebody looks at, and lets pass. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"
#include "interposition.h"
#include "supervise.h"

#define MOST_ARGUMENTS	32

static pid_t program;

/* As must(), where standard output is not the report's. */
static void check(bool ok, const char *what)
{
	if (ok)
		return;
	perror(what);
	_exit(1);
}

void find_part(const char *name, char *path)
{
	ssize_t size = readlink("/proc/self/exe", path, PATH_MAX - 1);
	char *slash;

	must(size > 0, "readlink()");
	path[size] = '\0';
	slash = strrchr(path, '/') + 1;
	must(snprintf(slash, path + PATH_MAX - slash, "%s", name) <
	     path + PATH_MAX - slash, "the path");
}

static int can_sandbox(void)
{
	if (access("/dev/dune", F_OK))
		return cannot_run("dune.ko is not loaded");
	if (system("command -v dune-sandbox >/dev/null"))
		return cannot_run("there is no dune-sandbox");
	return 0;
}

static int can_notify(void)
{
	uint32_t action = SECCOMP_RET_USER_NOTIF;

	if (syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action))
		return cannot_run("the kernel has no seccomp notification");
	return 0;
}

static int can_dispatch(void)
{
	if (prctl(PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_OFF, 0, 0, 0))
		return cannot_run("the kernel has no syscall user dispatch");
	return 0;
}

static void execute(const char *const argv[])
{
	execvp(argv[0], (char *const *)argv);
	check(false, argv[0]);
}

static void run_alone(const char *folder, const char *const argv[])
{
	(void)folder;
	execute(argv);
}

/* What all of the programs need, and no more. */
static void run_in_sandbox(const char *folder, const char *const argv[])
{
	const char *line[MOST_ARGUMENTS] = {
		"dune-sandbox", "--env", "*", "--write", folder,
		"--net", "loopback", "--",
	};
	unsigned int i;

	for (i = 0; line[i]; i++)
		;
	for (; *argv && i < MOST_ARGUMENTS - 1; i++)
		line[i] = *argv++;
	execute(line);
}

static void run_dispatched(const char *folder, const char *const argv[])
{
	char path[PATH_MAX];

	(void)folder;
	find_part("dune-dispatch.so", path);
	setenv("LD_PRELOAD", path, 1);
	execute(argv);
}

/* Is it the end of all? What else ends does not matter. */
static void end_with(pid_t pid, int status)
{
	if (pid == program)
		_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
}

/* The signal for a process to go on with. */
static int signal_of(int status)
{
	int signal = WSTOPSIG(status);

	/* a call, or news; or how a new process begins */
	if (signal == (SIGTRAP | 0x80) || status >> 16 || signal == SIGSTOP)
		return 0;
	return signal;
}

static void run_traced(const char *folder, const char *const argv[])
{
	int status;
	pid_t pid;

	(void)folder;
	program = fork_to_watch();
	if (!program) {
		check(!ptrace(PTRACE_TRACEME, 0, 0, 0), "ptrace()");
		raise(SIGSTOP);
		execute(argv);
	}
	check(waitpid(program, &status, 0) == program && WIFSTOPPED(status),
	      "waitpid()");
	check(!ptrace(PTRACE_SETOPTIONS, program, 0, PTRACE_O_EXITKILL |
		      PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK |
		      PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE |
		      PTRACE_O_TRACEEXEC), "ptrace()");
	pid = program;
	do {
		if (WIFSTOPPED(status))
			/* it may have been killed */
			ptrace(PTRACE_SYSCALL, pid, 0, signal_of(status));
		else
			end_with(pid, status);
		pid = waitpid(-1, &status, __WALL);
	} while (pid > 0);
	check(false, "waitpid()");
}

static void end_at_signal(int signal)
{
	int status;
	pid_t pid;

	(void)signal;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		end_with(pid, status);
}

static void __attribute__((noreturn)) let_pass(int listener)
{
	struct seccomp_notif_resp answer;
	struct seccomp_notif call;

	for (;;) {
		memset(&call, 0, sizeof(call));
		if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &call)) {
			/* who called is gone, or somebody else */
			check(errno == ENOENT || errno == EINTR,
			      "SECCOMP_IOCTL_NOTIF_RECV");
			continue;
		}
		answer = (struct seccomp_notif_resp) {
			.id = call.id,
			.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE,
		};
		check(!ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer) ||
		      errno == ENOENT, "SECCOMP_IOCTL_NOTIF_SEND");
	}
}

static void run_notifying(const char *folder, const char *const argv[])
{
	int ends[2], listener;

	(void)folder;
	check(!pipe2(ends, O_CLOEXEC), "pipe()");
	/* before anything can end; it interrupts what waits for calls */
	check(signal(SIGCHLD, end_at_signal) != SIG_ERR, "signal()");
	program = fork_to_watch();
	if (!program) {
		signal(SIGCHLD, SIG_DFL);
		listener = filter_calls(ALL_CALLS, SECCOMP_RET_USER_NOTIF,
					SECCOMP_FILTER_FLAG_NEW_LISTENER);
		/* nobody listens yet */
		syscall(SYS_write, ends[1], &listener, sizeof(listener), 0, 0,
			LET_BE);
		execute(argv);
	}
	check(read(ends[0], &listener, sizeof(listener)) == sizeof(listener) &&
	      listener >= 0, "seccomp()");
	let_pass(listener);
}

static const struct way {
	const char *how;
	int (*can)(void);
	void (*run)(const char *folder, const char *const argv[]);
} ways[] = {
	{ "Linux", NULL, run_alone },
	{ "dune-sandbox", can_sandbox, run_in_sandbox },
	{ "ptrace", NULL, run_traced },
	{ "seccomp notification", can_notify, run_notifying },
	{ "syscall user dispatch", can_dispatch, run_dispatched },
};

static const struct way *find_way(const char *how)
{
	const struct way *way = ways;

	while (strcmp(way->how, how))
		way++;
	return way;
}

int can_supervise(const char *how)
{
	const struct way *way = find_way(how);

	return way->can ? way->can() : 0;
}

void supervise(const char *how, const char *folder, const char *const argv[])
{
	find_way(how)->run(folder, argv);
	_exit(1);
}
