/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A test with this skips as a whole where the module is not loaded. The
 * harness's own SKIP() is for one test of several: the program ends with 0
 * then, as if all of it had been run.
 *
 * Include kselftest_harness.h first.
 */
#ifndef DUNE_SELFTESTS_NEED_DUNE_H
#define DUNE_SELFTESTS_NEED_DUNE_H

#include <unistd.h>

#include "kselftest.h"

static void __attribute__((constructor)) need_dune(void)
{
	if (!access("/dev/dune", F_OK))
		return;
	ksft_print_header();
	ksft_exit_skip("no /dev/dune: dune.ko is not loaded\n");
}

#endif /* DUNE_SELFTESTS_NEED_DUNE_H */
