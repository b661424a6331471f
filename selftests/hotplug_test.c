// SPDX-License-Identifier: GPL-2.0-only
/* CPUs that come and go while virtualization is in use, and while it is not. */
#include <errno.h>
#include <string.h>

#include "kselftest_harness.h"
#include "cpu_state.h"
#include "need_dune.h"

#define CPU1_ONLINE "/sys/devices/system/cpu/cpu1/online"

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

TEST_HARNESS_MAIN
