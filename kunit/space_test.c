// SPDX-License-Identifier: GPL-2.0-only
/* A process in Dune: its life, its windows, and what the host takes away. */
#include <kunit/test.h>
#include <linux/mm.h>
#include <linux/mman.h>

#include "../core/hardware.h"
#include "../core/space.h"
#include "fake_hal.h"
#include "process.h"

#define GIB	BIT_ULL(30)

/* A space with that many guest-physical bits; to be given back. */
static struct dune_space *make(struct kunit *test, unsigned int bits)
{
	struct dune_space *space;

	process_set_phys_bits(bits);
	space = dune_space_get();
	KUNIT_ASSERT_FALSE(test, IS_ERR(space));
	return space;
}

static u64 window(struct kunit *test, struct dune_space *space, u64 address)
{
	u64 gpa;

	KUNIT_ASSERT_EQ(test, 0, dune_window_get(space, address, &gpa));
	return gpa;
}

static void map(struct kunit *test, struct dune_space *space, u64 gpa)
{
	const struct dune_mapping mapping = { 1, DUNE_LEVEL_4K, true, true };
	struct dune_npt_cache cache = { 0 };

	KUNIT_ASSERT_EQ(test, 0, dune_npt_cache_fill(&cache));
	spin_lock(&space->lock);
	dune_npt_map(&space->npt, &cache, gpa, &mapping);
	spin_unlock(&space->lock);
	dune_npt_cache_drain(&cache);
}

static bool is_mapped(struct dune_space *space, u64 gpa)
{
	enum dune_level level;

	return dune_npt_lookup(&space->npt, gpa, &level);
}

static void begin(struct dune_space *space, u64 start, u64 end)
{
	const struct mmu_notifier_range range = {
		.mm = space->notifier.mm, .start = start, .end = end,
	};

	space->notifier.ops->invalidate_range_start(&space->notifier, &range);
}

static void finish(struct dune_space *space, u64 start, u64 end)
{
	const struct mmu_notifier_range range = {
		.mm = space->notifier.mm, .start = start, .end = end,
	};

	space->notifier.ops->invalidate_range_end(&space->notifier, &range);
}

static void invalidate(struct dune_space *space, u64 start, u64 end)
{
	begin(space, start, end);
	finish(space, start, end);
}

static void with_enough_bits_windows_are_the_identity(struct kunit *test)
{
	struct dune_space *space = make(test, 47);
	u64 address;

	KUNIT_EXPECT_NULL(test, space->windows);
	KUNIT_EXPECT_EQ(test, 0x7fff40000000ULL,
			window(test, space, 0x7fff7fff5123));
	KUNIT_EXPECT_EQ(test, 0ULL, window(test, space, 4096));
	KUNIT_EXPECT_TRUE(test, dune_window_address(space, 0x7fff7fff5123,
						    &address));
	KUNIT_EXPECT_EQ(test, 0x7fff7fff5123ULL, address);
	KUNIT_EXPECT_FALSE(test, dune_window_address(space, 1ULL << 47,
						     &address));
	dune_space_put(space);
}

static void windows_are_handed_out_in_order(struct kunit *test)
{
	struct dune_space *space = make(test, 40);
	u64 address;

	KUNIT_EXPECT_EQ(test, 0 * GIB, window(test, space, 0x7fff7fff5123));
	KUNIT_EXPECT_EQ(test, 1 * GIB, window(test, space, 4096));
	KUNIT_EXPECT_EQ(test, 0 * GIB, window(test, space, 0x7fff40000000));
	KUNIT_EXPECT_EQ(test, 2U, space->window_count);

	KUNIT_EXPECT_TRUE(test, dune_window_address(space, 0x3fff5123,
						    &address));
	KUNIT_EXPECT_EQ(test, 0x7fff7fff5123ULL, address);
	KUNIT_EXPECT_TRUE(test, dune_window_address(space, GIB + 7, &address));
	KUNIT_EXPECT_EQ(test, 7ULL, address);
	/* Not handed out yet, and none that there could be. */
	KUNIT_EXPECT_FALSE(test, dune_window_address(space, 2 * GIB, &address));
	KUNIT_EXPECT_FALSE(test, dune_window_address(space, ~0ULL, &address));
	dune_space_put(space);
}

