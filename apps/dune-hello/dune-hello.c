// SPDX-License-Identifier: LGPL-2.1-or-later
/* dune-hello - enter Dune and show that an ordinary program goes on there. */
#include <dune/dune.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static unsigned int ring(void)
{
	unsigned short cs;

	asm volatile("mov %%cs, %0" : "=r" (cs));
	return cs & 3;
}

/* Privileged: outside, this is a segmentation fault. */
static unsigned long page_table(void)
{
	unsigned long cr3;

	asm volatile("mov %%cr3, %0" : "=r" (cr3));
	return cr3;
}

static void write_nowhere(void)
{
	asm volatile("movl $0, 8");
}

static int try_file(void)
{
	char line[32] = "";
	FILE *file = tmpfile();

	if (!file)
		return -1;
	fputs("written in ring 0\n", file);
	rewind(file);
	if (!fgets(line, sizeof(line), file))
		line[0] = '\0';
	fclose(file);
	return strcmp(line, "written in ring 0\n");
}

static int try_memory(void)
{
	const size_t size = 16 << 20;
	char *heap = malloc(size);
	char *far = mmap((void *)0x200000000000, size, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE,
			 -1, 0);

	if (!heap || far == MAP_FAILED)
		return -1;
	memset(heap, 1, size);
	memcpy(far, heap, size);
	return memcmp(far, heap, size) || munmap(far, size);
}

static void print_counters(void)
{
	struct dune_stats stats;
	unsigned long long exits = 0;
	unsigned int i;

	if (dune_get_stats(&stats)) {
		printf("counters: none\n");
		return;
	}
	for (i = 0; i < DUNE_STATS; i++)
		exits += stats.exits[i];
	printf("exits: %llu (%llu hypercalls, %llu nested faults)\n", exits,
	       (unsigned long long)stats.exits[DUNE_STAT_HYPERCALL],
	       (unsigned long long)stats.exits[DUNE_STAT_NESTED_FAULT]);
	printf("system calls: %llu in place, %llu left to the process\n",
	       (unsigned long long)stats.direct_syscalls,
	       (unsigned long long)stats.plain_syscalls);
}

int main(int argc, char **argv)
{
	struct timespec before, after;
	pid_t pid = getpid();
	int err;

	if (argc > 2 || (argc == 2 && strcmp(argv[1], "--crash"))) {
		fprintf(stderr, "usage: dune-hello [--crash]\n");
		return 2;
	}
	clock_gettime(CLOCK_MONOTONIC, &before);
	printf("outside: ring %u\n", ring());
	err = dune_init(NULL);
	if (!err)
		err = dune_enter();
	if (err) {
		fprintf(stderr, "dune-hello: %s\n", strerror(-err));
		return 1;
	}
	printf("inside: ring %u, own page table %s\n", ring(),
	       page_table() ? "yes" : "no");
	printf("same process: %s\n", getpid() == pid ? "yes" : "no");
	printf("files: %s\n", try_file() ? "fail" : "work");
	printf("memory: %s\n", try_memory() ? "fail" : "works");
	clock_gettime(CLOCK_MONOTONIC, &after);
	printf("clock: %s\n", after.tv_sec >= before.tv_sec ? "works" : "fails");
	printf("floating point: %g\n", 1.5 * (ring() + 2));
	print_counters();
	fflush(stdout);
	if (argc == 2)
		write_nowhere();
	return 42;
}
