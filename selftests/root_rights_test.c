// SPDX-License-Identifier: GPL-2.0-only
/* Page roots: rights of pages, and pages that become larger or smaller. */
#include "page_roots.h"

TEST_F(root, rights_are_taken_and_given)
{
	char *memory = self->memory;

	ASSERT_EQ(0, dune_set_fault_handler(allow, 0));
	put(&memory[LARGE], 1);
	ASSERT_EQ(0, dune_protect(self->first, memory + LARGE, 2 * PAGE, 0,
				  WRITE));
	/* the large page was split, its neighbours are as before */
	EXPECT_EQ(PAGE, at(self->first, memory + LARGE).size);
	put(&memory[LARGE - 1], 1);
	put(&memory[LARGE + 2 * PAGE], 1);
	EXPECT_EQ(1, get(&memory[LARGE]));
	EXPECT_EQ(0, fault.calls);
	put(&memory[LARGE + PAGE + 5], 2);
	EXPECT_EQ(1, fault.calls);
	EXPECT_EQ((uint64_t)memory + LARGE + PAGE + 5, fault.address);
	EXPECT_EQ(DUNE_FAULT_WRITE | DUNE_FAULT_PRESENT, fault.error);
	EXPECT_EQ(2, get(&memory[LARGE + PAGE + 5]));
	put(&memory[LARGE + PAGE + 6], 2);
	EXPECT_EQ(1, fault.calls);
}

/* What was never used is protected as well. */
TEST_F(root, rights_of_what_is_not_filled_in)
{
	char *memory = mmap((char *)0x210000000000, LARGE,
			    PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_EQ(0, dune_set_fault_handler(allow, 0));
	ASSERT_EQ(0, dune_protect(self->first, memory, PAGE, 0, WRITE));
	put(memory, 1);
	EXPECT_EQ(1, fault.calls);
	EXPECT_EQ(DUNE_FAULT_WRITE | DUNE_FAULT_PRESENT, fault.error);
	put(memory + PAGE, 1);
	EXPECT_EQ(1, fault.calls);
}

TEST_F(root, no_execution)
{
	char *code = mmap(NULL, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	memcpy(code, "\xb8\x07\x00\x00\x00\xc3", 6);	/* return 7 */
	EXPECT_EQ(7, ((int (*)(void))code)());
	ASSERT_EQ(0, dune_protect(self->first, code, PAGE, DUNE_PTE_NOEXEC, 0));
	ASSERT_EQ(0, dune_set_fault_handler(allow, 0));
	EXPECT_EQ(7, ((int (*)(void))code)());
	EXPECT_EQ(1, fault.calls);
	EXPECT_EQ(DUNE_FAULT_FETCH | DUNE_FAULT_PRESENT, fault.error);
}

/* Neighbours in memory, but no large page begins there. */
TEST_F(root, what_is_not_aligned_stays_in_parts)
{
	ASSERT_EQ(0, dune_map(self->first, PLACE, LARGE, self->memory + PAGE,
			      WRITE));
	put(self->memory + PAGE, 5);
	EXPECT_EQ(0, dune_merge(self->first, PLACE, LARGE));
	EXPECT_EQ(PAGE, at(self->first, PLACE).size);
	EXPECT_EQ(5, get(PLACE));
}

TEST_F(root, parts_become_whole_again)
{
	char *memory = self->memory;

	ASSERT_EQ(0, dune_protect(self->first, memory, PAGE, 0, WRITE));
	ASSERT_EQ(PAGE, at(self->first, memory).size);
	ASSERT_EQ(0, dune_scan(self->first, memory, LARGE, DUNE_PTE_DIRTY,
			       DUNE_SCAN_CLEAR, NULL));
	put(&memory[8 * PAGE], 1);
	/* not as long as one is different */
	EXPECT_EQ(0, dune_merge(self->first, memory, LARGE));
	ASSERT_EQ(0, dune_protect(self->first, memory, PAGE, WRITE, 0));
	/* nor where the range has only a part */
	EXPECT_EQ(0, dune_merge(self->first, memory, LARGE - PAGE));
	EXPECT_EQ(1, dune_merge(self->first, memory, LARGE));
	EXPECT_EQ(LARGE, at(self->first, memory).size);
	EXPECT_EQ(DUNE_PTE_DIRTY, at(self->first, memory).bits & DUNE_PTE_DIRTY);
	EXPECT_EQ(1, get(&memory[8 * PAGE]));
	put(&memory[0], 1);
}

TEST_F(root, a_gibibyte_is_split_and_put_together)
{
	char *place = PLACE + 2 * HUGE;
	struct dune_mapping mapping;

	if (!has_1g_pages())
		SKIP(return, "no pages of 1 GiB (pdpe1gb)");
	/* what it would show need not exist */
	ASSERT_EQ(0, dune_map(self->first, place, HUGE, place, WRITE));
	ASSERT_EQ(HUGE, at(self->first, place).size);
	ASSERT_EQ(0, dune_protect(self->first, place + LARGE, PAGE,
				  DUNE_PTE_SOFT1, WRITE));
	mapping = at(self->first, place + LARGE);
	EXPECT_EQ(PAGE, mapping.size);
	EXPECT_EQ(place + LARGE, mapping.target);
	EXPECT_EQ(DUNE_PTE_SOFT1, mapping.bits & (DUNE_PTE_SOFT1 | WRITE));
	mapping = at(self->first, place + LARGE + PAGE);
	EXPECT_EQ(PAGE, mapping.size);
	EXPECT_EQ(WRITE, mapping.bits & (DUNE_PTE_SOFT1 | WRITE));
	mapping = at(self->first, place + 100 * LARGE + 5);
	EXPECT_EQ(LARGE, mapping.size);
	EXPECT_EQ(place + 100 * LARGE, mapping.target);
	/* one is different, so all others become 2 MiB and no more */
	EXPECT_EQ(0, dune_merge(self->first, place, HUGE));
	ASSERT_EQ(0, dune_protect(self->first, place + LARGE, PAGE, WRITE,
				  DUNE_PTE_SOFT1));
	EXPECT_EQ(2, dune_merge(self->first, place, HUGE));
	mapping = at(self->first, place + LARGE);
	EXPECT_EQ(HUGE, mapping.size);
	EXPECT_EQ(place, mapping.target);
}

TEST_F(root, global_pages_go_too)
{
	struct dune_mapping mapping;
	int i;

	ASSERT_EQ(0, dune_set_fault_handler(show, 0));
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, dune_map(self->first, PLACE, 100 * PAGE,
				      self->memory,
				      WRITE | (i ? DUNE_PTE_GLOBAL : 0)));
		EXPECT_EQ(0, get(PLACE + PAGE));
		/* few are forgotten one by one, and many all at once */
		ASSERT_EQ(0, dune_unmap(self->first, PLACE + PAGE, PAGE));
		EXPECT_EQ(-ENOENT, dune_lookup(self->first, PLACE + PAGE,
					       &mapping));
		get(PLACE + PAGE);
		EXPECT_EQ(2 * i + 1, fault.calls);
		ASSERT_EQ(0, dune_unmap(self->first, PLACE, 100 * PAGE));
		get(PLACE + 2 * PAGE);
		EXPECT_EQ(2 * i + 2, fault.calls);
	}
}

