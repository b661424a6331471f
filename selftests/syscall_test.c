// SPDX-License-Identifier: GPL-2.0-only
/*
 * System calls of the guest: the module makes them in place or leaves them to
 * the process, and nobody can tell which by the result.
 */
#include "kselftest_harness.h"

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <linux/ptrace.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>

#include "guest_call.h"
#include "need_dune.h"

FIXTURE(syscalls) {
	struct guest guest;
};

FIXTURE_VARIANT(syscalls) {
	uint32_t flags;
};

FIXTURE_VARIANT_ADD(syscalls, plain) { .flags = 0 };
FIXTURE_VARIANT_ADD(syscalls, direct) { .flags = DUNE_RUN_DIRECT_SYSCALLS };

FIXTURE_SETUP(syscalls)
{
	ASSERT_EQ(0, guest_create(&self->guest));
	self->guest.run->flags = variant->flags;
	guest_emit_call(&self->guest);
}

FIXTURE_TEARDOWN(syscalls)
{
	guest_destroy(&self->guest);
}

TEST_F(syscalls, take_the_path_that_was_asked_for)
{
	int calls = direct_calls(&self->guest), i;

	if (variant->flags && direct_is_on()) {
		/* where the kernel has just preempted it, the other is right */
		for (i = 0; i < 100 && !calls; i++)
			calls = direct_calls(&self->guest);
		EXPECT_EQ(1, calls);
	} else {
		EXPECT_EQ(0, calls);
	}
}

#define EXPECT_SAME(...)						\
	EXPECT_EQ(native(__VA_ARGS__), from_guest(&self->guest, __VA_ARGS__))

TEST_F(syscalls, give_what_they_give_outside)
{
	char name[16] = "/proc/self/exe", buffer[64] = "";
	int fds[2], fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	ASSERT_GE(fd, 0);
	ASSERT_EQ(0, pipe(fds));
	EXPECT_SAME(SYS_getpid, 0, 0, 0);
	EXPECT_SAME(SYS_gettid, 0, 0, 0);
	EXPECT_SAME(SYS_getppid, 0, 0, 0);
	EXPECT_SAME(SYS_getpriority, 0, 0, 0);
	EXPECT_SAME(SYS_umask, 022, 0, 0);
	/* errors */
	EXPECT_SAME(SYS_read, -1, (long)buffer, 1);
	EXPECT_SAME(SYS_read, fd, 8, 16);
	EXPECT_SAME(SYS_write, fd, (long)buffer, 1);
	EXPECT_SAME(SYS_open, 0, 0, 0);
	EXPECT_SAME(SYS_open, (long)"/nowhere", 0, 0);
	EXPECT_SAME(SYS_mmap, 0, 0, 0);
	EXPECT_SAME(SYS_ioctl, fd, 0x5401, (long)buffer);
	/* no such call: in a gap, behind the table, of other interfaces */
	EXPECT_SAME(400, 0, 0, 0);
	EXPECT_SAME(511, 0, 0, 0);
	EXPECT_SAME(0x40000000 + SYS_getpid, 0, 0, 0);
	EXPECT_SAME(-1, 0, 0, 0);
	/* data */
	EXPECT_EQ(5, from_guest(&self->guest, SYS_write, fds[1],
				(long)"dune", 5));
	EXPECT_EQ(5, from_guest(&self->guest, SYS_read, fds[0], (long)buffer,
				sizeof(buffer)));
	EXPECT_STREQ("dune", buffer);
	EXPECT_EQ(readlink(name, buffer, sizeof(buffer)),
		  from_guest(&self->guest, SYS_readlink, (long)name,
			     (long)buffer, sizeof(buffer)));
	/* the last close of a pipe's end is seen at once */
	EXPECT_EQ(0, from_guest(&self->guest, SYS_close, fds[1], 0, 0));
	EXPECT_EQ(0, from_guest(&self->guest, SYS_read, fds[0], (long)buffer, 1));
	close(fds[0]);
	close(fd);
}

TEST_F(syscalls, reach_the_virtual_cpu_itself)
{
	struct dune_window window = { .address = (uint64_t)self->guest.code };

	EXPECT_EQ(0, from_guest(&self->guest, SYS_ioctl, self->guest.vcpu,
				DUNE_GET_WINDOW, (long)&window));
	EXPECT_EQ(guest_physical(&self->guest, self->guest.code) & ~WINDOW_MASK,
		  window.guest_physical);
}

/* A debug kernel would tell if the file went away under the call. */
TEST_F(syscalls, may_close_the_virtual_cpu)
{
	struct guest guest;
	long ret;

	ASSERT_EQ(0, guest_create(&guest));
	guest.run->flags = variant->flags;
	guest_emit_hypercall(&guest);
	guest_emit(&guest, "\xb8\xff\xff\xff\x7f", 5);
	guest_emit_hypercall(&guest);
	/* the guest goes on until it next comes out */
	ret = from_guest(&guest, SYS_close, guest.vcpu, 0, 0);
	EXPECT_TRUE(ret == 0 || ret == -ENOTRECOVERABLE);
	EXPECT_EQ(-1, ioctl(guest.vcpu, DUNE_RUN));
	EXPECT_EQ(EBADF, errno);
}

