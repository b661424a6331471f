// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What dune-run makes the loader take into a program: it enters Dune before
 * the program's own first instruction.
 */
#include <dune/dune.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool tell_stats;

/* Programs that this one executes run outside, unless they are asked in. */
static void leave_children_outside(void)
{
	const char *before = getenv("DUNE_RUN_PRELOAD");

	if (getenv("DUNE_RUN_FOLLOW"))
		return;
	if (before && *before)
		setenv("LD_PRELOAD", before, 1);
	else
		unsetenv("LD_PRELOAD");
	unsetenv("DUNE_RUN_PRELOAD");
	unsetenv("DUNE_RUN_STATS");
}

__attribute__((constructor))
static void begin_in_dune(void)
{
	int err = dune_init();

	tell_stats = getenv("DUNE_RUN_STATS");
	leave_children_outside();
	if (!err)
		err = dune_enter();
	if (!err)
		return;
	fprintf(stderr, "dune-run: cannot enter Dune: %s\n", strerror(-err));
	_exit(126);
}

__attribute__((destructor))
static void end(void)
{
	struct dune_stats stats;
	unsigned long long exits = 0;
	unsigned int i;

	if (!tell_stats || dune_get_stats(&stats))
		return;
	for (i = 0; i < DUNE_STATS; i++)
		exits += stats.exits[i];
	fprintf(stderr,
		"dune-run: %llu exits: %llu hypercalls, %llu nested faults, %llu for the host\n"
		"dune-run: %llu system calls made in place, %llu outside; %llu events injected\n",
		exits, (unsigned long long)stats.exits[DUNE_STAT_HYPERCALL],
		(unsigned long long)stats.exits[DUNE_STAT_NESTED_FAULT],
		(unsigned long long)stats.exits[DUNE_STAT_HOST],
		(unsigned long long)stats.direct_syscalls,
		(unsigned long long)stats.plain_syscalls,
		(unsigned long long)stats.injected);
}