static void turn_on_global_pages(void)
{
	uint64_t cr4;

	asm volatile("mov %%cr4, %0" : "=r" (cr4));
	asm volatile("mov %0, %%cr4" : : "r" (cr4 | 1 << 7) : "memory");
}

/* Where that needs no exit, and with global pages, which loading CR3 keeps. */
TEST_F(root, what_many_pages_were_is_forgotten)
{
	int i;

	ASSERT_EQ(0, dune_set_fault_handler(allow, 0));
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, dune_map(self->first, PLACE, 100 * PAGE,
				      self->memory,
				      WRITE | (i ? DUNE_PTE_GLOBAL : 0)));
		if (i)
			turn_on_global_pages();
		put(PLACE + PAGE, 1);
		EXPECT_EQ(1, dune_scan(self->first, PLACE, 100 * PAGE,
				       DUNE_PTE_DIRTY, DUNE_SCAN_CLEAR, NULL));
		put(PLACE + PAGE, 2);
		EXPECT_EQ(1, dune_scan(self->first, PLACE, 100 * PAGE,
				       DUNE_PTE_DIRTY, 0, NULL));
		ASSERT_EQ(0, dune_protect(self->first, PLACE, 100 * PAGE, 0,
					  WRITE));
		put(PLACE + PAGE, 3);
		EXPECT_EQ(i + 1, fault.calls);
	}
}

static bool has_keys(void)
{
	unsigned int eax = 7, ecx = 0;

	asm volatile("cpuid" : "+a" (eax), "+c" (ecx) : : "rbx", "rdx");
	return ecx >> 4 & 1;
}

static void write_pkru(unsigned int value)
{
	asm volatile("wrpkru" : : "a" (value), "c" (0), "d" (0) : "memory");
}

static enum dune_verdict open_key(uint64_t address, unsigned int error,
				  struct dune_frame *frame)
{
	fault.calls++;
	fault.error = error;
	/* the register is restored with the others: another key it is */
	return dune_protect(dune_root_current(), (void *)(address & -PAGE),
			    PAGE, 0, DUNE_PTE_KEY(15)) ? DUNE_PASS : DUNE_DONE;
}

/* They are for pages of ring 3, and keep ring 0 out as well. */
TEST_F(root, protection_keys)
{
	if (!has_keys())
		SKIP(return, "no protection keys (pku)");
	ASSERT_EQ(0, dune_set_fault_handler(open_key, 0));
	ASSERT_EQ(0, dune_map(self->first, PLACE, PAGE, self->memory,
			      WRITE | DUNE_PTE_USER | DUNE_PTE_KEY(3)));
	EXPECT_EQ(DUNE_PTE_KEY(3),
		  at(self->first, PLACE).bits & DUNE_PTE_KEY(15));
	/* no access, then no writes, with key 3 */
	write_pkru(1 << 6);
	EXPECT_EQ(0, get(PLACE));
	EXPECT_EQ(1, fault.calls);
	EXPECT_EQ(DUNE_FAULT_PRESENT | DUNE_FAULT_KEY, fault.error);
	ASSERT_EQ(0, dune_protect(self->first, PLACE, PAGE, DUNE_PTE_KEY(3),
				  DUNE_PTE_KEY(15)));
	write_pkru(2 << 6);
	EXPECT_EQ(0, get(PLACE));
	EXPECT_EQ(1, fault.calls);
	put(PLACE, 1);
	EXPECT_EQ(2, fault.calls);
	EXPECT_EQ(DUNE_FAULT_PRESENT | DUNE_FAULT_KEY | DUNE_FAULT_WRITE,
		  fault.error);
	EXPECT_EQ(1, get(PLACE));
	write_pkru(0);
}

TEST_HARNESS_MAIN
