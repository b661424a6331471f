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

/* Gibibytes that it can have. */
#define WINDOWS		(1U << (47 - DUNE_WINDOW_SHIFT))

static struct {
	uint64_t (*tables)[ENTRIES];
	uint64_t physical;	/* of tables[0]: they are within one window */
	unsigned int used;
	bool gigabyte_pages;
	int lock;
	/* in the order in which they were asked for: a child needs the same */
	uint32_t *windows;
	unsigned int window_count;
	uint64_t generation;	/* counts gibibytes that are there by now */
} map;

/* While a child is made. */
void dune_map_lock(void)
{
	dune_lock(&map.lock);
}

void dune_map_unlock(void)
{
	dune_unlock(&map.lock);
}

static int ask_window(int vcpu, uint64_t address, uint64_t *physical)
{
	struct dune_window window = { .address = address };
	long ret = CALL3(SYS_ioctl, vcpu, DUNE_GET_WINDOW, &window);

	*physical = window.guest_physical;
	return ret;
}

static int get_window(int vcpu, uint64_t address, uint64_t *physical)
{
	int err = ask_window(vcpu, address, physical);

	if (!err && map.window_count < WINDOWS)
		map.windows[map.window_count++] = address >> DUNE_WINDOW_SHIFT;
	return err;
}

/* In a child: where windows are handed out in order, the same ones. */
int dune_map_again(int vcpu)
{
	uint64_t physical;
	unsigned int i;
	int err = 0;

	for (i = 0; i < map.window_count && !err; i++)
		err = ask_window(vcpu, (uint64_t)map.windows[i] <<
				 DUNE_WINDOW_SHIFT, &physical);
	return err;
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

static int map_locked(int vcpu, uint64_t address)
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
	err = get_window(vcpu, address & ~WINDOW_MASK, &physical);
	return err ?: map_window(entry, physical);
}

/*
 * Makes the gibibyte of an address visible to the guest. -EEXIST: it was
 * already.
 */
int dune_map_address(int vcpu, uint64_t address)
{
	int err;

	if (address >> 47)
		return -EFAULT;
	dune_lock(&map.lock);
	err = map_locked(vcpu, address);
	if (!err)
		__atomic_add_fetch(&map.generation, 1, __ATOMIC_RELEASE);
	dune_unlock(&map.lock);
	return err;
}

/*
 * For a fault at an address that the guest did not see. Returns whether it is
 * to try again: it sees the gibibyte now; or any, perhaps this, was made
 * visible for another thread since the last fault.
 */
bool dune_map_fault(struct dune_thread *thread, uint64_t address)
{
	uint64_t seen = thread->map_generation;
	int err = dune_map_address(thread->vcpu, address);

	thread->map_generation = __atomic_load_n(&map.generation,
						 __ATOMIC_ACQUIRE);
	return !err || thread->map_generation != seen;
}

/* All gibibytes of a range, some of which may be there already. */
int dune_map_range(int vcpu, uint64_t start, uint64_t end)
{
	uint64_t address;

	for (address = start & ~WINDOW_MASK; address < end;
	     address += WINDOW_SIZE) {
		int err = dune_map_address(vcpu, address);

		if (err && err != -EEXIST)
			return err;
	}
	return 0;
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
static int make_arena(int vcpu)
{
	size_t list = WINDOWS * sizeof(*map.windows);
	size_t size = ARENA_TABLES * sizeof(map.tables[0]);
	char *area = mmap(NULL, 2 * size + list, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	uint64_t start = (uint64_t)area, window;
	int err;

	if (area == MAP_FAILED)
		return -errno;
	/* and not at its beginning: that could be a root at zero, like none */
	if ((start ^ (start + size - 1)) & ~WINDOW_MASK || !(start & WINDOW_MASK))
		start = ((start + size) & ~WINDOW_MASK) + sizeof(map.tables[0]);
	map.windows = (uint32_t *)(area + 2 * size);
	err = get_window(vcpu, start, &window);
	map.tables = (void *)start;
	map.physical = window + (start & WINDOW_MASK);
	map.used = 1;
	return err;
}

int dune_map_init(int vcpu)
{
	map.gigabyte_pages = has_gigabyte_pages();
	return make_arena(vcpu);
}
