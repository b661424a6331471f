// SPDX-License-Identifier: GPL-2.0-only
/*
 * Many processes in Dune. They gather from sample to sample, so that samples
 * which agree say that one more costs what the first did.
 */
#include <dune/dune.h>

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "bench.h"
#include "memory.h"

/*
 * Each sample has so many more: with 18 of them, warm-up included, 400 or 1,000.
 * With fewer a piece of a slab's is too much of it.
 */
#define FEW	22
#define MANY	56

/* Of those that may have large pages. */
#define SOME	6

/* Without large pages a process has less than this. */
#define PROCESS_SIZE	(512UL << 10)

/* What a process tells of itself. */
struct told {
	uint64_t ticks;
	uint64_t nested_tables;
};

static struct told *told;
static int go[2], done[2];

static void tell(struct told *of)
{
	uint64_t start = ticks();
	struct dune_stats stats = { 0 };
	int err = dune_init(NULL);

	if (!err)
		err = dune_enter();
	of->ticks = ticks() - start;
	if (!err)
		err = dune_get_stats(&stats);
	must(!err, dune_error(err));
	of->nested_tables = stats.nested_tables;
}

static void be_process(struct told *of)
{
	char byte = 0;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	must(write(done[1], &byte, 1) == 1, "write()");
	must(read(go[0], &byte, 1) == 1, "read()");
	tell(of);
	must(write(done[1], &byte, 1) == 1, "write()");
	for (;;)
		pause();
}

static void wait_for(unsigned int count)
{
	char byte;

	while (count--)
		must(read(done[0], &byte, 1) == 1, "read()");
}

/* In bytes. What the CPUs count for themselves is added up first. */
static long free_memory(void)
{
	int refresh = open("/proc/sys/vm/stat_refresh", O_WRONLY | O_CLOEXEC);
	unsigned long pages;

	if (refresh < 0 || write(refresh, "1", 1) != 1)
		cannot_run("not root");
	close(refresh);
	pages = memory_number("/proc/zoneinfo", " pages free %lu") +
		memory_number("/proc/zoneinfo", " count: %lu");
	return pages * SMALL;
}

static long user_memory(void)
{
	return memory_number("/proc/meminfo", "AnonPages: %lu") << 10;
}

/* Of so many more processes, by what each of them added. */
struct more {
	double kernel, nested, user, ticks;
};

static void enter_all(unsigned int count)
{
	unsigned int i;
	char byte = 0;

	for (i = 0; i < count; i++)
		must(write(go[1], &byte, 1) == 1, "write()");
	wait_for(count);
}

static struct more make_more(unsigned int count)
{
	struct more more = { 0 };
	unsigned int i;

	memory_need(count * PROCESS_SIZE);
	for (i = 0; i < count; i++) {
		pid_t pid = fork();

		must(pid >= 0, "fork()");
		if (!pid)
			be_process(&told[i]);
	}
	wait_for(count);
	more.user = -user_memory();
	more.kernel = free_memory();
	enter_all(count);
	more.kernel -= free_memory();
	more.user += user_memory();
	for (i = 0; i < count; i++) {
		more.ticks += told[i].ticks;
		more.nested += told[i].nested_tables * SMALL;
	}
	more.kernel = (more.kernel - more.user - more.nested) / count;
	more.user /= count;
	more.nested /= count;
	more.ticks /= count;
	return more;
}

static int begin(void)
{
	if (access("/dev/dune", F_OK))
		return cannot_run("dune.ko is not loaded");
	told = mmap(NULL, MANY * sizeof(*told), PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	must(told != MAP_FAILED, "mmap()");
	must(!pipe(go) && !pipe(done), "pipe()");
	return 0;
}

/* A large page for what needs a small one would be most of a process. */
static int begin_small(void)
{
	must(!prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0), "PR_SET_THP_DISABLE");
	return begin();
}

static double kernel_of_few(void)
{
	return make_more(FEW).kernel;
}

static double kernel_of_many(void)
{
	return make_more(MANY).kernel;
}

static double nested_of_few(void)
{
	return make_more(FEW).nested;
}

static double nested_of_many(void)
{
	return make_more(MANY).nested;
}

static double user_of_some(void)
{
	return make_more(SOME).user;
}

static double entry_of_many(void)
{
	return make_more(MANY).ticks;
}

#define PROCESS		.per = "process", .operations = 1, .begin = begin_small
#define KERNEL		.row = "kernel memory", PROCESS, .unit = "bytes"
#define NESTED		.row = "nested page table", PROCESS, .unit = "bytes"
#define USER		.row = "user memory", .per = "process", .operations = 1, .unit = "bytes"
#define ENTRY		.row = "entry, no large pages", PROCESS, .unit = "ticks"
#define TO_400		.how = "Dune, to 400 processes"
#define TO_1000		.how = "Dune, to 1000 processes"

const struct bench scale_benches[] = {
	{ KERNEL, TO_400, .value = kernel_of_few },
	{ KERNEL, TO_1000, .value = kernel_of_many },
	{ NESTED, TO_400, .value = nested_of_few },
	{ NESTED, TO_1000, .value = nested_of_many },
	{ USER, .how = "Dune", .begin = begin, .value = user_of_some },
	{ USER, .how = "Dune, no large pages", .begin = begin_small,
	  .value = user_of_some },
	{ ENTRY, TO_1000, .value = entry_of_many },
	{ 0 }
};
