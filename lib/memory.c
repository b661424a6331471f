// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * memcpy() and memset() of libdune's own, without vector registers; and whether
 * the process has what a system call points to.
 */
#include "internal.h"

#include <errno.h>
#include <linux/futex.h>
#include <sys/syscall.h>

void *memcpy(void *to, const void *from, size_t size)
{
	void *next = to;

	asm volatile("rep movsb"
		     : "+D" (next), "+S" (from), "+c" (size) : : "memory");
	return to;
}

void *memset(void *to, int byte, size_t size)
{
	void *next = to;

	asm volatile("rep stosb"
		     : "+D" (next), "+c" (size) : "a" (byte) : "memory");
	return to;
}

/* Can @size bytes be read? The kernel looks before it minds the signal. */
bool dune_is_readable(uint64_t address, uint64_t size)
{
	const uint64_t step = sizeof(struct dune_action);

	return CALL4(SYS_rt_sigaction, 0, address, 0, MASK_SIZE) != -EFAULT &&
	       CALL4(SYS_rt_sigaction, 0, address + size - step, 0,
		     MASK_SIZE) != -EFAULT;
}

/* Can the aligned word with this byte be written? It is, without a change. */
bool dune_is_writable(uint64_t address)
{
	static uint32_t nobody_waits;

	return dune_syscall(SYS_futex, (long)&nobody_waits,
			    FUTEX_WAKE_OP_PRIVATE, 0, 0, address & ~3UL,
			    FUTEX_OP(FUTEX_OP_OR, 0, FUTEX_OP_CMP_EQ, 0)) !=
	       -EFAULT;
}
