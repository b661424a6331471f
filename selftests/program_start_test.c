// SPDX-License-Identifier: GPL-2.0-only
/*
 * The stack and the start of programs: they find what they would find after
 * execve(). Outside of Dune, where the loader is the same.
 */
#include "kselftest_harness.h"

#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <dune/dune.h>

#define NO_PROGRAM	"/no/such/program"

static char *const arguments[] = { "one", "", "a third", NULL };
static char *const environment[] = { "A=b", "C=", NULL };

/* What a program knows of its own file; nothing is loaded. */
static const struct dune_program made_up = {
	.path = NO_PROGRAM,
	.start = 1,
	.entry = 2,
	.headers = 3,
	.header_count = 4,
	.loader_base = 5,
};

static bool is_within(const void *address, const char *memory, size_t size)
{
	return (const char *)address >= memory &&
	       (const char *)address < memory + size;
}

static uint64_t auxv_of(const Elf64_auxv_t *auxv, uint64_t type)
{
	for (; auxv->a_type != AT_NULL; auxv++)
		if (auxv->a_type == type)
			return auxv->a_un.a_val;
	return -1;
}

TEST(a_stack_has_all_within)
{
	char memory[8192];
	const Elf64_auxv_t *auxv = NULL;
	uint64_t sp, *word;
	char **argv, **envp;

	ASSERT_EQ(dune_program_stack(&made_up, arguments, environment, memory,
				     sizeof(memory), &sp), 0);
	ASSERT_TRUE(is_within((void *)sp, memory, sizeof(memory)));
	ASSERT_EQ(sp % 16, 0);
	word = (uint64_t *)sp;
	argv = (char **)(word + 1);
	envp = argv + 4;
	auxv = (Elf64_auxv_t *)(envp + 3);
	ASSERT_EQ(word[0], 3);
	EXPECT_STREQ(argv[0], "one");
	EXPECT_STREQ(argv[1], "");
	EXPECT_STREQ(argv[2], "a third");
	EXPECT_EQ(argv[3], NULL);
	EXPECT_STREQ(envp[0], "A=b");
	EXPECT_STREQ(envp[1], "C=");
	EXPECT_EQ(envp[2], NULL);
	EXPECT_TRUE(is_within(argv[0], memory, sizeof(memory)));
	EXPECT_TRUE(is_within(envp[1], memory, sizeof(memory)));
	EXPECT_EQ(auxv_of(auxv, AT_ENTRY), 2);
	EXPECT_EQ(auxv_of(auxv, AT_PHDR), 3);
	EXPECT_EQ(auxv_of(auxv, AT_PHNUM), 4);
	EXPECT_EQ(auxv_of(auxv, AT_PHENT), sizeof(Elf64_Phdr));
	EXPECT_EQ(auxv_of(auxv, AT_BASE), 5);
	EXPECT_EQ(auxv_of(auxv, AT_UID), getuid());
	EXPECT_STREQ((char *)auxv_of(auxv, AT_EXECFN), NO_PROGRAM);
	EXPECT_TRUE(is_within((void *)auxv_of(auxv, AT_EXECFN), memory,
			      sizeof(memory)));
	EXPECT_TRUE(is_within((void *)auxv_of(auxv, AT_RANDOM), memory,
			      sizeof(memory) - 16));
	EXPECT_TRUE(is_within((void *)auxv_of(auxv, AT_PLATFORM), memory,
			      sizeof(memory)));
}

TEST(a_stack_that_is_too_small)
{
	char memory[8192];
	size_t size, i;
	uint64_t sp = 0;
	int err;

	for (size = 0; size < 4096; size++) {
		memset(memory, 0x5a, sizeof(memory));
		err = dune_program_stack(&made_up, arguments, environment,
					 memory + 1, size, &sp);
		for (i = err ? 1 : 1 + size; i < sizeof(memory); i++)
			ASSERT_EQ(memory[i], 0x5a);
		ASSERT_EQ(memory[0], 0x5a);
		if (!err)
			break;
		ASSERT_EQ(err, -E2BIG);
	}
	ASSERT_LT(size, 4096);
	EXPECT_EQ(sp % 16, 0);
	EXPECT_LT(sp - (uint64_t)memory, 32);
	/* it remains as much */
	EXPECT_EQ(dune_program_stack(&made_up, arguments, environment,
				     memory + 1, size - 1, &sp), -E2BIG);
	EXPECT_EQ(dune_program_stack(&made_up, arguments, environment,
				     memory, ~0UL, &sp), -E2BIG);
}

