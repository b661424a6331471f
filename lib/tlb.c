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
	return CALL1(DUNE_CALL_FLUSH, &flush);
}

static bool is_few(uint64_t size)
{
	return size && size <= FEW * PAGE_SIZE;
}

static void forget_pages(uint64_t address, uint64_t size)
{
	uint64_t page = address & ~(PAGE_SIZE - 1UL);
	uint64_t count = (address - page + size + PAGE_SIZE - 1) / PAGE_SIZE;

	for (; count; count--, page += PAGE_SIZE)
		asm volatile("invlpg (%0)" : : "r" (page) : "memory");
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
 * dune_tlb_forget() - make this thread forget what a root showed
 * @root: the root
 * @address: the first address
 * @size: in bytes
 *
 * INVLPG is for the root in use, and for global pages of all.
 */
void dune_tlb_forget(struct dune_root *root, uint64_t address, uint64_t size)
{
	if (dune_root_tagged() && root != dune_self()->root)
		dune_flush_tlb(NULL, 0);
	else
		dune_invalidate((void *)address, size);
}
