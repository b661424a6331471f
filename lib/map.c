// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What a root shows: changes of ranges. A range is taken apart into the largest
 * pieces that are one entry of a table each; a larger page that is only in part
 * within it is split.
 *
 * Addresses are taken without their upper 16 bits, which say nothing.
 */
#include "internal.h"
#include "table.h"

#include <errno.h>

/* Bits that the CPU sets. */
#define SEEN	(DUNE_PTE_ACCESSED | DUNE_PTE_DIRTY)

/* Bits that allow more; who does not know of it yet finds out. */
#define RIGHTS	(DUNE_PTE_PRESENT | DUNE_PTE_WRITE | DUNE_PTE_USER)

/**
 * struct change - what is to be done to a range
 * @kind: what
 * @root: where
 * @vcpu: of this thread
 * @bits: to be set
 * @clear: to be cleared before
 * @target: for MAP: what is at address 0, so to say
 * @touched: this thread may have what was there in its TLB
 * @global: of a global page, perhaps
 * @lost: a right was taken away, or a table: so may others
 * @freed: entries of tables that are not used any more; they end a list
 * @tables: how many those are
 */
struct change {
	enum { MAP, UNMAP, PROTECT, MERGE } kind;
	struct dune_root *root;
	int vcpu;
	uint64_t bits, clear, target;
	bool touched, global, lost;
	pte_t *freed;
	long tables;
};

static int change_range(struct change *change, pte_t *entries, int level,
			uint64_t start, uint64_t end);

/* A table that is out of use; the CPU may still have its address. */
static void retire_table(struct change *change, pte_t entry)
{
	pte_t *entries = dune_table_of(entry);

	/* nobody sees it any more but who has it from the TLB's side */
	entries[0] &= ~DUNE_PTE_PRESENT;
	entries[1] = (pte_t)change->freed << 1;
	change->freed = entries;
	change->tables++;
	change->touched = true;
	change->global = true;
	change->lost = true;
}

static void retire_tables(struct change *change, pte_t entry, int level)
{
	pte_t *entries;
	unsigned int i;

	if (!is_present(entry) || is_leaf(entry, level))
		return;
	entries = dune_table_of(entry);
	for (i = 0; level > 2 && i < ENTRIES; i++)
		retire_tables(change, read_entry(&entries[i]), level - 1);
	retire_table(change, entry);
}

static void free_retired(struct change *change)
{
	while (change->freed) {
		pte_t *entries = change->freed;

		change->freed = (pte_t *)(entries[1] >> 1);
		dune_page_put(entries);
	}
}

/* All tables of a root that nobody uses, but what every root has. */
void dune_map_free(struct dune_root *root)
{
	struct change change = {};
	unsigned int i;

	for (i = 0; i < ENTRIES; i++)
		if (i != dune_own_slot())
			retire_tables(&change, root->top[i], LEVELS);
	free_retired(&change);
	dune_page_put(root->top);
	root->top = NULL;
}

/* What is not there any more, whatever is asked to fill in. */
static pte_t hole(const struct change *change)
{
	return change->root->flags & DUNE_ROOT_FILL ? PTE_HOLE : 0;
}

/* Puts another entry there; the CPU may be setting bits in the old one. */
static void replace(struct change *change, pte_t *entry, int level, pte_t new)
{
	pte_t old = __atomic_exchange_n(entry, new, __ATOMIC_ACQ_REL);

	if (!is_present(old))
		return;
	change->touched = true;
	change->global |= !!(old & DUNE_PTE_GLOBAL);
	change->lost = true;
	retire_tables(change, old, level);
}

static int map_entry(struct change *change, pte_t *entry, int level,
		     uint64_t address)
{
	uint64_t physical;
	int err = dune_window(change->vcpu, change->target + address,
			      &physical);

	if (!err)
		replace(change, entry, level, physical | change->bits |
			DUNE_PTE_PRESENT | (level > 1 ? PTE_LARGE : 0));
	return err;
}

