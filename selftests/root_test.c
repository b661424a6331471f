// SPDX-License-Identifier: GPL-2.0-only
/* Page roots: what the functions on them do, refuse and show. */
#include "page_roots.h"

TEST(nothing_outside_of_dune)
{
	struct dune_mapping mapping;
	struct dune_root *root = NULL;

	ASSERT_EQ(0, dune_init(NULL));
	EXPECT_EQ(NULL, dune_root_current());
	EXPECT_EQ(-EPERM, dune_root_create(&root, 0));
	EXPECT_EQ(-EPERM, dune_root_clone(&root, NULL));
	EXPECT_EQ(-EPERM, dune_root_destroy(NULL));
	EXPECT_EQ(-EPERM, dune_root_switch(NULL));
	EXPECT_EQ(-EPERM, dune_map(NULL, PLACE, PAGE, PLACE, 0));
	EXPECT_EQ(-EPERM, dune_unmap(NULL, PLACE, PAGE));
	EXPECT_EQ(-EPERM, dune_protect(NULL, PLACE, PAGE, 0, 0));
	EXPECT_EQ(-EPERM, dune_merge(NULL, PLACE, PAGE));
	EXPECT_EQ(-EPERM, dune_lookup(NULL, PLACE, &mapping));
	EXPECT_EQ(-EPERM, dune_walk(NULL, PLACE, PAGE, NULL, NULL));
	EXPECT_EQ(-EPERM, dune_scan(NULL, PLACE, PAGE, DUNE_PTE_DIRTY, 0, NULL));
	EXPECT_EQ(-EPERM, dune_invalidate(NULL, 0));
	EXPECT_EQ(-EPERM, dune_flush_tlb(NULL, 0));
}

/* Each function takes a range the same way. */
TEST_F(root, ranges_that_are_none)
{
	static const struct {
		uint64_t address, size;
	} bad[] = {
		{ 1, PAGE }, { PAGE, 1 }, { PAGE, 0 }, { -PAGE, 2 * PAGE },
		{ (1UL << 47) - PAGE, 2 * PAGE }, { 1UL << 47, PAGE },
		{ 0x7fffffffffff000, PAGE }, { PAGE, 1UL << 47 },
		{ PAGE, -2 * PAGE },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		char *address = (char *)bad[i].address;
		uint64_t size = bad[i].size;

		EXPECT_EQ(-EINVAL, dune_map(self->first, address, size,
					    self->memory, 0)) TH_LOG("%u", i);
		EXPECT_EQ(-EINVAL, dune_unmap(self->first, address, size))
			TH_LOG("%u", i);
		EXPECT_EQ(-EINVAL, dune_protect(self->first, address, size, 0,
						0)) TH_LOG("%u", i);
		EXPECT_EQ(-EINVAL, dune_merge(self->first, address, size))
			TH_LOG("%u", i);
		EXPECT_EQ(-EINVAL, dune_walk(self->first, address, size, NULL,
					     NULL)) TH_LOG("%u", i);
		EXPECT_EQ(-EINVAL, dune_scan(self->first, address, size,
					     DUNE_PTE_DIRTY, 0, NULL))
			TH_LOG("%u", i);
	}
}