static void there_is_room_for_more_windows(struct kunit *test)
{
	struct dune_space *space = make(test, 38);
	u64 i, gpa, address;

	for (i = 0; i < 256; i++)
		KUNIT_EXPECT_EQ(test, i * GIB,
				window(test, space, (1000 - i) * GIB));
	KUNIT_EXPECT_EQ(test, -ENOSPC, dune_window_get(space, 0, &gpa));
	for (i = 0; i < 256; i++) {
		KUNIT_EXPECT_TRUE(test, dune_window_address(space, i * GIB,
							    &address));
		KUNIT_EXPECT_EQ(test, (1000 - i) * GIB, address);
	}
	dune_space_put(space);
}

static void windows_run_out(struct kunit *test)
{
	struct dune_space *space = make(test, 32);
	u64 i, gpa;

	for (i = 0; i < 4; i++)
		KUNIT_EXPECT_EQ(test, i * GIB,
				window(test, space, (10 - i) * GIB));
	KUNIT_EXPECT_EQ(test, -ENOSPC, dune_window_get(space, 0, &gpa));
	/* What there is stays to be had. */
	for (i = 0; i < 4; i++)
		KUNIT_EXPECT_EQ(test, i * GIB,
				window(test, space, (10 - i) * GIB));
	dune_space_put(space);
}

static void an_address_of_the_kernel_has_no_window(struct kunit *test)
{
	struct dune_space *space = make(test, 40);
	u64 gpa;

	KUNIT_EXPECT_EQ(test, -EINVAL, dune_window_get(space, 1ULL << 47, &gpa));
	KUNIT_EXPECT_EQ(test, -EINVAL, dune_window_get(space, ~0ULL, &gpa));
	KUNIT_EXPECT_EQ(test, 0U, space->window_count);
	dune_space_put(space);
}

static void a_process_has_one_space(struct kunit *test)
{
	struct dune_space *space = make(test, 40);

	KUNIT_EXPECT_TRUE(test, dune_space_is_current(space));
	window(test, space, 0);
	KUNIT_EXPECT_PTR_EQ(test, space, dune_space_get());
	dune_space_put(space);
	KUNIT_EXPECT_PTR_EQ(test, space, dune_space_get());
	KUNIT_EXPECT_EQ(test, 1U, space->window_count);
	dune_space_put(space);
	dune_space_put(space);

	/* After the last user there is a new one. */
	space = dune_space_get();
	KUNIT_EXPECT_EQ(test, 0U, space->window_count);
	dune_space_put(space);
}

static void a_space_is_freed_after_its_last_user(struct kunit *test)
{
	struct pid *pid = task_tgid(current);
	unsigned int before = refcount_read(&pid->count);
	struct dune_space *space = make(test, 40);

	/* It keeps the process's number, and nobody else's space does. */
	KUNIT_EXPECT_PTR_EQ(test, pid, space->pid);
	KUNIT_EXPECT_EQ(test, before + 1, refcount_read(&pid->count));
	map(test, space, 0);
	dune_space_put(space);
	dune_space_synchronize();
	KUNIT_EXPECT_EQ(test, before, refcount_read(&pid->count));
}

static void a_space_outlives_its_process(struct kunit *test)
{
	struct dune_space *space = make(test, 48);

	map(test, space, 0x1000);
	map(test, space, 0x7ffffffff000);
	space->notifier.ops->release(&space->notifier, space->notifier.mm);
	KUNIT_EXPECT_FALSE(test, is_mapped(space, 0x1000));
	KUNIT_EXPECT_FALSE(test, is_mapped(space, 0x7ffffffff000));
	KUNIT_EXPECT_EQ(test, 1UL, space->npt.tables);
	dune_space_put(space);
}

