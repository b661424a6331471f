/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libdune - privileged CPU features for an ordinary process.
 *
 * Functions that can fail return a negative errno; none sets errno.
 */
#ifndef DUNE_DUNE_H
#define DUNE_DUNE_H

#include <linux/dune.h>

#include <dune/frame.h>
#include <dune/page.h>
#include <dune/program.h>
#include <dune/root.h>
#include <dune/trap.h>
#include <dune/user.h>

#include <linux/filter.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * dune_query_info() - ask what the module and the CPU can do
 * @info: filled on success
 *
 * Enters nothing and turns nothing on. May be called anywhere, at any time.
 *
 * Return: 0; -ENOENT or -ENODEV when dune.ko is not loaded; -EACCES when
 * /dev/dune may not be opened; -ENOTTY or -EINVAL when it is something else.
 */
int dune_query_info(struct dune_info *info);

/**
 * dune_error() - why dune_query_info(), dune_init() or dune_enter() failed
 * @error: what it returned
 *
 * May be called anywhere, at any time.
 *
 * Return: a sentence for a person, of what is wrong and what helps; never NULL.
 */
const char *dune_error(int error);

/**
 * dune_filter_add() - put a seccomp filter on this thread that Dune knows
 * @program: as for seccomp(2), at most 4,096 instructions; not to change
 *	meanwhile
 *
 * As seccomp(SECCOMP_SET_MODE_FILTER). With any filter a thread's system calls
 * leave Dune, so that the filter sees them. Calls that this one allows whatever
 * their arguments do not where a thread has no other one, and the descriptor is
 * an option of dune_init(); so with children and programs that are executed. The
 * filter has to allow close(). Until the descriptor is closed and those in Dune
 * by it are gone, another filter cannot have a listener. May be called anywhere.
 *
 * Return: a descriptor, closed on exec; the filter stays when it is closed. As
 * dune_query_info(); -EOPNOTSUPP, with nothing done, where the module makes no
 * system calls, or the thread's are seen by a filter, a tracer or the like: then
 * seccomp(2) does it; -EACCES without no_new_privs; -EINVAL for what the kernel
 * does not take, and for a program with SECCOMP_RET_USER_NOTIF or BPF_RET |
 * BPF_A; -EFAULT, -ENOMEM, -EMFILE, -ENFILE.
 */
int dune_filter_add(const struct sock_fprog *program);

/* In dune_options.flags: @filter is a descriptor */
#define DUNE_OPTION_FILTER	(1U << 0)
/*
 * The kernel waits some milliseconds where a process in Dune ends or executes a
 * program. If that has one thread, libdune makes a few calls before, close() and
 * mmap(), for which it does not. With this flag it does so also where a filter
 * or a tracer sees them.
 */
#define DUNE_OPTION_END_EARLY	(1U << 1)

/**
 * struct dune_options - how to be in Dune
 * @size: sizeof(struct dune_options)
 * @flags: DUNE_OPTION_* bits
 * @fill_size: how large the pages may be by which the first root shows the
 *	process's memory: 4 KiB, 2 MiB or 1 GiB (2 MiB where the CPU has none of
 *	1 GiB); 0: as large as the CPU has them
 * @stack_size: of each thread's stack for handlers of exceptions, in bytes,
 *	multiple of 4 KiB up to 512 MiB; 0: 48 KiB. Where it is used up the
 *	exception is the signal that Linux has for it
 * @outside: signals (bit 0 for signal 1) whose handlers run outside of Dune, as
 *	if the program had not entered it, and do not interrupt the guest
 * @filter: with DUNE_OPTION_FILTER, what dune_filter_add() returned; it may be
 *	closed afterwards
 * @reserved: zero
 *
 * A longer one than the library knows is taken if what it does not know is zero.
 */
struct dune_options {
	uint32_t size;
	uint32_t flags;
	uint64_t fill_size;
	uint64_t stack_size;
	uint64_t outside;
	int32_t filter;
	uint32_t reserved;
};

/**
 * dune_init() - get ready to enter Dune
 * @options: NULL: zero for all of it
 *
 * May be called again; the first options stay. Not by two threads at once, nor
 * in a handler.
 *
 * Return: 0; as dune_query_info(); -EINVAL for options that are none; -ENOMEM,
 * -EMFILE.
 */
int dune_init(const struct dune_options *options);

/**
 * dune_enter() - continue in ring 0 of a virtual CPU
 *
 * Description: Returns on the same stack, with everything as it was, but in
 * guest mode: the program has its own page table, descriptor tables and
 * privileged instructions, and its system calls reach the kernel as before.
 *
 * So do its signal handlers, the threads that it makes and its children; a
 * program that it executes begins outside. Threads that there were before
 * stay outside until they call it themselves.
 *
 * Return: 0 in ring 0; or, still outside, -EINVAL before dune_init(),
 * -EALREADY when in Dune, -EBUSY when another hypervisor is in use, -ENOMEM,
 * -EMFILE, -ESHUTDOWN.
 */
int dune_enter(void);

/**
 * dune_leave() - continue outside of Dune
 *
 * Description: Returns on the same stack, in ring 3 of the process. The thread
 * may enter again. In the handler of a signal that interrupted ring 0 the
 * thread goes on outside also when that returns: not where it interrupted a
 * handler of exceptions.
 *
 * Return: 0; -EPERM outside of Dune, and in handlers of exceptions and of ring
 * 3's system calls.
 */
int dune_leave(void);

/**
 * dune_own_range() - the addresses that are libdune's
 * @range: filled; empty before dune_init()
 *
 * All its memory is there, and no root shows any of it to ring 3. Who lets the
 * kernel write where ring 3 says has to look that it is elsewhere. May be called
 * anywhere.
 */
void dune_own_range(struct dune_range *range);

/**
 * dune_keep_descriptor() - put a descriptor where ring 3 has none
 * @fd: a descriptor; closed
 *
 * That is where libdune's own are: from the soft limit (RLIMIT_NOFILE) or 1024
 * on, whatever is more. It is closed on exec. May be called anywhere.
 *
 * Return: its new number; -EMFILE when the limits leave no room there; -EBADF.
 */
int dune_keep_descriptor(int fd);

/**
 * dune_get_stats() - what the process did in Dune so far
 * @stats: filled
 *
 * In ring 0 of Dune, in handlers too.
 *
 * Return: 0; -EINVAL outside of Dune.
 */
int dune_get_stats(struct dune_stats *stats);

/**
 * dune_at_exit() - have something done at the end of the process
 * @function: called when a thread that is in Dune calls exit_group(), as
 *	exit() does, with what the process did; outside, on that thread. NULL:
 *	nothing
 *
 * A child of fork() has the same. May be called anywhere, at any time.
 */
void dune_at_exit(void (*function)(const struct dune_stats *stats));

#ifdef __cplusplus
}
#endif

#endif /* DUNE_DUNE_H */
