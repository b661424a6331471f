// SPDX-License-Identifier: GPL-2.0-only
/* A page table of the process's own: rights, sizes, marks, flushing. */
#include "kselftest_harness.h"

#include "need_dune.h"
#include "ring0.h"

#define VECTOR_GP	13
#define VECTOR_PF	14

#define PF_PRESENT	1
#define PF_WRITE	2
#define PF_USER		4
#define PF_FETCH	16
#define PF_KEY		32

#define AREA_LARGE	(AREA + (1UL << 30))
#define AREA_HUGE	(AREA + (2UL << 30))
#define HUGE		(1UL << 30)

/* In CR3, with PCID: keep what is cached. */
#define CR3_KEEP	(1UL << 63)

FIXTURE(paging) {
	uint8_t *memory;	/* of the process: code at the start */
};

/* Everything that is tried ends with this interrupt, if nothing else ends it. */
#define STOP "int $0x80"

CODE(read_byte, "mov 64(%rdi), %al;" STOP);
CODE(write_byte, "movb $7, 64(%rdi);" STOP);
CODE(fetch, "jmp *%rdi");
CODE(stop, STOP);
CODE(read_by_leave, ".byte 0x0f, 0x01, 0xcb; mov 64(%rdi), %al;"
	".byte 0x0f, 0x01, 0xca;" STOP);

FIXTURE_SETUP(paging)
{
	ASSERT_EQ(0, ring0_enter());
	self->memory = mmap(NULL, 2 * LARGE, PROT_READ | PROT_WRITE | PROT_EXEC,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, (void *)self->memory);
	self->memory = (void *)(((uint64_t)self->memory + LARGE - 1) & -LARGE);
	memcpy(self->memory, stop, stop_end - stop);
}

FIXTURE_TEARDOWN(paging)
{
}

/* Reads and writes that the compiler leaves where they are. */
static uint8_t look(uint64_t address)
{
	uint8_t value;

	asm volatile("movb (%1), %0" : "=q" (value) : "r" (address) : "memory");
	return value;
}

static void put(uint64_t address, uint8_t value)
{
	asm volatile("movb %0, (%1)" : : "q" (value), "r" (address) : "memory");
}

#define ALLOWED		(-1)

static const struct access {
	const char *code, *end;
	uint64_t error;
} accesses[] = {
	{ read_byte, read_byte_end, 0 },
	{ write_byte, write_byte_end, PF_WRITE },
	{ fetch, fetch_end, PF_FETCH },
};

/* Returns the error code of the page fault, or that there was none. */
static int64_t outcome(void)
{
	if (ring0_trap.vector == VECTOR_USER)
		return ALLOWED;
	return ring0_trap.vector == VECTOR_PF ? (int64_t)ring0_trap.error_code :
						-2 - (int64_t)ring0_trap.vector;
}

static int64_t in_ring(int ring, const struct access *access, uint64_t address)
{
	struct ring0_frame frame;

	if (ring) {
		frame = ring3_frame(access->code, access->end, address);
		ring0_run(ring0_iret, &frame);
	} else {
		ring0_run(access->code, (void *)address);
	}
	return outcome();
}

static int64_t expected(int ring, const struct access *access, uint64_t flags,
			bool protect)
{
	uint64_t error = access->error | (ring ? PF_USER : 0);

	if (!(flags & PTE_PRESENT))
		return error;
	if ((ring && !(flags & PTE_USER)) ||
	    (access->error == PF_WRITE && !(flags & PTE_WRITE) &&
	     (ring || protect)) ||
	    (access->error == PF_FETCH && (flags & PTE_NX)))
		return error | PF_PRESENT;
	return ALLOWED;
}

/* One access, and what else is known of it should it end wrongly. */
static void try_access(struct __test_metadata *_metadata, int ring,
		       size_t access, uint64_t address, uint64_t flags,
		       bool protect)
{
	EXPECT_EQ(expected(ring, &accesses[access], flags, protect),
		  in_ring(ring, &accesses[access], address))
		TH_LOG("flags %#lx, ring %d, access %zu: vector %lu at %#lx, cs %#lx, cr2 %#lx",
		       flags, ring, access, ring0_trap.vector, ring0_trap.rip,
		       ring0_trap.cs, ring0_trap.cr2);
}

