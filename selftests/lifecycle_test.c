// SPDX-License-Identifier: GPL-2.0-only
/* Virtualization is on while somebody uses it, on every CPU, and off after. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "kselftest_harness.h"
#include "cpu_state.h"
#include "need_dune.h"
#include "send_descriptor.h"

FIXTURE(lifecycle) {
	int dune;
};

FIXTURE_SETUP(lifecycle)
{
	self->dune = dune_open();
	ASSERT_GE(self->dune, 0);
	ASSERT_TRUE(cpu_state_load());
}

FIXTURE_TEARDOWN(lifecycle)
{
	close(self->dune);
}

#define EXPECT_VIRTUALIZATION(expected) do {				\
	int online_, on_;						\
	ASSERT_TRUE(cpu_state_count(&online_, &on_));			\
	EXPECT_EQ((expected) ? online_ : 0, on_);			\
} while (0)

TEST_F(lifecycle, off_until_the_first_vcpu)
{
	struct dune_info info = { 0 };

	EXPECT_VIRTUALIZATION(false);
	ASSERT_EQ(0, ioctl(self->dune, DUNE_GET_INFO, &info));
	EXPECT_VIRTUALIZATION(false);
}

TEST_F(lifecycle, on_from_first_vcpu_to_last)
{
	int first, second;

	first = dune_create_vcpu(self->dune);
	ASSERT_GE(first, 0);
	EXPECT_VIRTUALIZATION(true);
	second = dune_create_vcpu(self->dune);
	ASSERT_GE(second, 0);
	EXPECT_VIRTUALIZATION(true);
	close(first);
	EXPECT_VIRTUALIZATION(true);
	close(second);
	EXPECT_VIRTUALIZATION(false);
}

TEST_F(lifecycle, vcpu_outlives_the_device_descriptor)
{
	int vcpu = dune_create_vcpu(self->dune);

	ASSERT_GE(vcpu, 0);
	close(self->dune);
	EXPECT_VIRTUALIZATION(true);
	close(vcpu);
	EXPECT_VIRTUALIZATION(false);
}

TEST_F(lifecycle, off_after_kill)
{
	int ready[2], status;
	char byte;
	pid_t pid;

	ASSERT_EQ(0, pipe(ready));
	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid) {
		if (dune_create_vcpu(self->dune) < 0)
			_exit(1);
		write(ready[1], "", 1);
		pause();
	}
	ASSERT_EQ(1, read(ready[0], &byte, 1));
	EXPECT_VIRTUALIZATION(true);
	kill(pid, SIGKILL);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_VIRTUALIZATION(false);
}

TEST_F(lifecycle, off_after_exec)
{
	int status;
	pid_t pid = fork();

	ASSERT_GE(pid, 0);
	if (!pid) {
		if (dune_create_vcpu(self->dune) < 0)
			_exit(1);
		execl("/bin/sh", "sh", "-c",
		      "! grep -q ' 1$' /proc/dune_cpu_state", NULL);
		_exit(2);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
}

/* The process is gone, its virtual CPU is held by another one. */
TEST_F(lifecycle, a_virtual_cpu_outlives_its_process)
{
	int fds[2], status, vcpu;
	struct dune_state state;
	pid_t pid;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, fds));
	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid) {
		vcpu = dune_create_vcpu(self->dune);
		_exit(vcpu >= 0 && send_descriptor(fds[0], vcpu) ? 0 : 1);
	}
	vcpu = receive_descriptor(fds[1]);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_EQ(0, status);
	ASSERT_GE(vcpu, 0);
	EXPECT_VIRTUALIZATION(true);
	EXPECT_EQ(-1, ioctl(vcpu, DUNE_RUN));
	EXPECT_EQ(EIO, errno);
	EXPECT_EQ(-1, ioctl(vcpu, DUNE_GET_STATE, &state));
	EXPECT_EQ(EIO, errno);
	close(vcpu);
	EXPECT_VIRTUALIZATION(false);
}

TEST_F(lifecycle, no_descriptor_left_leaves_nothing_on)
{
	struct rlimit limit, none = { 0 };

	ASSERT_EQ(0, getrlimit(RLIMIT_NOFILE, &limit));
	none.rlim_max = limit.rlim_max;
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &none));
	EXPECT_EQ(-1, dune_create_vcpu(self->dune));
	EXPECT_EQ(EMFILE, errno);
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &limit));
	EXPECT_VIRTUALIZATION(false);
}

TEST_F(lifecycle, module_is_busy_while_in_use)
{
	EXPECT_EQ(-1, syscall(SYS_delete_module, "dune", O_NONBLOCK));
	EXPECT_EQ(EWOULDBLOCK, errno);
}

TEST_HARNESS_MAIN
