// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Memory that a root shows when it is first used. What is behind an address the
 * nested page table decides, so an ordinary mmap() or munmap() changes nothing
 * in the guest's tables.
 */
#include "internal.h"
#include "table.h"

#include <errno.h>

uint64_t dune_generation;

static int fill_root(struct dune_thread *thread, uint64_t address)
{
	struct dune_root *root = thread->root;

	/* where a process cannot have any the kernel knows what to say */
	if (address >> 47)
		return -EEXIST;
	if (!(root->flags & DUNE_ROOT_FILL))
		return dune_bits_at(root, address) ? -EEXIST : -ENOENT;
	return dune_table_fill(thread->vcpu, root, address);
}

static int fill(struct dune_thread *thread, uint64_t address)
{
	uint64_t flags;
	int err;

	if (dune_is_own(address)) {
		err = dune_own_fill(thread->vcpu, address);
		/* another thread may have done so since the fault */
		return err == -EEXIST && dune_is_readable(address & -32, 32) ?
		       0 : err;
	}
	/* in what dune_walk() calls the thread has them itself */
	if (thread->has_tables)
		return fill_root(thread, address);
	flags = dune_lock_masked(DUNE_LOCK_TABLES);
	err = fill_root(thread, address);
	dune_unlock_masked(DUNE_LOCK_TABLES, flags);
	return err;
}

/**
 * dune_fill_fault() - look into a fault at an address that the guest did not see
 * @thread: whose guest it is; this is its host's side
 * @address: the address
 *
 * Return: DUNE_FILL_AGAIN when it is to try again: it sees the address now; or
 * some, perhaps this, has changed since the thread's last fault.
 * DUNE_FILL_KERNEL when its tables have it, so that it is the process that has
 * no memory there. DUNE_FILL_PROGRAM when the program took it away, or there
 * is no room to show it.
 */
enum dune_fill dune_fill_fault(struct dune_thread *thread, uint64_t address)
{
	uint64_t seen = thread->generation;
	int err = fill(thread, address);

	thread->generation = __atomic_load_n(&dune_generation, __ATOMIC_ACQUIRE);
	if (!err || (err == -EEXIST && thread->generation != seen))
		return DUNE_FILL_AGAIN;
	return err == -EEXIST ? DUNE_FILL_KERNEL : DUNE_FILL_PROGRAM;
}
