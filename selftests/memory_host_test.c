// SPDX-License-Identifier: GPL-2.0-only
/* The host does with a guest's memory what it does with any. */
#include "kselftest_harness.h"

#include <linux/userfaultfd.h>
#include <poll.h>
#include <sys/wait.h>

#include "guest_sweep.h"
#include "need_dune.h"

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif
#ifndef MADV_SOFT_OFFLINE
#define MADV_SOFT_OFFLINE 101
#endif

FIXTURE(host) {
	struct guest guest;
	uint64_t *data;
};

FIXTURE_SETUP(host)
{
	ASSERT_EQ(0, guest_with_memory(&self->guest, &self->data));
	/* small pages but where a test asks for others */
	madvise(self->data, LARGE, MADV_NOHUGEPAGE);
}

FIXTURE_TEARDOWN(host)
{
	guest_destroy(&self->guest);
}

#define CLEAR_REFS	"/proc/self/clear_refs"

TEST_F(host, a_write_makes_a_page_soft_dirty)
{
	EXPECT_WRITTEN(self->data, 1);
	EXPECT_WRITTEN(self->data + WORDS, 1);
	if (!(host_pagemap(self->data) & PAGEMAP_SOFT_DIRTY))
		SKIP(return, "this kernel does not track soft-dirty pages");
	ASSERT_TRUE(host_set(CLEAR_REFS, "4"));
	EXPECT_FALSE(host_pagemap(self->data) & PAGEMAP_SOFT_DIRTY);
	EXPECT_READ(1, self->data);
	EXPECT_FALSE(host_pagemap(self->data) & PAGEMAP_SOFT_DIRTY);
	EXPECT_WRITTEN(self->data, 2);
	EXPECT_TRUE(host_pagemap(self->data) & PAGEMAP_SOFT_DIRTY);
	EXPECT_FALSE(host_pagemap(self->data + WORDS) & PAGEMAP_SOFT_DIRTY);
}

TEST_F(host, writes_are_tracked_while_the_guest_writes)
{
	struct sweep sweep;
	int i, page;

	ASSERT_TRUE(sweep_start(&sweep, &self->guest, self->data, 16));
	for (i = 0; i < 20 && !sweep.control->stop; i++) {
		ASSERT_TRUE(host_set(CLEAR_REFS, "4"));
		sweep_go_on(&sweep);
		for (page = 0; page < 16; page++)
			EXPECT_TRUE(host_pagemap(self->data + page * WORDS) &
				    PAGEMAP_SOFT_DIRTY);
	}
	EXPECT_TRUE(sweep_stop(&sweep));
}

TEST_F(host, an_access_makes_a_page_referenced)
{
	int page;

	for (page = 0; page < 32; page++)
		EXPECT_WRITTEN(self->data + page * WORDS, page);
	/*
	 * The first does not tell a second user of the page table, no more than
	 * it empties the CPUs' own TLBs; the other one does.
	 */
	ASSERT_TRUE(host_set(CLEAR_REFS, "1"));
	ASSERT_TRUE(host_set(CLEAR_REFS, "4"));
	EXPECT_EQ(0, host_smaps(self->data, "Referenced"));
	EXPECT_READ(3, self->data + 3 * WORDS);
	/* one page, however many are mapped along with it */
	EXPECT_EQ(4, host_smaps(self->data, "Referenced"));
	EXPECT_READ(4, self->data + 4 * WORDS);
	EXPECT_WRITTEN(self->data + 5 * WORDS, 1);
	EXPECT_EQ(12, host_smaps(self->data, "Referenced"));
}

/* All of the 2 MiB become one page; some of it may be busy at first. */
static int collapse(void *memory)
{
	int tries, err = -1;

	for (tries = 0; err && tries < 100; tries++) {
		err = madvise(memory, LARGE, MADV_COLLAPSE);
		if (err && errno == EINVAL)
			break;
		if (err)
			usleep(1000);
	}
	return err;
}

