// SPDX-License-Identifier: LGPL-2.1-or-later
/* Memory that comes into being when it is first used: a page-fault handler. */
#include <dune/dune.h>

#include <stdint.h>
#include <stdio.h>

#define AREA	0x100000000000UL	/* where the process has nothing */
#define PAGES	4UL

static unsigned int faults;

/* In ring 0, on a stack of its own; what it maps is there when it returns. */
static enum dune_verdict give_page(uint64_t address, unsigned int error,
				   struct dune_frame *frame)
{
	void *here = (void *)(address & -DUNE_PAGE_SIZE);
	void *page;

	(void)frame;
	if (address - AREA >= PAGES * DUNE_PAGE_SIZE ||
	    (error & DUNE_FAULT_PRESENT))
		return DUNE_PASS;
	page = dune_page_alloc();
	if (!page || dune_map(dune_root_current(), here, DUNE_PAGE_SIZE, page,
			      DUNE_PTE_WRITE | DUNE_PTE_NOEXEC))
		return DUNE_PASS;
	faults++;
	return DUNE_DONE;
}

int main(void)
{
	unsigned int i, sum = 0;
	int err = dune_init(NULL);

	if (!err)
		err = dune_enter();
	/* Nothing is to be filled in there. */
	if (!err)
		err = dune_unmap(dune_root_current(), (void *)AREA,
				 PAGES * DUNE_PAGE_SIZE);
	if (!err)
		err = dune_set_fault_handler(give_page, 0);
	if (err) {
		fprintf(stderr, "fault_handler: %s\n", dune_error(err));
		return 1;
	}
	for (i = 0; i < PAGES; i++)
		*(unsigned int *)(AREA + i * DUNE_PAGE_SIZE) = i + 1;
	printf("wrote to %lu pages: %u faults\n", PAGES, faults);
	for (i = 0; i < PAGES; i++)
		sum += *(unsigned int *)(AREA + i * DUNE_PAGE_SIZE);
	printf("read them: sum %u, %u faults\n", sum, faults);
	return 0;
}
