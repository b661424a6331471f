// SPDX-License-Identifier: LGPL-2.1-or-later
/* What a root shows: looks at ranges, and at what the CPU noted there. */
#include "internal.h"
#include "table.h"

#include <errno.h>

/**
 * struct look - what is to be seen of a range
 * @root: where
 * @start: where it begins
 * @end: the address behind it
 * @page: called for each page in it
 * @callback: for walk_page()
 * @data: for @callback
 * @bit: for scan_page()
 * @clear: it is to be cleared
 * @bitmap: to be filled, or NULL
 * @found: pages of 4 KiB that have it
 * @touched: an entry was changed
 * @global: one of a global page
 */
struct look {
	struct dune_root *root;
	uint64_t start, end;
	long (*page)(struct look *look, pte_t *entry, int level,
		     uint64_t address);
	long (*callback)(struct dune_mapping *mapping, void *data);
	void *data;
	uint64_t bit;
	bool clear;
	uint8_t *bitmap;
	long found;
	bool touched, global;
};

static long look_at(struct look *look, pte_t *entries, int level,
		    uint64_t start, uint64_t end)
{
	uint64_t next;
	long ret = 0;

	for (; start < end && !ret; start = next) {
		pte_t *entry = entry_of(entries, level, start);
		pte_t value = read_entry(entry);

		next = (start | (level_size(level) - 1)) + 1;
		if (next > end)
			next = end;
		if (!is_present(value))
			continue;
		if (is_leaf(value, level))
			ret = look->page(look, entry, level,
					 start & ~(level_size(level) - 1));
		else
			ret = look_at(look, dune_table_of(value), level - 1,
				      start, next);
	}
	return ret;
}

static long make_look(struct look *look, void *address, uint64_t size)
{
	struct dune_hold hold;
	long ret = dune_root_begin(&hold);

	if (ret)
		return ret;
	ret = dune_range_error(address, size, false);
	if (!ret) {
		look->start = (uint64_t)address & ADDRESS_MASK;
		look->end = look->start + size;
		ret = look_at(look, look->root->top, LEVELS, look->start,
			      look->end);
	}
	if (look->touched)
		dune_tlb_forget(&hold, look->root, (uint64_t)address,
				size, look->global, true);
	dune_root_end(&hold);
	return ret;
}

static void describe(struct dune_mapping *mapping, pte_t entry, int level,
		     uint64_t address)
{
	*mapping = (struct dune_mapping){
		.address = dune_canonical(address),
		.size = level_size(level),
		.target = dune_window_memory(frame_of(entry, level)),
		.bits = entry & DUNE_PTE_BITS,
	};
}

