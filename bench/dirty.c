// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which pages of 256 MiB were written to, one in 16 having been. A cycle is
 * all that it takes to know it once: being told from now on, the writes, and
 * who they were. The figures are for each page that is looked after.
 */
#include <dune/dune.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bench.h"
#include "dirty.h"

char *dirty_memory;

/* Of the way that is measured, as for dirty_begin(). */
static void (*arm_pages)(void);
static long (*collect_pages)(void);

static uint64_t noted[DIRTY_PAGES / 64];

void dirty_note(char *address)
{
	size_t page = (address - dirty_memory) / SMALL;

	noted[page / 64] |= 1UL << page % 64;
}

long dirty_noted(void)
{
	long count = 0;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(noted); i++)
		count += __builtin_popcountl(noted[i]);
	memset(noted, 0, sizeof(noted));
	return count;
}

static void write_some(void)
{
	memory_touch(dirty_memory, DIRTY_SIZE, DIRTY_EVERY * SMALL);
}

static void collect(unsigned int pages)
{
	long found = collect_pages();

	errno = found < 0 ? -found : ERANGE;
	must(found == (long)(pages / DIRTY_EVERY), "pages written to");
}

static void arm_and_write(unsigned int pages)
{
	(void)pages;
	if (arm_pages)
		arm_pages();
	write_some();
}

static void cycle(unsigned int pages)
{
	arm_and_write(pages);
	collect(pages);
}

/* All is there and was written to, and what it takes for that is forgotten. */
void dirty_begin(void (*arm)(void), long (*collect)(void))
{
	arm_pages = arm;
	collect_pages = collect;
	memory_need(DIRTY_SIZE / 4 * 5);
	dirty_memory = memory_map(DIRTY_SIZE, SMALL, MEMORY_PRESENT);
	memory_touch(dirty_memory, DIRTY_SIZE, SMALL);
}

static long scan(void)
{
	return dune_scan(dune_root_current(), dirty_memory, DIRTY_SIZE,
			 DUNE_PTE_DIRTY, DUNE_SCAN_CLEAR, (uint8_t *)noted);
}

static int by_scan(void)
{
	dirty_begin(NULL, scan);
	must(scan() == DIRTY_PAGES, "dune_scan()");
	return 0;
}

static void protect(void)
{
	must(!mprotect(dirty_memory, DIRTY_SIZE, PROT_READ), "mprotect()");
}

static void take_write(int signal, siginfo_t *info, void *context)
{
	char *page = (char *)((uintptr_t)info->si_addr & -SMALL);

	(void)signal;
	(void)context;
	dirty_note(page);
	must(!mprotect(page, SMALL, PROT_READ | PROT_WRITE), "mprotect()");
}

static int by_mprotect(void)
{
	struct sigaction action = {
		.sa_sigaction = take_write,
		.sa_flags = SA_SIGINFO,
	};

	dirty_begin(protect, dirty_noted);
	must(!sigaction(SIGSEGV, &action, NULL), "sigaction()");
	return 0;
}

/* Documentation/admin-guide/mm/soft-dirty.rst */
#define FORGET_SOFT_DIRTY	"4"
#define SOFT_DIRTY		(1ULL << 55)

static int pagemap, clear_refs;

static void forget(void)
{
	must(write(clear_refs, FORGET_SOFT_DIRTY, 1) == 1, "clear_refs");
}

static long read_pagemap(void)
{
	static uint64_t entries[4096];
	off_t at = (uintptr_t)dirty_memory / SMALL * sizeof(*entries);
	off_t end = at + DIRTY_PAGES * sizeof(*entries);
	long count = 0;
	size_t i;

	for (; at < end; at += sizeof(entries)) {
		must(pread(pagemap, entries, sizeof(entries), at) ==
		     sizeof(entries), "pagemap");
		for (i = 0; i < ARRAY_SIZE(entries); i++)
			count += !!(entries[i] & SOFT_DIRTY);
	}
	return count;
}

static int by_soft_dirty(void)
{
	pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	clear_refs = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC);
	must(pagemap >= 0 && clear_refs >= 0, "open()");
	dirty_begin(forget, read_pagemap);
	forget();
	write_some();
	return read_pagemap() ? 0 :
	       cannot_run("the kernel has no soft-dirty bits");
}

/* Large pages would have one dirty bit for all of them. */
#define DUNE		.how = "Dune", .dune = true, .fill_size = SMALL, .begin = by_scan
#define PAGEMAP_SCAN	.how = "PAGEMAP_SCAN", .begin = dirty_by_pagemap_scan
#define SOFT		.how = "soft-dirty", .begin = by_soft_dirty
#define THREAD		.how = "userfaultfd, thread", .begin = dirty_by_userfault_thread
#define SIGBUS_SIGNAL	.how = "userfaultfd, SIGBUS", .begin = dirty_by_userfault_signal
#define MPROTECT	.how = "mprotect, SIGSEGV", .begin = by_mprotect

#define PER_PAGE	.per = "page", .operations = DIRTY_PAGES
#define CYCLE		.row = "dirty pages, cycle", PER_PAGE, .run = cycle
#define COLLECT								\
	.row = "dirty pages, collecting", PER_PAGE,			\
	.prepare = arm_and_write, .run = collect

const struct bench dirty_benches[] = {
	{ CYCLE, DUNE },
	{ CYCLE, PAGEMAP_SCAN },
	{ CYCLE, SOFT },
	{ CYCLE, THREAD },
	{ CYCLE, SIGBUS_SIGNAL },
	{ CYCLE, MPROTECT },
	{ COLLECT, DUNE },
	{ COLLECT, PAGEMAP_SCAN },
	{ COLLECT, SOFT },
	{ COLLECT, THREAD },
	{ COLLECT, SIGBUS_SIGNAL },
	{ COLLECT, MPROTECT },
	{ 0 }
};
