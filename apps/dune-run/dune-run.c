// SPDX-License-Identifier: LGPL-2.1-or-later
/* dune-run - run an unmodified program in ring 0 of Dune. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef PRELOAD
#define PRELOAD "/usr/local/lib/libdune-run.so"
#endif

static int tell_how(FILE *file, int status)
{
	fprintf(file, "usage: dune-run [-f] PROGRAM [ARGUMENT...]\n"
		"Runs PROGRAM in ring 0 of a virtual CPU.\n\n"
		"  -f, --follow  programs that it starts as well\n"
		"  -h, --help    this text\n");
	return status;
}

/* The program's own preloaded objects come after ours. */
static int set_preload(void)
{
	const char *preload = getenv("DUNE_RUN_OBJECT");
	const char *before = getenv("LD_PRELOAD");
	char *all;

	if (!preload)
		preload = PRELOAD;
	if (access(preload, R_OK))
		return -errno;
	if (!before || !*before)
		return setenv("LD_PRELOAD", preload, 1) ? -errno : 0;
	if (asprintf(&all, "%s:%s", preload, before) < 0)
		return -ENOMEM;
	if (setenv("DUNE_RUN_PRELOAD", before, 1) ||
	    setenv("LD_PRELOAD", all, 1))
		return -errno;
	free(all);
	return 0;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "follow", no_argument, NULL, 'f' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int option, err;

	while ((option = getopt_long(argc, argv, "+fh", options, NULL)) != -1) {
		if (option == 'h')
			return tell_how(stdout, 0);
		if (option != 'f')
			return tell_how(stderr, 2);
		setenv("DUNE_RUN_FOLLOW", "1", 1);
	}
	if (optind == argc)
		return tell_how(stderr, 2);
	err = set_preload();
	if (err) {
		fprintf(stderr, "dune-run: %s: %s\n", PRELOAD, strerror(-err));
		return 126;
	}
	execvp(argv[optind], argv + optind);
	err = errno;
	fprintf(stderr, "dune-run: %s: %s\n", argv[optind], strerror(err));
	return err == ENOENT ? 127 : 126;
}
