// SPDX-License-Identifier: LGPL-2.1-or-later
/* Page roots: how they are made, used and freed. */
#include "internal.h"
#include "table.h"

#include <errno.h>

/* To keep the TLB when CR3 is loaded (Intel SDM, "MOV - Move to/from Control
 * Registers").
 */
#define CR3_NO_FLUSH	(1ULL << 63)

/* By the number by which the TLB knows them; the first has none. */
static struct dune_root roots[DUNE_ROOTS];

static struct {
	bool tagged;		/* the TLB tells roots apart */
	unsigned int next;	/* where to look for a free one */
} all;

/**
 * dune_tables_lock() - have all roots to oneself
 *
 * Return: for dune_tables_unlock().
 */
uint64_t dune_tables_lock(void)
{
	return dune_lock_masked(&dune_locks[DUNE_LOCK_TABLES]);
}

void dune_tables_unlock(uint64_t flags)
{
	dune_unlock_masked(&dune_locks[DUNE_LOCK_TABLES], flags);
}

/**
 * dune_root_begin() - begin what the program asked for
 * @hold: filled, for dune_root_end()
 *
 * Return: 0; -EPERM where it may not; -EDEADLK within dune_walk().
 */
int dune_root_begin(struct dune_hold *hold)
{
	if (!dune_in_ring0())
		return -EPERM;
	hold->thread = dune_self();
	if (!hold->thread)
		return -EPERM;
	if (hold->thread->has_tables)
		return -EDEADLK;
	hold->flags = dune_mask_interrupts();
	dune_lock(&dune_locks[DUNE_LOCK_TABLES]);
	hold->thread->has_tables = true;
	return 0;
}

void dune_root_end(struct dune_hold *hold)
{
	hold->thread->has_tables = false;
	dune_unlock(&dune_locks[DUNE_LOCK_TABLES]);
	dune_restore_interrupts(hold->flags);
}

/* To be held. */
static struct dune_root *free_root(void)
{
	unsigned int i, number;

	for (i = 0; i < DUNE_ROOTS; i++) {
		number = (all.next + i) % DUNE_ROOTS;
		if (!roots[number].top) {
			all.next = number + 1;
			return &roots[number];
		}
	}
	return NULL;
}

static int make_root(int vcpu, struct dune_root *root, unsigned int flags)
{
	pte_t entry, own;
	int err = dune_own_entry(vcpu, &own);

	if (err)
		return err;
	root->top = dune_table_new(vcpu, &entry, 0);
	if (!root->top)
		return -ENOMEM;
	root->top[dune_own_slot()] = own;
	root->flags = flags;
	root->cr3 = entry & PTE_FRAME;
	if (all.tagged)
		root->cr3 |= root - roots;
	return 0;
}

/* All but what every root has. */
static void free_tables(struct dune_root *root)
{
	unsigned int i;

	for (i = 0; i < ENTRIES; i++)
		if (i != dune_own_slot())
			dune_table_free(root->top[i], LEVELS);
	dune_page_put(root->top);
	root->top = NULL;
}

/**
 * dune_root_init() - make the first root, where it is not there
 * @vcpu: descriptor of the calling thread's virtual CPU
 * @tagged: the guest has PCID
 *
 * Return: 0; as dune_root_create().
 */
int dune_root_init(int vcpu, bool tagged)
{
	uint64_t flags = dune_tables_lock();
	int err;

	if (roots[0].top) {
		/* without a virtual CPU the kernel has forgotten what it gave */
		err = dune_window_again(vcpu);
	} else {
		all.tagged = tagged;
		err = make_root(vcpu, &roots[0], DUNE_ROOT_FILL);
		if (!err)
			err = dune_image_map(vcpu, &roots[0]);
		if (err && roots[0].top)
			free_tables(&roots[0]);
	}
	dune_tables_unlock(flags);
	return err;
}

struct dune_root *dune_root_first(void)
{
	return &roots[0];
}

uint64_t dune_root_cr3(const struct dune_root *root)
{
	return root->cr3;
}

bool dune_root_tagged(void)
{
	return all.tagged;
}

int dune_root_create(struct dune_root **new, unsigned int flags)
{
	struct dune_hold hold;
	struct dune_root *root;
	int err = dune_root_begin(&hold);

	if (err)
		return err;
	err = -EINVAL;
	if (flags & ~DUNE_ROOT_FILL)
		goto out;
	root = free_root();
	err = root ? make_root(hold.thread->vcpu, root, flags) : -ENOSPC;
	if (err)
		goto out;
	err = dune_image_map(hold.thread->vcpu, root);
	if (err)
		free_tables(root);
	else
		*new = root;
out:
	dune_root_end(&hold);
	return err;
}

/* A table of its own for each one below; the entries are copied. */
static int clone_table(int vcpu, pte_t *to, const pte_t *from, int level)
{
	unsigned int i;

	for (i = 0; i < ENTRIES; i++) {
		pte_t value = read_entry(&from[i]);
		int err;

		if (level == LEVELS && i == dune_own_slot())
			continue;
		if (!is_present(value) || is_leaf(value, level)) {
			to[i] = value;
			continue;
		}
		if (!dune_table_new(vcpu, &to[i], 0))
			return -ENOMEM;
		err = clone_table(vcpu, dune_table_of(to[i]),
				  dune_table_of(value), level - 1);
		if (err)
			return err;
	}
	return 0;
}

int dune_root_clone(struct dune_root **copy, struct dune_root *root)
{
	struct dune_hold hold;
	struct dune_root *new;
	int err = dune_root_begin(&hold);

	if (err)
		return err;
	new = free_root();
	err = new ? make_root(hold.thread->vcpu, new, root->flags) : -ENOSPC;
	if (err)
		goto out;
	err = clone_table(hold.thread->vcpu, new->top, root->top, LEVELS);
	if (err)
		free_tables(new);
	else
		*copy = new;
out:
	dune_root_end(&hold);
	return err;
}

int dune_root_destroy(struct dune_root *root)
{
	struct dune_hold hold;
	int err = dune_root_begin(&hold);

	if (err)
		return err;
	if (root == roots)
		err = -EINVAL;
	else if (dune_root_in_use(root))
		err = -EBUSY;
	if (!err) {
		/* the TLB is not to know its number when that is used again */
		dune_flush_tlb(NULL, 0);
		free_tables(root);
		all.next = root - roots;
	}
	dune_root_end(&hold);
	return err;
}

int dune_root_switch(struct dune_root *root)
{
	struct dune_thread *thread = dune_in_ring0() ? dune_self() : NULL;
	uint64_t flags;

	if (!thread)
		return -EPERM;
	flags = dune_mask_interrupts();
	thread->root = root;
	asm volatile("mov %0, %%cr3" : : "r" (root->cr3 |
		     (all.tagged ? CR3_NO_FLUSH : 0)) : "memory");
	dune_restore_interrupts(flags);
	return 0;
}

struct dune_root *dune_root_current(void)
{
	struct dune_thread *thread = dune_in_ring0() ? dune_self() : NULL;

	return thread ? thread->root : NULL;
}
