// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Locks of the host's side. Who has to wait sleeps: the one that holds it may
 * be of a lower priority.
 */
#include "internal.h"

#include <linux/futex.h>
#include <sys/syscall.h>

enum { FREE, HELD, WAITED_FOR };

void dune_lock(int *lock)
{
	int state = FREE;

	if (__atomic_compare_exchange_n(lock, &state, HELD, false,
					__ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
		return;
	while (__atomic_exchange_n(lock, WAITED_FOR, __ATOMIC_ACQUIRE) != FREE)
		CALL4(SYS_futex, lock, FUTEX_WAIT_PRIVATE, WAITED_FOR, NULL);
}

void dune_unlock(int *lock)
{
	if (__atomic_exchange_n(lock, FREE, __ATOMIC_RELEASE) == WAITED_FOR)
		CALL3(SYS_futex, lock, FUTEX_WAKE_PRIVATE, 1);
}
