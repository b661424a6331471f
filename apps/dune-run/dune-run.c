// SPDX-License-Identifier: LGPL-2.1-or-later
/* dune-run - run an unmodified program in ring 0 of Dune. */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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

/* Where execvp() finds it. */
static bool find(const char *name, char *path, size_t size)
{
	const char *folders = getenv("PATH") ?: "/bin:/usr/bin";
	size_t len;

	if (strchr(name, '/'))
		return (size_t)snprintf(path, size, "%s", name) < size;
	for (;; folders += len + 1) {
		len = strcspn(folders, ":");
		if ((size_t)snprintf(path, size, "%.*s/%s", (int)len ?: 1,
				     len ? folders : ".", name) < size &&
		    !access(path, X_OK))
			return true;
		if (!folders[len])
			return false;
	}
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

/*
 * Why a program would run outside without a word, or NULL. What is no program
 * file, as a script, the kernel and the interpreter judge.
 */
static const char *why_not(const char *path)
{
	const char *why = NULL;
	struct stat stat;
	Elf64_Ehdr header;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return NULL;
	if (pread(fd, &header, sizeof(header), 0) != sizeof(header) ||
	    memcmp(header.e_ident, ELFMAG, SELFMAG))
		goto out;
	if (header.e_ident[EI_CLASS] != ELFCLASS64 ||
	    header.e_machine != EM_X86_64)
		why = "not a program for x86-64";
	else if (!has_interpreter(fd, &header))
		why = "statically linked programs cannot be run yet";
	else if (!fstat(fd, &stat) && stat.st_mode & (S_ISUID | S_ISGID) &&
		 (stat.st_uid != geteuid() || geteuid() != getuid()))
		why = "set-user-ID programs take nothing in";
out:
	close(fd);
	return why;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "follow", no_argument, NULL, 'f' },
		{ "stats", no_argument, NULL, 's' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	const char *why;
	char path[PATH_MAX];
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
	if (find(argv[optind], path, sizeof(path))) {
		why = why_not(path);
		if (why)
			return fail(argv[optind], why, STATUS_CANNOT_RUN);
	}
	err = set_preload(PRELOAD);
	if (err)
		return fail(PRELOAD, strerror(-err), STATUS_CANNOT_RUN);
	execvp(argv[optind], argv + optind);
	err = errno;
	return fail(argv[optind], strerror(err),
		    err == ENOENT ? STATUS_NOT_FOUND : STATUS_CANNOT_RUN);
}
