// SPDX-License-Identifier: GPL-2.0-only
/* Virtual CPUs: their life, their descriptors, and who may use them. */
#include <kunit/test.h>
#include <linux/file.h>
#include <linux/fdtable.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/module.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>

#include "../core/device.h"
#include "../core/hardware.h"
#include "fake_hal.h"
#include "process.h"

/* Not an address of the process. */
#define NOWHERE	0x1000UL

static bool hardware_is_on(void)
{
	return cpumask_equal(&fake_hal.on, cpu_online_mask);
}

static void the_hardware_is_on_while_there_is_one(struct kunit *test)
{
	struct file *first, *second;

	KUNIT_EXPECT_TRUE(test, cpumask_empty(&fake_hal.on));
	first = process_vcpu_file(test);
	second = process_vcpu_file(test);
	KUNIT_EXPECT_EQ(test, 2, fake_hal.vcpus);
	KUNIT_EXPECT_EQ(test, 2U, dune_hardware.users);
	KUNIT_EXPECT_TRUE(test, hardware_is_on());
	process_close(test, first);
	KUNIT_EXPECT_TRUE(test, hardware_is_on());
	process_close(test, second);
	KUNIT_EXPECT_TRUE(test, cpumask_empty(&fake_hal.on));
	KUNIT_EXPECT_EQ(test, 0, fake_hal.vcpus);
}

static void those_of_a_process_share_its_memory(struct kunit *test)
{
	struct file *file = process_vcpu_file(test);
	struct dune_vcpu *first = file->private_data;
	struct dune_vcpu *second = process_vcpu(test);
	struct dune_space *space = first->space;

	KUNIT_EXPECT_PTR_EQ(test, space, second->space);
	KUNIT_EXPECT_EQ(test, 2U, space->vcpu_count);
	KUNIT_EXPECT_PTR_NE(test, first->run, second->run);
	process_close(test, file);
	KUNIT_EXPECT_EQ(test, 1U, space->vcpu_count);
	KUNIT_EXPECT_TRUE(test, list_is_singular(&space->vcpus));
}

static void a_new_one_has_the_default_state(struct kunit *test)
{
	struct dune_state state, expected;

	process_vcpu(test);
	dune_state_default(&expected);
	KUNIT_EXPECT_EQ(test, 0L, process_ioctl(test, DUNE_GET_STATE, &state));
	KUNIT_EXPECT_EQ(test, 0, memcmp(&expected, &state, sizeof(state)));
}

static void a_state_comes_back_as_it_was_set(struct kunit *test)
{
	struct dune_state set, got;

	process_vcpu(test);
	dune_state_default(&set);
	set.cr0 ^= X86_CR0_WP;
	set.cr2 = 0x1234;
	set.cr3 = 0x5000;
	set.cr8 = 9;
	set.dr0 = 1;
	set.dr1 = 2;
	set.dr2 = 3;
	set.dr3 = 4;
	set.dr6 |= 5;
	set.dr7 |= 0x33;
	set.lstar = 0x4567;
	set.fs.base = 0x7000;
	set.idt.limit = 0xfff;
	KUNIT_EXPECT_EQ(test, 0L, process_ioctl(test, DUNE_SET_STATE, &set));
	KUNIT_EXPECT_EQ(test, 0L, process_ioctl(test, DUNE_GET_STATE, &got));
	KUNIT_EXPECT_EQ(test, 0, memcmp(&set, &got, sizeof(got)));

	/* One that is refused changes nothing. */
	set.cr3 = 0x6000;
	set.cr4 |= X86_CR4_VMXE;
	KUNIT_EXPECT_EQ(test, (long)-EINVAL,
			process_ioctl(test, DUNE_SET_STATE, &set));
	KUNIT_EXPECT_EQ(test, 0L, process_ioctl(test, DUNE_GET_STATE, &got));
	KUNIT_EXPECT_EQ(test, 0x5000ULL, got.cr3);
}

