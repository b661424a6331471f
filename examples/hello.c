// SPDX-License-Identifier: LGPL-2.1-or-later
/* Enter Dune, look around, and leave it. */
#include <dune/dune.h>

#include <stdio.h>

/* Of the code segment's selector the lower two bits are the ring. */
static unsigned int ring(void)
{
	unsigned short cs;

	__asm__ volatile("mov %%cs, %0" : "=r" (cs));
	return cs & 3;
}

/* Privileged: outside of Dune it is a segmentation fault. */
static unsigned long page_table(void)
{
	unsigned long cr3;

	__asm__ volatile("mov %%cr3, %0" : "=r" (cr3));
	return cr3;
}

int main(void)
{
	int err;

	printf("outside: ring %u\n", ring());
	err = dune_init(NULL);
	if (!err)
		err = dune_enter();
	if (err) {
		fprintf(stderr, "hello: %s\n", dune_error(err));
		return 1;
	}
	printf("inside: ring %u\n", ring());
	printf("own page table: %s\n", page_table() ? "yes" : "no");
	err = dune_leave();
	if (err) {
		fprintf(stderr, "hello: %s\n", dune_error(err));
		return 1;
	}
	printf("outside again: ring %u\n", ring());
	return 0;
}