/* With all rights of an entry: both rings, all accesses. */
static void try_rights(struct __test_metadata *_metadata, uint64_t *entry,
		       uint64_t address, uint64_t frame, bool protect)
{
	uint64_t flags, i;
	size_t access;
	int ring;

	for (i = 0; i < 16; i++) {
		flags = (i & 7) | (i & 8 ? PTE_NX : 0);
		*entry = frame | flags;
		flush_page(address);
		for (ring = 0; ring <= 3; ring += 3)
			for (access = 0; access < ARRAY_SIZE(accesses); access++)
				try_access(_metadata, ring, access, address,
					   flags, protect);
	}
}

TEST_F(paging, other_threads_can_be_told)
{
	EXPECT_EQ(0, dune_flush_tlb(self->memory, LARGE));
	EXPECT_EQ(0, dune_flush_tlb(NULL, 0));
	EXPECT_EQ(-EINVAL, dune_flush_tlb(self->memory, -LARGE * 2));
}

TEST_F(paging, rights_of_small_pages)
{
	uint64_t *entry = ring0_map(AREA_FREE, self->memory, 0);

	try_rights(_metadata, entry, AREA_FREE, *entry, true);
}

TEST_F(paging, rights_of_large_pages)
{
	uint64_t *entry = ring0_entry(ring0_root, AREA_LARGE, 2);

	try_rights(_metadata, entry, AREA_LARGE,
		   ring0_physical(self->memory) | PTE_LARGE, true);
}

/* A table has rights too; the least of all count. */
TEST_F(paging, rights_of_tables)
{
	uint64_t *above;

	ring0_map(AREA_LARGE, self->memory, PTE_PRESENT | PTE_WRITE | PTE_USER);
	above = ring0_entry(ring0_root, AREA_LARGE, 2);
	try_rights(_metadata, above, AREA_LARGE, *above & PTE_ADDRESS, true);
}

TEST_F(paging, without_cr0_wp_ring_0_writes_what_is_read_only)
{
	uint64_t *entry = ring0_map(AREA_FREE, self->memory, 0);

	write_cr0(read_cr0() & ~CR0_WP);
	try_rights(_metadata, entry, AREA_FREE, *entry, false);
	write_cr0(read_cr0() | CR0_WP);
	try_rights(_metadata, entry, AREA_FREE, ring0_physical(self->memory),
		   true);
}

TEST_F(paging, smep_keeps_ring_0_from_code_of_ring_3)
{
	if (!can_set_cr4(CR4_SMEP))
		SKIP(return, "no SMEP");
	ring0_map(AREA_FREE, self->memory, PTE_PRESENT | PTE_USER);
	EXPECT_EQ(PF_PRESENT | PF_FETCH, in_ring(0, &accesses[2], AREA_FREE));
	EXPECT_EQ(ALLOWED, in_ring(0, &accesses[0], AREA_FREE));
	EXPECT_EQ(ALLOWED, in_ring(3, &accesses[2], AREA_FREE));
	write_cr4(read_cr4() & ~CR4_SMEP);
	EXPECT_EQ(ALLOWED, in_ring(0, &accesses[2], AREA_FREE));
}

TEST_F(paging, smap_keeps_ring_0_from_data_of_ring_3)
{
	if (!can_set_cr4(CR4_SMAP))
		SKIP(return, "no SMAP");
	ring0_map(AREA_FREE, self->memory, PTE_PRESENT | PTE_WRITE | PTE_USER);
	EXPECT_EQ(PF_PRESENT, in_ring(0, &accesses[0], AREA_FREE));
	EXPECT_EQ(PF_PRESENT | PF_WRITE, in_ring(0, &accesses[1], AREA_FREE));
	/* between STAC and CLAC it may */
	ring0_run(read_by_leave, (void *)AREA_FREE);
	EXPECT_EQ(ALLOWED, outcome());
	EXPECT_EQ(ALLOWED, in_ring(3, &accesses[1], AREA_FREE));
	write_cr4(read_cr4() & ~CR4_SMAP);
	EXPECT_EQ(ALLOWED, in_ring(0, &accesses[1], AREA_FREE));
}

#define MARKS (PTE_ACCESSED | PTE_DIRTY)

static void try_marks(struct __test_metadata *_metadata, uint64_t *entry,
		      uint64_t address)
{
	EXPECT_EQ(0, *entry & MARKS);
	EXPECT_EQ(ALLOWED, in_ring(0, &accesses[0], address));
	EXPECT_EQ(PTE_ACCESSED, *entry & MARKS);
	EXPECT_EQ(ALLOWED, in_ring(0, &accesses[1], address));
	EXPECT_EQ(MARKS, *entry & MARKS);
	/* and anew, once they are cleared */
	*entry &= ~MARKS;
	flush_page(address);
	EXPECT_EQ(ALLOWED, in_ring(0, &accesses[1], address));
	EXPECT_EQ(MARKS, *entry & MARKS);
	/* a write that is refused is none */
	*entry &= ~(MARKS | PTE_WRITE);
	flush_page(address);
	EXPECT_EQ(PF_PRESENT | PF_WRITE, in_ring(0, &accesses[1], address));
	EXPECT_EQ(0, *entry & PTE_DIRTY);
}

