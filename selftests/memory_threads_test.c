// SPDX-License-Identifier: GPL-2.0-only
/*
 * Threads of one process use memory in their guests while others of its
 * threads map it anew: nobody ever sees, or writes, what is gone.
 */
#include "kselftest_harness.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/wait.h>

#include "guest_memory.h"
#include "need_dune.h"

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

#define GUESTS	8
#define PAGES	16

/* What the guests and the process tell each other. */
struct control {
	atomic_ulong stop;
	atomic_ulong closed;		/* no access is allowed now */
	atomic_ulong oldest[PAGES];	/* an older value is a mistake */
	atomic_ulong rounds[GUESTS];
};

struct worker {
	struct guest guest;
	guest_function *function;
	void *memory;
	struct control *control;
	uint64_t index;
	uint32_t exit_reason;
	uint64_t result;
	unsigned int ends;
	pthread_t thread;
};

FIXTURE(threads) {
	struct worker workers[GUESTS];
	struct control *control;
	atomic_ulong *data;
};

FIXTURE_SETUP(threads)
{
	int i, err;

	self->data = guest_alloc_large();
	self->control = guest_alloc(PAGE);
	ASSERT_NE(MAP_FAILED, (void *)self->data);
	ASSERT_NE(MAP_FAILED, (void *)self->control);
	madvise(self->data, LARGE, MADV_NOHUGEPAGE);
	for (i = 0; i < GUESTS; i++) {
		struct worker *worker = &self->workers[i];

		worker->index = i;
		worker->control = self->control;
		worker->memory = self->data;
		err = guest_create(&worker->guest);
		ASSERT_EQ(0, err);
	}
}

FIXTURE_TEARDOWN(threads)
{
	int i;

	for (i = 0; i < GUESTS; i++)
		guest_destroy(&self->workers[i].guest);
}

/*
 * Where memory may be out of reach for a while, an access then ends the guest;
 * another one takes its place when the memory is back.
 */
static void *work(void *data)
{
	struct worker *worker = data;
	struct control *control = worker->control;
	struct guest *guest = &worker->guest;

	for (;;) {
		guest_map(guest, worker->memory);
		guest_map(guest, control);
		worker->exit_reason = guest_call(guest, worker->function,
						 worker->memory,
						 (uint64_t)control,
						 worker->index);
		worker->result = guest->run->regs.rax;
		if (worker->exit_reason != DUNE_EXIT_SHUTDOWN || control->stop)
			break;
		worker->ends++;
		while (control->closed && !control->stop)
			sched_yield();
		guest_destroy(guest);
		if (guest_create(guest))
			break;
	}
	/* if this is too early, nobody is to wait for it */
	control->stop = 1;
	return NULL;
}

static bool start(struct worker *workers, guest_function *function)
{
	int i;

	for (i = 0; i < GUESTS; i++) {
		workers[i].function = function;
		if (pthread_create(&workers[i].thread, NULL, work, &workers[i]))
			return false;
	}
	return true;
}

static void stop(struct worker *workers)
{
	int i;

	workers->control->stop = 1;
	for (i = 0; i < GUESTS; i++)
		pthread_join(workers[i].thread, NULL);
}

/* Waits until every guest, or one of them, has been everywhere once more. */
static void go_on(struct control *control, int guests)
{
	uint64_t before[GUESTS];
	int i;

	for (i = 0; i < guests; i++)
		before[i] = control->rounds[i];
	for (i = 0; i < guests; i++)
		while (control->rounds[i] < before[i] + 2 && !control->stop)
			sched_yield();
}

/* In the guest: looks at every page; comes back early with what is too old. */
static GUEST_FUNCTION uint64_t look_for_old(void *memory, uint64_t address,
					    uint64_t index)
{
	struct control *control = (void *)address;
	atomic_ulong *words = memory;
	uint64_t page, oldest, value;

	while (!control->stop) {
		for (page = 0; page < PAGES; page++) {
			oldest = control->oldest[page];
			value = words[page * WORDS];
			if (value && value < oldest)
				return value;
		}
		control->rounds[index]++;
	}
	return 0;
}

#define CHANGES	40

/*
 * The guests' own page tables change: each sees a word of memory that is newer
 * than the one before, once it was told.
 */
