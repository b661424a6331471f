/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A guest of a few instructions in 64-bit mode, with tables and code in 2 MiB
 * of memory of its own: the same for /dev/dune and for /dev/kvm.
 */
#ifndef BENCH_GUEST_H
#define BENCH_GUEST_H

#include <stddef.h>
#include <stdint.h>

#include "memory.h"

/* Where it finds its own memory, and what is shown to it besides. */
#define GUEST_OWN	LARGE
#define GUEST_DATA	(2 * LARGE)
#define GUEST_DATA_MOST	8		/* large pages */

/* Where it begins. */
#define GUEST_ENTRY	(GUEST_OWN + 3 * SMALL)

/**
 * guest_make() - its memory, with tables and code
 * @physical: where the guest has it
 * @memory: 2 MiB of it, all zero
 * @data: where the guest has what it finds at GUEST_DATA
 * @code: instructions
 * @size: of @code
 */
void guest_make(uint64_t physical, char *memory, uint64_t data,
		const void *code, size_t size);

#endif /* BENCH_GUEST_H */
