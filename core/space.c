// SPDX-License-Identifier: GPL-2.0-only
/* A process in Dune: its life, its windows, and what the host takes away. */
#include <linux/cpumask.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/pid.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/smp.h>

#include "compat.h"
#include "hardware.h"
#include "space.h"
#include "stats.h"
#include "vcpu.h"

#define USER_ADDRESS_BITS	47

/* Most processes use a few only, the widest CPUs have more than 100,000. */
#define WINDOWS_AT_FIRST	32U

/* How many there ever were. */
static atomic64_t spaces;

/*
 * How many windows there can be; 0: as many as there are addresses, and none is
 * needed, each gibibyte is where its address says.
 */
static unsigned int window_limit(void)
{
	u32 bits = dune_hardware.caps.guest_phys_bits;

	return bits < USER_ADDRESS_BITS ? 1U << (bits - DUNE_WINDOW_SHIFT) : 0;
}

static struct dune_space *space_of(struct mmu_notifier *notifier)
{
	return container_of(notifier, struct dune_space, notifier);
}

/* The other CPU need do nothing: it flushes before it enters again. */
static void kicked(void *unused)
{
}

/**
 * dune_space_flush() - no CPU uses a translation that is older than this call
 * @space: the space, locked
 *
 * Sends every CPU that is in this guest out of it, and waits for that. Entering
 * pairs with it: vcpu->in_guest is set before the generation is read.
 */
void dune_space_flush(struct dune_space *space)
{
	struct dune_vcpu *vcpu;
	cpumask_var_t cpus;
	bool some = zalloc_cpumask_var(&cpus, GFP_ATOMIC);
	int cpu;

	lockdep_assert_held(&space->lock);
	atomic64_inc(&space->tlb_generation);
	/* Pairs with enter() in run.c. */
	smp_mb__after_atomic();

	list_for_each_entry(vcpu, &space->vcpus, link) {
		cpu = READ_ONCE(vcpu->in_guest);
		if (cpu >= 0 && some)
			cpumask_set_cpu(cpu, cpus);
	}
	if (!some)
		on_each_cpu(kicked, NULL, 1);
	else
		on_each_cpu_mask(cpus, kicked, NULL, 1);
	free_cpumask_var(cpus);
	dune_npt_free_retired(&space->npt);
}
EXPORT_SYMBOL_IF_DUNE_KUNIT(dune_space_flush);

typedef bool range_action(struct dune_npt *npt, u64 start, u64 end);

/* Does something to a range of the process wherever the guest sees it. */
static bool on_range(struct dune_space *space, u64 start, u64 end,
		     range_action *action)
{
	u64 size = 1ULL << DUNE_WINDOW_SHIFT;
	bool any = false;
	unsigned int i;

	/* The host may mean all there is by an end far beyond. */
	end = min(end, 1ULL << USER_ADDRESS_BITS);
	if (!window_limit())
		return action(&space->npt, start, end);

	for (i = 0; i < space->window_count; i++) {
		u64 base = space->windows[i] * size, gpa = i * size;
		u64 from = max(start, base), to = min(end, base + size);

		if (from < to)
			any |= action(&space->npt, gpa + (from - base),
				      gpa + (to - base));
	}
	return any;
}

static bool zap_range(struct dune_space *space, u64 start, u64 end)
{
	return on_range(space, start, end, dune_npt_zap);
}

static int invalidate_range_start(struct mmu_notifier *notifier,
				  const struct mmu_notifier_range *range)
{
	struct dune_space *space = space_of(notifier);

	spin_lock(&space->lock);
	space->invalidating++;
	if (zap_range(space, range->start, range->end))
		dune_space_flush(space);
	spin_unlock(&space->lock);
	return 0;
}

static void invalidate_range_end(struct mmu_notifier *notifier,
				 const struct mmu_notifier_range *range)
{
	struct dune_space *space = space_of(notifier);

	spin_lock(&space->lock);
	space->sequence++;
	space->invalidating--;
	spin_unlock(&space->lock);
}

/*
 * The host looks whether a page was used. The next use by the guest must show
 * in the host's entry again, so it has to fault.
 */
static dune_young_t clear_flush_young(struct mmu_notifier *notifier,
				      struct mm_struct *mm,
				      unsigned long start, unsigned long end)
{
	struct dune_space *space = space_of(notifier);
	bool used;

	spin_lock(&space->lock);
	used = zap_range(space, start, end);
	if (used)
		dune_space_flush(space);
	spin_unlock(&space->lock);
	return used;
}

/* The host would not mind a late flush; tables that went away do. */
static dune_young_t clear_young(struct mmu_notifier *notifier,
				struct mm_struct *mm, unsigned long start,
				unsigned long end)
{
	return clear_flush_young(notifier, mm, start, end);
}

static dune_young_t test_young(struct mmu_notifier *notifier,
			       struct mm_struct *mm, unsigned long address)
{
	struct dune_space *space = space_of(notifier);
	bool used;

	spin_lock(&space->lock);
	used = on_range(space, address, address + PAGE_SIZE, dune_npt_any);
	spin_unlock(&space->lock);
	return used;
}

static void mm_gone(struct mmu_notifier *notifier, struct mm_struct *mm)
{
	struct dune_space *space = space_of(notifier);

	spin_lock(&space->lock);
	if (zap_range(space, 0, 1ULL << USER_ADDRESS_BITS))
		dune_space_flush(space);
	spin_unlock(&space->lock);
}

static struct mmu_notifier *space_alloc(struct mm_struct *mm)
{
	struct dune_space *space;
	int err;

