// SPDX-License-Identifier: GPL-2.0-only
/* KVM and Dune never take virtualization from each other. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <linux/kvm.h>

#include "kselftest_harness.h"
#include "cpu_state.h"
#include "need_dune.h"

#define AT_LOAD	"/sys/module/kvm/parameters/enable_virt_at_load"
#define IN_USE	"dune: virtualization is in use by another hypervisor"

static void load_kvm(const char *parameter)
{
	char command[128];

	snprintf(command, sizeof(command), "modprobe -q kvm %s", parameter);
	system(command);
	/* the one for the other vendor does not load */
	system("modprobe -q kvm_intel 2>/dev/null;"
	       "modprobe -q kvm_amd 2>/dev/null");
}

static void unload_kvm(void)
{
	system("modprobe -q -r kvm_intel; modprobe -q -r kvm_amd;"
	       "modprobe -q -r kvm");
}

/* The kernel log from here on. */
static int open_log(void)
{
	int log = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	lseek(log, 0, SEEK_END);
	return log;
}

static bool log_says(int log, const char *text)
{
	char record[8192];
	ssize_t len;

	/* EPIPE: the log went over what would have come next */
	while ((len = read(log, record, sizeof(record) - 1)) > 0 ||
	       (len < 0 && errno == EPIPE)) {
		record[len < 0 ? 0 : len] = 0;
		if (strstr(record, text))
			return true;
	}
	return false;
}

/* Had it been said ten times in five seconds, it would not be said now. */
static bool refusal_is_logged(int log, int dune)
{
	if (log_says(log, IN_USE))
		return true;
	sleep(6);
	return dune_create_vcpu(dune) < 0 && log_says(log, IN_USE);
}

FIXTURE(other_hypervisor) {
	int dune;
	int kvm;
	int log;
};

FIXTURE_SETUP(other_hypervisor)
{
	self->dune = dune_open();
	ASSERT_GE(self->dune, 0);
	ASSERT_TRUE(cpu_state_load());
	unload_kvm();
	load_kvm("");
	if (!access(AT_LOAD, F_OK)) {
		unload_kvm();
		load_kvm("enable_virt_at_load=0");
	}
	self->kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (self->kvm < 0)
		SKIP(return, "no /dev/kvm: this kernel is without KVM");
	self->log = open_log();
	ASSERT_GE(self->log, 0);
}

FIXTURE_TEARDOWN(other_hypervisor)
{
	close(self->kvm);
	close(self->dune);
	unload_kvm();
}

TEST_F_TIMEOUT(other_hypervisor, dune_keeps_out_while_kvm_runs, 300)
{
	int vm, vcpu, online, on;

	vm = ioctl(self->kvm, KVM_CREATE_VM, 0);
	ASSERT_GE(vm, 0);
	EXPECT_EQ(-1, dune_create_vcpu(self->dune));
	EXPECT_EQ(EBUSY, errno);
	EXPECT_TRUE(refusal_is_logged(self->log, self->dune));
	/* what KVM turned on is still on */
	ASSERT_TRUE(cpu_state_count(&online, &on));
	EXPECT_EQ(online, on);
	EXPECT_GE(ioctl(vm, KVM_CREATE_VCPU, 0), 0);

	close(vm);
	/* the virtual CPU above holds the machine until its descriptor goes */
	closefrom(vm);
	self->dune = dune_open();
	vcpu = dune_create_vcpu(self->dune);
	EXPECT_GE(vcpu, 0);
	close(vcpu);
}

TEST_F_TIMEOUT(other_hypervisor, kvm_keeps_out_while_dune_runs, 300)
{
	int vm, vcpu, online, on;

	vcpu = dune_create_vcpu(self->dune);
	ASSERT_GE(vcpu, 0);
	EXPECT_EQ(-1, ioctl(self->kvm, KVM_CREATE_VM, 0));
	/* what KVM says differs with its version */
	EXPECT_TRUE(errno == EBUSY || errno == EIO);
	ASSERT_TRUE(cpu_state_count(&online, &on));
	EXPECT_EQ(online, on);

	close(vcpu);
	vm = ioctl(self->kvm, KVM_CREATE_VM, 0);
	EXPECT_GE(vm, 0);
	close(vm);
	ASSERT_TRUE(cpu_state_count(&online, &on));
	EXPECT_EQ(0, on);
}

/* From 6.12 on it may be on for as long as KVM is loaded. */
TEST_F_TIMEOUT(other_hypervisor, dune_keeps_out_while_kvm_is_loaded_and_has_it_on, 300)
{
	int online, on;

	if (access(AT_LOAD, F_OK))
		SKIP(return, "KVM of this kernel has it on for its machines only");
	close(self->kvm);
	unload_kvm();
	load_kvm("enable_virt_at_load=1");
	EXPECT_EQ(-1, dune_create_vcpu(self->dune));
	EXPECT_EQ(EBUSY, errno);
	EXPECT_TRUE(refusal_is_logged(self->log, self->dune));
	ASSERT_TRUE(cpu_state_count(&online, &on));
	EXPECT_EQ(online, on);
	self->kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	EXPECT_GE(self->kvm, 0);
}

TEST_HARNESS_MAIN
