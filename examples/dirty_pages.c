// SPDX-License-Identifier: LGPL-2.1-or-later
/* Which pages were written to since the last time: dirty bits. */
#include <dune/dune.h>

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define PAGES	16
#define SIZE	(PAGES * DUNE_PAGE_SIZE)

static char memory[SIZE] __attribute__((aligned(4096)));

/* Prints and forgets them. */
static long print_dirty(const char *when)
{
	uint8_t dirty[PAGES / 8];
	long found = dune_scan(dune_root_current(), memory, SIZE,
			       DUNE_PTE_DIRTY, DUNE_SCAN_CLEAR, dirty);
	int i;

	if (found < 0)
		return found;
	printf("%s: %ld dirty:", when, found);
	for (i = 0; i < PAGES; i++)
		if (dirty[i / 8] & 1 << i % 8)
			printf(" %d", i);
	printf("\n");
	return 0;
}

int main(void)
{
	static struct dune_options options;
	long err;

	/* A large page has one dirty bit for all of it. */
	options.size = sizeof(options);
	options.fill_size = DUNE_PAGE_SIZE;
	err = dune_init(&options);
	if (!err)
		err = dune_enter();
	memset(memory, 1, SIZE);
	if (!err)
		err = print_dirty("all written");
	if (!err)
		err = print_dirty("none since");
	memory[3 * DUNE_PAGE_SIZE] = 2;
	memory[11 * DUNE_PAGE_SIZE] = 2;
	if (!err)
		err = print_dirty("two since");
	if (err) {
		fprintf(stderr, "dirty_pages: %s\n", dune_error(err));
		return 1;
	}
	return 0;
}
