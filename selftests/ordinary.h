/* SPDX-License-Identifier: GPL-2.0-only */
/* What tests have in common that know nothing of Dune. */
#ifndef DUNE_SELFTESTS_ORDINARY_H
#define DUNE_SELFTESTS_ORDINARY_H

#include <stdio.h>

/* For process_test.sh, which knows what it is to be. */
__attribute__((constructor))
static void tell_ring(void)
{
	unsigned int cs;

	asm("mov %%cs, %0" : "=r" (cs));
	printf("# ring %u\n", cs & 3);
	fflush(stdout);
}

#endif /* DUNE_SELFTESTS_ORDINARY_H */