TEST_F_TIMEOUT(host, large_pages_come_and_go_while_the_guest_writes, 120)
{
	struct dune_stats before = { 0 }, after = { 0 };
	const uint64_t used = LARGE / PAGE - 1;
	struct sweep sweep;
	int i, err = 0;

	ASSERT_EQ(0, ioctl(self->guest.vcpu, DUNE_GET_STATS, &before));
	ASSERT_TRUE(sweep_start(&sweep, &self->guest, self->data, used));
	madvise(self->data, LARGE, MADV_HUGEPAGE);
	for (i = 0; i < 10 && !sweep.control->stop; i++) {
		err = collapse(self->data);
		if (err)
			break;
		EXPECT_EQ(2048, host_smaps(self->data, "AnonHugePages"));
		sweep_go_on(&sweep);
		/* the last page is nobody's: the large one breaks up */
		EXPECT_EQ(0, madvise(self->data + used * WORDS, PAGE,
				     MADV_DONTNEED));
		EXPECT_EQ(0, host_smaps(self->data, "AnonHugePages"));
		sweep_go_on(&sweep);
	}
	EXPECT_TRUE(sweep_stop(&sweep));
	ASSERT_EQ(0, ioctl(self->guest.vcpu, DUNE_GET_STATS, &after));
	if (err && errno == EINVAL)
		SKIP(return, "this kernel has no MADV_COLLAPSE");
	EXPECT_EQ(0, err);
	EXPECT_LE(10, after.nested_faults[1] - before.nested_faults[1]);
}

TEST_F_TIMEOUT(host, forked_children_keep_their_copy, 120)
{
	struct sweep sweep;
	int i, status;
	pid_t pid;

	ASSERT_TRUE(sweep_start(&sweep, &self->guest, self->data, 64));
	for (i = 0; i < 5; i++) {
		atomic_ulong *data = (void *)self->data;
		int go[2];
		char byte;

		ASSERT_EQ(0, pipe(go));
		pid = fork();
		ASSERT_GE(pid, 0);
		if (!pid) {
			uint64_t seen[64], page;

			for (page = 0; page < 64; page++)
				seen[page] = data[page * WORDS];
			/* the guest goes on meanwhile */
			if (read(go[0], &byte, 1) != 1)
				_exit(2);
			for (page = 0; page < 64; page++)
				if (data[page * WORDS] != seen[page])
					_exit(1);
			_exit(0);
		}
		sweep_go_on(&sweep);
		EXPECT_EQ(1, write(go[1], "", 1));
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		EXPECT_EQ(0, status);
		close(go[0]);
		close(go[1]);
	}
	EXPECT_TRUE(sweep_stop(&sweep));
}

#define COMPACT		"/proc/sys/vm/compact_memory"
#define SPARSE		(64 * PAGE)
#define KEPT		256

/* One page here and one there: the host packs them. */
TEST_F_TIMEOUT(host, pages_move_while_the_guest_writes, 120)
{
	uint64_t frames[KEPT];
	char *area = guest_alloc(KEPT * SPARSE + LARGE);
	struct sweep sweep;
	int i, tries, moved = 0;

	if (access(COMPACT, W_OK))
		SKIP(return, "this kernel does not compact memory");
	ASSERT_NE(MAP_FAILED, (void *)area);
	madvise(area, KEPT * SPARSE + LARGE, MADV_NOHUGEPAGE);
	area = (char *)(((uint64_t)area + LARGE - 1) & ~(LARGE - 1));
	memset(area, 0, KEPT * SPARSE);
	for (i = 0; i < KEPT; i++) {
		if (i * SPARSE % LARGE == 0)
			guest_map(&self->guest, area + i * SPARSE);
		madvise(area + i * SPARSE + PAGE, SPARSE - PAGE, MADV_DONTNEED);
		frames[i] = host_pagemap(area + i * SPARSE) & PAGEMAP_FRAME;
	}
	ASSERT_TRUE(sweep_start_sparse(&sweep, &self->guest, area, KEPT,
				       SPARSE / sizeof(uint64_t)));
	/* others' pages may come first */
	for (tries = 0; !moved && tries < 10; tries++) {
		EXPECT_TRUE(host_set(COMPACT, "1"));
		sweep_go_on(&sweep);
		for (i = 0; i < KEPT; i++)
			moved += frames[i] != (host_pagemap(area + i * SPARSE) &
					       PAGEMAP_FRAME);
	}
	EXPECT_GT(moved, 0);
	EXPECT_TRUE(sweep_stop(&sweep));
}

TEST_F_TIMEOUT(host, pages_are_taken_out_of_use_under_the_guest, 120)
{
	uint64_t frame;
	int page;

	for (page = 0; page < 8; page++)
		EXPECT_WRITTEN(self->data + page * WORDS, page + 1);
	frame = host_pagemap(self->data) & PAGEMAP_FRAME;
	if (madvise(self->data, PAGE, MADV_SOFT_OFFLINE)) {
		ASSERT_EQ(EINVAL, errno);
		SKIP(return, "this kernel takes no pages out of use");
	}
	EXPECT_NE(frame, host_pagemap(self->data) & PAGEMAP_FRAME);
	for (page = 0; page < 8; page++)
		EXPECT_READ(page + 1, self->data + page * WORDS);
	EXPECT_WRITTEN(self->data, 9);
	EXPECT_EQ(9, self->data[0]);
}

