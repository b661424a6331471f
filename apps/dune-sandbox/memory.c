// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Whose memory an address is in. The kernel takes both for the process's, so
 * what ring 3 has it read or write is looked at before.
 *
 * The supervisor's is in some ranges, in which ring 3 gets nothing. Each begins
 * with some room where nothing is, so that a text of ring 3 that ends nowhere
 * does not go on in there.
 */
#include "sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define ADDRESS_LIMIT	(1UL << 47)
#define GAP		(2UL << 20)
#define STACK_GAP	(16UL << 20)
#define EFLAGS_AC	(1UL << 18)

enum { OWN, IMAGE, HANDLER, HEAP, STACK, RANGES };

static struct dune_range ranges[RANGES];
static bool confined;
void *memory_stack;

static bool is_within(uint64_t start, uint64_t end,
		      const struct dune_range *range)
{
	return start >= range->start && end <= range->end;
}

/* /proc/self/maps, before ring 3 adds to it; paths may be long. */
static char maps[256 << 10];

static int read_maps(void)
{
	int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
	size_t size = 0;
	ssize_t got;

	if (fd < 0)
		return -errno;
	while ((got = read(fd, maps + size, sizeof(maps) - 1 - size)) > 0)
		size += got;
	close(fd);
	maps[size] = '\0';
	/* there may be more */
	return !got && size < sizeof(maps) - 1 ? 0 : -EIO;
}

/**
 * struct mapping - a line of it
 * @range: the addresses
 * @name: behind them; up to the end of the line, or of what is of interest
 */
struct mapping {
	struct dune_range range;
	const char *name;
};

static uint64_t read_hex(const char **text)
{
	uint64_t number = 0;
	char c;

	for (; (c = **text) >= '0'; ++*text)
		number = number << 4 | (c <= '9' ? c - '0' : c - 'a' + 10);
	return number;
}

/* START-END RIGHTS OFFSET DEVICE INODE NAME; returns the next line, or NULL. */
static const char *next_mapping(const char *line, struct mapping *mapping)
{
	const char *end = strchr(line, '\n');
	unsigned int i;

	if (!end)
		return NULL;
	mapping->range.start = read_hex(&line);
	line++;
	mapping->range.end = read_hex(&line);
	for (i = 0; i < 4; i++)
		line = strchr(line + 1, ' ');
	mapping->name = line + strspn(line, " ");
	return end + 1;
}

/* As dune_program_vdso(), which would have the kernel write it all anew. */
static void find_known(struct dune_range *heap, struct dune_range *vdso)
{
	const char *line = maps;
	struct mapping mapping;

	while ((line = next_mapping(line, &mapping))) {
		if (text_after(mapping.name, "[heap]") &&
		    mapping.range.start < heap->start)
			heap->start = mapping.range.start;
		if (!text_after(mapping.name, "[vvar") &&
		    !text_after(mapping.name, "[vdso]"))
			continue;
		/* its data is before it, in one piece or more */
		if (!vdso->start)
			vdso->start = mapping.range.start;
		vdso->end = mapping.range.end;
	}
}

/* All that the process has is one side's or the other's, known to be so. */
static bool is_known(const struct dune_program *program,
		     const struct dune_range *stack,
		     const struct dune_range *vdso, uint64_t start,
		     uint64_t end)
{
	unsigned int i;

	for (i = 0; i < RANGES; i++)
		if (is_within(start, end, &ranges[i]))
			return true;
	return is_within(start, end, &program->image) ||
	       is_within(start, end, &program->loader) ||
	       is_within(start, end, stack) || is_within(start, end, vdso) ||
	       start >= ADDRESS_LIMIT;
}

static int check_mappings(const struct dune_program *program,
			  const struct dune_range *stack,
			  const struct dune_range *vdso)
{
	const char *line = maps;
	struct mapping mapping;

	while ((line = next_mapping(line, &mapping))) {
		if (is_known(program, stack, vdso, mapping.range.start,
			     mapping.range.end))
			continue;
		fprintf(stderr, "dune-sandbox: unexpected memory at %lx-%lx\n",
			mapping.range.start, mapping.range.end);
		return -EFAULT;
	}
	return 0;
}

/* At @start, if there is nothing; anywhere if that is 0. */
static void *map_new(uint64_t start, uint64_t size)
{
	return mmap((void *)start, size, PROT_NONE, MAP_PRIVATE |
		    MAP_ANONYMOUS | MAP_NORESERVE |
		    (start ? MAP_FIXED_NOREPLACE : 0), -1, 0);
}

/**
 * memory_guard() - take the memory around the supervisor, and for its stack
 *
 * Where addresses are not random the kernel's own code may be right below the
 * supervisor: then the stack is elsewhere. There a text of ring 3's ends in the
 * eighth byte of the supervisor, whose ELF header has a zero there. The kernel
 * puts what is mapped next right below.
 *
 * Return: 0; a negative errno.
 */