TEST_F(root, bits_that_are_none)
{
	struct dune_mapping mapping;
	char *memory = self->memory;

	EXPECT_EQ(-EINVAL, dune_map(self->first, PLACE, PAGE, memory, 1 << 7));
	EXPECT_EQ(-EINVAL, dune_map(self->first, PLACE, PAGE, memory + 1, 0));
	EXPECT_EQ(-EINVAL, dune_map(self->first, PLACE, PAGE,
				    (void *)(1UL << 47), 0));
	EXPECT_EQ(-EINVAL, dune_map(self->first, PLACE, 2 * PAGE,
				    (void *)((1UL << 47) - PAGE), 0));
	EXPECT_EQ(-EINVAL, dune_protect(self->first, memory, PAGE, 1 << 7, 0));
	EXPECT_EQ(-EINVAL, dune_protect(self->first, memory, PAGE, 0, 1));
	EXPECT_EQ(-EINVAL, dune_protect(self->first, memory, PAGE, 1, 0));
	EXPECT_EQ(-EINVAL, dune_scan(self->first, memory, PAGE, WRITE, 0, NULL));
	EXPECT_EQ(-EINVAL, dune_scan(self->first, memory, PAGE, DUNE_PTE_DIRTY,
				     2, NULL));
	EXPECT_EQ(-EINVAL, dune_lookup(self->first, (void *)(1UL << 47),
				       &mapping));
	EXPECT_EQ(-EINVAL, dune_invalidate((void *)-PAGE, 2 * PAGE));
	EXPECT_EQ(-EINVAL, dune_flush_tlb((void *)-PAGE, 2 * PAGE));
}

static long take_all(struct dune_mapping *mapping, void *data)
{
	++*(int *)data;
	mapping->bits = 0;
	return 0;
}

/* Neither is it changed by who may look at it. */
TEST_F(root, libdune_is_seen_but_not_changed)
{
	char *page = dune_page_alloc();
	struct dune_mapping mapping;
	int seen = 0;

	ASSERT_EQ(0, dune_walk(self->first, page, PAGE, take_all, &seen));
	EXPECT_EQ(1, seen);
	put(page, 1);
	ASSERT_EQ(0, dune_lookup(self->first, page, &mapping));
	EXPECT_EQ(DUNE_PTE_PRESENT | WRITE,
		  mapping.bits & (DUNE_PTE_PRESENT | WRITE));
	/* nor can it take away that something is there */
	put(self->memory, 1);
	ASSERT_EQ(0, dune_map(self->first, PLACE, PAGE, self->memory, WRITE));
	ASSERT_EQ(0, dune_walk(self->first, PLACE, PAGE, take_all, &seen));
	ASSERT_EQ(0, dune_lookup(self->first, PLACE, &mapping));
	EXPECT_EQ(DUNE_PTE_PRESENT, mapping.bits & (DUNE_PTE_PRESENT | WRITE));
	EXPECT_EQ(1, get(PLACE));
}

TEST_F(root, libdune_itself_stays)
{
	char *code = (char *)((uint64_t)dune_map & -PAGE);
	char *page = dune_page_alloc();

	EXPECT_EQ(-EPERM, dune_unmap(self->first, code, PAGE));
	EXPECT_EQ(-EPERM, dune_protect(self->first, code, PAGE, 0, WRITE));
	EXPECT_EQ(-EPERM, dune_map(self->first, code, PAGE, code, 0));
	EXPECT_EQ(-EPERM, dune_unmap(self->first, page, PAGE));
	EXPECT_EQ(-EPERM, dune_unmap(self->first, PLACE, (1UL << 47) - PAGE -
				     (uint64_t)PLACE));
	EXPECT_EQ(-EPERM, dune_scan(self->first, page, PAGE, DUNE_PTE_DIRTY,
				    DUNE_SCAN_CLEAR, NULL));
	/* it may be looked at */
	EXPECT_LE(0, dune_scan(self->first, page, PAGE, DUNE_PTE_DIRTY, 0,
			       NULL));
}

TEST_F(root, shows_memory_twice)
{
	char *memory = self->memory;

	strcpy(memory + 100, "text");
	ASSERT_EQ(0, dune_map(self->first, PLACE, PAGE, memory, WRITE));
	EXPECT_EQ(0, strcmp(PLACE + 100, "text"));
	put(&PLACE[100], 'T');
	EXPECT_EQ(0, strcmp(memory + 100, "Text"));
}

