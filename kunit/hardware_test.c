// SPDX-License-Identifier: GPL-2.0-only
/* Virtualization is on when, and only when, somebody uses it. */
#include <kunit/test.h>
#include <linux/module.h>
#include <linux/preempt.h>

#include "../core/compat.h"
#include "../core/hardware.h"
#include "fake_hal.h"

static const struct dune_hal * const backends[] = {
	&fake_hal_absent, &fake_hal_ops, NULL,
};

/* Every CPU that is online has it on, or none has. */
static void expect_on(struct kunit *test, bool on)
{
	if (on)
		KUNIT_EXPECT_TRUE(test, cpumask_equal(&fake_hal.on,
						      cpu_online_mask));
	else
		KUNIT_EXPECT_TRUE(test, cpumask_empty(&fake_hal.on));
}

static int hardware_init(struct kunit *test)
{
	struct dune_hardware *hw;

	fake_hal_reset();
	hw = kunit_kzalloc(test, sizeof(*hw), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, hw);
	KUNIT_ASSERT_EQ(test, 0, dune_hardware_init(hw, backends));
	test->priv = hw;
	return 0;
}

static void hardware_exit(struct kunit *test)
{
	if (test->priv)
		dune_hardware_exit(test->priv);
	KUNIT_EXPECT_EQ(test, 0, fake_hal.setups);
	KUNIT_EXPECT_EQ(test, 0, atomic_read(&fake_hal.broken));
}

static void init_turns_nothing_on(struct kunit *test)
{
	expect_on(test, false);
	KUNIT_EXPECT_EQ(test, 1, fake_hal.setups);
}

static void init_takes_the_backend_that_knows_the_cpu(struct kunit *test)
{
	struct dune_hardware *hw = test->priv;

	KUNIT_EXPECT_PTR_EQ(test, &fake_hal_ops, hw->hal);
	KUNIT_EXPECT_EQ(test, 40U, hw->caps.guest_phys_bits);
}

static void init_passes_refusals_on(struct kunit *test)
{
	static const int refusals[] = { -ENODEV, -EPERM, -EOPNOTSUPP };
	struct dune_hardware *hw = kunit_kzalloc(test, sizeof(*hw), GFP_KERNEL);
	int i;

	KUNIT_ASSERT_NOT_NULL(test, hw);
	for (i = 0; i < ARRAY_SIZE(refusals); i++) {
		fake_hal.probe_result = refusals[i];
		KUNIT_EXPECT_EQ(test, refusals[i],
				dune_hardware_init(hw, backends));
	}
	fake_hal.probe_result = 0;
	fake_hal.setup_result = -ENOMEM;
	KUNIT_EXPECT_EQ(test, -ENOMEM, dune_hardware_init(hw, backends));
}

static void first_user_turns_on_and_last_turns_off(struct kunit *test)
{
	struct dune_hardware *hw = test->priv;

	KUNIT_EXPECT_EQ(test, 0, dune_hardware_get(hw));
	expect_on(test, true);
	KUNIT_EXPECT_EQ(test, 0, dune_hardware_get(hw));
	KUNIT_EXPECT_EQ(test, num_online_cpus(),
			(unsigned int)atomic_read(&fake_hal.enables));
	dune_hardware_put(hw);
	expect_on(test, true);
	dune_hardware_put(hw);
	expect_on(test, false);
}

static void a_cpu_that_refuses_undoes_the_others(struct kunit *test)
{
	struct dune_hardware *hw = test->priv;

	cpumask_set_cpu(cpumask_last(cpu_online_mask), &fake_hal.failing);
	fake_hal.enable_result = -EBUSY;
	KUNIT_EXPECT_EQ(test, -EBUSY, dune_hardware_get(hw));
	expect_on(test, false);
	/* Only what was turned on is turned off. */
	KUNIT_EXPECT_EQ(test, atomic_read(&fake_hal.enables),
			atomic_read(&fake_hal.disables));

	fake_hal.enable_result = -EIO;
	KUNIT_EXPECT_EQ(test, -EIO, dune_hardware_get(hw));
	expect_on(test, false);

	cpumask_clear(&fake_hal.failing);
	KUNIT_EXPECT_EQ(test, 0, dune_hardware_get(hw));
	expect_on(test, true);
	dune_hardware_put(hw);
}

static void a_cpu_goes_and_comes_back(struct kunit *test)
{
	struct dune_hardware *hw = test->priv;
	int cpu;

	KUNIT_ASSERT_EQ(test, 0, dune_hardware_get(hw));
	migrate_disable();
	cpu = raw_smp_processor_id();
	dune_hardware_cpu_offline(hw);
	KUNIT_EXPECT_FALSE(test, cpumask_test_cpu(cpu, &fake_hal.on));
	KUNIT_EXPECT_EQ(test, 0, dune_hardware_cpu_online(hw));
	KUNIT_EXPECT_TRUE(test, cpumask_test_cpu(cpu, &fake_hal.on));
	migrate_enable();
	dune_hardware_put(hw);
	expect_on(test, false);
}