static void windows_can_be_had(struct kunit *test)
{
	struct dune_window window = { .address = 0x7fff12345678 };

	process_set_phys_bits(32);
	process_vcpu(test);
	KUNIT_EXPECT_EQ(test, 0L, process_ioctl(test, DUNE_GET_WINDOW, &window));
	KUNIT_EXPECT_EQ(test, 0ULL, window.guest_physical);
	window.flags = 1;
	KUNIT_EXPECT_EQ(test, (long)-EINVAL,
			process_ioctl(test, DUNE_GET_WINDOW, &window));
	window.flags = 0;
	window.reserved = 1;
	KUNIT_EXPECT_EQ(test, (long)-EINVAL,
			process_ioctl(test, DUNE_GET_WINDOW, &window));
	window.reserved = 0;
	for (window.address = 0; window.address < 3ULL << 30;
	     window.address += 1ULL << 30)
		KUNIT_EXPECT_EQ(test, 0L, process_ioctl(test, DUNE_GET_WINDOW,
							&window));
	KUNIT_EXPECT_EQ(test, (long)-ENOSPC,
			process_ioctl(test, DUNE_GET_WINDOW, &window));
}

static void counters_outlive_their_virtual_cpu(struct kunit *test)
{
	struct dune_vcpu *vcpu = process_vcpu(test);
	struct file *file = process_vcpu_file(test);
	struct dune_vcpu *other = file->private_data;
	struct dune_stats stats = { 0 };

	RUN_TO_END(test, vcpu, { .reason = DUNE_HW_FORBIDDEN });
	other->stats.exits[DUNE_STAT_HALT] = 5;
	other->stats.nested_faults[1] = 6;
	other->stats.around = 7;
	KUNIT_EXPECT_EQ(test, 0L, process_ioctl(test, DUNE_GET_STATS, &stats));
	KUNIT_EXPECT_EQ(test, 2U, stats.vcpus);
	process_close(test, file);
	KUNIT_EXPECT_EQ(test, 0L, process_ioctl(test, DUNE_GET_STATS, &stats));
	KUNIT_EXPECT_EQ(test, 1U, stats.vcpus);
	KUNIT_EXPECT_EQ(test, 1ULL, stats.exits[DUNE_STAT_FORBIDDEN]);
	KUNIT_EXPECT_EQ(test, 1ULL, stats.injected);
	KUNIT_EXPECT_EQ(test, 5ULL, stats.exits[DUNE_STAT_HALT]);
	KUNIT_EXPECT_EQ(test, 6ULL, stats.nested_faults[1]);
	KUNIT_EXPECT_EQ(test, 7ULL, stats.around);
	KUNIT_EXPECT_EQ(test, 1ULL, stats.nested_tables);

	stats.flags = 1;
	KUNIT_EXPECT_EQ(test, (long)-EINVAL,
			process_ioctl(test, DUNE_GET_STATS, &stats));
	stats.flags = 0;
	stats.reserved[3] = 1;
	KUNIT_EXPECT_EQ(test, (long)-EINVAL,
			process_ioctl(test, DUNE_GET_STATS, &stats));
}

static void bad_addresses_are_refused(struct kunit *test)
{
	static const unsigned int requests[] = {
		DUNE_GET_STATE, DUNE_SET_STATE, DUNE_GET_WINDOW, DUNE_GET_STATS,
		DUNE_FLUSH,
	};
	struct file *file = process_vcpu_file(test);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(requests); i++)
		KUNIT_EXPECT_EQ(test, (long)-EFAULT,
				file->f_op->unlocked_ioctl(file, requests[i],
							   NOWHERE));
	KUNIT_EXPECT_EQ(test, (long)-ENOTTY,
			file->f_op->unlocked_ioctl(file, DUNE_GET_INFO, 0));
	KUNIT_EXPECT_EQ(test, (long)-ENOTTY,
			file->f_op->unlocked_ioctl(file, ~0U, 0));
}

