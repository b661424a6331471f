/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A process in Dune: one space for each mm, shared by its threads.
 *
 * Its nested page table mirrors the host's page table lazily and with no more
 * rights; the mmu notifier takes away what the host takes away.
 */
#ifndef DUNE_SPACE_H
#define DUNE_SPACE_H

#include <linux/list.h>
#include <linux/mmu_notifier.h>
#include <linux/sched.h>
#include <linux/spinlock.h>

#include "npt.h"

/**
 * struct dune_space - a process in Dune
 * @notifier: ties it to its mm and counts its users
 * @lock: protects what follows
 * @npt: the nested page table
 * @invalidating: how many invalidations are under way
 * @sequence: how many have ended; with @invalidating it tells a fault whether
 *	what it read from the host's page table is still true
 * @vcpus: its virtual CPUs
 * @vcpu_count: how many
 * @window_count: how many windows of guest-physical memory are handed out
 * @window_room: how many @windows has room for
 * @windows: which gibibyte of the process each window shows
 * @past: what virtual CPUs did that are gone
 * @number: no other ever has had it; from 1 on
 * @listed: among all spaces, for statistics
 * @pid: the process that made it
 * @tlb_generation: grows when translations cached by a CPU became false; a
 *	virtual CPU that has an older one flushes before it enters
 */
struct dune_space {
	struct mmu_notifier notifier;

	/* Innermost; taken inside mmap_lock and by the notifier in atomic context. */
	spinlock_t lock;
	struct dune_npt npt;
	unsigned long invalidating;
	unsigned long sequence;
	struct list_head vcpus;
	unsigned int vcpu_count;
	unsigned int window_count;
	unsigned int window_room;
	u32 *windows;
	struct dune_stats past;

	u64 number;
	struct list_head listed;
	struct pid *pid;
	atomic64_t tlb_generation;
};

struct dune_space *dune_space_get(void);
void dune_space_put(struct dune_space *space);
void dune_space_synchronize(void);
void dune_space_flush(struct dune_space *space);

static inline bool dune_space_is_current(const struct dune_space *space)
{
	return space->notifier.mm == current->mm;
}

/* Windows: guest-physical memory, handed out by the gibibyte. */
int dune_window_get(struct dune_space *space, u64 address, u64 *gpa);
bool dune_window_address(struct dune_space *space, u64 gpa, u64 *address);

/* fault.c */
struct dune_exit;
struct dune_vcpu;
int dune_space_fault(struct dune_vcpu *vcpu, const struct dune_exit *exit,
		     u64 *address);

#endif /* DUNE_SPACE_H */
