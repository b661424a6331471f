// SPDX-License-Identifier: GPL-2.0-only
/*
 * Virtual CPUs that come and go leave no memory behind.
 *
 * Pages are not what kmemleak looks at, so free memory is counted.
 */
#include "kselftest_harness.h"

#include "guest.h"

#define ROUNDS	1000

/* One page for each round would be twice as much. */
#define ALLOWED_KB	(ROUNDS * 4 / 2)

static long free_memory_kb(void)
{
	FILE *file = fopen("/proc/meminfo", "re");
	char line[128];
	long kb = -1;

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "MemFree: %ld kB", &kb) == 1)
			break;
	if (file)
		fclose(file);
	return kb;
}

static bool one_life(void)
{
	struct guest guest;
	bool worked;

	if (guest_create(&guest))
		return false;
	guest_emit_hypercall(&guest);
	worked = !guest_run(&guest) &&
		 guest.run->exit_reason == DUNE_EXIT_SYSCALL;
	guest_destroy(&guest);
	return worked;
}

FIXTURE(leak) {
};

FIXTURE_SETUP(leak)
{
	if (access("/dev/dune", F_OK))
		SKIP(return, "no /dev/dune: dune.ko is not loaded");
}

FIXTURE_TEARDOWN(leak)
{
}

/* A debug kernel in an emulator takes its time. */
TEST_F_TIMEOUT(leak, virtual_cpus_leave_no_memory_behind, 900)
{
	long before;
	int i;

	/* what is allocated once and kept must not count */
	for (i = 0; i < 50; i++)
		ASSERT_TRUE(one_life());
	before = free_memory_kb();
	for (i = 0; i < ROUNDS; i++)
		ASSERT_TRUE(one_life());
	EXPECT_LT(before - free_memory_kb(), ALLOWED_KB);
}

TEST_HARNESS_MAIN