static void a_cpu_comes_while_nobody_uses_it(struct kunit *test)
{
	struct dune_hardware *hw = test->priv;

	migrate_disable();
	dune_hardware_cpu_offline(hw);
	KUNIT_EXPECT_EQ(test, 0, dune_hardware_cpu_online(hw));
	migrate_enable();
	expect_on(test, false);
	KUNIT_EXPECT_EQ(test, 0, atomic_read(&fake_hal.disables));
}

static void a_cpu_that_cannot_stays_offline(struct kunit *test)
{
	struct dune_hardware *hw = test->priv;

	KUNIT_ASSERT_EQ(test, 0, dune_hardware_get(hw));
	migrate_disable();
	dune_hardware_cpu_offline(hw);
	cpumask_set_cpu(raw_smp_processor_id(), &fake_hal.failing);
	fake_hal.enable_result = -EBUSY;
	KUNIT_EXPECT_EQ(test, -EBUSY, dune_hardware_cpu_online(hw));
	/* Its offline callback runs again in that case. */
	dune_hardware_cpu_offline(hw);
	migrate_enable();
	dune_hardware_put(hw);
	expect_on(test, false);
}

static void sleep_turns_off_and_waking_on_again(struct kunit *test)
{
	struct dune_hardware *hw = test->priv;
	unsigned long flags;
	int cpu;

	KUNIT_ASSERT_EQ(test, 0, dune_hardware_get(hw));
	local_irq_save(flags);
	cpu = smp_processor_id();
	KUNIT_EXPECT_EQ(test, 0, dune_hardware_cpu_suspend(hw));
	KUNIT_EXPECT_FALSE(test, cpumask_test_cpu(cpu, &fake_hal.on));
	dune_hardware_cpu_resume(hw);
	KUNIT_EXPECT_TRUE(test, cpumask_test_cpu(cpu, &fake_hal.on));
	local_irq_restore(flags);
	dune_hardware_put(hw);
	expect_on(test, false);
}

static void a_cpu_that_does_not_wake_is_the_end(struct kunit *test)
{
	struct dune_hardware *hw = test->priv;
	unsigned long flags;

	KUNIT_ASSERT_EQ(test, 0, dune_hardware_get(hw));
	local_irq_save(flags);
	KUNIT_EXPECT_EQ(test, 0, dune_hardware_cpu_suspend(hw));
	cpumask_set_cpu(smp_processor_id(), &fake_hal.failing);
	fake_hal.enable_result = -EIO;
	dune_hardware_cpu_resume(hw);
	local_irq_restore(flags);
	KUNIT_EXPECT_TRUE(test, hw->down);
	KUNIT_EXPECT_EQ(test, -ESHUTDOWN, dune_hardware_get(hw));
	dune_hardware_put(hw);
	expect_on(test, false);
}

static void sleep_without_users_does_nothing(struct kunit *test)
{
	struct dune_hardware *hw = test->priv;
	unsigned long flags;

	local_irq_save(flags);
	KUNIT_EXPECT_EQ(test, 0, dune_hardware_cpu_suspend(hw));
	dune_hardware_cpu_resume(hw);
	local_irq_restore(flags);
	KUNIT_EXPECT_EQ(test, 0, atomic_read(&fake_hal.enables));
	KUNIT_EXPECT_EQ(test, 0, atomic_read(&fake_hal.disables));
}

static void shutdown_is_final(struct kunit *test)
{
	struct dune_hardware *hw = test->priv;

	KUNIT_ASSERT_EQ(test, 0, dune_hardware_get(hw));
	dune_hardware_shutdown(hw);
	expect_on(test, false);
	KUNIT_EXPECT_EQ(test, -ESHUTDOWN, dune_hardware_get(hw));
	migrate_disable();
	KUNIT_EXPECT_EQ(test, 0, dune_hardware_cpu_online(hw));
	migrate_enable();
	dune_hardware_put(hw);
	expect_on(test, false);
	KUNIT_EXPECT_EQ(test, atomic_read(&fake_hal.enables),
			atomic_read(&fake_hal.disables));
}

static struct kunit_case hardware_cases[] = {
	KUNIT_CASE(init_turns_nothing_on),
	KUNIT_CASE(init_takes_the_backend_that_knows_the_cpu),
	KUNIT_CASE(init_passes_refusals_on),
	KUNIT_CASE(first_user_turns_on_and_last_turns_off),
	KUNIT_CASE(a_cpu_that_refuses_undoes_the_others),
	KUNIT_CASE(a_cpu_goes_and_comes_back),
	KUNIT_CASE(a_cpu_comes_while_nobody_uses_it),
	KUNIT_CASE(a_cpu_that_cannot_stays_offline),
	KUNIT_CASE(sleep_turns_off_and_waking_on_again),
	KUNIT_CASE(a_cpu_that_does_not_wake_is_the_end),
	KUNIT_CASE(sleep_without_users_does_nothing),
	KUNIT_CASE(shutdown_is_final),
	{}
};

static struct kunit_suite hardware_suite = {
	.name = "dune_hardware",
	.init = hardware_init,
	.exit = hardware_exit,
	.test_cases = hardware_cases,
};

kunit_test_suite(hardware_suite);

MODULE_DESCRIPTION("KUnit tests for Dune");
MODULE_AUTHOR("The Dune authors");
MODULE_LICENSE("GPL");
DUNE_IMPORT_KUNIT_NS;
