// SPDX-License-Identifier: GPL-2.0-only
/* The kernel reads and writes a guest's memory on behalf of somebody. */
#include "kselftest_harness.h"

#include <linux/aio_abi.h>
#include <linux/futex.h>
#include <linux/io_uring.h>
#include <poll.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "guest_sweep.h"
#include "need_dune.h"

FIXTURE(io) {
	struct guest guest;
	uint64_t *data;
	int pipe[2];
};

FIXTURE_SETUP(io)
{
	ASSERT_EQ(0, guest_with_memory(&self->guest, &self->data));
	madvise(self->data, LARGE, MADV_NOHUGEPAGE);
	ASSERT_EQ(0, pipe(self->pipe));
}

FIXTURE_TEARDOWN(io)
{
	guest_destroy(&self->guest);
}

TEST_F(io, read_and_write)
{
	uint64_t sent[2] = { 1, 2 }, got[2] = { 0 };
	int round;

	for (round = 0; round < 3; round++) {
		sent[0] += 10;
		ASSERT_EQ(16, write(self->pipe[1], sent, 16));
		ASSERT_EQ(16, read(self->pipe[0], self->data, 16));
		EXPECT_READ(sent[0], self->data);
		EXPECT_READ(sent[1], self->data + 1);
		EXPECT_WRITTEN(self->data + 1, 100 + round);
		ASSERT_EQ(16, write(self->pipe[1], self->data, 16));
		ASSERT_EQ(16, read(self->pipe[0], got, 16));
		EXPECT_EQ(sent[0], got[0]);
		EXPECT_EQ((uint64_t)(100 + round), got[1]);
	}
}

/* The pipe holds the page, not what was in it. */
TEST_F(io, a_page_in_a_pipe_is_the_guest_s)
{
	struct iovec page = { self->data, PAGE };
	uint64_t got[WORDS];

	EXPECT_WRITTEN(self->data, 1);
	ASSERT_EQ((ssize_t)PAGE, vmsplice(self->pipe[1], &page, 1, 0));
	EXPECT_WRITTEN(self->data, 2);
	ASSERT_EQ((ssize_t)PAGE, read(self->pipe[0], got, PAGE));
	EXPECT_EQ(2, got[0]);
	EXPECT_READ(2, self->data);
}

/* In a child: opens the parent's memory, which writes to any page. */
static int patch_parent(uint64_t *data)
{
	char path[32];
	uint64_t value = 0;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/mem", getppid());
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return 1;
	if (pread(fd, &value, 8, (off_t)data) != 8 || value != 5)
		return 2;
	value = 6;
	if (pwrite(fd, &value, 8, (off_t)data) != 8)
		return 3;
	value = 7;
	if (pwrite(fd, &value, 8, (off_t)(data + WORDS)) != 8)
		return 4;
	return 0;
}

TEST_F(io, another_process_opens_the_memory)
{
	int status;
	pid_t pid;

	EXPECT_WRITTEN(self->data, 5);
	EXPECT_WRITTEN(self->data + WORDS, 5);
	ASSERT_EQ(0, mprotect(self->data + WORDS, PAGE, PROT_READ));
	EXPECT_READ(5, self->data + WORDS);
	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid)
		_exit(patch_parent(self->data));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_READ(6, self->data);
	/* a breakpoint in a page that the process itself cannot write */
	EXPECT_READ(7, self->data + WORDS);
	EXPECT_EQ(DUNE_EXIT_SHUTDOWN,
		  guest_write(&self->guest, self->data + WORDS, 8));
	EXPECT_EQ(7, self->data[WORDS]);
}

static long futex(void *word, int op, uint32_t value, void *word2,
		  uint32_t value3)
{
	return syscall(SYS_futex, word, op, value, 0, word2, value3);
}

static GUEST_FUNCTION uint64_t wait_and_answer(void *memory, uint64_t a,
					       uint64_t b)
{
	atomic_uint *words = memory;

	while (words[0] != 1)
		;
	words[1] = 1;
	return 0;
}

static void *answer_thread(void *data)
{
	struct sweep *sweep = data;
	uint32_t *words = (uint32_t *)sweep->memory;

	sweep->exit_reason = guest_call(sweep->guest, wait_and_answer, words,
					0, 0);
	futex(words + 1, FUTEX_WAKE, 1, NULL, 0);
	return NULL;
}

TEST_F(io, a_futex_is_the_word_that_the_guest_writes)
{
	struct sweep sweep = {
		.guest = &self->guest,
		.memory = (void *)self->data,
	};
	uint32_t *words = (uint32_t *)self->data;

	/* it looks at the word as it is now */
	EXPECT_WRITTEN(self->data, 0);
	EXPECT_EQ(0, words[0]);
	ASSERT_EQ(0, pthread_create(&sweep.thread, NULL, answer_thread,
				    &sweep));
	/* the kernel changes one, the guest sees it and changes the other */
	futex(words, FUTEX_WAKE_OP, 0, words,
	      FUTEX_OP(FUTEX_OP_SET, 1, FUTEX_OP_CMP_EQ, 0));
	while (futex(words + 1, FUTEX_WAIT, 0, NULL, 0)) {
		if (errno == EAGAIN)
			break;
		ASSERT_EQ(EINTR, errno);
	}
	pthread_join(sweep.thread, NULL);
	EXPECT_EQ(DUNE_EXIT_SYSCALL, sweep.exit_reason);
	EXPECT_EQ(1, words[1]);
	EXPECT_EQ(-1, futex(words + 1, FUTEX_WAIT, 0, NULL, 0));
	EXPECT_EQ(EAGAIN, errno);
}

