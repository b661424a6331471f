/* SPDX-License-Identifier: GPL-2.0-only */
/* A guest that counts in memory while the host does something to it. */
#ifndef DUNE_SELFTESTS_GUEST_SWEEP_H
#define DUNE_SELFTESTS_GUEST_SWEEP_H

#include <pthread.h>
#include <stdatomic.h>

#include "guest_memory.h"

/* What the guest and the process tell each other, in a page of its own. */
struct sweep_control {
	atomic_ulong stop;
	atomic_ulong rounds;
	atomic_ulong rest;	/* between two rounds */
	uint64_t stride;	/* in words */
};

struct sweep {
	struct guest *guest;
	atomic_ulong *memory;
	uint64_t pages;
	struct sweep_control *control;
	uint32_t exit_reason;
	pthread_t thread;
};

/* In the guest: adds one to a word of every page, again and again. */
static GUEST_FUNCTION uint64_t sweep_pages(void *memory, uint64_t pages,
					   uint64_t control_address)
{
	struct sweep_control *control = (void *)control_address;
	atomic_ulong *words = memory;
	uint64_t stride = control->stride, page, i;

	while (!control->stop) {
		for (i = 0; i < control->rest; i++)
			;
		for (page = 0; page < pages; page++)
			words[page * stride]++;
		control->rounds++;
	}
	return 0;
}

static inline void *sweep_thread(void *data)
{
	struct sweep *sweep = data;

	sweep->exit_reason = guest_call(sweep->guest, sweep_pages,
					sweep->memory, sweep->pages,
					(uint64_t)sweep->control);
	sweep->control->stop = 1;
	return NULL;
}

/* Waits until the guest has been everywhere once more. */
static inline void sweep_go_on(struct sweep *sweep)
{
	uint64_t rounds = sweep->control->rounds;

	while (sweep->control->rounds < rounds + 2 && !sweep->control->stop)
		sched_yield();
}

/* The words are zero; the guest can see the memory. */
static inline bool sweep_start_sparse(struct sweep *sweep, struct guest *guest,
				      void *memory, uint64_t pages,
				      uint64_t stride)
{
	*sweep = (struct sweep){
		.guest = guest,
		.memory = memory,
		.pages = pages,
	};
	sweep->control = guest_alloc(PAGE);
	if (sweep->control == MAP_FAILED)
		return false;
	sweep->control->stride = stride;
	guest_map(guest, sweep->control);
	if (pthread_create(&sweep->thread, NULL, sweep_thread, sweep))
		return false;
	sweep_go_on(sweep);
	return true;
}

/* In pages that follow each other. */
static inline bool sweep_start(struct sweep *sweep, struct guest *guest,
			       void *memory, uint64_t pages)
{
	return sweep_start_sparse(sweep, guest, memory, pages, WORDS);
}

/* Whether the guest ran to the end and every addition is there. */
static inline bool sweep_stop(struct sweep *sweep)
{
	bool running = !sweep->control->stop;
	uint64_t page;

	sweep->control->stop = 1;
	pthread_join(sweep->thread, NULL);
	if (!running || sweep->exit_reason != DUNE_EXIT_SYSCALL)
		return false;
	for (page = 0; page < sweep->pages; page++)
		if (sweep->memory[page * sweep->control->stride] !=
		    sweep->control->rounds)
			return false;
	return true;
}

#endif /* DUNE_SELFTESTS_GUEST_SWEEP_H */
