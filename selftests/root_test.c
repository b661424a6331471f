// SPDX-License-Identifier: GPL-2.0-only
/* Page roots: what the functions on them do, refuse and promise. */
#include "in_dune.h"

/* Where nothing else is; and the memory that is shown there. */
#define PLACE	((char *)0x300000000000)
#define HIGH	((char *)0xffff900000000000)

#define WRITE	DUNE_PTE_WRITE

static struct {
	int calls;
	uint64_t address;
	unsigned int error;
} fault;

/* Gives the right that is missing. */
static enum dune_verdict allow(uint64_t address, unsigned int error,
			       struct dune_frame *frame)
{
	fault.calls++;
	fault.address = address;
	fault.error = error;
	if (dune_protect(dune_root_current(), (void *)(address & -PAGE), PAGE,
			 WRITE, DUNE_PTE_NOEXEC))
		return DUNE_PASS;
	return DUNE_DONE;
}

/* Shows memory that is not shown. */
static char *to_show;

static enum dune_verdict show(uint64_t address, unsigned int error,
			      struct dune_frame *frame)
{
	fault.calls++;
	fault.address = address;
	fault.error = error;
	if (dune_map(dune_root_current(), (void *)(address & -PAGE), PAGE,
		     to_show, WRITE))
		return DUNE_PASS;
	return DUNE_DONE;
}

FIXTURE(root) {
	struct dune_root *first;
	char *memory;
};

FIXTURE_SETUP(root)
{
	ENTER_DUNE();
	self->first = dune_root_current();
	ASSERT_NE(NULL, self->first);
	self->memory = get_memory(4 * LARGE);
	ASSERT_NE(NULL, self->memory);
	to_show = self->memory;
}

FIXTURE_TEARDOWN(root)
{
}

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

static struct dune_mapping at(struct dune_root *root, const void *address)
{
	struct dune_mapping mapping = { 0 };

	if (dune_lookup(root, address, &mapping))
		mapping.size = 0;
	return mapping;
}