/* Returns the bits that are others now. */
static inline pte_t protect_entry(const struct change *change, pte_t *entry,
				  pte_t old)
{
	pte_t new;

	do {
		new = (old & ~change->clear) | change->bits;
		if (new == old)
			return 0;
	} while (!__atomic_compare_exchange_n(entry, &old, new, false,
					      __ATOMIC_ACQ_REL,
					      __ATOMIC_ACQUIRE));
	return new ^ old;
}

/*
 * What it means that bits of entries are others now.
 * @seen: those that the entries had
 */
static void note_changed(struct change *change, pte_t changed, pte_t seen)
{
	/* those that take something away when they are set, or cleared */
	pte_t loses = (change->bits & ~RIGHTS) |
		      (~change->bits & ~DUNE_PTE_NOEXEC);

	if (!changed)
		return;
	change->touched = true;
	change->global |= !!(seen & DUNE_PTE_GLOBAL);
	change->lost |= !!(changed & loses);
}

/* Are all of these one page, so to say? */
static bool is_contiguous(const pte_t *entries, int level, pte_t *bits)
{
	pte_t first = read_entry(&entries[0]);
	unsigned int i;

	*bits = first;
	if (!is_present(first) || !is_leaf(first, level) ||
	    frame_of(first, level) & (level_size(level + 1) - 1))
		return false;
	for (i = 1; i < ENTRIES; i++) {
		pte_t entry = read_entry(&entries[i]);

		if ((entry & ~SEEN) != (first & ~SEEN) + i * level_size(level))
			return false;
		*bits |= entry & SEEN;
	}
	return true;
}

/* The table that this leads to becomes a page, if it can. */
static void merge_entry(struct change *change, pte_t *entry, int level)
{
	pte_t old = read_entry(entry), bits;

	if (level > (dune_has_1g ? 3 : 2) || !is_present(old) ||
	    is_leaf(old, level) ||
	    !is_contiguous(dune_table_of(old), level - 1, &bits))
		return;
	write_entry(entry, bits | PTE_LARGE);
	/* what the CPU has set meanwhile, where it had the table still */
	dune_flush_tlb(NULL, 0);
	is_contiguous(dune_table_of(old), level - 1, &bits);
	__atomic_or_fetch(entry, bits & SEEN, __ATOMIC_ACQ_REL);
	retire_table(change, old);
}

static bool may_be_page(const struct change *change, int level,
			uint64_t address)
{
	return level == 1 || (level <= (dune_has_1g ? 3 : 2) &&
			      !((change->target + address) &
				(level_size(level) - 1)));
}

/* All that one entry stands for. Sets *done unless what is below has to be. */
static int change_whole(struct change *change, pte_t *entry, int level,
			uint64_t address, bool *done)
{
	pte_t value = read_entry(entry);

	*done = true;
	switch (change->kind) {
	case MAP:
		if (may_be_page(change, level, address))
			return map_entry(change, entry, level, address);
		break;
	case UNMAP:
		replace(change, entry, level, hole(change));
		return 0;
	case PROTECT:
		if (is_present(value) && is_leaf(value, level)) {
			note_changed(change,
				     protect_entry(change, entry, value),
				     value);
			return 0;
		}
		break;
	case MERGE:
		if (!is_present(value) || is_leaf(value, level))
			return 0;
		break;
	}
	*done = false;
	return 0;
}

/*
 * Makes an entry lead to a table, where there is something to be changed below.
 * Returns 1 where there is not.
 */
static int open_entry(struct change *change, pte_t *entry, int level)
{
	pte_t value = read_entry(entry);

	if (is_present(value) && !is_leaf(value, level))
		return 0;
	switch (change->kind) {
	case MERGE:
		return 1;
	case UNMAP:
		if (value == hole(change))
			return 1;
		break;
	case PROTECT:
		if (!is_present(value))
			return 1;
		break;
	case MAP:
		break;
	}
	return dune_table_split(change->vcpu, entry, level);
}

