// SPDX-License-Identifier: GPL-2.0-only
/* Memory of a guest goes out to a disk and comes in again. */
#include "kselftest_harness.h"

#include <sys/stat.h>
#include <sys/wait.h>

#include "guest_sweep.h"
#include "loop_disk.h"
#include "need_dune.h"

#define DISK	(32UL << 20)
#define PAGES	64

FIXTURE(swap) {
	struct guest guest;
	struct loop_disk disk;
	uint64_t *data;
};

FIXTURE_SETUP(swap)
{
	ASSERT_EQ(0, guest_with_memory(&self->guest, &self->data));
	madvise(self->data, LARGE, MADV_NOHUGEPAGE);
	if (!loop_disk_create(&self->disk, DISK))
		SKIP(return, "this kernel has no loop devices");
	ASSERT_EQ(0, loop_disk_swap_on(&self->disk));
}

FIXTURE_TEARDOWN(swap)
{
	EXPECT_EQ(0, swapoff(self->disk.name));
	loop_disk_destroy(&self->disk);
	guest_destroy(&self->guest);
}

static int swapped(const uint64_t *data, int pages)
{
	int page, count = 0;

	for (page = 0; page < pages; page++)
		count += !!(host_pagemap(data + page * WORDS) &
			    PAGEMAP_SWAPPED);
	return count;
}

/*
 * What the guest used since the last time stays for once; pages on their way
 * to a list of the host's stay a moment longer.
 */
static bool swap_out(uint64_t *data, int pages)
{
	int tries;

	for (tries = 0; tries < 1000; tries++) {
		madvise(data, pages * PAGE, MADV_PAGEOUT);
		if (swapped(data, pages) == pages)
			return true;
		usleep(1000);
	}
	return false;
}

TEST_F_TIMEOUT(swap, what_was_swapped_out_comes_in, 120)
{
	uint64_t page;

	for (page = 0; page < PAGES; page++)
		EXPECT_WRITTEN(self->data + page * WORDS, page + 1);
	ASSERT_TRUE(swap_out(self->data, PAGES));
	for (page = 0; page < PAGES; page++)
		EXPECT_READ(page + 1, self->data + page * WORDS);
	/* a page that a write brings in keeps the rest of it */
	ASSERT_TRUE(swap_out(self->data, PAGES));
	for (page = 0; page < PAGES; page++)
		EXPECT_WRITTEN(self->data + page * WORDS + 1, page);
	for (page = 0; page < PAGES; page++) {
		EXPECT_EQ(page + 1, self->data[page * WORDS]);
		EXPECT_EQ(page, self->data[page * WORDS + 1]);
	}
	/* and the next time what the guest wrote last is what goes out */
	ASSERT_TRUE(swap_out(self->data, PAGES));
	for (page = 0; page < PAGES; page++)
		EXPECT_EQ(page, self->data[page * WORDS + 1]);
}

/* Pages that went to a disk, or -1. */
static long swapped_out(void)
{
	FILE *file = fopen("/proc/vmstat", "re");
	char line[64];
	long pages = -1;

	if (!file)
		return -1;
	while (pages < 0 && fgets(line, sizeof(line), file))
		sscanf(line, "pswpout %ld", &pages);
	fclose(file);
	return pages;
}

TEST_F_TIMEOUT(swap, pages_go_out_while_the_guest_writes, 120)
{
	long before = swapped_out();
	struct sweep sweep;
	int i;

	ASSERT_TRUE(sweep_start(&sweep, &self->guest, self->data, PAGES));
	/* some time in which pages are not used, so that they go */
	sweep.control->rest = 1000000;
	/* on a busy machine it seldom looks when they rest */
	for (i = 0; i < 10 || (i < 1000 && swapped_out() == before); i++) {
		madvise(self->data, PAGES * PAGE, MADV_PAGEOUT);
		madvise(self->data, PAGES * PAGE, MADV_PAGEOUT);
		sweep_go_on(&sweep);
	}
	EXPECT_TRUE(sweep_stop(&sweep));
	EXPECT_GT(swapped_out() - before, 0);
}

#define GROUP	"/sys/fs/cgroup/dune-memory"

static long group_event(const char *name)
{
	FILE *file = fopen(GROUP "/memory.events", "re");
	char line[64];
	long value = -1;

	if (!file)
		return -1;
	while (fgets(line, sizeof(line), file))
		if (!strncmp(line, name, strlen(name)))
			sscanf(line + strlen(name), " %ld", &value);
	fclose(file);
	return value;
}

/* In the group: a guest that uses more than there is. Returns what is wrong. */
static int use_more_than_there_is(void *area, size_t size)
{
	struct guest guest;
	struct sweep sweep;
	size_t at;

	if (!host_set(GROUP "/cgroup.procs", "0"))
		return 1;
	if (guest_create(&guest))
		return 2;
	for (at = 0; at < size; at += LARGE)
		guest_map(&guest, (char *)area + at);
	if (!sweep_start(&sweep, &guest, area, size / PAGE))
		return 3;
	return sweep_stop(&sweep) ? 0 : 4;
}

TEST_F_TIMEOUT(swap, a_guest_may_use_more_than_there_is, 300)
{
	const size_t size = 16UL << 20;
	char *area = guest_alloc(size + LARGE);
	int status;
	pid_t pid;

	host_set("/sys/fs/cgroup/cgroup.subtree_control", "+memory");
	if (mkdir(GROUP, 0755) && errno != EEXIST)
		SKIP(return, "this kernel has no control groups");
	if (!host_set(GROUP "/memory.max", "12M")) {
		rmdir(GROUP);
		SKIP(return, "this kernel cannot limit memory");
	}
	area = (char *)(((uint64_t)area + LARGE - 1) & ~(LARGE - 1));
	madvise(area, size, MADV_NOHUGEPAGE);
	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid)
		_exit(use_more_than_there_is(area, size));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_GT(group_event("max"), 0);
	EXPECT_EQ(0, group_event("oom_kill"));
	rmdir(GROUP);
}

/* The disk reads into the page itself, and writes out of it. */
TEST_F(swap, a_disk_reads_and_writes_directly)
{
	const off_t there = DISK / 2;
	uint64_t *data = self->data;
	int disk, page;

	ASSERT_EQ(0, swapoff(self->disk.name));
	disk = open(self->disk.name, O_RDWR | O_DIRECT | O_CLOEXEC);
	ASSERT_GE(disk, 0);
	for (page = 0; page < 4; page++)
		EXPECT_WRITTEN(data + page * WORDS, 71 + page);
	ASSERT_EQ(4 * PAGE, (size_t)pwrite(disk, data, 4 * PAGE, there));
	for (page = 0; page < 4; page++)
		EXPECT_WRITTEN(data + page * WORDS, 0);
	/* into pages that the guest has, and some that it never had */
	ASSERT_EQ(4 * PAGE, (size_t)pread(disk, data + 2 * WORDS, 4 * PAGE,
					  there));
	for (page = 0; page < 4; page++)
		EXPECT_READ(71 + page, data + (2 + page) * WORDS);
	EXPECT_READ(0, data);
	close(disk);
	ASSERT_EQ(0, loop_disk_swap_on(&self->disk));
}

TEST_HARNESS_MAIN
