// SPDX-License-Identifier: GPL-2.0-only
/* What the guest sees is what the process has, with no more rights. */
#include "kselftest_harness.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "guest.h"

#define PAGE	4096UL
#define LARGE	(2UL << 20)

FIXTURE(memory) {
	struct guest guest;
	uint64_t *data;
};

FIXTURE_SETUP(memory)
{
	int err = guest_create(&self->guest);

	if (err == -ENOENT)
		SKIP(return, "no /dev/dune: dune.ko is not loaded");
	ASSERT_EQ(0, err);
	self->data = guest_alloc(2 * LARGE);
	ASSERT_NE(MAP_FAILED, (void *)self->data);
	/* aligned, so that one mapping of the guest covers it */
	self->data = (void *)(((uint64_t)self->data + LARGE - 1) & ~(LARGE - 1));
	guest_map(&self->guest, self->data);
}

FIXTURE_TEARDOWN(memory)
{
	guest_destroy(&self->guest);
}

/* Both return the exit's reason. */
static uint32_t guest_read(struct guest *guest, const void *address,
			   uint64_t *value)
{
	guest_reset_code(guest);
	guest_emit(guest, "\x48\x8b\x07", 3);		/* mov (%rdi), %rax */
	guest_emit_hypercall(guest);
	guest->run->regs.rdi = (uint64_t)address;
	if (guest_run(guest))
		return 0;
	*value = guest->run->regs.rax;
	return guest->run->exit_reason;
}

static uint32_t guest_write(struct guest *guest, void *address, uint64_t value)
{
	guest_reset_code(guest);
	guest_emit(guest, "\x48\x89\x07", 3);		/* mov %rax, (%rdi) */
	guest_emit_hypercall(guest);
	guest->run->regs.rdi = (uint64_t)address;
	guest->run->regs.rax = value;
	return guest_run(guest) ? 0 : guest->run->exit_reason;
}

#define EXPECT_READ(expected, address) do {				\
	uint64_t value_ = 0;						\
	EXPECT_EQ(DUNE_EXIT_SYSCALL,					\
		  guest_read(&self->guest, address, &value_));		\
	EXPECT_EQ(expected, value_);					\
} while (0)

TEST_F(memory, both_sides_see_one_memory)
{
	self->data[0] = 11;
	EXPECT_READ(11, &self->data[0]);
	EXPECT_EQ(DUNE_EXIT_SYSCALL,
		  guest_write(&self->guest, &self->data[1], 22));
	EXPECT_EQ(22, self->data[1]);
	self->data[0] = 33;
	EXPECT_READ(33, &self->data[0]);
}

TEST_F(memory, first_touch_by_the_guest)
{
	size_t page;

	for (page = 0; page < LARGE / PAGE; page++) {
		uint64_t *word = &self->data[page * PAGE / 8];

		ASSERT_EQ(DUNE_EXIT_SYSCALL,
			  guest_write(&self->guest, word, page));
	}
	for (page = 0; page < LARGE / PAGE; page++)
		EXPECT_EQ(page, self->data[page * PAGE / 8]);
}

TEST_F(memory, dontneed_gives_zeroes)
{
	EXPECT_EQ(DUNE_EXIT_SYSCALL,
		  guest_write(&self->guest, self->data, 44));
	ASSERT_EQ(0, madvise(self->data, PAGE, MADV_DONTNEED));
	EXPECT_READ(0, self->data);
}

TEST_F(memory, a_large_page_is_split_under_the_guest)
{
	if (madvise(self->data, LARGE, MADV_HUGEPAGE))
		SKIP(return, "this kernel has no transparent huge pages");
	EXPECT_EQ(DUNE_EXIT_SYSCALL,
		  guest_write(&self->guest, self->data, 1));
	EXPECT_EQ(DUNE_EXIT_SYSCALL,
		  guest_write(&self->guest, self->data + LARGE / 16, 2));
	ASSERT_EQ(0, madvise(self->data, PAGE, MADV_DONTNEED));
	EXPECT_READ(0, self->data);
	EXPECT_READ(2, self->data + LARGE / 16);
	EXPECT_EQ(DUNE_EXIT_SYSCALL,
		  guest_write(&self->guest, self->data, 3));
	EXPECT_EQ(3, self->data[0]);
}

TEST_F(memory, unmapped_memory_is_gone)
{
	uint64_t value;

	EXPECT_EQ(DUNE_EXIT_SYSCALL,
		  guest_write(&self->guest, self->data, 1));
	ASSERT_EQ(0, munmap(self->data, PAGE));
	EXPECT_EQ(DUNE_EXIT_SHUTDOWN,
		  guest_read(&self->guest, self->data, &value));
}

TEST_F(memory, never_mapped_memory_ends_the_guest_only)
{
	uint64_t value;

	guest_map(&self->guest, (void *)0x10000000000);
	EXPECT_EQ(DUNE_EXIT_SHUTDOWN,
		  guest_read(&self->guest, (void *)0x10000000000, &value));
}