#define KSM	"/sys/kernel/mm/ksm/"
#define SAME	16

static bool all_one_frame(const uint64_t *data)
{
	uint64_t frame = host_pagemap(data) & PAGEMAP_FRAME;
	int page;

	for (page = 1; page < SAME; page++)
		if ((host_pagemap(data + page * WORDS) & PAGEMAP_FRAME) !=
		    frame)
			return false;
	return true;
}

TEST_F_TIMEOUT(host, equal_pages_are_merged_and_part_again, 120)
{
	int page, tries;

	if (access(KSM "run", W_OK))
		SKIP(return, "this kernel merges no pages");
	for (page = 0; page < SAME; page++) {
		EXPECT_WRITTEN(self->data + page * WORDS, 0x5a5a);
		EXPECT_WRITTEN(self->data + page * WORDS + 1, 0xa5a5);
	}
	EXPECT_FALSE(all_one_frame(self->data));
	ASSERT_EQ(0, madvise(self->data, SAME * PAGE, MADV_MERGEABLE));
	host_set(KSM "sleep_millisecs", "1");
	host_set(KSM "pages_to_scan", "1000");
	ASSERT_TRUE(host_set(KSM "run", "1"));
	for (tries = 0; tries < 1000; tries++) {
		if (host_get(KSM "pages_sharing") >= SAME - 1 &&
		    all_one_frame(self->data))
			break;
		usleep(10000);
	}
	EXPECT_TRUE(all_one_frame(self->data));
	for (page = 0; page < SAME; page++)
		EXPECT_READ(0x5a5a, self->data + page * WORDS);
	/* still merged: the guest only read */
	EXPECT_TRUE(all_one_frame(self->data));
	host_set(KSM "run", "0");

	EXPECT_WRITTEN(self->data + 3 * WORDS, 3);
	EXPECT_NE(host_pagemap(self->data) & PAGEMAP_FRAME,
		  host_pagemap(self->data + 3 * WORDS) & PAGEMAP_FRAME);
	for (page = 0; page < SAME; page++) {
		EXPECT_EQ(page == 3 ? 3 : 0x5a5a, self->data[page * WORDS]);
		EXPECT_EQ(0xa5a5, self->data[page * WORDS + 1]);
	}
	/* and everything apart */
	EXPECT_TRUE(host_set(KSM "run", "2"));
	for (page = 0; page < SAME; page++)
		EXPECT_READ(page == 3 ? 3 : 0x5a5a, self->data + page * WORDS);
	EXPECT_TRUE(host_set(KSM "run", "0"));
}

/* An access that waits, because another one of the process decides about it. */
struct access {
	struct guest *guest;
	uint64_t *address;
	uint64_t value;
	uint32_t exit_reason;
	pthread_t thread;
};

static void *read_thread(void *data)
{
	struct access *access = data;

	access->exit_reason = guest_read(access->guest, access->address,
					 &access->value);
	return NULL;
}

static void *write_thread(void *data)
{
	struct access *access = data;

	access->exit_reason = guest_write(access->guest, access->address,
					  access->value);
	return NULL;
}

static int access_start(struct access *access, void *(*thread)(void *))
{
	return pthread_create(&access->thread, NULL, thread, access);
}

static bool next_message(int fd, struct uffd_msg *message)
{
	return read(fd, message, sizeof(*message)) == sizeof(*message);
}

/* Returns a descriptor that decides about 16 pages, or -1. */
static int userfault(void *memory, uint64_t features, uint64_t mode)
{
	struct uffdio_api api = { .api = UFFD_API, .features = features };
	struct uffdio_register range = {
		.range = { (uint64_t)memory, 16 * PAGE },
		.mode = mode,
	};
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC);

	if (fd < 0)
		return -1;
	if (ioctl(fd, UFFDIO_API, &api) ||
	    ioctl(fd, UFFDIO_REGISTER, &range)) {
		close(fd);
		return -1;
	}
	return fd;
}

