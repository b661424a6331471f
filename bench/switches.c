// SPDX-License-Identifier: GPL-2.0-only
/*
 * From one address space to another: page roots in Dune, processes and threads
 * of one CPU in Linux. Each figure is for one switch, half of the way there and
 * back.
 */
#include <dune/dune.h>

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "bench.h"
#include "memory.h"

#define SWITCHES	1000
#define USED		64
#define YIELDS		100
#define MOST_ROUNDS	1000

static struct dune_root *first, *other;
static char *used;

static int make_root(void)
{
	int err;

	used = memory_map(USED * SMALL, SMALL, MEMORY_PRESENT);
	memory_touch(used, USED * SMALL, SMALL);
	first = dune_root_current();
	err = dune_root_clone(&other, first);
	must(!err, dune_error(err));
	return 0;
}

static void switch_roots(unsigned int operations)
{
	for (; operations; operations -= 2) {
		dune_root_switch(other);
		dune_root_switch(first);
	}
}

/* What the CPU does at each switch where it has no tags. */
static void flush_tlb(void)
{
	unsigned long cr3;

	__asm__ volatile("mov %%cr3, %0; mov %0, %%cr3"
			 : "=r" (cr3) : : "memory");
}

static void switch_and_flush(unsigned int operations)
{
	for (; operations; operations -= 2) {
		dune_root_switch(other);
		flush_tlb();
		dune_root_switch(first);
		flush_tlb();
	}
}

static void use(void)
{
	memory_read(used, USED * SMALL, SMALL);
}

static void switch_and_use(unsigned int operations)
{
	for (; operations; operations -= 2) {
		dune_root_switch(other);
		use();
		dune_root_switch(first);
		use();
	}
}

static void switch_flush_and_use(unsigned int operations)
{
	for (; operations; operations -= 2) {
		dune_root_switch(other);
		flush_tlb();
		use();
		dune_root_switch(first);
		flush_tlb();
		use();
	}
}

static int there[2], back[2];

static void answer_bytes(void)
{
	char byte;

	while (read(there[0], &byte, 1) == 1)
		must(write(back[1], &byte, 1) == 1, "write()");
}

static void yield_always(void)
{
	for (;;)
		sched_yield();
}

static void *run_function(void *function)
{
	((void (*)(void))function)();
	return NULL;
}

/* The other side ends with this one, and has said so before anything else. */
static int in_process(void (*function)(void))
{
	char byte = 0;
	pid_t pid;

	must(!pipe(there) && !pipe(back), "pipe()");
	pid = fork();
	must(pid >= 0, "fork()");
	if (pid) {
		must(read(back[0], &byte, 1) == 1, "read()");
		return 0;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	must(write(back[1], &byte, 1) == 1, "write()");
	function();
	_exit(0);
}

static int in_thread(void (*function)(void))
{
	pthread_t thread;

	must(!pipe(there) && !pipe(back), "pipe()");
	must(!pthread_create(&thread, NULL, run_function, function),
	     "pthread_create()");
	return 0;
}

static int process_answers(void)
{
	return in_process(answer_bytes);
}

static long switches_so_far(void)
{
	struct rusage usage;

	must(!getrusage(RUSAGE_THREAD, &usage), "getrusage()");
	return usage.ru_nvcsw + usage.ru_nivcsw;
}

/* A new one waits until the others have had as much of the CPU. */
static int yield_to_other(void)
{
	unsigned int round, i;

	for (round = 0; round < MOST_ROUNDS; round++) {
		long before = switches_so_far();

		for (i = 0; i < YIELDS; i++)
			sched_yield();
		if (switches_so_far() - before > YIELDS / 2)
			break;
	}
	return 0;
}

static int process_yields(void)
{
	in_process(yield_always);
	return yield_to_other();
}

static int thread_answers(void)
{
	return in_thread(answer_bytes);
}

static int thread_yields(void)
{
	in_thread(yield_always);
	return yield_to_other();
}

static void hand_over(unsigned int operations)
{
	char byte = 0;

	for (; operations; operations -= 2) {
		must(write(there[1], &byte, 1) == 1, "write()");
		must(read(back[0], &byte, 1) == 1, "read()");
	}
}

/* The scheduler does not heed each of them, so those that it did are counted. */
static double yield_heeded(void)
{
	long before = switches_so_far(), switches;
	unsigned int i;
	uint64_t start = ticks();

	for (i = 0; i < SWITCHES / 2; i++)
		sched_yield();
	start = ticks() - start;
	switches = switches_so_far() - before;
	return switches > 0 ? (double)start / (2 * switches) :
			      cannot_run("sched_yield() does not yield");
}

#define ROOT	.row = "switch", .per = "switch", .operations = SWITCHES
#define USING	.row = "switch, then 64 pages", .per = "switch", .operations = SWITCHES
#define DUNE	.dune = true, .begin = make_root
#define PIPE	ROOT, .run = hand_over
#define YIELD	ROOT, .value = yield_heeded, .unit = "ticks"

const struct bench switch_benches[] = {
	{ ROOT, .how = "Dune", DUNE, .run = switch_roots },
	{ ROOT, .how = "Dune, no TLB tags", DUNE, .run = switch_and_flush },
	{ PIPE, .how = "processes, pipes", .begin = process_answers },
	{ YIELD, .how = "processes, sched_yield", .begin = process_yields },
	{ PIPE, .how = "threads, pipes", .begin = thread_answers },
	{ YIELD, .how = "threads, sched_yield", .begin = thread_yields },
	{ PIPE, .how = "processes in Dune, pipes", .dune = true,
	  .begin = process_answers },
	{ PIPE, .how = "threads in Dune, pipes", .dune = true,
	  .begin = thread_answers },
	{ USING, .how = "Dune", DUNE, .run = switch_and_use },
	{ USING, .how = "Dune, no TLB tags", DUNE,
	  .run = switch_flush_and_use },
	{ 0 }
};
