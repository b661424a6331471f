/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Page roots: the program's own page tables. */
#ifndef DUNE_ROOT_H
#define DUNE_ROOT_H

#include <dune/page.h>

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * A page root translates what instructions address into the process's memory.
 * The first one, with which dune_enter() comes back, shows it as it is. What the
 * process has at an address, with which rights, remains the kernel's to say:
 * an access needs both. Pointers in system calls are the process's addresses,
 * whatever the root.
 *
 * libdune's code and its own memory are in every root, for ring 0 only, and
 * cannot be changed (-EPERM).
 *
 * Rules of concurrency, for all functions here: any thread in Dune may call
 * them at any time, in handlers of exceptions and signals too; each is as a
 * whole before or after another one on whatever root; threads that use the
 * memory meanwhile see each page as it was or as it will be. When a function
 * that takes rights away returns, no thread has them any more. Outside of Dune
 * all give -EPERM; ring 3 cannot execute libdune at all. A root may not be used
 * by any of them once it is destroyed.
 */
struct dune_root;

/* Bits of a page: as in the tables (Intel SDM, "4-Level Paging"). */
#define DUNE_PTE_PRESENT	(1ULL << 0)	/* implied */
#define DUNE_PTE_WRITE		(1ULL << 1)
#define DUNE_PTE_USER		(1ULL << 2)	/* for ring 3 too */
#define DUNE_PTE_ACCESSED	(1ULL << 5)
#define DUNE_PTE_DIRTY		(1ULL << 6)
#define DUNE_PTE_GLOBAL		(1ULL << 8)	/* stays when roots are switched */
#define DUNE_PTE_SOFT1		(1ULL << 52)	/* the program's own, the */
#define DUNE_PTE_SOFT2		(1ULL << 53)	/* CPU ignores them */
#define DUNE_PTE_SOFT3		(1ULL << 54)
#define DUNE_PTE_NOEXEC		(1ULL << 63)

/* Protection key 0 to 15, where the CPU has them (else the bits are ignored). */
#define DUNE_PTE_KEY(key)	((uint64_t)(key) << 59)

/* All that dune_map() and dune_protect() take. */
#define DUNE_PTE_BITS							\
	(DUNE_PTE_PRESENT | DUNE_PTE_WRITE | DUNE_PTE_USER |		\
	 DUNE_PTE_ACCESSED | DUNE_PTE_DIRTY | DUNE_PTE_GLOBAL |		\
	 DUNE_PTE_SOFT1 | DUNE_PTE_SOFT2 | DUNE_PTE_SOFT3 |		\
	 DUNE_PTE_KEY(15) | DUNE_PTE_NOEXEC)

/*
 * Addresses of which nothing was said show the process's memory, for ring 0,
 * filled in when they are first used. What dune_unmap() took away stays away.
 */
#define DUNE_ROOT_FILL		(1U << 0)

/* How many roots there may be at a time. */
#define DUNE_ROOTS		4096

/**
 * dune_root_create() - make a root with nothing in it, but libdune
 * @root: set on success
 * @flags: DUNE_ROOT_FILL or 0
 *
 * Return: 0; -EINVAL for an unknown flag; -ENOSPC with DUNE_ROOTS of them;
 * -ENOMEM; -EPERM.
 */
int dune_root_create(struct dune_root **root, unsigned int flags);

/**
 * dune_root_clone() - make a root that has what another has
 * @copy: set on success
 * @root: the other
 *
 * Later changes of one are not seen in the other. Accessed and dirty bits are
 * copied.
 *
 * Return: as dune_root_create().
 */
int dune_root_clone(struct dune_root **copy, struct dune_root *root);

/**
 * dune_root_destroy() - free a root with its tables
 * @root: any but the first one
 *
 * Return: 0; -EBUSY when a thread uses it; -EINVAL for the first; -EPERM.
 */
int dune_root_destroy(struct dune_root *root);

/**
 * dune_root_switch() - use another root from now on, in this thread
 * @root: it has to show the code and stack that are in use
 *
 * The TLB keeps what it has of both where the CPU can tell them apart (PCID).
 * New threads begin with the root of the one that makes them.
 *
 * Return: 0; -EPERM.
 */
int dune_root_switch(struct dune_root *root);

/**
 * dune_root_current() - the root that this thread uses
 *
 * Return: the root; NULL outside of Dune.
 */
struct dune_root *dune_root_current(void);

/**
 * dune_map() - show memory of the process at an address
 * @root: where
 * @address: multiple of 4 KiB; of both canonical halves
 * @size: multiple of 4 KiB, in bytes
 * @target: the memory, multiple of 4 KiB, below 2^47. It need not exist yet.
 * @bits: DUNE_PTE_*
 *
 * By the largest pages that fit. What was there before is replaced.
 *
 * Return: 0; -EINVAL for other addresses, sizes or bits; -EPERM; -ENOSPC when
 * the guest-physical memory is too small for what is shown so far; -ENOMEM.
 * After the last two part of the range may be mapped.
 */