/* A table without anything in it is none. */
static void close_entry(struct change *change, pte_t *entry)
{
	pte_t old = read_entry(entry);
	const pte_t *entries = dune_table_of(old);
	unsigned int i;

	for (i = 0; i < ENTRIES; i++)
		if (entries[i] != hole(change))
			return;
	write_entry(entry, hole(change));
	retire_table(change, old);
}

static int change_part(struct change *change, pte_t *entry, int level,
		       uint64_t start, uint64_t end)
{
	int err = open_entry(change, entry, level);

	if (err)
		return err < 0 ? err : 0;
	err = change_range(change, dune_table_of(read_entry(entry)), level - 1,
			   start, end);
	if (!err && change->kind == UNMAP)
		close_entry(change, entry);
	return err;
}

/* What is to be protected has to be there. Apart: it is, nearly always. */
__attribute__((noinline))
static int fill_missing(struct change *change, const pte_t *entry,
			uint64_t address)
{
	if (change->kind != PROTECT || read_entry(entry) ||
	    !(change->root->flags & DUNE_ROOT_FILL) || address >> 47)
		return 0;
	return dune_table_fill(change->vcpu, change->root, address);
}

/* A page of 4 KiB. Returns the bits that are others now; adds to *seen. */
static inline pte_t protect_page(struct change *change, pte_t *entry,
				 uint64_t address, pte_t *seen, int *err)
{
	pte_t value = read_entry(entry);

	if (__builtin_expect(!value, 0)) {
		*err = fill_missing(change, entry, address);
		value = read_entry(entry);
	}
	if (!is_present(value))
		return 0;
	*seen |= value;
	return protect_entry(change, entry, value);
}

/* Those of one table: most of all that is asked for, and most often it is one. */
static int protect_pages(struct change *change, pte_t *entries, uint64_t start,
			 uint64_t end)
{
	pte_t *entry = entry_of(entries, 1, start);
	pte_t changed = 0, seen = 0;
	int err = 0;

	if (end - start == PAGE_SIZE) {
		changed = protect_page(change, entry, start, &seen, &err);
		note_changed(change, changed, seen);
		return err;
	}
	for (; start < end && !err; start += PAGE_SIZE, entry++)
		changed |= protect_page(change, entry, start, &seen, &err);
	note_changed(change, changed, seen);
	return err;
}

static int change_range(struct change *change, pte_t *entries, int level,
			uint64_t start, uint64_t end)
{
	uint64_t next;
	int err = 0;

	if (level == 1 && change->kind == PROTECT)
		return protect_pages(change, entries, start, end);
	for (; start < end && !err; start = next) {
		pte_t *entry = entry_of(entries, level, start);
		bool done = false, whole;

		next = (start | (level_size(level) - 1)) + 1;
		whole = next <= end && !(start & (level_size(level) - 1));
		if (next > end)
			next = end;
		err = fill_missing(change, entry, start);
		if (!err && whole)
			err = change_whole(change, entry, level, start, &done);
		if (!err && !done && level > 1)
			err = change_part(change, entry, level, start, next);
		if (!err && whole && change->kind == MERGE)
			merge_entry(change, entry, level);
	}
	return err;
}

/* The table below; NULL: there is none. */
static inline pte_t *table_below(pte_t *entries, int level, uint64_t address)
{
	pte_t value = read_entry(entry_of(entries, level, address));

	if ((value & (DUNE_PTE_PRESENT | PTE_LARGE)) != DUNE_PTE_PRESENT)
		return NULL;
	return dune_table_of(value);
}

/*
 * The table of pages of 4 KiB that has all of a range; NULL: none has. Not a
 * loop, as this is most of what it takes to change one page.
 */
static pte_t *table_of_pages(const struct dune_root *root, uint64_t start,
			     uint64_t end)
{
	pte_t *entries = NULL;

	if (!((start ^ (end - 1)) >> level_shift(2)))
		entries = table_below(root->top, 4, start);
	if (entries)
		entries = table_below(entries, 3, start);
	if (entries)
		entries = table_below(entries, 2, start);
	return entries;
}