TEST_F(paging, accessed_and_dirty_are_marked)
{
	uint64_t *entry = ring0_map(AREA_FREE, self->memory,
				    PTE_PRESENT | PTE_WRITE);
	uint64_t *above = ring0_entry(ring0_root, AREA_FREE, 2);

	*above &= ~PTE_ACCESSED;
	flush_page(AREA_FREE);
	try_marks(_metadata, entry, AREA_FREE);
	EXPECT_EQ(PTE_ACCESSED, *above & PTE_ACCESSED);
}

TEST_F(paging, accessed_and_dirty_are_marked_in_large_pages)
{
	uint64_t *entry = ring0_entry(ring0_root, AREA_LARGE, 2);

	*entry = ring0_physical(self->memory) | PTE_PRESENT | PTE_WRITE |
		 PTE_LARGE;
	try_marks(_metadata, entry, AREA_LARGE);
}

TEST_F(paging, a_page_of_a_gibibyte)
{
	uint64_t *entry = ring0_entry(ring0_root, AREA_HUGE, 3);
	uint64_t physical = ring0_physical(self->memory);

	if (!has_cpuid(0x80000001, 'd', 26))
		SKIP(return, "no pages of 1 GiB");
	*entry = (physical & -HUGE) | PTE_PRESENT | PTE_WRITE | PTE_LARGE;
	try_marks(_metadata, entry, AREA_HUGE + (physical & (HUGE - 1)));
}

TEST_F(paging, large_pages_map_what_they_should)
{
	uint64_t *entry = ring0_entry(ring0_root, AREA_LARGE, 2);
	size_t i;

	*entry = ring0_physical(self->memory) | PTE_PRESENT | PTE_WRITE |
		 PTE_LARGE;
	for (i = 0; i < LARGE; i += 1001)
		self->memory[i] = i / 1001;
	for (i = 0; i < LARGE; i += 1001)
		if (look(AREA_LARGE + i) != (uint8_t)(i / 1001))
			break;
	EXPECT_GE(i, LARGE);
	put(AREA_LARGE + LARGE - 1, 123);
	EXPECT_EQ(123, self->memory[LARGE - 1]);
}

/* What the host does to memory it does under each address of it. */
TEST_F(paging, an_alias_follows_the_process)
{
	self->memory[100] = 1;
	ring0_map(AREA_FREE, self->memory, PTE_PRESENT | PTE_WRITE);
	EXPECT_EQ(1, look(AREA_FREE + 100));
	ASSERT_EQ(0, madvise(self->memory, PAGE, MADV_DONTNEED));
	EXPECT_EQ(0, look(AREA_FREE + 100));
	put(AREA_FREE + 100, 2);
	EXPECT_EQ(2, self->memory[100]);
	ASSERT_EQ(0, mprotect(self->memory, PAGE, PROT_NONE));
	EXPECT_EQ(0, in_ring(0, &accesses[0], AREA_FREE));
	ASSERT_EQ(0, mprotect(self->memory, PAGE, PROT_READ | PROT_WRITE));
	EXPECT_EQ(2, look(AREA_FREE + 100));
}

/* Makes a second root, which has another page at the address. */
static uint64_t *other_root(uint64_t address, const void *memory)
{
	uint64_t *root = ring0_new_table();

	memcpy(root, ring0_root, PAGE);
	root[AREA >> 39 & 511] = 0;
	*ring0_entry(root, address, 1) = ring0_physical(memory) | PTE_PRESENT;
	return root;
}

TEST_F(paging, a_second_page_table)
{
	uint64_t old = read_cr3(), other;
	uint8_t seen[4];

	self->memory[0] = 1;
	self->memory[PAGE] = 2;
	ring0_map(AREA_FREE, self->memory, PTE_PRESENT);
	other = ring0_physical(other_root(AREA_FREE, self->memory + PAGE));
	seen[0] = look(AREA_FREE);
	write_cr3(other);
	seen[1] = look(AREA_FREE);
	EXPECT_EQ(other, read_cr3());
	/* through the kernel and back */
	usleep(1000);
	EXPECT_EQ(other, read_cr3());
	seen[2] = look(AREA_FREE);
	write_cr3(old);
	seen[3] = look(AREA_FREE);
	EXPECT_EQ(1, seen[0]);
	EXPECT_EQ(2, seen[1]);
	EXPECT_EQ(2, seen[2]);
	EXPECT_EQ(1, seen[3]);
}