static void only_one_thread_uses_it(struct kunit *test)
{
	struct dune_vcpu *vcpu = process_vcpu(test);
	struct dune_state state = { 0 };

	set_bit(0, &vcpu->busy);
	KUNIT_EXPECT_EQ(test, (long)-EBUSY, RUN(test, { 0 }));
	KUNIT_EXPECT_EQ(test, (long)-EBUSY,
			process_ioctl(test, DUNE_GET_STATE, &state));
	clear_bit(0, &vcpu->busy);
	KUNIT_EXPECT_EQ(test, 0U, fake_hal.runs);
	RUN_TO_END(test, vcpu, { 0 });
}

static void another_process_cannot_use_it(struct kunit *test)
{
	struct file *file = process_vcpu_file(test);
	const struct file_operations *ops = file->f_op;
	struct vm_area_struct nothing = {};

	process_leave(test);
	KUNIT_EXPECT_EQ(test, (long)-EIO,
			ops->unlocked_ioctl(file, DUNE_RUN, 0));
	KUNIT_EXPECT_EQ(test, (long)-EIO,
			ops->unlocked_ioctl(file, DUNE_GET_STATE, NOWHERE));
	KUNIT_EXPECT_EQ(test, -EIO, ops->mmap(file, &nothing));
	process_enter(test);
	KUNIT_EXPECT_EQ(test, 0U, fake_hal.runs);
	RUN_TO_END(test, (struct dune_vcpu *)file->private_data, { 0 });
}

static unsigned long map_run_page(struct file *file, unsigned long size,
				  unsigned long prot, unsigned long offset)
{
	return vm_mmap(file, 0, size, prot, MAP_SHARED, offset);
}

static void the_run_page_can_be_mapped(struct kunit *test)
{
	struct file *file = process_vcpu_file(test);
	struct dune_vcpu *vcpu = file->private_data;
	unsigned long rw = PROT_READ | PROT_WRITE, address;
	u64 rax = 0x1234;

	address = map_run_page(file, PAGE_SIZE, rw, 0);
	KUNIT_ASSERT_FALSE(test, IS_ERR_VALUE(address));
	process_write(test, address + offsetof(struct dune_run, regs.rax),
		      &rax, sizeof(rax));
	KUNIT_EXPECT_EQ(test, rax, vcpu->run->regs.rax);
	vcpu->run->regs.rip = 0x5678;
	KUNIT_EXPECT_EQ(test, 0, get_user(rax, (u64 __user *)(address +
			offsetof(struct dune_run, regs.rip))));
	KUNIT_EXPECT_EQ(test, 0x5678ULL, rax);

	KUNIT_EXPECT_EQ(test, (unsigned long)-EINVAL,
			map_run_page(file, 2 * PAGE_SIZE, rw, 0));
	KUNIT_EXPECT_EQ(test, (unsigned long)-EINVAL,
			map_run_page(file, PAGE_SIZE, rw, PAGE_SIZE));
	KUNIT_EXPECT_EQ(test, (unsigned long)-EINVAL,
			map_run_page(file, PAGE_SIZE, rw | PROT_EXEC, 0));
	/* by one who has come to the descriptor later, perhaps */
	KUNIT_EXPECT_EQ(test, (unsigned long)-EBUSY,
			map_run_page(file, PAGE_SIZE, rw, 0));
}

static void a_mapped_one_lives_on_after_it_is_closed(struct kunit *test)
{
	struct file *file = process_vcpu_file(test);
	unsigned long address = map_run_page(file, PAGE_SIZE, PROT_READ, 0);
	u32 flags = 1;

	KUNIT_ASSERT_FALSE(test, IS_ERR_VALUE(address));
	process_close(test, file);
	KUNIT_EXPECT_EQ(test, 1, fake_hal.vcpus);
	KUNIT_EXPECT_EQ(test, 0, get_user(flags, (u32 __user *)(address +
			offsetof(struct dune_run, flags))));
	KUNIT_EXPECT_EQ(test, 0U, flags);
	/* It goes with the process, as process_exit() checks. */
}

