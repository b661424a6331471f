// SPDX-License-Identifier: GPL-2.0-only
/*
 * Page faults: the first touch of memory. In Dune the same access faults in
 * the nested page table, and the module has the kernel bring the page in.
 */
#include <sys/mman.h>
#include <unistd.h>

#include "bench.h"
#include "memory.h"

/* As many small pages as one page table has, and enough large ones. */
#define SMALL_PAGES	512
#define LARGE_PAGES	8

static char *memory;

static void map_small(unsigned int pages)
{
	memory = memory_map(pages * SMALL, SMALL, MEMORY_ABSENT);
}

static void map_small_present(unsigned int pages)
{
	memory = memory_map(pages * SMALL, SMALL, MEMORY_PRESENT);
}

static void touch_small(unsigned int pages)
{
	memory_touch(memory, pages * SMALL, SMALL);
}

static void unmap_small(unsigned int pages)
{
	must(!munmap(memory, pages * SMALL), "munmap()");
}

static void map_large(unsigned int pages)
{
	memory = memory_map(pages * LARGE, LARGE, MEMORY_ABSENT);
}

static void map_large_present(unsigned int pages)
{
	memory = memory_map(pages * LARGE, LARGE, MEMORY_PRESENT);
}

/* At both ends: what is in between comes with them, or there are two faults. */
static void touch_large(unsigned int pages)
{
	unsigned int i;

	for (i = 0; i < pages; i++)
		memory_touch(memory + i * LARGE, LARGE, LARGE - SMALL);
}

static void unmap_large(unsigned int pages)
{
	must(!munmap(memory, pages * LARGE), "munmap()");
}

static int file;

/* Of this kind all pages are in the page cache, always. */
static int fill_file(void)
{
	static char page[SMALL];
	unsigned int i;

	file = memfd_create("bench", MFD_CLOEXEC);
	must(file >= 0, "memfd_create()");
	for (i = 0; i < SMALL_PAGES; i++)
		must(write(file, page, SMALL) == SMALL, "write()");
	return 0;
}

static void map_file(unsigned int pages)
{
	memory = mmap(NULL, pages * SMALL, PROT_READ, MAP_SHARED, file, 0);
	must(memory != MAP_FAILED, "mmap()");
}

static void read_small(unsigned int pages)
{
	memory_read(memory, pages * SMALL, SMALL);
}

#define LINUX	.how = "Linux"
#define DUNE	.how = "Dune", .dune = true

#define PER_SMALL							\
	.per = "page of 4 KiB", .operations = SMALL_PAGES,		\
	.clean = unmap_small
#define PER_LARGE							\
	.per = "page of 2 MiB", .operations = LARGE_PAGES,		\
	.clean = unmap_large

#define FAULT_SMALL							\
	.row = "page fault, 4 KiB", PER_SMALL,				\
	.prepare = map_small, .run = touch_small
#define FAULT_LARGE							\
	.row = "page fault, 2 MiB", PER_LARGE,				\
	.prepare = map_large, .run = touch_large
#define FAULT_FILE							\
	.row = "page fault, file", PER_SMALL,				\
	.begin = fill_file, .prepare = map_file, .run = read_small

/*
 * Where the process has the memory, mapped but never touched in Dune, only the
 * nested page table is filled. Where it does not, it is the page fault above,
 * and KVM's figure of the same name is the one to compare.
 */
#define NESTED_ABSENT							\
	.row = "nested fault, absent", PER_SMALL,			\
	.prepare = map_small, .run = touch_small
#define NESTED_PRESENT							\
	.row = "nested fault, present", PER_SMALL,			\
	.prepare = map_small_present, .run = touch_small
#define NESTED_LARGE							\
	.row = "nested fault, 2 MiB present", PER_LARGE,		\
	.prepare = map_large_present, .run = touch_large

const struct bench fault_benches[] = {
	{ FAULT_SMALL, LINUX }, { FAULT_SMALL, DUNE },
	{ FAULT_LARGE, LINUX }, { FAULT_LARGE, DUNE },
	{ FAULT_FILE, LINUX }, { FAULT_FILE, DUNE },
	{ NESTED_ABSENT, DUNE },
	{ NESTED_PRESENT, DUNE },
	{ NESTED_LARGE, DUNE },
	{ 0 }
};
