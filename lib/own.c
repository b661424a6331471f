// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Memory of libdune's own: tables, stacks, pages. All of it is in one entry of
 * the highest level of a page table (512 GiB of addresses), which all roots
 * share; so what is added is in every root at once.
 *
 * The page with what that entry leads to is the second of this range. Where the
 * CPU has no pages of 1 GiB, each gibibyte begins with the table that maps it.
 */
#include "internal.h"
#include "table.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/syscall.h>

/* Far from where the kernel and sanitizers put things. */
#define FIRST_SLOT	151
#define LAST_SLOT	100

/* How often something may be in the way. */
#define ATTEMPTS	64

/* Until it is chosen: where no address is. */
uint64_t dune_own_start = 1ULL << 63;

/* What is below is in use, or was. */
static uint64_t next;

void dune_own_range(struct dune_range *range)
{
	range->start = dune_own_start;
	range->end = dune_own_start + (next ? DUNE_OWN_SIZE : 0);
}

static long map_at(uint64_t address, uint64_t size, int prot)
{
	return dune_syscall(SYS_mmap, address, size, prot, MAP_PRIVATE |
			    MAP_ANONYMOUS | MAP_NORESERVE |
			    MAP_FIXED_NOREPLACE, -1, 0);
}

/* Addresses that nothing uses, as far as the limits let us see. */
static bool is_free(uint64_t slot)
{
	long area = map_at(slot, DUNE_OWN_SIZE, PROT_NONE);

	if (area > 0)
		CALL2(SYS_munmap, area, DUNE_OWN_SIZE);
	return area != -EEXIST;
}

/**
 * dune_own_init() - choose where it is
 *
 * Return: 0; -ENOMEM.
 */
int dune_own_init(void)
{
	uint64_t slot;

	for (slot = FIRST_SLOT; slot >= LAST_SLOT; slot--) {
		uint64_t start = slot * DUNE_OWN_SIZE;

		if (!is_free(start) ||
		    map_at(start, 2 * PAGE_SIZE, PROT_READ | PROT_WRITE) < 0)
			continue;
		dune_own_start = start;
		next = start + 2 * PAGE_SIZE;
		return 0;
	}
	return -ENOMEM;
}

/* The tables that every gibibyte begins with. */
static bool begin_gibibytes(uint64_t from, uint64_t to)
{
	uint64_t start;

	for (start = (from & ~WINDOW_MASK) + WINDOW_SIZE; start < to;
	     start += WINDOW_SIZE)
		if (map_at(start, PAGE_SIZE, PROT_READ | PROT_WRITE) < 0)
			return false;
	return true;
}

static uint64_t place_for(uint64_t size, uint64_t align)
{
	uint64_t start = (next + align - 1) & ~(align - 1);

	/* not over the beginning of a gibibyte */
	if (start / WINDOW_SIZE != (start + size - 1) / WINDOW_SIZE ||
	    !(start & WINDOW_MASK)) {
		start = (start + WINDOW_SIZE - 1) & ~WINDOW_MASK;
		start += align > PAGE_SIZE ? align : PAGE_SIZE;
	}
	return start;
}

/**
 * dune_own_map() - memory that is in every root
 * @size: in bytes, multiple of 4 KiB, up to half of a gibibyte
 * @align: power of two, as @size
 *
 * For reading and writing. Is never given back, so it is to be used again.
 *
 * Return: the memory, zero; NULL when there is none.
 */
void *dune_own_map(uint64_t size, uint64_t align)
{
	long area = -1;
	int i;

	dune_lock(DUNE_LOCK_OWN);
	for (i = 0; i < ATTEMPTS && area < 0; i++) {
		uint64_t start = place_for(size, align);

		if (start + size > dune_own_start + DUNE_OWN_SIZE)
			break;
		if (begin_gibibytes(next - 1, start + size))
			area = map_at(start, size, PROT_READ | PROT_WRITE);
		next = start + size;
	}
	dune_unlock(DUNE_LOCK_OWN);
	/* clearing 2 MiB for what takes a few pages would be most of an entry */
	if (area < 0)
		return NULL;
	CALL3(SYS_madvise, area, size, MADV_NOHUGEPAGE);
	return (void *)area;
}

/**
 * dune_own_fill() - make a gibibyte of it visible to the guest
 * @vcpu: descriptor of a virtual CPU that this thread may ask
 * @address: in there
 *
 * Takes no lock but that of the windows, so it may be called by who has one.
 *
 * Return: 0; -EEXIST when it is visible; as DUNE_GET_WINDOW.
 */
int dune_own_fill(int vcpu, uint64_t address)
{
	pte_t *entry = (pte_t *)(dune_own_start + PAGE_SIZE) +
		       (address - dune_own_start) / WINDOW_SIZE;
	uint64_t physical;
	int err;

	if (read_entry(entry))
		return -EEXIST;
	err = dune_window(vcpu, address & ~WINDOW_MASK, &physical);
	if (err)
		return err;
	if (dune_has_1g) {
		physical |= DUNE_PTE_PRESENT | DUNE_PTE_WRITE | PTE_LARGE;
	} else {
		dune_table_fill_2m((pte_t *)(address & ~WINDOW_MASK), physical);
		physical |= PTE_TABLE;
	}
	write_entry(entry, physical);
	return 0;
}

/**
 * dune_own_show() - the same for a range
 * @vcpu: as for dune_own_fill()
 * @start: first address
 * @size: in bytes
 *
 * Return: 0; as DUNE_GET_WINDOW.
 */
int dune_own_show(int vcpu, const void *start, uint64_t size)
{
	uint64_t address = (uint64_t)start & ~WINDOW_MASK;
	int err;

	for (; address < (uint64_t)start + size; address += WINDOW_SIZE) {
		err = dune_own_fill(vcpu, address);
		if (err && err != -EEXIST)
			return err;
	}
	return 0;
}

/**
 * dune_own_entry() - what a root has in the entry of this range
 * @vcpu: as for dune_own_fill()
 * @entry: set on success
 *
 * Return: 0; as DUNE_GET_WINDOW.
 */
int dune_own_entry(int vcpu, pte_t *entry)
{
	uint64_t physical;
	int err = dune_window(vcpu, dune_own_start, &physical);

	if (!err)
		*entry = (physical + PAGE_SIZE) | PTE_TABLE;
	return err;
}
