// SPDX-License-Identifier: GPL-2.0-only
/* What the guest sees is what the process has, with no more rights. */
#include "kselftest_harness.h"

#include <cpuid.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "guest_memory.h"
#include "need_dune.h"

/* As far as a process can have memory. */
#define USER_ADDRESS_BITS	47
#define USER_ADDRESS_END	(1UL << USER_ADDRESS_BITS)

FIXTURE(memory) {
	struct guest guest;
	uint64_t *data;
};

FIXTURE_SETUP(memory)
{
	ASSERT_EQ(0, guest_with_memory(&self->guest, &self->data));
}

FIXTURE_TEARDOWN(memory)
{
	guest_destroy(&self->guest);
}

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

/* So it is outside, on this architecture. */
TEST_F(memory, what_can_be_written_can_be_read)
{
	ASSERT_EQ(0, mprotect(self->data, PAGE, PROT_WRITE));
	EXPECT_READ(0, self->data);
	EXPECT_WRITTEN(self->data, 5);
	EXPECT_READ(5, self->data);
}

TEST_F(memory, what_can_be_executed_only_is_executed)
{
	struct guest *guest = &self->guest;
	int file = memfd_create("code", MFD_CLOEXEC);
	uint8_t code[16] = "\xb8\x07\x00\x00\x00";	/* mov $7, %eax */

	memcpy(code + 5, guest->info.hypercall, guest->info.hypercall_len);
	ASSERT_EQ(sizeof(code), write(file, code, sizeof(code)));
	/* nobody has looked at it where it is mapped now */
	ASSERT_EQ(self->data, mmap(self->data, PAGE, PROT_EXEC,
				   MAP_PRIVATE | MAP_FIXED, file, 0));
	close(file);
	guest->run->regs.rip = (uint64_t)self->data;
	ASSERT_EQ(0, guest_run(guest));
	EXPECT_EQ(DUNE_EXIT_SYSCALL, guest->run->exit_reason);
	EXPECT_EQ(7, guest->run->regs.rax);
}

