/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A backend made of memory. It records what core asks of it, checks on every
 * call that core keeps the contract of struct dune_hal, and fails on demand.
 */
#ifndef DUNE_FAKE_HAL_H
#define DUNE_FAKE_HAL_H

#include <linux/atomic.h>
#include <linux/cpumask.h>

#include "../core/hal.h"

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
};

extern struct fake_hal fake_hal;
extern const struct dune_hal fake_hal_ops;
extern const struct dune_hal fake_hal_absent;

void fake_hal_reset(void);

#endif /* DUNE_FAKE_HAL_H */
