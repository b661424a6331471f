// SPDX-License-Identifier: GPL-2.0-only
/* Page roots: what the CPU noted, and what else is seen of them. */
#include "page_roots.h"

TEST_F(root, tells_what_was_written)
{
	uint8_t bitmap[128];
	char *memory = self->memory;
	int i;

	/* pages of 4 KiB, clean */
	ASSERT_EQ(0, dune_map(self->first, memory, LARGE, memory, WRITE));
	ASSERT_EQ(0, dune_protect(self->first, memory, PAGE, DUNE_PTE_SOFT1, 0));
	ASSERT_EQ(0, dune_scan(self->first, memory, LARGE, DUNE_PTE_DIRTY, 0,
			       NULL));
	for (i = 0; i < 512; i += 3)
		put(&memory[i * PAGE], 1);
	memset(bitmap, 0xff, sizeof(bitmap));
	EXPECT_EQ(171, dune_scan(self->first, memory, LARGE, DUNE_PTE_DIRTY,
				 DUNE_SCAN_CLEAR, bitmap));
	for (i = 0; i < 512; i++)
		EXPECT_EQ(i % 3 == 0, bitmap[i / 8] >> i % 8 & 1);
	/* what lies behind is not touched */
	EXPECT_EQ(0xff, bitmap[64]);
	EXPECT_EQ(0, dune_scan(self->first, memory, LARGE, DUNE_PTE_DIRTY, 0,
			       NULL));
	/* the TLB has forgotten that they were dirty */
	put(&memory[3 * PAGE], 2);
	EXPECT_EQ(1, dune_scan(self->first, memory + 3 * PAGE, PAGE,
			       DUNE_PTE_DIRTY, 0, bitmap));
	EXPECT_EQ(1, bitmap[0]);
	/* a page of 2 MiB is dirty as a whole */
	ASSERT_EQ(0, dune_map(self->first, memory + LARGE, LARGE,
			      memory + LARGE, WRITE));
	put(&memory[LARGE + 5 * PAGE], 1);
	EXPECT_EQ(1 + 512, dune_scan(self->first, memory, 2 * LARGE,
				     DUNE_PTE_DIRTY, 0, bitmap));
}

/* The CPU is to note each write anew, without ever leaving the guest. */
TEST_F(root, tells_each_time_what_was_written)
{
	long found = 0;
	int i;

	for (i = 0; i < 100; i++) {
		found -= dune_scan(self->first, self->memory, PAGE,
				   DUNE_PTE_DIRTY, DUNE_SCAN_CLEAR, NULL) < 0;
		put(self->memory, i);
		found += dune_scan(self->first, self->memory, PAGE,
				   DUNE_PTE_DIRTY, 0, NULL);
	}
	EXPECT_EQ(100, found);
}

/* A page may begin before the range and end behind it. */
TEST_F(root, tells_of_the_range_alone)
{
	uint8_t bitmap[] = { 0, 0xff, 0xff };
	char *memory = self->memory + LARGE;

	put(memory, 1);
	ASSERT_LE(LARGE, at(self->first, memory).size);
	EXPECT_EQ(9, dune_scan(self->first, memory + 3 * PAGE, 9 * PAGE,
			       DUNE_PTE_DIRTY, 0, bitmap));
	EXPECT_EQ(0xff, bitmap[0]);
	EXPECT_EQ(0x01, bitmap[1]);
	EXPECT_EQ(0xff, bitmap[2]);
}

TEST_F(root, tells_what_was_used)
{
	char *memory = self->memory;
	int sum = 0, i;

	ASSERT_EQ(0, dune_map(self->first, memory, 8 * PAGE, memory, WRITE));
	for (i = 0; i < 8; i += 2)
		sum += get(&memory[i * PAGE]);
	EXPECT_EQ(0, sum);
	EXPECT_EQ(4, dune_scan(self->first, memory, 8 * PAGE,
			       DUNE_PTE_ACCESSED, DUNE_SCAN_CLEAR, NULL));
	EXPECT_EQ(0, dune_scan(self->first, memory, 8 * PAGE,
			       DUNE_PTE_ACCESSED, DUNE_SCAN_CLEAR, NULL));
	sum += get(&memory[PAGE]);
	EXPECT_EQ(1, dune_scan(self->first, memory, 8 * PAGE,
			       DUNE_PTE_ACCESSED, 0, NULL));
}

static long count_pages(struct dune_mapping *mapping, void *data)
{
	uint64_t *sizes = data;

	sizes[0]++;
	sizes[1] += mapping->size;
	if (dune_map(dune_root_current(), PLACE, PAGE, PLACE, 0) != -EDEADLK)
		return 99;
	return sizes[0] == sizes[2] ? 5 : 0;
}

static long mark_pages(struct dune_mapping *mapping, void *data)
{
	mapping->bits |= DUNE_PTE_SOFT3;
	mapping->bits &= ~WRITE;
	return 0;
}

TEST_F(root, walks)
{
	uint64_t sizes[3] = { 0 };

	ASSERT_EQ(0, dune_map(self->first, PLACE, 3 * PAGE, self->memory,
			      WRITE));
	ASSERT_EQ(0, dune_map(self->first, PLACE + LARGE, LARGE, self->memory,
			      WRITE));
	/* what was not filled in yet is left out */
	EXPECT_EQ(0, dune_walk(self->first, PLACE, 2 * LARGE, count_pages,
			       sizes));
	EXPECT_EQ(4, sizes[0]);
	EXPECT_EQ(3 * PAGE + LARGE, sizes[1]);
	/* until it is told to stop */
	sizes[0] = 0;
	sizes[2] = 2;
	EXPECT_EQ(5, dune_walk(self->first, PLACE, 2 * LARGE, count_pages,
			       sizes));
	EXPECT_EQ(2, sizes[0]);
	EXPECT_EQ(0, dune_walk(self->first, PLACE + PAGE, PAGE, mark_pages,
			       NULL));
	EXPECT_EQ(0, at(self->first, PLACE).bits & DUNE_PTE_SOFT3);
	EXPECT_EQ(DUNE_PTE_SOFT3,
		  at(self->first, PLACE + PAGE).bits & DUNE_PTE_SOFT3);
	ASSERT_EQ(0, dune_set_fault_handler(allow, 0));
	put(&PLACE[PAGE], 1);
	EXPECT_EQ(1, fault.calls);
}

TEST_HARNESS_MAIN
