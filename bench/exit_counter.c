// SPDX-License-Identifier: GPL-2.0-only
/* VM exits of all processes, by the module's tracepoint. */
#include <linux/perf_event.h>
#include <sched.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bench.h"
#include "exit_counter.h"

#define EVENT	"/sys/kernel/tracing/events/dune/dune_exit/id"

static bool read_event(__u64 *id)
{
	FILE *file = fopen(EVENT, "re");
	bool found = file && fscanf(file, "%llu", id) == 1;

	if (file)
		fclose(file);
	return found;
}

int open_exit_counter(void)
{
	struct perf_event_attr event = {
		.type = PERF_TYPE_TRACEPOINT,
		.size = sizeof(event),
	};

	if (!read_event(&event.config))
		return -1;
	return syscall(SYS_perf_event_open, &event, -1, sched_getcpu(), -1,
		       PERF_FLAG_FD_CLOEXEC);
}

uint64_t read_exit_counter(int counter)
{
	uint64_t exits;

	must(read(counter, &exits, sizeof(exits)) == sizeof(exits),
	     "the counter of exits");
	return exits;
}