/* Each page of it, without ever leaving the guest. */
TEST_F(root, all_of_a_range_is_new)
{
	unsigned int i, j, wrong = 0;

	for (i = 0; i < 8; i++) {
		put(self->memory + i * PAGE, 0);
		put(self->memory + LARGE + i * PAGE, 1);
	}
	for (i = 0; i < 20; i++) {
		wrong += dune_map(self->first, PLACE, 8 * PAGE,
				  self->memory + i % 2 * LARGE, 0) != 0;
		for (j = 0; j < 8; j++)
			wrong += get(PLACE + j * PAGE) != (char)(i % 2);
	}
	EXPECT_EQ(0, wrong);
}

TEST_F(root, in_the_upper_half_too)
{
	ASSERT_EQ(0, dune_map(self->first, HIGH, 2 * PAGE, self->memory,
			      WRITE));
	HIGH[PAGE] = 'x';
	EXPECT_EQ('x', get(&self->memory[PAGE]));
	/* up to the last one */
	ASSERT_EQ(0, dune_map(self->first, (void *)-PAGE, PAGE,
			      self->memory + PAGE, 0));
	EXPECT_EQ('x', *(char *)-PAGE);
	ASSERT_EQ(0, dune_unmap(self->first, (void *)-PAGE, PAGE));
}

TEST_F(root, uses_the_largest_pages)
{
	struct dune_mapping mapping;

	/* 4 KiB, 2 MiB, 4 KiB */
	ASSERT_EQ(0, dune_map(self->first, PLACE + LARGE - PAGE,
			      LARGE + 2 * PAGE, self->memory + LARGE - PAGE,
			      WRITE | DUNE_PTE_SOFT2));
	mapping = at(self->first, PLACE + LARGE + 12345);
	EXPECT_EQ((uint64_t)PLACE + LARGE, mapping.address);
	EXPECT_EQ(LARGE, mapping.size);
	EXPECT_EQ(self->memory + LARGE, mapping.target);
	EXPECT_EQ(DUNE_PTE_PRESENT | WRITE | DUNE_PTE_SOFT2, mapping.bits);
	EXPECT_EQ(PAGE, at(self->first, PLACE + LARGE - 1).size);
	EXPECT_EQ(PAGE, at(self->first, PLACE + 2 * LARGE).size);
	/* not where the memory is not aligned */
	ASSERT_EQ(0, dune_map(self->first, PLACE + 4 * LARGE, LARGE,
			      self->memory + PAGE, WRITE));
	EXPECT_EQ(PAGE, at(self->first, PLACE + 4 * LARGE).size);
	ASSERT_EQ(0, dune_map(self->first, PLACE + HUGE, HUGE, PLACE, WRITE));
	EXPECT_EQ(has_1g_pages() ? HUGE : LARGE,
		  at(self->first, PLACE + HUGE).size);
}

TEST_F(root, what_is_taken_away_stays_away)
{
	struct dune_mapping mapping;

	put(&self->memory[0], 1);
	put(&self->memory[PAGE], 1);
	ASSERT_EQ(0, dune_unmap(self->first, self->memory, PAGE));
	EXPECT_EQ(-ENOENT, dune_lookup(self->first, self->memory, &mapping));
	ASSERT_EQ(0, dune_set_fault_handler(show, 0));
	to_show = self->memory + PAGE;
	EXPECT_EQ(1, get(&self->memory[5 * PAGE]) + 1);
	EXPECT_EQ(0, fault.calls);
	put(&self->memory[7], 3);
	EXPECT_EQ(1, fault.calls);
	EXPECT_EQ((uint64_t)self->memory + 7, fault.address);
	EXPECT_EQ(DUNE_FAULT_WRITE, fault.error);
	EXPECT_EQ(3, get(&self->memory[PAGE + 7]));
	/* again, and where nothing is */
	ASSERT_EQ(0, dune_unmap(self->first, self->memory, 2 * LARGE));
	ASSERT_EQ(0, dune_unmap(self->first, self->memory, 2 * LARGE));
	EXPECT_EQ(-ENOENT, dune_lookup(self->first, self->memory + LARGE,
				       &mapping));
}

