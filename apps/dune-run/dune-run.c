// SPDX-License-Identifier: LGPL-2.1-or-later
/* dune-run - run an unmodified program in ring 0 of Dune. */
#include <dune/dune.h>

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "../find_program.h"
#include "tell_stats.h"

#ifndef PRELOAD
#define PRELOAD "/usr/local/lib/libdune-run.so"
#endif

/* As the shell and env(1) have it. */
#define STATUS_USAGE		2
#define STATUS_CANNOT_RUN	126
#define STATUS_NOT_FOUND	127

static int tell_how(FILE *file, int status)
{
	fprintf(file, "usage: dune-run [OPTION...] PROGRAM [ARGUMENT...]\n"
		"Runs PROGRAM in ring 0 of a virtual CPU.\n\n"
		"  -f, --follow  the programs that it executes as well\n"
		"  -s, --stats   tell on standard error, when it exits, what it took\n"
		"  -h, --help    this text\n");
	return status;
}

static int fail(const char *what, const char *why, int status)
{
	fprintf(stderr, "dune-run: %s: %s\n", what, why);
	return status;
}

/* The program's own preloaded objects come after ours. */
static int set_preload(const char *object)
{
	const char *before = getenv("LD_PRELOAD");
	char *all;

	if (access(object, R_OK))
		return -errno;
	if (!before || !*before)
		return setenv("LD_PRELOAD", object, 1) ? -errno : 0;
	if (asprintf(&all, "%s:%s", object, before) < 0)
		return -ENOMEM;
	if (setenv("DUNE_RUN_PRELOAD", before, 1) ||
	    setenv("LD_PRELOAD", all, 1))
		return -errno;
	free(all);
	return 0;
}

static bool has_interpreter(int fd, const Elf64_Ehdr *header)
{
	Elf64_Phdr segment;
	unsigned int i;

	for (i = 0; i < header->e_phnum; i++) {
		if (pread(fd, &segment, sizeof(segment), header->e_phoff +
			  i * sizeof(segment)) != sizeof(segment))
			return false;
		if (segment.p_type == PT_INTERP)
			return true;
	}
	return false;
}

/**
 * struct target - what is to be run
 * @path: where it is
 * @is_static: no dynamic loader takes our object in
 * @why_not: why it would run outside without a word, or NULL
 */
struct target {
	char path[PATH_MAX];
	bool is_static;
	const char *why_not;
};

/* What is no program file, as a script, the kernel and its interpreter judge. */
static void look_at(struct target *target)
{
	struct stat stat;
	Elf64_Ehdr header;
	int fd = open(target->path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (pread(fd, &header, sizeof(header), 0) != sizeof(header) ||
	    memcmp(header.e_ident, ELFMAG, SELFMAG))
		goto out;
	target->is_static = !has_interpreter(fd, &header);
	if (header.e_ident[EI_CLASS] != ELFCLASS64 ||
	    header.e_machine != EM_X86_64)
		target->why_not = "not a program for x86-64";
	else if (!fstat(fd, &stat) && stat.st_mode & (S_ISUID | S_ISGID) &&
		 (stat.st_uid != geteuid() || geteuid() != getuid()))
		target->why_not = "set-user-ID programs take nothing in";
	else if (geteuid() && fgetxattr(fd, "security.capability", NULL, 0) > 0)
		target->why_not = "programs with capabilities take nothing in";
out:
	close(fd);
}

static void name_process(const char *path)
{
	const char *slash = strrchr(path, '/');

	prctl(PR_SET_NAME, slash ? slash + 1 : path);
}

/* A static program becomes this process, which enters Dune for it. */
static int run_static(const char *path, char **argv)
{
	struct dune_program program;
	int err;

	if (access(path, X_OK))
		return fail(argv[0], strerror(errno), STATUS_CANNOT_RUN);
	err = dune_program_load(&program, path);
	if (err)
		return fail(argv[0], program.why ?: strerror(-err),
			    STATUS_CANNOT_RUN);
	err = dune_init(NULL);
	if (!err && getenv("DUNE_RUN_STATS"))
		tell_stats_at_exit();
	unsetenv("DUNE_RUN_STATS");
	if (!err)
		err = dune_enter();
	if (err)
		return fail("cannot enter Dune", strerror(-err),
			    STATUS_CANNOT_RUN);
	name_process(path);
	err = dune_program_start(&program, argv, environ);
	return fail(argv[0], strerror(-err), STATUS_CANNOT_RUN);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "follow", no_argument, NULL, 'f' },
		{ "stats", no_argument, NULL, 's' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct target target = { .path = "" };
	int option, err;

	while ((option = getopt_long(argc, argv, "+fsh", options, NULL)) != -1) {
		switch (option) {
		case 'f':
			setenv("DUNE_RUN_FOLLOW", "1", 1);
			break;
		case 's':
			setenv("DUNE_RUN_STATS", "1", 1);
			break;
		case 'h':
			return tell_how(stdout, 0);
		default:
			return tell_how(stderr, STATUS_USAGE);
		}
	}
	if (optind == argc)
		return tell_how(stderr, STATUS_USAGE);
	if (find_program(argv[optind], target.path, sizeof(target.path)))
		look_at(&target);
	if (target.why_not)
		return fail(argv[optind], target.why_not, STATUS_CANNOT_RUN);
	if (!target.is_static || getenv("DUNE_RUN_FOLLOW")) {
		err = set_preload(PRELOAD);
		if (err)
			return fail(PRELOAD, strerror(-err), STATUS_CANNOT_RUN);
	}
	if (target.is_static)
		return run_static(target.path, argv + optind);
	execvp(argv[optind], argv + optind);
	err = errno;
	return fail(argv[optind], strerror(err),
		    err == ENOENT ? STATUS_NOT_FOUND : STATUS_CANNOT_RUN);
}