/* The kernel's page for clocks, a PFN map: to be read, by nobody to be written. */
TEST_F(memory, the_kernel_s_clock_page_cannot_be_written)
{
	unsigned long start = 0;
	uint64_t value;
	char line[256];
	FILE *maps = fopen("/proc/self/maps", "re");

	ASSERT_NE(NULL, maps);
	while (fgets(line, sizeof(line), maps))
		if (strstr(line, "[vvar]"))
			sscanf(line, "%lx", &start);
	fclose(maps);
	ASSERT_NE(0, start);
	guest_map(&self->guest, (void *)start);
	EXPECT_EQ(DUNE_EXIT_SYSCALL,
		  guest_read(&self->guest, (void *)(start + 0x80), &value));
	EXPECT_EQ(DUNE_EXIT_SHUTDOWN,
		  guest_write(&self->guest, (void *)(start + 0x80), 0));
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

TEST_F(memory, freed_memory_is_kept_once_it_is_written)
{
	size_t page;

	for (page = 0; page < 16; page++)
		EXPECT_WRITTEN(self->data + page * WORDS, page + 1);
	if (madvise(self->data, 16 * PAGE, MADV_FREE))
		SKIP(return, "this kernel has no MADV_FREE");
	/* the host must see this, or it would drop the page */
	EXPECT_WRITTEN(self->data, 99);
	madvise(self->data, 16 * PAGE, MADV_PAGEOUT);
	EXPECT_EQ(99, self->data[0]);
	EXPECT_READ(99, self->data);
	for (page = 1; page < 16; page++) {
		uint64_t value = self->data[page * WORDS];

		EXPECT_TRUE(value == 0 || value == page + 1);
		EXPECT_READ(value, self->data + page * WORDS);
	}
}

TEST_F(memory, locked_memory_is_used_as_any)
{
	EXPECT_WRITTEN(self->data, 12);
	ASSERT_EQ(0, mlock(self->data, 16 * PAGE));
	EXPECT_READ(12, self->data);
	EXPECT_EQ(64, host_smaps(self->data, "Locked"));
	EXPECT_WRITTEN(self->data + WORDS, 13);
	ASSERT_EQ(0, munlock(self->data, 16 * PAGE));
	EXPECT_EQ(13, self->data[WORDS]);
	EXPECT_READ(13, self->data + WORDS);
}

/* A stack whose lowest page is the only one, with room below it. */
static char *stack_alloc(size_t room)
{
	char *area = mmap(NULL, room, PROT_NONE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	munmap(area, room);
	return mmap(area + room - PAGE, PAGE, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN | MAP_FIXED,
		    -1, 0);
}

TEST_F(memory, a_stack_grows_under_the_guest)
{
	struct guest *guest = &self->guest;
	char *stack = stack_alloc(64 * LARGE);
	struct rlimit limit = { LARGE, LARGE };
	int page;

	ASSERT_NE(MAP_FAILED, (void *)stack);
	ASSERT_EQ(0, setrlimit(RLIMIT_STACK, &limit));
	guest_map(guest, stack);
	guest_map(guest, stack - 64 * PAGE);
	guest_map(guest, stack - LARGE / 2);
	guest_map(guest, stack - 2 * LARGE);
	for (page = 0; page < 64; page++) {
		ASSERT_EQ(DUNE_EXIT_SYSCALL,
			  guest_write(guest, stack - page * PAGE, page));
	}
	for (page = 0; page < 64; page++)
		EXPECT_EQ((uint64_t)page,
			  *(uint64_t *)(stack - page * PAGE));
	/* as by the process itself, in one large step too */
	EXPECT_WRITTEN(stack - LARGE / 2, 64);
	EXPECT_EQ(64, *(uint64_t *)(stack - LARGE / 2));
	/* beyond the limit it does not, and only the guest ends */
	EXPECT_EQ(DUNE_EXIT_SHUTDOWN,
		  guest_write(guest, stack - 2 * LARGE, 1));
	EXPECT_EQ(63, *(uint64_t *)(stack - 63 * PAGE));
}

TEST_F(memory, the_program_break_moves)
{
	char *first = sbrk(0), *inside;
	uint64_t value;

	inside = (char *)(((uint64_t)first + LARGE) & -PAGE);
	guest_map(&self->guest, inside);
	ASSERT_EQ(first, sbrk(2 * LARGE));
	EXPECT_WRITTEN(inside, 21);
	EXPECT_EQ(21, *(uint64_t *)inside);
	ASSERT_NE((void *)-1, sbrk(-2 * LARGE));
	ASSERT_NE((void *)-1, sbrk(2 * LARGE));
	EXPECT_READ(0, inside);
	ASSERT_NE((void *)-1, sbrk(-2 * LARGE));
	EXPECT_EQ(DUNE_EXIT_SHUTDOWN,
		  guest_read(&self->guest, inside, &value));
}

#define HUGE_PAGES "/proc/sys/vm/nr_hugepages"

TEST_F(memory, huge_pages_are_mapped_whole)
{
	struct guest *guest = &self->guest;
	struct dune_stats before = { 0 }, after = { 0 };
	uint64_t *huge;

	if (host_get(HUGE_PAGES) < 0)
		SKIP(return, "this kernel has no hugetlbfs");
	ASSERT_TRUE(host_set(HUGE_PAGES, "1"));
	ASSERT_EQ(1, host_get(HUGE_PAGES));
	/* two pages of address space, one in the pool */
	huge = mmap(NULL, 2 * LARGE, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | MAP_NORESERVE,
		    -1, 0);
	ASSERT_NE(MAP_FAILED, (void *)huge);
	guest_map(guest, huge);
	guest_map(guest, (char *)huge + LARGE);

	ASSERT_EQ(0, ioctl(guest->vcpu, DUNE_GET_STATS, &before));
	EXPECT_WRITTEN(huge, 31);
	EXPECT_WRITTEN(huge + LARGE / 8 - 1, 32);
	ASSERT_EQ(0, ioctl(guest->vcpu, DUNE_GET_STATS, &after));
	EXPECT_EQ(1, after.nested_faults[1] - before.nested_faults[1]);
	EXPECT_EQ(31, huge[0]);
	EXPECT_EQ(32, huge[LARGE / 8 - 1]);
	EXPECT_EQ(2048, host_smaps(huge, "Private_Hugetlb"));

	/* no page for this one: SIGBUS outside, the end of the guest here */
	EXPECT_EQ(DUNE_EXIT_SHUTDOWN,
		  guest_write(guest, (char *)huge + LARGE, 1));
	EXPECT_EQ(31, huge[0]);
	munmap(huge, 2 * LARGE);
	EXPECT_TRUE(host_set(HUGE_PAGES, "0"));
}

#define GIGANTIC	(1UL << 30)
#define GIGANTIC_PAGES	\
	"/sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages"

static bool cpu_has_gigantic_pages(void)
{
	unsigned int eax, ebx, ecx, edx;

	return __get_cpuid(0x80000001, &eax, &ebx, &ecx, &edx) &&
	       edx & 1 << 26;
}

TEST_F_TIMEOUT(memory, gigantic_pages_are_mapped_whole, 300)
{
	struct guest *guest = &self->guest;
	struct dune_stats before = { 0 }, after = { 0 };
	int level = guest->info.nested_page_sizes & GIGANTIC ? 2 : 1;
	long reserved = host_get(GIGANTIC_PAGES);
	uint64_t *gigantic, *end;

	if (!cpu_has_gigantic_pages())
		SKIP(return, "this CPU has no pages of 1 GiB");
	if (reserved < 0)
		SKIP(return, "this kernel has no hugetlbfs");
	/* unless done at boot it needs luck: memory in one piece */
	if (!reserved)
		host_set(GIGANTIC_PAGES, "1");
	if (!host_get(GIGANTIC_PAGES))
		SKIP(return, "this machine has no 1 GiB in one piece");
	gigantic = mmap(NULL, GIGANTIC, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB |
			30 << MAP_HUGE_SHIFT, -1, 0);
	ASSERT_NE(MAP_FAILED, (void *)gigantic);
	end = gigantic + GIGANTIC / 8;
	guest_map(guest, gigantic);
	guest_map(guest, end - 1);

	ASSERT_EQ(0, ioctl(guest->vcpu, DUNE_GET_STATS, &before));
	EXPECT_WRITTEN(gigantic, 31);
	EXPECT_WRITTEN(end - 1, 32);
	ASSERT_EQ(0, ioctl(guest->vcpu, DUNE_GET_STATS, &after));
	/* where the nested page table has none, two parts of it */
	EXPECT_EQ(3ULL - level,
		  after.nested_faults[level] - before.nested_faults[level]);
	EXPECT_EQ(31, gigantic[0]);
	EXPECT_EQ(32, end[-1]);
	EXPECT_EQ(1048576, host_smaps(gigantic, "Private_Hugetlb"));

	/* it is taken away as a whole too */
	ASSERT_EQ(0, mprotect(gigantic, GIGANTIC, PROT_READ));
	EXPECT_READ(31, gigantic);
	EXPECT_EQ(DUNE_EXIT_SHUTDOWN, guest_write(guest, end - 1, 1));
	EXPECT_EQ(32, end[-1]);
	munmap(gigantic, GIGANTIC);
	if (!reserved)
		EXPECT_TRUE(host_set(GIGANTIC_PAGES, "0"));
}

/* Where guest-physical memory is wide enough, windows are not used. */
TEST_F(memory, windows_are_the_identity_where_they_can_be)
{
	struct guest *guest = &self->guest;
	struct dune_window window = { 0 };

	if (guest->info.guest_phys_bits < USER_ADDRESS_BITS)
		SKIP(return, "this CPU needs windows");
	for (window.address = 0; window.address < USER_ADDRESS_END;
	     window.address += USER_ADDRESS_END / 64) {
		ASSERT_EQ(0, ioctl(guest->vcpu, DUNE_GET_WINDOW, &window));
		EXPECT_EQ(window.address, window.guest_physical);
	}
	EXPECT_EQ(-1, ioctl(guest->vcpu, DUNE_GET_WINDOW, &window));
	EXPECT_EQ(EINVAL, errno);
}

TEST_F_TIMEOUT(memory, windows_are_used_up_and_then_no_more, 300)
{
	struct guest *guest = &self->guest;
	uint32_t bits = guest->info.guest_phys_bits;
	struct dune_window window = { 0 };
	uint64_t first = guest_physical(guest, self->data), size, windows;
	int err = 0;

	if (bits >= USER_ADDRESS_BITS)
		SKIP(return, "this CPU needs no windows");
	size = 1UL << DUNE_WINDOW_SHIFT;
	for (windows = 0; windows <= 1UL << (bits - DUNE_WINDOW_SHIFT);
	     windows++, window.address += size) {
		err = ioctl(guest->vcpu, DUNE_GET_WINDOW, &window);
		if (err)
			break;
		ASSERT_EQ(0, window.guest_physical & (size - 1));
		ASSERT_EQ(0, window.guest_physical >> bits);
	}
	EXPECT_EQ(-1, err);
	EXPECT_EQ(ENOSPC, errno);
	/* those that the guest had before are at the other end of memory */
	EXPECT_LT(windows, 1UL << (bits - DUNE_WINDOW_SHIFT));
	EXPECT_GE(windows, (1UL << (bits - DUNE_WINDOW_SHIFT)) - 4);
	window.address = USER_ADDRESS_END;
	EXPECT_EQ(-1, ioctl(guest->vcpu, DUNE_GET_WINDOW, &window));
	EXPECT_EQ(EINVAL, errno);

	/* what was handed out stays, and works */
	EXPECT_EQ(first, guest_physical(guest, self->data));
	EXPECT_WRITTEN(self->data, 41);
	EXPECT_EQ(41, self->data[0]);
}

TEST_HARNESS_MAIN
