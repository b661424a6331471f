/* SPDX-License-Identifier: GPL-2.0-only */
/* Seccomp filters whose answer to a call of the guest is known. */
#ifndef DUNE_FILTER_H
#define DUNE_FILTER_H

#include <linux/bitmap.h>
#include <linux/filter.h>
#include <linux/fs.h>
#include <linux/nospec.h>
#include <linux/sched.h>
#include <linux/unistd.h>

/**
 * struct dune_filter - a filter that was put on a thread through us
 * @file: that holds this; a virtual CPU has a reference to it
 * @listener: keeps the kernel's filter in being, so that no other is where it is;
 *	NULL if it is not known which one it is
 * @seccomp: where the kernel's filter is, to be compared and never looked at;
 *	without a @listener something else
 * @allowed: calls that it allows whatever their arguments
 */
struct dune_filter {
	struct file *file;
	struct file *listener;
	const void *seccomp;
	DECLARE_BITMAP(allowed, NR_syscalls);
};

int dune_filter_add(u64 program);
struct dune_filter *dune_filter_get(int fd);
void dune_filter_put(struct dune_filter *filter);
void dune_filter_judge(struct dune_filter *filter,
		       const struct sock_fprog_kern *program);

/**
 * dune_filter_allows() - would the thread's filter let this call be made
 * @filter: of the virtual CPU, or NULL
 * @number: the system call
 *
 * Return: whether it is known that it would.
 */
static inline bool dune_filter_allows(const struct dune_filter *filter,
				      u64 number)
{
#ifdef CONFIG_SECCOMP_FILTER
	return filter && number < NR_syscalls &&
	       READ_ONCE(current->seccomp.filter) == filter->seccomp &&
	       test_bit(array_index_nospec(number, NR_syscalls),
			filter->allowed);
#else
	return false;
#endif
}

#endif /* DUNE_FILTER_H */