static void a_descriptor_outlives_its_process(struct kunit *test)
{
	struct file *file = process_vcpu_file(test);

	process_end(test);
	KUNIT_EXPECT_EQ(test, 1, fake_hal.vcpus);
	KUNIT_EXPECT_EQ(test, (long)-EIO,
			file->f_op->unlocked_ioctl(file, DUNE_RUN, 0));
	process_close(test, file);
	KUNIT_EXPECT_EQ(test, 0, fake_hal.vcpus);
}

static void a_process_has_only_so_many(struct kunit *test)
{
	struct dune_vcpu *vcpu = process_vcpu(test);
	struct dune_space *space = vcpu->space;

	spin_lock(&space->lock);
	space->vcpu_count += DUNE_MAX_VCPUS - 1;
	spin_unlock(&space->lock);
	KUNIT_EXPECT_EQ(test, -ENOSPC, dune_vcpu_create_fd(NULL));
	KUNIT_EXPECT_EQ(test, 1, fake_hal.vcpus);
	KUNIT_EXPECT_EQ(test, 1U, dune_hardware.users);
	spin_lock(&space->lock);
	space->vcpu_count -= DUNE_MAX_VCPUS - 1;
	spin_unlock(&space->lock);
	process_vcpu(test);
}

static void one_that_fails_leaves_nothing(struct kunit *test)
{
	struct rlimit *files = &current->signal->rlim[RLIMIT_NOFILE];
	unsigned long limit = files->rlim_cur;

	fake_hal.create_result = -ENOMEM;
	KUNIT_EXPECT_EQ(test, -ENOMEM, dune_vcpu_create_fd(NULL));
	fake_hal.create_result = 0;

	cpumask_copy(&fake_hal.failing, cpu_online_mask);
	fake_hal.enable_result = -EBUSY;
	KUNIT_EXPECT_EQ(test, -EBUSY, dune_vcpu_create_fd(NULL));
	cpumask_clear(&fake_hal.failing);

	files->rlim_cur = 0;
	KUNIT_EXPECT_EQ(test, -EMFILE, dune_vcpu_create_fd(NULL));
	files->rlim_cur = limit;

	KUNIT_EXPECT_EQ(test, 0U, dune_hardware.users);
	KUNIT_EXPECT_EQ(test, 0, fake_hal.vcpus);
	process_vcpu(test);
}

static long device_ioctl(struct kunit *test, unsigned int request, void *arg)
{
	unsigned long address = process_map(test, PAGE_SIZE,
					    PROT_READ | PROT_WRITE,
					    MAP_PRIVATE);
	long ret;

	process_write(test, address, arg, _IOC_SIZE(request));
	ret = dune_device_fops.unlocked_ioctl(NULL, request, address);
	KUNIT_EXPECT_EQ(test, 0UL, copy_from_user(arg, (void __user *)address,
						  _IOC_SIZE(request)));
	return ret;
}

