// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Who asks for statistics, or for a policy, has a process more: the program is
 * its child, and gets the signals that are sent to it.
 */
#include "sandbox.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "watch.h"

static pid_t child;

static const int passed_on[] = {
	SIGHUP, SIGTERM, SIGUSR1, SIGUSR2, SIGCONT, SIGALRM,
};

static void pass_on(int signal)
{
	kill(child, signal);
}

/* The terminal sends these to both. */
static void prepare(void)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(passed_on); i++)
		signal(passed_on[i], pass_on);
	signal(SIGINT, SIG_IGN);
	signal(SIGQUIT, SIG_IGN);
}

/* The parent ends as its child has. */
static int end_as(int status)
{
	if (!WIFSIGNALED(status))
		return WEXITSTATUS(status);
	return 128 + WTERMSIG(status);
}

/**
 * watch() - go on in a child, and wait for it
 * @status: in the parent: of the child, as a shell has it
 *
 * Return: whether this is the child, or there is none.
 */
bool watch(int *status)
{
	int how;

	child = fork();
	if (child <= 0)
		return true;
	prepare();
	/* it is none of those that the program may send signals to */
	close(policy->self);
	while (waitpid(child, &how, 0) < 0 && errno == EINTR)
		;
	*status = end_as(how);
	return false;
}

static void tell_stats(void)
{
	unsigned int i;

	fprintf(stderr, "dune-sandbox: %lu exits of virtual CPUs in %lu processes\n",
		shared->exits, shared->processes);
	for (i = 0; i < SYSCALLS; i++) {
		if (!shared->calls[i])
			continue;
		fprintf(stderr, "dune-sandbox: %10lu %s", shared->calls[i],
			calls[i].name ?: "?");
		if (shared->refused[i])
			fprintf(stderr, ", %lu refused", shared->refused[i]);
		fputc('\n', stderr);
	}
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Each line once, in order. */
static int sort_file(const char *path)
{
	char **lines = NULL, *line = NULL;
	size_t count = 0, size = 0, i;
	FILE *file = fopen(path, "re");

	while (file && getline(&line, &size, file) > 0) {
		lines = reallocarray(lines, count + 1, sizeof(*lines));
		if (!lines)
			return fail(path, -ENOMEM);
		lines[count++] = line;
		line = NULL;
	}
	file = file ? freopen(path, "we", file) : NULL;
	if (!file)
		return fail(path, -errno);
	qsort(lines, count, sizeof(*lines), compare);
	for (i = 0; i < count; i++)
		if (!i || strcmp(lines[i], lines[i - 1]))
			fputs(lines[i], file);
	return fclose(file) ? fail(path, -errno) : 0;
}

/* Returns 0; or the status for what went wrong. */
int tell_results(bool stats, const char *learned)
{
	if (stats)
		tell_stats();
	return learned ? sort_file(learned) : 0;
}