/* What a command says, and what comes of it. */
static int run(char *const *argv, char *const *envp, char *text, size_t size)
{
	int pipes[2], status, got = 0, more;
	pid_t pid;

	if (pipe(pipes))
		return -1;
	pid = fork();
	if (!pid) {
		dup2(pipes[1], STDOUT_FILENO);
		execve(argv[0], argv, envp);
		_exit(127);
	}
	close(pipes[1]);
	while ((more = read(pipes[0], text + got, size - got - 1)) > 0)
		got += more;
	text[got] = '\0';
	close(pipes[0]);
	return waitpid(pid, &status, 0) == pid ? status : -1;
}

FIXTURE(start) {
	char native[8192], loaded[8192], again[8192];
};

FIXTURE_VARIANT(start) {
	char *path;
	bool moves;
};

FIXTURE_VARIANT_ADD(start, static) {
	.path = "./program_static",
};

FIXTURE_VARIANT_ADD(start, static_pie) {
	.path = "./program_static_pie",
	.moves = true,
};

FIXTURE_VARIANT_ADD(start, dynamic) {
	.path = "./program_dynamic",
	.moves = true,
};

FIXTURE_SETUP(start)
{
	char *const argv[] = { "./program_run", variant->path, "", "a  b",
			       NULL };

	ASSERT_EQ(run(argv + 1, environment, self->native,
		      sizeof(self->native)), 0);
	ASSERT_EQ(run(argv, environment, self->loaded,
		      sizeof(self->loaded)), 0);
	ASSERT_EQ(run(argv, environment, self->again, sizeof(self->again)), 0);
}

FIXTURE_TEARDOWN(start)
{
}

/* Takes out the line that begins so; returns what else is in it. */
static const char *take_out(char *text, const char *start, char *rest,
			    size_t size)
{
	char *line = strstr(text, start);
	size_t len = line ? strcspn(line, "\n") : 0;

	snprintf(rest, size, "%.*s", (int)len, line ?: "");
	if (line)
		memmove(line, line + len + 1, strlen(line + len + 1) + 1);
	return rest;
}

TEST_F(start, it_finds_what_it_finds_after_execve)
{
	char native[80], loaded[80], again[80];

	take_out(self->native, "random bytes", native, sizeof(native));
	take_out(self->loaded, "random bytes", loaded, sizeof(loaded));
	take_out(self->again, "random bytes", again, sizeof(again));
	EXPECT_STRNE(loaded, "");
	EXPECT_STRNE(loaded, native);
	EXPECT_STRNE(loaded, again);
	take_out(self->native, "random entry", native, sizeof(native));
	take_out(self->loaded, "random entry", loaded, sizeof(loaded));
	take_out(self->again, "random entry", again, sizeof(again));
	EXPECT_STRNE(loaded, "");
	EXPECT_EQ(!!strcmp(loaded, again), variant->moves);
	EXPECT_STREQ(self->native, self->loaded);
}

TEST_F(start, it_finds_what_is_right)
{
	EXPECT_NE(strstr(self->loaded, "argc 3\n"), NULL);
	EXPECT_NE(strstr(self->loaded, "argument a  b\n"), NULL);
	EXPECT_NE(strstr(self->loaded, "environment A=b\n"), NULL);
	EXPECT_NE(strstr(self->loaded, "headers 1\n"), NULL);
	EXPECT_NE(strstr(self->loaded, "entry 1\n"), NULL);
	EXPECT_NE(strstr(self->loaded, "tls 42\n"), NULL);
	EXPECT_NE(strstr(self->loaded, "rseq 1\n"), NULL);
	EXPECT_NE(strstr(self->loaded, "sp % 16 = 0\n"), NULL);
	EXPECT_NE(strstr(self->loaded, "auxv 33 ELF\n"), NULL);
	EXPECT_NE(strstr(self->loaded, "the vDSO knows the time\n"), NULL);
}

TEST_F(start, it_ends_as_others_do)
{
	char *const argv[] = { "./program_run", variant->path, "end", NULL };
	char said[80];

	EXPECT_EQ(run(argv, environment, said, sizeof(said)), 42 << 8);
	EXPECT_STREQ(said, "the end\n");
}

/* What execve() would refuse; made_up would not run. */
TEST(too_many_arguments)
{
	struct rlimit limit = { 1UL << 20, 1UL << 20 };
	char *large = malloc(100000);
	char *const argv[] = { large, large, large, NULL };

	memset(large, 'x', 99999);
	large[99999] = '\0';
	ASSERT_EQ(setrlimit(RLIMIT_STACK, &limit), 0);
	EXPECT_EQ(dune_program_start(&made_up, argv, environment), -E2BIG);
}

TEST_HARNESS_MAIN