static long walk_page(struct look *look, pte_t *entry, int level,
		      uint64_t address)
{
	struct dune_mapping mapping;
	pte_t old = read_entry(entry);
	uint64_t change;
	long ret;

	describe(&mapping, old, level, address);
	ret = look->callback(&mapping, look->data);
	change = (mapping.bits ^ old) & DUNE_PTE_BITS & ~DUNE_PTE_PRESENT;
	if (!change || dune_is_protected(mapping.address, mapping.size))
		return ret;
	/* other bits the CPU may have set meanwhile */
	while (!__atomic_compare_exchange_n(entry, &old,
					    (old & ~change) |
					    (mapping.bits & change), false,
					    __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		;
	look->touched = true;
	look->global |= !!(old & DUNE_PTE_GLOBAL);
	return ret;
}

long dune_walk(struct dune_root *root, void *address, uint64_t size,
	       long (*callback)(struct dune_mapping *mapping, void *data),
	       void *data)
{
	struct look look = {
		.root = root, .page = walk_page, .callback = callback,
		.data = data,
	};

	return make_look(&look, address, size);
}

static void mark(const struct look *look, uint64_t start, uint64_t end)
{
	uint64_t page;

	for (page = (start - look->start) / PAGE_SIZE;
	     page < (end - look->start) / PAGE_SIZE; page++)
		look->bitmap[page / 8] |= 1U << page % 8;
}

static long scan_page(struct look *look, pte_t *entry, int level,
		      uint64_t address)
{
	uint64_t end = address + level_size(level);
	pte_t value = read_entry(entry);

	if (!(value & look->bit))
		return 0;
	if (address < look->start)
		address = look->start;
	if (end > look->end)
		end = look->end;
	if (look->clear) {
		__atomic_and_fetch(entry, ~look->bit, __ATOMIC_ACQ_REL);
		look->touched = true;
		look->global |= !!(value & DUNE_PTE_GLOBAL);
	}
	if (look->bitmap)
		mark(look, address, end);
	look->found += (end - address) / PAGE_SIZE;
	return 0;
}

long dune_scan(struct dune_root *root, void *address, uint64_t size,
	       uint64_t bit, unsigned int flags, uint8_t *bitmap)
{
	struct look look = {
		.root = root, .page = scan_page, .bit = bit,
		.clear = flags & DUNE_SCAN_CLEAR, .bitmap = bitmap,
	};
	long ret;

	if ((bit != DUNE_PTE_ACCESSED && bit != DUNE_PTE_DIRTY) ||
	    flags & ~DUNE_SCAN_CLEAR)
		return -EINVAL;
	ret = dune_range_error(address, size, look.clear);
	if (ret)
		return ret;
	if (bitmap)
		memset(bitmap, 0, (size / PAGE_SIZE + 7) / 8);
	return make_look(&look, address, size) ?: look.found;
}

/* Finds the page at an address; -ENOENT: there is none. */
static int find(struct dune_root *root, uint64_t address,
		struct dune_mapping *mapping)
{
	pte_t *entries = root->top;
	int level;

	for (level = LEVELS; level; level--) {
		pte_t value = read_entry(entry_of(entries, level, address));

		if (!is_present(value))
			return -ENOENT;
		if (is_leaf(value, level)) {
			describe(mapping, value, level,
				 address & ~(level_size(level) - 1));
			return 0;
		}
		entries = dune_table_of(value);
	}
	return -ENOENT;
}

int dune_lookup(struct dune_root *root, const void *address,
		struct dune_mapping *mapping)
{
	uint64_t place = (uint64_t)address & ADDRESS_MASK;
	struct dune_hold hold;
	int err = dune_root_begin(&hold);

	if (err)
		return err;
	if (dune_canonical(place) != (uint64_t)address)
		err = -EINVAL;
	else
		err = find(root, place, mapping);
	if (err == -ENOENT && root->flags & DUNE_ROOT_FILL && !(place >> 47)) {
		err = dune_table_fill(hold.thread->vcpu, root, place);
		if (!err)
			err = find(root, place, mapping);
	}
	dune_root_end(&hold);
	return err;
}

/* The bits of the page at an address, 0 without one; who calls has the lock. */
uint64_t dune_bits_at(struct dune_root *root, uint64_t address)
{
	struct dune_mapping mapping;

	return find(root, address & ADDRESS_MASK, &mapping) ? 0 : mapping.bits;
}

/**
 * dune_shows_user() - does a root show a range to ring 3
 * @root: the root
 * @address: where it begins
 * @size: in bytes
 * @bits: DUNE_PTE_*, all of which its pages are to have
 *
 * On either side of a thread. Nobody keeps it so, but ring 0 itself.
 */
bool dune_shows_user(struct dune_root *root, uint64_t address, uint64_t size,
		     uint64_t bits)
{
	uint64_t end = address + size, flags;
	struct dune_mapping mapping;
	bool shown = end >= address && !(end >> 47);

	flags = dune_lock_masked(DUNE_LOCK_TABLES);
	while (shown && address < end) {
		shown = !find(root, address, &mapping) &&
			(mapping.bits & bits) == bits;
		address = mapping.address + mapping.size;
	}
	dune_unlock_masked(DUNE_LOCK_TABLES, flags);
	return shown;
}