static void an_invalidation_takes_its_range_away(struct kunit *test)
{
	struct dune_space *space = make(test, 48);
	s64 generation;
	u64 gpa;

	for (gpa = 0x1000; gpa <= 0x4000; gpa += 0x1000)
		map(test, space, gpa);
	generation = atomic64_read(&space->tlb_generation);
	invalidate(space, 0x2000, 0x4000);
	KUNIT_EXPECT_TRUE(test, is_mapped(space, 0x1000));
	KUNIT_EXPECT_FALSE(test, is_mapped(space, 0x2000));
	KUNIT_EXPECT_FALSE(test, is_mapped(space, 0x3000));
	KUNIT_EXPECT_TRUE(test, is_mapped(space, 0x4000));
	KUNIT_EXPECT_EQ(test, generation + 1,
			(s64)atomic64_read(&space->tlb_generation));

	/* Where nothing was, nothing is to be flushed. */
	invalidate(space, 0x2000, 0x4000);
	KUNIT_EXPECT_EQ(test, generation + 1,
			(s64)atomic64_read(&space->tlb_generation));
	dune_space_put(space);
}

static void an_invalidation_finds_every_window(struct kunit *test)
{
	struct dune_space *space = make(test, 40);

	/* Neighbours in the process, not in guest-physical memory. */
	window(test, space, 6 * GIB);
	window(test, space, 9 * GIB);
	window(test, space, 5 * GIB);
	map(test, space, 0);
	map(test, space, 4096);
	map(test, space, GIB);
	map(test, space, 3 * GIB - 8192);
	map(test, space, 3 * GIB - 4096);

	invalidate(space, 6 * GIB - 4096, 6 * GIB + 4096);
	KUNIT_EXPECT_FALSE(test, is_mapped(space, 0));
	KUNIT_EXPECT_TRUE(test, is_mapped(space, 4096));
	KUNIT_EXPECT_TRUE(test, is_mapped(space, GIB));
	KUNIT_EXPECT_TRUE(test, is_mapped(space, 3 * GIB - 8192));
	KUNIT_EXPECT_FALSE(test, is_mapped(space, 3 * GIB - 4096));

	invalidate(space, 0, 1ULL << 47);
	KUNIT_EXPECT_FALSE(test, is_mapped(space, 4096));
	KUNIT_EXPECT_FALSE(test, is_mapped(space, GIB));
	KUNIT_EXPECT_FALSE(test, is_mapped(space, 3 * GIB - 8192));
	dune_space_put(space);
}

static void invalidations_are_counted(struct kunit *test)
{
	struct dune_space *space = make(test, 48);
	unsigned long sequence = space->sequence;

	begin(space, 0, 4096);
	begin(space, 0, 4096);
	KUNIT_EXPECT_EQ(test, 2UL, space->invalidating);
	KUNIT_EXPECT_EQ(test, sequence, space->sequence);
	finish(space, 0, 4096);
	KUNIT_EXPECT_EQ(test, 1UL, space->invalidating);
	KUNIT_EXPECT_EQ(test, sequence + 1, space->sequence);
	finish(space, 0, 4096);
	KUNIT_EXPECT_EQ(test, 0UL, space->invalidating);
	KUNIT_EXPECT_EQ(test, sequence + 2, space->sequence);
	dune_space_put(space);
}

static void a_large_page_goes_with_its_tables(struct kunit *test)
{
	struct dune_space *space = make(test, 48);

	map(test, space, 0x1000);
	KUNIT_EXPECT_EQ(test, 4UL, space->npt.tables);
	invalidate(space, 0, 1ULL << 39);
	/* Everybody has flushed: what was retired is free. */
	KUNIT_EXPECT_EQ(test, 1UL, space->npt.tables);
	KUNIT_EXPECT_TRUE(test, list_empty(&space->npt.retired));
	dune_space_put(space);
}

static bool looked_at(struct dune_space *space, u64 address)
{
	struct mmu_notifier *notifier = &space->notifier;

	return notifier->ops->clear_flush_young(notifier, notifier->mm, address,
						address + PAGE_SIZE);
}