TEST_F(paging, changes_show_after_a_flush)
{
	uint64_t *entry, cr4 = read_cr4();
	int i;

	self->memory[0] = 0;
	self->memory[PAGE] = 1;
	entry = ring0_map(AREA_FREE, self->memory, PTE_PRESENT);
	for (i = 1; i < 5; i++) {
		*entry = ring0_physical(self->memory + i % 2 * PAGE) |
			 PTE_PRESENT;
		flush_page(AREA_FREE);
		EXPECT_EQ(i % 2, look(AREA_FREE));
	}
	for (i = 1; i < 5; i++) {
		*entry = ring0_physical(self->memory + i % 2 * PAGE) |
			 PTE_PRESENT;
		write_cr3(read_cr3());
		EXPECT_EQ(i % 2, look(AREA_FREE));
	}
	/* global pages outlive that, not this */
	write_cr4(cr4 | CR4_PGE);
	for (i = 1; i < 5; i++) {
		*entry = ring0_physical(self->memory + i % 2 * PAGE) |
			 PTE_PRESENT | PTE_GLOBAL;
		write_cr4(cr4);
		write_cr4(cr4 | CR4_PGE);
		EXPECT_EQ(i % 2, look(AREA_FREE));
	}
	write_cr4(cr4);
}

CODE(do_invpcid, "invpcid (%rdi), %rsi");
CODE(invpcid_type_4, "mov $4, %esi; invpcid (%rdi), %rsi");
CODE(load_cr3, "mov %rdi, %cr3");

static void flush_by(uint64_t type, uint64_t pcid, uint64_t address)
{
	const uint64_t operand[2] = { pcid, address };

	asm volatile("invpcid %0, %1" : : "m" (operand), "r" (type) : "memory");
}

TEST_F(paging, invpcid)
{
	const uint64_t operand[2] = { 0 };
	uint64_t *entry;
	int type;

	if (!has_cpuid(7, 'b', 10)) {
		EXPECT_RUN_TRAPS(6, 0, do_invpcid, operand);
		SKIP(return, "no INVPCID");
	}
	self->memory[0] = 0;
	self->memory[PAGE] = 1;
	entry = ring0_map(AREA_FREE, self->memory + PAGE, PTE_PRESENT);
	for (type = 0; type < 4; type++) {
		EXPECT_EQ(1 - type % 2, look(AREA_FREE));
		*entry = ring0_physical(self->memory + type % 2 * PAGE) |
			 PTE_PRESENT;
		flush_by(type, 0, AREA_FREE);
		EXPECT_EQ(type % 2, look(AREA_FREE));
	}
	EXPECT_EQ(1, ring0_run(invpcid_type_4, operand));
	EXPECT_TRAP(VECTOR_GP, 0, invpcid_type_4, 5);
}

TEST_F(paging, pcid)
{
	uint64_t one, two, *table, seen[5];

	if (!can_set_cr4(CR4_PCIDE))
		SKIP(return, "no PCID");
	write_cr4(read_cr4() & ~CR4_PCIDE);
	EXPECT_RUN_TRAPS(VECTOR_GP, 0, load_cr3, read_cr3() | CR3_KEEP);
	write_cr4(read_cr4() | CR4_PCIDE);
	memset(self->memory, 1, PAGE);
	memset(self->memory + PAGE, 2, PAGE);
	memset(self->memory + 2 * PAGE, 3, PAGE);
	ring0_map(AREA_FREE, self->memory, PTE_PRESENT);
	table = other_root(AREA_FREE, self->memory + PAGE);
	one = read_cr3() | 1;
	two = ring0_physical(table) | 2;

	write_cr3(one);
	seen[0] = look(AREA_FREE);
	write_cr3(two);
	seen[1] = look(AREA_FREE);
	EXPECT_EQ(two, read_cr3());
	write_cr3(one | CR3_KEEP);
	seen[2] = look(AREA_FREE);
	EXPECT_EQ(one, read_cr3());
	/* through the kernel, which has tags of its own */
	usleep(1000);
	write_cr3(two | CR3_KEEP);
	seen[3] = look(AREA_FREE);
	/* what is changed from outside must be flushed by its number */
	write_cr3(one | CR3_KEEP);
	*ring0_entry(table, AREA_FREE, 1) =
		ring0_physical(self->memory + 2 * PAGE) | PTE_PRESENT;
	if (has_cpuid(7, 'b', 10))
		flush_by(1, 2, 0);
	else
		write_cr3(two);
	write_cr3(two | CR3_KEEP);
	seen[4] = look(AREA_FREE);
	write_cr3(one & ~0xfffUL);
	write_cr4(read_cr4() & ~CR4_PCIDE);

	EXPECT_EQ(1, seen[0]);
	EXPECT_EQ(2, seen[1]);
	EXPECT_EQ(1, seen[2]);
	EXPECT_EQ(2, seen[3]);
	EXPECT_EQ(3, seen[4]);
}

