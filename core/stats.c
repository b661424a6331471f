// SPDX-License-Identifier: GPL-2.0-only
/* What is counted, for each process; all of them in debugfs. */
#include <linux/debugfs.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/pid.h>
#include <linux/seq_file.h>
#include <linux/spinlock.h>

#include "space.h"
#include "stats.h"
#include "vcpu.h"

/* Protects the list; a space's own lock is taken inside. */
static DEFINE_SPINLOCK(spaces_lock);
static LIST_HEAD(spaces);
static struct dentry *folder;

/**
 * dune_stats_add() - add up
 * @sum: what there is
 * @stats: what comes to it; may be counting at this moment
 */
void dune_stats_add(struct dune_stats *sum, const struct dune_stats *stats)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sum->exits); i++)
		sum->exits[i] += READ_ONCE(stats->exits[i]);
	for (i = 0; i < ARRAY_SIZE(sum->nested_faults); i++)
		sum->nested_faults[i] += READ_ONCE(stats->nested_faults[i]);
	sum->around += READ_ONCE(stats->around);
	sum->injected += READ_ONCE(stats->injected);
	sum->direct_syscalls += READ_ONCE(stats->direct_syscalls);
	sum->plain_syscalls += READ_ONCE(stats->plain_syscalls);
}

/**
 * dune_stats_read() - what a process did
 * @space: the process
 * @stats: filled
 */
void dune_stats_read(struct dune_space *space, struct dune_stats *stats)
{
	struct dune_vcpu *vcpu;

	BUILD_BUG_ON((int)DUNE_STATS != DUNE_HW_UNKNOWN + 1);
	BUILD_BUG_ON(DUNE_STATS > ARRAY_SIZE(stats->exits));

	spin_lock(&space->lock);
	*stats = space->past;
	list_for_each_entry(vcpu, &space->vcpus, link)
		dune_stats_add(stats, &vcpu->stats);
	stats->vcpus = space->vcpu_count;
	stats->nested_tables = space->npt.tables;
	spin_unlock(&space->lock);
}

static void show_space(struct seq_file *file, struct dune_space *space)
{
	static const char * const exits[DUNE_STATS] = {
		[DUNE_STAT_HOST] = "host",
		[DUNE_STAT_HYPERCALL] = "hypercall",
		[DUNE_STAT_NESTED_FAULT] = "nested_fault",
		[DUNE_STAT_CPUID] = "cpuid",
		[DUNE_STAT_XSETBV] = "xsetbv",
		[DUNE_STAT_HALT] = "halt",
		[DUNE_STAT_REGISTER] = "register",
		[DUNE_STAT_MSR] = "msr",
		[DUNE_STAT_FORBIDDEN] = "forbidden",
		[DUNE_STAT_UNDEFINED] = "undefined",
		[DUNE_STAT_EXCEPTION] = "exception",
		[DUNE_STAT_WINDOW] = "window",
		[DUNE_STAT_SHUTDOWN] = "shutdown",
		[DUNE_STAT_INVALID] = "invalid",
		[DUNE_STAT_UNKNOWN] = "unknown",
	};
	struct dune_stats stats;
	unsigned int i;

	dune_stats_read(space, &stats);
	seq_printf(file, "process %d\n", pid_nr(space->pid));
	seq_printf(file, "  vcpus %u\n", stats.vcpus);
	seq_printf(file, "  nested_tables %llu\n", stats.nested_tables);
	for (i = 0; i < DUNE_STATS; i++)
		seq_printf(file, "  exits_%s %llu\n", exits[i], stats.exits[i]);
	seq_printf(file, "  nested_faults_4k %llu\n", stats.nested_faults[0]);
	seq_printf(file, "  nested_faults_2m %llu\n", stats.nested_faults[1]);
	seq_printf(file, "  nested_faults_1g %llu\n", stats.nested_faults[2]);
	seq_printf(file, "  mapped_around %llu\n", stats.around);
	seq_printf(file, "  injected %llu\n", stats.injected);
	seq_printf(file, "  direct_syscalls %llu\n", stats.direct_syscalls);
	seq_printf(file, "  plain_syscalls %llu\n", stats.plain_syscalls);
}

static void *processes_start(struct seq_file *file, loff_t *position)
	__acquires(&spaces_lock)
{
	spin_lock(&spaces_lock);
	return seq_list_start(&spaces, *position);
}

static void *processes_next(struct seq_file *file, void *entry,
			    loff_t *position)
{
	return seq_list_next(entry, &spaces, position);
}

static void processes_stop(struct seq_file *file, void *entry)
	__releases(&spaces_lock)
{
	spin_unlock(&spaces_lock);
}

static int processes_show(struct seq_file *file, void *entry)
{
	show_space(file, list_entry(entry, struct dune_space, listed));
	return 0;
}

static const struct seq_operations processes_sops = {
	.start = processes_start,
	.next = processes_next,
	.stop = processes_stop,
	.show = processes_show,
};
DEFINE_SEQ_ATTRIBUTE(processes);

/**
 * dune_stats_list() - a process came
 * @space: the process
 */
void dune_stats_list(struct dune_space *space)
{
	spin_lock(&spaces_lock);
	list_add_tail(&space->listed, &spaces);
	spin_unlock(&spaces_lock);
}

/**
 * dune_stats_unlist() - a process is gone
 * @space: the process
 */
void dune_stats_unlist(struct dune_space *space)
{
	spin_lock(&spaces_lock);
	list_del(&space->listed);
	spin_unlock(&spaces_lock);
}

/** dune_stats_publish() - show it in debugfs */
void dune_stats_publish(void)
{
	folder = debugfs_create_dir("dune", NULL);
	debugfs_create_file("processes", 0444, folder, NULL, &processes_fops);
}

/** dune_stats_withdraw() - no longer */
void dune_stats_withdraw(void)
{
	debugfs_remove(folder);
}
