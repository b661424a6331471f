/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A process that waits for the program, to tell in the end. */
#ifndef DUNE_SANDBOX_WATCH_H
#define DUNE_SANDBOX_WATCH_H

#include <stdbool.h>

bool watch(int *status);
int tell_results(bool stats, const char *learned);

#endif /* DUNE_SANDBOX_WATCH_H */
