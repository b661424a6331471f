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

#ifdef __cplusplus
}
#endif

#endif /* DUNE_DUNE_H */
