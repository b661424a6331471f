/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libdune - privileged CPU features for an ordinary process.
 *
 * Functions that can fail return a negative errno; none sets errno.
 */
#ifndef DUNE_DUNE_H
#define DUNE_DUNE_H

#include <linux/dune.h>

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

#ifdef __cplusplus
}
#endif

#endif /* DUNE_DUNE_H */