static int signals_seen;

static void on_signal(int signal)
{
	__atomic_add_fetch(&signals_seen, 1, __ATOMIC_RELAXED);
}

static void alarm_after(int milliseconds, int flags)
{
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = flags };
	struct itimerval timer = { .it_value.tv_usec = milliseconds * 1000 };

	signals_seen = 0;
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &timer, NULL);
}

TEST_F(syscalls, are_interrupted_as_outside)
{
	char byte;
	int fds[2];

	ASSERT_EQ(0, pipe(fds));
	alarm_after(100, 0);
	EXPECT_EQ(-EINTR, from_guest(&self->guest, SYS_read, fds[0],
				     (long)&byte, 1));
	EXPECT_EQ(1, __atomic_load_n(&signals_seen, __ATOMIC_RELAXED));
	alarm_after(100, SA_RESTART);
	EXPECT_EQ(-EINTR, from_guest(&self->guest, SYS_pause, 0, 0, 0));
	EXPECT_EQ(1, __atomic_load_n(&signals_seen, __ATOMIC_RELAXED));
}

static int pipe_to_answer;

static void answer(int signal)
{
	__atomic_add_fetch(&signals_seen, 1, __ATOMIC_RELAXED);
	write(pipe_to_answer, "x", 1);
}

TEST_F(syscalls, are_restarted_as_outside)
{
	struct sigaction action = { .sa_handler = answer, .sa_flags = SA_RESTART };
	char byte = 0;
	int fds[2];

	ASSERT_EQ(0, pipe(fds));
	pipe_to_answer = fds[1];
	alarm_after(100, SA_RESTART);
	sigaction(SIGALRM, &action, NULL);
	EXPECT_EQ(1, from_guest(&self->guest, SYS_read, fds[0], (long)&byte, 1));
	EXPECT_EQ('x', byte);
	EXPECT_EQ(1, __atomic_load_n(&signals_seen, __ATOMIC_RELAXED));
}

/* A call that goes on where it was: stopped and continued, no handler runs. */
TEST_F(syscalls, go_on_sleeping_after_a_stop)
{
	struct timespec time = { .tv_nsec = 500000000 };
	pid_t target = getpid(), pid = fork();
	int status;

	ASSERT_GE(pid, 0);
	if (!pid) {
		usleep(100000);
		kill(target, SIGSTOP);
		usleep(100000);
		kill(target, SIGCONT);
		_exit(0);
	}
	EXPECT_EQ(0, from_guest(&self->guest, SYS_nanosleep, (long)&time, 0, 0));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
}

/* Refuses getppid with EXDEV and ends the process at getpgrp. */
static int confine(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EXDEV),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getpgrp, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { ARRAY_SIZE(code), code };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -1;
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

TEST_F(syscalls, do_not_get_past_seccomp)
{
	ASSERT_EQ(0, confine());
	EXPECT_EQ(getpid(), from_guest(&self->guest, SYS_getpid, 0, 0, 0));
	EXPECT_EQ(-EXDEV, from_guest(&self->guest, SYS_getppid, 0, 0, 0));
}

TEST_F(syscalls, do_not_get_past_seccomp_that_the_guest_installs)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EXDEV),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { ARRAY_SIZE(code), code };

	ASSERT_EQ(0, prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	EXPECT_EQ(0, from_guest(&self->guest, SYS_prctl, PR_SET_SECCOMP,
				SECCOMP_MODE_FILTER, (long)&program));
	EXPECT_EQ(-EXDEV, from_guest(&self->guest, SYS_getppid, 0, 0, 0));
}

TEST_F(syscalls, are_killed_by_seccomp)
{
	struct guest own;
	int status;
	pid_t pid = fork();

	ASSERT_GE(pid, 0);
	if (!pid) {
		if (guest_create(&own) || confine())
			_exit(1);
		own.run->flags = variant->flags;
		guest_emit_hypercall(&own);
		from_guest(&own, SYS_getpgrp, 0, 0, 0);
		_exit(2);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_TRUE(WIFSIGNALED(status));
	EXPECT_EQ(SIGSYS, WTERMSIG(status));
}

/* A tracer sees the call by its number, as ever. */
TEST_F(syscalls, are_seen_by_a_tracer)
{
	struct guest own;
	bool seen = false;
	int status;
	pid_t pid = fork();

	ASSERT_GE(pid, 0);
	if (!pid) {
		if (guest_create(&own))
			_exit(1);
		own.run->flags = variant->flags;
		guest_emit_hypercall(&own);
		guest_emit(&own, "\xb8\xff\xff\xff\x7f", 5);
		guest_emit_hypercall(&own);
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		raise(SIGSTOP);
		from_guest(&own, SYS_getpgrp, 0, 0, 0);
		_exit(0);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ptrace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACESYSGOOD);
	while (WIFSTOPPED(status)) {
		struct ptrace_syscall_info info = { 0 };

		ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info);
		seen |= info.op == PTRACE_SYSCALL_INFO_ENTRY &&
			info.entry.nr == SYS_getpgrp;
		ptrace(PTRACE_SYSCALL, pid, 0, 0);
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
	}
	EXPECT_TRUE(seen);
}

TEST_HARNESS_MAIN