static void the_device_tells_about_the_machine(struct kunit *test)
{
	struct dune_info info = { 0 };

	KUNIT_EXPECT_EQ(test, 0L, device_ioctl(test, DUNE_GET_INFO, &info));
	KUNIT_EXPECT_EQ(test, (u32)DUNE_ABI_VERSION, info.abi_version);
	KUNIT_EXPECT_EQ(test, fake_hal_ops.backend, info.backend);
	KUNIT_EXPECT_EQ(test, 40U, info.guest_phys_bits);
	KUNIT_EXPECT_EQ(test, 1U, info.tlb_tags);
	KUNIT_EXPECT_EQ(test, (u32)DUNE_MAX_VCPUS, info.max_vcpus);
	KUNIT_EXPECT_EQ(test, BIT_ULL(12) | BIT_ULL(21), info.nested_page_sizes);
	KUNIT_EXPECT_EQ(test, 2U, info.hypercall_len);
	KUNIT_EXPECT_EQ(test, 0, memcmp(fake_hal_ops.hypercall, info.hypercall,
					sizeof(info.hypercall)));
	/* It needs no virtualization for that. */
	KUNIT_EXPECT_TRUE(test, cpumask_empty(&fake_hal.on));

	info = (struct dune_info) { .flags = 1 };
	KUNIT_EXPECT_EQ(test, (long)-EINVAL,
			device_ioctl(test, DUNE_GET_INFO, &info));
	info = (struct dune_info) { .reserved[9] = 1 };
	KUNIT_EXPECT_EQ(test, (long)-EINVAL,
			device_ioctl(test, DUNE_GET_INFO, &info));
	KUNIT_EXPECT_EQ(test, (long)-EFAULT,
			dune_device_fops.unlocked_ioctl(NULL, DUNE_GET_INFO,
							NOWHERE));
	KUNIT_EXPECT_EQ(test, (long)-ENOTTY,
			dune_device_fops.unlocked_ioctl(NULL, DUNE_RUN, 0));
}

static void the_device_makes_virtual_cpus(struct kunit *test)
{
	struct dune_create_vcpu args = { 0 };
	int fd = device_ioctl(test, DUNE_CREATE_VCPU, &args);

	KUNIT_EXPECT_GE(test, fd, 0);
	KUNIT_EXPECT_EQ(test, 1, fake_hal.vcpus);
	if (fd >= 0)
		close_fd(fd);

	args.flags = 2;
	KUNIT_EXPECT_EQ(test, (long)-EINVAL,
			device_ioctl(test, DUNE_CREATE_VCPU, &args));
	args = (struct dune_create_vcpu) { .filter = 1 };
	KUNIT_EXPECT_EQ(test, (long)-EINVAL,
			device_ioctl(test, DUNE_CREATE_VCPU, &args));
	args = (struct dune_create_vcpu) { .flags = DUNE_VCPU_FILTER,
					   .filter = -1 };
	KUNIT_EXPECT_EQ(test, (long)-EBADF,
			device_ioctl(test, DUNE_CREATE_VCPU, &args));
	args = (struct dune_create_vcpu) { .reserved[5] = 1 };
	KUNIT_EXPECT_EQ(test, (long)-EINVAL,
			device_ioctl(test, DUNE_CREATE_VCPU, &args));
	KUNIT_EXPECT_EQ(test, (long)-EFAULT,
			dune_device_fops.unlocked_ioctl(NULL, DUNE_CREATE_VCPU,
							NOWHERE));
}

static struct kunit_case vcpu_cases[] = {
	KUNIT_CASE(the_hardware_is_on_while_there_is_one),
	KUNIT_CASE(those_of_a_process_share_its_memory),
	KUNIT_CASE(a_new_one_has_the_default_state),
	KUNIT_CASE(a_state_comes_back_as_it_was_set),
	KUNIT_CASE(windows_can_be_had),
	KUNIT_CASE(counters_outlive_their_virtual_cpu),
	KUNIT_CASE(bad_addresses_are_refused),
	KUNIT_CASE(only_one_thread_uses_it),
	KUNIT_CASE(another_process_cannot_use_it),
	KUNIT_CASE(the_run_page_can_be_mapped),
	KUNIT_CASE(a_mapped_one_lives_on_after_it_is_closed),
	KUNIT_CASE(a_descriptor_outlives_its_process),
	KUNIT_CASE(a_process_has_only_so_many),
	KUNIT_CASE(one_that_fails_leaves_nothing),
	KUNIT_CASE(the_device_tells_about_the_machine),
	KUNIT_CASE(the_device_makes_virtual_cpus),
	{}
};

static struct kunit_suite vcpu_suite = {
	.name = "dune_vcpu",
	.init = process_init,
	.exit = process_exit,
	.test_cases = vcpu_cases,
};

kunit_test_suite(vcpu_suite);
