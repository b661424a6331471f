/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What dune-run --stats tells: of a dynamic program, and of a static one. */
#ifndef DUNE_RUN_TELL_STATS_H
#define DUNE_RUN_TELL_STATS_H

#include <dune/dune.h>

#include <stdio.h>
#include <unistd.h>

static pid_t told_process;

/* At the end of the program, not at that of its children. */
static void tell_stats(const struct dune_stats *stats)
{
	unsigned long long exits = 0;
	unsigned int i;

	if (getpid() != told_process)
		return;
	for (i = 0; i < DUNE_STATS; i++)
		exits += stats->exits[i];
	dprintf(STDERR_FILENO,
		"dune-run: %llu exits: %llu hypercalls, %llu nested faults, %llu for the host\n"
		"dune-run: %llu system calls made in place, %llu outside; %llu events injected\n",
		exits, (unsigned long long)stats->exits[DUNE_STAT_HYPERCALL],
		(unsigned long long)stats->exits[DUNE_STAT_NESTED_FAULT],
		(unsigned long long)stats->exits[DUNE_STAT_HOST],
		(unsigned long long)stats->direct_syscalls,
		(unsigned long long)stats->plain_syscalls,
		(unsigned long long)stats->injected);
}

static void tell_stats_at_exit(void)
{
	told_process = getpid();
	dune_at_exit(tell_stats);
}

#endif /* DUNE_RUN_TELL_STATS_H */
