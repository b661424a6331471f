// SPDX-License-Identifier: GPL-2.0-only
/*
 * Page walks: a chain of pointers, one in each page, in an order that nothing
 * can foresee, over more pages than the TLB has entries for. On hardware each
 * step is a miss and a walk, of one table in Linux and of two in Dune. An
 * emulator counts one instruction a step, whatever it walks: there the figure
 * says nothing.
 */
#include <stdlib.h>

#include "bench.h"
#include "memory.h"

#define STEPS	100000
#define LINE	64UL

/* TLBs have about 2,000 entries for small pages, as of 2026. */
#define SMALL_AREA	(128UL << 20)

/* Most have as many for large ones: as far as memory goes. */
#define LARGE_AREA	(8UL << 30)

static void **position;

/* The same order each time: a linear congruential generator, of 2^64. */
static uint64_t next_random(void)
{
	static uint64_t state = 1;

	state = state * 6364136223846793005 + 1442695040888963407;
	return state >> 33;
}

/* Sattolo's algorithm: all in one cycle. */
static void shuffle(uint32_t *order, uint32_t count)
{
	uint32_t i, other, kept;

	for (i = 0; i < count; i++)
		order[i] = i;
	for (i = count - 1; i > 0; i--) {
		other = next_random() % i;
		kept = order[i];
		order[i] = order[other];
		order[other] = kept;
	}
}

/* The lines differ, or all pointers were in one set of the cache. */
static void **pointer_in(char *area, size_t page, uint32_t number)
{
	return (void **)(area + number * page + number * LINE % SMALL);
}

static int make_chain(size_t size, size_t page)
{
	uint32_t count = size / page, i;
	uint32_t *order = malloc(count * sizeof(*order));
	char *area;

	must(order, "malloc()");
	area = memory_map(size, page, MEMORY_PRESENT);
	shuffle(order, count);
	for (i = 0; i < count; i++)
		*pointer_in(area, page, order[i]) =
			pointer_in(area, page, order[(i + 1) % count]);
	position = pointer_in(area, page, order[0]);
	free(order);
	return 0;
}

static int make_small(void)
{
	memory_need(2 * SMALL_AREA);
	return make_chain(SMALL_AREA, SMALL);
}

static int make_large(void)
{
	size_t size = memory_available() / 2 / LARGE * LARGE;

	memory_need(32 * LARGE);
	return make_chain(size < LARGE_AREA ? size : LARGE_AREA, LARGE);
}

static void walk(unsigned int steps)
{
	void **here = position;

	while (steps--)
		__asm__ volatile("mov (%0), %0" : "+r" (here) : : "memory");
	position = here;
}

#define LINUX	.how = "Linux"
#define DUNE	.how = "Dune", .dune = true

/* The first root has the largest pages there are, unless told otherwise. */
#define DUNE_SMALL	.how = "Dune, 4 KiB tables", .dune = true, .fill_size = SMALL
#define DUNE_LARGE	.how = "Dune, 2 MiB tables", .dune = true, .fill_size = LARGE

#define WALK	.per = "access", .operations = STEPS, .run = walk
#define WALK_SMALL	.row = "page walk, 4 KiB", .begin = make_small, WALK
#define WALK_LARGE	.row = "page walk, 2 MiB", .begin = make_large, WALK

const struct bench walk_benches[] = {
	{ WALK_SMALL, LINUX }, { WALK_SMALL, DUNE }, { WALK_SMALL, DUNE_SMALL },
	{ WALK_LARGE, LINUX }, { WALK_LARGE, DUNE }, { WALK_LARGE, DUNE_LARGE },
	{ 0 }
};
