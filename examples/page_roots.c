// SPDX-License-Identifier: LGPL-2.1-or-later
/* Two views of memory in one thread: page roots. */
#include <dune/dune.h>

#include <stdio.h>

#define VIEW	((int *)0x100000000000UL)	/* where the process has nothing */

static int fail(const char *what, int err)
{
	fprintf(stderr, "page_roots: %s: %d\n", what, err);
	return 1;
}

int main(void)
{
	struct dune_root *first, *second;
	int *one, *two, value = 3;
	int err = dune_init(NULL);

	if (!err)
		err = dune_enter();
	if (err)
		return fail(dune_error(err), err);

	first = dune_root_current();
	one = (int *)dune_page_alloc();
	two = (int *)dune_page_alloc();
	if (!one || !two)
		return fail("no memory", 0);
	*one = 1;
	*two = 2;

	/* The same address shows one page here and another one there. */
	err = dune_map(first, VIEW, DUNE_PAGE_SIZE, one, DUNE_PTE_WRITE);
	if (!err)
		err = dune_root_clone(&second, first);
	if (!err)	/* without DUNE_PTE_WRITE: not to be written */
		err = dune_map(second, VIEW, DUNE_PAGE_SIZE, two, 0);
	if (err)
		return fail("cannot map", err);

	printf("first root: %d\n", *VIEW);
	err = dune_root_switch(second);
	if (err)
		return fail("cannot switch", err);
	printf("second root: %d\n", *VIEW);
	printf("written there: %s\n",
	       dune_copy(VIEW, &value, sizeof(value)) ? "no" : "yes");
	err = dune_root_switch(first);
	if (!err)
		err = dune_root_destroy(second);
	if (err)
		return fail("cannot switch back", err);
	printf("first root: %d, users of its page: %u\n", *VIEW,
	       dune_page_count(one));
	return 0;
}
