// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The parts of libdune's code and data that the guest needs wherever it is.
 * They may be within a shared object or a program: merge.lds gives them names.
 */
#include "internal.h"
#include "table.h"

#include <errno.h>

/* The linker makes symbols for sections with such names. */
#define PART(name)							\
	extern const char __start_##name[], __stop_##name[]		\
		__attribute__((visibility("hidden")))

PART(dune_text);
PART(dune_rodata);
PART(dune_data);
PART(dune_bss);

#define PAGES(name, bits)						\
	{ (uint64_t)__start_##name, (uint64_t)__stop_##name, bits }

static const struct {
	uint64_t start, end, bits;
} parts[] = {
	PAGES(dune_text, 0),
	PAGES(dune_rodata, DUNE_PTE_NOEXEC),
	PAGES(dune_data, DUNE_PTE_WRITE | DUNE_PTE_NOEXEC),
	PAGES(dune_bss, DUNE_PTE_WRITE | DUNE_PTE_NOEXEC),
};

/* From the first page of any to behind the last, when a root was made. */
static uint64_t image_start, image_end;

static void find_ends(void)
{
	unsigned int i;

	image_start = ~0ULL;
	for (i = 0; i < ARRAY_SIZE(parts); i++) {
		if (dune_page_down(parts[i].start) < image_start)
			image_start = dune_page_down(parts[i].start);
		if (dune_page_up(parts[i].end) > image_end)
			image_end = dune_page_up(parts[i].end);
	}
}

/* All of a range, some of which may be there already. */
static int fill(int vcpu, struct dune_root *root, uint64_t start, uint64_t end)
{
	int err;

	for (; start < end; start += PAGE_SIZE) {
		err = dune_table_fill(vcpu, root, start);
		if (err && err != -EEXIST)
			return err;
	}
	return 0;
}

/**
 * dune_image_map() - show them in a new root
 * @vcpu: descriptor of a virtual CPU that this thread may ask
 * @root: the root
 *
 * In one that is filled in all that is beside them on larger pages is, too.
 *
 * Return: 0; as dune_map().
 */
int dune_image_map(int vcpu, struct dune_root *root)
{
	unsigned int i;
	int err = 0;

	if (!image_end)
		find_ends();
	for (i = 0; i < ARRAY_SIZE(parts) && !err; i++) {
		uint64_t start = dune_page_down(parts[i].start);
		uint64_t end = dune_page_up(parts[i].end);

		if (root->flags & DUNE_ROOT_FILL)
			err = fill(vcpu, root, start, end);
		else if (end > start)
			err = dune_map_new(vcpu, root, start, end - start,
					   parts[i].bits);
	}
	return err;
}

static bool is_in_part(uint64_t start, uint64_t last)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(parts); i++)
		if (start < dune_page_up(parts[i].end) &&
		    last >= dune_page_down(parts[i].start))
			return true;
	return false;
}

/* Is any of a range libdune's? */
bool dune_is_protected(uint64_t start, uint64_t size)
{
	uint64_t last = start + size - 1;

	return (start < dune_own_start + DUNE_OWN_SIZE &&
		last >= dune_own_start) ||
	       (start < image_end && last >= image_start &&
		is_in_part(start, last));
}