TEST_F(memory, read_only_memory_cannot_be_written)
{
	EXPECT_EQ(DUNE_EXIT_SYSCALL,
		  guest_write(&self->guest, self->data, 55));
	ASSERT_EQ(0, mprotect(self->data, PAGE, PROT_READ));
	EXPECT_READ(55, self->data);
	EXPECT_EQ(DUNE_EXIT_SHUTDOWN,
		  guest_write(&self->guest, self->data, 66));
	EXPECT_EQ(55, self->data[0]);
}

TEST_F(memory, inaccessible_memory_cannot_be_read)
{
	uint64_t value;

	EXPECT_EQ(DUNE_EXIT_SYSCALL,
		  guest_write(&self->guest, self->data, 55));
	ASSERT_EQ(0, mprotect(self->data, PAGE, PROT_NONE));
	EXPECT_EQ(DUNE_EXIT_SHUTDOWN,
		  guest_read(&self->guest, self->data, &value));
	ASSERT_EQ(0, mprotect(self->data, PAGE, PROT_READ));
}

TEST_F(memory, data_cannot_be_executed)
{
	struct guest *guest = &self->guest;

	guest_reset_code(guest);
	guest_emit_hypercall(guest);
	memcpy(self->data, guest->code, 16);
	guest->run->regs.rip = (uint64_t)self->data;
	ASSERT_EQ(0, guest_run(guest));
	EXPECT_EQ(DUNE_EXIT_SHUTDOWN, guest->run->exit_reason);
}

TEST_F(memory, a_private_file_page_stays_private)
{
	char name[] = "/tmp/dune-memory-XXXXXX";
	int fd = mkstemp(name);
	uint64_t on_disk = 0;
	void *mapped;

	ASSERT_GE(fd, 0);
	unlink(name);
	ASSERT_EQ(0, ftruncate(fd, PAGE));
	ASSERT_EQ(8, pwrite(fd, "abcdefgh", 8, 0));
	mapped = mmap(self->data, PAGE, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_FIXED, fd, 0);
	ASSERT_EQ((void *)self->data, mapped);
	EXPECT_READ(0x6867666564636261, self->data);
	EXPECT_EQ(DUNE_EXIT_SYSCALL,
		  guest_write(&self->guest, self->data, 77));
	EXPECT_EQ(77, self->data[0]);
	ASSERT_EQ(8, pread(fd, &on_disk, 8, 0));
	EXPECT_EQ(0x6867666564636261, on_disk);
	close(fd);
}

TEST_F(memory, a_shared_file_page_is_written_and_truncated)
{
	char name[] = "/tmp/dune-memory-XXXXXX";
	int fd = mkstemp(name);
	uint64_t value = 0;
	void *mapped;

	ASSERT_GE(fd, 0);
	unlink(name);
	ASSERT_EQ(0, ftruncate(fd, PAGE));
	mapped = mmap(self->data, PAGE, PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_FIXED, fd, 0);
	ASSERT_EQ((void *)self->data, mapped);
	EXPECT_EQ(DUNE_EXIT_SYSCALL,
		  guest_write(&self->guest, self->data, 88));
	ASSERT_EQ(8, pread(fd, &value, 8, 0));
	EXPECT_EQ(88, value);
	ASSERT_EQ(0, ftruncate(fd, 0));
	EXPECT_EQ(DUNE_EXIT_SHUTDOWN,
		  guest_read(&self->guest, self->data, &value));
	close(fd);
}

TEST_F(memory, after_fork_the_child_keeps_what_it_had)
{
	int go[2], status;
	char byte;
	pid_t pid;

	EXPECT_EQ(DUNE_EXIT_SYSCALL,
		  guest_write(&self->guest, self->data, 1));
	ASSERT_EQ(0, pipe(go));
	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid) {
		read(go[0], &byte, 1);
		_exit(self->data[0] == 1 ? 0 : 1);
	}
	EXPECT_EQ(DUNE_EXIT_SYSCALL,
		  guest_write(&self->guest, self->data, 2));
	EXPECT_EQ(2, self->data[0]);
	ASSERT_EQ(1, write(go[1], "", 1));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
}

TEST_F(memory, another_process_reads_and_writes_it)
{
	struct iovec local, remote;
	uint64_t value = 0;
	int status;
	pid_t pid;

	EXPECT_EQ(DUNE_EXIT_SYSCALL,
		  guest_write(&self->guest, self->data, 5));
	local = (struct iovec){ &value, 8 };
	remote = (struct iovec){ self->data, 8 };
	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid) {
		pid_t parent = getppid();

		if (process_vm_readv(parent, &local, 1, &remote, 1, 0) != 8 ||
		    value != 5)
			_exit(1);
		value = 6;
		if (process_vm_writev(parent, &local, 1, &remote, 1, 0) != 8)
			_exit(2);
		_exit(0);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_READ(6, self->data);
}

TEST_F(memory, moved_memory_moves)
{
	void *target = (char *)self->data + LARGE / 2;
	uint64_t value;

	EXPECT_EQ(DUNE_EXIT_SYSCALL,
		  guest_write(&self->guest, self->data, 9));
	ASSERT_EQ(target, mremap(self->data, PAGE, PAGE,
				 MREMAP_MAYMOVE | MREMAP_FIXED, target));
	EXPECT_READ(9, target);
	EXPECT_EQ(DUNE_EXIT_SHUTDOWN,
		  guest_read(&self->guest, self->data, &value));
}

TEST_HARNESS_MAIN
