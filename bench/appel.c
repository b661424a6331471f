// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pages that are protected to see who writes to them, as garbage collectors and
 * shared virtual memory do it. From Appel and Li, "Virtual Memory Primitives for
 * User Programs" (ASPLOS 1991), section 5:
 *
 *  Appel 1, "prot1+trap+unprot": write to a random protected page; the handler
 *	protects some other page and unprotects this one.
 *  Appel 2, "protN+trap+unprot": protect 100 pages, then write to each in random
 *	order; the handler unprotects the page.
 *
 * Figures here are for one page. The paper's are for a run of 100 of them, with
 * what protects all pages at once in that of Appel 2 and not in that of Appel 1.
 * As there, a protected page can be read.
 */
#include <dune/dune.h>

#include <signal.h>
#include <sys/mman.h>

#include "bench.h"

#define PAGES	100U
#define SIZE	(PAGES * DUNE_PAGE_SIZE)

/* Twice as many: for each page there is some other page. */
static char *memory;
static unsigned int order[PAGES];

/* The same random order each time, so that figures can be compared. */
static void make_order(void)
{
	uint32_t random = 1;
	unsigned int i, other;

	for (i = 0; i < PAGES; i++) {
		random = random * 1664525 + 1013904223;
		other = (random >> 16) % (i + 1);
		order[i] = order[other];
		order[other] = i;
	}
}

