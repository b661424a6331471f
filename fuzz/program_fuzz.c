// SPDX-License-Identifier: GPL-2.0-only
/*
 * libFuzzer: any file is loaded as a program or refused, and nothing of it is
 * left; a program gets a stack or no stack, with nothing beside it.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../lib/internal.h"

/* Seeds name it as their dynamic loader, so that this is the input as well. */
#define INPUT_FD	100
#define INPUT		"/proc/self/fd/100"

/* No program is started. */
struct dune_rseq *dune_rseq_release(void)
{
	abort();
}

void dune_jump(uint64_t start, uint64_t stack)
{
	abort();
}

static void check(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "%s\n", what);
	abort();
}

/* How much the process has mapped, in pages. */
static unsigned long mapped(void)
{
	static int fd = -1;
	char text[100] = "";

	if (fd < 0)
		fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	check(pread(fd, text, sizeof(text) - 1, 0) > 0, "no statm");
	return strtoul(text, NULL, 10);
}

static int next_fd(void)
{
	int fd = dup(INPUT_FD);

	close(fd);
	return fd;
}

/* The input says for how small a stack. */
static void make_stack(const struct dune_program *program, uint8_t size)
{
	char *const argv[] = { "one", "", NULL }, *const envp[] = { NULL };
	char *stack = malloc(size * 8 + 1);
	uint64_t sp;

	if (!dune_program_stack(program, argv, envp, stack, size * 8, &sp))
		check(!(sp % 16) && sp - (uint64_t)stack < size * 8,
		      "stack elsewhere");
	free(stack);
}

static void check_program(const struct dune_program *program)
{
	const struct dune_range *image = &program->image;

	check(program->entry - image->start < image->end - image->start,
	      "entry elsewhere");
	check(!program->headers || program->headers - image->start <
	      image->end - image->start, "headers elsewhere");
}

/* So that it does not grow while a program is loaded, or meet that. */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	char stack[256 << 10];

	memset(stack, 0, sizeof(stack));
	asm volatile("" : : "r" (stack) : "memory");
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dune_program program;
	unsigned long before;
	int fd = memfd_create("input", 0), next, err;

	check(dup2(fd, INPUT_FD) == INPUT_FD, "no descriptor");
	close(fd);
	check(write(INPUT_FD, data, size) == (ssize_t)size, "no input");
	before = mapped();
	next = next_fd();
	err = dune_program_load(&program, INPUT);
	if (!err) {
		check_program(&program);
		dune_program_unload(&program);
	}
	check(before == mapped(), "memory left behind");
	check(next == next_fd(), "descriptor left open");
	if (!err)
		make_stack(&program, data[size - 1]);
	return 0;
}
