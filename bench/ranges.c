// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory by the range: what the nested page table takes for it, what it costs
 * when the process gives it back, and two threads that want it at once.
 */
#include <dune/dune.h>

#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bench.h"
#include "memory.h"

#define GIBIBYTE	(1UL << 30)
#define PAGES		512
#define THREADS		2

static char *memory;
static size_t size;

static long nested_tables(void)
{
	struct dune_stats stats = { 0 };

	must(!dune_get_stats(&stats), "dune_get_stats()");
	return stats.nested_tables * SMALL;
}

static long process_tables(void)
{
	return memory_number("/proc/self/status", "VmPTE: %lu") << 10;
}

/*
 * Of a gibibyte, without having one: a table is there for a single page of
 * those that it can have. The addresses are not used again, since tables of
 * tables stay.
 */
static double tables(size_t page, size_t step, long (*bytes)(void))
{
	long before = bytes();

	memory = memory_map(GIBIBYTE, page, MEMORY_ABSENT);
	memory_touch(memory, GIBIBYTE, step);
	before = bytes() - before;
	must(!madvise(memory, GIBIBYTE, MADV_DONTNEED), "MADV_DONTNEED");
	return before;
}

static double nested_tables_of_small(void)
{
	return tables(SMALL, LARGE, nested_tables);
}

static double nested_tables_of_large(void)
{
	return tables(LARGE, GIBIBYTE - LARGE, nested_tables);
}

static double process_tables_of_small(void)
{
	return tables(SMALL, LARGE, process_tables);
}

static double process_tables_of_large(void)
{
	return tables(LARGE, GIBIBYTE - LARGE, process_tables);
}

static int map(size_t bytes)
{
	size = bytes;
	memory_need(2 * size);
	memory = memory_map(size, SMALL, MEMORY_ABSENT);
	return 0;
}

static int map_4k(void)
{
	return map(4UL << 10);
}

static int map_64k(void)
{
	return map(64UL << 10);
}

static int map_1m(void)
{
	return map(1UL << 20);
}

static int map_16m(void)
{
	return map(16UL << 20);
}

static int map_64m(void)
{
	return map(64UL << 20);
}

static void touch(unsigned int operations)
{
	(void)operations;
	must(!madvise(memory, size, MADV_POPULATE_WRITE),
	     "MADV_POPULATE_WRITE");
	memory_touch(memory, size, SMALL);
}

static void drop(unsigned int operations)
{
	(void)operations;
	must(!madvise(memory, size, MADV_DONTNEED), "MADV_DONTNEED");
}

static pthread_barrier_t barrier;

static void pin_to(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	must(!sched_setaffinity(0, sizeof(set), &set), "sched_setaffinity()");
}

/* Each on a CPU of its own, on memory of its own. */
static void touch_part(unsigned int part)
{
	memory_touch(memory + part * PAGES * SMALL, PAGES * SMALL, SMALL);
	pthread_barrier_wait(&barrier);
}

static void *touch_second(void *argument)
{
	pin_to(1);
	pthread_barrier_wait(&barrier);
	touch_part(1);
	return argument;
}

static int begin_threads(void)
{
	if (sysconf(_SC_NPROCESSORS_ONLN) < THREADS)
		return cannot_run("one CPU");
	pin_to(0);
	must(!pthread_barrier_init(&barrier, NULL, THREADS),
	     "pthread_barrier_init()");
	return 0;
}

/* For each page of both: half of what one thread would take is the best. */
static double touch_at_once(void)
{
	pthread_t thread;
	uint64_t start;

	memory = memory_map(THREADS * PAGES * SMALL, SMALL, MEMORY_ABSENT);
	must(!pthread_create(&thread, NULL, touch_second, NULL),
	     "pthread_create()");
	pthread_barrier_wait(&barrier);
	start = ticks();
	touch_part(0);
	start = ticks() - start;
	must(!pthread_join(thread, NULL), "pthread_join()");
	must(!munmap(memory, THREADS * PAGES * SMALL), "munmap()");
	return (double)start / (THREADS * PAGES);
}

#define LINUX		.how = "Linux"
#define DUNE		.how = "Dune", .dune = true

#define TABLES		.per = "GiB", .operations = 1, .unit = "bytes"
#define SMALL_TABLES	.row = "page tables, 4 KiB pages", TABLES
#define LARGE_TABLES	.row = "page tables, 2 MiB pages", TABLES

#define DROP		.per = "call", .operations = 1, .prepare = touch, .run = drop
#define DROP_4K		.row = "MADV_DONTNEED, 4 KiB", .begin = map_4k, DROP
#define DROP_64K	.row = "MADV_DONTNEED, 64 KiB", .begin = map_64k, DROP
#define DROP_1M		.row = "MADV_DONTNEED, 1 MiB", .begin = map_1m, DROP
#define DROP_16M	.row = "MADV_DONTNEED, 16 MiB", .begin = map_16m, DROP
#define DROP_64M	.row = "MADV_DONTNEED, 64 MiB", .begin = map_64m, DROP

#define AT_ONCE								\
	.row = "page fault, 2 threads", .per = "page of 4 KiB",		\
	.operations = 1, .begin = begin_threads,			\
	.value = touch_at_once, .unit = "ticks"

const struct bench range_benches[] = {
	{ SMALL_TABLES, LINUX, .value = process_tables_of_small },
	{ SMALL_TABLES, DUNE, .value = nested_tables_of_small },
	{ LARGE_TABLES, LINUX, .value = process_tables_of_large },
	{ LARGE_TABLES, DUNE, .value = nested_tables_of_large },
	{ DROP_4K, LINUX }, { DROP_4K, DUNE },
	{ DROP_64K, LINUX }, { DROP_64K, DUNE },
	{ DROP_1M, LINUX }, { DROP_1M, DUNE },
	{ DROP_16M, LINUX }, { DROP_16M, DUNE },
	{ DROP_64M, LINUX }, { DROP_64M, DUNE },
	{ AT_ONCE, LINUX }, { AT_ONCE, DUNE },
	{ 0 }
};