TEST_F_TIMEOUT(threads, a_change_of_page_tables_reaches_all, 300)
{
	uint64_t *entries[GUESTS], frames[2];
	atomic_ulong *areas[2] = { self->data, guest_alloc_large() };
	struct dune_flush flush = { .address = (uint64_t)self->data,
				    .size = LARGE };
	int vcpu = dune_create_vcpu(self->workers[0].guest.dune);
	uint64_t change, page;
	int i;

	ASSERT_LE(0, vcpu);
	for (i = 0; i < 2; i++)
		frames[i] = guest_physical(&self->workers[0].guest, areas[i]) |
			    GUEST_PRESENT | GUEST_WRITE | GUEST_LARGE;
	for (i = 0; i < GUESTS; i++)
		entries[i] = guest_entry(&self->workers[i].guest, self->data);
	ASSERT_TRUE(start(self->workers, look_for_old));
	go_on(self->control, GUESTS);
	for (change = 1; change <= CHANGES; change++) {
		for (page = 0; page < PAGES; page++)
			areas[change % 2][page * WORDS] = change;
		for (i = 0; i < GUESTS; i++)
			*(atomic_ulong *)entries[i] = frames[change % 2];
		ASSERT_EQ(0, ioctl(vcpu, DUNE_FLUSH, &flush));
		for (page = 0; page < PAGES; page++)
			self->control->oldest[page] = change;
		go_on(self->control, change % 8 ? 1 : GUESTS);
	}
	stop(self->workers);
	close(vcpu);
	for (i = 0; i < GUESTS; i++) {
		EXPECT_EQ(DUNE_EXIT_SYSCALL, self->workers[i].exit_reason);
		EXPECT_EQ(0, self->workers[i].result);
	}
}

/* Every way to have another page there, without a moment of none. */
enum { DROP, MAP_OVER, MOVE_OVER, WAYS };

static bool replace(atomic_ulong *page, uint64_t value, int way)
{
	const int prot = PROT_READ | PROT_WRITE;
	const int flags = MAP_PRIVATE | MAP_ANONYMOUS;
	uint64_t *fresh;

	switch (way) {
	case DROP:
		return !madvise(page, PAGE, MADV_DONTNEED);
	case MAP_OVER:
		return mmap(page, PAGE, prot, flags | MAP_FIXED, -1,
			    0) == page;
	default:
		fresh = guest_alloc(PAGE);
		fresh[0] = value;
		return mremap(fresh, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
			      page) == page;
	}
}

/* A thread outside that has pages of its own to replace. */
struct mapper {
	struct control *control;
	atomic_ulong *data;
	int first;
	bool done;
	pthread_t thread;
};

#define MAPPERS		2
#define REPLACEMENTS	64

static void *replace_pages(void *data)
{
	struct mapper *mapper = data;
	uint64_t value;

	for (value = 1; value <= REPLACEMENTS; value++) {
		int page = mapper->first + value * MAPPERS % PAGES;
		atomic_ulong *word = mapper->data + page * WORDS;

		if (!replace(word, value, value % 7 % WAYS))
			return NULL;
		/* from here on nobody sees what was there before */
		mapper->control->oldest[page] = value;
		if (value % 3)
			*word = value;
		if (value % 16 == 0)
			go_on(mapper->control, 1);
	}
	mapper->done = true;
	return NULL;
}

TEST_F_TIMEOUT(threads, a_replaced_page_is_never_seen_again, 300)
{
	struct mapper mappers[MAPPERS];
	int i;

	ASSERT_TRUE(start(self->workers, look_for_old));
	go_on(self->control, GUESTS);
	for (i = 0; i < MAPPERS; i++) {
		mappers[i] = (struct mapper){
			.control = self->control,
			.data = self->data,
			.first = i,
		};
		ASSERT_EQ(0, pthread_create(&mappers[i].thread, NULL,
					    replace_pages, &mappers[i]));
	}
	for (i = 0; i < MAPPERS; i++) {
		pthread_join(mappers[i].thread, NULL);
		EXPECT_TRUE(mappers[i].done);
	}
	go_on(self->control, GUESTS);
	stop(self->workers);
	for (i = 0; i < GUESTS; i++) {
		EXPECT_EQ(DUNE_EXIT_SYSCALL, self->workers[i].exit_reason);
		EXPECT_EQ(0, self->workers[i].result);
		EXPECT_EQ(0, self->workers[i].ends);
	}
}

/* In the guest: counts in a word of its own in every page. */
static GUEST_FUNCTION uint64_t count(void *memory, uint64_t address,
				     uint64_t index)
{
	struct control *control = (void *)address;
	atomic_ulong *words = memory;
	uint64_t page;

	while (!control->stop) {
		for (page = 0; page < PAGES; page++)
			words[page * WORDS + index]++;
		control->rounds[index]++;
	}
	return 0;
}

static bool unchanged(atomic_ulong *data)
{
	uint64_t before[PAGES * GUESTS];
	int i, looks;

	for (i = 0; i < PAGES * GUESTS; i++)
		before[i] = data[i / GUESTS * WORDS + i % GUESTS];
	for (looks = 0; looks < 20; looks++) {
		sched_yield();
		for (i = 0; i < PAGES * GUESTS; i++)
			if (data[i / GUESTS * WORDS + i % GUESTS] != before[i])
				return false;
	}
	return true;
}

