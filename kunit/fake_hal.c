// SPDX-License-Identifier: GPL-2.0-only
/* A backend made of memory. */
#include <linux/irqflags.h>
#include <linux/preempt.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/string.h>
#include <linux/thread_info.h>

#include "fake_hal.h"

struct fake_hal fake_hal;

/* Neither vendor's. */
const struct dune_npt_format fake_npt_format = {
	.table = BIT_ULL(0) | BIT_ULL(1),
	.read = BIT_ULL(0),
	.write = BIT_ULL(2),
	.exec = BIT_ULL(3),
	.large = BIT_ULL(4),
	.writeback = BIT_ULL(5),
	.uncached = BIT_ULL(6),
	.accessed = BIT_ULL(7),
	.dirty = BIT_ULL(8),
};

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

static int fake_vcpu_create(struct dune_vcpu *vcpu)
{
	struct fake_vcpu *fake;

	if (fake_hal.create_result)
		return fake_hal.create_result;
	fake = kzalloc(sizeof(*fake), GFP_KERNEL);
	if (!fake)
		return -ENOMEM;
	fake->cpu = -1;
	vcpu->hw = fake;
	fake_hal.vcpus++;
	return 0;
}

static void fake_vcpu_destroy(struct dune_vcpu *vcpu)
{
	check(fake_vcpu(vcpu)->cpu == -1);
	kfree(vcpu->hw);
	fake_hal.vcpus--;
}

/*
 * A kernel thread has no floating-point registers, and the kernel always says
 * that they are not loaded. While it has a virtual CPU, say that they are.
 */
static void fake_vcpu_load(struct dune_vcpu *vcpu)
{
	check(!preemptible());
	check(fake_vcpu(vcpu)->cpu == -1);
	fake_vcpu(vcpu)->cpu = smp_processor_id();
	clear_thread_flag(TIF_NEED_FPU_LOAD);
	fake_hal.loads++;
}

/* It is loaded here, and not on its way into the guest. */
static bool is_loaded(struct dune_vcpu *vcpu)
{
	return !preemptible() && !fake_vcpu(vcpu)->injected &&
	       fake_vcpu(vcpu)->cpu == smp_processor_id();
}

static void fake_vcpu_put(struct dune_vcpu *vcpu)
{
	check(is_loaded(vcpu));
	fake_vcpu(vcpu)->cpu = -1;
	set_thread_flag(TIF_NEED_FPU_LOAD);
	fake_hal.puts++;
}

static void fake_vcpu_run(struct dune_vcpu *vcpu, struct dune_exit *exit)
{
	int cpu = smp_processor_id();

	fake_vcpu(vcpu)->injected = false;
	check(is_loaded(vcpu));
	check(irqs_disabled());
	check(cpumask_test_cpu(cpu, &fake_hal.on));
	check(vcpu->in_guest == cpu);
	if (fake_hal.hook)
		fake_hal.hook(vcpu);
	if (fake_hal.runs < fake_hal.script_length)
		*exit = fake_hal.script[fake_hal.runs];
	else
		*exit = (struct dune_exit) {
			.reason = DUNE_HW_UNKNOWN,
			.hardware_reason = FAKE_END,
		};
	fake_hal.runs++;
	check(irqs_disabled());
}

static void fake_vcpu_flush(struct dune_vcpu *vcpu)
{
	check(is_loaded(vcpu));
	fake_hal.flushes++;
}

static void fake_get_state(struct dune_vcpu *vcpu, struct dune_state *state)
{
	check(is_loaded(vcpu));
	*state = fake_vcpu(vcpu)->state;
}

static void fake_set_state(struct dune_vcpu *vcpu,
			   const struct dune_state *state)
{
	check(is_loaded(vcpu));
	fake_vcpu(vcpu)->state = *state;
}

static void fake_get_controls(struct dune_vcpu *vcpu,
			      struct dune_controls *controls)
{
	check(is_loaded(vcpu));
	*controls = fake_vcpu(vcpu)->controls;
}

static void fake_set_controls(struct dune_vcpu *vcpu,
			      const struct dune_controls *controls)
{
	check(is_loaded(vcpu));
	fake_vcpu(vcpu)->controls = *controls;
}

static void fake_inject(struct dune_vcpu *vcpu, const struct dune_event *event)
{
	check(is_loaded(vcpu));
	check(irqs_disabled());
	check(event->type != DUNE_EVENT_NONE);
	check((event->type == DUNE_EVENT_EXCEPTION) == (event->vector < 32));
	fake_vcpu(vcpu)->injected = true;
	if (fake_hal.event_count < FAKE_EVENTS)
		fake_hal.events[fake_hal.event_count] = *event;
	fake_hal.event_count++;
}

static bool fake_interrupt_window(struct dune_vcpu *vcpu)
{
	check(is_loaded(vcpu));
	fake_hal.window_requests++;
	return !fake_hal.window_closed;
}

const struct dune_hal fake_hal_ops = {
	.name = "fake",
	.backend = 77,
	.hypercall = { 0xfa, 0x4e },
	.hypercall_len = 2,
	.npt = &fake_npt_format,
	.probe = fake_probe,
	.setup = fake_setup,
	.teardown = fake_teardown,
	.cpu_enable = fake_cpu_enable,
	.cpu_disable = fake_cpu_disable,
	.vcpu_create = fake_vcpu_create,
	.vcpu_destroy = fake_vcpu_destroy,
	.vcpu_load = fake_vcpu_load,
	.vcpu_put = fake_vcpu_put,
	.vcpu_run = fake_vcpu_run,
	.vcpu_flush = fake_vcpu_flush,
	.get_state = fake_get_state,
	.set_state = fake_set_state,
	.get_controls = fake_get_controls,
	.set_controls = fake_set_controls,
	.inject = fake_inject,
	.interrupt_window = fake_interrupt_window,
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
