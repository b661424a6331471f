// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The guest's first page table: the process's addresses as they are, by the
 * largest pages, each gibibyte mapped when it is first used.
 *
 * What is behind an address the nested page table decides, so an ordinary
 * mmap() or munmap() changes nothing here.
 */
#include "internal.h"

#include <cpuid.h>
#include <errno.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#define PTE_PRESENT	(1ULL << 0)
#define PTE_WRITE	(1ULL << 1)
#define PTE_LARGE	(1ULL << 7)

#define ENTRIES		512
#define WINDOW_SIZE	(1ULL << DUNE_WINDOW_SHIFT)
#define WINDOW_MASK	(WINDOW_SIZE - 1)
#define LARGE_SIZE	(2ULL << 20)

/* Tables that the address space of one process can ever need here. */
#define ARENA_TABLES	4096

static struct {
	uint64_t (*tables)[ENTRIES];
	uint64_t physical;	/* of tables[0]: they are within one window */
	unsigned int used;
	int vcpu;
	bool gigabyte_pages;
	int lock;
} map;

static void lock(void)
{
	while (__atomic_exchange_n(&map.lock, 1, __ATOMIC_ACQUIRE))
		__builtin_ia32_pause();
}

static void unlock(void)
{
	__atomic_store_n(&map.lock, 0, __ATOMIC_RELEASE);
}

/* Works on both sides: in the guest the call goes through the host. */
static int get_window(uint64_t address, uint64_t *physical)
{
	struct dune_window window = { .address = address };
	long ret = dune_raw_syscall(SYS_ioctl, map.vcpu, DUNE_GET_WINDOW,
				    (long)&window, 0, 0, 0);

	*physical = window.guest_physical;
	return ret;
}

static uint64_t *new_table(uint64_t *entry)
{
	uint64_t *table;

	if (map.used == ARENA_TABLES)
		return NULL;
	table = map.tables[map.used];
	*entry = (map.physical + map.used * sizeof(map.tables[0])) |
		 PTE_PRESENT | PTE_WRITE;
	map.used++;
	return table;
}

static uint64_t *table_of(uint64_t *entry)
{
	if (!*entry)
		return new_table(entry);
	return map.tables[((*entry & ~0xfffULL) - map.physical) /
			  sizeof(map.tables[0])];
}

static int map_window(uint64_t *entry, uint64_t physical)
{
	uint64_t *table;
	int i;

	if (map.gigabyte_pages) {
		*entry = physical | PTE_PRESENT | PTE_WRITE | PTE_LARGE;
		return 0;
	}
	table = new_table(entry);
	if (!table)
		return -ENOMEM;
	for (i = 0; i < ENTRIES; i++)
		table[i] = (physical + i * LARGE_SIZE) |
			   PTE_PRESENT | PTE_WRITE | PTE_LARGE;
	return 0;
}

static int map_locked(uint64_t address)
{
	uint64_t *table = map.tables[0];
	uint64_t *entry, physical;
	int err;

	table = table_of(&table[address >> 39 & (ENTRIES - 1)]);
	if (!table)
		return -ENOMEM;
	entry = &table[address >> DUNE_WINDOW_SHIFT & (ENTRIES - 1)];
	if (*entry)
		return -EEXIST;
	err = get_window(address & ~WINDOW_MASK, &physical);
	return err ?: map_window(entry, physical);
}

/*
 * Makes the gibibyte of an address visible to the guest. -EEXIST: it was
 * already.
 */
int dune_map_address(uint64_t address)
{
	int err;

	if (address >> 47)
		return -EFAULT;
	lock();
	err = map_locked(address);
	unlock();
	return err;
}

/* All gibibytes of a range, some of which may be there already. */
int dune_map_range(uint64_t start, uint64_t end)
{
	uint64_t address;

	for (address = start & ~WINDOW_MASK; address < end;
	     address += WINDOW_SIZE) {
		int err = dune_map_address(address);

		if (err && err != -EEXIST)
			return err;
	}
	return 0;
}

/* The tables themselves: the guest writes them when it maps. */
int dune_map_tables(void)
{
	return dune_map_range((uint64_t)map.tables,
			      (uint64_t)(map.tables + ARENA_TABLES));
}

uint64_t dune_map_root(void)
{
	return map.physical;
}

static bool has_gigabyte_pages(void)
{
	unsigned int eax, ebx, ecx, edx;

	return __get_cpuid(0x80000001, &eax, &ebx, &ecx, &edx) &&
	       edx & 1U << 26;
}

/* The whole arena in one window, so that a table's place tells its address. */
static int make_arena(void)
{
	size_t size = ARENA_TABLES * sizeof(map.tables[0]);
	char *area = mmap(NULL, 2 * size, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	uint64_t start = (uint64_t)area, window;
	int err;

	if (area == MAP_FAILED)
		return -errno;
	/* and not at its beginning: that could be a root at zero, like none */
	if ((start ^ (start + size - 1)) & ~WINDOW_MASK || !(start & WINDOW_MASK))
		start = ((start + size) & ~WINDOW_MASK) + sizeof(map.tables[0]);
	err = get_window(start, &window);
	map.tables = (void *)start;
	map.physical = window + (start & WINDOW_MASK);
	map.used = 1;
	return err;
}

int dune_map_init(int vcpu)
{
	map.vcpu = vcpu;
	map.gigabyte_pages = has_gigabyte_pages();
	return make_arena();
}
