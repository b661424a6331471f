/* SPDX-License-Identifier: GPL-2.0-only */
/* For tests of page roots: a place for them, and handlers of its faults. */
#ifndef DUNE_SELFTESTS_PAGE_ROOTS_H
#define DUNE_SELFTESTS_PAGE_ROOTS_H

#include "in_dune.h"

/* Where nothing else is; and the memory that is shown there. */
#define PLACE	((char *)0x300000000000)
#define HIGH	((char *)0xffff900000000000)

#define WRITE	DUNE_PTE_WRITE

static struct {
	int calls;
	uint64_t address;
	unsigned int error;
} fault;

/* Gives the right that is missing. */
static inline enum dune_verdict
allow(uint64_t address, unsigned int error, struct dune_frame *frame)
{
	fault.calls++;
	fault.address = address;
	fault.error = error;
	if (dune_protect(dune_root_current(), (void *)(address & -PAGE), PAGE,
			 WRITE, DUNE_PTE_NOEXEC))
		return DUNE_PASS;
	return DUNE_DONE;
}

/* Shows memory that is not shown. */
static char *to_show;

static inline enum dune_verdict
show(uint64_t address, unsigned int error, struct dune_frame *frame)
{
	fault.calls++;
	fault.address = address;
	fault.error = error;
	if (dune_map(dune_root_current(), (void *)(address & -PAGE), PAGE,
		     to_show, WRITE))
		return DUNE_PASS;
	return DUNE_DONE;
}

FIXTURE(root) {
	struct dune_root *first;
	char *memory;
};

FIXTURE_SETUP(root)
{
	ENTER_DUNE();
	self->first = dune_root_current();
	ASSERT_NE(NULL, self->first);
	self->memory = get_memory(4 * LARGE);
	ASSERT_NE(NULL, self->memory);
	to_show = self->memory;
}

FIXTURE_TEARDOWN(root)
{
}

static inline struct dune_mapping at(struct dune_root *root,
				     const void *address)
{
	struct dune_mapping mapping = { 0 };

	if (dune_lookup(root, address, &mapping))
		mapping.size = 0;
	return mapping;
}

static inline bool has_1g_pages(void)
{
	unsigned int eax = 0x80000001, edx;

	asm volatile("cpuid" : "+a" (eax), "=d" (edx) : : "rbx", "rcx");
	return edx >> 26 & 1;
}

#endif /* DUNE_SELFTESTS_PAGE_ROOTS_H */