TEST_F(host, another_thread_provides_missing_pages)
{
	struct access access = {
		.guest = &self->guest,
		.address = self->data + 2 * WORDS,
	};
	struct uffdio_copy copy = { .len = PAGE };
	uint64_t *source = guest_alloc(PAGE);
	struct uffd_msg message;
	int fd;

	fd = userfault(self->data, 0, UFFDIO_REGISTER_MODE_MISSING);
	if (fd < 0)
		SKIP(return, "this kernel has no userfaultfd");
	ASSERT_EQ(0, access_start(&access, read_thread));
	ASSERT_TRUE(next_message(fd, &message));
	EXPECT_EQ(UFFD_EVENT_PAGEFAULT, message.event);
	EXPECT_EQ((uint64_t)access.address, message.arg.pagefault.address);
	EXPECT_EQ(0, message.arg.pagefault.flags);
	source[0] = 51;
	copy.dst = (uint64_t)access.address;
	copy.src = (uint64_t)source;
	EXPECT_EQ(0, ioctl(fd, UFFDIO_COPY, &copy));
	pthread_join(access.thread, NULL);
	EXPECT_EQ(DUNE_EXIT_SYSCALL, access.exit_reason);
	EXPECT_EQ(51, access.value);

	access.address += WORDS;
	access.value = 52;
	ASSERT_EQ(0, access_start(&access, write_thread));
	ASSERT_TRUE(next_message(fd, &message));
	EXPECT_EQ(UFFD_PAGEFAULT_FLAG_WRITE, message.arg.pagefault.flags);
	copy.dst += PAGE;
	EXPECT_EQ(0, ioctl(fd, UFFDIO_COPY, &copy));
	pthread_join(access.thread, NULL);
	EXPECT_EQ(DUNE_EXIT_SYSCALL, access.exit_reason);
	EXPECT_EQ(52, self->data[3 * WORDS]);
	close(fd);
}

TEST_F(host, another_thread_lets_a_write_through)
{
	struct access access = {
		.guest = &self->guest,
		.address = self->data,
		.value = 62,
	};
	struct uffdio_writeprotect protect = {
		.range = { (uint64_t)self->data, PAGE },
		.mode = UFFDIO_WRITEPROTECT_MODE_WP,
	};
	struct uffd_msg message;
	int fd;

	EXPECT_WRITTEN(self->data, 61);
	fd = userfault(self->data, UFFD_FEATURE_PAGEFAULT_FLAG_WP,
		       UFFDIO_REGISTER_MODE_WP);
	if (fd < 0)
		SKIP(return, "this kernel has no userfaultfd for writing");
	ASSERT_EQ(0, ioctl(fd, UFFDIO_WRITEPROTECT, &protect));
	EXPECT_READ(61, self->data);
	ASSERT_EQ(0, access_start(&access, write_thread));
	ASSERT_TRUE(next_message(fd, &message));
	EXPECT_TRUE(message.arg.pagefault.flags & UFFD_PAGEFAULT_FLAG_WP);
	EXPECT_EQ(61, self->data[0]);
	protect.mode = 0;
	EXPECT_EQ(0, ioctl(fd, UFFDIO_WRITEPROTECT, &protect));
	pthread_join(access.thread, NULL);
	EXPECT_EQ(DUNE_EXIT_SYSCALL, access.exit_reason);
	EXPECT_EQ(62, self->data[0]);
	close(fd);
}

TEST_F(host, a_guest_that_waits_for_a_page_can_be_killed)
{
	int ready[2], status;
	char byte;
	pid_t pid;

	ASSERT_EQ(0, pipe(ready));
	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid) {
		struct access access = { 0 };
		struct pollfd event = { .events = POLLIN };
		struct guest guest;

		if (guest_create(&guest))
			_exit(1);
		guest_map(&guest, self->data);
		event.fd = userfault(self->data, 0,
				     UFFDIO_REGISTER_MODE_MISSING);
		if (event.fd < 0)
			_exit(2);
		access.guest = &guest;
		access.address = self->data;
		if (access_start(&access, read_thread))
			_exit(1);
		poll(&event, 1, -1);
		if (write(ready[1], "", 1) == 1)
			pause();
		_exit(1);
	}
	close(ready[1]);
	if (read(ready[0], &byte, 1) == 1) {
		ASSERT_EQ(0, kill(pid, SIGKILL));
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		EXPECT_TRUE(WIFSIGNALED(status));
		EXPECT_EQ(SIGKILL, WTERMSIG(status));
		return;
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_EQ(2, WEXITSTATUS(status));
	SKIP(return, "this kernel has no userfaultfd");
}

TEST_HARNESS_MAIN