static int change_root(struct change *change, uint64_t start, uint64_t end)
{
	pte_t *pages = NULL;

	if (change->kind == PROTECT)
		pages = table_of_pages(change->root, start, end);
	return pages ? protect_pages(change, pages, start, end) :
		       change_range(change, change->root->top, LEVELS, start,
				    end);
}

/* All of it is in the lower half of the addresses or in the upper one. */
static bool is_good_range(uint64_t start, uint64_t size)
{
	int64_t half = (int64_t)start >> 47;	/* 0 or -1 */

	return !((start | size) & (PAGE_SIZE - 1)) && !((size - 1) >> 47) &&
	       (uint64_t)half + 1 <= 1 &&
	       half == (int64_t)(start + size - 1) >> 47;
}

/**
 * dune_range_error() - may functions on roots be used on a range
 * @address: where it begins
 * @size: in bytes
 * @change: or are they to read only
 *
 * Return: 0; -EINVAL; -EPERM.
 */
int dune_range_error(const void *address, uint64_t size, bool change)
{
	uint64_t start = (uint64_t)address;

	if (!is_good_range(start, size))
		return -EINVAL;
	return change && dune_is_protected(start, size) ? -EPERM : 0;
}

/* What other threads and this one have in their TLBs of what was changed. */
static void forget(struct change *change, const struct dune_hold *hold,
		   uint64_t address, uint64_t size)
{
	if (change->touched)
		dune_tlb_forget(hold, change->root, address, size,
				change->global, change->lost);
	free_retired(change);
	dune_tables_changed();
}

static long make_change(struct change *change, void *address, uint64_t size)
{
	uint64_t start = (uint64_t)address & ADDRESS_MASK;
	struct dune_hold hold;
	int err = dune_root_begin(&hold);

	if (err)
		return err;
	change->vcpu = hold.thread->vcpu;
	err = dune_range_error(address, size, true);
	if (!err) {
		change->target -= start;
		err = change_root(change, start, start + size);
		forget(change, &hold, (uint64_t)address, size);
	}
	dune_root_end(&hold);
	return err ?: change->kind == MERGE ? change->tables : 0;
}

/* The same for libdune itself, in a root that nobody uses yet. */
int dune_map_new(int vcpu, struct dune_root *root, uint64_t start,
		 uint64_t size, uint64_t bits)
{
	struct change change = {
		.kind = MAP, .root = root, .vcpu = vcpu, .bits = bits,
	};

	return change_range(&change, root->top, LEVELS, start, start + size);
}

int dune_map(struct dune_root *root, void *address, uint64_t size,
	     const void *target, uint64_t bits)
{
	struct change change = {
		.kind = MAP, .root = root, .bits = bits,
		.target = (uint64_t)target,
	};

	if (bits & ~DUNE_PTE_BITS || change.target & (PAGE_SIZE - 1) ||
	    change.target >> 47 || size > (1ULL << 47) - change.target)
		return -EINVAL;
	return make_change(&change, address, size);
}

int dune_unmap(struct dune_root *root, void *address, uint64_t size)
{
	struct change change = { .kind = UNMAP, .root = root };

	return make_change(&change, address, size);
}

int dune_protect(struct dune_root *root, void *address, uint64_t size,
		 uint64_t set, uint64_t clear)
{
	struct change change;

	if ((set | clear) & (~DUNE_PTE_BITS | DUNE_PTE_PRESENT))
		return -EINVAL;
	/* one by one: that is half of what it takes to clear it before */
	change.kind = PROTECT;
	change.root = root;
	change.bits = set;
	change.clear = clear;
	change.target = 0;
	change.touched = false;
	change.global = false;
	change.lost = false;
	change.freed = NULL;
	change.tables = 0;
	return make_change(&change, address, size);
}

long dune_merge(struct dune_root *root, void *address, uint64_t size)
{
	struct change change = { .kind = MERGE, .root = root };

	return make_change(&change, address, size);
}
