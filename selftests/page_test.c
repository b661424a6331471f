// SPDX-License-Identifier: GPL-2.0-only
/* libdune's page allocator. */
#include "in_dune.h"

#include <sys/resource.h>

#define MANY	3000

static void *pages[MANY];

FIXTURE(page) {
};

FIXTURE_SETUP(page)
{
	ENTER_DUNE();
	/* tables for the C library's part of the address space are there */
	pages[0] = malloc(1);
	free(pages[0]);
}

FIXTURE_TEARDOWN(page)
{
}

static bool is_zero(const char *page, size_t size)
{
	size_t i;

	for (i = 0; i < size; i++)
		if (page[i])
			return false;
	return true;
}

static struct dune_page_stats stats_now(void)
{
	struct dune_page_stats stats;

	dune_page_get_stats(&stats);
	return stats;
}

TEST(outside_of_dune_as_well)
{
	char *page;

	ASSERT_EQ(0, dune_init(NULL));
	page = dune_page_alloc();
	ASSERT_NE(NULL, page);
	strcpy(page, "text");
	ASSERT_EQ(0, dune_enter());
	EXPECT_EQ(0, strcmp(page, "text"));
	dune_page_put(page);
}

TEST_F(page, is_aligned_and_zero_each_time)
{
	uint64_t used = stats_now().used;
	char *page;
	int i;

	for (i = 0; i < 100; i++) {
		page = dune_page_alloc();
		ASSERT_NE(NULL, page);
		ASSERT_EQ(0, (uint64_t)page % PAGE);
		ASSERT_TRUE(is_zero(page, PAGE));
		ASSERT_EQ(used + PAGE, stats_now().used);
		memset(page, 0xaa, PAGE);
		dune_page_put(page);
	}
	EXPECT_EQ(used, stats_now().used);
}

TEST_F(page, is_there_until_its_last_user_is_gone)
{
	char *page = dune_page_alloc(), *other;

	EXPECT_EQ(1, dune_page_count(page));
	dune_page_get(page + 100);
	EXPECT_EQ(2, dune_page_count(page + PAGE - 1));
	dune_page_put(page);
	EXPECT_EQ(1, dune_page_count(page));
	other = dune_page_alloc();
	EXPECT_NE(page, other);
	dune_page_put(page);
	EXPECT_EQ(0, dune_page_count(page));
	dune_page_put(other);
}

TEST_F(page, what_is_none_has_no_users)
{
	int variable;

	EXPECT_EQ(0, dune_page_count(&variable));
	EXPECT_EQ(0, dune_page_count(NULL));
}

TEST_F(page, no_two_are_the_same)
{
	int i;

	for (i = 0; i < MANY; i++) {
		pages[i] = dune_page_alloc();
		ASSERT_NE(NULL, pages[i]);
		*(int *)pages[i] = i;
	}
	for (i = 0; i < MANY; i++) {
		ASSERT_EQ(i, *(int *)pages[i]);
		dune_page_put(pages[i]);
	}
}

TEST_F(page, large_ones)
{
	struct dune_page_stats before = stats_now(), after;
	char *page = dune_page_alloc_large();

	ASSERT_NE(NULL, page);
	EXPECT_EQ(0, (uint64_t)page % LARGE);
	EXPECT_TRUE(is_zero(page, LARGE));
	memset(page, 0xaa, LARGE);
	EXPECT_EQ(1, dune_page_count(page + LARGE - 1));
	dune_page_get(page + LARGE / 2);
	dune_page_put(page);
	EXPECT_EQ(1, dune_page_count(page));
	after = stats_now();
	EXPECT_EQ(before.used + LARGE, after.used);
	EXPECT_EQ(before.large + 1, after.large);
	dune_page_put(page);
	EXPECT_EQ(before.used, stats_now().used);
	page = dune_page_alloc_large();
	EXPECT_TRUE(is_zero(page, LARGE));
	dune_page_put(page);
}

static long resident(void)
{
	struct rusage usage;
	long size, pages = 0;
	FILE *file = fopen("/proc/self/statm", "r");

	getrusage(RUSAGE_SELF, &usage);
	if (fscanf(file, "%ld %ld", &size, &pages) != 2)
		pages = 0;
	fclose(file);
	return pages * PAGE;
}

