// SPDX-License-Identifier: LGPL-2.1-or-later
/* memcpy() and memset() of libdune's own, without vector registers. */
#include "internal.h"

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
