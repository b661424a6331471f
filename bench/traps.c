// SPDX-License-Identifier: GPL-2.0-only
/*
 * Exceptions, to a handler and back. Handlers pass over the instruction, so that
 * no other work is counted.
 *
 * The paper's "trap" is a write to a protected page, up to where the handler
 * begins: that is "protection fault, one way".
 */
#include <dune/dune.h>

#include <signal.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "bench.h"

#define TRAPS		1000U

#define UD2_SIZE	2
#define WRITE_SIZE	3

static void execute_ud2(unsigned int operations)
{
	while (operations--)
		__asm__ volatile("ud2" : : : "memory");
}

static char *page;

/* Always the same instruction: handlers know its size. */
static inline void write_byte(void)
{
	__asm__ volatile("movb $1, (%0)" : : "D" (page) : "memory");
}

static void write_bytes(unsigned int operations)
{
	while (operations--)
		write_byte();
}

/* What ticks() was when the handler of the last trap began. */
static uint64_t arrival;

static double write_one_way(void)
{
	uint64_t sum = 0, start;
	unsigned int i;

	for (i = 0; i < TRAPS; i++) {
		start = ticks();
		write_byte();
		sum += arrival - start;
	}
	return (double)sum / TRAPS;
}

static void pass_ud2_signal(int signal, siginfo_t *info, void *context)
{
	ucontext_t *interrupted = context;

	(void)signal;
	(void)info;
	interrupted->uc_mcontext.gregs[REG_RIP] += UD2_SIZE;
}

static void pass_write_signal(int signal, siginfo_t *info, void *context)
{
	ucontext_t *interrupted = context;

	(void)signal;
	(void)info;
	interrupted->uc_mcontext.gregs[REG_RIP] += WRITE_SIZE;
}

static void pass_late_signal(int signal, siginfo_t *info, void *context)
{
	arrival = ticks();
	pass_write_signal(signal, info, context);
}

INTEGER_ONLY
static enum dune_verdict pass_ud2(struct dune_frame *frame)
{
	frame->rip += UD2_SIZE;
	return DUNE_DONE;
}

INTEGER_ONLY
static enum dune_verdict pass_write(uint64_t address, unsigned int error,
				    struct dune_frame *frame)
{
	(void)address;
	(void)error;
	frame->rip += WRITE_SIZE;
	return DUNE_DONE;
}

INTEGER_ONLY
static enum dune_verdict pass_late(uint64_t address, unsigned int error,
				   struct dune_frame *frame)
{
	arrival = ticks();
	return pass_write(address, error, frame);
}

static int ud2_to_signal(void)
{
	handle_signal(SIGILL, pass_ud2_signal);
	return 0;
}

static int ud2_to_handler(void)
{
	return dune_set_trap_handler(DUNE_VECTOR_UD, pass_ud2, 0);
}

static int ud2_to_integer_handler(void)
{
	return dune_set_trap_handler(DUNE_VECTOR_UD, pass_ud2,
				     DUNE_HANDLER_INTEGER);
}

static void make_page(void)
{
	page = mmap(NULL, DUNE_PAGE_SIZE, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	must(page != MAP_FAILED, "mmap()");
	*page = 1;
}

/* In Dune too: what a program does that knows nothing of it. */
static int protect_by_kernel(void)
{
	make_page();
	must(!mprotect(page, DUNE_PAGE_SIZE, PROT_READ), "mprotect()");
	return 0;
}

static int write_to_signal(void)
{
	handle_signal(SIGSEGV, pass_write_signal);
	return protect_by_kernel();
}

static int write_to_late_signal(void)
{
	handle_signal(SIGSEGV, pass_late_signal);
	return protect_by_kernel();
}

static int protect_by_table(dune_fault_handler handler, unsigned int flags)
{
	int err = dune_set_fault_handler(handler, flags);

	make_page();
	return err ?: dune_protect(dune_root_current(), page, DUNE_PAGE_SIZE, 0,
				   DUNE_PTE_WRITE);
}

static int write_to_handler(void)
{
	return protect_by_table(pass_write, 0);
}

static int write_to_integer_handler(void)
{
	return protect_by_table(pass_write, DUNE_HANDLER_INTEGER);
}

static int write_to_late_handler(void)
{
	return protect_by_table(pass_late, 0);
}

static int write_to_late_integer_handler(void)
{
	return protect_by_table(pass_late, DUNE_HANDLER_INTEGER);
}

#define TRAP(title, by, ...)						\
	{ .row = title, .how = by, .per = "trap", .operations = TRAPS,	\
	  __VA_ARGS__ }

#define UD2(by, ...)							\
	TRAP("trap", by, .run = execute_ud2, __VA_ARGS__)

#define FAULT(by, ...)							\
	TRAP("protection fault", by, .run = write_bytes, __VA_ARGS__)

#define ONE_WAY(by, ...)						\
	TRAP("protection fault, one way", by, .value = write_one_way,	\
	     .unit = "ticks", __VA_ARGS__)

const struct bench trap_benches[] = {
	UD2("Linux", .begin = ud2_to_signal),
	UD2("Dune", .dune = true, .begin = ud2_to_handler),
	UD2(INTEGER, .dune = true, .begin = ud2_to_integer_handler),
	UD2(SIGNAL, .dune = true, .begin = ud2_to_signal),
	FAULT("Linux", .begin = write_to_signal),
	FAULT("Dune", .dune = true, .begin = write_to_handler),
	FAULT(INTEGER, .dune = true, .begin = write_to_integer_handler),
	FAULT(SIGNAL, .dune = true, .begin = write_to_signal),
	ONE_WAY("Linux", .begin = write_to_late_signal),
	ONE_WAY("Dune", .dune = true, .begin = write_to_late_handler),
	ONE_WAY(INTEGER, .dune = true, .begin = write_to_late_integer_handler),
	{ 0 }
};
