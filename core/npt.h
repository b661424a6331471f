/* SPDX-License-Identifier: GPL-2.0-only */
/* The nested page table: guest-physical to host-physical. */
#ifndef DUNE_NPT_H
#define DUNE_NPT_H

#include <linux/list.h>
#include <linux/types.h>

#include "hal.h"

/**
 * struct dune_npt - a nested page table
 * @format: how entries are spelled
 * @root: the table of the top level
 * @tables: how many tables there are, the root included
 * @retired: pages of tables that are no longer in use, but which a CPU may
 *	still be walking
 *
 * Who calls holds the lock that serializes changes; the CPU reads along.
 */
struct dune_npt {
	const struct dune_npt_format *format;
	u64 *root;
	unsigned long tables;
	struct list_head retired;
};

/**
 * struct dune_mapping - what a leaf is to say
 * @pfn: first page frame of the page
 * @level: its size
 * @write: may be written
 * @exec: may be executed
 * @uncached: is device memory
 */
struct dune_mapping {
	u64 pfn;
	enum dune_level level;
	bool write;
	bool exec;
	bool uncached;
};

/* Tables that one mapping can need: one for each level below the top. */
#define DUNE_NPT_CACHE	(DUNE_LEVEL_TOP - 1)

/**
 * struct dune_npt_cache - tables allocated beforehand
 *
 * The lock under which mappings are made does not allow to sleep.
 */
struct dune_npt_cache {
	unsigned int count;
	u64 *tables[DUNE_NPT_CACHE];
};

static inline u64 dune_level_size(enum dune_level level)
{
	return 1ULL << (12 + 9 * (level - 1));
}

int dune_npt_init(struct dune_npt *npt, const struct dune_npt_format *format);
void dune_npt_free_retired(struct dune_npt *npt);
void dune_npt_destroy(struct dune_npt *npt);
int dune_npt_cache_fill(struct dune_npt_cache *cache);
void dune_npt_cache_drain(struct dune_npt_cache *cache);
int dune_npt_map(struct dune_npt *npt, struct dune_npt_cache *cache, u64 gpa,
		 const struct dune_mapping *mapping);
u64 *dune_npt_small(const struct dune_npt *npt, u64 gpa);
u64 dune_npt_leaf(const struct dune_npt *npt,
		  const struct dune_mapping *mapping);
bool dune_npt_zap(struct dune_npt *npt, u64 start, u64 end);
bool dune_npt_any(struct dune_npt *npt, u64 start, u64 end);
u64 dune_npt_lookup(const struct dune_npt *npt, u64 gpa,
		    enum dune_level *level);

#endif /* DUNE_NPT_H */