TEST_F_TIMEOUT(threads, protected_pages_are_not_written, 300)
{
	unsigned int ends = 0;
	int i;

	ASSERT_TRUE(start(self->workers, count));
	go_on(self->control, GUESTS);
	for (i = 0; i < 10; i++) {
		self->control->closed = 1;
		ASSERT_EQ(0, mprotect(self->data, PAGES * PAGE,
				      PROT_READ));
		EXPECT_TRUE(unchanged(self->data));
		ASSERT_EQ(0, mprotect(self->data, PAGES * PAGE,
				      PROT_READ | PROT_WRITE));
		self->control->closed = 0;
		go_on(self->control, GUESTS);
	}
	stop(self->workers);
	for (i = 0; i < GUESTS; i++) {
		EXPECT_EQ(DUNE_EXIT_SYSCALL, self->workers[i].exit_reason);
		ends += self->workers[i].ends;
	}
	EXPECT_GT(ends, 0);
}

/* Who gets a page next finds it as the kernel gave it to him. */
static bool fresh_pages_stay_empty(atomic_ulong *fresh)
{
	int i;

	memset(fresh, 0, PAGES * PAGE);
	if (!unchanged(fresh))
		return false;
	for (i = 0; i < PAGES * GUESTS; i++)
		if (fresh[i / GUESTS * WORDS + i % GUESTS])
			return false;
	return !madvise(fresh, PAGES * PAGE, MADV_DONTNEED);
}

TEST_F_TIMEOUT(threads, unmapped_pages_are_not_written, 300)
{
	/* no part of the mapping that comes and goes */
	atomic_ulong *fresh = guest_alloc_large();
	void *data = self->data;
	unsigned int ends = 0;
	int i;

	ASSERT_NE(MAP_FAILED, (void *)fresh);
	madvise(fresh, PAGES * PAGE, MADV_NOHUGEPAGE);

	ASSERT_TRUE(start(self->workers, count));
	go_on(self->control, GUESTS);
	for (i = 0; i < 20; i++) {
		bool unmap = i % 2;

		if (unmap) {
			self->control->closed = 1;
			ASSERT_EQ(0, munmap(data, PAGES * PAGE));
		} else {
			ASSERT_EQ(0, madvise(data, PAGES * PAGE,
					     MADV_DONTNEED));
		}
		EXPECT_TRUE(fresh_pages_stay_empty(fresh));
		if (unmap) {
			ASSERT_EQ(data, mmap(data, PAGES * PAGE,
					     PROT_READ | PROT_WRITE,
					     MAP_PRIVATE | MAP_ANONYMOUS |
					     MAP_FIXED_NOREPLACE, -1, 0));
			self->control->closed = 0;
		}
		go_on(self->control, GUESTS);
	}
	stop(self->workers);
	for (i = 0; i < GUESTS; i++) {
		EXPECT_EQ(DUNE_EXIT_SYSCALL, self->workers[i].exit_reason);
		ends += self->workers[i].ends;
	}
	EXPECT_GT(ends, 0);
}

/* All that changes where memory is, and nothing of what is in it. */
static void shake(void *memory, int step)
{
	pid_t pid;

	switch (step % 5) {
	case 0:
		madvise(memory, LARGE, MADV_HUGEPAGE);
		madvise(memory, LARGE, MADV_COLLAPSE);
		break;
	case 1:
		madvise((char *)memory + LARGE - PAGE, PAGE, MADV_DONTNEED);
		madvise(memory, LARGE, MADV_NOHUGEPAGE);
		break;
	case 2:
		host_set("/proc/self/clear_refs", "4");
		break;
	case 3:
		pid = fork();
		if (!pid)
			_exit(0);
		waitpid(pid, NULL, 0);
		break;
	case 4:
		host_set("/proc/sys/vm/compact_memory", "1");
		break;
	}
}

TEST_F_TIMEOUT(threads, no_write_is_lost, 300)
{
	int i, page;

	ASSERT_TRUE(start(self->workers, count));
	for (i = 0; i < 20; i++) {
		go_on(self->control, GUESTS);
		shake(self->data, i);
	}
	stop(self->workers);
	for (i = 0; i < GUESTS; i++) {
		EXPECT_EQ(DUNE_EXIT_SYSCALL, self->workers[i].exit_reason);
		EXPECT_EQ(0, self->workers[i].ends);
		for (page = 0; page < PAGES; page++)
			EXPECT_EQ(atomic_load(&self->control->rounds[i]),
				  atomic_load(&self->data[page * WORDS + i]));
	}
}

TEST_HARNESS_MAIN
