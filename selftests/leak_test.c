// SPDX-License-Identifier: GPL-2.0-only
/*
 * Virtual CPUs that come and go leave no memory behind.
 *
 * Pages are not what kmemleak looks at, so free memory is counted. It moves by
 * itself too (caches, what KASAN holds back), but not always the same way: a
 * leak of one page a life shows in every round of lives, so one round without
 * it proves that there is none.
 */
#include "kselftest_harness.h"

#include <fcntl.h>

#include "guest.h"
#include "need_dune.h"

#define LIVES	300
#define ROUNDS	12

/* Half a page each. */
#define ALLOWED	(LIVES / 2)

static void put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;		/* not every kernel has every one of them */
	if (write(fd, text, strlen(text)) < 0)
		printf("# %s: %s\n", path, strerror(errno));
	close(fd);
}

/* Gives the kernel the time and the reason to free what it can. */
static void settle(void)
{
	sync();
	sleep(1);
	put("/proc/sys/vm/drop_caches", "3");
	put("/proc/sys/vm/compact_memory", "1");
	put("/proc/sys/vm/stat_refresh", "1");
}

/* Those on the CPUs' own lists are free too, though not for /proc/meminfo. */
static long free_pages(void)
{
	FILE *file;
	char line[128];
	long sum = 0, count;

	settle();
	file = fopen("/proc/zoneinfo", "re");
	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, " pages free %ld", &count) == 1 ||
		    sscanf(line, " count: %ld", &count) == 1)
			sum += count;
	if (file)
		fclose(file);
	return sum;
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
}

FIXTURE_TEARDOWN(leak)
{
}

/* A debug kernel in an emulator takes its time. */
TEST_F_TIMEOUT(leak, virtual_cpus_leave_no_memory_behind, 1100)
{
	long before = free_pages();
	long lost = ALLOWED;
	int round, i;

	for (round = 0; round < ROUNDS && lost >= ALLOWED; round++) {
		long after;

		for (i = 0; i < LIVES; i++)
			ASSERT_TRUE(one_life());
		after = free_pages();
		lost = before - after;
		before = after;
		TH_LOG("%d lives: %ld pages fewer are free", LIVES, lost);
	}
	EXPECT_LT(lost, ALLOWED);
}

TEST_HARNESS_MAIN
