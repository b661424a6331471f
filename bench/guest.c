// SPDX-License-Identifier: GPL-2.0-only
/* A guest of a few instructions. */
#include <string.h>

#include "guest.h"

#define PRESENT_AND_WRITABLE	3
#define LARGE_PAGE		(1 << 7)

void guest_make(uint64_t physical, char *memory, uint64_t data,
		const void *code, size_t size)
{
	uint64_t *tables = (uint64_t *)memory;
	uint64_t *by_1g = tables + SMALL / sizeof(*tables);
	uint64_t *by_2m = by_1g + SMALL / sizeof(*tables);
	size_t i;

	tables[0] = (physical + SMALL) | PRESENT_AND_WRITABLE;
	by_1g[0] = (physical + 2 * SMALL) | PRESENT_AND_WRITABLE;
	by_2m[GUEST_OWN / LARGE] = physical | PRESENT_AND_WRITABLE | LARGE_PAGE;
	for (i = 0; i < GUEST_DATA_MOST; i++)
		by_2m[GUEST_DATA / LARGE + i] = (data + i * LARGE) |
						PRESENT_AND_WRITABLE |
						LARGE_PAGE;
	memcpy(memory + GUEST_ENTRY - GUEST_OWN, code, size);
}