static void make_memory(void)
{
	make_order();
	memory = mmap(NULL, 2 * SIZE, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	must(memory != MAP_FAILED, "mmap()");
}

static inline void write_to(unsigned int number)
{
	__asm__ volatile("movb $1, (%0)"
			 : : "r" (memory + number * DUNE_PAGE_SIZE) : "memory");
}

static void touch_all(void)
{
	unsigned int i;

	for (i = 0; i < 2 * PAGES; i++)
		write_to(i);
}

static void write_in_order(unsigned int operations)
{
	unsigned int i;

	for (i = 0; i < operations; i++)
		write_to(order[i]);
}

static inline char *page_of(const void *address)
{
	return (char *)((uint64_t)address & -DUNE_PAGE_SIZE);
}

/* By the kernel, in Dune too. */

static void kernel_protect(char *start, uint64_t size)
{
	must(!mprotect(start, size, PROT_READ), "mprotect()");
}

static void kernel_unprotect(char *start, uint64_t size)
{
	must(!mprotect(start, size, PROT_READ | PROT_WRITE), "mprotect()");
}

static void swap_by_kernel(int signal, siginfo_t *info, void *context)
{
	char *page = page_of(info->si_addr);

	(void)signal;
	(void)context;
	kernel_protect(page + SIZE, DUNE_PAGE_SIZE);
	kernel_unprotect(page, DUNE_PAGE_SIZE);
}

static void unprotect_by_kernel(int signal, siginfo_t *info, void *context)
{
	(void)signal;
	(void)context;
	kernel_unprotect(page_of(info->si_addr), DUNE_PAGE_SIZE);
}

static int begin_1_by_kernel(void)
{
	make_memory();
	handle_signal(SIGSEGV, swap_by_kernel);
	return 0;
}

static int begin_2_by_kernel(void)
{
	make_memory();
	handle_signal(SIGSEGV, unprotect_by_kernel);
	return 0;
}

static void prepare_2_by_kernel(unsigned int operations)
{
	(void)operations;
	kernel_unprotect(memory, 2 * SIZE);
	touch_all();
}

static void prepare_1_by_kernel(unsigned int operations)
{
	prepare_2_by_kernel(operations);
	kernel_protect(memory, SIZE);
}

static void run_2_by_kernel(unsigned int operations)
{
	kernel_protect(memory, operations * DUNE_PAGE_SIZE);
	write_in_order(operations);
}

/* By the program's own page table. */

static struct dune_root *root;

INTEGER_ONLY
static int table_protect(char *start, uint64_t size)
{
	return dune_protect(root, start, size, 0, DUNE_PTE_WRITE);
}

INTEGER_ONLY
static int table_unprotect(char *start, uint64_t size)
{
	return dune_protect(root, start, size, DUNE_PTE_WRITE, 0);
}

/* DUNE_PASS gives a signal that nothing handles: so a failure is seen. */
INTEGER_ONLY
static enum dune_verdict swap_by_table(uint64_t address, unsigned int error,
				       struct dune_frame *frame)
{
	char *page = page_of((void *)address);

	(void)error;
	(void)frame;
	if (table_protect(page + SIZE, DUNE_PAGE_SIZE) ||
	    table_unprotect(page, DUNE_PAGE_SIZE))
		return DUNE_PASS;
	return DUNE_DONE;
}

INTEGER_ONLY
static enum dune_verdict unprotect_by_table(uint64_t address,
					    unsigned int error,
					    struct dune_frame *frame)
{
	(void)error;
	(void)frame;
	if (table_unprotect(page_of((void *)address), DUNE_PAGE_SIZE))
		return DUNE_PASS;
	return DUNE_DONE;
}

static int begin_by_table(dune_fault_handler handler, unsigned int flags)
{
	make_memory();
	root = dune_root_current();
	return dune_set_fault_handler(handler, flags);
}

static int begin_1_by_table(void)
{
	return begin_by_table(swap_by_table, 0);
}

static int begin_1_by_integers(void)
{
	return begin_by_table(swap_by_table, DUNE_HANDLER_INTEGER);
}

static int begin_2_by_table(void)
{
	return begin_by_table(unprotect_by_table, 0);
}

static int begin_2_by_integers(void)
{
	return begin_by_table(unprotect_by_table, DUNE_HANDLER_INTEGER);
}

static void prepare_2_by_table(unsigned int operations)
{
	(void)operations;
	must(!table_unprotect(memory, 2 * SIZE), "dune_protect()");
	touch_all();
}

static void prepare_1_by_table(unsigned int operations)
{
	prepare_2_by_table(operations);
	must(!table_protect(memory, SIZE), "dune_protect()");
}

static void run_2_by_table(unsigned int operations)
{
	must(!table_protect(memory, operations * DUNE_PAGE_SIZE),
	     "dune_protect()");
	write_in_order(operations);
}

/*
 * What those who do as in Appel 2 want to know: the pages that were written to.
 * The CPU notes it, and nothing has to be protected.
 */
static void run_by_dirty_bits(unsigned int operations)
{
	uint8_t written[(PAGES + 7) / 8];
	uint64_t size = operations * DUNE_PAGE_SIZE;

	must(dune_scan(root, memory, size, DUNE_PTE_DIRTY, DUNE_SCAN_CLEAR,
		       NULL) >= 0, "dune_scan()");
	write_in_order(operations);
	must(dune_scan(root, memory, size, DUNE_PTE_DIRTY, 0, written) ==
	     (long)operations, "dune_scan()");
}

#define APPEL(title, by, ...)						\
	{ .row = title, .how = by, .per = "page", .operations = PAGES,	\
	  __VA_ARGS__ }

#define APPEL_1(by, ...)						\
	APPEL("Appel 1", by, .run = write_in_order, __VA_ARGS__)

#define APPEL_2(by, ...)	APPEL("Appel 2", by, __VA_ARGS__)

#define BY_KERNEL(number)						\
	.rounds = 20,							\
	.begin = begin_##number##_by_kernel,				\
	.prepare = prepare_##number##_by_kernel

#define BY_TABLE(number, handler)					\
	.dune = true, .begin = begin_##number##_by_##handler,		\
	.prepare = prepare_##number##_by_table

const struct bench appel_benches[] = {
	APPEL_1("Linux", BY_KERNEL(1)),
	APPEL_1("Dune", BY_TABLE(1, table)),
	APPEL_1(INTEGER, BY_TABLE(1, integers)),
	APPEL_1(SIGNAL, .dune = true, BY_KERNEL(1)),
	APPEL_2("Linux", BY_KERNEL(2), .run = run_2_by_kernel),
	APPEL_2("Dune", BY_TABLE(2, table), .run = run_2_by_table),
	APPEL_2(INTEGER, BY_TABLE(2, integers), .run = run_2_by_table),
	APPEL_2(SIGNAL, .dune = true, BY_KERNEL(2), .run = run_2_by_kernel),
	APPEL_2("Dune, dirty bits", BY_TABLE(2, table),
		.run = run_by_dirty_bits),
	{ 0 }
};
