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

#include "tell_stats.h"

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
	bool stats = getenv("DUNE_RUN_STATS");
	int err = dune_init(NULL);

	leave_children_outside();
	if (!err && stats)
		tell_stats_at_exit();
	if (!err)
		err = dune_enter();
	if (!err)
		return;
	fprintf(stderr, "dune-run: cannot enter Dune: %s\n", strerror(-err));
	_exit(126);
}