TEST_F(page, memory_goes_back)
{
	long before = resident(), full;
	int i, round;

	for (round = 0; round < 2; round++) {
		for (i = 0; i < MANY; i++) {
			pages[i] = dune_page_alloc();
			memset(pages[i], 1, PAGE);
		}
		full = resident();
		EXPECT_LT(before + (long)(MANY * PAGE) / 2, full);
		for (i = 0; i < MANY; i++)
			dune_page_put(pages[i]);
		/* but for a chunk or two, with other things */
		EXPECT_GT(before + 3 * (long)LARGE, resident());
		EXPECT_GE(LARGE, stats_now().kept);
	}
}

static void *take_and_give(void *arg)
{
	unsigned long seed = (unsigned long)arg, *mine[50] = { 0 };
	unsigned long bad = 0;
	int i;

	for (i = 0; i < 5000; i++) {
		int place = (seed = seed * 6364136223846793005UL + 1) >> 33;

		place %= 50;
		if (mine[place]) {
			bad += *mine[place] != (unsigned long)&mine[place];
			dune_page_put(mine[place]);
			mine[place] = NULL;
		} else {
			mine[place] = dune_page_alloc();
			bad += !!*mine[place];
			*mine[place] = (unsigned long)&mine[place];
		}
	}
	for (i = 0; i < 50; i++)
		if (mine[i])
			dune_page_put(mine[i]);
	return (void *)bad;
}

#define CHUNK(page)	((uint64_t)(page) / LARGE)

/* Frees all pages of a chunk, and takes as many again; marks them. */
static void renew(uint64_t chunk)
{
	int i;

	for (i = 0; i < MANY; i++)
		if (CHUNK(pages[i]) == chunk)
			dune_page_put(pages[i]);
	for (i = 0; i < MANY; i++) {
		if (CHUNK(pages[i]) != chunk)
			continue;
		pages[i] = dune_page_alloc();
		*(int *)pages[i] = i + 1;
	}
}

/* Whatever goes back to the kernel, it is not what somebody uses. */
TEST_F(page, what_is_used_stays)
{
	int i, j;

	for (i = 0; i < MANY; i++) {
		pages[i] = dune_page_alloc();
		ASSERT_NE(NULL, pages[i]);
		*(int *)pages[i] = i + 1;
	}
	for (i = 0; i < MANY; i += 300) {
		renew(CHUNK(pages[i]));
		for (j = 0; j < MANY; j++)
			ASSERT_EQ(j + 1, *(int *)pages[j]);
	}
}

TEST_F(page, threads_take_and_give)
{
	uint64_t used = stats_now().used;
	pthread_t threads[4];
	unsigned long i;
	void *bad;

	for (i = 0; i < 4; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, take_and_give,
					    (void *)i));
	for (i = 0; i < 4; i++) {
		pthread_join(threads[i], &bad);
		EXPECT_EQ(NULL, bad);
	}
	EXPECT_EQ(used, stats_now().used);
}

static char *from_handler;

static enum dune_verdict allocate(uint64_t address, unsigned int error,
				  struct dune_frame *frame)
{
	char *page = dune_page_alloc();

	if (!page || dune_map(dune_root_current(), (void *)(address & -PAGE),
			      PAGE, page, DUNE_PTE_WRITE))
		return DUNE_PASS;
	from_handler = page;
	return DUNE_DONE;
}

/* One that is mapped where the program has no memory at all. */
TEST_F(page, in_a_handler_of_faults)
{
	char *memory = get_memory(PAGE);

	munmap(memory, PAGE);
	ASSERT_EQ(0, dune_set_fault_handler(allocate, 0));
	put(&memory[10], 'x');
	EXPECT_EQ('x', from_handler[10]);
}

TEST_F(page, a_child_has_its_own)
{
	char *page = dune_page_alloc();

	*page = 1;
	EXPECT_EQ(0, STATUS_OF(({
		*page += 1;
		if (*page != 2 || dune_page_count(page) != 1)
			_exit(1);
		dune_page_put(page);
		page = dune_page_alloc();
		if (!page || *page)
			_exit(2);
	})));
	EXPECT_EQ(1, *page);
	EXPECT_EQ(1, dune_page_count(page));
}

TEST_F(page, without_memory_there_is_none)
{
	struct rlimit limit = { 1, 1 };
	long i = 0;

	ASSERT_EQ(0, setrlimit(RLIMIT_AS, &limit));
	while (dune_page_alloc())
		i++;
	/* what was reserved before */
	EXPECT_GE(4096, i);
	EXPECT_EQ(NULL, dune_page_alloc_large());
}

TEST_HARNESS_MAIN
