// SPDX-License-Identifier: GPL-2.0-only
/* Loads a program and goes on with it, outside of Dune. */
#include <stdio.h>
#include <string.h>

#include <dune/dune.h>

int main(int argc, char **argv, char **envp)
{
	struct dune_program program;
	int err;

	if (argc < 2)
		return 2;
	err = dune_program_load(&program, argv[1]);
	if (!err)
		err = dune_program_start(&program, argv + 1, envp);
	fprintf(stderr, "%s: %s\n", argv[1], program.why ?: strerror(-err));
	return 126;
}
