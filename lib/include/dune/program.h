/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Programs: ELF files loaded beside the one that is there. */
#ifndef DUNE_PROGRAM_H
#define DUNE_PROGRAM_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

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

#endif /* DUNE_PROGRAM_H */
