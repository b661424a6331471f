// SPDX-License-Identifier: GPL-2.0-only
/* CPUs that come and go while virtualization is in use, and while it is not. */
#include "kselftest_harness.h"

#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "guest.h"
#include "need_dune.h"

#define CPU1_ONLINE	"/sys/devices/system/cpu/cpu1/online"
#define ROUNDS		5

static bool set_cpu1(bool online)
{
	int fd = open(CPU1_ONLINE, O_WRONLY | O_CLOEXEC);
	bool done;

	if (fd < 0)
		return false;
	done = write(fd, online ? "1" : "0", 1) == 1;
	close(fd);
	return done;
}

FIXTURE(hotplug) {
	int dune;
	int cpus;
};

FIXTURE_SETUP(hotplug)
{
	int on;

	self->dune = dune_open();
	ASSERT_GE(self->dune, 0);
	if (access(CPU1_ONLINE, W_OK))
		SKIP(return, "no second CPU that can go offline");
	ASSERT_TRUE(cpu_state_load());
	ASSERT_TRUE(cpu_state_count(&self->cpus, &on));
	ASSERT_EQ(0, on);
}

FIXTURE_TEARDOWN(hotplug)
{
	set_cpu1(true);
	close(self->dune);
}

#define EXPECT_STATE(online, on) do {					\
	int online_, on_;						\
	ASSERT_TRUE(cpu_state_count(&online_, &on_));			\
	EXPECT_EQ(online, online_);					\
	EXPECT_EQ(on, on_);						\
} while (0)

TEST_F(hotplug, cpu_comes_back_with_virtualization_on)
{
	int vcpu = dune_create_vcpu(self->dune);

	ASSERT_GE(vcpu, 0);
	EXPECT_STATE(self->cpus, self->cpus);
	ASSERT_TRUE(set_cpu1(false));
	EXPECT_STATE(self->cpus - 1, self->cpus - 1);
	ASSERT_TRUE(set_cpu1(true));
	EXPECT_STATE(self->cpus, self->cpus);
	close(vcpu);
	EXPECT_STATE(self->cpus, 0);
}

TEST_F(hotplug, first_user_while_a_cpu_is_away)
{
	int vcpu;

	ASSERT_TRUE(set_cpu1(false));
	vcpu = dune_create_vcpu(self->dune);
	ASSERT_GE(vcpu, 0);
	EXPECT_STATE(self->cpus - 1, self->cpus - 1);
	ASSERT_TRUE(set_cpu1(true));
	EXPECT_STATE(self->cpus, self->cpus);
	close(vcpu);
	EXPECT_STATE(self->cpus, 0);
}

TEST_F(hotplug, last_user_gone_while_a_cpu_is_away)
{
	int vcpu = dune_create_vcpu(self->dune);

	ASSERT_GE(vcpu, 0);
	ASSERT_TRUE(set_cpu1(false));
	close(vcpu);
	EXPECT_STATE(self->cpus - 1, 0);
	ASSERT_TRUE(set_cpu1(true));
	EXPECT_STATE(self->cpus, 0);
}

/* A process whose guest counts, for as long as it runs. */
struct counter {
	atomic_ulong value;	/* by the guest */
	atomic_bool returned;	/* DUNE_RUN, with more than RESUME */
	pid_t pid;
};

static void count(struct counter *counter)
{
	struct guest guest;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (guest_create(&guest))
		_exit(1);
	guest_map(&guest, &counter->value);
	guest_emit(&guest, "\x48\xff\x07", 3);	/* 1: incq (%rdi) */
	guest_emit(&guest, "\xeb\xfb", 2);	/* jmp 1b */
	guest.run->regs.rdi = (uint64_t)&counter->value;
	guest_run(&guest);
	counter->returned = true;
	_exit(2);
}

static bool still_counts(struct counter *counter)
{
	unsigned long before = counter->value;
	int tries;

	for (tries = 0; tries < 1000 && counter->value == before; tries++)
		usleep(10000);
	return counter->value != before && !counter->returned;
}

static bool pin(pid_t pid, int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return !sched_setaffinity(pid, sizeof(set), &set);
}

/* The kernel takes a guest away from its CPU, even if it is pinned there. */
TEST_F_TIMEOUT(hotplug, guests_go_on_while_a_cpu_goes_and_comes, 300)
{
	struct counter *counters;
	int i, round;

	counters = mmap(NULL, self->cpus * sizeof(*counters),
			PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			-1, 0);
	ASSERT_NE(MAP_FAILED, (void *)counters);
	for (i = 0; i < self->cpus; i++) {
		pid_t pid = fork();

		ASSERT_GE(pid, 0);
		if (!pid)
			count(&counters[i]);
		counters[i].pid = pid;
	}
	for (i = 0; i < self->cpus; i++)
		ASSERT_TRUE(still_counts(&counters[i]));

	for (round = 0; round < ROUNDS; round++) {
		for (i = 0; i < self->cpus; i++)
			ASSERT_TRUE(pin(counters[i].pid, i));
		/* so it is there */
		ASSERT_TRUE(still_counts(&counters[1]));
		ASSERT_TRUE(set_cpu1(false));
		EXPECT_STATE(self->cpus - 1, self->cpus - 1);
		for (i = 0; i < self->cpus; i++)
			EXPECT_TRUE(still_counts(&counters[i]));
		ASSERT_TRUE(set_cpu1(true));
		EXPECT_STATE(self->cpus, self->cpus);
		for (i = 0; i < self->cpus; i++)
			EXPECT_TRUE(still_counts(&counters[i]));
	}

	for (i = 0; i < self->cpus; i++) {
		int status;

		kill(counters[i].pid, SIGKILL);
		ASSERT_EQ(counters[i].pid, waitpid(counters[i].pid, &status, 0));
		EXPECT_TRUE(WIFSIGNALED(status));
		EXPECT_EQ(SIGKILL, WTERMSIG(status));
	}
	EXPECT_STATE(self->cpus, 0);
}

TEST_HARNESS_MAIN
