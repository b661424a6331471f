/* SPDX-License-Identifier: GPL-2.0-only */
/* Who has virtualization turned on, and on which CPUs. */
#ifndef DUNE_HARDWARE_H
#define DUNE_HARDWARE_H

#include <linux/cpumask.h>
#include <linux/mutex.h>

#include "hal.h"

/**
 * struct dune_hardware - virtualization of the whole machine
 * @hal: the backend in charge; constant after dune_hardware_init()
 * @caps: what it found; constant likewise
 * @xss: the kernel's IA32_XSS, on all CPUs; constant likewise
 * @xcr0: its XCR0, which it sets once for all
 * @lock: serializes users coming and going
 * @users: how many hold a reference; written under @lock
 * @down: the machine is going down or did not come back from sleep, nobody
 *	may turn anything on again; written under @lock, or with one CPU online
 * @enabled: CPUs on which we (and nobody else) turned virtualization on;
 *	a CPU's bit is written on that CPU only, with interrupts off
 */
struct dune_hardware {
	const struct dune_hal *hal;
	struct dune_caps caps;
	u64 xss;
	u64 xcr0;

	/*
	 * Taken inside cpus_read_lock(), and by the CPU hotplug callbacks,
	 * which run under the hotplug lock: who holds it must never take the
	 * hotplug lock.
	 */
	struct mutex lock;
	unsigned int users;
	bool down;
	struct cpumask enabled;
};

extern struct dune_hardware dune_hardware;

int dune_hardware_init(struct dune_hardware *hw,
		       const struct dune_hal * const *backends);
void dune_hardware_exit(struct dune_hardware *hw);

int dune_hardware_get(struct dune_hardware *hw);
void dune_hardware_put(struct dune_hardware *hw);

/* What the machine does to us; separate so that KUnit can do it too. */
int dune_hardware_cpu_online(struct dune_hardware *hw);
void dune_hardware_cpu_offline(struct dune_hardware *hw);
int dune_hardware_cpu_suspend(struct dune_hardware *hw);
void dune_hardware_cpu_resume(struct dune_hardware *hw);
void dune_hardware_shutdown(struct dune_hardware *hw);

int dune_hardware_register_events(void);
void dune_hardware_unregister_events(void);

#endif /* DUNE_HARDWARE_H */
