// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Locks of the host's side. Who has to wait sleeps: the one that holds it may
 * be of a lower priority.
 */
#include "internal.h"

#include <linux/futex.h>
#include <sys/syscall.h>

enum { FREE, HELD, WAITED_FOR };

static int locks[DUNE_LOCKS];

/* Apart, so that who need not wait saves no registers. */
__attribute__((noinline))
static void wait_for(int *lock)
{
	while (__atomic_exchange_n(lock, WAITED_FOR, __ATOMIC_ACQUIRE) != FREE)
		CALL4(SYS_futex, lock, FUTEX_WAIT_PRIVATE, WAITED_FOR, NULL);
}

void dune_lock(enum dune_lock_name name)
{
	int *lock = &locks[name], state = FREE;

	if (!__atomic_compare_exchange_n(lock, &state, HELD, false,
					 __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
		wait_for(lock);
}

void dune_unlock(enum dune_lock_name name)
{
	int *lock = &locks[name];

	if (__atomic_exchange_n(lock, FREE, __ATOMIC_RELEASE) == WAITED_FOR)
		CALL3(SYS_futex, lock, FUTEX_WAKE_PRIVATE, 1);
}

/**
 * dune_lock_masked() - take a lock that signal handlers of the guest take, too
 * @name: of the lock
 *
 * On the guest's side no signal comes until it is released. On the host's none
 * has a handler that takes any.
 *
 * Return: for dune_unlock_masked().
 */
uint64_t dune_lock_masked(enum dune_lock_name name)
{
	uint64_t flags = dune_in_ring0() ? dune_mask_interrupts() : 0;

	dune_lock(name);
	return flags;
}

void dune_unlock_masked(enum dune_lock_name name, uint64_t flags)
{
	dune_unlock(name);
	dune_restore_interrupts(flags);
}

/* Before a child is made, which is to find none held by another thread. */
void dune_lock_all(void)
{
	int i;

	for (i = 0; i < DUNE_LOCKS; i++)
		dune_lock(i);
}

void dune_unlock_all(void)
{
	int i;

	for (i = DUNE_LOCKS - 1; i >= 0; i--)
		dune_unlock(i);
}
