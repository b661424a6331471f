// SPDX-License-Identifier: GPL-2.0-only
/*
 * dune-calls getpid|open|exec: a program that makes system calls, so many as it
 * is told on its standard input, and tells on its standard output how many
 * ticks they took.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../bench.h"

/* What there is everywhere, and may be read by whoever may anything. */
#define FILE_TO_READ	"/etc/passwd"

static const char *self;

static void check(bool ok)
{
	if (!ok)
		exit(1);
}

static void make_getpid(unsigned int operations)
{
	while (operations--)
		syscall(SYS_getpid);
}

static void read_file(unsigned int operations)
{
	char text[4096];

	while (operations--) {
		int fd = open(FILE_TO_READ, O_RDONLY);

		check(fd >= 0 && read(fd, text, sizeof(text)) > 0);
		check(!close(fd));
	}
}

/* Itself, which then does nothing: it is as small as any. */
static void execute(unsigned int operations)
{
	while (operations--) {
		int status = 1;
		pid_t pid = fork();

		if (!pid) {
			execl(self, self, NULL);
			_exit(1);
		}
		check(pid > 0 && waitpid(pid, &status, 0) == pid && !status);
	}
}

static const struct {
	const char *name;
	void (*run)(unsigned int operations);
} tasks[] = {
	{ "getpid", make_getpid },
	{ "open", read_file },
	{ "exec", execute },
};

static void serve(void (*run)(unsigned int operations))
{
	unsigned int operations;
	uint64_t taken;

	while (read(0, &operations, sizeof(operations)) == sizeof(operations)) {
		taken = ticks();
		run(operations);
		taken = ticks() - taken;
		check(write(1, &taken, sizeof(taken)) == sizeof(taken));
	}
}

int main(int argc, char **argv)
{
	unsigned int i;

	if (argc < 2)
		return 0;
	self = argv[0];
	for (i = 0; i < ARRAY_SIZE(tasks); i++)
		if (!strcmp(argv[1], tasks[i].name))
			serve(tasks[i].run);
	return 0;
}
