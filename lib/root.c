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
struct dune_root dune_roots[DUNE_ROOTS];
bool dune_root_tags;

/* Where to look for one that is not used. */
static unsigned int next;

/**
 * dune_root_begin() - begin what the program asked for
 * @hold: filled, for dune_root_end()
 *
 * Return: 0; -EPERM where it may not; -EDEADLK within dune_walk().
 */
int dune_root_begin(struct dune_hold *hold)
{
	hold->thread = dune_self();
	if (!hold->thread)
		return -EPERM;
	if (hold->thread->has_tables)
		return -EDEADLK;
	/* as dune_lock_masked(), where it is known that this is ring 0 */
	hold->flags = dune_mask_interrupts();
	dune_lock(DUNE_LOCK_TABLES);
	hold->thread->has_tables = true;
	return 0;
}

void dune_root_end(struct dune_hold *hold)
{
	hold->thread->has_tables = false;
	dune_unlock(DUNE_LOCK_TABLES);
	dune_restore_interrupts(hold->flags);
}

/* To be held. */
static struct dune_root *free_root(void)
{
	unsigned int i, number;

	for (i = 0; i < DUNE_ROOTS; i++) {
		number = (next + i) % DUNE_ROOTS;
		if (!dune_roots[number].top) {
			next = number + 1;
			return &dune_roots[number];
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
	root->top = dune_table_new(vcpu, &entry);
	if (!root->top)
		return -ENOMEM;
	root->top[dune_own_slot()] = own;
	root->flags = flags;
	root->cr3 = entry & PTE_FRAME;
	if (dune_root_tags)
		root->cr3 |= root - dune_roots;
	return 0;
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
	uint64_t flags = dune_lock_masked(DUNE_LOCK_TABLES);
	int err;

	if (dune_roots[0].top) {
		/* without a virtual CPU the kernel has forgotten what it gave */
		err = dune_window_again(vcpu);
	} else {
		dune_root_tags = tagged;
		err = make_root(vcpu, &dune_roots[0], DUNE_ROOT_FILL) ?:
		      dune_image_map(vcpu, &dune_roots[0]);
		if (err && dune_roots[0].top)
			dune_map_free(&dune_roots[0]);
	}
	dune_unlock_masked(DUNE_LOCK_TABLES, flags);
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
		if (!dune_table_new(vcpu, &to[i]))
			return -ENOMEM;
		err = clone_table(vcpu, dune_table_of(to[i]),
				  dune_table_of(value), level - 1);
		if (err)
			return err;
	}
	return 0;
}

/* @from: whose tables are copied; NULL: it shows libdune only */
static int add_root(struct dune_root **new, unsigned int flags,
		    const struct dune_root *from)
{
	struct dune_hold hold;
	struct dune_root *root;
	int vcpu, err = dune_root_begin(&hold);

	if (err)
		return err;
	vcpu = hold.thread->vcpu;
	root = free_root();
	if (from)
		flags = from->flags;
	if (flags & ~DUNE_ROOT_FILL)
		err = -EINVAL;
	else
		err = root ? make_root(vcpu, root, flags) : -ENOSPC;
	if (err)
		goto out;
	err = from ? clone_table(vcpu, root->top, from->top, LEVELS) :
		     dune_image_map(vcpu, root);
	if (err)
		dune_map_free(root);
	else
		*new = root;
out:
	dune_root_end(&hold);
	return err;
}

int dune_root_create(struct dune_root **new, unsigned int flags)
{
	return add_root(new, flags, NULL);
}

int dune_root_clone(struct dune_root **copy, struct dune_root *root)
{
	return add_root(copy, 0, root);
}

int dune_root_destroy(struct dune_root *root)
{
	struct dune_hold hold;
	int err = dune_root_begin(&hold);

	if (err)
		return err;
	if (root == dune_roots)
		err = -EINVAL;
	else if (dune_root_in_use(root))
		err = -EBUSY;
	if (!err) {
		/* the TLB is not to know its number when that is used again */
		dune_flush_tlb(NULL, 0);
		dune_map_free(root);
		next = root - dune_roots;
	}
	dune_root_end(&hold);
	return err;
}

int dune_root_switch(struct dune_root *root)
{
	struct dune_thread *thread = dune_self();
	uint64_t flags;

	if (!thread)
		return -EPERM;
	flags = dune_mask_interrupts();
	thread->root = root;
	asm volatile("mov %0, %%cr3" : : "r" (root->cr3 |
		     (dune_root_tags ? CR3_NO_FLUSH : 0)) : "memory");
	dune_restore_interrupts(flags);
	return 0;
}

struct dune_root *dune_root_current(void)
{
	struct dune_thread *thread = dune_self();

	return thread ? thread->root : NULL;
}