/* Then Linux has the last word, as for memory that is not there. */
TEST_F(root, without_a_handler_it_is_a_signal)
{
	int status;

	ASSERT_EQ(0, dune_unmap(self->first, self->memory, PAGE));
	status = STATUS_OF(put(self->memory, 1));
	EXPECT_TRUE(WIFSIGNALED(status));
	EXPECT_EQ(SIGSEGV, WTERMSIG(status));
}

static void *faulting_address;
static int faulting_code;

static void leave_by_signal(int signal, siginfo_t *info, void *context)
{
	faulting_address = info->si_addr;
	faulting_code = info->si_code;
	_exit(faulting_code == SEGV_MAPERR ? 1 : 2);
}

TEST_F(root, the_signal_says_why)
{
	struct sigaction action = {
		.sa_sigaction = leave_by_signal, .sa_flags = SA_SIGINFO,
	};

	sigaction(SIGSEGV, &action, NULL);
	self->memory[0] = 1;
	self->memory[PAGE] = 1;
	ASSERT_EQ(0, dune_unmap(self->first, self->memory, PAGE));
	ASSERT_EQ(0, dune_protect(self->first, self->memory + PAGE, PAGE, 0,
				  WRITE));
	EXPECT_EQ(1, WEXITSTATUS(STATUS_OF(put(self->memory, 1))));
	EXPECT_EQ(2, WEXITSTATUS(STATUS_OF(put(self->memory + PAGE, 1))));
}

TEST_F(root, others_see_other_memory)
{
	struct dune_root *root;
	int i;

	ASSERT_EQ(0, dune_root_create(&root, DUNE_ROOT_FILL));
	ASSERT_EQ(0, dune_map(self->first, PLACE, PAGE, self->memory, WRITE));
	ASSERT_EQ(0, dune_map(root, PLACE, PAGE, self->memory + PAGE, WRITE));
	for (i = 0; i < 100; i++) {
		put(PLACE, i);
		ASSERT_EQ(0, dune_root_switch(root));
		ASSERT_EQ(root, dune_root_current());
		put(PLACE, i + 1);
		ASSERT_EQ(0, dune_root_switch(self->first));
		ASSERT_EQ(i, get(PLACE));
	}
	EXPECT_EQ(99, get(&self->memory[0]));
	EXPECT_EQ(100, get(&self->memory[PAGE]));
	/* what is changed while another one is in use */
	ASSERT_EQ(0, dune_map(root, PLACE, PAGE, self->memory + 2 * PAGE,
			      WRITE));
	ASSERT_EQ(0, dune_root_switch(root));
	EXPECT_EQ(0, get(PLACE));
	EXPECT_EQ(-EBUSY, dune_root_destroy(root));
	ASSERT_EQ(0, dune_root_switch(self->first));
	EXPECT_EQ(0, dune_root_destroy(root));
	EXPECT_EQ(-EINVAL, dune_root_destroy(self->first));
}

TEST_F(root, copies_are_apart)
{
	struct dune_root *copy;

	put(&self->memory[0], 1);
	ASSERT_EQ(0, dune_map(self->first, PLACE, PAGE, self->memory, WRITE));
	ASSERT_EQ(0, dune_root_clone(&copy, self->first));
	ASSERT_EQ(0, dune_unmap(self->first, PLACE, PAGE));
	EXPECT_EQ(PAGE, at(copy, PLACE).size);
	EXPECT_EQ(0, at(self->first, PLACE).size);
	ASSERT_EQ(0, dune_unmap(copy, self->memory, PAGE));
	put(&self->memory[0], 2);
	ASSERT_EQ(0, dune_root_switch(copy));
	EXPECT_EQ(2, get(PLACE));
	ASSERT_EQ(0, dune_root_switch(self->first));
	EXPECT_EQ(0, dune_root_destroy(copy));
}