TEST_F(io, asynchronous_io)
{
	struct iocb iocb = {
		.aio_lio_opcode = IOCB_CMD_PREAD,
		.aio_buf = (uint64_t)self->data,
		.aio_nbytes = PAGE,
	}, *list = &iocb;
	char name[] = "/tmp/dune-memory-XXXXXX";
	aio_context_t context = 0;
	struct io_event event;
	uint64_t value = 81;
	int fd = mkstemp(name);

	ASSERT_GE(fd, 0);
	unlink(name);
	if (syscall(SYS_io_setup, 4, &context))
		SKIP(return, "this kernel has no AIO");
	ASSERT_EQ(0, ftruncate(fd, PAGE));
	ASSERT_EQ(8, pwrite(fd, &value, 8, 8));
	EXPECT_WRITTEN(self->data, 80);
	iocb.aio_fildes = fd;
	ASSERT_EQ(1, syscall(SYS_io_submit, context, 1, &list));
	ASSERT_EQ(1, syscall(SYS_io_getevents, context, 1, 1, &event, NULL));
	EXPECT_EQ((int64_t)PAGE, event.res);
	EXPECT_READ(0, self->data);
	EXPECT_READ(81, self->data + 1);

	EXPECT_WRITTEN(self->data, 82);
	iocb.aio_lio_opcode = IOCB_CMD_PWRITE;
	ASSERT_EQ(1, syscall(SYS_io_submit, context, 1, &list));
	ASSERT_EQ(1, syscall(SYS_io_getevents, context, 1, 1, &event, NULL));
	EXPECT_EQ((int64_t)PAGE, event.res);
	ASSERT_EQ(8, pread(fd, &value, 8, 0));
	EXPECT_EQ(82, value);
	syscall(SYS_io_destroy, context);
	close(fd);
}

/* A ring with one request under way at a time. */
struct ring {
	struct io_uring_params params;
	int fd;
	char *queues;
	struct io_uring_sqe *entries;
};

static bool ring_create(struct ring *ring)
{
	struct io_uring_params *params = &ring->params;

	memset(ring, 0, sizeof(*ring));
	ring->fd = syscall(SYS_io_uring_setup, 1, params);
	if (ring->fd < 0 || !(params->features & IORING_FEAT_SINGLE_MMAP))
		return false;
	ring->queues = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED,
			    ring->fd, IORING_OFF_SQ_RING);
	ring->entries = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED,
			     ring->fd, IORING_OFF_SQES);
	return ring->queues != MAP_FAILED &&
	       (void *)ring->entries != MAP_FAILED;
}

static int ring_submit(struct ring *ring, uint8_t opcode, int fd, void *buffer)
{
	uint32_t *tail = (void *)(ring->queues + ring->params.sq_off.tail);
	uint32_t *array = (void *)(ring->queues + ring->params.sq_off.array);

	ring->entries[0] = (struct io_uring_sqe){
		.opcode = opcode,
		.fd = fd,
		.addr = (uint64_t)buffer,
		.len = PAGE,
		.off = -1,
	};
	array[0] = 0;
	__atomic_store_n(tail, *tail + 1, __ATOMIC_RELEASE);
	return syscall(SYS_io_uring_enter, ring->fd, 1, 0, 0, NULL, 0);
}

static int ring_result(struct ring *ring)
{
	uint32_t *head = (void *)(ring->queues + ring->params.cq_off.head);
	uint32_t *mask = (void *)(ring->queues + ring->params.cq_off.ring_mask);
	struct io_uring_cqe *done =
		(void *)(ring->queues + ring->params.cq_off.cqes);
	int result;

	if (syscall(SYS_io_uring_enter, ring->fd, 0, 1, IORING_ENTER_GETEVENTS,
		    NULL, 0) < 0)
		return -errno;
	result = done[*head & *mask].res;
	__atomic_store_n(head, *head + 1, __ATOMIC_RELEASE);
	return result;
}

TEST_F(io, a_ring_of_requests)
{
	struct iovec registered = { self->data, 4 * PAGE };
	uint64_t page[WORDS] = { 91 };
	struct ring ring;
	int round;

	if (!ring_create(&ring))
		SKIP(return, "this kernel has no io_uring");
	for (round = 0; round < 2; round++) {
		uint8_t opcode = round ? IORING_OP_READ_FIXED : IORING_OP_READ;
		uint64_t *data = self->data + round * WORDS;

		/* from the second on the kernel holds the pages */
		if (round) {
			ASSERT_EQ(0, syscall(SYS_io_uring_register, ring.fd,
					     IORING_REGISTER_BUFFERS,
					     &registered, 1));
		}
		ASSERT_EQ(1, ring_submit(&ring, opcode, self->pipe[0], data));
		/* it waits for data while the guest uses the page */
		EXPECT_WRITTEN(data, 90);
		EXPECT_EQ(90, data[0]);
		ASSERT_EQ((ssize_t)PAGE, write(self->pipe[1], page, PAGE));
		EXPECT_EQ((int)PAGE, ring_result(&ring));
		EXPECT_READ(91, data);
	}
	/* the other way round, out of the page that is held */
	EXPECT_WRITTEN(self->data + 2 * WORDS, 92);
	ASSERT_EQ(1, ring_submit(&ring, IORING_OP_WRITE_FIXED, self->pipe[1],
				 self->data + 2 * WORDS));
	EXPECT_EQ((int)PAGE, ring_result(&ring));
	ASSERT_EQ((ssize_t)PAGE, read(self->pipe[0], page, PAGE));
	EXPECT_EQ(92, page[0]);
	close(ring.fd);
}

TEST_HARNESS_MAIN
