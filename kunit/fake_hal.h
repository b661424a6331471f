/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A backend made of memory. It records what core asks of it, checks on every
 * call that core keeps the contract of struct dune_hal, fails on demand, and
 * has a guest that does nothing but leave for the reasons that a test gives.
 */
#ifndef DUNE_FAKE_HAL_H
#define DUNE_FAKE_HAL_H

#include <linux/atomic.h>
#include <linux/cpumask.h>

#include "../core/hal.h"
#include "../core/vcpu.h"

#define FAKE_EVENTS	8

/* The hardware's reason when a script has ended; core's is "unknown". */
#define FAKE_END	0xfa4e

/**
 * struct fake_hal - what the fake did and is to do
 * @probe_result: returned by probe
 * @setup_result: returned by setup
 * @enable_result: returned by cpu_enable on the CPUs of @failing
 * @failing: where enabling fails
 * @on: CPUs with fake virtualization on
 * @setups: successful setups not torn down
 * @enables: successful calls of cpu_enable, all CPUs together
 * @disables: calls of cpu_disable, all CPUs together
 * @broken: times that core broke the contract
 *
 * @create_result: returned by vcpu_create
 * @vcpus: virtual CPUs that there are
 * @loads: calls of vcpu_load
 * @puts: calls of vcpu_put
 * @runs: calls of vcpu_run
 * @flushes: calls of vcpu_flush
 * @script: exits that vcpu_run returns, one after the other
 * @script_length: how many; after them comes one with FAKE_END
 * @hook: called by vcpu_run, in the place of the guest
 * @window_closed: what interrupt_window is not to say
 * @window_requests: how often it was asked
 * @events: what was injected, in that order
 * @event_count: how much, also if there was no room for it
 */
struct fake_hal {
	int probe_result;
	int setup_result;
	int enable_result;
	struct cpumask failing;
	struct cpumask on;
	int setups;
	atomic_t enables;
	atomic_t disables;
	atomic_t broken;

	int create_result;
	int vcpus;
	unsigned int loads;
	unsigned int puts;
	unsigned int runs;
	unsigned int flushes;
	const struct dune_exit *script;
	unsigned int script_length;
	void (*hook)(struct dune_vcpu *vcpu);
	bool window_closed;
	unsigned int window_requests;
	struct dune_event events[FAKE_EVENTS];
	unsigned int event_count;
};

/**
 * struct fake_vcpu - the hardware's part of a virtual CPU
 * @cpu: where it is loaded, or -1
 * @injected: it has an event that it gets at the entry that has to follow
 * @state: as set
 * @controls: likewise
 */
struct fake_vcpu {
	int cpu;
	bool injected;
	struct dune_state state;
	struct dune_controls controls;
};

extern struct fake_hal fake_hal;
extern const struct dune_hal fake_hal_ops;
extern const struct dune_hal fake_hal_absent;
extern const struct dune_npt_format fake_npt_format;

void fake_hal_reset(void);

static inline struct fake_vcpu *fake_vcpu(const struct dune_vcpu *vcpu)
{
	return vcpu->hw;
}

#endif /* DUNE_FAKE_HAL_H */
