// SPDX-License-Identifier: GPL-2.0-only
/* What can be looked at: counters, debugfs, tracepoints. */
#include "kselftest_harness.h"

#include <stdlib.h>
#include <sys/mount.h>

#include "guest.h"
#include "need_dune.h"

#define PROCESSES	"/sys/kernel/debug/dune/processes"
#define TRACING		"/sys/kernel/tracing/"

FIXTURE(stats) {
	struct guest guest;
};

FIXTURE_SETUP(stats)
{
	ASSERT_EQ(0, guest_create(&self->guest));
	mount("debugfs", "/sys/kernel/debug", "debugfs", 0, NULL);
	mount("tracefs", "/sys/kernel/tracing", "tracefs", 0, NULL);
}

FIXTURE_TEARDOWN(stats)
{
	guest_destroy(&self->guest);
}

static int run_cpuid(struct guest *guest)
{
	guest_reset_code(guest);
	guest_emit(guest, "\x31\xc0\x0f\xa2", 4);	/* xor %eax, %eax; cpuid */
	guest_emit_hypercall(guest);
	return guest_run(guest);
}

TEST_F(stats, count_what_happened)
{
	struct dune_stats before = { 0 }, after = { 0 };

	ASSERT_EQ(0, ioctl(self->guest.vcpu, DUNE_GET_STATS, &before));
	EXPECT_EQ(1, before.vcpus);
	EXPECT_EQ(0, before.exits[DUNE_STAT_CPUID]);
	ASSERT_EQ(0, run_cpuid(&self->guest));
	ASSERT_EQ(0, run_cpuid(&self->guest));
	ASSERT_EQ(0, ioctl(self->guest.vcpu, DUNE_GET_STATS, &after));
	EXPECT_EQ(2, after.exits[DUNE_STAT_CPUID]);
	EXPECT_EQ(2, after.exits[DUNE_STAT_HYPERCALL]);
	EXPECT_EQ(2, after.plain_syscalls);
	EXPECT_GT(after.exits[DUNE_STAT_NESTED_FAULT], 0);
	EXPECT_GT(after.nested_faults[0], 0);
	EXPECT_GT(after.nested_tables, before.nested_tables);
}

TEST_F(stats, outlive_the_virtual_cpu)
{
	struct dune_stats stats = { 0 };
	struct guest another;

	ASSERT_EQ(0, guest_create(&another));
	ASSERT_EQ(0, run_cpuid(&another));
	guest_destroy(&another);
	ASSERT_EQ(0, ioctl(self->guest.vcpu, DUNE_GET_STATS, &stats));
	EXPECT_EQ(1, stats.vcpus);
	EXPECT_EQ(1, stats.exits[DUNE_STAT_CPUID]);
}

TEST_F(stats, refuse_what_is_not_defined)
{
	struct dune_stats stats = { .flags = 1 };

	EXPECT_EQ(-1, ioctl(self->guest.vcpu, DUNE_GET_STATS, &stats));
	EXPECT_EQ(EINVAL, errno);
	stats = (struct dune_stats){ .reserved[7] = 1 };
	EXPECT_EQ(-1, ioctl(self->guest.vcpu, DUNE_GET_STATS, &stats));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, ioctl(self->guest.vcpu, DUNE_GET_STATS, NULL));
	EXPECT_EQ(EFAULT, errno);
}

/* The value behind a name in the part of a process, -1 if it is not there. */
static long from_debugfs(pid_t pid, const char *name)
{
	FILE *file = fopen(PROCESSES, "re");
	char line[128], word[64];
	bool ours = false;
	long value, found = -1;

	while (file && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%63s %ld", word, &value) != 2)
			continue;
		if (!strcmp(word, "process"))
			ours = value == pid;
		else if (ours && !strcmp(word, name))
			found = value;
	}
	if (file)
		fclose(file);
	return found;
}

TEST_F(stats, are_in_debugfs)
{
	if (access("/sys/kernel/debug/dune", F_OK))
		SKIP(return, "this kernel has no debugfs");
	ASSERT_EQ(0, run_cpuid(&self->guest));
	EXPECT_EQ(1, from_debugfs(getpid(), "vcpus"));
	EXPECT_EQ(1, from_debugfs(getpid(), "exits_cpuid"));
	EXPECT_EQ(1, from_debugfs(getpid(), "exits_hypercall"));
	EXPECT_EQ(-1, from_debugfs(getpid(), "no_such_name"));
}

static void write_file(const char *name, const char *text)
{
	FILE *file = fopen(name, "we");

	if (file) {
		fputs(text, file);
		fclose(file);
	}
}

static bool trace_has(const char *text)
{
	FILE *file = fopen(TRACING "trace", "re");
	char line[512];
	bool found = false;

	while (file && fgets(line, sizeof(line), file))
		found |= !!strstr(line, text);
	if (file)
		fclose(file);
	return found;
}

TEST_F(stats, tracepoints_tell_each_step)
{
	if (access(TRACING "events/dune", F_OK))
		SKIP(return, "this kernel has no tracepoints");
	write_file(TRACING "trace", "");
	write_file(TRACING "events/dune/enable", "1");
	ASSERT_EQ(0, run_cpuid(&self->guest));
	self->guest.run->regs.rip = 1;			/* nothing is there */
	ASSERT_EQ(0, guest_run(&self->guest));
	write_file(TRACING "events/dune/enable", "0");
	EXPECT_TRUE(trace_has("dune_entry: rip"));
	EXPECT_TRUE(trace_has("dune_exit: reason cpuid"));
	EXPECT_TRUE(trace_has("dune_exit: reason hypercall"));
	EXPECT_TRUE(trace_has("dune_exit: reason shutdown"));
	EXPECT_TRUE(trace_has("dune_nested_fault: gpa"));
	EXPECT_TRUE(trace_has("dune_syscall: number"));
	write_file(TRACING "trace", "");
}

TEST_HARNESS_MAIN