/* What is not in one without DUNE_ROOT_FILL is not there. */
TEST_F(root, nothing_but_what_is_said)
{
	struct dune_mapping mapping;
	struct dune_root *root;

	ASSERT_EQ(0, dune_root_create(&root, 0));
	EXPECT_EQ(-ENOENT, dune_lookup(root, self->memory, &mapping));
	EXPECT_EQ(0, dune_protect(root, self->memory, PAGE, 0, WRITE));
	EXPECT_EQ(-ENOENT, dune_lookup(root, self->memory, &mapping));
	ASSERT_EQ(0, dune_map(root, self->memory, LARGE, self->memory, WRITE));
	EXPECT_EQ(LARGE, at(root, self->memory).size);
	ASSERT_EQ(0, dune_unmap(root, self->memory, PAGE));
	EXPECT_EQ(-ENOENT, dune_lookup(root, self->memory, &mapping));
	EXPECT_EQ(PAGE, at(root, self->memory + PAGE).size);
	EXPECT_EQ(-EINVAL, dune_root_create(&root, 2));
	EXPECT_EQ(0, dune_root_destroy(root));
}

TEST_F(root, as_many_as_it_says)
{
	static struct dune_root *roots[DUNE_ROOTS];
	struct dune_page_stats before, after;
	struct dune_root *one;
	int i;

	dune_page_get_stats(&before);
	for (i = 0; i < DUNE_ROOTS - 1; i++)
		ASSERT_EQ(0, dune_root_create(&roots[i], 0));
	EXPECT_EQ(-ENOSPC, dune_root_create(&one, 0));
	EXPECT_EQ(-ENOSPC, dune_root_clone(&one, self->first));
	EXPECT_EQ(0, dune_root_destroy(roots[77]));
	EXPECT_EQ(0, dune_root_create(&roots[77], DUNE_ROOT_FILL));
	for (i = 0; i < DUNE_ROOTS - 1; i++)
		ASSERT_EQ(0, dune_root_destroy(roots[i]));
	dune_page_get_stats(&after);
	EXPECT_EQ(before.used, after.used);
}

TEST_F(root, tables_are_freed)
{
	struct dune_page_stats before, after;
	struct dune_root *root;

	ASSERT_EQ(0, dune_root_create(&root, 0));
	dune_page_get_stats(&before);
	ASSERT_EQ(0, dune_map(root, HIGH, 2 * LARGE, self->memory + PAGE,
			      WRITE));
	dune_page_get_stats(&after);
	EXPECT_EQ(before.used + 4 * PAGE, after.used);
	ASSERT_EQ(0, dune_unmap(root, HIGH, 2 * LARGE));
	dune_page_get_stats(&after);
	EXPECT_EQ(before.used, after.used);
	/* also the one of a page that takes its place */
	ASSERT_EQ(0, dune_map(root, PLACE, LARGE, self->memory + PAGE, WRITE));
	dune_page_get_stats(&after);
	EXPECT_EQ(before.used + 3 * PAGE, after.used);
	ASSERT_EQ(0, dune_map(root, PLACE, LARGE, self->memory, WRITE));
	dune_page_get_stats(&after);
	EXPECT_EQ(before.used + 2 * PAGE, after.used);
	ASSERT_EQ(0, dune_root_destroy(root));
}

TEST_F(root, a_child_has_copies)
{
	struct dune_root *root;

	ASSERT_EQ(0, dune_root_create(&root, DUNE_ROOT_FILL));
	ASSERT_EQ(0, dune_map(root, PLACE, PAGE, self->memory, WRITE));
	ASSERT_EQ(0, dune_root_switch(root));
	put(PLACE, 1);
	EXPECT_EQ(0, STATUS_OF(({
		if (dune_root_current() != root || *PLACE != 1)
			_exit(1);
		put(PLACE, 2);
		if (self->memory[0] != 2)
			_exit(2);
		if (dune_unmap(root, PLACE, PAGE) ||
		    dune_root_switch(self->first) || dune_root_destroy(root))
			_exit(3);
	})));
	EXPECT_EQ(1, get(PLACE));
	ASSERT_EQ(0, dune_root_switch(self->first));
}

TEST_HARNESS_MAIN
