/* SPDX-License-Identifier: GPL-2.0-only */
/* What the CPUs say of their virtualization, through dune_cpu_state.ko. */
#ifndef DUNE_SELFTESTS_CPU_STATE_H
#define DUNE_SELFTESTS_CPU_STATE_H

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/dune.h>

#define CPU_STATE_MODULE "/lib/dune/dune_cpu_state.ko"

/* Loads the module that reads the registers. Returns false if it cannot. */
static inline bool cpu_state_load(void)
{
	int fd;

	if (!access("/proc/dune_cpu_state", R_OK))
		return true;
	fd = open(CPU_STATE_MODULE, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	syscall(SYS_finit_module, fd, "", 0);
	close(fd);
	return !access("/proc/dune_cpu_state", R_OK);
}

/* Counts the online CPUs and those with virtualization on. */
static inline bool cpu_state_count(int *online, int *on)
{
	FILE *file = fopen("/proc/dune_cpu_state", "re");
	int cpu, state;

	*online = 0;
	*on = 0;
	if (!file)
		return false;
	while (fscanf(file, "%d %d", &cpu, &state) == 2) {
		*online += 1;
		*on += state;
	}
	fclose(file);
	return *online > 0;
}

static inline int dune_open(void)
{
	return open("/dev/dune", O_RDWR | O_CLOEXEC);
}

static inline int dune_create_vcpu(int dune)
{
	struct dune_create_vcpu args = { 0 };

	return ioctl(dune, DUNE_CREATE_VCPU, &args);
}

/* For a thread that has the filter of this descriptor. */
static inline int dune_create_filtered(int dune, int filter)
{
	struct dune_create_vcpu args = {
		.flags = DUNE_VCPU_FILTER,
		.filter = filter,
	};

	return ioctl(dune, DUNE_CREATE_VCPU, &args);
}

#endif /* DUNE_SELFTESTS_CPU_STATE_H */
