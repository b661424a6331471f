// SPDX-License-Identifier: LGPL-2.1-or-later
/* What the CPU remembers of page tables, and how it is made to forget. */
#include "internal.h"
#include "table.h"

#include <errno.h>

/* More than these one by one take longer than all at once. */
#define FEW	64

static bool wraps(const void *address, uint64_t size)
{
	return (uint64_t)address + size < (uint64_t)address;
}

int dune_flush_tlb(const void *address, uint64_t size)
{
	const struct dune_flush flush = {
		.address = (uint64_t)address,
		.size = size,
	};

	if (!dune_in_ring0())
		return -EPERM;
	if (wraps(address, size))
		return -EINVAL;
	return CALL2(DUNE_CALL_VCPU, DUNE_FLUSH, &flush);
}

static bool is_few(uint64_t size)
{
	return size && size <= FEW * PAGE_SIZE;
}

static void forget_pages(uint64_t address, uint64_t size)
{
	uint64_t last = (address + size - 1) & ~(PAGE_SIZE - 1UL);
	uint64_t page = address & ~(PAGE_SIZE - 1UL);

	for (;; page += PAGE_SIZE) {
		asm volatile("invlpg (%0)" : : "r" (page) : "memory");
		/* the highest page of all has none behind it */
		if (page == last)
			break;
	}
}

static void load_root_again(void)
{
	uint64_t cr3;

	asm volatile("mov %%cr3, %0; mov %0, %%cr3" : "=r" (cr3) : : "memory");
}

int dune_invalidate(const void *address, uint64_t size)
{
	if (!dune_in_ring0())
		return -EPERM;
	if (wraps(address, size))
		return -EINVAL;
	if (!is_few(size))
		return dune_flush_tlb(NULL, 0);
	forget_pages((uint64_t)address, size);
	return 0;
}

/**
 * dune_tlb_forget() - make the CPU forget what a root showed
 * @hold: of what changed it
 * @root: the root
 * @address: the first address
 * @size: in bytes
 * @global: there may have been global pages
 * @others: other threads may know it, too
 *
 * INVLPG is for the root in use, and for global pages of all; loading CR3 for the
 * root in use, but for global pages. None of them leaves the guest.
 */
void dune_tlb_forget(const struct dune_hold *hold, struct dune_root *root,
		     uint64_t address, uint64_t size, bool global, bool others)
{
	if (others && __atomic_load_n(&dune_threads, __ATOMIC_ACQUIRE) > 1)
		dune_flush_tlb((void *)address, size);
	else if (root != hold->thread->root && dune_root_tags)
		dune_flush_tlb(NULL, 0);
	else if (is_few(size))
		forget_pages(address, size);
	else if (global)
		dune_flush_tlb(NULL, 0);
	else
		load_root_again();
}
