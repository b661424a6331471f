// SPDX-License-Identifier: GPL-2.0-only
/* KVM and Dune never take virtualization from each other. */
#include <errno.h>
#include <stdlib.h>
#include <linux/kvm.h>

#include "kselftest_harness.h"
#include "cpu_state.h"

FIXTURE(other_hypervisor) {
	int dune;
	int kvm;
};

FIXTURE_SETUP(other_hypervisor)
{
	self->dune = dune_open();
	if (self->dune < 0 && errno == ENOENT)
		SKIP(return, "no /dev/dune: dune.ko is not loaded");
	ASSERT_GE(self->dune, 0);
	ASSERT_TRUE(cpu_state_load());
	/* the one for the other vendor does not load */
	system("modprobe -q kvm_intel 2>/dev/null; modprobe -q kvm_amd 2>/dev/null");
	self->kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (self->kvm < 0)
		SKIP(return, "no /dev/kvm: this kernel is without KVM");
}

FIXTURE_TEARDOWN(other_hypervisor)
{
	close(self->kvm);
	close(self->dune);
}

TEST_F(other_hypervisor, dune_keeps_out_while_kvm_runs)
{
	int vm, vcpu, online, on;

	vm = ioctl(self->kvm, KVM_CREATE_VM, 0);
	ASSERT_GE(vm, 0);
	EXPECT_EQ(-1, dune_create_vcpu(self->dune));
	EXPECT_EQ(EBUSY, errno);
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

TEST_F(other_hypervisor, kvm_keeps_out_while_dune_runs)
{
	int vm, vcpu, online, on;

	vcpu = dune_create_vcpu(self->dune);
	ASSERT_GE(vcpu, 0);
	EXPECT_EQ(-1, ioctl(self->kvm, KVM_CREATE_VM, 0));
	EXPECT_EQ(EBUSY, errno);
	ASSERT_TRUE(cpu_state_count(&online, &on));
	EXPECT_EQ(online, on);

	close(vcpu);
	vm = ioctl(self->kvm, KVM_CREATE_VM, 0);
	EXPECT_GE(vm, 0);
	close(vm);
	ASSERT_TRUE(cpu_state_count(&online, &on));
	EXPECT_EQ(0, on);
}

TEST_HARNESS_MAIN
