// SPDX-License-Identifier: GPL-2.0-only
/* Page roots: what they promise to several threads. */
#include "page_roots.h"

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

/* The lowest table of what was mapped last, by what an entry of it has there. */
static uint64_t *find_table(void *const *pages, int count, unsigned int index)
{
	uint64_t *table;
	int i;

	for (i = 0; i < count; i++) {
		table = pages[i];
		if ((table[index] & (DUNE_PTE_SOFT1 | DUNE_PTE_SOFT2)) ==
		    (DUNE_PTE_SOFT1 | DUNE_PTE_SOFT2))
			return table;
	}
	return NULL;
}

/* Tables are made of the pages that were given back last. */
static uint64_t *map_with_own_table(struct dune_root *root, char *memory)
{
	void *pages[4];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(pages); i++)
		pages[i] = dune_page_alloc();
	for (i = 0; i < ARRAY_SIZE(pages); i++)
		dune_page_put(pages[i]);
	if (dune_map(root, PLACE, 2 * PAGE, memory,
		     WRITE | DUNE_PTE_SOFT1 | DUNE_PTE_SOFT2))
		return NULL;
	return find_table(pages, ARRAY_SIZE(pages), 0);
}

static void swap_pages(uint64_t *table)
{
	uint64_t first = table[0];

	__atomic_store_n(&table[0], table[1], __ATOMIC_RELEASE);
	__atomic_store_n(&table[1], first, __ATOMIC_RELEASE);
}

/* One page, few of them, many, and all. */
TEST_F(root, invalidates_what_the_program_changes_itself)
{
	static const uint64_t sizes[] = { PAGE, 2 * PAGE, 1000 * PAGE, 0 };
	uint64_t *table = map_with_own_table(self->first, self->memory);
	unsigned int i, round;

	ASSERT_NE(NULL, table);
	put(self->memory, 0);
	put(self->memory + PAGE, 1);
	for (round = 0; round < 20; round++) {
		for (i = 0; i < ARRAY_SIZE(sizes); i++) {
			ASSERT_EQ(i % 2, get(PLACE));
			swap_pages(table);
			ASSERT_EQ(0, dune_invalidate(PLACE, sizes[i]));
			ASSERT_EQ(!(i % 2), get(PLACE));
			ASSERT_EQ(0, dune_invalidate(PLACE + PAGE, PAGE));
		}
	}
	EXPECT_EQ(0, dune_flush_tlb(self->memory, PAGE));
	EXPECT_EQ(0, dune_flush_tlb(NULL, 0));
}

TEST_HARNESS_MAIN
