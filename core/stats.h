/* SPDX-License-Identifier: GPL-2.0-only */
/* What is counted, for each process. */
#ifndef DUNE_STATS_H
#define DUNE_STATS_H

#include <uapi/linux/dune.h>

struct dune_space;

void dune_stats_add(struct dune_stats *sum, const struct dune_stats *stats);
void dune_stats_read(struct dune_space *space, struct dune_stats *stats);
void dune_stats_publish(void);
void dune_stats_withdraw(void);
void dune_stats_list(struct dune_space *space);
void dune_stats_unlist(struct dune_space *space);

#endif /* DUNE_STATS_H */
