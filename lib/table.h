/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files on page tables know of each other. */
#ifndef DUNE_TABLE_H
#define DUNE_TABLE_H

#include <dune/root.h>

#include <stdbool.h>
#include <stdint.h>

#pragma GCC visibility push(hidden)

typedef uint64_t pte_t;

#define PTE_LARGE	(1ULL << 7)
#define PTE_FRAME	0x000ffffffffff000ULL
/* Rights are those of the page alone. */
#define PTE_TABLE	(DUNE_PTE_PRESENT | DUNE_PTE_WRITE | DUNE_PTE_USER)
/* Not there, and not to be filled in. */
#define PTE_HOLE	(1ULL << 9)

/* Of an address; the upper bits say nothing. */
#define ADDRESS_MASK	((1ULL << 48) - 1)

#define ENTRIES		512U
#define LEVELS		4
#define WINDOW_SIZE	(1ULL << DUNE_WINDOW_SHIFT)
#define WINDOW_MASK	(WINDOW_SIZE - 1)

/**
 * struct dune_root - see <dune/root.h>
 * @top: its highest table; NULL: there is none of this number
 * @cr3: guest-physical address of that, with the number that the TLB knows
 * @flags: DUNE_ROOT_*
 */
struct dune_root {
	pte_t *top;
	uint64_t cr3;
	unsigned int flags;
};

/* root.c; the TLB tells them apart where there are tags. */
extern struct dune_root dune_roots[];
extern bool dune_root_tags;

/* What an entry of a table of this level (1: the lowest) stands for. */
static inline unsigned int level_shift(int level)
{
	return 12 + 9 * (level - 1);
}

static inline uint64_t level_size(int level)
{
	return 1ULL << level_shift(level);
}

static inline pte_t *entry_of(pte_t *table, int level, uint64_t address)
{
	return &table[address >> level_shift(level) & (ENTRIES - 1)];
}

static inline pte_t read_entry(const pte_t *entry)
{
	return __atomic_load_n(entry, __ATOMIC_ACQUIRE);
}

static inline void write_entry(pte_t *entry, pte_t value)
{
	__atomic_store_n(entry, value, __ATOMIC_RELEASE);
}

static inline bool is_present(pte_t entry)
{
	return entry & DUNE_PTE_PRESENT;
}

/* A page, not another table? */
static inline bool is_leaf(pte_t entry, int level)
{
	return level == 1 || entry & PTE_LARGE;
}

static inline uint64_t frame_of(pte_t entry, int level)
{
	return entry & PTE_FRAME & ~(level_size(level) - 1);
}

/* window.c */
int dune_window(int vcpu, uint64_t address, uint64_t *physical);
extern uint64_t *dune_window_offsets;

/* What of the process a guest-physical address is that dune_window() gave. */
static inline void *dune_window_memory(uint64_t physical)
{
	return (void *)(physical +
			dune_window_offsets[physical >> DUNE_WINDOW_SHIFT]);
}

/* The table that an entry leads to. */
static inline pte_t *dune_table_of(pte_t entry)
{
	return dune_window_memory(entry & PTE_FRAME);
}

/* own.c */
int dune_own_fill(int vcpu, uint64_t address);
int dune_own_entry(int vcpu, pte_t *entry);

/* Index of the entry that all roots share. */
static inline unsigned int dune_own_slot(void)
{
	return dune_own_start / DUNE_OWN_SIZE;
}

/* map.c */
void dune_map_free(struct dune_root *root);

/* table.c */
extern bool dune_has_1g;
void dune_table_fill_2m(pte_t *table, uint64_t physical);
pte_t *dune_table_new(int vcpu, pte_t *entry);
int dune_table_split(int vcpu, pte_t *entry, int level);
int dune_table_fill(int vcpu, struct dune_root *root, uint64_t address);

#pragma GCC visibility pop

#endif /* DUNE_TABLE_H */