static bool has_1g_pages(void)
{
	unsigned int eax = 0x80000001, edx;

	asm volatile("cpuid" : "+a" (eax), "=d" (edx) : : "rbx", "rcx");
	return edx >> 26 & 1;
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

#define ROUNDS	400
#define SHARED	64

struct work {
	struct dune_root *root;
	char *memory;
	bool stop;
};

/* Writes all pages again and again; counts how often each. */
static void *write_pages(void *arg)
{
	struct work *work = arg;
	long rounds = 0;
	int i;

	while (!__atomic_load_n(&work->stop, __ATOMIC_RELAXED)) {
		for (i = 0; i < SHARED; i++)
			__atomic_add_fetch((long *)(work->memory + i * PAGE), 1,
					   __ATOMIC_RELAXED);
		rounds++;
	}
	return (void *)rounds;
}

static enum dune_verdict allow_write(uint64_t address, unsigned int error,
				     struct dune_frame *frame)
{
	__atomic_add_fetch(&fault.calls, 1, __ATOMIC_RELAXED);
	return dune_protect(dune_root_current(), (void *)(address & -PAGE),
			    PAGE, WRITE, 0) ? DUNE_PASS : DUNE_DONE;
}

static void *change_pages(void *arg)
{
	struct work *work = arg;
	int i;

	for (i = 0; i < ROUNDS; i++) {
		char *page = work->memory + i * 7 % SHARED * PAGE;

		if (dune_protect(work->root, page, PAGE, 0, WRITE))
			return "protect";
		if (i % 16 == 0 && dune_merge(work->root, work->memory,
					      LARGE) < 0)
			return "merge";
		if (i % 16 == 8 && dune_scan(work->root, work->memory, LARGE,
					     DUNE_PTE_DIRTY, DUNE_SCAN_CLEAR,
					     NULL) < 0)
			return "scan";
	}
	return NULL;
}

/* Two write, two change what they write to: nothing is lost. */
TEST_F(root, is_changed_while_it_is_used)
{
	struct work work = { .root = self->first, .memory = self->memory };
	pthread_t writers[2], changers[2];
	long total = 0;
	void *result;
	int i;

	ASSERT_EQ(0, dune_set_fault_handler(allow_write, 0));
	for (i = 0; i < 2; i++) {
		pthread_create(&writers[i], NULL, write_pages, &work);
		pthread_create(&changers[i], NULL, change_pages, &work);
	}
	for (i = 0; i < 2; i++) {
		pthread_join(changers[i], &result);
		EXPECT_EQ(NULL, result) TH_LOG("%s", (char *)result);
	}
	__atomic_store_n(&work.stop, true, __ATOMIC_RELAXED);
	for (i = 0; i < 2; i++) {
		pthread_join(writers[i], &result);
		total += (long)result;
	}
	for (i = 0; i < SHARED; i++)
		EXPECT_EQ(total, *(long *)(self->memory + i * PAGE));
	EXPECT_NE(0, fault.calls);
}

/* What a thread looks at, without ever leaving the guest, while it changes. */
static struct look {
	char *page;
	char forbidden;		/* what must not be seen any more */
	bool stop;
	unsigned long rounds, wrong, faults;
} look;

static void *look_again(void *arg)
{
	while (!__atomic_load_n(&look.stop, __ATOMIC_ACQUIRE)) {
		char forbidden = __atomic_load_n(&look.forbidden,
						 __ATOMIC_ACQUIRE);

		if (get(look.page) == forbidden)
			look.wrong++;
		__atomic_add_fetch(&look.rounds, 1, __ATOMIC_RELEASE);
	}
	return NULL;
}

/* From now on it must not see this; it has done so for a while. */
static void forbid(char value)
{
	unsigned long rounds;

	__atomic_store_n(&look.forbidden, value, __ATOMIC_RELEASE);
	rounds = __atomic_load_n(&look.rounds, __ATOMIC_ACQUIRE) + 100;
	while (__atomic_load_n(&look.rounds, __ATOMIC_ACQUIRE) < rounds)
		;
}

/* Once other memory is shown there no thread sees what was there before. */
TEST_F(root, no_thread_sees_what_was_there)
{
	pthread_t thread;
	int i;

	put(self->memory, 1);
	put(self->memory + PAGE, 2);
	look.page = PLACE;
	ASSERT_EQ(0, dune_map(self->first, PLACE, PAGE, self->memory, WRITE));
	ASSERT_EQ(0, pthread_create(&thread, NULL, look_again, NULL));
	for (i = 1; i < 50; i++) {
		forbid(0);
		ASSERT_EQ(0, dune_map(self->first, PLACE, PAGE,
				      self->memory + i % 2 * PAGE, WRITE));
		forbid(2 - i % 2);
	}
	__atomic_store_n(&look.stop, true, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
	EXPECT_EQ(0, look.wrong);
}

/* Goes on behind the call of what is not to be executed. */
static enum dune_verdict return_at_once(uint64_t address, unsigned int error,
					struct dune_frame *frame)
{
	look.faults++;
	frame->rip = *(uint64_t *)frame->rsp;
	frame->rsp += 8;
	frame->rax = 0;
	return DUNE_DONE;
}

static void *call_again(void *arg)
{
	while (!__atomic_load_n(&look.stop, __ATOMIC_ACQUIRE)) {
		char forbidden = __atomic_load_n(&look.forbidden,
						 __ATOMIC_ACQUIRE);

		if (((int (*)(void))look.page)() == forbidden)
			look.wrong++;
		__atomic_add_fetch(&look.rounds, 1, __ATOMIC_RELEASE);
	}
	return NULL;
}

TEST_F(root, no_thread_executes_any_more)
{
	pthread_t thread;
	int i;

	look.page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memcpy(look.page, "\xb8\x07\x00\x00\x00\xc3", 6);	/* return 7 */
	ASSERT_EQ(0, dune_set_fault_handler(return_at_once, 0));
	ASSERT_EQ(0, pthread_create(&thread, NULL, call_again, NULL));
	for (i = 0; i < 20; i++) {
		forbid(1);
		ASSERT_EQ(0, dune_protect(self->first, look.page, PAGE,
					  DUNE_PTE_NOEXEC, 0));
		forbid(7);
		forbid(1);
		ASSERT_EQ(0, dune_protect(self->first, look.page, PAGE, 0,
					  DUNE_PTE_NOEXEC));
	}
	__atomic_store_n(&look.stop, true, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
	EXPECT_EQ(0, look.wrong);
	EXPECT_NE(0, look.faults);
}

static void *write_and_tell(void *arg)
{
	struct work *work = arg;
	unsigned long i;

	/* the page after the value: who sees one must see the other dirty */
	for (i = 1; !__atomic_load_n(&work->stop, __ATOMIC_RELAXED); i++)
		__atomic_store_n((long *)(work->memory + i % SHARED * PAGE), i,
				 __ATOMIC_RELAXED);
	return NULL;
}

/* A dirty bit that is cleared while a thread writes is set again. */
TEST_F(root, no_write_goes_unnoticed)
{
	struct work work = { .root = self->first, .memory = self->memory };
	static unsigned long seen[SHARED];
	uint8_t bitmap[SHARED / 8];
	pthread_t thread;
	int i, round, unseen = 0;

	ASSERT_EQ(0, dune_map(self->first, self->memory, SHARED * PAGE,
			      self->memory, WRITE));
	pthread_create(&thread, NULL, write_and_tell, &work);
	for (round = 0; round < ROUNDS; round++) {
		ASSERT_LE(0, dune_scan(self->first, self->memory, SHARED * PAGE,
				       DUNE_PTE_DIRTY, DUNE_SCAN_CLEAR,
				       bitmap));
		for (i = 0; i < SHARED; i++)
			if (bitmap[i / 8] >> i % 8 & 1)
				seen[i] = *(unsigned long *)(self->memory +
							     i * PAGE);
	}
	__atomic_store_n(&work.stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	ASSERT_LE(0, dune_scan(self->first, self->memory, SHARED * PAGE,
			       DUNE_PTE_DIRTY, 0, bitmap));
	for (i = 0; i < SHARED; i++)
		unseen += !(bitmap[i / 8] >> i % 8 & 1) &&
			  seen[i] != *(unsigned long *)(self->memory + i * PAGE);
	EXPECT_EQ(0, unseen);
}

struct view {
	struct dune_root *root;
	pthread_barrier_t *barrier;
	char value;
};

static void *look_at_view(void *arg)
{
	struct view *view = arg;
	unsigned long bad = 0;
	int i;

	if (dune_root_switch(view->root))
		return (void *)-1UL;
	pthread_barrier_wait(view->barrier);
	for (i = 0; i < 2000; i++) {
		bad += get((char *)PLACE) != view->value;
		if (i % 100 == 0)
			sched_yield();
	}
	return (void *)bad;
}

/* Threads of one process with a view of memory each. */
TEST_F(root, threads_have_their_own)
{
	struct view views[4];
	pthread_barrier_t barrier;
	pthread_t threads[4];
	void *bad;
	int i;

	pthread_barrier_init(&barrier, NULL, 4);
	for (i = 0; i < 4; i++) {
		views[i].barrier = &barrier;
		views[i].value = i + 1;
		self->memory[i * PAGE] = i + 1;
		ASSERT_EQ(0, dune_root_create(&views[i].root, DUNE_ROOT_FILL));
		ASSERT_EQ(0, dune_map(views[i].root, PLACE, PAGE,
				      self->memory + i * PAGE, 0));
		pthread_create(&threads[i], NULL, look_at_view, &views[i]);
	}
	for (i = 0; i < 4; i++) {
		pthread_join(threads[i], &bad);
		EXPECT_EQ(NULL, bad);
		EXPECT_EQ(0, dune_root_destroy(views[i].root));
	}
}

TEST_F(root, invalidates_what_the_program_changes_itself)
{
	EXPECT_EQ(0, dune_invalidate(self->memory, PAGE));
	EXPECT_EQ(0, dune_invalidate(self->memory, 1000 * PAGE));
	EXPECT_EQ(0, dune_invalidate(NULL, 0));
	EXPECT_EQ(0, dune_flush_tlb(self->memory, PAGE));
	EXPECT_EQ(0, dune_flush_tlb(NULL, 0));
}

TEST_HARNESS_MAIN