int memory_guard(void)
{
	const uint64_t size = GAP + HANDLER_STACK;
	struct dune_range *range = &ranges[IMAGE];
	void *place = map_new((uint64_t)__ehdr_start - size, size);

	if (place == MAP_FAILED && errno == EEXIST) {
		range->start = (uint64_t)__ehdr_start;
		range = &ranges[HANDLER];
		place = map_new(0, size);
	}
	if (place == MAP_FAILED ||
	    mprotect(place + GAP, HANDLER_STACK, PROT_READ | PROT_WRITE))
		return -errno;
	range->start = (uint64_t)place;
	range->end = range->start + size;
	/* clearing 2 MiB for a few pages would be most of a program's start */
	madvise(place + GAP, HANDLER_STACK, MADV_NOHUGEPAGE);
	memory_stack = place + size;
	return 0;
}

/* The C library has used some of the heap, perhaps; the rest is ring 3's. */
static bool guard_heap(const struct dune_range *heap)
{
	/* where addresses are not random it begins right behind the image */
	uint64_t room = heap->start - ranges[IMAGE].end;

	if (room > GAP)
		room = GAP;
	ranges[HEAP].start = heap->start - room;
	ranges[HEAP].end = heap->end;
	return !room || map_new(ranges[HEAP].start, room) != MAP_FAILED;
}

/**
 * memory_init() - know the supervisor's memory, all of it from now on
 * @program: loaded
 * @stack: of ring 3
 * @vdso: set to where the kernel's own code is, for ring 3; empty: nowhere
 *
 * Return: 0; a negative errno, also for a mapping that is neither's.
 */
int memory_init(const struct dune_program *program,
		const struct dune_range *stack, struct dune_range *vdso)
{
	uint64_t top = (uint64_t)sbrk(0);
	struct dune_range heap = { top, top };
	int err = read_maps();

	if (err)
		return err;
	*vdso = (struct dune_range) {};
	find_known(&heap, vdso);
	dune_own_range(&ranges[OWN]);
	ranges[OWN].start -= GAP;
	ranges[IMAGE].end = ((uint64_t)_end + DUNE_PAGE_SIZE - 1) &
			    -DUNE_PAGE_SIZE;
	ranges[STACK].start = (uint64_t)__builtin_frame_address(0) - STACK_GAP;
	ranges[STACK].end = ADDRESS_LIMIT;
	/* where ring 3 could be told to, the kernel would put something */
	if (map_new(ranges[OWN].start, GAP) == MAP_FAILED || !guard_heap(&heap))
		return -errno;
	confined = true;
	return check_mappings(program, stack, vdso);
}

/**
 * is_supervisors() - is any of it the supervisor's
 * @address: where it begins
 * @size: in bytes
 *
 * Return: whether; also for what is no address.
 */
bool is_supervisors(uint64_t address, uint64_t size)
{
	unsigned int i;

	if (!size)
		return false;
	if (address >= ADDRESS_LIMIT || size > ADDRESS_LIMIT - address)
		return true;
	for (i = 0; i < RANGES; i++)
		if (address < ranges[i].end &&
		    address + size > ranges[i].start)
			return true;
	return false;
}

/* SMAP keeps ring 0 from what is ring 3's by mistake; this is none. */
static long copy(void *to, const void *from, size_t size)
{
	uint64_t flags;
	int err;

	/* before there is a ring 3 it is the supervisor that asks */
	if (!confined) {
		memcpy(to, from, size);
		return 0;
	}
	asm volatile("pushfq; pop %0" : "=r" (flags));
	asm volatile("push %0; popfq" : : "r" (flags | EFLAGS_AC) : "cc");
	err = dune_copy(to, from, size);
	asm volatile("push %0; popfq" : : "r" (flags) : "cc", "memory");
	return err;
}

/* Of ring 3's, once: what is looked at is what is used. */
long copy_in(void *to, uint64_t from, size_t size)
{
	if (is_supervisors(from, size))
		return -EFAULT;
	return copy(to, (const void *)from, size);
}

long copy_out(uint64_t to, const void *from, size_t size)
{
	if (is_supervisors(to, size))
		return -EFAULT;
	return copy((void *)to, from, size);
}

/**
 * copy_string() - copy a text of ring 3's, once
 * @to: for it
 * @from: where it is
 * @size: of @to
 *
 * Return: its length; -EFAULT; -ENAMETOOLONG when it does not fit.
 */
long copy_string(char *to, uint64_t from, size_t size)
{
	size_t done = 0, part, i;
	long err;

	while (done < size) {
		/* not beyond a page that may be the last */
		part = DUNE_PAGE_SIZE - (from + done) % DUNE_PAGE_SIZE;
		if (part > size - done)
			part = size - done;
		/* names are short */
		if (part > 64)
			part = 64;
		err = copy_in(to + done, from + done, part);
		if (err)
			return err;
		for (i = done; i < done + part; i++)
			if (!to[i])
				return i;
		done += part;
	}
	return -ENAMETOOLONG;
}
