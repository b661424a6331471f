/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Programs: ELF files loaded beside the one that is there. In Dune or outside;
 * none of these functions is for handlers.
 */
#ifndef DUNE_PROGRAM_H
#define DUNE_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * struct dune_range - memory of the process, by whole pages
 * @start: the first address
 * @end: the one behind the last; as @start when there is none
 */
struct dune_range {
	uint64_t start, end;
};

/**
 * struct dune_program - a program in memory, to be started
 * @path: where it came from
 * @why: after a failure what is wrong with the file, in words for a person;
 *	NULL when the error says it all
 * @start: first instruction: its own, or its dynamic loader's
 * @entry: its own
 * @headers: address of its program headers, 0 when they are not in memory
 * @header_count: how many
 * @loader_base: where its dynamic loader is, 0 without one
 * @image: its memory, with gaps that nobody may access
 * @loader: the same of its dynamic loader
 * @executable_stack: it asks for a stack that can be executed (PT_GNU_STACK)
 *
 * To run it in ring 3, the root there has to show @image, @loader, the stack
 * and what dune_program_vdso() tells, all at their own addresses.
 */
struct dune_program {
	const char *path;
	const char *why;
	uint64_t start;
	uint64_t entry;
	uint64_t headers;
	unsigned int header_count;
	uint64_t loader_base;
	struct dune_range image;
	struct dune_range loader;
	bool executable_stack;
};

/**
 * dune_program_load() - map a program, and its dynamic loader if it has one
 * @program: filled; on failure only @program->why means something
 * @path: an ELF file for x86-64: static, static-pie or dynamic, with at most 64
 *	program headers; not copied
 *
 * What is there stays; nothing is left behind by a failure. What can be at any
 * address is where mmap() puts it, by chance as that does. Segments have the
 * protection that they ask for, also one to write and to execute. Thread-local
 * storage (PT_TLS) is the program's own to set up. What execve() does apart
 * from memory is not done: no permission to execute is asked for, no
 * set-user-ID taken.
 *
 * Return: 0; as open(); -EACCES when it is no regular file; -ENOEXEC when it
 * is no such program; -ELIBACC when its loader cannot be opened and -ELIBBAD
 * when it is no loader, with the reason for that; -EEXIST when fixed addresses
 * are in use; -EPERM when they are below what the kernel allows, or the file
 * system has no programs (noexec); -ENOMEM, also for more than RLIMIT_AS.
 */
int dune_program_load(struct dune_program *program, const char *path);

/**
 * dune_program_load_fd() - the same from an open file
 * @program: as for dune_program_load()
 * @fd: open on it for reading; stays open
 * @path: what the program is told of where it came from; not copied
 * @open_loader: opens its dynamic loader, which is closed afterwards, or returns
 *	a negative errno; NULL: as open()
 *
 * For those who have to know which files are loaded.
 *
 * Return: as dune_program_load(); -EBADF.
 */
int dune_program_load_fd(struct dune_program *program, int fd, const char *path,
			 int (*open_loader)(const char *path));

/**
 * dune_program_unload() - take a program away again
 * @program: from dune_program_load(), not in use any more
 *
 * And its dynamic loader; not what they have mapped themselves.
 */
void dune_program_unload(struct dune_program *program);

/**
 * dune_program_stack() - make the stack with which a program begins
 * @program: from dune_program_load()
 * @argv: its arguments, with a NULL behind the last
 * @envp: its environment, with a NULL behind the last
 * @stack: lowest address of the memory for it
 * @size: of that, in bytes
 * @sp: set on success: its stack pointer at @program->start
 *
 * As in the ABI: the number of arguments, both vectors and the auxiliary
 * vector, from @sp upwards, then all that these point to. Nothing of it is
 * outside of @stack but the vDSO, which is the one of the process. AT_RANDOM
 * has 16 new bytes; what tells of the machine and the user is what the kernel
 * told this process. The rest of @stack is left as it is.
 *
 * The other registers are to be zero.
 *
 * Return: 0; -E2BIG when it does not fit; as open() for /proc/self/auxv; -EIO.
 */
int dune_program_stack(const struct dune_program *program, char *const *argv,
		       char *const *envp, void *stack, size_t size,
		       uint64_t *sp);

/**
 * dune_program_vdso() - where the vDSO is, with its data
 * @range: filled
 *
 * Programs call it for the time: AT_SYSINFO_EHDR tells them where it is.
 *
 * Return: 0; -ENOENT without one; as open() for /proc/self/maps.
 */
int dune_program_vdso(struct dune_range *range);

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
 * A stack to be executed is one, as far as the program is to use it; only that
 * of the process's first thread can be.
 *
 * Return: only on failure: -E2BIG for more than a quarter of RLIMIT_STACK, as
 * execve(); -EINVAL when the stack cannot be executed; as dune_program_stack().
 */
int dune_program_start(const struct dune_program *program, char *const *argv,
		       char *const *envp);

#ifdef __cplusplus
}
#endif

#endif /* DUNE_PROGRAM_H */