static void write_pkru(uint32_t value)
{
	asm volatile(".byte 0x0f, 0x01, 0xef" : : "a" (value), "c" (0), "d" (0)
		     : "memory");
}

TEST_F(paging, protection_keys)
{
	const uint64_t key = 5UL << 59;

	if (!has_cpuid(7, 'c', 3) || !can_set_cr4(CR4_PKE))
		SKIP(return, "no protection keys");
	ring0_map(AREA_FREE, self->memory,
		  PTE_PRESENT | PTE_WRITE | PTE_USER | key);
	write_pkru(0);
	EXPECT_EQ(ALLOWED, in_ring(3, &accesses[1], AREA_FREE));
	/* no write */
	write_pkru(2U << 10);
	EXPECT_EQ(ALLOWED, in_ring(3, &accesses[0], AREA_FREE));
	EXPECT_EQ(PF_PRESENT | PF_USER | PF_WRITE | PF_KEY,
		  in_ring(3, &accesses[1], AREA_FREE));
	/* no access */
	write_pkru(1U << 10);
	EXPECT_EQ(PF_PRESENT | PF_USER | PF_KEY,
		  in_ring(3, &accesses[0], AREA_FREE));
	EXPECT_EQ(PF_PRESENT | PF_KEY, in_ring(0, &accesses[0], AREA_FREE));
	EXPECT_EQ(ALLOWED, in_ring(3, &accesses[2], AREA_FREE));
	/* another key's */
	write_pkru(3U << 12);
	EXPECT_EQ(ALLOWED, in_ring(3, &accesses[1], AREA_FREE));
	write_pkru(0x55555554);
}

/*
 * The CPU marks accesses in a table that the process shares with a file until
 * it writes: marking is writing.
 */
TEST_F(paging, a_table_may_have_to_be_copied_first)
{
	uint64_t *above = ring0_entry(ring0_root, AREA_LARGE, 2);
	int fd = memfd_create("table", MFD_CLOEXEC);
	uint64_t entry, *table;

	ASSERT_EQ(0, ftruncate(fd, PAGE));
	entry = ring0_physical(self->memory) | PTE_PRESENT;
	ASSERT_EQ(8, pwrite(fd, &entry, 8, 0));
	table = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	ASSERT_NE(MAP_FAILED, (void *)table);
	EXPECT_EQ(entry, table[0]);
	*above = ring0_physical(table) | PTE_PRESENT | PTE_WRITE;
	EXPECT_EQ(ALLOWED, in_ring(0, &accesses[0], AREA_LARGE));
	EXPECT_EQ(entry | PTE_ACCESSED, table[0]);
	EXPECT_EQ(8, pread(fd, &entry, 8, 0));
	EXPECT_EQ(0, entry & PTE_ACCESSED);
}

/* What the guest wants of caches, the host has decided. */
TEST_F(paging, memory_types_are_harmless)
{
	uint64_t i;

	self->memory[0] = 9;
	for (i = 0; i < 8; i++) {
		ring0_map(AREA_FREE, self->memory, PTE_PRESENT | PTE_WRITE |
			  (i & 3) << 3 | (i & 4) << 5);
		EXPECT_EQ(9, look(AREA_FREE));
	}
}

/* Guest-physical memory that is nowhere in the process. */
TEST_F(paging, a_page_that_is_nowhere_faults)
{
	struct dune_info info;
	uint64_t *entry = ring0_map(AREA_FREE, self->memory, 0);

	ASSERT_EQ(0, dune_query_info(&info));
	*entry = ((1UL << info.guest_phys_bits) - PAGE) | PTE_PRESENT |
		 PTE_WRITE;
	flush_page(AREA_FREE);
	EXPECT_EQ(0, in_ring(0, &accesses[0], AREA_FREE));
	EXPECT_EQ(PF_WRITE, in_ring(0, &accesses[1], AREA_FREE));
}

TEST_HARNESS_MAIN
