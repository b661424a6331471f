// SPDX-License-Identifier: GPL-2.0-only
/* A backend made of memory. */
#include <linux/irqflags.h>
#include <linux/smp.h>
#include <linux/string.h>

#include "fake_hal.h"

struct fake_hal fake_hal;

/** fake_hal_reset() - forget everything, succeed at everything */
void fake_hal_reset(void)
{
	memset(&fake_hal, 0, sizeof(fake_hal));
}

static void check(bool kept)
{
	if (!kept)
		atomic_inc(&fake_hal.broken);
}

static int fake_probe(struct dune_caps *caps, const char **why)
{
	if (fake_hal.probe_result) {
		*why = "the fake was told to say no";
		return fake_hal.probe_result;
	}
	*caps = (struct dune_caps) {
		.nested_page_sizes = BIT_ULL(12) | BIT_ULL(21),
		.guest_phys_bits = 40,
		.tlb_tags = 1,
	};
	return 0;
}

static int fake_setup(void)
{
	if (!fake_hal.setup_result)
		fake_hal.setups++;
	return fake_hal.setup_result;
}

static void fake_teardown(void)
{
	check(cpumask_empty(&fake_hal.on));
	fake_hal.setups--;
}

static int fake_cpu_enable(void)
{
	int cpu = smp_processor_id();

	check(irqs_disabled());
	check(!cpumask_test_cpu(cpu, &fake_hal.on));
	if (cpumask_test_cpu(cpu, &fake_hal.failing))
		return fake_hal.enable_result;
	cpumask_set_cpu(cpu, &fake_hal.on);
	atomic_inc(&fake_hal.enables);
	return 0;
}

static void fake_cpu_disable(void)
{
	int cpu = smp_processor_id();

	check(irqs_disabled());
	check(cpumask_test_cpu(cpu, &fake_hal.on));
	cpumask_clear_cpu(cpu, &fake_hal.on);
	atomic_inc(&fake_hal.disables);
}

const struct dune_hal fake_hal_ops = {
	.name = "fake",
	.probe = fake_probe,
	.setup = fake_setup,
	.teardown = fake_teardown,
	.cpu_enable = fake_cpu_enable,
	.cpu_disable = fake_cpu_disable,
};

static int absent_probe(struct dune_caps *caps, const char **why)
{
	return -ENODEV;
}

/* The backend of the other vendor. */
const struct dune_hal fake_hal_absent = {
	.name = "absent",
	.probe = absent_probe,
};
