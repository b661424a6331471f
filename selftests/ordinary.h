/* SPDX-License-Identifier: GPL-2.0-only */
/* What tests have in common that know nothing of Dune. */
#ifndef DUNE_SELFTESTS_ORDINARY_H
#define DUNE_SELFTESTS_ORDINARY_H

#include <stdio.h>

static inline unsigned int ring(void)
{
	unsigned int cs;

	asm("mov %%cs, %0" : "=r" (cs));
	return cs & 3;
}

/* The program's, which its threads and children are to have too. */
static unsigned int first_ring;

/* For process_test.sh, which knows what it is to be. */
__attribute__((constructor))
static void tell_ring(void)
{
	first_ring = ring();
	printf("# ring %u\n", first_ring);
	fflush(stdout);
}

#endif /* DUNE_SELFTESTS_ORDINARY_H */
