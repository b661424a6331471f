// SPDX-License-Identifier: GPL-2.0-only
/* The nested page table: guest-physical to host-physical. */
#include <linux/gfp.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <asm/io.h>

#include "compat.h"
#include "npt.h"

#define ENTRIES		512
#define ADDRESS_MASK	GENMASK_ULL(51, 12)

static u64 *table_alloc(void)
{
	/* Charged to the process: its nested page table is its memory. */
	return (u64 *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
}

static void table_free(u64 *table)
{
	free_page((unsigned long)table);
}

static unsigned int index_of(u64 gpa, enum dune_level level)
{
	return (gpa >> (12 + 9 * (level - 1))) % ENTRIES;
}

static bool is_leaf(const struct dune_npt *npt, u64 entry,
		    enum dune_level level)
{
	return level == DUNE_LEVEL_4K || (entry & npt->format->large);
}

static u64 *table_of(u64 entry)
{
	return phys_to_virt(entry & ADDRESS_MASK);
}

/**
 * dune_npt_init() - make an empty nested page table
 * @npt: to be set up
 * @format: how its entries are spelled
 *
 * Return: 0 or -ENOMEM.
 */
int dune_npt_init(struct dune_npt *npt, const struct dune_npt_format *format)
{
	npt->format = format;
	npt->root = table_alloc();
	npt->tables = 1;
	INIT_LIST_HEAD(&npt->retired);
	return npt->root ? 0 : -ENOMEM;
}
EXPORT_SYMBOL_IF_DUNE_KUNIT(dune_npt_init);

/* Takes a table and those below it out of use. */
static void retire(struct dune_npt *npt, u64 *table, enum dune_level level)
{
	unsigned int i;

	for (i = 0; level > DUNE_LEVEL_4K && i < ENTRIES; i++)
		if (table[i] && !is_leaf(npt, table[i], level))
			retire(npt, table_of(table[i]), level - 1);
	/* The page's own links: its contents are still being walked. */
	list_add(&virt_to_page(table)->lru, &npt->retired);
	npt->tables--;
}

/**
 * dune_npt_free_retired() - free tables that went out of use
 * @npt: the table
 *
 * To be called when every CPU has flushed since they did.
 */
void dune_npt_free_retired(struct dune_npt *npt)
{
	struct page *page, *next;

	list_for_each_entry_safe(page, next, &npt->retired, lru) {
		list_del(&page->lru);
		__free_page(page);
	}
}
EXPORT_SYMBOL_IF_DUNE_KUNIT(dune_npt_free_retired);

/**
 * dune_npt_destroy() - free the table, which no CPU uses any more
 * @npt: the table
 */
void dune_npt_destroy(struct dune_npt *npt)
{
	retire(npt, npt->root, DUNE_LEVEL_TOP);
	dune_npt_free_retired(npt);
	WARN_ON(npt->tables);
}
EXPORT_SYMBOL_IF_DUNE_KUNIT(dune_npt_destroy);

/**
 * dune_npt_cache_fill() - allocate what a mapping may need; may sleep
 * @cache: to be filled up
 *
 * Return: 0 or -ENOMEM.
 */
int dune_npt_cache_fill(struct dune_npt_cache *cache)
{
	while (cache->count < DUNE_NPT_CACHE) {
		u64 *table = table_alloc();

		if (!table)
			return -ENOMEM;
		cache->tables[cache->count++] = table;
	}
	return 0;
}
EXPORT_SYMBOL_IF_DUNE_KUNIT(dune_npt_cache_fill);

/**
 * dune_npt_cache_drain() - free what was not needed
 * @cache: to be emptied
 */
void dune_npt_cache_drain(struct dune_npt_cache *cache)
{
	while (cache->count)
		table_free(cache->tables[--cache->count]);
}
EXPORT_SYMBOL_IF_DUNE_KUNIT(dune_npt_cache_drain);

static u64 leaf_of(const struct dune_npt_format *format,
		   const struct dune_mapping *mapping, u64 gpa,
		   enum dune_level level)
{
	u64 offset = gpa & (dune_level_size(mapping->level) - 1) &
		     ~(dune_level_size(level) - 1);
	u64 entry = ((mapping->pfn << 12) + offset) | format->read;

	entry |= mapping->write ? format->write : 0;
	entry |= mapping->exec ? format->exec : format->no_exec;
	entry |= mapping->uncached ? format->uncached : format->writeback;
	entry |= level > DUNE_LEVEL_4K ? format->large : 0;
	return entry;
}

/**
 * dune_npt_map() - map a page
 * @npt: the table
 * @cache: tables, filled by dune_npt_cache_fill() or empty
 * @gpa: an address within the page
 * @mapping: what to map
 *
 * Where a table is in the place of a large page, because parts of it are
 * mapped already, only the small page around @gpa is mapped.
 *
 * Return: 0; 1 when the CPU may have cached something that is no longer true;
 * -ENOSPC when a table is needed and @cache has none.
 */
int dune_npt_map(struct dune_npt *npt, struct dune_npt_cache *cache, u64 gpa,
		 const struct dune_mapping *mapping)
{
	enum dune_level level;
	u64 *table = npt->root;
	u64 *entry, old;

	for (level = DUNE_LEVEL_TOP; ; level--) {
		entry = &table[index_of(gpa, level)];
		old = *entry;
		if (level <= mapping->level &&
		    (!old || is_leaf(npt, old, level)))
			break;
		if (!old) {
			u64 *below;

			if (!cache->count)
				return -ENOSPC;
			below = cache->tables[--cache->count];
			npt->tables++;
			/* The CPU may walk through it at once: it is empty. */
			old = virt_to_phys(below) | npt->format->table;
			WRITE_ONCE(*entry, old);
		} else if (is_leaf(npt, old, level)) {
			/*
			 * A larger page is here, with other rights: the host
			 * split it. It comes back in small pieces.
			 */
			WRITE_ONCE(*entry, 0);
			return 1;
		}
		table = table_of(old);
	}

	WRITE_ONCE(*entry, leaf_of(npt->format, mapping, gpa, level));
	return old != 0;
}
EXPORT_SYMBOL_IF_DUNE_KUNIT(dune_npt_map);

/**
 * dune_npt_leaf() - spell a page of 4 KiB
 * @npt: the table that it is for
 * @mapping: what to map
 *
 * Return: the entry.
 */
u64 dune_npt_leaf(const struct dune_npt *npt,
		  const struct dune_mapping *mapping)
{
	return leaf_of(npt->format, mapping, 0, DUNE_LEVEL_4K);
}
EXPORT_SYMBOL_IF_DUNE_KUNIT(dune_npt_leaf);

/**
 * dune_npt_small() - find where a page of 4 KiB would be mapped
 * @npt: the table
 * @gpa: an address within the page
 *
 * Return: its entry, behind which are those of the pages up to the next 2 MiB;
 * NULL if there is no table for it.
 */
u64 *dune_npt_small(const struct dune_npt *npt, u64 gpa)
{
	u64 *table = npt->root;
	enum dune_level level;

	for (level = DUNE_LEVEL_TOP; level > DUNE_LEVEL_4K; level--) {
		u64 entry = table[index_of(gpa, level)];

		if (!entry || is_leaf(npt, entry, level))
			return NULL;
		table = table_of(entry);
	}
	return &table[index_of(gpa, DUNE_LEVEL_4K)];
}
EXPORT_SYMBOL_IF_DUNE_KUNIT(dune_npt_small);

static bool zap_level(struct dune_npt *npt, u64 *table, enum dune_level level,
		      u64 start, u64 end)
{
	u64 size = dune_level_size(level);
	bool zapped = false;
	u64 gpa, next;

	for (gpa = start; gpa < end; gpa = next) {
		u64 *entry = &table[index_of(gpa, level)];

		next = min(end, (gpa & ~(size - 1)) + size);
		if (!*entry)
			continue;
		if (is_leaf(npt, *entry, level)) {
			/* A part of a large page goes as a whole. */
			WRITE_ONCE(*entry, 0);
			zapped = true;
		} else if (next - gpa == size) {
			/* Without its table there is room for a large page. */
			u64 *below = table_of(*entry);

			WRITE_ONCE(*entry, 0);
			retire(npt, below, level - 1);
			zapped = true;
		} else {
			zapped |= zap_level(npt, table_of(*entry), level - 1,
					    gpa, next);
		}
	}
	return zapped;
}

/**
 * dune_npt_zap() - unmap a range
 * @npt: the table
 * @start: first guest-physical address
 * @end: the one behind the last
 *
 * Return: whether anything was there: then every CPU is to flush, and
 * dune_npt_free_retired() to be called after that.
 */
bool dune_npt_zap(struct dune_npt *npt, u64 start, u64 end)
{
	return zap_level(npt, npt->root, DUNE_LEVEL_TOP, start, end);
}
EXPORT_SYMBOL_IF_DUNE_KUNIT(dune_npt_zap);

/**
 * dune_npt_any() - is anything mapped in a range
 * @npt: the table
 * @start: first guest-physical address
 * @end: the one behind the last
 *
 * Return: whether there is.
 */
bool dune_npt_any(struct dune_npt *npt, u64 start, u64 end)
{
	enum dune_level level;
	u64 gpa;

	for (gpa = start; gpa < end;
	     gpa = (gpa | (dune_level_size(level) - 1)) + 1)
		if (dune_npt_lookup(npt, gpa, &level))
			return true;
	return false;
}
EXPORT_SYMBOL_IF_DUNE_KUNIT(dune_npt_any);

/**
 * dune_npt_lookup() - find the leaf for an address
 * @npt: the table
 * @gpa: the address
 * @level: set to the leaf's level
 *
 * Return: the leaf, or 0 if nothing is mapped.
 */
u64 dune_npt_lookup(const struct dune_npt *npt, u64 gpa,
		    enum dune_level *level)
{
	const u64 *table = npt->root;

	for (*level = DUNE_LEVEL_TOP; ; (*level)--) {
		u64 entry = table[index_of(gpa, *level)];

		if (!entry || is_leaf(npt, entry, *level))
			return entry;
		table = table_of(entry);
	}
}
EXPORT_SYMBOL_IF_DUNE_KUNIT(dune_npt_lookup);
