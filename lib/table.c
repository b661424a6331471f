// SPDX-License-Identifier: LGPL-2.1-or-later
/* Tables of pages: what one is made of, and how one takes the place of a page. */
#include "internal.h"
#include "table.h"

#include <cpuid.h>
#include <errno.h>

bool dune_has_1g;
static int fill_level;

/**
 * dune_table_init() - see what pages there are
 * @fill_size: largest page by which memory is filled in, or 0
 */
void dune_table_init(uint64_t fill_size)
{
	unsigned int eax, ebx, ecx, edx;

	dune_has_1g = __get_cpuid(0x80000001, &eax, &ebx, &ecx, &edx) &&
		      edx & 1U << 26;
	fill_level = fill_size == DUNE_PAGE_SIZE ? 1 :
		     fill_size == DUNE_PAGE_SIZE_2M || !dune_has_1g ? 2 : 3;
}

/* All of a gibibyte, by pages of 2 MiB. */
void dune_table_fill_2m(pte_t *entries, uint64_t physical)
{
	unsigned int i;

	for (i = 0; i < ENTRIES; i++)
		entries[i] = (physical + i * level_size(2)) | PTE_LARGE |
			     DUNE_PTE_PRESENT | DUNE_PTE_WRITE;
}

/**
 * dune_table_new() - make a table
 * @vcpu: descriptor of a virtual CPU that this thread may ask
 * @entry: set to what leads to it
 *
 * Return: the table, with nothing in it; NULL without memory.
 */
pte_t *dune_table_new(int vcpu, pte_t *entry)
{
	pte_t *entries = dune_page_alloc();
	uint64_t physical;

	if (!entries)
		return NULL;
	if (dune_window(vcpu, (uint64_t)entries, &physical)) {
		dune_page_put(entries);
		return NULL;
	}
	*entry = physical | PTE_TABLE;
	return entries;
}

/**
 * dune_table_split() - have smaller pages instead of a large one
 * @vcpu: as for dune_table_new()
 * @entry: of the large page, or one that is not present: then of the same kind
 * @level: of the table that has @entry
 *
 * Who holds the lock of all tables sees to it that nobody else changes @entry,
 * but the CPU does: it may set accessed and dirty meanwhile.
 *
 * Return: 0; -ENOMEM.
 */
int dune_table_split(int vcpu, pte_t *entry, int level)
{
	pte_t old = read_entry(entry), new, step = 0, first;
	pte_t *entries = dune_table_new(vcpu, &new);
	unsigned int i;

	if (!entries)
		return -ENOMEM;
	do {
		first = old;
		if (is_present(old)) {
			step = level_size(level - 1);
			first &= level > 2 ? ~0ULL : ~PTE_LARGE;
		}
		for (i = 0; i < ENTRIES; i++)
			entries[i] = first + i * step;
	} while (!__atomic_compare_exchange_n(entry, &old, new, false,
					      __ATOMIC_ACQ_REL,
					      __ATOMIC_RELAXED));
	return 0;
}

/* The page of this level at an address, as the process has it. */
static int fill_entry(int vcpu, pte_t *entry, int level, uint64_t address)
{
	uint64_t physical;
	int err = dune_window(vcpu, address & ~(level_size(level) - 1),
			      &physical);

	if (!err)
		write_entry(entry, physical | (level > 1 ? PTE_LARGE : 0) |
			    DUNE_PTE_PRESENT | DUNE_PTE_WRITE);
	return err;
}

/* All pages of a table that are not there. */
static int fill_around(int vcpu, pte_t *entries, int level, uint64_t address)
{
	uint64_t start = address & ~(level_size(level + 1) - 1);
	unsigned int i;
	int err;

	for (i = 0; i < ENTRIES; i++) {
		if (read_entry(&entries[i]))
			continue;
		err = fill_entry(vcpu, &entries[i], level,
				 start + i * level_size(level));
		if (err)
			return err;
	}
	return 0;
}

static int fill(int vcpu, struct dune_root *root, uint64_t address)
{
	pte_t *entries = root->top;
	int level;

	for (level = LEVELS; ; level--) {
		pte_t *entry = entry_of(entries, level, address);
		pte_t value = read_entry(entry);

		if (is_present(value) && is_leaf(value, level))
			return -EEXIST;
		if (value && !is_present(value))
			return -ENOENT;
		if (!value && level == 3 && fill_level == 3)
			return fill_entry(vcpu, entry, level, address);
		if (!value && level < 3 && level <= fill_level)
			return fill_around(vcpu, entries, level, address);
		if (!value) {
			if (!dune_table_new(vcpu, &value))
				return -ENOMEM;
			write_entry(entry, value);
		}
		entries = dune_table_of(value);
	}
}

/**
 * dune_table_fill() - show the process's memory where nothing was said
 * @vcpu: as for dune_table_new()
 * @root: with DUNE_ROOT_FILL
 * @address: that was accessed, below 2^47
 *
 * Return: 0; -EEXIST when there is a page; -ENOENT when it was taken away;
 * -ENOMEM; as DUNE_GET_WINDOW.
 */
int dune_table_fill(int vcpu, struct dune_root *root, uint64_t address)
{
	int err = fill(vcpu, root, address);

	if (!err)
		dune_tables_changed();
	return err;
}
