/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libdune - privileged CPU features for an ordinary process.
 *
 * Functions that can fail return a negative errno; none sets errno.
 */
#ifndef DUNE_DUNE_H
#define DUNE_DUNE_H

#include <linux/dune.h>

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * dune_query_info() - ask what the module and the CPU can do
 * @info: filled on success
 *
 * Enters nothing and turns nothing on.
 *
 * Return: 0; -ENOENT or -ENODEV when dune.ko is not loaded; -EACCES when
 * /dev/dune may not be opened; -ENOTTY or -EINVAL when it is something else.
 */
int dune_query_info(struct dune_info *info);

/**
 * dune_init() - get ready to enter Dune
 *
 * May be called again.
 *
 * Return: 0; as dune_query_info(); -ENOMEM, -EMFILE.
 */
int dune_init(void);

/**
 * dune_enter() - continue in ring 0 of a virtual CPU
 *
 * Returns on the same stack, with everything as it was, but in guest mode:
 * the program has its own page table, descriptor tables and privileged
 * instructions, and its system calls reach the kernel as before.
 *
 * So do its signal handlers, the threads that it makes and its children; a
 * program that it executes begins outside. Threads that there were before
 * stay outside.
 *
 * Return: 0 in ring 0; or, still outside, -EINVAL before dune_init(),
 * -EALREADY when in Dune, -EBUSY when another hypervisor is in use, -ENOMEM,
 * -EMFILE, -ESHUTDOWN.
 */
int dune_enter(void);

/**
 * dune_get_stats() - what the process did in Dune so far
 * @stats: filled
 *
 * Return: 0; -EINVAL before dune_enter().
 */
int dune_get_stats(struct dune_stats *stats);

/**
 * dune_flush_tlb() - make a change of page tables seen by all threads
 * @address: the first address whose translation changed
 * @size: in bytes; 0: all addresses
 *
 * INVLPG and the like are for the thread that executes them. After this no
 * thread of the process that is in Dune uses what was there before.
 *
 * Return: 0; -EINVAL before dune_enter(), or for a range that wraps around.
 */
int dune_flush_tlb(const void *address, uint64_t size);

/**
 * dune_at_exit() - have something done at the end of the process
 * @function: called when a thread that is in Dune calls exit_group(), as
 *	exit() does, with what the process did; outside, on that thread. NULL:
 *	nothing
 *
 * A child of fork() has the same.
 */
void dune_at_exit(void (*function)(const struct dune_stats *stats));

/**
 * struct dune_program - a program in memory, to be started
 * @path: where it came from
 * @start: first instruction: its own, or its dynamic loader's
 * @entry: its own
 * @headers: address of its program headers, 0 when they are not in memory
 * @header_count: how many
 * @loader_base: where its dynamic loader is, 0 without one
 */
struct dune_program {
	const char *path;
	uint64_t start;
	uint64_t entry;
	uint64_t headers;
	unsigned int header_count;
	uint64_t loader_base;
};

/**
 * dune_program_load() - map a program, and its dynamic loader if it has one
 * @program: filled on success
 * @path: an ELF file for x86-64: static, static-pie or dynamic
 *
 * What is there stays; nothing is left behind by a failure.
 *
 * Return: 0; as open(); -EACCES when it is no regular file; -ENOEXEC when it
 * is no such program; -ELIBBAD when its loader is not; -EEXIST when its fixed
 * addresses are in use; -ENOMEM.
 */
int dune_program_load(struct dune_program *program, const char *path);

/**
 * dune_program_start() - go on with a program instead of the caller
 * @program: from dune_program_load()
 * @argv: its arguments, with a NULL behind the last
 * @envp: its environment, with a NULL behind the last
 *
 * In the calling thread and on its stack, in ring 0 if that is in Dune. For
 * the kernel it remains the process that it was: name, signal handlers and
 * descriptors are not touched. It registers with the kernel what the caller's
 * C library had there for this thread, so nothing of that may run any more.
 *
 * Return: only on failure: -ENOMEM, -EIO.
 */
int dune_program_start(const struct dune_program *program, char *const *argv,
		       char *const *envp);

#ifdef __cplusplus
}
#endif

#endif /* DUNE_DUNE_H */
