// SPDX-License-Identifier: GPL-2.0-only
/* Memory that benchmarks use up. */
#include <stdio.h>
#include <sys/mman.h>

#include "bench.h"
#include "memory.h"

unsigned long memory_number(const char *path, const char *format)
{
	FILE *file = fopen(path, "re");
	unsigned long number, sum = 0;
	char line[256];

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, format, &number) == 1)
			sum += number;
	if (file)
		fclose(file);
	return sum;
}

size_t memory_available(void)
{
	return memory_number("/proc/meminfo", "MemAvailable: %lu") << 10;
}

void memory_need(size_t size)
{
	if (memory_available() < size)
		cannot_run("not enough free memory");
}

static size_t huge_bytes(void)
{
	return memory_number("/proc/self/smaps_rollup",
			     "AnonHugePages: %lu") << 10;
}

/* What is around an aligned part of it is given back. */
static char *map_aligned(size_t size)
{
	char *all = mmap(NULL, size + LARGE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	size_t before = -(uintptr_t)all % LARGE;

	must(all != MAP_FAILED, "mmap()");
	if (before)
		must(!munmap(all, before), "munmap()");
	must(!munmap(all + before + size, LARGE - before), "munmap()");
	return all + before;
}

static void populate(char *memory, size_t size, size_t page)
{
	size_t had = huge_bytes();

	must(!madvise(memory, size, MADV_POPULATE_WRITE),
	     "MADV_POPULATE_WRITE");
	if (page == LARGE && huge_bytes() - had < size)
		cannot_run("no free pages of 2 MiB");
}

char *memory_map(size_t size, size_t page, enum memory state)
{
	char *memory = map_aligned(size);

	/* A kernel without them need not be told to give none. */
	if (madvise(memory, size,
		    page == LARGE ? MADV_HUGEPAGE : MADV_NOHUGEPAGE) &&
	    page == LARGE)
		cannot_run("the kernel has no transparent huge pages");
	if (state == MEMORY_PRESENT)
		populate(memory, size, page);
	return memory;
}
