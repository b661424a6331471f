// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The stack with which a program begins, and its start. The strings are copied
 * to it: the program may see nothing else of the process.
 */
#include "internal.h"

#include <alloca.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <unistd.h>

#define MAX_AUXV	64
#define ALIGN16(value)	(((value) + 15) & ~15UL)

/* What execve() allows at least and at most (execve(2)). */
#define MIN_STACK	(128UL << 10)
#define MAX_STACK	(6UL << 20)

/**
 * struct layout - what goes to the stack
 * @auxv: the auxiliary vector, as the kernel gave it to this process
 * @auxv_size: of that in bytes, with its end
 * @platform: the string in it
 * @random: for AT_RANDOM
 * @vectors: bytes of all that are there
 * @strings: bytes of what they point to
 */
struct layout {
	Elf64_auxv_t auxv[MAX_AUXV];
	size_t auxv_size;
	const char *platform;
	uint8_t random[16];
	size_t vectors, strings;
};

static int read_auxv(Elf64_auxv_t *auxv)
{
	const size_t size = (MAX_AUXV - 1) * sizeof(*auxv);
	int fd = open("/proc/self/auxv", O_RDONLY | O_CLOEXEC);
	ssize_t got;

	if (fd < 0)
		return -errno;
	memset(auxv, 0, MAX_AUXV * sizeof(*auxv));
	got = read(fd, auxv, size);
	close(fd);
	return got < 0 ? -EIO : 0;
}

/* In bytes: of the vector, and of what it points to. */
static void add_strings(struct layout *layout, char *const *strings)
{
	for (; *strings; strings++) {
		layout->vectors += sizeof(*strings);
		layout->strings += strlen(*strings) + 1;
	}
	layout->vectors += sizeof(*strings);
}

static int read_process(struct layout *layout)
{
	const Elf64_auxv_t *auxv = layout->auxv;
	int err = read_auxv(layout->auxv);

	if (err)
		return err;
	layout->platform = "";
	for (; auxv->a_type != AT_NULL; auxv++)
		if (auxv->a_type == AT_PLATFORM)
			layout->platform = (const char *)auxv->a_un.a_val;
	layout->auxv_size = (char *)(auxv + 1) - (char *)layout->auxv;
	return getrandom(layout->random, sizeof(layout->random), 0) ==
	       sizeof(layout->random) ? 0 : -EIO;
}

static int lay_out(struct layout *layout, const struct dune_program *program,
		   char *const *argv, char *const *envp)
{
	int err = read_process(layout);

	if (err)
		return err;
	layout->vectors = sizeof(uint64_t) + layout->auxv_size;
	layout->strings = sizeof(layout->random) +
			  strlen(layout->platform) + 1 +
			  strlen(program->path) + 1;
	add_strings(layout, argv);
	add_strings(layout, envp);
	return 0;
}

static size_t size_of(const struct layout *layout)
{
	return ALIGN16(layout->vectors) + ALIGN16(layout->strings);
}

/* Behind the one before it; returns where it is. */
static uint64_t put_string(char **place, const char *string)
{
	size_t size = strlen(string) + 1;
	char *copy = *place;

	memcpy(copy, string, size);
	*place += size;
	return (uint64_t)copy;
}

static uint64_t *put_strings(uint64_t *next, char **place,
			     char *const *strings)
{
	for (; *strings; strings++)
		*next++ = put_string(place, *strings);
	*next++ = 0;
	return next;
}

/* What is another for this program. */
static void change_auxv(const struct dune_program *program,
			struct layout *layout, uint64_t random, char **place)
{
	const Elf64_auxv_t own[] = {
		{ AT_PHDR, { program->headers } },
		{ AT_PHENT, { sizeof(Elf64_Phdr) } },
		{ AT_PHNUM, { program->header_count } },
		{ AT_BASE, { program->loader_base } },
		{ AT_ENTRY, { program->entry } },
		{ AT_RANDOM, { random } },
		{ AT_PLATFORM, { put_string(place, layout->platform) } },
		{ AT_EXECFN, { put_string(place, program->path) } },
	};
	Elf64_auxv_t *auxv;
	unsigned int i;

	for (auxv = layout->auxv; auxv->a_type != AT_NULL; auxv++)
		for (i = 0; i < ARRAY_SIZE(own); i++)
			if (auxv->a_type == own[i].a_type)
				*auxv = own[i];
}

static void build(const struct dune_program *program, struct layout *layout,
		  char *const *argv, char *const *envp, uint64_t sp)
{
	char *strings = (char *)sp + ALIGN16(layout->vectors);
	uint64_t *first = (uint64_t *)sp + 1, *next;
	char *place = strings + sizeof(layout->random);

	memcpy(strings, layout->random, sizeof(layout->random));
	next = put_strings(first, &place, argv);
	first[-1] = next - first - 1;
	next = put_strings(next, &place, envp);
	change_auxv(program, layout, (uint64_t)strings, &place);
	memcpy(next, layout->auxv, layout->auxv_size);
}

int dune_program_stack(const struct dune_program *program, char *const *argv,
		       char *const *envp, void *stack, size_t size,
		       uint64_t *sp)
{
	uint64_t end = ((uint64_t)stack + size) & ~15UL;
	struct layout layout;
	int err = lay_out(&layout, program, argv, envp);

	if (err)
		return err;
	if (end < (uint64_t)stack || size_of(&layout) > end - (uint64_t)stack)
		return -E2BIG;
	*sp = end - size_of(&layout);
	build(program, &layout, argv, envp, *sp);
	return 0;
}

int dune_program_vdso(struct dune_range *range)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	uint64_t start, end;
	char line[256], which[2];

	if (!maps)
		return -errno;
	*range = (struct dune_range) {};
	while (fgets(line, sizeof(line), maps)) {
		/* [vvar] and the like, [vdso] */
		if (sscanf(line, "%lx-%lx %*s %*s %*s %*s [v%1[vd]", &start,
			   &end, which) < 3)
			continue;
		/* its data is before it, in one piece or more */
		if (!range->start)
			range->start = start;
		range->end = end;
	}
	fclose(maps);
	return range->end ? 0 : -ENOENT;
}

static size_t largest_stack(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_STACK, &limit) || limit.rlim_cur / 4 > MAX_STACK)
		return MAX_STACK;
	return limit.rlim_cur / 4 > MIN_STACK ? limit.rlim_cur / 4 : MIN_STACK;
}

/* From here downwards; the kernel does so for the first thread's alone. */
static int make_executable(uint64_t sp)
{
	void *page = (void *)(sp & ~(PAGE_SIZE - 1UL));

	return mprotect(page, PAGE_SIZE, PROT_READ | PROT_WRITE | PROT_EXEC |
			PROT_GROWSDOWN) ? -errno : 0;
}

int dune_program_start(const struct dune_program *program, char *const *argv,
		       char *const *envp)
{
	struct layout layout;
	int err = lay_out(&layout, program, argv, envp);
	uint64_t sp;
	size_t size;
	void *stack;

	if (err)
		return err;
	size = size_of(&layout) + 16;
	if (size > largest_stack())
		return -E2BIG;
	/* in use until the program ends: this function does not return */
	stack = alloca(size);
	err = dune_program_stack(program, argv, envp, stack, size, &sp);
	if (!err && program->executable_stack)
		err = make_executable(sp);
	if (err)
		return err;
	dune_rseq_release();
	dune_jump(program->start, sp);
}