static void a_look_at_the_age_makes_a_page_old(struct kunit *test)
{
	struct dune_space *space = make(test, 48);

	map(test, space, 0x1000);
	map(test, space, 0x2000);
	KUNIT_EXPECT_TRUE(test, looked_at(space, 0x1000));
	KUNIT_EXPECT_FALSE(test, is_mapped(space, 0x1000));
	KUNIT_EXPECT_TRUE(test, is_mapped(space, 0x2000));
	KUNIT_EXPECT_FALSE(test, looked_at(space, 0x1000));
	dune_space_put(space);
}

static void a_look_may_leave_a_page_as_it_is(struct kunit *test)
{
	struct dune_space *space = make(test, 36);
	const struct mmu_notifier_ops *ops = space->notifier.ops;
	struct mm_struct *mm = space->notifier.mm;
	u64 gpa;

	KUNIT_ASSERT_EQ(test, 0, dune_window_get(space, 5ULL << 30, &gpa));
	map(test, space, gpa + 0x1000);
	KUNIT_EXPECT_TRUE(test, ops->test_young(&space->notifier, mm,
						(5ULL << 30) + 0x1000));
	KUNIT_EXPECT_FALSE(test, ops->test_young(&space->notifier, mm,
						 5ULL << 30));
	KUNIT_EXPECT_FALSE(test, ops->test_young(&space->notifier, mm, 0x1000));
	KUNIT_EXPECT_TRUE(test, is_mapped(space, gpa + 0x1000));
	KUNIT_EXPECT_TRUE(test, ops->clear_young(&space->notifier, mm,
						 5ULL << 30, (5ULL << 30) + 0x2000));
	KUNIT_EXPECT_FALSE(test, is_mapped(space, gpa + 0x1000));
	dune_space_put(space);
}

static void the_host_tells_when_memory_goes(struct kunit *test)
{
	struct dune_space *space = make(test, 48);
	unsigned long address = process_map(test, 2 * PAGE_SIZE,
					    PROT_READ | PROT_WRITE,
					    MAP_PRIVATE);
	unsigned long sequence = space->sequence;

	process_write(test, address, "x", 1);
	process_write(test, address + PAGE_SIZE, "x", 1);
	map(test, space, address);
	map(test, space, address + PAGE_SIZE);
	KUNIT_ASSERT_EQ(test, 0, vm_munmap(address, PAGE_SIZE));
	KUNIT_EXPECT_FALSE(test, is_mapped(space, address));
	KUNIT_EXPECT_TRUE(test, is_mapped(space, address + PAGE_SIZE));
	KUNIT_EXPECT_GT(test, space->sequence, sequence);
	KUNIT_EXPECT_EQ(test, 0UL, space->invalidating);
	dune_space_put(space);
}

static struct kunit_case space_cases[] = {
	KUNIT_CASE(with_enough_bits_windows_are_the_identity),
	KUNIT_CASE(windows_are_handed_out_in_order),
	KUNIT_CASE(there_is_room_for_more_windows),
	KUNIT_CASE(windows_run_out),
	KUNIT_CASE(an_address_of_the_kernel_has_no_window),
	KUNIT_CASE(a_process_has_one_space),
	KUNIT_CASE(a_space_is_freed_after_its_last_user),
	KUNIT_CASE(a_space_outlives_its_process),
	KUNIT_CASE(an_invalidation_takes_its_range_away),
	KUNIT_CASE(an_invalidation_finds_every_window),
	KUNIT_CASE(invalidations_are_counted),
	KUNIT_CASE(a_large_page_goes_with_its_tables),
	KUNIT_CASE(a_look_at_the_age_makes_a_page_old),
	KUNIT_CASE(a_look_may_leave_a_page_as_it_is),
	KUNIT_CASE(the_host_tells_when_memory_goes),
	{}
};

static struct kunit_suite space_suite = {
	.name = "dune_space",
	.init = process_init,
	.exit = process_exit,
	.test_cases = space_cases,
};

kunit_test_suite(space_suite);