int dune_map(struct dune_root *root, void *address, uint64_t size,
	     const void *target, uint64_t bits);

/**
 * dune_unmap() - show nothing there any more
 * @root: where
 * @address: multiple of 4 KiB
 * @size: multiple of 4 KiB, in bytes
 *
 * Nothing need be there.
 *
 * Return: as dune_map().
 */
int dune_unmap(struct dune_root *root, void *address, uint64_t size);

/**
 * dune_protect() - change bits of what is there
 * @root: where
 * @address: multiple of 4 KiB
 * @size: multiple of 4 KiB, in bytes
 * @set: DUNE_PTE_* to be set, not DUNE_PTE_PRESENT
 * @clear: DUNE_PTE_* to be cleared before that, not DUNE_PTE_PRESENT
 *
 * Larger pages are split where the range ends within one. Where nothing is
 * there nothing changes, but what would be filled in is filled in first.
 *
 * Return: as dune_map().
 */
int dune_protect(struct dune_root *root, void *address, uint64_t size,
		 uint64_t set, uint64_t clear);

/**
 * dune_merge() - use larger pages again where neighbours allow it
 * @root: where
 * @address: multiple of 4 KiB
 * @size: multiple of 4 KiB, in bytes
 *
 * Those wholly within the range whose parts are contiguous in memory with the
 * same bits. Accessed and dirty are those of any part.
 *
 * Return: how many tables were freed; else as dune_map().
 */
long dune_merge(struct dune_root *root, void *address, uint64_t size);

/**
 * struct dune_mapping - a page, of any size
 * @address: where it begins
 * @size: in bytes: 4 KiB, 2 MiB or 1 GiB
 * @target: what of the process's memory it shows
 * @bits: DUNE_PTE_*
 */
struct dune_mapping {
	uint64_t address;
	uint64_t size;
	void *target;
	uint64_t bits;
};

/**
 * dune_lookup() - what is at an address
 * @root: where
 * @address: any
 * @mapping: filled on success
 *
 * What would be filled in is filled in first.
 *
 * Return: 0; -ENOENT when nothing is there; as dune_map().
 */
int dune_lookup(struct dune_root *root, const void *address,
		struct dune_mapping *mapping);

/**
 * dune_walk() - look at all that is in a range
 * @root: where
 * @address: multiple of 4 KiB
 * @size: multiple of 4 KiB, in bytes
 * @callback: is given each page that overlaps the range, in order, and @data.
 *	May change the bits. A result other than 0 ends the walk. Functions on
 *	roots give it -EDEADLK, fork() fails with that.
 * @data: for the callback
 *
 * What was not yet filled in is left out.
 *
 * Return: 0; what the callback returned; as dune_map().
 */
long dune_walk(struct dune_root *root, void *address, uint64_t size,
	       long (*callback)(struct dune_mapping *mapping, void *data),
	       void *data);

/* For dune_scan(): clear what was found. */
#define DUNE_SCAN_CLEAR		(1U << 0)

/**
 * dune_scan() - read accessed or dirty bits of a whole range
 * @root: where
 * @address: multiple of 4 KiB
 * @size: multiple of 4 KiB, in bytes
 * @bit: DUNE_PTE_ACCESSED or DUNE_PTE_DIRTY
 * @flags: DUNE_SCAN_CLEAR: each is read and cleared in one step; an access
 *	after that sets it again
 * @bitmap: a bit for each 4 KiB, the lowest of the first byte for the first,
 *	set where the page has @bit; (@size / 4 KiB + 7) / 8 bytes. NULL: only
 *	count
 *
 * A larger page has the bit for all of it.
 *
 * Return: how many 4 KiB have it; -EINVAL for another bit or flag; as dune_map().
 */
long dune_scan(struct dune_root *root, void *address, uint64_t size,
	       uint64_t bit, unsigned int flags, uint8_t *bitmap);

/**
 * dune_invalidate() - forget translations, on this thread
 * @address: the first address
 * @size: in bytes; 0: all addresses, global pages too
 *
 * For a program that changes tables by itself; functions here do what is needed.
 *
 * Return: 0; -EINVAL for a range that wraps around; -EPERM.
 */
int dune_invalidate(const void *address, uint64_t size);

/**
 * dune_flush_tlb() - forget translations, on all threads of the process
 * @address: the first address
 * @size: in bytes; 0: all addresses, global pages too
 *
 * INVLPG and the like are for the thread that executes them. After this no
 * thread that is in Dune uses what was there before, in whatever root.
 *
 * Return: 0; -EINVAL for a range that wraps around; -EPERM.
 */
int dune_flush_tlb(const void *address, uint64_t size);

#ifdef __cplusplus
}
#endif

#endif /* DUNE_ROOT_H */
