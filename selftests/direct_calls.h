/* SPDX-License-Identifier: GPL-2.0-only */
/* Does the module make system calls itself? */
#ifndef DUNE_SELFTESTS_DIRECT_CALLS_H
#define DUNE_SELFTESTS_DIRECT_CALLS_H

#include <stdbool.h>
#include <stdio.h>

static inline bool direct_is_on(void)
{
	char value = 'N';
	FILE *file = fopen("/sys/module/dune/parameters/direct_syscalls", "re");

	if (file) {
		value = fgetc(file);
		fclose(file);
	}
	return value == 'Y';
}

#endif /* DUNE_SELFTESTS_DIRECT_CALLS_H */
