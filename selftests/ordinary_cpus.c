// SPDX-License-Identifier: GPL-2.0-only
/*
 * The CPU that a thread is on, and what it does not finish there. It knows
 * nothing of Dune: process_test.sh runs it there.
 */
#include "kselftest_harness.h"

#include <sched.h>
#include <sys/rseq.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>

#include "ordinary_processes.h"

FIXTURE(cpus) {
};

FIXTURE_SETUP(cpus)
{
}

FIXTURE_TEARDOWN(cpus)
{
}

TEST_F(cpus, sched_getcpu_is_right)
{
	cpu_set_t set;
	int cpu, i;

	for (i = 0; i < 20; i++) {
		for (cpu = 0; cpu < 2 && cpu < get_nprocs(); cpu++) {
			CPU_ZERO(&set);
			CPU_SET(cpu, &set);
			ASSERT_EQ(0, sched_setaffinity(0, sizeof(set), &set));
			EXPECT_EQ(cpu, sched_getcpu());
		}
	}
}

TEST_F(cpus, all_tell_the_same_cpu)
{
	unsigned int cpu, node, raw_cpu, raw_node;
	cpu_set_t all, set;
	int i;

	ASSERT_EQ(0, sched_getaffinity(0, sizeof(all), &all));
	for (i = 0; i < CPU_SETSIZE; i++) {
		if (!CPU_ISSET(i, &all))
			continue;
		CPU_ZERO(&set);
		CPU_SET(i, &set);
		ASSERT_EQ(0, sched_setaffinity(0, sizeof(set), &set));
		ASSERT_EQ(0, getcpu(&cpu, &node));
		ASSERT_EQ(0, syscall(SYS_getcpu, &raw_cpu, &raw_node, NULL));
		EXPECT_EQ(i, (int)cpu);
		EXPECT_EQ(i, (int)raw_cpu);
		EXPECT_EQ(raw_node, node);
	}
}

/* A restartable sequence that ends only if the kernel makes it. */
static void wait_in_sequence(struct rseq *area)
{
	asm volatile(".pushsection .data\n\t"
		".balign 32\n"
		"3:\t.long 0, 0\n\t"
		".quad 1f, 2f - 1f, 4f\n\t"
		".popsection\n\t"
		"lea 3b(%%rip), %%rax\n\t"
		"mov %%rax, %0\n"
		"1:\tpause\n\t"
		"jmp 1b\n"
		"2:\tud2\n\t"
		".byte 0x0f, 0xb9, 0x3d\n\t"
		".long 0x53053053\n"
		"4:" : "=m" (area->rseq_cs) : : "rax", "memory", "cc");
}

TEST_F(cpus, restartable_sequences_are_aborted)
{
	struct itimerval timer = {
		.it_value.tv_usec = 2000, .it_interval.tv_usec = 2000,
	};
	struct rseq *area;
	int i;

	if (!__rseq_size)
		SKIP(return, "the C library does not use rseq");
	area = (void *)((char *)__builtin_thread_pointer() + __rseq_offset);
	signal(SIGALRM, note);
	setitimer(ITIMER_REAL, &timer, NULL);
	for (i = 0; i < 20; i++) {
		wait_in_sequence(area);
		EXPECT_EQ(0, (uint64_t)area->rseq_cs);
	}
}

/* Another process that wants the same CPU. */
static pid_t compete(void)
{
	cpu_set_t set;
	pid_t pid;

	CPU_ZERO(&set);
	CPU_SET(0, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		return -1;
	pid = fork();
	if (!pid)
		for (;;)
			asm volatile("pause");
	return pid;
}

TEST_F(cpus, restartable_sequences_are_aborted_by_others)
{
	struct rseq *area;
	pid_t pid;
	int i;

	if (!__rseq_size)
		SKIP(return, "the C library does not use rseq");
	area = (void *)((char *)__builtin_thread_pointer() + __rseq_offset);
	pid = compete();
	ASSERT_LT(0, pid);
	for (i = 0; i < 5; i++)
		wait_in_sequence(area);
	kill(pid, SIGKILL);
	EXPECT_EQ(SIGKILL, status_of(pid));
}

TEST_HARNESS_MAIN