	space = kzalloc(sizeof(*space), GFP_KERNEL_ACCOUNT);
	if (!space)
		return ERR_PTR(-ENOMEM);
	spin_lock_init(&space->lock);
	space->number = atomic64_inc_return(&spaces);
	INIT_LIST_HEAD(&space->vcpus);
	err = dune_npt_init(&space->npt, dune_hardware.hal->npt);
	if (err)
		goto free_space;
	space->pid = get_pid(task_tgid(current));
	dune_stats_list(space);
	return &space->notifier;

free_space:
	kfree(space);
	return ERR_PTR(err);
}

static void space_free(struct mmu_notifier *notifier)
{
	struct dune_space *space = space_of(notifier);

	WARN_ON(!list_empty(&space->vcpus));
	dune_stats_unlist(space);
	put_pid(space->pid);
	dune_npt_destroy(&space->npt);
	kvfree(space->windows);
	kfree(space);
}

static const struct mmu_notifier_ops space_ops = {
	.release = mm_gone,
	.clear_flush_young = clear_flush_young,
	.clear_young = clear_young,
	.test_young = test_young,
	.invalidate_range_start = invalidate_range_start,
	.invalidate_range_end = invalidate_range_end,
	.alloc_notifier = space_alloc,
	.free_notifier = space_free,
};

/**
 * dune_space_get() - the space of the calling process, made if it has none
 *
 * Return: a reference, to be given back by dune_space_put(); or an ERR_PTR:
 * -ENOMEM; -ERESTARTNOINTR when a signal is to be taken first.
 */
struct dune_space *dune_space_get(void)
{
	struct mmu_notifier *notifier;

	notifier = mmu_notifier_get(&space_ops, current->mm);
	/* It gives up for any signal, one that stops the thread too. */
	if (notifier == ERR_PTR(-EINTR))
		return ERR_PTR(-ERESTARTNOINTR);
	if (IS_ERR(notifier))
		return ERR_CAST(notifier);
	return space_of(notifier);
}
EXPORT_SYMBOL_IF_DUNE_KUNIT(dune_space_get);

/**
 * dune_space_put() - give a reference back
 * @space: the space
 */
void dune_space_put(struct dune_space *space)
{
	mmu_notifier_put(&space->notifier);
}
EXPORT_SYMBOL_IF_DUNE_KUNIT(dune_space_put);

/** dune_space_synchronize() - wait until every space given back is freed */
void dune_space_synchronize(void)
{
	mmu_notifier_synchronize();
}
EXPORT_SYMBOL_IF_DUNE_KUNIT(dune_space_synchronize);

/* Without the lock. */
static int make_room(struct dune_space *space, unsigned int room)
{
	u32 *windows = kvcalloc(room, sizeof(*windows), GFP_KERNEL_ACCOUNT);

	if (!windows)
		return -ENOMEM;
	spin_lock(&space->lock);
	if (space->window_room < room) {
		memcpy(windows, space->windows,
		       space->window_count * sizeof(*windows));
		swap(windows, space->windows);
		space->window_room = room;
	}
	spin_unlock(&space->lock);
	/* What there was, or, if another thread was faster, what there is not. */
	kvfree(windows);
	return 0;
}

/*
 * Finds a window, or hands out one; locked. Returns its number, or how many
 * there are if there is no room for one more.
 */
static unsigned int find_window(struct dune_space *space, u32 wanted)
{
	unsigned int i;

	for (i = 0; i < space->window_count; i++)
		if (space->windows[i] == wanted)
			return i;
	if (i < space->window_room) {
		space->windows[i] = wanted;
		space->window_count++;
	}
	return i;
}

/**
 * dune_window_get() - where the guest finds a gibibyte of the process
 * @space: the process
 * @address: an address in it
 * @gpa: set to the beginning of the window
 *
 * Return: 0; -EINVAL for an address that is not the process's; -ENOSPC when
 * guest-physical memory is used up; -ENOMEM.
 */
int dune_window_get(struct dune_space *space, u64 address, u64 *gpa)
{
	unsigned int limit = window_limit(), i, room;
	u32 wanted = address >> DUNE_WINDOW_SHIFT;
	int err = 0;

	if (address >> USER_ADDRESS_BITS)
		return -EINVAL;
	if (!limit) {
		*gpa = (u64)wanted << DUNE_WINDOW_SHIFT;
		return 0;
	}

	do {
		spin_lock(&space->lock);
		i = find_window(space, wanted);
		room = space->window_room;
		spin_unlock(&space->lock);
		if (i < room)
			break;
		err = room == limit ? -ENOSPC :
		      make_room(space, min(max(2 * room, WINDOWS_AT_FIRST),
					   limit));
	} while (!err);
	*gpa = (u64)i << DUNE_WINDOW_SHIFT;
	return err;
}
EXPORT_SYMBOL_IF_DUNE_KUNIT(dune_window_get);

/**
 * dune_window_address() - what a guest-physical address shows
 * @space: the process
 * @gpa: the guest-physical address
 * @address: set to the address in the process
 *
 * Return: whether it shows anything.
 */
bool dune_window_address(struct dune_space *space, u64 gpa, u64 *address)
{
	u64 window = gpa >> DUNE_WINDOW_SHIFT;
	bool shown;

	if (!window_limit()) {
		*address = gpa;
		return !(gpa >> USER_ADDRESS_BITS);
	}
	spin_lock(&space->lock);
	shown = window < space->window_count;
	if (shown)
		*address = (u64)space->windows[window] << DUNE_WINDOW_SHIFT |
			   (gpa & ((1ULL << DUNE_WINDOW_SHIFT) - 1));
	spin_unlock(&space->lock);
	return shown;
}
EXPORT_SYMBOL_IF_DUNE_KUNIT(dune_window_address);
